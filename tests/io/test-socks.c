/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-socks.c - the SOCKS5 dialogue with scripted proxies.

   The connect hook puts one end of a socket pair where the connection to the proxy should be; the
   proxy's answers already stand in the other end.  So there is no port, no thread and no time in
   it: what was said is read afterwards.  */

#include "fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/socks.h"

/* --- Replies ---------------------------------------------------------------------------------- */

struct reply {
  const char *octets;
  size_t len;
  int result; /* length, 0, or minus the errno */
};

#define REPLY(octets, result) { octets, sizeof (octets) - 1, result }

static const struct reply replies[] = {
  REPLY ("", 0),
  REPLY ("\5", 0),
  REPLY ("\5\0", 0),
  REPLY ("\5\0\0\1", 0),
  REPLY ("\5\0\0\3", 0),
  REPLY ("\5\0\0\1\1", 10),
  REPLY ("\5\0\0\1\1\2\3\4\0\120", 10),
  REPLY ("\5\0\0\1\1\2\3\4\0\120OK hello", 10),
  REPLY ("\5\0\0\4\1", 22),
  REPLY ("\5\0\0\3\0", 7),
  REPLY ("\5\0\0\3\1", 8),
  REPLY ("\5\0\0\3\377", 262),
  REPLY ("\5\1", -ENETDOWN),
  REPLY ("\5\2", -EACCES),
  REPLY ("\5\3", -ENETUNREACH),
  REPLY ("\5\4", -EHOSTUNREACH),
  REPLY ("\5\5", -ECONNREFUSED),
  REPLY ("\5\6", -ETIMEDOUT),
  REPLY ("\5\7", -EOPNOTSUPP),
  REPLY ("\5\10", -EPROTONOSUPPORT),
  REPLY ("\5\11", -EOPNOTSUPP),
  REPLY ("\5\377\0\1\1\2\3\4\0\120", -EOPNOTSUPP),
  REPLY ("\4", -EPROTONOSUPPORT),
  REPLY ("\0\132\0\120\1\2\3\4", -EPROTONOSUPPORT),
  REPLY ("H", -EPROTONOSUPPORT),
  REPLY ("\5\0\1", -EPROTONOSUPPORT),
  REPLY ("\5\0\0\0\1", -EPROTONOSUPPORT),
  REPLY ("\5\0\0\2\1", -EPROTONOSUPPORT),
  REPLY ("\5\0\0\5\1", -EPROTONOSUPPORT),
  REPLY ("\5\0\0\377\1", -EPROTONOSUPPORT),
};

/* In memory of just that size, so that a sanitizer sees any octet too far.  */
static int
parse (const void *octets, size_t len) {
  unsigned char *copy = malloc (len ? len : 1);
  int rc;

  assert_non_null (copy);
  memcpy (copy, octets, len);
  errno = 0;
  rc = eva__io_socks_parse_reply (copy, len);
  if (rc < 0) rc = -errno;
  free (copy);
  return rc;
}

static void
test_replies (void **state) {
  (void) state;
  for (size_t i = 0; i < sizeof replies / sizeof *replies; i++)
    assert_int_equal (parse (replies[i].octets, replies[i].len), replies[i].result);
}

/* The first five octets in all combinations that matter: a length within the limit, or an error,
   which more octets do not change.  */
static void
test_all_heads (void **state) {
  unsigned char head[5] = { 5, 0, 0, 0, 0 };

  (void) state;
  for (unsigned int type = 0; type < 256; type++) {
    for (unsigned int octet = 0; octet < 256; octet++) {
      int rc;
      head[3] = (unsigned char) type;
      head[4] = (unsigned char) octet;
      rc = parse (head, 5);
      if (rc < 0)
        assert_int_equal (rc, -EPROTONOSUPPORT);
      else
        assert_in_range ((size_t) rc, 7, EVA__IO_SOCKS_REPLY_MAX);
    }
  }
}

/* --- Scripted proxies ------------------------------------------------------------------------- */

static struct {
  int fd;              /* the proxy's end, or -1 */
  const char *answers; /* what it has to say */
  size_t answers_len;
  bool closes;            /* after that */
  int n_connects, refuse; /* how many connects fail with ECONNREFUSED first */
  int ports[4];
  bool is_v6;
  unsigned long slept_us;
} proxy;

