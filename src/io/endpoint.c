/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* endpoint.c - where servers listen and clients connect, in words.

   Every form is taken literally or not at all.  Numbers are decimal digits and nothing else, IP
   addresses are numeric.  Paths after `unix:` are absolute: when it ends, a server has to find the
   file of its socket again, even if it has changed its directory meanwhile.  */

#include "io/endpoint.h"

#include "io/fail.h"
#include "io/number.h"
#include "io/redirect.h"
#include "io/ssh.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* --- Parts ------------------------------------------------------------------------------------ */

/* Returns what follows PREFIX in TEXT, or NULL.  */
static const char *
skip_prefix (const char *text, const char *prefix) {
  size_t len = strlen (prefix);

  return strncmp (text, prefix, len) ? NULL : text + len;
}

/* Copies the part of an internet address between START and END, without brackets, to HOST.
   Returns false if there is no room, which no numeric address needs.  */
static bool
copy_host (char host[INET6_ADDRSTRLEN], const char *start, const char *end) {
  size_t len = (size_t) (end - start);

  if (len >= INET6_ADDRSTRLEN) return false;
  memcpy (host, start, len);
  host[len] = 0;
  return true;
}

/* Parses `IP:PORT` or `[IP6]:PORT`.  It does not resolve names of hosts: that would wait for a
   network without the program's loop or hooks.  */
static int
parse_internet (const char *text, int min_port, struct eva__io_endpoint *ep) {
  bool is_v6 = *text == '[';
  const char *end = strchr (text, is_v6 ? ']' : ':');
  union eva__io_sockaddr *addr = &ep->addr;
  void *ip = is_v6 ? (void *) &addr->in6.sin6_addr : (void *) &addr->in.sin_addr;
  char host[INET6_ADDRSTRLEN];
  int port;

  if (!end || end[is_v6] != ':' || !copy_host (host, text + is_v6, end))
    return eva__io_fail (EINVAL);
  port = eva__io_number_parse (end + is_v6 + 1, 65535);
  if (port < min_port) return eva__io_fail (EINVAL);
  memset (addr, 0, sizeof *addr);
  addr->any.sa_family = is_v6 ? AF_INET6 : AF_INET;
  if (is_v6)
    addr->in6.sin6_port = htons ((unsigned short) port);
  else
    addr->in.sin_port = htons ((unsigned short) port);
  if (inet_pton (addr->any.sa_family, host, ip) != 1) return eva__io_fail (EINVAL);
  ep->kind = EVA__IO_ENDPOINT_INTERNET;
  ep->addr_len = is_v6 ? sizeof addr->in6 : sizeof addr->in;
  ep->is_loopback = eva__io_endpoint_is_loopback (addr);
  return 0;
}

/* The functions that connect follow redirections.  */
static int
parse_unix (const char *name, bool allow_abstract, struct eva__io_endpoint *ep) {
  ep->kind = EVA__IO_ENDPOINT_UNIX;
  return eva__io_redirect_address (name, allow_abstract, &ep->addr.un, &ep->addr_len, NULL);
}

/* NAME may be too long for the kernel where a redirection file stands that names the socket.  */
static int
parse_unix_or_long (const char *name, struct eva__io_endpoint *ep) {
  int is_redirected = 0;

  if (!parse_unix (name, true, ep)) return 0;
  if (errno != ENAMETOOLONG || *name != '/') return -1;
  ep->is_followed = true;
  return eva__io_redirect_address (name, false, &ep->addr.un, &ep->addr_len, &is_redirected);
}

static bool
is_path_or_abstract (const char *name) {
  return *name == '/' || (*name == '@' && name[1]);
}

/* --- The forms -------------------------------------------------------------------------------- */

static int
parse_classic (const char *text, struct eva__io_endpoint *ep) {
  const char *rest;

  ep->is_for_clients = true;
  if (is_path_or_abstract (text)) return parse_unix (text, true, ep);
  if ((rest = skip_prefix (text, "file://")) && *rest) return parse_unix (rest, false, ep);
  if ((rest = skip_prefix (text, "assuan://"))) return parse_internet (rest, 1, ep);
  return eva__io_fail (EINVAL);
}

static int
parse_fd (const char *text, struct eva__io_endpoint *ep) {
  ep->kind = EVA__IO_ENDPOINT_FD;
  ep->fd = eva__io_number_parse (text, INT_MAX);
  return ep->fd < 0 ? eva__io_fail (EINVAL) : 0;
}

/* A colon stands between names and is in none.  */
static int
parse_systemd (const char *text, struct eva__io_endpoint *ep) {
  ep->kind = EVA__IO_ENDPOINT_SYSTEMD;
  ep->name = *text ? text : NULL;
  return strchr (text, ':') ? eva__io_fail (EINVAL) : 0;
}

static int
parse_exec (const char *text, struct eva__io_endpoint *ep) {
  ep->kind = EVA__IO_ENDPOINT_EXEC;
  ep->name = text;
  return text[strspn (text, " \t")] ? 0 : eva__io_fail (EINVAL);
}

