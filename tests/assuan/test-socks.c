/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The socket wrappers through a SOCKS5 proxy (RFC 1928, RFC 1929), which is a thread of the test.
 * The library knows proxies at fixed ports of the loopback only, so the test runs in a network
 * namespace of its own where the kernel allows that; elsewhere it does nothing if one of those
 * ports is taken.  */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proxy.h"

/* Ports on which other processes listen are not for tests.  */
static bool ports_are_free;

/* The client said exactly these packets.  */
static void
expect_said (const struct proxy *p, const char *octets, size_t len) {
  assert_int_equal (p->said_len, len);
  assert_memory_equal (p->said, octets, len);
}

/* Both ends of an established connection.  */
static void
check_connection (assuan_fd_t fd, struct proxy *p) {
  assert_true (fd >= 0);
  peer_expect (fd, p->script->hello);
  peer_say (fd, "BYE\n");
  assuan_sock_close (fd);
  proxy_stop (p);
  assert_string_equal (p->app, "BYE\n");
}

static void
test_request (void **state) {
  struct proxy p;
  assuan_fd_t fd;

  (void) state;
  if (!ports_are_free) skip ();
  proxy_start (&p, PORT_SOCKS, &success);
  fd = assuan_sock_connect_byname ("example.org", 8080, 0, NULL, ASSUAN_SOCK_SOCKS);
  check_connection (fd, &p);
  expect_said (&p, OCTETS ("\5\1\0\5\1\0\3\13example.org\37\220"));
}

/* The proxy resolves names; what looks like an address is a name, too.  */
static void
test_hosts (void **state) {
  static const char *const hosts[] = { "192.0.2.1", "2001:db8::1", "[2001:db8::1]", "h" };
  char host[300];

  (void) state;
  if (!ports_are_free) skip ();
  for (size_t i = 0; i < 5; i++) {
    struct proxy p;
    assuan_fd_t fd;

    memset (host, 'h', 255);
    host[255] = 0;
    if (i < 4) strcpy (host, hosts[i]);
    proxy_start (&p, PORT_SOCKS, &success);
    fd = assuan_sock_connect_byname (host, 0, 0, NULL, ASSUAN_SOCK_SOCKS);
    check_connection (fd, &p);
    assert_int_equal (p.said_len, 3 + 5 + strlen (host) + 2);
    assert_int_equal (p.said[7], strlen (host));
    assert_memory_equal (p.said + 8, host, strlen (host));
  }
}

/* The call fails with errno ERRNUM.  */
static void
check_fails (const struct script *script, const char *host, const char *credentials, int errnum) {
  struct proxy p;

  proxy_start (&p, PORT_SOCKS, script);
  errno = 0;
  assert_int_equal (
      assuan_sock_connect_byname (host, host ? 80 : 0, 0, credentials, ASSUAN_SOCK_SOCKS), -1);
  assert_int_equal (errno, errnum);
  proxy_stop (&p);
}

static void
test_bad_hosts (void **state) {
  char host[300];

  (void) state;
  if (!ports_are_free) skip ();
  memset (host, 'h', sizeof host);
  host[256] = 0;
  check_fails (&success, host, NULL, ENAMETOOLONG);
  check_fails (&success, "", NULL, EINVAL);
}

static void
test_reply_codes (void **state) {
  static const int codes[] = { 0,           ENETDOWN,     EACCES,
                               ENETUNREACH, EHOSTUNREACH, ECONNREFUSED,
                               ETIMEDOUT,   EOPNOTSUPP,   EPROTONOSUPPORT,
                               EOPNOTSUPP };

  (void) state;
  if (!ports_are_free) skip ();
  for (int code = 1; code < 10; code++) {
    char reply[] = "\5\0\0\1\0\0\0\0\0\0";
    struct script script = { METHOD_NONE, .reply = reply, .reply_len = 10 };

    reply[1] = (char) code;
    check_fails (&script, "h", NULL, codes[code]);
  }
}

