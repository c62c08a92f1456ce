/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* socket.h - what all stream sockets of servers and clients in a loop have in common.  */

#ifndef EVA__IO_SOCKET_H
#define EVA__IO_SOCKET_H

#include <stdbool.h>

/* Makes a stream socket of FAMILY, non-blocking, close-on-exec, without Nagle's delay.  Returns it,
   or -1 with errno.  */
int eva__io_socket_new (int family);

/* Switches Nagle's delay off if FD is a TCP socket: a reply that waits for the acknowledgement of
   the one before would come 40 ms late.  Sockets that are accepted on a listening one inherit
   it.  */
void eva__io_socket_set_nodelay (int fd);

/* Returns 0 if FD is a stream socket, or -1 with errno: EBADF, ENOTSOCK, EPROTOTYPE.  */
int eva__io_socket_check (int fd);

/* Closes FD, and keeps errno.  */
void eva__io_socket_close (int fd);

#endif /* EVA__IO_SOCKET_H */