static int
hook_connect (assuan_context_t ctx, int sock, struct sockaddr *addr, socklen_t length) {
  struct sockaddr_in in = { .sin_family = AF_INET };
  struct sockaddr_in6 in6;
  int fd[2];

  (void) ctx;
  proxy.is_v6 = addr->sa_family == AF_INET6;
  if (proxy.is_v6) {
    assert_int_equal (length, sizeof in6);
    memcpy (&in6, addr, sizeof in6);
    assert_true (IN6_IS_ADDR_V4MAPPED (&in6.sin6_addr));
    memcpy (&in.sin_addr, &in6.sin6_addr.s6_addr[12], 4);
    in.sin_port = in6.sin6_port;
  } else {
    assert_int_equal (length, sizeof in);
    memcpy (&in, addr, sizeof in);
  }
  assert_int_equal (ntohl (in.sin_addr.s_addr), INADDR_LOOPBACK);
  assert_true (proxy.n_connects < 4);
  proxy.ports[proxy.n_connects++] = ntohs (in.sin_port);
  if (proxy.n_connects <= proxy.refuse) {
    errno = ECONNREFUSED;
    return -1;
  }
  fds_socketpair (fd, 0);
  assert_int_equal (dup3 (fd[0], sock, O_CLOEXEC), sock);
  close (fd[0]);
  proxy.fd = fd[1];
  write_all (proxy.fd, proxy.answers, proxy.answers_len);
  if (proxy.closes) shutdown (proxy.fd, SHUT_WR);
  return 0;
}

static void
hook_usleep (assuan_context_t ctx, unsigned int usec) {
  (void) ctx;
  proxy.slept_us += usec;
}

/* What a dialogue came to.  */
struct outcome {
  int error;       /* 0, or the errno */
  char said[1200]; /* to the proxy */
  size_t said_len;
  char rest[100]; /* octets left for the program */
};

/* Leads a socket through a proxy that answers the LEN octets ANSWERS.  */
static void
lead (struct outcome *o, const struct eva__io_socks_target *target, const char *answers,
      size_t len) {
  struct eva__io_sys sys;
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ssize_t n;

  assert_true (fd >= 0);
  eva__io_sys_init (&sys, NULL, NULL);
  sys.hooks.connect = hook_connect;
  memset (&proxy, 0, sizeof proxy);
  memset (o, 0, sizeof *o);
  proxy.fd = -1;
  proxy.answers = answers;
  proxy.answers_len = len;
  proxy.closes = true;
  errno = 0;
  if (eva__io_socks_connect (&sys, fd, EVA__IO_SOCKS_PORT, target) < 0) o->error = errno;
  if (!o->error) {
    n = read (fd, o->rest, sizeof o->rest - 1);
    assert_true (n >= 0);
  }
  assert_true (fds_is_open (fd)); /* it is the caller's */
  close (fd);
  if (proxy.fd < 0) return;
  /* What was said; closed with octets unread, it may have been reset.  */
  while ((n = read (proxy.fd, o->said + o->said_len, sizeof o->said - o->said_len)) > 0)
    o->said_len += (size_t) n;
  close (proxy.fd);
}

#define LEAD(o, target, answers) lead ((o), (target), (answers), sizeof (answers) - 1)
#define assert_said(o, octets)                                                                     \
  do {                                                                                             \
    assert_int_equal ((o)->said_len, sizeof (octets) - 1);                                         \
    assert_memory_equal ((o)->said, (octets), sizeof (octets) - 1);                                \
  } while (0)

static const char accepted[] = "\5\0\5\0\0\1\1\2\3\4\0\120OK hello\n";

static void
test_host (void **state) {
  struct eva__io_socks_target target = { .host = "example.org", .port = 443 };
  struct outcome o;

  (void) state;
  LEAD (&o, &target, accepted);
  assert_int_equal (o.error, 0);
  assert_said (&o, "\5\1\0\5\1\0\3\13example.org\1\273");
  assert_string_equal (o.rest, "OK hello\n");
  assert_int_equal (proxy.ports[0], 1080);
}

