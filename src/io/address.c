/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* address.c - the names of servers, as assuan_socket_connect takes them.  */

#include "io/address.h"
#include "io/redirect.h"
#include "io/socks.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

/* An address of any of the families.  */
union address {
  struct sockaddr any;
  struct sockaddr_un un;
  struct sockaddr_in in;
  struct sockaddr_in6 in6;
};

static unsigned short proxy_port;

void
eva__io_address_set_proxy (unsigned short port) {
  proxy_port = port;
}

unsigned short
eva__io_address_get_proxy (void) {
  return proxy_port;
}

static int
fail (int error) {
  errno = error;
  return -1;
}

/* --- Names ------------------------------------------------------------------------------------ */

/* Returns what follows PREFIX in NAME, or NULL.  */
static const char *
skip_prefix (const char *name, const char *prefix) {
  size_t len = strlen (prefix);

  return strncmp (name, prefix, len) ? NULL : name + len;
}

/* Returns the port that TEXT is, digits and nothing else, or 0.  */
static unsigned short
parse_port (const char *text) {
  unsigned int port = 0;

  do {
    if (*text < '0' || *text > '9') return 0;
    port = port * 10 + (unsigned int) (*text - '0');
    if (port > 65535) return 0;
  } while (*++text);
  return (unsigned short) port;
}

/* Copies the part of an internet address between START and END, without brackets, to HOST.
   Returns 0 if there is no room, which no numeric address needs.  */
static int
copy_host (char host[INET6_ADDRSTRLEN], const char *start, const char *end) {
  size_t len = (size_t) (end - start);

  if (len >= INET6_ADDRSTRLEN) return 0;
  memcpy (host, start, len);
  host[len] = 0;
  return 1;
}

/* Parses `IP:PORT` or `[IP6]:PORT` into ADDR.  Names of hosts are not resolved: that would
   wait for a network behind the back of the program's hooks.  */
static int
parse_internet (const char *text, union address *addr, socklen_t *ret_len) {
  bool is_v6 = *text == '[';
  const char *end = strchr (text, is_v6 ? ']' : ':');
  char host[INET6_ADDRSTRLEN];
  unsigned short port;

  if (!end || !copy_host (host, text + is_v6, end)) return fail (EINVAL);
  if (end[is_v6] != ':') return fail (EINVAL);
  port = parse_port (end + is_v6 + 1);
  if (!port) return fail (EINVAL);
  memset (addr, 0, sizeof *addr);
  if (is_v6) {
    addr->in6.sin6_family = AF_INET6;
    addr->in6.sin6_port = htons (port);
    *ret_len = sizeof addr->in6;
    return inet_pton (AF_INET6, host, &addr->in6.sin6_addr) == 1 ? 0 : fail (EINVAL);
  }
  addr->in.sin_family = AF_INET;
  addr->in.sin_port = htons (port);
  *ret_len = sizeof addr->in;
  return inet_pton (AF_INET, host, &addr->in.sin_addr) == 1 ? 0 : fail (EINVAL);
}

/* Redirection is left to eva__io_address_connect_fd.  */
static int
parse_name (const char *name, union address *addr, socklen_t *ret_len) {
  const char *rest;

  if (*name == '/' || (*name == '@' && name[1]))
    return eva__io_redirect_address (name, true, &addr->un, ret_len, NULL);
  rest = skip_prefix (name, "file://");
  if (rest && *rest) return eva__io_redirect_address (rest, false, &addr->un, ret_len, NULL);
  rest = skip_prefix (name, "assuan://");
  if (rest && *rest) return parse_internet (rest, addr, ret_len);
  return fail (EINVAL);
}

/* --- Connecting ------------------------------------------------------------------------------- */

static bool
is_loopback (const union address *addr) {
  const struct in6_addr *in6 = &addr->in6.sin6_addr;

  if (addr->any.sa_family == AF_INET) return ntohl (addr->in.sin_addr.s_addr) >> 24 == 127;
  return IN6_IS_ADDR_LOOPBACK (in6) || (IN6_IS_ADDR_V4MAPPED (in6) && in6->s6_addr[12] == 127);
}

/* Connects to the socket of which ADDR is the path, or to the one that it is redirected to.  A
   caller's path may fill sun_path up to the end without a NUL.  */
static int
connect_unix (const struct eva__io_sys *sys, assuan_fd_t fd, union address *addr,
              socklen_t addr_len) {
  char path[sizeof addr->un.sun_path + 1] = "";
  union address target;
  socklen_t target_len;
  int redirected = 0;

  memcpy (path, addr->un.sun_path, sizeof addr->un.sun_path);
  if (*path && strlen (path) < sizeof addr->un.sun_path
      && eva__io_redirect_address (path, false, &target.un, &target_len, &redirected) < 0)
    return -1;
  if (redirected) return sys->hooks.connect (sys->ctx, fd, &target.any, target_len);
  return sys->hooks.connect (sys->ctx, fd, &addr->any, addr_len);
}

int
eva__io_address_connect_fd (const struct eva__io_sys *sys, assuan_fd_t fd,
                            const struct sockaddr *addr, socklen_t addr_len) {
  struct eva__io_socks_target target = { .addr = addr };
  union address copy;

  /* What is no address that we know is the kernel's to judge.  The prototype of the hook lacks a
     const.  */
  if (addr_len < (socklen_t) sizeof addr->sa_family || addr_len > (socklen_t) sizeof copy)
    return sys->hooks.connect (sys->ctx, fd, (struct sockaddr *) addr, addr_len);
  memset (&copy, 0, sizeof copy);
  memcpy (&copy, addr, addr_len);
  if (copy.any.sa_family == AF_UNIX) return connect_unix (sys, fd, &copy, addr_len);
  if (!proxy_port || is_loopback (&copy)
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
  union address addr;
  socklen_t len;
  assuan_fd_t fd;

  if (parse_name (name, &addr, &len) < 0) return -1;
  fd = sys->hooks.socket (sys->ctx, addr.any.sa_family, SOCK_STREAM, 0);
  if (fd == ASSUAN_INVALID_FD) return -1;
  /* The hook of a program may not have done it.  */
  fcntl (fd, F_SETFD, FD_CLOEXEC);
  if (eva__io_address_connect_fd (sys, fd, &addr.any, len) < 0) {
    eva__io_sys_close (sys, fd);
    /* These are for names: a caller tells them from a server that could not be reached.  */
    if (errno == EINVAL || errno == ENAMETOOLONG) errno = EADDRNOTAVAIL;
    return -1;
  }
  *ret_is_local = addr.any.sa_family == AF_UNIX;
  *ret_fd = fd;
  return 0;
}