static int
parse_ssh (const char *text, struct eva__io_endpoint *ep) {
  struct eva__io_ssh ssh;

  ep->kind = EVA__IO_ENDPOINT_SSH;
  ep->name = text;
  return eva__io_ssh_parse (text, &ssh);
}

static int
parse (const char *text, struct eva__io_endpoint *ep) {
  const char *rest;

  if ((rest = skip_prefix (text, "unix:")))
    return is_path_or_abstract (rest) ? parse_unix_or_long (rest, ep) : eva__io_fail (EINVAL);
  if ((rest = skip_prefix (text, "tcp:"))) return parse_internet (rest, 0, ep);
  if ((rest = skip_prefix (text, "fd:"))) return parse_fd (rest, ep);
  if ((rest = skip_prefix (text, "systemd:"))) return parse_systemd (rest, ep);
  if ((rest = skip_prefix (text, "exec:"))) return parse_exec (rest, ep);
  if ((rest = skip_prefix (text, "ssh:"))) return parse_ssh (rest, ep);
  return parse_classic (text, ep);
}

int
eva__io_endpoint_parse (const char *text, struct eva__io_endpoint *ret) {
  struct eva__io_endpoint ep = { .fd = -1 };

  if (parse (text, &ep) < 0) return -1;
  *ret = ep;
  return 0;
}

int
eva__io_endpoint_parse_classic (const char *text, struct eva__io_endpoint *ret) {
  struct eva__io_endpoint ep = { .fd = -1 };

  if (parse_classic (text, &ep) < 0) return -1;
  *ret = ep;
  return 0;
}

/* --- Addresses -------------------------------------------------------------------------------- */

bool
eva__io_endpoint_is_loopback (const union eva__io_sockaddr *addr) {
  const struct in6_addr *in6 = &addr->in6.sin6_addr;

  if (addr->any.sa_family == AF_INET) return ntohl (addr->in.sin_addr.s_addr) >> 24 == 127;
  return addr->any.sa_family == AF_INET6
         && (IN6_IS_ADDR_LOOPBACK (in6) || (IN6_IS_ADDR_V4MAPPED (in6) && in6->s6_addr[12] == 127));
}

/* The kernel ends a path with a NUL if there is room for one, and an abstract name, which begins
   with one, only where its length says.  */
static int
print_unix (const struct sockaddr_un *addr, size_t len, char buf[EVA__IO_ENDPOINT_SIZE]) {
  const char *name = addr->sun_path;
  bool is_abstract;

  len -= offsetof (struct sockaddr_un, sun_path);
  is_abstract = len && !*name;
  if (is_abstract && (len == 1 || memchr (name + 1, 0, len - 1))) return eva__io_fail (EINVAL);
  snprintf (buf, EVA__IO_ENDPOINT_SIZE, "unix:%s%.*s", is_abstract ? "@" : "",
            (int) len - is_abstract, name + is_abstract);
  return 0;
}

int
eva__io_endpoint_print (const union eva__io_sockaddr *addr, socklen_t addr_len,
                        char buf[EVA__IO_ENDPOINT_SIZE]) {
  char host[INET6_ADDRSTRLEN];

  switch (addr->any.sa_family) {
  case AF_UNIX:
    return print_unix (&addr->un, addr_len, buf);
  case AF_INET:
    inet_ntop (AF_INET, &addr->in.sin_addr, host, sizeof host);
    snprintf (buf, EVA__IO_ENDPOINT_SIZE, "tcp:%s:%u", host, ntohs (addr->in.sin_port));
    return 0;
  case AF_INET6:
    inet_ntop (AF_INET6, &addr->in6.sin6_addr, host, sizeof host);
    snprintf (buf, EVA__IO_ENDPOINT_SIZE, "tcp:[%s]:%u", host, ntohs (addr->in6.sin6_port));
    return 0;
  default:
    return eva__io_fail (EAFNOSUPPORT);
  }
}

/* Finds the address that socket FD is bound to.  Of a longer one it stores as much as there is room
   for.  */
static int
find_own_address (int fd, union eva__io_sockaddr *ret_addr, socklen_t *ret_len) {
  *ret_len = sizeof *ret_addr;
  memset (ret_addr, 0, sizeof *ret_addr);
  if (getsockname (fd, &ret_addr->any, ret_len) < 0) return -1;
  if (*ret_len > (socklen_t) sizeof *ret_addr) *ret_len = sizeof *ret_addr;
  return 0;
}

int
eva__io_endpoint_format (int fd, char buf[EVA__IO_ENDPOINT_SIZE]) {
  union eva__io_sockaddr addr;
  socklen_t len;

  return find_own_address (fd, &addr, &len) < 0 ? -1 : eva__io_endpoint_print (&addr, len, buf);
}

bool
eva__io_endpoint_is_near (int fd) {
  union eva__io_sockaddr addr;
  socklen_t len;

  if (find_own_address (fd, &addr, &len) < 0) return false;
  return addr.any.sa_family == AF_UNIX || eva__io_endpoint_is_loopback (&addr);
}