static void
test_addresses (void **state) {
  struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons (80) };
  struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons (80) };
  struct sockaddr un = { .sa_family = AF_UNIX };
  struct eva__io_socks_target target = { .addr = (struct sockaddr *) &in };
  struct outcome o;

  (void) state;
  inet_pton (AF_INET, "192.0.2.1", &in.sin_addr);
  LEAD (&o, &target, accepted);
  assert_int_equal (o.error, 0);
  assert_said (&o, "\5\1\0\5\1\0\1\300\0\2\1\0\120");
  inet_pton (AF_INET6, "2001:db8::1", &in6.sin6_addr);
  target.addr = (struct sockaddr *) &in6;
  LEAD (&o, &target, accepted);
  assert_int_equal (o.error, 0);
  assert_said (&o, "\5\1\0\5\1\0\4\40\1\15\270\0\0\0\0\0\0\0\0\0\0\0\1\0\120");
  target.addr = &un;
  LEAD (&o, &target, accepted);
  assert_int_equal (o.error, EAFNOSUPPORT);
  assert_int_equal (proxy.n_connects, 0);
}

/* Each kind of address in the reply is read to its end and no octet further.  */
static void
test_kinds_of_replies (void **state) {
  static const struct reply kinds[] = {
    REPLY ("\5\0\5\0\0\1\1\2\3\4\0\120next", 0),
    REPLY ("\5\0\5\0\0\3\0\0\120next", 0),
    REPLY ("\5\0\5\0\0\3\1a\0\120next", 0),
    REPLY ("\5\0\5\0\0\3\14proxy.local.\0\120next", 0),
    REPLY ("\5\0\5\0\0\4abcdefghijklmnop\0\120next", 0),
  };
  struct eva__io_socks_target target = { .host = "a", .port = 1 };
  char longest[7 + 257 + 4] = "\5\0\5\0\0\3\377";
  struct outcome o;

  (void) state;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    lead (&o, &target, kinds[i].octets, kinds[i].len);
    assert_int_equal (o.error, 0);
    assert_string_equal (o.rest, "next");
  }
  memcpy (longest + sizeof longest - 4, "next", 4);
  lead (&o, &target, longest, sizeof longest);
  assert_int_equal (o.error, 0);
  assert_string_equal (o.rest, "next");
}

/* A proxy that leaves at any octet: told as such, never taken for success.  */
static void
test_proxy_leaves (void **state) {
  struct eva__io_socks_target target = { .host = "a", .port = 1 };
  struct outcome o;

  (void) state;
  for (size_t len = 0; len < 12; len++) {
    lead (&o, &target, accepted, len);
    assert_int_equal (o.error, EIO);
  }
  lead (&o, &target, accepted, 12);
  assert_int_equal (o.error, 0);
}

static void
test_refusals (void **state) {
  static const struct reply refusals[] = {
    REPLY ("\5\377", ENOTSUP),
    REPLY ("\5\2", ENOTSUP),
    REPLY ("\4\0", ENOTSUP),
    REPLY ("HTTP/1.0 400 no\r\n\r\n", ENOTSUP),
    /* Two octets are enough to know, so a proxy that sends no more does not make it EIO.  */
    REPLY ("\5\0\5\5", ECONNREFUSED),
    REPLY ("\5\0\5\1\0\1\0\0\0\0\0\0", ENETDOWN),
    REPLY ("\5\0\5\2\0\1\0\0\0\0\0\0", EACCES),
    REPLY ("\5\0\5\3\0\1\0\0\0\0\0\0", ENETUNREACH),
    REPLY ("\5\0\5\4\0\1\0\0\0\0\0\0", EHOSTUNREACH),
    REPLY ("\5\0\5\6\0\1\0\0\0\0\0\0", ETIMEDOUT),
    REPLY ("\5\0\5\7\0\1\0\0\0\0\0\0", EOPNOTSUPP),
    REPLY ("\5\0\5\10\0\1\0\0\0\0\0\0", EPROTONOSUPPORT),
    REPLY ("\5\0\5\377\0\1\0\0\0\0\0\0", EOPNOTSUPP),
    REPLY ("\5\0\4\0\0\1\0\0\0\0\0\0", EPROTONOSUPPORT),
    REPLY ("\5\0\5\0\7\1\0\0\0\0\0\0", EPROTONOSUPPORT),
    REPLY ("\5\0\5\0\0\7\0\0\0\0\0\0", EPROTONOSUPPORT),
  };
  struct eva__io_socks_target target = { .host = "a", .port = 1 };
  struct outcome o;

  (void) state;
  for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
    lead (&o, &target, refusals[i].octets, refusals[i].len);
    assert_int_equal (o.error, refusals[i].result);
  }
}

