/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The hooks of recorder.h.  */

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "recorder.h"

struct recorder recorder;

/* Note the call NAME, with ARGUMENT unless that is NULL; true if it is to fail, with errno set.  */
static bool
note_call (assuan_context_t ctx, const char *name, const char *argument) {
  size_t len = strlen (recorder.calls), name_len = strlen (name);
  const char *last = strrchr (recorder.calls, ' ');

  recorder.ctx = ctx;
  last = last ? last + 1 : recorder.calls;
  if (strcmp (last, name)
      || (strcmp (name, "read") && strcmp (name, "write") && strcmp (name, "recvmsg")
          && strcmp (name, "sendmsg"))) {
    assert_true (len + name_len + 60 < sizeof recorder.calls);
    sprintf (recorder.calls + len, argument ? "%s%s(%s)" : "%s%s", len ? " " : "", name, argument);
  }
  if (!recorder.n_fail || strcmp (name, recorder.fail)) return false;
  if (recorder.n_fail > 0) recorder.n_fail--;
  errno = recorder.fail_errno;
  return true;
}

static void
on_usleep (assuan_context_t ctx, unsigned int usec) {
  note_call (ctx, "usleep", NULL);
  recorder.n_sleeps++;
  recorder.slept_usec = usec;
}

static int
on_pipe (assuan_context_t ctx, assuan_fd_t fd[2], int inherit_idx) {
  if (note_call (ctx, "pipe", inherit_idx ? "1" : "0")) return -1;
  return __assuan_pipe (ctx, fd, inherit_idx);
}

static int
on_close (assuan_context_t ctx, assuan_fd_t fd) {
  note_call (ctx, "close", NULL);
  if (recorder.n_closed < 32) recorder.closed[recorder.n_closed++] = fd;
  return __assuan_close (ctx, fd);
}

static size_t
limit (size_t len) {
  return recorder.max_len && len > recorder.max_len ? recorder.max_len : len;
}

static ssize_t
on_read (assuan_context_t ctx, assuan_fd_t fd, void *buffer, size_t size) {
  if (!recorder.n_reads++) recorder.read_size = size;
  if (note_call (ctx, "read", NULL)) return -1;
  return __assuan_read (ctx, fd, buffer, limit (size));
}

static ssize_t
on_write (assuan_context_t ctx, assuan_fd_t fd, const void *buffer, size_t size) {
  recorder.n_writes++;
  if (note_call (ctx, "write", NULL)) return -1;
  return __assuan_write (ctx, fd, buffer, limit (size));
}

/* A message of which only the first octets count.  */
static struct msghdr
limit_message (assuan_msghdr_t msg, struct iovec *iov) {
  struct msghdr shorter = *msg;

  if (!recorder.max_len) return shorter;
  *iov = msg->msg_iov[0];
  iov->iov_len = limit (iov->iov_len);
  shorter.msg_iov = iov;
  shorter.msg_iovlen = 1;
  return shorter;
}

static int
on_recvmsg (assuan_context_t ctx, assuan_fd_t fd, assuan_msghdr_t msg, int flags) {
  struct iovec iov;
  struct msghdr shorter = limit_message (msg, &iov);
  int n;

  if (!recorder.n_reads++) {
    recorder.control_size = msg->msg_controllen;
    for (size_t i = 0; i < msg->msg_iovlen; i++)
      recorder.read_size += msg->msg_iov[i].iov_len;
  }
  if (note_call (ctx, "recvmsg", NULL)) return -1;
  n = __assuan_recvmsg (ctx, fd, &shorter, flags);
  msg->msg_controllen = shorter.msg_controllen;
  msg->msg_flags = shorter.msg_flags;
  return n;
}

static int
on_sendmsg (assuan_context_t ctx, assuan_fd_t fd, const assuan_msghdr_t msg, int flags) {
  struct iovec iov;
  struct msghdr shorter = limit_message (msg, &iov);

  recorder.n_writes++;
  if (note_call (ctx, "sendmsg", msg->msg_controllen ? "fd" : NULL)) return -1;
  return __assuan_sendmsg (ctx, fd, &shorter, flags);
}

static int
on_spawn (assuan_context_t ctx, pid_t *r_pid, const char *name, const char **argv,
          assuan_fd_t fd_in, assuan_fd_t fd_out, assuan_fd_t *fd_child_list,
          void (*atfork) (void *opaque, int reserved), void *atforkvalue, unsigned int flags) {
  if (note_call (ctx, "spawn", NULL)) return -1;
  return __assuan_spawn (ctx, r_pid, name, argv, fd_in, fd_out, fd_child_list, atfork, atforkvalue,
                         flags);
}

static pid_t
on_waitpid (assuan_context_t ctx, pid_t pid, int action, int *status, int options) {
  if (note_call (ctx, "waitpid", action ? "1" : "0")) return -1;
  return __assuan_waitpid (ctx, pid, action, status, options);
}

static int
on_socketpair (assuan_context_t ctx, int domain, int style, int protocol, assuan_fd_t filedes[2]) {
  if (note_call (ctx, "socketpair", NULL)) return -1;
  return __assuan_socketpair (ctx, domain, style, protocol, filedes);
}

static int
on_socket (assuan_context_t ctx, int domain, int style, int protocol) {
  if (note_call (ctx, "socket", domain == AF_UNIX ? "unix" : domain == AF_INET ? "inet" : "?"))
    return -1;
  return __assuan_socket (ctx, domain, style, protocol);
}

static int
on_connect (assuan_context_t ctx, int sock, struct sockaddr *addr, socklen_t length) {
  recorder.addr_len = length;
  if (note_call (ctx, "connect", NULL)) return -1;
  return __assuan_connect (ctx, sock, addr, length);
}

struct assuan_system_hooks *
recorder_hooks (void) {
  static struct assuan_system_hooks hooks;

  hooks = (struct assuan_system_hooks) {
    ASSUAN_SYSTEM_HOOKS_VERSION,
    on_usleep,
    on_pipe,
    on_close,
    on_read,
    on_write,
    on_recvmsg,
    on_sendmsg,
    on_spawn,
    on_waitpid,
    on_socketpair,
    on_socket,
    on_connect,
  };
  return &hooks;
}

void
recorder_reset (void) {
  memset (&recorder, 0, sizeof recorder);
}

void
recorder_fail (const char *name, int errnum, int count) {
  recorder.fail = name;
  recorder.fail_errno = errnum;
  recorder.n_fail = count;
}

assuan_context_t
recorder_context (void) {
  assuan_context_t ctx = new_context ();

  recorder_reset ();
  assuan_ctx_set_system_hooks (ctx, recorder_hooks ());
  return ctx;
}

void
recorder_assert (const char *text, const char *file, int line) {
  if (strcmp (recorder.calls, text)) {
    print_error ("the hooks called were \"%s\", not \"%s\"\n", recorder.calls, text);
    _fail (file, line);
  }
  *recorder.calls = 0;
}
