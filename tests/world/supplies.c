/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* supplies.c - calls that make descriptors, or room for them.  See supplies.h.  */

#include "supplies.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dice.h"
#include "ledger.h"
#include "memory.h"
#include "weather.h"

int __real_accept4 (int fd, struct sockaddr *addr, socklen_t *len, int flags);
int __wrap_accept4 (int fd, struct sockaddr *addr, socklen_t *len, int flags);
int __real_socket (int domain, int type, int protocol);
int __wrap_socket (int domain, int type, int protocol);
int __real_connect (int fd, const struct sockaddr *addr, socklen_t len);
int __wrap_connect (int fd, const struct sockaddr *addr, socklen_t len);
int __wrap_socketpair (int domain, int type, int protocol, int fds[2]);
int __wrap_pipe2 (int fds[2], int flags);
int __real_fcntl64 (int fd, int command, ...);
int __wrap_fcntl64 (int fd, int command, ...);
int __real_open64 (const char *path, int flags, ...);
int __wrap_open64 (const char *path, int flags, ...);
int __real_epoll_create1 (int flags);
int __wrap_epoll_create1 (int flags);
int __real_epoll_ctl (int epfd, int op, int fd, struct epoll_event *event);
int __wrap_epoll_ctl (int epfd, int op, int fd, struct epoll_event *event);

/* A client may leave before it is accepted.  */
int
__wrap_accept4 (int fd, struct sockaddr *addr, socklen_t *len, int flags) {
  if (weather_lacks_fds ()) return -1;
  if (weather.interrupts && !weather.is_calm && dice_hits (50)) {
    errno = dice (2) ? EINTR : ECONNABORTED;
    return -1;
  }
  return __real_accept4 (fd, addr, len, flags);
}

int
__wrap_socket (int domain, int type, int protocol) {
  return weather_lacks_fds () ? -1 : __real_socket (domain, type, protocol);
}

/* The queue of a listener is full, or a signal comes.  Not in a child that looks whether there
   still is a listener at all.  */
int
__wrap_connect (int fd, const struct sockaddr *addr, socklen_t len) {
  if (weather.interrupts && !weather.is_calm && !weather.has_moved && dice_hits (200)) {
    errno = dice (2) ? EAGAIN : EINTR;
    return -1;
  }
  return __real_connect (fd, addr, len);
}

int
__wrap_socketpair (int domain, int type, int protocol, int fds[2]) {
  return weather_lacks_fds () ? -1 : __real_socketpair (domain, type, protocol, fds);
}

int
__wrap_pipe2 (int fds[2], int flags) {
  return weather_lacks_fds () ? -1 : __real_pipe2 (fds, flags);
}

int
__wrap_fcntl64 (int fd, int command, ...) {
  va_list ap;
  long arg;

  if ((command == F_DUPFD || command == F_DUPFD_CLOEXEC) && weather_lacks_fds ()) return -1;
  va_start (ap, command);
  arg = va_arg (ap, long);
  va_end (ap);
  return __real_fcntl64 (fd, command, arg);
}

int
__wrap_open64 (const char *path, int flags, ...) {
  va_list ap;
  unsigned int mode;

  if (weather_lacks_fds ()) return -1;
  va_start (ap, flags);
  mode = va_arg (ap, unsigned int);
  va_end (ap);
  return __real_open64 (path, flags, mode);
}

int
__wrap_epoll_create1 (int flags) {
  return weather_lacks_fds () ? -1 : __real_epoll_create1 (flags);
}

/* What is watched costs the kernel memory; taking away needs none.  */
int
__wrap_epoll_ctl (int epfd, int op, int fd, struct epoll_event *event) {
  if (op == EPOLL_CTL_ADD && memory_is_short ()) {
    errno = ENOMEM;
    return -1;
  }
  return __real_epoll_ctl (epfd, op, fd, event);
}

/* --- Processes -------------------------------------------------------------------------------- */

pid_t __wrap_getpid (void);

static pid_t own_pid = 10000;

pid_t
__wrap_getpid (void) {
  return own_pid;
}

pid_t
supply_fork (void) {
  pid_t pid = fork ();

  if (!pid) own_pid++;
  return pid;
}

/* --- For the world itself --------------------------------------------------------------------- */

void
supply_socketpair (int fds[2]) {
  CHECK (!__real_socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds));
}

void
supply_pipe (int fds[2]) {
  CHECK (!__real_pipe2 (fds, O_CLOEXEC | O_NONBLOCK));
}

unsigned int
supply_count_fds (void) {
  DIR *dir = opendir ("/proc/self/fd");
  unsigned int n = 0;

  CHECK (dir);
  while (readdir (dir))
    n++;
  closedir (dir);
  return n;
}