static void
test_hosts (void **state) {
  char host[300];
  struct eva__io_socks_target target = { .host = host, .port = 1 };
  struct outcome o;

  (void) state;
  memset (host, 'h', sizeof host);
  host[255] = 0;
  LEAD (&o, &target, accepted);
  assert_int_equal (o.error, 0);
  assert_int_equal (o.said_len, 3 + 5 + 255 + 2);
  host[255] = 'h';
  host[256] = 0;
  LEAD (&o, &target, accepted);
  assert_int_equal (o.error, ENAMETOOLONG);
  host[0] = 0;
  LEAD (&o, &target, accepted);
  assert_int_equal (o.error, EINVAL);
  assert_int_equal (proxy.n_connects, 0);
}

/* --- Credentials ------------------------------------------------------------------------------ */

static void
test_credentials (void **state) {
  struct eva__io_socks_target target = { .host = "a", .port = 1, .credentials = "me:secret" };
  struct outcome o;

  (void) state;
  LEAD (&o, &target, "\5\2\1\0\5\0\0\1\1\2\3\4\0\120OK");
  assert_int_equal (o.error, 0);
  assert_said (&o, "\5\1\2\1\2me\6secret\5\1\0\3\1a\0\1");
  assert_string_equal (o.rest, "OK");
  /* The first colon divides.  */
  target.credentials = "me::se:cret";
  LEAD (&o, &target, "\5\2\1\0\5\0\0\1\1\2\3\4\0\120");
  assert_said (&o, "\5\1\2\1\2me\10:se:cret\5\1\0\3\1a\0\1");
}

/* A proxy that would let us in without them is not told them, nor anything else.  */
static void
test_credentials_refused (void **state) {
  static const struct reply refusals[] = {
    REPLY ("\5\0", ENOTSUP),      REPLY ("\5\377", ENOTSUP),           REPLY ("\5\2\1\1", EACCES),
    REPLY ("\5\2\1\377", EACCES), REPLY ("\5\2\5\0", EPROTONOSUPPORT), REPLY ("\5\2\1", EIO),
    REPLY ("\5\2", EIO),
  };
  struct eva__io_socks_target target = { .host = "a", .port = 1, .credentials = "me:secret" };
  struct outcome o;

  (void) state;
  for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
    lead (&o, &target, refusals[i].octets, refusals[i].len);
    assert_int_equal (o.error, refusals[i].result);
    if (i < 2) assert_said (&o, "\5\1\2");
  }
}

static void
test_bad_credentials (void **state) {
  static char long_user[300], long_password[300];
  const char *bad[] = { "", ":", "me", "me:", ":secret", long_user, long_password };
  struct eva__io_socks_target target = { .host = "a", .port = 1 };
  struct outcome o;

  (void) state;
  memset (long_user, 'u', 256);
  strcpy (long_user + 256, ":p");
  strcpy (long_password, "u:");
  memset (long_password + 2, 'p', 256);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    target.credentials = bad[i];
    LEAD (&o, &target, accepted);
    assert_int_equal (o.error, EINVAL);
    assert_int_equal (proxy.n_connects, 0);
  }
  /* The longest that there can be.  */
  memset (long_user, 'u', 255);
  long_user[255] = ':';
  memset (long_user + 256, 'p', 43);
  target.credentials = long_user;
  LEAD (&o, &target, "\5\2\1\0\5\0\0\1\1\2\3\4\0\120");
  assert_int_equal (o.error, 0);
  assert_int_equal (o.said_len, 3 + 3 + 255 + 43 + 8);
}

/* --- Only asking whether it is there ---------------------------------------------------------- */

static void
test_probe (void **state) {
  struct eva__io_socks_target target = { .host = NULL };
  struct outcome o;

  (void) state;
  LEAD (&o, &target, "\5\0");
  assert_int_equal (o.error, 0);
  assert_said (&o, "\5\1\0");
  target.credentials = "me:secret";
  LEAD (&o, &target, "\5\2\1\0");
  assert_int_equal (o.error, 0);
  assert_said (&o, "\5\1\2\1\2me\6secret");
  LEAD (&o, &target, "\5\377");
  assert_int_equal (o.error, ENOTSUP);
}

/* --- Reaching the proxy ----------------------------------------------------------------------- */

