/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* address.c - connecting to servers by name, through redirections and proxies.  */

#include "io/address.h"
#include "io/redirect.h"
#include "io/socks.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
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

/* The least octets that the kernel takes for an address of this family; 0 if none of it goes to a
   proxy.  An IPv6 address may lack its scope, the last member.  */
static socklen_t
least_len (sa_family_t family) {
  switch (family) {
  case AF_INET:
    return sizeof (struct sockaddr_in);
  case AF_INET6:
    return offsetof (struct sockaddr_in6, sin6_scope_id);
  default:
    return 0;
  }
}

/* Connects FD to ADDR, of whose ADDR_LEN octets COPY has as many as it holds, through the proxy,
   unless ADDR is near or not of the internet.  The family alone decides that: the kernel accepts
   lengths that no structure has, and an address that it would accept must not bypass the proxy.
   Returns 1 if the proxy is not for ADDR.  */
static int
connect_by_proxy (const struct eva__io_sys *sys, assuan_fd_t fd, const union eva__io_sockaddr *copy,
                  socklen_t addr_len) {
  struct eva__io_socks_target target = { .addr = &copy->any };
  bool has_family = addr_len >= (socklen_t) sizeof copy->any.sa_family;

  if (!proxy_port || (has_family && !least_len (copy->any.sa_family))) return 1;
  if (!has_family || addr_len < least_len (copy->any.sa_family)) {
    errno = EINVAL;
    return -1;
  }
  if (eva__io_endpoint_is_loopback (copy)) return 1;
  return eva__io_socks_connect (sys, fd, proxy_port, &target);
}

/* The kernel judges an address that is longer than any that this file knows, unless the proxy
   applies.  */
int
eva__io_address_connect_fd (const struct eva__io_sys *sys, assuan_fd_t fd,
                            const struct sockaddr *addr, socklen_t addr_len) {
  union eva__io_sockaddr copy;
  size_t len = addr_len < sizeof copy ? addr_len : sizeof copy;
  int rc;

  memset (&copy, 0, sizeof copy);
  if (len) memcpy (&copy, addr, len);
  rc = connect_by_proxy (sys, fd, &copy, addr_len);
  if (rc <= 0) return rc;
  if (copy.any.sa_family == AF_UNIX && addr_len <= (socklen_t) sizeof copy) {
    if (eva__io_address_follow (&copy, &addr_len) < 0) return -1;
    addr = &copy.any;
  }
  /* The prototype of the hook lacks a const.  */
  return eva__io_sys_connect (sys, fd, (struct sockaddr *) addr, addr_len);
}

int
eva__io_address_connect (const struct eva__io_sys *sys, const char *name, bool *ret_is_local,
                         assuan_fd_t *ret_fd) {
  struct eva__io_endpoint ep;
  assuan_fd_t fd;

  if (eva__io_endpoint_parse_classic (name, &ep) < 0) return -1;
  fd = sys->hooks.socket (sys->ctx, ep.addr.any.sa_family, SOCK_STREAM, 0);
  if (fd == ASSUAN_INVALID_FD) return -1;
  /* The hook of a program may not have set it.  */
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
