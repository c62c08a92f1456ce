/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-dial.c - connecting without waiting: every outcome, and what must not happen on the way.  */

#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/address.h"
#include "io/dial.h"

/* --- The other side --------------------------------------------------------------------------- */

/* Dials TEXT.  */
static int
dial (const char *text, int *ret_fd) {
  struct eva__io_endpoint ep;

  assert_int_equal (eva__io_endpoint_parse (text, &ep), 0);
  return eva__io_dial (&ep, ret_fd);
}

/* Returns "PREFIX" and the path of NAME in the test's directory.  */
static const char *
address (const char *prefix, const char *name) {
  static char text[400];

  snprintf (text, sizeof text, "%s%s", prefix, tmpdir_path (name));
  return text;
}

/* Binds a new socket of ENDPOINT's family; listens with room for BACKLOG more clients than the
   first, if that is not below 0.  */
static int
serve (const char *text, int backlog) {
  struct eva__io_endpoint ep;
  int fd;

  assert_int_equal (eva__io_endpoint_parse (text, &ep), 0);
  fd = socket (ep.addr.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 && ep.addr.any.sa_family == AF_INET6) return -1;
  assert_true (fd >= 0);
  if (bind (fd, &ep.addr.any, ep.addr_len) < 0) {
    assert_int_equal (ep.addr.any.sa_family, AF_INET6);
    close (fd);
    return -1;
  }
  if (backlog >= 0) assert_int_equal (listen (fd, backlog), 0);
  return fd;
}

static const char *
address_of (int fd) {
  static char buf[EVA__IO_ENDPOINT_SIZE];

  assert_int_equal (eva__io_endpoint_format (fd, buf), 0);
  return buf;
}

static bool
has_nodelay (int fd) {
  socklen_t len = sizeof (int);
  int on = 0;

  assert_int_equal (getsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
  return on;
}

static bool
is_nonblocking (int fd) {
  return fcntl (fd, F_GETFL) & O_NONBLOCK;
}

static void
wait_writable (int fd) {
  struct pollfd p = { .fd = fd, .events = POLLOUT };

  assert_int_equal (poll (&p, 1, 60000), 1);
}

/* FD and the next client of SERVER are the two ends of one connection.  */
static void
assert_connected (int server, int fd) {
  int peer = accept (server, NULL, NULL);
  char octet = 0;

  assert_true (peer >= 0);
  assert_true (is_cloexec (fd) && is_nonblocking (fd));
  write_all (peer, "x", 1);
  while (read (fd, &octet, 1) < 0)
    assert_int_equal (errno, EAGAIN);
  assert_int_equal (octet, 'x');
  close (peer);
}

/* --- Unix sockets ----------------------------------------------------------------------------- */

static void
test_unix (void **state) {
  static const char *const prefixes[] = { "unix:", "", "file://" };
  int server = serve (address ("unix:", "s"), 5), fd;

  (void) state;
  for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
    fd = -1;
    assert_int_equal (dial (address (prefixes[i], "s"), &fd), EVA__IO_DIAL_CONNECTED);
    assert_int_equal (eva__io_dial_finish (fd), EVA__IO_DIAL_CONNECTED);
    assert_connected (server, fd);
    close (fd);
  }
  close (server);
}

static void
test_abstract (void **state) {
  char text[64];
  int server, fd = -1;

  (void) state;
  snprintf (text, sizeof text, "unix:@eva-test-dial-%d", (int) getpid ());
  server = serve (text, 5);
  assert_int_equal (dial (text, &fd), EVA__IO_DIAL_CONNECTED);
  assert_connected (server, fd);
  close (fd);
  assert_int_equal (dial (text + strlen ("unix:"), &fd), EVA__IO_DIAL_CONNECTED);
  assert_connected (server, fd);
  close (fd);
  close (server);
  assert_fails (dial (text, &fd), ECONNREFUSED);
}

static void
test_unix_refused (void **state) {
  int server = serve (address ("unix:", "s"), -1), fd = 77;

  (void) state;
  assert_fails (dial (address ("unix:", "s"), &fd), ECONNREFUSED);
  close (server);
  assert_fails (dial (address ("unix:", "s"), &fd), ECONNREFUSED);
  assert_fails (dial (address ("unix:", "none"), &fd), ENOENT);
  assert_fails (dial (address ("unix:", "s/s"), &fd), ENOTDIR);
  fixture_file ("file", "text", 4);
  assert_fails (dial (address ("unix:", "file"), &fd), ECONNREFUSED);
  assert_int_equal (fd, 77);
}

