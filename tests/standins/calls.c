/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* calls.c - reads and writes of the library that a test decides about.  See calls.h.  */

#include "calls.h"

#include <stdint.h>
#include <sys/sendfile.h>
#include <unistd.h>

/* --- Cutting ---------------------------------------------------------------------------------- */

/* MSG with only its first octets, at most LEN, in IOV.  */
static struct msghdr
cut_message (const struct msghdr *msg, struct iovec *iov, size_t len) {
  struct msghdr cut = *msg;

  if (!msg->msg_iovlen) return cut;
  *iov = msg->msg_iov[0];
  if (iov->iov_len > len) {
    iov->iov_len = len;
    cut.msg_iov = iov;
    cut.msg_iovlen = 1;
  }
  return cut;
}

static size_t
min_len (size_t a, size_t b) {
  return a < b ? a : b;
}

/* There is nothing to receive.  */
static ssize_t
end_message (struct msghdr *msg) {
  msg->msg_controllen = 0;
  msg->msg_flags = 0;
  return 0;
}

/* --- Hooks ------------------------------------------------------------------------------------ */

static ssize_t
hook_read (assuan_context_t ctx, assuan_fd_t fd, void *buf, size_t len) {
  size_t max = SIZE_MAX;
  enum fate fate = calls_decide (IN_HOOKS, CALL_READ, fd, &max);

  if (fate) return fate == FATE_END ? 0 : -1;
  return __assuan_read (ctx, fd, buf, min_len (len, max));
}

static ssize_t
hook_write (assuan_context_t ctx, assuan_fd_t fd, const void *buf, size_t len) {
  size_t max = SIZE_MAX;

  if (calls_decide (IN_HOOKS, CALL_WRITE, fd, &max)) return -1;
  return __assuan_write (ctx, fd, buf, min_len (len, max));
}

static int
hook_recvmsg (assuan_context_t ctx, assuan_fd_t fd, assuan_msghdr_t msg, int flags) {
  size_t max = SIZE_MAX;
  enum fate fate = calls_decide (IN_HOOKS, CALL_READ, fd, &max);
  struct msghdr cut;
  struct iovec iov;
  int n;

  if (fate == FATE_FAIL) return -1;
  if (fate == FATE_END) return (int) end_message (msg);
  cut = cut_message (msg, &iov, max);
  n = __assuan_recvmsg (ctx, fd, &cut, flags);
  msg->msg_controllen = cut.msg_controllen;
  msg->msg_flags = cut.msg_flags;
  return n;
}

static int
hook_sendmsg (assuan_context_t ctx, assuan_fd_t fd, const assuan_msghdr_t msg, int flags) {
  size_t max = SIZE_MAX;
  struct msghdr cut;
  struct iovec iov;

  if (calls_decide (IN_HOOKS, CALL_WRITE, fd, &max)) return -1;
  cut = cut_message (msg, &iov, max);
  return __assuan_sendmsg (ctx, fd, &cut, flags);
}

static void
hook_usleep (assuan_context_t ctx, unsigned int usec) {
  (void) ctx;
  calls_sleep (usec);
}

struct assuan_system_hooks *
calls_hooks (void) {
  static struct assuan_system_hooks hooks = { .version = ASSUAN_SYSTEM_HOOKS_VERSION,
                                              .usleep = hook_usleep,
                                              .read = hook_read,
                                              .write = hook_write,
                                              .recvmsg = hook_recvmsg,
                                              .sendmsg = hook_sendmsg };

  return &hooks;
}

/* --- Calls ------------------------------------------------------------------------------------ */

ssize_t __wrap_read (int fd, void *buf, size_t len);
ssize_t __wrap_recv (int fd, void *buf, size_t len, int flags);
ssize_t __wrap_recvmsg (int fd, struct msghdr *msg, int flags);
ssize_t __wrap_write (int fd, const void *buf, size_t len);
ssize_t __wrap_writev (int fd, const struct iovec *iov, int n);
ssize_t __wrap_send (int fd, const void *buf, size_t len, int flags);
ssize_t __wrap_sendmsg (int fd, const struct msghdr *msg, int flags);
ssize_t __real_splice (int in, off64_t *in_at, int out, off64_t *out_at, size_t len,
                       unsigned int flags);
