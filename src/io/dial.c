/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dial.c - connecting without waiting.  */

#include "io/dial.h"

#include "io/address.h"
#include "io/fail.h"
#include "io/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* A descriptor that the program has given.  It does not become non-blocking: that belongs to the
   socket, which other processes may share, and the library reads and writes without waiting
   anyway.  */
static int
take_fd (int fd, int *ret_fd) {
  union eva__io_sockaddr peer = { .any = { .sa_family = AF_UNSPEC } };
  socklen_t len = sizeof peer;

  if (eva__io_socket_check (fd) < 0 || getpeername (fd, &peer.any, &len) < 0) return -1;
  if (fcntl (fd, F_SETFD, FD_CLOEXEC) < 0) return -1;
  if (peer.any.sa_family != AF_UNIX) eva__io_socket_set_nodelay (fd);
  *ret_fd = fd;
  return EVA__IO_DIAL_CONNECTED;
}

/* Returns true if FD is connected to itself.  TCP does that to a client that connects to a port on
   which no process listens and that the kernel has just chosen for the client's own end; such a
   client would hear its own commands.  */
static bool
is_own_peer (int fd) {
  union eva__io_sockaddr own, peer;
  socklen_t own_len = sizeof own, peer_len = sizeof peer;

  memset (&own, 0, sizeof own);
  memset (&peer, 0, sizeof peer);
  if (getsockname (fd, &own.any, &own_len) < 0 || getpeername (fd, &peer.any, &peer_len) < 0)
    return false;
  return own.any.sa_family != AF_UNIX && own_len == peer_len && !memcmp (&own, &peer, own_len);
}

int
eva__io_dial_finish (int fd) {
  union eva__io_sockaddr peer;
  socklen_t len = sizeof (int), peer_len = sizeof peer;
  int error = 0;

  if (getsockopt (fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0) return -1;
  if (error) return eva__io_fail (error);
  /* Loops may wake up for nothing, and "no error" is also what a pending socket says.  */
  if (getpeername (fd, &peer.any, &peer_len) < 0)
    return errno == ENOTCONN ? EVA__IO_DIAL_PENDING : -1;
  return is_own_peer (fd) ? eva__io_fail (ECONNREFUSED) : EVA__IO_DIAL_CONNECTED;
}

/* Returns what the result of connect on FD, which gave errno, means.  An interrupted connect goes
   on in the kernel if it is of the internet; on a Unix socket it gave up.  */
static int
judge (const union eva__io_sockaddr *addr) {
  bool is_unix = addr->any.sa_family == AF_UNIX;

  if (errno == EINPROGRESS || (errno == EINTR && !is_unix)) return EVA__IO_DIAL_PENDING;
  if (errno == EAGAIN || errno == EINTR) return EVA__IO_DIAL_BUSY;
  /* As in eva__io_address_connect: these are for addresses of no known form.  */
  if (errno == EINVAL || errno == ENAMETOOLONG) errno = EADDRNOTAVAIL;
  return -1;
}

static int
connect_to (union eva__io_sockaddr *addr, socklen_t addr_len, int *ret_fd) {
  int fd, rc;

  fd = eva__io_socket_new (addr->any.sa_family);
  if (fd < 0) return -1;
  rc = connect (fd, &addr->any, addr_len) < 0 ? judge (addr) : EVA__IO_DIAL_CONNECTED;
  if (rc == EVA__IO_DIAL_CONNECTED || rc == EVA__IO_DIAL_PENDING)
    *ret_fd = fd;
  else
    eva__io_socket_close (fd);
  return rc;
}

int
eva__io_dial (const struct eva__io_endpoint *endpoint, int *ret_fd) {
  union eva__io_sockaddr addr = endpoint->addr;
  socklen_t addr_len;

  switch (endpoint->kind) {
  case EVA__IO_ENDPOINT_FD:
    return take_fd (endpoint->fd, ret_fd);
  case EVA__IO_ENDPOINT_INTERNET:
    /* The port is at the same place in both families.  */
    if (!addr.in.sin_port) return eva__io_fail (EINVAL);
    /* The dialogue with the proxy waits for its answers.  A connection that has to go through it
       must not go out openly instead.  */
    if (eva__io_address_get_proxy () && !endpoint->is_loopback) return eva__io_fail (ENOTSUP);
    return connect_to (&addr, endpoint->addr_len, ret_fd);
  case EVA__IO_ENDPOINT_UNIX:
    addr_len = endpoint->addr_len;
    if (!endpoint->is_followed && eva__io_address_follow (&addr, &addr_len) < 0)
      return judge (&addr);
    return connect_to (&addr, addr_len, ret_fd);
  default:
    return eva__io_fail (EINVAL);
  }
}
