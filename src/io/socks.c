/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* socks.c - connecting through a SOCKS5 proxy on this host (RFC 1928, RFC 1929).

       we: 05 01 METHOD                            METHOD 00 none, 02 user and password
       it: 05 METHOD
       we: 01 ULEN USER PLEN PASSWORD              method 02 only
       it: 01 00
       we: 05 01 00 ATYP ADDRESS PORT              CONNECT
       it: 05 CODE 00 ATYP ADDRESS PORT            its own address, which is not used

   It reads exactly the octets of an answer and none after them: the server's greeting may
   follow.  */

#include "io/socks.h"

#include "io/channel.h"
#include "io/duration.h"
#include "io/fail.h"
#include "wire/wipe.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>

enum { VERSION = 5, AUTH_VERSION = 1, CONNECT = 1 };
enum { METHOD_NONE = 0, METHOD_PASSWORD = 2 };
enum { ATYP_IPV4 = 1, ATYP_HOST = 3, ATYP_IPV6 = 4 };

/* The longest message of ours: the credentials.  */
#define PACKET_MAX (1 + 1 + 255 + 1 + 255)

struct packet {
  unsigned char octets[PACKET_MAX];
  size_t len;
};

/* --- Packets ---------------------------------------------------------------------------------- */

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

  if (!colon) return eva__io_fail (EINVAL);
  user_len = (size_t) (colon - credentials);
  password_len = strlen (colon + 1);
  if (!user_len || user_len > 255 || !password_len || password_len > 255)
    return eva__io_fail (EINVAL);
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

  if (!len) return eva__io_fail (EINVAL);
  if (len > 255) return eva__io_fail (ENAMETOOLONG);
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

  /* Copies, because a struct sockaddr may not be aligned for either.  */
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
    return eva__io_fail (EAFNOSUPPORT);
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
  if (len >= 1 && buf[0] != VERSION) return eva__io_fail (EPROTONOSUPPORT);
  if (len >= 2 && buf[1]) return eva__io_fail (reply_error (buf[1]));
  if (len >= 3 && buf[2]) return eva__io_fail (EPROTONOSUPPORT);
  if (len < 5) return 0;
  switch (buf[3]) {
  case ATYP_IPV4:
    return 4 + 4 + 2;
  case ATYP_IPV6:
    return 4 + 16 + 2;
  case ATYP_HOST:
    return 4 + 1 + buf[4] + 2;
  default:
    return eva__io_fail (EPROTONOSUPPORT);
  }
}

/* --- Time ------------------------------------------------------------------------------------- */

#define NO_LIMIT_MS INT64_MAX

static int64_t
now_ms (void) {
  return (int64_t) (eva__io_now_ns () / EVA__NS_PER_MS);
}

/* Returns until when all of it may take: the earlier one of TARGET's limit and of the deadline of
   SYS, rounded up.  */
static int64_t
find_deadline (const struct eva__io_sys *sys, const struct eva__io_socks_target *target) {
  int64_t deadline_ms = target->timeout_ms > 0 ? now_ms () + target->timeout_ms : NO_LIMIT_MS;
  int64_t other_ms = (int64_t) (sys->deadline_ns / EVA__NS_PER_MS) + 1;

  return sys->deadline_ns && other_ms < deadline_ms ? other_ms : deadline_ms;
}

/* Waits until the connection is ready for EVENTS, at most until DEADLINE_MS.  */
static int
await (const struct eva__io_channel *ch, short events, int64_t deadline_ms) {
  int64_t left_ms = deadline_ms;

  if (deadline_ms == NO_LIMIT_MS) return 0; /* the call itself waits */
  left_ms -= now_ms ();
  if (left_ms > INT_MAX) left_ms = INT_MAX;
  if (left_ms > 0 && eva__io_sys_wait_for (ch->sys, ch->in_fd, events, (unsigned int) left_ms))
    return 0;
  return eva__io_sys_is_ready (ch->in_fd, events) ? 0 : eva__io_fail (ETIMEDOUT);
}

/* --- The dialogue ----------------------------------------------------------------------------- */

/* Sends P, and wipes it.  */
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

/* Reads exactly LEN octets, until DEADLINE_MS.  */
static int
hear (struct eva__io_channel *ch, unsigned char *buf, size_t len, int64_t deadline_ms) {
  while (len) {
    ssize_t n;
    if (await (ch, POLLIN, deadline_ms) < 0) return -1;
    n = eva__io_channel_read (ch, buf, len, true, NULL);
    if (n < 0) return -1;
    if (!n) return eva__io_fail (EIO);
    buf += n;
    len -= (size_t) n;
  }
  return 0;
}

/* Agrees on a method.  With credentials it offers only that one, so that the proxy cannot silently
   leave them out.  */
static int
negotiate (struct eva__io_channel *ch, bool with_password, int64_t deadline_ms) {
  unsigned char method = with_password ? METHOD_PASSWORD : METHOD_NONE, answer[2];
  struct packet p = { .octets = { VERSION, 1, method }, .len = 3 };

  int64_t limit_ms = now_ms () + EVA__IO_SOCKS_TIMEOUT_MS;

  if (say (ch, &p) < 0) return -1;
  if (await (ch, POLLIN, limit_ms < deadline_ms ? limit_ms : deadline_ms) < 0) return -1;
  if (hear (ch, answer, sizeof answer, deadline_ms) < 0) return -1;
  if (answer[0] != VERSION || answer[1] != method) return eva__io_fail (ENOTSUP);
  return 0;
}