static void
test_bad_answers (void **state) {
  static const struct {
    struct script script;
    int errnum;
  } rows[] = {
    { { .method = "\4\0", .method_len = 2 }, EOPNOTSUPP },
    { { .method = "\5\377", .method_len = 2 }, EOPNOTSUPP },
    { { .method = "\5\1", .method_len = 2 }, EOPNOTSUPP },
    { { .method = "\5\2", .method_len = 2 }, EOPNOTSUPP },
    { { .method = "\5", .method_len = 1 }, EIO },
    { { .method = NULL }, EIO },
    { { METHOD_NONE }, EIO },
    { { METHOD_NONE, .reply = "\5\0\0", .reply_len = 3 }, EIO },
    { { METHOD_NONE, .reply = "\5\0\0\1\177\0\0\1\22", .reply_len = 9 }, EIO },
    { { METHOD_NONE, .reply = "\4\0\0\1\177\0\0\1\22\64", .reply_len = 10 }, EPROTONOSUPPORT },
    { { METHOD_NONE, .reply = "\5\0\1\1\177\0\0\1\22\64", .reply_len = 10 }, EPROTONOSUPPORT },
  };

  (void) state;
  if (!ports_are_free) skip ();
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    check_fails (&rows[i].script, "h", NULL, rows[i].errnum);
}

/* The proxy's own address in its reply is of no interest, but its length is: what comes behind
 * it belongs to the program.
 * deviation: SOCKS: host-name replies misread | parsed */
static void
test_reply_addresses (void **state) {
  static const struct script ipv6 = { METHOD_NONE,
                                      .reply = "\5\0\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\22\64",
                                      .reply_len = 22, .hello = "OK hello\n" };
  static const struct script names[] = {
    { METHOD_NONE, .reply = "\5\0\0\3\1h\22\64", .reply_len = 8, .hello = "OK hello\n" },
    { METHOD_NONE, .reply = "\5\0\0\3\5proxy\22\64", .reply_len = 12, .hello = "OK hello\n" },
  };
  struct proxy p;

  (void) state;
  if (!ports_are_free) skip ();
  proxy_start (&p, PORT_SOCKS, &ipv6);
  check_connection (assuan_sock_connect_byname ("h", 80, 0, NULL, ASSUAN_SOCK_SOCKS), &p);
  for (size_t i = 0; i < 2; i++) {
    assuan_fd_t fd;

    proxy_start (&p, PORT_SOCKS, &names[i]);
    fd = assuan_sock_connect_byname ("h", 80, 0, NULL, ASSUAN_SOCK_SOCKS);
    if (!on_oracle ()) {
      check_connection (fd, &p);
      continue;
    }
    /* It takes ten octets for the whole.  */
    peer_expect (fd, i ? "\22\64OK hello\n" : " hello\n");
    assuan_sock_close (fd);
    proxy_stop (&p);
  }
}

static void
test_credentials (void **state) {
  static const struct {
    const char *credentials;
    const char *octets;
    size_t len;
  } rows[] = {
    { "user:pass", OCTETS ("\5\1\2\1\4user\4pass") },
    { "u:p:q", OCTETS ("\5\1\2\1\1u\3p:q") },
    { "a b:%41", OCTETS ("\5\1\2\1\3a b\3%41") },
  };

  (void) state;
  if (!ports_are_free) skip ();
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct proxy p;
    assuan_fd_t fd;

    proxy_start (&p, PORT_SOCKS, &login);
    fd = assuan_sock_connect_byname ("h", 80, 0, rows[i].credentials, ASSUAN_SOCK_SOCKS);
    check_connection (fd, &p);
    assert_true (p.said_len > rows[i].len);
    assert_memory_equal (p.said, rows[i].octets, rows[i].len);
  }
}

static void
test_credentials_refused (void **state) {
  static const struct {
    struct script script;
    int errnum;
  } rows[] = {
    { { METHOD_LOGIN, .status = "\1\1", .status_len = 2 }, EACCES },
    { { METHOD_LOGIN, .status = "\5\0", .status_len = 2 }, EPROTONOSUPPORT },
    { { METHOD_LOGIN, .status = "\1", .status_len = 1 }, EIO },
    /* A caller that asked for a login does not want to go without.  */
    { { METHOD_NONE, REPLY_OK }, EOPNOTSUPP },
  };

  (void) state;
  if (!ports_are_free) skip ();
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    check_fails (&rows[i].script, "h", "user:pass", rows[i].errnum);
}

