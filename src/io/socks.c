/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* socks.c - connecting through a SOCKS5 proxy on this host (RFC 1928, RFC 1929).

       we: 05 01 METHOD                            METHOD 00 none, 02 user and password
       it: 05 METHOD
       we: 01 ULEN USER PLEN PASSWORD              method 02 only
       it: 01 00
       we: 05 01 00 ATYP ADDRESS PORT              CONNECT
       it: 05 CODE 00 ATYP ADDRESS PORT            its own address, which nobody needs

   Exactly the octets of an answer are read and none behind them: the server's greeting may
   follow.  */

#include "io/socks.h"
#include "io/channel.h"
#include "wire/wipe.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>

enum { VERSION = 5, AUTH_VERSION = 1, CONNECT = 1 };
enum { METHOD_NONE = 0, METHOD_PASSWORD = 2 };
enum { ATYP_IPV4 = 1, ATYP_HOST = 3, ATYP_IPV6 = 4 };

/* The longest that is said: the credentials.  */
#define PACKET_MAX (1 + 1 + 255 + 1 + 255)

struct packet {
  unsigned char octets[PACKET_MAX];
  size_t len;
};

/* --- Packets ---------------------------------------------------------------------------------- */

static int
fail (int error) {
  errno = error;
  return -1;
}

/* The caller knows that there is room.  */
static void
add (struct packet *p, const void *octets, size_t len) {
  memcpy (p->octets + p->len, octets, len);
  p->len += len;
}

static void
add_octet (struct packet *p, size_t value) {
  unsigned char octet = (unsigned char) value;

  add (p, &octet, 1);
}

/* Adds the credentials `user:password`.  Neither part may be empty: RFC 1929 has lengths from 1
   to 255.  */
static int
add_credentials (struct packet *p, const char *credentials) {
  const char *colon = strchr (credentials, ':');
  size_t user_len, password_len;

  if (!colon) return fail (EINVAL);
  user_len = (size_t) (colon - credentials);
  password_len = strlen (colon + 1);
  if (!user_len || user_len > 255 || !password_len || password_len > 255) return fail (EINVAL);
  add_octet (p, AUTH_VERSION);
  add_octet (p, user_len);
  add (p, credentials, user_len);
  add_octet (p, password_len);
  add (p, colon + 1, password_len);
  return 0;
}

static int
add_host (struct packet *p, const struct eva__io_socks_target *target) {
  size_t len = strlen (target->host);
  unsigned short port = htons (target->port);

  if (!len) return fail (EINVAL);
  if (len > 255) return fail (ENAMETOOLONG);
  add_octet (p, ATYP_HOST);
  add_octet (p, len);
  add (p, target->host, len);
  add (p, &port, sizeof port);
  return 0;
}

static int
add_address (struct packet *p, const struct sockaddr *addr) {
  struct sockaddr_in in;
  struct sockaddr_in6 in6;

  /* Copies, because a struct sockaddr need not be aligned for either.  */
  if (addr->sa_family == AF_INET) {
    memcpy (&in, addr, sizeof in);
    add_octet (p, ATYP_IPV4);
    add (p, &in.sin_addr, sizeof in.sin_addr);
    add (p, &in.sin_port, sizeof in.sin_port);
  } else if (addr->sa_family == AF_INET6) {
    memcpy (&in6, addr, sizeof in6);
    add_octet (p, ATYP_IPV6);
    add (p, &in6.sin6_addr, sizeof in6.sin6_addr);
    add (p, &in6.sin6_port, sizeof in6.sin6_port);
  } else {
    return fail (EAFNOSUPPORT);
  }
  return 0;
}

static int
add_connect (struct packet *p, const struct eva__io_socks_target *target) {
  add_octet (p, VERSION);
  add_octet (p, CONNECT);
  add_octet (p, 0);
  return target->addr ? add_address (p, target->addr) : add_host (p, target);
}

/* The errno for a reply code of RFC 1928, section 6.  */
static int
reply_error (unsigned char code) {
  static const int errors[] = { 0,           ENETDOWN,     EACCES,
                                ENETUNREACH, EHOSTUNREACH, ECONNREFUSED,
                                ETIMEDOUT,   EOPNOTSUPP,   EPROTONOSUPPORT };

  return code < sizeof errors / sizeof *errors ? errors[code] : EOPNOTSUPP;
}

int
eva__io_socks_parse_reply (const unsigned char *buf, size_t len) {
  if (len >= 1 && buf[0] != VERSION) return fail (EPROTONOSUPPORT);
  if (len >= 2 && buf[1]) return fail (reply_error (buf[1]));
  if (len >= 3 && buf[2]) return fail (EPROTONOSUPPORT);
  if (len < 5) return 0;
  switch (buf[3]) {
  case ATYP_IPV4:
    return 4 + 4 + 2;
  case ATYP_IPV6:
    return 4 + 16 + 2;
  case ATYP_HOST:
    return 4 + 1 + buf[4] + 2;
  default:
    return fail (EPROTONOSUPPORT);
  }
}

/* --- The dialogue ----------------------------------------------------------------------------- */

/* Says P, and wipes it.  */
static int
say (struct eva__io_channel *ch, struct packet *p) {
  size_t at = 0;

  while (at < p->len) {
    struct iovec iov = { .iov_base = p->octets + at, .iov_len = p->len - at };
    ssize_t n = eva__io_channel_write (ch, &iov, 1, NULL, 0, true);
    if (n < 0) break;
    at += (size_t) n;
  }
  eva__wire_wipe (p->octets, p->len);
  return at < p->len ? -1 : 0;
}

