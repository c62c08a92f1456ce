/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* sys.c - the default system functions, and the table of them that a context works with.

   The __assuan_* functions are exported: the hook tables of nPth and of other programs are wrappers
   around them, so each keeps the bare semantics of the call that it is named after.  Two things
   differ, because no caller can do them afterwards without a race: descriptors are close-on-exec
   from birth, so that a fork in another thread does not carry a connection into a stranger; and
   writing to a peer that left raises no SIGPIPE.  */

#include "io/sys.h"

#include "io/duration.h"
#include "io/fail.h"
#include "io/sigpipe.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Files may be larger than 2 GiB, and younger than 2038; meson.build makes sure of that.  */
_Static_assert (sizeof (off_t) >= 8 && sizeof (time_t) >= 8, "64 bits wide");

#define FIRST_PAUSE_US   1000u
#define LONGEST_PAUSE_US 20000u

/* --- The default functions -------------------------------------------------------------------- */

void
__assuan_usleep (assuan_context_t ctx, unsigned int usec) {
  struct timespec left = { .tv_sec = usec / 1000000, .tv_nsec = (long) (usec % 1000000) * 1000 };

  (void) ctx;
  while (usec && nanosleep (&left, &left) < 0 && errno == EINTR)
    ;
}

/* The end INHERIT_IDX is inheritable because spawn functions of programs may hand it to the child
   as it is.  Our own does not need that and asks with an index that does not exist.  */
int
__assuan_pipe (assuan_context_t ctx, assuan_fd_t fd[2], int inherit_idx) {
  (void) ctx;
  if (pipe2 (fd, O_CLOEXEC) < 0) return -1;
  if (inherit_idx == 0 || inherit_idx == 1) fcntl (fd[inherit_idx], F_SETFD, 0);
  return 0;
}

/* It does not repeat on EINTR: the number is free then (Linux), and may be another thread's
   already.  */
int
__assuan_close (assuan_context_t ctx, assuan_fd_t fd) {
  (void) ctx;
  return close (fd);
}

ssize_t
__assuan_read (assuan_context_t ctx, assuan_fd_t fd, void *buffer, size_t size) {
  (void) ctx;
  return read (fd, buffer, size);
}

ssize_t
__assuan_write (assuan_context_t ctx, assuan_fd_t fd, const void *buffer, size_t size) {
  struct eva__io_sigpipe guard;
  ssize_t n;

  (void) ctx;
  eva__io_sigpipe_block (&guard);
  n = write (fd, buffer, size);
  eva__io_sigpipe_restore (&guard, n < 0 && errno == EPIPE);
  return n;
}

int
__assuan_recvmsg (assuan_context_t ctx, assuan_fd_t fd, assuan_msghdr_t msg, int flags) {
  ssize_t n;

  (void) ctx;
  do
    n = recvmsg (fd, msg, flags | MSG_CMSG_CLOEXEC);
  while (n < 0 && errno == EINTR);
  return (int) n;
}

int
__assuan_sendmsg (assuan_context_t ctx, assuan_fd_t fd, const assuan_msghdr_t msg, int flags) {
  ssize_t n;

  (void) ctx;
  do
    n = sendmsg (fd, msg, flags | MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  return (int) n;
}

/* NOWAIT means that another part of the program waits for the process; here there is nothing to
   release.  */
pid_t
__assuan_waitpid (assuan_context_t ctx, pid_t pid, int nowait, int *status, int options) {
  (void) ctx;
  return nowait ? 0 : waitpid (pid, status, options);
}

int
__assuan_socketpair (assuan_context_t ctx, int _namespace, int style, int protocol,
                     assuan_fd_t filedes[2]) {
  (void) ctx;
  return socketpair (_namespace, style | SOCK_CLOEXEC, protocol, filedes);
}

int
__assuan_socket (assuan_context_t ctx, int _namespace, int style, int protocol) {
  (void) ctx;
  return socket (_namespace, style | SOCK_CLOEXEC, protocol);
}

/* What becomes of an interrupted connect depends: a Unix socket gave up, TCP goes on in the kernel.
   A new call is right for both, but may then say that the work is under way, or done.  */
int
__assuan_connect (assuan_context_t ctx, int sock, struct sockaddr *addr, socklen_t length) {
  struct pollfd p = { .fd = sock, .events = POLLOUT, .revents = 0 };
  socklen_t len = sizeof (int);
  int error = 0;

  (void) ctx;
  if (!connect (sock, addr, length)) return 0;
  if (errno != EINTR) return -1;
  while (connect (sock, addr, length) < 0) {
    if (errno == EISCONN) return 0;
    if (errno == EALREADY) break;
    if (errno != EINTR) return -1;
  }
  while (poll (&p, 1, -1) < 0 && errno == EINTR)
    ;
  if (getsockopt (sock, SOL_SOCKET, SO_ERROR, &error, &len) < 0) return -1;
  errno = error;
  return error ? -1 : 0;
}

/* --- The same between the program's functions ------------------------------------------------- */

/* The exported functions are never clamped themselves: nPth's macros call them while the lock is
   already open.  */
#define CLAMPED(type, name, params, args)                                                          \
  static type clamped_##name params {                                                              \
    struct eva__io_clamp clamp;                                                                    \
    type result;                                                                                   \
    eva__io_clamp_begin (&clamp);                                                                  \
    result = __assuan_##name args;                                                                 \
    eva__io_clamp_end (&clamp);                                                                    \
    return result;                                                                                 \
  }

