/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* address.c - connecting to servers by name, through redirections and proxies.  */

#include "io/address.h"
#include "io/redirect.h"
#include "io/socks.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static unsigned short proxy_port;

void
eva__io_address_set_proxy (unsigned short port) {
  proxy_port = port;
}

unsigned short
eva__io_address_get_proxy (void) {
  return proxy_port;
}

int
eva__io_address_follow (union eva__io_sockaddr *addr, socklen_t *addr_len) {
  char path[sizeof addr->un.sun_path + 1] = "";
  union eva__io_sockaddr target;
  socklen_t target_len;
  int redirected = 0;

  memcpy (path, addr->un.sun_path, sizeof addr->un.sun_path);
  if (!*path || strlen (path) == sizeof addr->un.sun_path) return 0;
  if (eva__io_redirect_address (path, false, &target.un, &target_len, &redirected) < 0) return -1;
  if (!redirected) return 0;
  *addr = target;
  *addr_len = target_len;
  return 0;
}

int
eva__io_address_connect_fd (const struct eva__io_sys *sys, assuan_fd_t fd,
                            const struct sockaddr *addr, socklen_t addr_len) {
  struct eva__io_socks_target target = { .addr = addr };
  union eva__io_sockaddr copy;

  /* What is no address that we know is the kernel's to judge.  The prototype of the hook lacks a
     const.  */
  if (addr_len < (socklen_t) sizeof addr->sa_family || addr_len > (socklen_t) sizeof copy)
    return sys->hooks.connect (sys->ctx, fd, (struct sockaddr *) addr, addr_len);
  memset (&copy, 0, sizeof copy);
  memcpy (&copy, addr, addr_len);
  if (copy.any.sa_family == AF_UNIX && eva__io_address_follow (&copy, &addr_len) < 0) return -1;
  if (!proxy_port || eva__io_endpoint_is_loopback (&copy)
      || (copy.any.sa_family == AF_INET && addr_len < (socklen_t) sizeof copy.in)
      || (copy.any.sa_family == AF_INET6 && addr_len < (socklen_t) sizeof copy.in6)
      || (copy.any.sa_family != AF_INET && copy.any.sa_family != AF_INET6))
    return sys->hooks.connect (sys->ctx, fd, &copy.any, addr_len);
  target.addr = &copy.any;
  return eva__io_socks_connect (sys, fd, proxy_port, &target);
}

int
eva__io_address_connect (const struct eva__io_sys *sys, const char *name, bool *ret_is_local,
                         assuan_fd_t *ret_fd) {
  struct eva__io_endpoint ep;
  assuan_fd_t fd;

  if (eva__io_endpoint_parse_classic (name, &ep) < 0) return -1;
  fd = sys->hooks.socket (sys->ctx, ep.addr.any.sa_family, SOCK_STREAM, 0);
  if (fd == ASSUAN_INVALID_FD) return -1;
  /* The hook of a program may not have done it.  */
  fcntl (fd, F_SETFD, FD_CLOEXEC);
  if (eva__io_address_connect_fd (sys, fd, &ep.addr.any, ep.addr_len) < 0) {
    eva__io_sys_close (sys, fd);
    /* These are for names: a caller tells them from a server that could not be reached.  */
    if (errno == EINVAL || errno == ENAMETOOLONG) errno = EADDRNOTAVAIL;
    return -1;
  }
  *ret_is_local = ep.addr.any.sa_family == AF_UNIX;
  *ret_fd = fd;
  return 0;
}
