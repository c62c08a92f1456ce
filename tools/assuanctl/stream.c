/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stream.c - pipes and terminals that other processes share.

   A poll tells whether a call would wait.  Of a pipe that has room, it promises room for PIPE_BUF
   octets and no more, so a write is cut to these.  */

#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

static bool
is_ready (int fd, short events) {
  struct pollfd p = { .fd = fd, .events = events };

  if (poll (&p, 1, 0)) return true; /* where poll fails, the call itself reports the error */
  errno = EAGAIN;
  return false;
}

ssize_t
stream_read (int fd, void *buf, size_t len) {
  return is_ready (fd, POLLIN) ? read (fd, buf, len) : -1;
}

ssize_t
stream_write (int fd, const struct iovec *iov) {
  size_t len = iov->iov_len < PIPE_BUF ? iov->iov_len : PIPE_BUF;

  return is_ready (fd, POLLOUT) ? write (fd, iov->iov_base, len) : -1;
}

bool
stream_take_stdio (int *ret_in, int *ret_out) {
  int none = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  int in = fcntl (STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
  int out = fcntl (STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  bool is_ok = none >= 0 && in >= 0 && out >= 0 && dup2 (none, STDIN_FILENO) >= 0
               && dup2 (STDERR_FILENO, STDOUT_FILENO) >= 0;

  if (none > STDERR_FILENO) close (none);
  if (is_ok) {
    *ret_in = in;
    *ret_out = out;
    return true;
  }
  if (in >= 0) close (in);
  if (out >= 0) close (out);
  return false;
}
