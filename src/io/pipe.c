/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pipe.c - a descriptor that bulk data flow through.  See pipe.h.

   O_NONBLOCK belongs to the open file description, not to the descriptor.  Another process or
   connection that has it too, the shell of a terminal for instance, may take the flag away at any
   time, and a call that waits would stop the whole loop.  So this looks at the flag before each
   call; compared with a slice of bulk data that costs nothing.  */

#include "io/pipe.h"

#include "io/sigpipe.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

/* Makes sure that calls with PIPE do not wait.  */
static void
set_nonblocking (struct eva__io_pipe *pipe) {
  int flags;

  if (pipe->is_file) return;
  flags = fcntl (pipe->fd, F_GETFL);
  if (flags < 0 || (flags & O_NONBLOCK)) return;
  if (!fcntl (pipe->fd, F_SETFL, flags | O_NONBLOCK)) pipe->was_blocking = true;
}

int
eva__io_pipe_open (struct eva__io_pipe *pipe, int fd, int mode) {
  int flags = fcntl (fd, F_GETFL);
  struct stat st;

  if (flags < 0 || fstat (fd, &st)) return -1;
  if ((flags & O_ACCMODE) != mode && (flags & O_ACCMODE) != O_RDWR) {
    errno = EBADF;
    return -1;
  }
  *pipe = (struct eva__io_pipe) {
    .fd = fd,
    .is_file = S_ISREG (st.st_mode) || S_ISDIR (st.st_mode) || S_ISBLK (st.st_mode),
    .is_regular = S_ISREG (st.st_mode),
    .is_pipe = S_ISFIFO (st.st_mode),
  };
  set_nonblocking (pipe);
  return 0;
}

void
eva__io_pipe_close (struct eva__io_pipe *pipe) {
  int flags = pipe->was_blocking ? fcntl (pipe->fd, F_GETFL) : -1;

  if (flags >= 0) fcntl (pipe->fd, F_SETFL, flags & ~O_NONBLOCK);
  pipe->was_blocking = false;
}

ssize_t
eva__io_pipe_read (struct eva__io_pipe *pipe, void *buf, size_t len) {
  ssize_t n;

  set_nonblocking (pipe);
  do
    n = read (pipe->fd, buf, len);
  while (n < 0 && errno == EINTR);
  return n;
}

ssize_t
eva__io_pipe_write (struct eva__io_pipe *pipe, const void *buf, size_t len) {
  struct eva__io_sigpipe guard;
  ssize_t n;

  set_nonblocking (pipe);
  if (!pipe->is_file) eva__io_sigpipe_block (&guard);
  do
    n = write (pipe->fd, buf, len);
  while (n < 0 && errno == EINTR);
  if (!pipe->is_file) eva__io_sigpipe_restore (&guard, n < 0 && errno == EPIPE);
  return n;
}

/* --- Within the kernel ------------------------------------------------------------------------ */

bool
eva__io_pipe_may_move (const struct eva__io_pipe *from, const struct eva__io_pipe *to) {
  return from->is_pipe || to->is_pipe || from->is_regular;
}

ssize_t
eva__io_pipe_move (struct eva__io_pipe *from, struct eva__io_pipe *to, size_t len) {
  const unsigned int flags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;
  struct eva__io_sigpipe guard;
  ssize_t n;

  set_nonblocking (from);
  set_nonblocking (to);
  eva__io_sigpipe_block (&guard);
  do {
    if (from->is_pipe || to->is_pipe)
      n = splice (from->fd, NULL, to->fd, NULL, len, flags);
    else
      n = sendfile (to->fd, from->fd, NULL, len);
  } while (n < 0 && errno == EINTR);
  eva__io_sigpipe_restore (&guard, n < 0 && errno == EPIPE);
  if (n < 0 && errno == ENOSYS) errno = EINVAL;
  return n;
}