/* A queue that is full is no error, and waiting on the socket would be forever.  */
static void
test_busy (void **state) {
  int server = serve (address ("unix:", "s"), 0), fd[8], n = 0, rc;

  (void) state;
  do {
    fd[n] = 77;
    rc = dial (address ("unix:", "s"), &fd[n]);
  } while (rc == EVA__IO_DIAL_CONNECTED && ++n < 8);
  assert_int_equal (rc, EVA__IO_DIAL_BUSY);
  assert_int_equal (fd[n], 77);
  assert_true (n > 0);
  assert_connected (server, fd[0]);
  assert_int_equal (dial (address ("unix:", "s"), &fd[n]), EVA__IO_DIAL_CONNECTED);
  while (n >= 0)
    close (fd[n--]);
  close (server);
}

/* --- Redirections ----------------------------------------------------------------------------- */

static void
make_redirection (const char *name, const char *target) {
  char text[600];

  snprintf (text, sizeof text, "%%Assuan%%\nsocket=%s\n", target);
  fixture_file (name, text, strlen (text));
}

static void
test_redirection (void **state) {
  int server = serve (address ("unix:", "s"), 5), fd = -1;

  (void) state;
  make_redirection ("r", tmpdir_path ("s"));
  assert_int_equal (dial (address ("unix:", "r"), &fd), EVA__IO_DIAL_CONNECTED);
  assert_connected (server, fd);
  close (fd);
  assert_int_equal (dial (address ("", "r"), &fd), EVA__IO_DIAL_CONNECTED);
  assert_connected (server, fd);
  close (fd);
  close (server);
  assert_fails (dial (address ("unix:", "r"), &fd), ECONNREFUSED);
}

/* A bad file is a server that cannot be reached, not an address that was written wrong.  */
static void
test_bad_redirection (void **state) {
  char target[200];
  int fd = 77;

  (void) state;
  make_redirection ("open", "/${x");
  assert_fails (dial (address ("unix:", "open"), &fd), EADDRNOTAVAIL);
  memset (target, 'x', sizeof target);
  target[sizeof target - 1] = 0;
  make_redirection ("long", target);
  assert_fails (dial (address ("unix:", "long"), &fd), EADDRNOTAVAIL);
  make_redirection ("none", tmpdir_path ("nowhere"));
  assert_fails (dial (address ("unix:", "none"), &fd), ENOENT);
  assert_int_equal (fd, 77);
}

/* --- The internet ----------------------------------------------------------------------------- */

static void
try_internet (const char *text) {
  int server = serve (text, 5), fd = -1, rc;

  if (server < 0) return; /* no IPv6 here */
  rc = dial (address_of (server), &fd);
  assert_true (rc == EVA__IO_DIAL_PENDING || rc == EVA__IO_DIAL_CONNECTED);
  wait_writable (fd);
  assert_int_equal (eva__io_dial_finish (fd), EVA__IO_DIAL_CONNECTED);
  assert_true (has_nodelay (fd));
  assert_connected (server, fd);
  close (fd);
  close (server);
}

static void
test_internet (void **state) {
  (void) state;
  try_internet ("tcp:127.0.0.1:0");
  try_internet ("tcp:127.1.2.3:0");
  try_internet ("tcp:[::1]:0");
}

static void
test_internet_refused (void **state) {
  int server = serve ("tcp:127.0.0.1:0", -1), fd = -1, rc;

  (void) state;
  rc = dial (address_of (server), &fd);
  if (rc == EVA__IO_DIAL_PENDING) {
    wait_writable (fd);
    assert_fails (eva__io_dial_finish (fd), ECONNREFUSED);
    close (fd);
  } else {
    assert_int_equal (rc, -1);
    assert_int_equal (errno, ECONNREFUSED);
  }
  close (server);
}

/* A server whose queue is full leaves the handshake open: so a socket can be had that is pending as
   long as one likes.  */
static void
test_pending (void **state) {
  int server = serve ("tcp:127.0.0.1:0", 0), fd[4];

  (void) state;
  for (int i = 0; i < 4; i++) {
    int rc = dial (address_of (server), &fd[i]);
    assert_true (rc == EVA__IO_DIAL_PENDING || (!i && rc == EVA__IO_DIAL_CONNECTED));
    if (!i) wait_writable (fd[i]);
  }
  assert_int_equal (eva__io_dial_finish (fd[0]), EVA__IO_DIAL_CONNECTED);
  assert_int_equal (eva__io_dial_finish (fd[3]), EVA__IO_DIAL_PENDING);
  for (int i = 0; i < 4; i++)
    close (fd[i]);
  close (server);
}