/* Credentials that no proxy could be told.
 * deviation: credentials that cannot be used are refused by the time that the proxy wants them |
 * before there is a connection */
static void
check_unusable (const char *credentials) {
  struct proxy p;

  proxy_start (&p, PORT_SOCKS, &login);
  errno = 0;
  assert_int_equal (assuan_sock_connect_byname ("h", 80, 0, credentials, ASSUAN_SOCK_SOCKS), -1);
  assert_int_equal (errno, EINVAL);
  proxy_stop (&p);
  assert_int_equal (p.came, on_oracle ());
  /* Without a proxy, too.  */
  errno = 0;
  assert_int_equal (assuan_sock_connect_byname ("h", 80, 0, credentials, ASSUAN_SOCK_SOCKS), -1);
  assert_int_equal (errno, on_oracle () ? ECONNREFUSED : EINVAL);
}

/* Credentials with parts of these lengths.  */
static const char *
long_credentials (size_t user_len, size_t password_len) {
  static char credentials[600];

  memset (credentials, 'x', sizeof credentials);
  credentials[user_len] = ':';
  credentials[user_len + 1 + password_len] = 0;
  return credentials;
}

static void
test_credentials_syntax (void **state) {
  static const char *const bad[] = { "user", ":pass", "user:", ":", "" };
  struct proxy p;

  (void) state;
  if (!ports_are_free) skip ();
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    check_unusable (bad[i]);
  check_unusable (long_credentials (256, 1));
  check_unusable (long_credentials (1, 256));
  proxy_start (&p, PORT_SOCKS, &login);
  check_connection (
      assuan_sock_connect_byname ("h", 80, 0, long_credentials (255, 255), ASSUAN_SOCK_SOCKS), &p);
}

static void
test_no_proxy (void **state) {
  static const unsigned int flags[] = { ASSUAN_SOCK_SOCKS, ASSUAN_SOCK_TOR,
                                        ASSUAN_SOCK_SOCKS | ASSUAN_SOCK_TOR };

  (void) state;
  if (!ports_are_free) skip ();
  for (size_t i = 0; i < 3; i++) {
    errno = 0;
    assert_int_equal (assuan_sock_connect_byname ("h", 80, 0, NULL, flags[i]), -1);
    assert_int_equal (errno, ECONNREFUSED);
    errno = 0;
    assert_int_equal (assuan_sock_connect_byname (NULL, 0, 0, NULL, flags[i]), -1);
    assert_int_equal (errno, ECONNREFUSED);
  }
}

/* Only the login: dirmngr asks this way whether Tor is there.  */
static void
test_is_there (void **state) {
  static const struct script no_answer = { .method = NULL };
  struct proxy p;
  assuan_fd_t fd;

  (void) state;
  if (!ports_are_free) skip ();
  proxy_start (&p, PORT_TOR, &success);
  fd = assuan_sock_connect_byname (NULL, 0, 0, NULL, ASSUAN_SOCK_TOR);
  assert_true (fd >= 0);
  assuan_sock_close (fd);
  proxy_stop (&p);
  expect_said (&p, OCTETS ("\5\1\0"));
  check_fails (&no_answer, NULL, NULL, EIO);
}

/* Tor is stronger than another proxy; it listens at either of two ports.  */
static void
test_tor (void **state) {
  static const struct {
    unsigned short port;
    unsigned int flags;
  } rows[] = { { PORT_TOR, ASSUAN_SOCK_TOR },
               { PORT_TOR, ASSUAN_SOCK_TOR | ASSUAN_SOCK_SOCKS },
               { PORT_TOR_BROWSER, ASSUAN_SOCK_TOR } };

  (void) state;
  if (!ports_are_free) skip ();
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct proxy p;
    assuan_fd_t fd;

    proxy_start (&p, rows[i].port, &success);
    fd = assuan_sock_connect_byname ("example.onion", 80, 0, NULL, rows[i].flags);
    check_connection (fd, &p);
  }
}

