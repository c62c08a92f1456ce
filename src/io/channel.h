/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* channel.h - the octets of a connection, and the descriptors that come with them.

   A channel is a pair of pipe ends, or one socket, plain or passing descriptors.  It buffers
   nothing.  A write to a peer that is gone fails with EPIPE and raises no signal: with MSG_NOSIGNAL
   where the kernel takes it; otherwise the channel blocks SIGPIPE in the calling thread around the
   write, and takes the signal if the write raised it.  It does not touch the dispositions of the
   process.  */

#ifndef EVA__IO_CHANNEL_H
#define EVA__IO_CHANNEL_H

#include "io/sys.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

/* The most descriptors that one message can carry (Linux: SCM_MAX_FD).  */
#define EVA__IO_MAX_FDS 253

struct eva__io_channel {
  const struct eva__io_sys *sys;
  assuan_fd_t in_fd;  /* ASSUAN_INVALID_FD if closed */
  assuan_fd_t out_fd; /* the same as in_fd for a socket */

  /* Which files the descriptors meant when the channel got them: device and inode, mixed, or 0 if
     that is unknown and not checked.  */
  uint64_t in_file, out_file;
  bool is_socket;  /* one socket for both directions */
  bool passes_fds; /* uses recvmsg and sendmsg */

  /* Which process of ours used it last; kept up by the owner.  */
  unsigned int process;
};

/* The descriptors of one message.  All are close-on-exec and the caller's.  */
struct eva__io_fds {
  size_t max; /* what the caller takes: EVA__IO_MAX_FDS at the most; others are never opened */
  size_t n;
  bool truncated; /* some are missing: there were more, or the process has no numbers left */
  int fd[EVA__IO_MAX_FDS];
};

/* Returns true if descriptors are missing because the process has no numbers left.  */
static inline bool
eva__io_fds_ran_out (const struct eva__io_fds *fds) {
  return fds->truncated && fds->n < fds->max;
}

/* Makes CH from IN_FD and OUT_FD, which it owns from then on, and finds out whether they are a
   socket.  PASS_FDS asks for descriptor passing, which only a Unix socket can do.  SYS must outlive
   CH.  */
void eva__io_channel_init (struct eva__io_channel *ch, const struct eva__io_sys *sys,
                           assuan_fd_t in_fd, assuan_fd_t out_fd, bool pass_fds);

/* The same for FD, which is known to be a socket, without a system call: for servers with many
   connections, whose programs leave their descriptors alone.  The channel closes it without asking
   whether it is still the same file.  PASSES_FDS only for a Unix socket.  */
void eva__io_channel_init_socket (struct eva__io_channel *ch, const struct eva__io_sys *sys,
                                  assuan_fd_t fd, bool passes_fds);

/* Forgets descriptors that no longer mean the same file.  A program may close them itself, and by
   now the number may belong to another connection, which the channel must neither write to nor
   close.  */
void eva__io_channel_check (struct eva__io_channel *ch);

/* Closes both descriptors, if they still mean the same file, and once if they are the same.  */
void eva__io_channel_close (struct eva__io_channel *ch);

/* One read of at most LEN octets into BUF.  FDS, whose max is set, gets the descriptors that came
   with them; if FDS is NULL they are dropped.  The message that brought them begins in the first
   line of what was read: a read ends with a line if there are descriptors ahead.  If WAIT, waits
   for octets, also where the descriptor is non-blocking; if not, never blocks, also where it is
   blocking.  Repeats interrupted calls.
   Returns the number of octets, 0 at end of file, or -1 with errno: EAGAIN if there are none now
   and WAIT is false, ETIME if there are none at the deadline of SYS and WAIT is true.  */
ssize_t eva__io_channel_read (struct eva__io_channel *ch, void *buf, size_t len, bool wait,
                              struct eva__io_fds *fds);

/* One write of the N_IOV elements of IOV, and of the N_FDS descriptors FDS with the first octet, of
   which there must be one then.  If WAIT, waits until something can be written; if not, never
   blocks.
   Returns the number of octets written, which may be fewer than there are, or -1 with errno: EAGAIN
   and ETIME as above, EPIPE if the peer is gone, EOPNOTSUPP if there are descriptors and CH cannot
   pass them, EINVAL if there are too many or no octet.  After an error nothing was written.  */
ssize_t eva__io_channel_write (struct eva__io_channel *ch, const struct iovec *iov, size_t n_iov,
                               const int *fds, size_t n_fds, bool wait);

/* The same for a single piece of LEN octets, which are not none, without descriptors.  */
ssize_t eva__io_channel_write_piece (struct eva__io_channel *ch, const void *buf, size_t len,
                                     bool wait);

#endif /* EVA__IO_CHANNEL_H */