CLAMPED (int, close, (assuan_context_t ctx, assuan_fd_t fd), (ctx, fd))
CLAMPED (ssize_t, read, (assuan_context_t ctx, assuan_fd_t fd, void *buffer, size_t size),
         (ctx, fd, buffer, size))
CLAMPED (ssize_t, write, (assuan_context_t ctx, assuan_fd_t fd, const void *buffer, size_t size),
         (ctx, fd, buffer, size))
CLAMPED (int, recvmsg, (assuan_context_t ctx, assuan_fd_t fd, assuan_msghdr_t msg, int flags),
         (ctx, fd, msg, flags))
CLAMPED (int, sendmsg, (assuan_context_t ctx, assuan_fd_t fd, const assuan_msghdr_t msg, int flags),
         (ctx, fd, msg, flags))
CLAMPED (pid_t, waitpid, (assuan_context_t ctx, pid_t pid, int nowait, int *status, int options),
         (ctx, pid, nowait, status, options))
CLAMPED (int, connect,
         (assuan_context_t ctx, assuan_fd_t sock, struct sockaddr *addr, socklen_t length),
         (ctx, sock, addr, length))

static void
clamped_usleep (assuan_context_t ctx, unsigned int usec) {
  struct eva__io_clamp clamp;

  eva__io_clamp_begin (&clamp);
  __assuan_usleep (ctx, usec);
  eva__io_clamp_end (&clamp);
}

/* --- The table -------------------------------------------------------------------------------- */

static const struct assuan_system_hooks default_hooks = {
  .version = ASSUAN_SYSTEM_HOOKS_VERSION,
  .usleep = __assuan_usleep,
  .pipe = __assuan_pipe,
  .close = __assuan_close,
  .read = __assuan_read,
  .write = __assuan_write,
  .recvmsg = __assuan_recvmsg,
  .sendmsg = __assuan_sendmsg,
  .spawn = __assuan_spawn,
  .waitpid = __assuan_waitpid,
  .socketpair = __assuan_socketpair,
  .socket = __assuan_socket,
  .connect = __assuan_connect,
};

/* pipe, spawn, socketpair and socket do not wait.  */
static const struct assuan_system_hooks clamped_hooks = {
  .version = ASSUAN_SYSTEM_HOOKS_VERSION,
  .usleep = clamped_usleep,
  .pipe = __assuan_pipe,
  .close = clamped_close,
  .read = clamped_read,
  .write = clamped_write,
  .recvmsg = clamped_recvmsg,
  .sendmsg = clamped_sendmsg,
  .spawn = __assuan_spawn,
  .waitpid = clamped_waitpid,
  .socketpair = __assuan_socketpair,
  .socket = __assuan_socket,
  .connect = clamped_connect,
};

/* A table of version 1 is shorter: this must not even read what lies behind it.  */
static void
copy_hooks (struct assuan_system_hooks *to, const struct assuan_system_hooks *from) {
  memset (to, 0, sizeof *to);
  if (from->version >= 2)
    *to = *from;
  else
    memcpy (to, from, offsetof (struct assuan_system_hooks, socket));
}

