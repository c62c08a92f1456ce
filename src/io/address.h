/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* address.h - connecting to servers by name, as assuan_socket_connect does, through redirections
   and proxies.  The forms of names are in endpoint.h.  */

#ifndef EVA__IO_ADDRESS_H
#define EVA__IO_ADDRESS_H

#include "io/endpoint.h"
#include "io/sys.h"

/* Connects to NAME and stores the socket, close-on-exec, at RET_FD; at RET_IS_LOCAL whether it is a
   Unix socket.
   Returns 0, or -1 with errno: EINVAL for a name of no known form, also for `assuan://` with
   something else than a numeric address and a port from 1 to 65535, ENAMETOOLONG over 107 octets of
   path, ETIME at the deadline of SYS, or what the connection gives, which is none of these.  */
int eva__io_address_connect (const struct eva__io_sys *sys, const char *name, bool *ret_is_local,
                             assuan_fd_t *ret_fd);

/* connect with redirection files and, for internet addresses of any length, through the proxy of
   eva__io_address_set_proxy, as assuan_sock_connect.  It connects to loopback addresses directly.
   Returns 0, or -1 with errno: EINVAL and ENAMETOOLONG also for a bad redirection; with a proxy
   set, EINVAL for an internet address that is cut off.  */
int eva__io_address_connect_fd (const struct eva__io_sys *sys, assuan_fd_t fd,
                                const struct sockaddr *addr, socklen_t addr_len);

/* Replaces ADDR of *ADDR_LEN octets, a Unix socket's, by the address that it is redirected to, if
   it is.  A path may fill sun_path up to the end without a NUL.  Returns 0, or -1 with errno:
   EINVAL and ENAMETOOLONG for a bad redirection.  */
int eva__io_address_follow (union eva__io_sockaddr *addr, socklen_t *addr_len);

/* The port of the SOCKS proxy that new internet connections of this process go through, 0 if
   none: the only global state of this room, which a program sets before its second thread.  */
void eva__io_address_set_proxy (unsigned short port);
unsigned short eva__io_address_get_proxy (void);

#endif /* EVA__IO_ADDRESS_H */
