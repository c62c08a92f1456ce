/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* faults.c - system calls that go wrong as they are told.  See faults.h.  */

#include "faults.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* What a storm lets through at a time.  */
#define STORM_LEN 7

static struct {
  enum fault_place place;
  enum fault_kind kind;
  size_t at;
  size_t max_len;
  size_t n_calls; /* counted without those that are repeated for a fault of ours */
  size_t n_times; /* the call under way failed so often */
  bool was_reset;
  bool armed;
  bool interrupts_poll;
  pthread_t thread; /* only its calls are meant */
} fault;

bool
fault_is_fatal (enum fault_kind kind) {
  return kind >= FAULT_EIO;
}

const char *
fault_name (enum fault_kind kind) {
  static const char *const names[] = { "none",  "octets", "short", "EINTR", "EAGAIN",
                                       "storm", "EIO",    "EOF",   "EPIPE", "reset" };

  return names[kind];
}

void
fault_arm (enum fault_place place, enum fault_kind kind, size_t at, size_t max_len) {
  memset (&fault, 0, sizeof fault);
  fault.place = place;
  fault.kind = kind;
  fault.at = at;
  fault.max_len = max_len;
  fault.thread = pthread_self ();
  fault.armed = true;
}

size_t
fault_disarm (void) {
  fault.armed = false;
  fault.interrupts_poll = false;
  return fault.n_calls;
}

void
fault_interrupt_poll (void) {
  fault.thread = pthread_self ();
  fault.interrupts_poll = true;
}

/* --- Deciding --------------------------------------------------------------------------------- */

/* What becomes of a call.  */
enum fate { FATE_GO, FATE_FAIL, FATE_END };

static enum fate
fail_with (int error) {
  fault.n_times++;
  errno = error;
  return FATE_FAIL;
}

/* The call of that number fails so many times with ERROR.  */
static enum fate
fail_times (size_t times, int error) {
  return fault.n_calls == fault.at && fault.n_times < times ? fail_with (error) : FATE_GO;
}

static enum fate
decide_for_ever (bool writes) {
  if (fault.n_calls < fault.at) return FATE_GO;
  switch (fault.kind) {
  case FAULT_EOF:
    return writes ? FATE_GO : FATE_END;
  case FAULT_EPIPE:
    return writes ? fail_with (EPIPE) : FATE_GO;
  default:
    if (writes) return fail_with (EPIPE);
    if (fault.was_reset) return FATE_END;
    fault.was_reset = true;
    return fail_with (ECONNRESET);
  }
}

static enum fate
decide (bool writes, size_t *len) {
  switch (fault.kind) {
  case FAULT_NONE:
    return FATE_GO;
  case FAULT_OCTETS:
    *len = 1;
    return FATE_GO;
  case FAULT_SHORT:
    if (fault.n_calls == fault.at) *len = 1;
    return FATE_GO;
  case FAULT_STORM:
    *len = STORM_LEN;
    if (fault.n_times < 3) return fail_with (fault.n_times ? EAGAIN : EINTR);
    return FATE_GO;
  case FAULT_EINTR:
    return fail_times (3, EINTR);
  case FAULT_EAGAIN:
    return fail_times (5, EAGAIN);
  case FAULT_EIO:
    return fail_times (1, EIO);
  default:
    return decide_for_ever (writes);
  }
}

/* What becomes of a call that reads or writes at PLACE, and how many octets it may move.  */
static enum fate
fate (enum fault_place place, bool writes, size_t *len) {
  enum fate f;

  if (!fault.armed || fault.place != place || !pthread_equal (fault.thread, pthread_self ()))
    return FATE_GO;
  if (!fault.n_times) fault.n_calls++;
  *len = fault.max_len;
  f = decide (writes, len);
  if (f != FATE_FAIL || fault_is_fatal (fault.kind)) fault.n_times = 0;
  return f;
}

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

/* --- Hooks ------------------------------------------------------------------------------------ */

static ssize_t
hook_read (assuan_context_t ctx, assuan_fd_t fd, void *buf, size_t len) {
  size_t max = SIZE_MAX;
  enum fate f = fate (FAULT_IN_HOOKS, false, &max);

  if (f) return f == FATE_END ? 0 : -1;
  return __assuan_read (ctx, fd, buf, min_len (len, max));
}

static ssize_t
hook_write (assuan_context_t ctx, assuan_fd_t fd, const void *buf, size_t len) {
  size_t max = SIZE_MAX;

  if (fate (FAULT_IN_HOOKS, true, &max)) return -1;
  return __assuan_write (ctx, fd, buf, min_len (len, max));
}

static int
hook_recvmsg (assuan_context_t ctx, assuan_fd_t fd, assuan_msghdr_t msg, int flags) {
  size_t max = SIZE_MAX;
  enum fate f = fate (FAULT_IN_HOOKS, false, &max);
  struct msghdr cut;
  struct iovec iov;
  int n;

  if (f == FATE_FAIL) return -1;
  if (f == FATE_END) {
    msg->msg_controllen = 0;
    msg->msg_flags = 0;
    return 0;
  }
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

  if (fate (FAULT_IN_HOOKS, true, &max)) return -1;
  cut = cut_message (msg, &iov, max);
  return __assuan_sendmsg (ctx, fd, &cut, flags);
}