/* Returns true if those of H that may wait are the default ones.  */
static bool
waits_itself (const struct assuan_system_hooks *h) {
  return h->read == __assuan_read && h->write == __assuan_write && h->recvmsg == __assuan_recvmsg
         && h->sendmsg == __assuan_sendmsg && h->usleep == __assuan_usleep;
}

void
eva__io_sys_init (struct eva__io_sys *sys, assuan_context_t ctx,
                  const struct assuan_system_hooks *hooks) {
  struct assuan_system_hooks *h = &sys->hooks;

  copy_hooks (h, hooks ? hooks : &default_hooks);
  h->version = ASSUAN_SYSTEM_HOOKS_VERSION;
#define COMPLETE(member)                                                                           \
  if (!h->member) h->member = default_hooks.member
  COMPLETE (usleep);
  COMPLETE (pipe);
  COMPLETE (close);
  COMPLETE (read);
  COMPLETE (write);
  COMPLETE (recvmsg);
  COMPLETE (sendmsg);
  COMPLETE (spawn);
  COMPLETE (waitpid);
  COMPLETE (socketpair);
  COMPLETE (socket);
  COMPLETE (connect);
#undef COMPLETE
  sys->ctx = ctx;
  sys->is_clamped = false;
  sys->is_own = waits_itself (h);
  sys->deadline_ns = 0;
}

void
eva__io_sys_init_clamped (struct eva__io_sys *sys, assuan_context_t ctx) {
  sys->hooks = clamped_hooks;
  sys->ctx = ctx;
  sys->is_clamped = sys->is_own = true;
  sys->deadline_ns = 0;
}

void
eva__io_sys_begin_call (const struct eva__io_sys *sys, struct eva__io_clamp *clamp) {
  if (sys->is_clamped) eva__io_clamp_begin (clamp);
}

void
eva__io_sys_end_call (const struct eva__io_sys *sys, struct eva__io_clamp *clamp) {
  if (sys->is_clamped) eva__io_clamp_end (clamp);
}

const struct assuan_system_hooks *
eva__io_sys_default (void) {
  return &default_hooks;
}

void
eva__io_sys_close (const struct eva__io_sys *sys, assuan_fd_t fd) {
  int saved = errno;

  if (fd != ASSUAN_INVALID_FD) sys->hooks.close (sys->ctx, fd);
  errno = saved;
}

bool
eva__io_sys_is_ready (int fd, short events) {
  struct pollfd p = { .fd = fd, .events = events, .revents = 0 };
  int n;

  /* A failing poll counts as ready, so that the caller's own call reports the error.  A negative
     number, which poll would skip, can only come from a foreign hook.  */
  if (fd < 0) return true;
  do
    n = poll (&p, 1, 0);
  while (n < 0 && errno == EINTR);
  return n != 0;
}

/* After a signal the time starts again: limits are there for peers that are stuck, not for
   accuracy.  */
static bool
poll_for (const struct eva__io_sys *sys, int fd, short events, unsigned int timeout_ms) {
  struct pollfd p = { .fd = fd, .events = events, .revents = 0 };
  struct eva__io_clamp clamp;
  int n;

  eva__io_sys_begin_call (sys, &clamp);
  do
    n = poll (&p, 1, timeout_ms > INT_MAX ? INT_MAX : (int) timeout_ms);
  while (n < 0 && errno == EINTR);
  eva__io_sys_end_call (sys, &clamp);
  return n != 0;
}

void
eva__io_sys_wait (const struct eva__io_sys *sys, int fd, short events) {
  while (!eva__io_sys_wait_for (sys, fd, events, INT_MAX))
    ;
}

bool
eva__io_sys_wait_for (const struct eva__io_sys *sys, int fd, short events,
                      unsigned int timeout_ms) {
  unsigned long long slept_us = 0;
  unsigned int step_us = 0;

  if (eva__io_sys_is_own (sys)) return poll_for (sys, fd, events, timeout_ms);
  while (!eva__io_sys_is_ready (fd, events)) {
    if (slept_us / 1000 >= timeout_ms) return false;
    eva__io_sys_pause (sys, &step_us);
    slept_us += step_us;
  }
  return true;
}

/* --- Until a deadline ------------------------------------------------------------------------- */

/* Returns how long poll may wait from NOW_NS on: rounded up, so that it does not wake up just
   before the deadline.  */
static int
left_ms (const struct eva__io_sys *sys, uint64_t now_ns) {
  uint64_t left = (sys->deadline_ns - now_ns + EVA__NS_PER_MS - 1) / EVA__NS_PER_MS;

  return left > INT_MAX ? INT_MAX : (int) left;
}

