/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* socket.c - what all stream sockets of servers and clients in a loop have in common.  */

#include "io/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

int
eva__io_socket_new (int family) {
  int fd = socket (family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

  if (fd >= 0 && family != AF_UNIX) eva__io_socket_set_nodelay (fd);
  return fd;
}

/* Other sockets do not know the option, which is no error.  */
void
eva__io_socket_set_nodelay (int fd) {
  int saved = errno, on = 1;

  setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  errno = saved;
}

int
eva__io_socket_check (int fd) {
  socklen_t len = sizeof (int);
  int type;

  if (getsockopt (fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0) return -1;
  if (type == SOCK_STREAM) return 0;
  errno = EPROTOTYPE;
  return -1;
}

void
eva__io_socket_close (int fd) {
  int saved = errno;

  close (fd);
  errno = saved;
}
