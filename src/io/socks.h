/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* socks.h - connecting through a SOCKS5 proxy on this host (RFC 1928, RFC 1929).  */

#ifndef EVA__IO_SOCKS_H
#define EVA__IO_SOCKS_H

#include "io/sys.h"

#include <stddef.h>
#include <sys/socket.h>

#define EVA__IO_SOCKS_PORT     1080
#define EVA__IO_SOCKS_TOR_PORT 9050
/* Where the Tor browser's own Tor listens: tried if there is none at EVA__IO_SOCKS_TOR_PORT.  */
#define EVA__IO_SOCKS_TOR_PORT2 9150

/* How long the proxy may take to authenticate, which needs no network.  CONNECT may take minutes in
   Tor and has no limit but the proxy's own.  */
#define EVA__IO_SOCKS_TIMEOUT_MS 10000u

/* The longest reply to CONNECT: 4 octets, a host name and its length, a port.  */
#define EVA__IO_SOCKS_REPLY_MAX (4 + 1 + 255 + 2)

/* Where to go through the proxy: ADDR (IPv4 or IPv6), or HOST, of at most 255 octets, and PORT
   for a name that the proxy resolves, or neither: only ask whether the proxy is there and accepts
   us.  */
struct eva__io_socks_target {
  const struct sockaddr *addr;
  const char *host;
  unsigned short port;
  const char *credentials; /* `user:password`, or NULL */

  /* How long all of it may take, in milliseconds.  0: no limit; -1: as long as the proxy needs for
     everything but its answer to CONNECT, which must be there already.  */
  int timeout_ms;
};

/* Parses the LEN octets of a proxy's reply to CONNECT at BUF.  Returns the reply's whole length
   once it is known, which may be over LEN (read on), 0 if more octets are needed to know it, or
   -1 with errno: EPROTONOSUPPORT if it is no reply, or what the reply code says (ECONNREFUSED,
   EHOSTUNREACH, ...).  */
int eva__io_socks_parse_reply (const unsigned char *buf, size_t len);

/* Connects FD, a TCP socket that is not yet connected, through the proxy on PROXY_PORT of the
   loopback address to TARGET.  Waits for the proxy's answers.
   Returns 0, or -1 with errno: what the connection to the proxy gives; ETIMEDOUT if the proxy does
   not answer at all, or not in the time of TARGET; ETIME at the deadline of SYS; EIO if it closes;
   EINVAL for bad credentials or an empty host, ENAMETOOLONG for a long one, EAFNOSUPPORT for
   another kind of address; ENOTSUP if the proxy wants another way to authenticate, EACCES if it
   refuses the credentials; EPROTONOSUPPORT if it speaks something else; or what its reply says.  */
int eva__io_socks_connect (const struct eva__io_sys *sys, assuan_fd_t fd, unsigned short proxy_port,
                           const struct eva__io_socks_target *target);

#endif /* EVA__IO_SOCKS_H */