static int
authenticate (struct eva__io_channel *ch, const char *credentials, int64_t deadline_ms) {
  struct packet p = { .len = 0 };
  unsigned char answer[2];

  if (add_credentials (&p, credentials) < 0 || say (ch, &p) < 0
      || hear (ch, answer, sizeof answer, deadline_ms) < 0)
    return -1;
  if (answer[0] != AUTH_VERSION) return eva__io_fail (EPROTONOSUPPORT);
  if (answer[1]) return eva__io_fail (EACCES);
  return 0;
}

static int
hear_reply (struct eva__io_channel *ch, int64_t deadline_ms) {
  unsigned char reply[EVA__IO_SOCKS_REPLY_MAX];
  size_t len = 2, whole;
  int rc;

  /* The first two octets tell a refusal, after which a proxy may send nothing more; the next three
     tell how long an acceptance is.  */
  if (hear (ch, reply, len, deadline_ms) < 0 || eva__io_socks_parse_reply (reply, len) < 0)
    return -1;
  if (hear (ch, reply + len, 3, deadline_ms) < 0) return -1;
  len += 3;
  rc = eva__io_socks_parse_reply (reply, len);
  if (rc < 0) return -1;
  whole = (size_t) rc;
  return hear (ch, reply + len, whole - len, deadline_ms);
}

static int
converse (struct eva__io_channel *ch, const struct eva__io_socks_target *target,
          int64_t deadline_ms) {
  struct packet p = { .len = 0 };

  if (negotiate (ch, target->credentials != NULL, deadline_ms) < 0) return -1;
  if (target->credentials && authenticate (ch, target->credentials, deadline_ms) < 0) return -1;
  if (!target->addr && !target->host) return 0;
  if (add_connect (&p, target) < 0 || say (ch, &p) < 0) return -1;
  return hear_reply (ch, target->timeout_ms < 0 ? 0 : deadline_ms);
}

/* --- Connecting ------------------------------------------------------------------------------- */

/* Returns 0 if TARGET can be written in the protocol at all, before the proxy is asked.  */
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
connect_and_wait (const struct eva__io_channel *ch, struct sockaddr *addr, socklen_t addr_len,
                  int64_t deadline_ms) {
  const struct eva__io_sys *sys = ch->sys;
  assuan_fd_t fd = ch->in_fd;
  socklen_t len = sizeof (int);
  int error;

  if (!sys->hooks.connect (sys->ctx, fd, addr, addr_len)) return 0;
  if (errno != EINPROGRESS) return -1;
  /* A non-blocking socket.  */
  if (deadline_ms == NO_LIMIT_MS)
    eva__io_sys_wait (sys, fd, POLLOUT);
  else if (await (ch, POLLOUT, deadline_ms) < 0)
    return -1;
  if (getsockopt (fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0) return -1;
  return error ? eva__io_fail (error) : 0;
}

/* Connects CH's socket to PORT of 127.0.0.1.  An IPv6 socket takes no IPv4 address but in its
   mapped form.  */
static int
connect_proxy (const struct eva__io_channel *ch, unsigned short port, int64_t deadline_ms) {
  struct sockaddr_in in = { .sin_family = AF_INET,
                            .sin_port = htons (port),
                            .sin_addr = { htonl (INADDR_LOOPBACK) } };
  struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
                              .sin6_port = htons (port),
                              .sin6_addr = {
                                  { { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 } } } };
  int domain = AF_INET;
  socklen_t len = sizeof domain;

  getsockopt (ch->in_fd, SOL_SOCKET, SO_DOMAIN, &domain, &len);
  if (domain == AF_INET6)
    return connect_and_wait (ch, (struct sockaddr *) &in6, sizeof in6, deadline_ms);
  return connect_and_wait (ch, (struct sockaddr *) &in, sizeof in, deadline_ms);
}

/* Only a socket that does not block can be connected within a limit.  */
static int
reach_proxy (const struct eva__io_channel *ch, unsigned short port, int64_t deadline_ms) {
  int status = deadline_ms == NO_LIMIT_MS ? -1 : fcntl (ch->in_fd, F_GETFL);
  bool is_changed = status >= 0 && !(status & O_NONBLOCK);
  int rc;

  if (is_changed) fcntl (ch->in_fd, F_SETFL, status | O_NONBLOCK);
  rc = connect_proxy (ch, port, deadline_ms);
  if (rc < 0 && port == EVA__IO_SOCKS_TOR_PORT)
    rc = connect_proxy (ch, EVA__IO_SOCKS_TOR_PORT2, deadline_ms);
  if (is_changed) fcntl (ch->in_fd, F_SETFL, status);
  return rc;
}

int
eva__io_socks_connect (const struct eva__io_sys *sys, assuan_fd_t fd, unsigned short proxy_port,
                       const struct eva__io_socks_target *target) {
  int64_t deadline_ms = find_deadline (sys, target);
  struct eva__io_channel ch;
  int rc;

  if (check (target) < 0) return -1;
  eva__io_channel_init (&ch, sys, fd, fd, false);
  rc = reach_proxy (&ch, proxy_port, deadline_ms);
  if (!rc) rc = converse (&ch, target, deadline_ms);
  if (rc < 0 && errno == ETIMEDOUT && sys->deadline_ns && eva__io_now_ns () >= sys->deadline_ns)
    errno = ETIME;
  return rc;
}
