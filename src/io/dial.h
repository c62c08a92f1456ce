/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dial.h - connecting without waiting.  */

#ifndef EVA__IO_DIAL_H
#define EVA__IO_DIAL_H

#include "io/endpoint.h"

/* What eva__io_dial returns besides -1.  */
enum eva__io_dial_result {
  EVA__IO_DIAL_CONNECTED = 0,
  EVA__IO_DIAL_PENDING = 1, /* when the socket is writable: eva__io_dial_finish */
  EVA__IO_DIAL_BUSY = 2     /* no socket; some time later: eva__io_dial once more */
};

/* Connects to ENDPOINT, of kind UNIX, INTERNET or FD, and stores the socket at RET_FD if it is
   connected or pending: non-blocking, close-on-exec, without Nagle's delay.  For kind FD it is that
   descriptor itself, a connected stream socket, which only becomes close-on-exec; it stays the
   caller's on failure.  It follows files that redirect, as assuan_socket_connect does.
   EVA__IO_DIAL_BUSY means a Unix socket whose queue is full: the kernel does not tell when it has
   room.
   Returns one of the above, or -1 with errno: EINVAL for an endpoint that cannot be connected to,
   also with port 0; ENOTSUP for one that is not on this host while a proxy is set
   (eva__io_address_set_proxy); EBADF, ENOTSOCK, EPROTOTYPE, ENOTCONN for a descriptor that is no
   such socket; ENOENT and ECONNREFUSED if no server listens; or what else the system gives.  */
int eva__io_dial (const struct eva__io_endpoint *endpoint, int *ret_fd);

/* Asks what became of FD, a pending socket, which stays the caller's.  Returns
   EVA__IO_DIAL_CONNECTED; EVA__IO_DIAL_PENDING if it still is; or -1 with errno, what the
   connection gave.  */
int eva__io_dial_finish (int fd);

#endif /* EVA__IO_DIAL_H */