ssize_t __wrap_splice (int in, off64_t *in_at, int out, off64_t *out_at, size_t len,
                       unsigned int flags);
ssize_t __real_sendfile64 (int out, int in, off64_t *at, size_t len);
ssize_t __wrap_sendfile64 (int out, int in, off64_t *at, size_t len);

ssize_t
__wrap_read (int fd, void *buf, size_t len) {
  size_t max = SIZE_MAX;
  enum fate fate = calls_decide (IN_CALLS, CALL_READ, fd, &max);

  if (fate) return fate == FATE_END ? 0 : -1;
  return __real_read (fd, buf, min_len (len, max));
}

ssize_t
__wrap_recv (int fd, void *buf, size_t len, int flags) {
  size_t max = SIZE_MAX;
  enum fate fate = calls_decide (IN_CALLS, CALL_READ, fd, &max);

  if (fate) return fate == FATE_END ? 0 : -1;
  return __real_recv (fd, buf, min_len (len, max), flags);
}

/* A look is no read; the one that comes behind it may fail.  */
ssize_t
__wrap_recvmsg (int fd, struct msghdr *msg, int flags) {
  bool is_look = flags & MSG_PEEK;
  size_t max = SIZE_MAX;
  enum fate fate = is_look ? FATE_GO : calls_decide (IN_CALLS, CALL_READ, fd, &max);
  struct msghdr cut;
  struct iovec iov;
  ssize_t n;

  if (fate == FATE_FAIL) return -1;
  if (fate == FATE_END) return end_message (msg);
  cut = cut_message (msg, &iov, max);
  n = __real_recvmsg (fd, &cut, flags);
  msg->msg_controllen = cut.msg_controllen;
  msg->msg_flags = cut.msg_flags;
  return n;
}

ssize_t
__wrap_write (int fd, const void *buf, size_t len) {
  size_t max = SIZE_MAX;

  if (calls_decide (IN_CALLS, CALL_WRITE, fd, &max)) return -1;
  return __real_write (fd, buf, min_len (len, max));
}

ssize_t
__wrap_writev (int fd, const struct iovec *iov, int n) {
  struct msghdr msg = { .msg_iov = (struct iovec *) (uintptr_t) iov, .msg_iovlen = (size_t) n };
  size_t max = SIZE_MAX;
  struct msghdr cut;
  struct iovec first;

  if (calls_decide (IN_CALLS, CALL_WRITE, fd, &max)) return -1;
  cut = cut_message (&msg, &first, max);
  return __real_writev (fd, cut.msg_iov, (int) cut.msg_iovlen);
}

ssize_t
__wrap_send (int fd, const void *buf, size_t len, int flags) {
  size_t max = SIZE_MAX;

  if (calls_decide (IN_CALLS, CALL_WRITE, fd, &max)) return -1;
  return __real_send (fd, buf, min_len (len, max), flags);
}

ssize_t
__wrap_sendmsg (int fd, const struct msghdr *msg, int flags) {
  size_t max = SIZE_MAX;
  struct msghdr cut;
  struct iovec iov;

  if (calls_decide (IN_CALLS, CALL_WRITE, fd, &max)) return -1;
  cut = cut_message (msg, &iov, max);
  return __real_sendmsg (fd, &cut, flags);
}

ssize_t
__wrap_splice (int in, off64_t *in_at, int out, off64_t *out_at, size_t len, unsigned int flags) {
  size_t max = SIZE_MAX;

  if (calls_decide (IN_CALLS, CALL_MOVE, in, &max)) return -1;
  return __real_splice (in, in_at, out, out_at, min_len (len, max), flags);
}

ssize_t
__wrap_sendfile64 (int out, int in, off64_t *at, size_t len) {
  size_t max = SIZE_MAX;

  if (calls_decide (IN_CALLS, CALL_MOVE, in, &max)) return -1;
  return __real_sendfile64 (out, in, at, min_len (len, max));
}