/* Time is not what is tested.  */
static void
hook_usleep (assuan_context_t ctx, unsigned int usec) {
  (void) ctx;
  (void) usec;
  sched_yield ();
}

struct assuan_system_hooks *
fault_hooks (void) {
  static struct assuan_system_hooks hooks = { .version = ASSUAN_SYSTEM_HOOKS_VERSION,
                                              .usleep = hook_usleep,
                                              .read = hook_read,
                                              .write = hook_write,
                                              .recvmsg = hook_recvmsg,
                                              .sendmsg = hook_sendmsg };

  return &hooks;
}

/* --- Calls ------------------------------------------------------------------------------------ */

ssize_t __real_read (int fd, void *buf, size_t len);
ssize_t __wrap_read (int fd, void *buf, size_t len);
ssize_t __real_recv (int fd, void *buf, size_t len, int flags);
ssize_t __wrap_recv (int fd, void *buf, size_t len, int flags);
ssize_t __real_recvmsg (int fd, struct msghdr *msg, int flags);
ssize_t __wrap_recvmsg (int fd, struct msghdr *msg, int flags);
ssize_t __real_write (int fd, const void *buf, size_t len);
ssize_t __wrap_write (int fd, const void *buf, size_t len);
ssize_t __real_writev (int fd, const struct iovec *iov, int n);
ssize_t __wrap_writev (int fd, const struct iovec *iov, int n);
ssize_t __real_send (int fd, const void *buf, size_t len, int flags);
ssize_t __wrap_send (int fd, const void *buf, size_t len, int flags);
ssize_t __real_sendmsg (int fd, const struct msghdr *msg, int flags);
ssize_t __wrap_sendmsg (int fd, const struct msghdr *msg, int flags);
int __real_poll (struct pollfd *fds, nfds_t n, int timeout);
int __wrap_poll (struct pollfd *fds, nfds_t n, int timeout);

ssize_t
__wrap_read (int fd, void *buf, size_t len) {
  size_t max = SIZE_MAX;
  enum fate f = fate (FAULT_IN_CALLS, false, &max);

  if (f) return f == FATE_END ? 0 : -1;
  return __real_read (fd, buf, min_len (len, max));
}

ssize_t
__wrap_recv (int fd, void *buf, size_t len, int flags) {
  size_t max = SIZE_MAX;
  enum fate f = fate (FAULT_IN_CALLS, false, &max);

  if (f) return f == FATE_END ? 0 : -1;
  return __real_recv (fd, buf, min_len (len, max), flags);
}

ssize_t
__wrap_recvmsg (int fd, struct msghdr *msg, int flags) {
  size_t max = SIZE_MAX;
  enum fate f = fate (FAULT_IN_CALLS, false, &max);
  struct msghdr cut;
  struct iovec iov;
  ssize_t n;

  if (f == FATE_FAIL) return -1;
  if (f == FATE_END) {
    msg->msg_controllen = 0;
    msg->msg_flags = 0;
    return 0;
  }
  cut = cut_message (msg, &iov, max);
  n = __real_recvmsg (fd, &cut, flags);
  msg->msg_controllen = cut.msg_controllen;
  msg->msg_flags = cut.msg_flags;
  return n;
}

ssize_t
__wrap_write (int fd, const void *buf, size_t len) {
  size_t max = SIZE_MAX;

  if (fate (FAULT_IN_CALLS, true, &max)) return -1;
  return __real_write (fd, buf, min_len (len, max));
}

ssize_t
__wrap_writev (int fd, const struct iovec *iov, int n) {
  struct msghdr msg = { .msg_iov = (struct iovec *) (uintptr_t) iov, .msg_iovlen = (size_t) n };
  size_t max = SIZE_MAX;
  struct msghdr cut;
  struct iovec first;

  if (fate (FAULT_IN_CALLS, true, &max)) return -1;
  cut = cut_message (&msg, &first, max);
  return __real_writev (fd, cut.msg_iov, (int) cut.msg_iovlen);
}

ssize_t
__wrap_send (int fd, const void *buf, size_t len, int flags) {
  size_t max = SIZE_MAX;

  if (fate (FAULT_IN_CALLS, true, &max)) return -1;
  return __real_send (fd, buf, min_len (len, max), flags);
}

ssize_t
__wrap_sendmsg (int fd, const struct msghdr *msg, int flags) {
  size_t max = SIZE_MAX;
  struct msghdr cut;
  struct iovec iov;

  if (fate (FAULT_IN_CALLS, true, &max)) return -1;
  cut = cut_message (msg, &iov, max);
  return __real_sendmsg (fd, &cut, flags);
}

int
__wrap_poll (struct pollfd *fds, nfds_t n, int timeout) {
  if (fault.interrupts_poll && pthread_equal (fault.thread, pthread_self ())) {
    fault.interrupts_poll = false;
    errno = EINTR;
    return -1;
  }
  return __real_poll (fds, n, timeout);
}