/* Connects with PORT while REFUSE connects fail.  Returns 0 or the errno.  */
static int
reach (unsigned short port, int refuse, int domain) {
  struct eva__io_socks_target target = { .host = NULL };
  struct eva__io_sys sys;
  int fd = socket (domain, SOCK_STREAM | SOCK_CLOEXEC, 0), rc;

  if (fd < 0) return -1;
  eva__io_sys_init (&sys, NULL, NULL);
  sys.hooks.connect = hook_connect;
  memset (&proxy, 0, sizeof proxy);
  proxy.fd = -1;
  proxy.answers = "\5\0";
  proxy.answers_len = 2;
  proxy.refuse = refuse;
  rc = eva__io_socks_connect (&sys, fd, port, &target) < 0 ? errno : 0;
  close (fd);
  if (proxy.fd >= 0) close (proxy.fd);
  return rc;
}

/* Tor as a service, or else that of the Tor browser; for other proxies there is one port.  */
static void
test_ports (void **state) {
  (void) state;
  assert_int_equal (reach (EVA__IO_SOCKS_TOR_PORT, 0, AF_INET), 0);
  assert_int_equal (proxy.n_connects, 1);
  assert_int_equal (proxy.ports[0], 9050);
  assert_int_equal (reach (EVA__IO_SOCKS_TOR_PORT, 1, AF_INET), 0);
  assert_int_equal (proxy.ports[1], 9150);
  assert_int_equal (reach (EVA__IO_SOCKS_TOR_PORT, 2, AF_INET), ECONNREFUSED);
  assert_int_equal (proxy.n_connects, 2);
  assert_int_equal (reach (EVA__IO_SOCKS_PORT, 1, AF_INET), ECONNREFUSED);
  assert_int_equal (proxy.n_connects, 1);
}

/* An IPv6 socket reaches the proxy at 127.0.0.1 too.  */
static void
test_v6_socket (void **state) {
  int rc = reach (EVA__IO_SOCKS_PORT, 0, AF_INET6);

  (void) state;
  if (rc < 0) return; /* no IPv6 here */
  assert_int_equal (rc, 0);
  assert_true (proxy.is_v6);
}

/* A proxy that accepts and says nothing: waiting ends, and goes through the program's sleep.  */
static void
test_silent_proxy (void **state) {
  struct eva__io_socks_target target = { .host = NULL };
  struct assuan_system_hooks hooks = *eva__io_sys_default ();
  struct eva__io_sys sys;
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  (void) state;
  hooks.connect = hook_connect;
  hooks.usleep = hook_usleep;
  eva__io_sys_init (&sys, NULL, &hooks);
  memset (&proxy, 0, sizeof proxy);
  assert_fails (eva__io_socks_connect (&sys, fd, EVA__IO_SOCKS_PORT, &target), ETIMEDOUT);
  assert_in_range (proxy.slept_us, EVA__IO_SOCKS_TIMEOUT_MS * 1000ul,
                   EVA__IO_SOCKS_TIMEOUT_MS * 1000ul + 20000);
  close (fd);
  close (proxy.fd);
}

/* A real connect of a non-blocking socket, which is under way when it returns.  */
static void
test_nothing_listens (void **state) {
  struct eva__io_socks_target target = { .host = NULL };
  struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr = { htonl (INADDR_LOOPBACK) } };
  socklen_t len = sizeof addr;
  int holder = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct eva__io_sys sys;

  (void) state;
  eva__io_sys_init (&sys, NULL, NULL);
  /* Bound and not listening: no other process gets this port meanwhile.  */
  assert_int_equal (bind (holder, (struct sockaddr *) &addr, len), 0);
  assert_int_equal (getsockname (holder, (struct sockaddr *) &addr, &len), 0);
  for (int nonblocking = 0; nonblocking < 2; nonblocking++) {
    int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (nonblocking) set_nonblocking (fd);
    assert_fails (eva__io_socks_connect (&sys, fd, ntohs (addr.sin_port), &target), ECONNREFUSED);
    close (fd);
  }
  close (holder);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    fixture_test (test_replies),
    fixture_test (test_all_heads),
    fixture_test (test_host),
    fixture_test (test_addresses),
    fixture_test (test_kinds_of_replies),
    fixture_test (test_proxy_leaves),
    fixture_test (test_refusals),
    fixture_test (test_hosts),
    fixture_test (test_credentials),
    fixture_test (test_credentials_refused),
    fixture_test (test_bad_credentials),
    fixture_test (test_probe),
    fixture_test (test_ports),
    fixture_test (test_v6_socket),
    fixture_test (test_silent_proxy),
    fixture_test (test_nothing_listens),
  };

  return cmocka_run_group_tests_name ("socks", tests, NULL, NULL);
}