/* The flags hold for the rest of the process, so each test of them has one of its own.  Returns
 * the exit status of RUN, whose assertions it must make itself.  */
static int
in_process (int (*run) (const char *flag), const char *flag) {
  pid_t pid = fork ();
  int status;

  assert_int_not_equal (pid, -1);
  if (!pid) _exit (run (flag));
  assert_int_equal (waitpid (pid, &status, 0), pid);
  assert_true (WIFEXITED (status));
  return WEXITSTATUS (status);
}

static int
flag_value (const char *name) {
  int value = -7;

  return assuan_sock_get_flag (ASSUAN_INVALID_FD, name, &value) ? -1 : value;
}

static int
set_both_flags (const char *flag) {
  (void) flag;
  if (assuan_sock_set_flag (ASSUAN_INVALID_FD, "socks", 1)) return 1;
  if (flag_value ("socks") != 1 || flag_value ("tor-mode")) return 2;
  if (assuan_sock_set_flag (ASSUAN_INVALID_FD, "tor-mode", 1)) return 3;
  if (flag_value ("socks") || flag_value ("tor-mode") != 1) return 4;
  if (assuan_sock_set_flag (ASSUAN_INVALID_FD, "tor-mode", 0) != -1) return 5;
  if (errno != EPERM || flag_value ("tor-mode") != 1) return 6;
  if (assuan_sock_set_flag (ASSUAN_INVALID_FD, "socks", 0) != -1 || errno != EPERM) return 7;
  return 0;
}

static void
test_flags (void **state) {
  (void) state;
  assert_int_equal (in_process (set_both_flags, NULL), 0);
}

/* Connect to ADDRESS; 0 or errno.  */
static int
connect_to (const char *address, unsigned short port) {
  struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons (port) };
  int fd = assuan_sock_new (AF_INET, SOCK_STREAM, 0), result;

  inet_pton (AF_INET, address, &addr.sin_addr);
  result = assuan_sock_connect (fd, (struct sockaddr *) &addr, sizeof addr) ? errno : 0;
  assuan_sock_close (fd);
  return result;
}

/* No process listens on port 1 of the loopback.  */
static int
connect_near (const char *flag) {
  if (assuan_sock_set_flag (ASSUAN_INVALID_FD, flag, 1)) return 255;
  if (connect_to ("127.0.0.2", 1) != ECONNREFUSED) return 254;
  return connect_to ("127.0.0.1", 1);
}

static int
connect_far (const char *flag) {
  if (assuan_sock_set_flag (ASSUAN_INVALID_FD, flag, 1)) return 255;
  return connect_to ("192.0.2.7", 99);
}

static void
check_mode (const char *flag, unsigned short port) {
  struct proxy p;

  proxy_start (&p, port, &success);
  assert_int_equal (in_process (connect_near, flag), ECONNREFUSED);
  proxy_stop (&p);
  assert_false (p.came);
  proxy_start (&p, port, &success);
  assert_int_equal (in_process (connect_far, flag), 0);
  proxy_stop (&p);
  expect_said (&p, OCTETS ("\5\1\0\5\1\0\1\300\0\2\7\0\143"));
  assert_int_equal (in_process (connect_far, flag), ECONNREFUSED);
}

static void
test_modes (void **state) {
  (void) state;
  if (!ports_are_free) skip ();
  check_mode ("socks", PORT_SOCKS);
  check_mode ("tor-mode", PORT_TOR);
  check_mode ("tor-mode", PORT_TOR_BROWSER);
}

/* An address of any of the lengths that the kernel takes for it, and some others.  */
struct far {
  int family;
  int len;
};

/* Connect to an address that is not near, in a proxy mode; 0 or errno.  */
static int
connect_with_length (const char *arg) {
  const struct far *far = (const void *) arg;
  union {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    char octets[200];
  } addr;
  int fd = assuan_sock_new (far->family, SOCK_STREAM, 0), result;

  if (assuan_sock_set_flag (ASSUAN_INVALID_FD, "socks", 1)) return 255;
  memset (&addr, 0, sizeof addr);
  addr.any.sa_family = (sa_family_t) far->family;
  addr.in.sin_port = htons (99);
  if (far->family == AF_INET)
    inet_pton (AF_INET, "192.0.2.7", &addr.in.sin_addr);
  else
    inet_pton (AF_INET6, "2001:db8::7", &addr.in6.sin6_addr);
  result = assuan_sock_connect (fd, &addr.any, (_assuan_addrlen_t) far->len) ? errno : 0;
  assuan_sock_close (fd);
  return result;
}

