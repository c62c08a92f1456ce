/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pipe.h - a descriptor that bulk data flow through: of a file, a pipe, a socket, a terminal.

   Nothing here waits, except for the disks behind files.  A write to a reader that is gone fails
   with EPIPE and raises no signal.  */

#ifndef EVA__IO_PIPE_H
#define EVA__IO_PIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct eva__io_pipe {
  int fd;
  bool is_file;      /* a regular one, a directory, a disk: ready at any time */
  bool is_regular;   /* a regular one */
  bool is_pipe;      /* a pipe or FIFO */
  bool was_blocking; /* O_NONBLOCK was not set before */
};

/* Makes PIPE ready to use FD, which stays the caller's, for O_RDONLY or O_WRONLY, as MODE says.
   Returns 0, or -1 with errno: EBADF, also for a descriptor that is not open for that.  */
int eva__io_pipe_open (struct eva__io_pipe *pipe, int fd, int mode);

/* Restores the flags of the descriptor, if they were changed.  */
void eva__io_pipe_close (struct eva__io_pipe *pipe);

/* As read and write, but repeats interrupted calls.  LEN is not 0.  */
ssize_t eva__io_pipe_read (struct eva__io_pipe *pipe, void *buf, size_t len);
ssize_t eva__io_pipe_write (struct eva__io_pipe *pipe, const void *buf, size_t len);

/* Returns true if the kernel may be able to move octets between the two without a buffer of
   ours.  */
bool eva__io_pipe_may_move (const struct eva__io_pipe *from, const struct eva__io_pipe *to);

/* Moves at most LEN octets, not 0.  Returns how many, 0 at the end of FROM, or -1 with errno:
   EAGAIN if one of the two is not ready, EINVAL if the kernel cannot do it with these.  */
ssize_t eva__io_pipe_move (struct eva__io_pipe *from, struct eva__io_pipe *to, size_t len);

#endif /* EVA__IO_PIPE_H */