/* Reads exactly LEN octets.  */
static int
hear (struct eva__io_channel *ch, unsigned char *buf, size_t len) {
  while (len) {
    ssize_t n = eva__io_channel_read (ch, buf, len, true, NULL);
    if (n < 0) return -1;
    if (!n) return fail (EIO);
    buf += n;
    len -= (size_t) n;
  }
  return 0;
}

/* Agrees on a method.  With credentials only that one is offered, so that they are not
   left out silently.  */
static int
negotiate (struct eva__io_channel *ch, bool with_password) {
  unsigned char method = with_password ? METHOD_PASSWORD : METHOD_NONE, answer[2];
  struct packet p = { .octets = { VERSION, 1, method }, .len = 3 };

  if (say (ch, &p) < 0) return -1;
  if (!eva__io_sys_wait_for (ch->sys, ch->in_fd, POLLIN, EVA__IO_SOCKS_TIMEOUT_MS))
    return fail (ETIMEDOUT);
  if (hear (ch, answer, sizeof answer) < 0) return -1;
  if (answer[0] != VERSION || answer[1] != method) return fail (ENOTSUP);
  return 0;
}

static int
authenticate (struct eva__io_channel *ch, const char *credentials) {
  struct packet p = { .len = 0 };
  unsigned char answer[2];

  if (add_credentials (&p, credentials) < 0 || say (ch, &p) < 0
      || hear (ch, answer, sizeof answer) < 0)
    return -1;
  if (answer[0] != AUTH_VERSION) return fail (EPROTONOSUPPORT);
  if (answer[1]) return fail (EACCES);
  return 0;
}

static int
hear_reply (struct eva__io_channel *ch) {
  unsigned char reply[EVA__IO_SOCKS_REPLY_MAX];
  size_t len = 2, whole;
  int rc;

  /* The first two octets tell a refusal, behind which a proxy need not send more; the next
     three, how long an acceptance is.  */
  if (hear (ch, reply, len) < 0 || eva__io_socks_parse_reply (reply, len) < 0) return -1;
  if (hear (ch, reply + len, 3) < 0) return -1;
  len += 3;
  rc = eva__io_socks_parse_reply (reply, len);
  if (rc < 0) return -1;
  whole = (size_t) rc;
  return hear (ch, reply + len, whole - len);
}

static int
converse (struct eva__io_channel *ch, const struct eva__io_socks_target *target) {
  struct packet p = { .len = 0 };

  if (negotiate (ch, target->credentials != NULL) < 0) return -1;
  if (target->credentials && authenticate (ch, target->credentials) < 0) return -1;
  if (!target->addr && !target->host) return 0;
  if (add_connect (&p, target) < 0 || say (ch, &p) < 0) return -1;
  return hear_reply (ch);
}

/* --- Connecting ------------------------------------------------------------------------------- */

/* Returns 0 if TARGET can be said at all, so that a bad one does not bother the proxy.  */
static int
check (const struct eva__io_socks_target *target) {
  struct packet p = { .len = 0 };
  int rc = target->credentials ? add_credentials (&p, target->credentials) : 0;

  eva__wire_wipe (p.octets, p.len);
  p.len = 0;
  if (rc < 0 || (!target->addr && !target->host)) return rc;
  return add_connect (&p, target);
}

static int
connect_and_wait (const struct eva__io_sys *sys, assuan_fd_t fd, struct sockaddr *addr,
                  socklen_t addr_len) {
  socklen_t len = sizeof (int);
  int error;

  if (!sys->hooks.connect (sys->ctx, fd, addr, addr_len)) return 0;
  if (errno != EINPROGRESS) return -1;
  /* A non-blocking socket.  */
  eva__io_sys_wait (sys, fd, POLLOUT);
  if (getsockopt (fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0) return -1;
  return error ? fail (error) : 0;
}

/* Connects FD to PORT of 127.0.0.1.  An IPv6 socket takes no IPv4 address but in its mapped
   form.  */
static int
connect_proxy (const struct eva__io_sys *sys, assuan_fd_t fd, unsigned short port) {
  struct sockaddr_in in = { .sin_family = AF_INET,
                            .sin_port = htons (port),
                            .sin_addr = { htonl (INADDR_LOOPBACK) } };
  struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
                              .sin6_port = htons (port),
                              .sin6_addr = {
                                  { { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 } } } };
  int domain = AF_INET;
  socklen_t len = sizeof domain;

  getsockopt (fd, SOL_SOCKET, SO_DOMAIN, &domain, &len);
  if (domain == AF_INET6) return connect_and_wait (sys, fd, (struct sockaddr *) &in6, sizeof in6);
  return connect_and_wait (sys, fd, (struct sockaddr *) &in, sizeof in);
}

int
eva__io_socks_connect (const struct eva__io_sys *sys, assuan_fd_t fd, unsigned short proxy_port,
                       const struct eva__io_socks_target *target) {
  struct eva__io_channel ch;
  int rc;

  if (check (target) < 0) return -1;
  rc = connect_proxy (sys, fd, proxy_port);
  if (rc < 0 && proxy_port == EVA__IO_SOCKS_TOR_PORT)
    rc = connect_proxy (sys, fd, EVA__IO_SOCKS_TOR_PORT2);
  if (rc < 0) return -1;
  eva__io_channel_init (&ch, sys, fd, fd, false);
  return converse (&ch, target);
}