/* TCP lets a socket connect to itself, which happens to a client that dials a port that is the
   kernel's to choose.  */
static void
test_own_peer (void **state) {
  struct eva__io_endpoint ep;
  int fd = serve ("tcp:127.0.0.1:0", -1);

  (void) state;
  assert_int_equal (eva__io_endpoint_parse (address_of (fd), &ep), 0);
  assert_int_equal (connect (fd, &ep.addr.any, ep.addr_len), 0);
  assert_fails (eva__io_dial_finish (fd), ECONNREFUSED);
  close (fd);
}

/* What should go through a proxy must not go out past it.  */
static void
test_proxy (void **state) {
  int server = serve ("tcp:127.0.0.1:0", 5), fd = 77, rc;

  (void) state;
  eva__io_address_set_proxy (9);
  assert_fails (dial ("tcp:192.0.2.1:80", &fd), ENOTSUP);
  assert_fails (dial ("assuan://192.0.2.1:80", &fd), ENOTSUP);
  assert_fails (dial ("tcp:[2001:db8::1]:80", &fd), ENOTSUP);
  assert_fails (dial ("tcp:0.0.0.0:80", &fd), ENOTSUP);
  assert_int_equal (fd, 77);
  rc = dial (address_of (server), &fd);
  eva__io_address_set_proxy (0);
  assert_true (rc == EVA__IO_DIAL_PENDING || rc == EVA__IO_DIAL_CONNECTED);
  wait_writable (fd);
  assert_connected (server, fd);
  close (fd);
  close (server);
}

/* --- Descriptors, and what cannot be dialled -------------------------------------------------- */

static int
dial_fd (int number, int *ret_fd) {
  char text[32];

  snprintf (text, sizeof text, "fd:%d", number);
  return dial (text, ret_fd);
}

static void
test_fd (void **state) {
  int pair[2], fd = -1;

  (void) state;
  fds_socketpair (pair, 0);
  fcntl (pair[0], F_SETFD, 0);
  assert_int_equal (dial_fd (pair[0], &fd), EVA__IO_DIAL_CONNECTED);
  assert_int_equal (fd, pair[0]);
  assert_true (is_cloexec (fd));
  assert_false (is_nonblocking (fd)); /* that would reach into other processes */
  fds_close_pair (pair);
}

static void
test_bad_fd (void **state) {
  int pair[2], server = serve (address ("unix:", "s"), 5), fd = 77;
  int plain = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  (void) state;
  assert_fails (dial_fd (server, &fd), ENOTCONN);
  assert_fails (dial_fd (plain, &fd), ENOTCONN);
  close (plain);
  close (server);
  assert_fails (dial_fd (server, &fd), EBADF);
  fds_pipe (pair, 0);
  assert_fails (dial_fd (pair[0], &fd), ENOTSOCK);
  assert_true (fds_is_open (pair[0]));
  fds_close_pair (pair);
  assert_int_equal (socketpair (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), 0);
  assert_fails (dial_fd (pair[0], &fd), EPROTOTYPE);
  fds_close_pair (pair);
  assert_int_equal (fd, 77);
}

static void
test_not_to_dial (void **state) {
  int fd = 77;

  (void) state;
  assert_fails (dial ("tcp:127.0.0.1:0", &fd), EINVAL);
  assert_fails (dial ("tcp:[::1]:0", &fd), EINVAL);
  assert_fails (dial ("systemd:", &fd), EINVAL);
  assert_fails (dial ("exec:true", &fd), EINVAL);
  assert_int_equal (fd, 77);
  assert_fails (eva__io_dial_finish (-1), EBADF);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    fixture_test (test_unix),         fixture_test (test_abstract),
    fixture_test (test_unix_refused), fixture_test (test_busy),
    fixture_test (test_redirection),  fixture_test (test_bad_redirection),
    fixture_test (test_internet),     fixture_test (test_internet_refused),
    fixture_test (test_pending),      fixture_test (test_own_peer),
    fixture_test (test_proxy),        fixture_test (test_fd),
    fixture_test (test_bad_fd),       fixture_test (test_not_to_dial),
  };

  return cmocka_run_group_tests_name ("dial", tests, NULL, NULL);
}