/* The connection goes through the proxy, or fails with ERRNUM and does not come there.  */
static void
check_length (const struct far *far, int errnum) {
  int fd = assuan_sock_new (far->family, SOCK_STREAM, 0);
  struct proxy p;

  if (fd < 0) return; /* a machine without IPv6 */
  assuan_sock_close (fd);
  proxy_start (&p, PORT_SOCKS, &success);
  assert_int_equal (in_process (connect_with_length, (const char *) far), errnum);
  proxy_stop (&p);
  assert_int_equal (p.came, !errnum);
}

/* The family alone decides that an address is one for the proxy.
 * deviation: In a proxy mode an address that its length cuts off is read behind it | EINVAL
 * deviation: In a proxy mode an IPv6 socket cannot be connected | It reaches the proxy  */
static void
test_lengths (void **state) {
  static const struct far through[] = {
    { AF_INET, 16 },   { AF_INET, 110 },
    { AF_INET, 111 },  { AF_INET, sizeof (struct sockaddr_storage) },
    { AF_INET, 129 },  { AF_INET6, 24 },
    { AF_INET6, 27 },  { AF_INET6, 28 },
    { AF_INET6, 110 }, { AF_INET6, sizeof (struct sockaddr_storage) },
  };
  static const struct far cut[] = { { AF_INET, 0 },  { AF_INET, 1 },  { AF_INET, 2 },
                                    { AF_INET, 15 }, { AF_INET6, 8 }, { AF_INET6, 23 } };
  (void) state;
  if (!ports_are_free) skip ();
  for (size_t i = 0; i < sizeof through / sizeof *through; i++)
    check_length (&through[i], on_oracle () && through[i].family == AF_INET6 ? EINVAL : 0);
  for (size_t i = 0; i < sizeof cut / sizeof *cut; i++)
    check_length (&cut[i], on_oracle () && cut[i].family == AF_INET ? 0 : EINVAL);
}

/* deviation: SOCKS: ... descriptors above 1023 unsafe | poll */
static void
test_high_descriptor (void **state) {
  struct rlimit before, limit;
  struct proxy p;
  int *low, n_low = 0;
  assuan_fd_t fd;

  (void) state;
  /* The reference library would write behind a table.  */
  if (!ports_are_free || on_oracle ()) skip ();
  assert_int_equal (getrlimit (RLIMIT_NOFILE, &before), 0);
  if (before.rlim_max < 1100) skip ();
  limit = before;
  limit.rlim_cur = 1100;
  assert_int_equal (setrlimit (RLIMIT_NOFILE, &limit), 0);
  low = calloc (1100, sizeof *low);
  proxy_start (&p, PORT_SOCKS, &success);
  do {
    low[n_low] = dup (0);
  } while (low[n_low++] < 1030);
  fd = assuan_sock_connect_byname ("h", 80, 0, NULL, ASSUAN_SOCK_SOCKS);
  assert_true (fd > 1023);
  check_connection (fd, &p);
  while (n_low)
    close (low[--n_low]);
  free (low);
  assert_int_equal (setrlimit (RLIMIT_NOFILE, &before), 0);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    sock_test (test_request),
    sock_test (test_hosts),
    sock_test (test_bad_hosts),
    sock_test (test_reply_codes),
    sock_test (test_bad_answers),
    sock_test (test_reply_addresses),
    sock_test (test_credentials),
    sock_test (test_credentials_refused),
    sock_test (test_credentials_syntax),
    sock_test (test_no_proxy),
    sock_test (test_is_there),
    sock_test (test_tor),
    sock_test (test_flags),
    sock_test (test_modes),
    sock_test (test_lengths),
    sock_test (test_high_descriptor),
  };

  ports_are_free = proxy_init ();
  return suite_run (tests);
}