/* Threads of a program with hooks of its own may depend on how this one waits.  */
static bool
waits_by_poll (const struct eva__io_sys *sys) {
  return sys->is_own || sys->hooks.usleep == __assuan_usleep || eva__io_clamp_is_set ();
}

/* One poll of at most TIMEOUT_MS.  A program with hooks has the clamp around a wait that none of
   its hooks does.  */
static int
poll_once (const struct eva__io_sys *sys, int fd, short events, int timeout_ms) {
  struct pollfd p = { .fd = fd, .events = events, .revents = 0 };
  bool clamps = sys->is_clamped || !sys->is_own;
  struct eva__io_clamp clamp;
  int n;

  if (clamps) eva__io_clamp_begin (&clamp);
  n = poll (&p, 1, timeout_ms);
  if (clamps) eva__io_clamp_end (&clamp);
  return n;
}

int
eva__io_sys_await (const struct eva__io_sys *sys, int fd, short events) {
  bool polls = waits_by_poll (sys);
  unsigned int step_us = 0;

  for (;;) {
    uint64_t now_ns = eva__io_now_ns ();
    int n;
    if (eva__io_sys_is_ready (fd, events)) return 0;
    if (now_ns >= sys->deadline_ns) return eva__io_fail (ETIME);
    if (!polls) {
      eva__io_sys_pause (sys, &step_us);
      continue;
    }
    n = poll_once (sys, fd, events, left_ms (sys, now_ns));
    if (n > 0 || (n < 0 && errno != EINTR)) return 0; /* the caller's own call reports errors */
  }
}

/* FD does not block.  A Unix socket whose queue is full says EAGAIN, and the kernel does not tell
   when there is room; TCP goes on in the kernel.  */
static int
connect_in_time (const struct eva__io_sys *sys, int fd, struct sockaddr *addr, socklen_t addr_len) {
  bool is_unix = addr_len >= (socklen_t) sizeof addr->sa_family && addr->sa_family == AF_UNIX;
  unsigned int step_us = 0;
  socklen_t len = sizeof (int);
  int error = 0;

  while (sys->hooks.connect (sys->ctx, fd, addr, addr_len) < 0) {
    if (errno == EISCONN) return 0; /* after it was interrupted */
    if (errno == EINPROGRESS || errno == EALREADY) {
      if (eva__io_sys_await (sys, fd, POLLOUT) < 0) return -1;
      if (getsockopt (fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0) return -1;
      return error ? eva__io_fail (error) : 0;
    }
    if (errno != EINTR && (errno != EAGAIN || !is_unix)) return -1;
    if (eva__io_now_ns () >= sys->deadline_ns) return eva__io_fail (ETIME);
    eva__io_sys_pause (sys, &step_us);
  }
  return 0;
}

/* A descriptor that the kernel does not know, but the hook does, keeps its ways.  */
int
eva__io_sys_connect (const struct eva__io_sys *sys, int fd, struct sockaddr *addr,
                     socklen_t addr_len) {
  int status = sys->deadline_ns ? fcntl (fd, F_GETFL) : -1;
  int rc, saved;

  if (status < 0) return sys->hooks.connect (sys->ctx, fd, addr, addr_len);
  if (!(status & O_NONBLOCK)) fcntl (fd, F_SETFL, status | O_NONBLOCK);
  rc = connect_in_time (sys, fd, addr, addr_len);
  saved = errno;
  if (!(status & O_NONBLOCK)) fcntl (fd, F_SETFL, status);
  errno = saved;
  return rc;
}

unsigned int
eva__io_sys_max_fds (void) {
  struct rlimit limit;

  /* It fails only in a process that forbids it to itself; that process gets what most systems
     give.  */
  if (getrlimit (RLIMIT_NOFILE, &limit) < 0) return 1024;
  return limit.rlim_cur > INT_MAX ? INT_MAX : (unsigned int) limit.rlim_cur;
}

void
eva__io_sys_pause (const struct eva__io_sys *sys, unsigned int *step_us) {
  if (!*step_us)
    *step_us = FIRST_PAUSE_US;
  else
    *step_us = *step_us > LONGEST_PAUSE_US / 2 ? LONGEST_PAUSE_US : *step_us * 2;
  sys->hooks.usleep (sys->ctx, *step_us);
}
