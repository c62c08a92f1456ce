/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stream.h - pipes and terminals that other processes share.

   O_NONBLOCK is of the open file and not of the descriptor: a process that sets it sets it for its
   shell as well, and one that is killed leaves it behind.  So these functions do not wait, and
   change no flag.  */

#ifndef ASSUANCTL_STREAM_H
#define ASSUANCTL_STREAM_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

/* The most descriptors that come with a message: the kernel's SCM_MAX_FD.  */
#define STREAM_MAX_FDS 253

/* As read, but fails with EAGAIN where that would wait.  */
ssize_t stream_read (int fd, void *buf, size_t len);

/* Writes as much of IOV as FD takes without waiting.  Fails as write; with EAGAIN if that is
   nothing.  */
ssize_t stream_write (int fd, const struct iovec *iov);

/* Moves stdin and stdout elsewhere, to RET_IN and RET_OUT, which become the caller's.  What else is
   printed goes to stderr from here on, and cannot get among what is written there.  Returns false
   with errno.  */
bool stream_take_stdio (int *ret_in, int *ret_out);

#endif /* ASSUANCTL_STREAM_H */
