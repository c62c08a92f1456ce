/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-address.c - names of servers, and connecting to them: Unix sockets, redirected ones, the
   loopback network, and when a proxy is asked.  */

#include "fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/address.h"

/* --- Names ------------------------------------------------------------------------------------ */

/* Where the connect hook was sent last, as text; it connects to nothing.  */
static char seen[200];
static int n_connects, connect_error;

static void
describe (const struct sockaddr *addr, socklen_t len) {
  struct sockaddr_un un = { .sun_family = AF_UNSPEC };
  struct sockaddr_in in;
  struct sockaddr_in6 in6;
  char host[INET6_ADDRSTRLEN] = "";

  if (addr->sa_family == AF_UNIX) {
    memcpy (&un, addr, len);
    snprintf (seen, sizeof seen, "unix %s%s", un.sun_path[0] ? "" : "abstract ",
              un.sun_path + !un.sun_path[0]);
  } else if (addr->sa_family == AF_INET) {
    memcpy (&in, addr, sizeof in);
    inet_ntop (AF_INET, &in.sin_addr, host, sizeof host);
    snprintf (seen, sizeof seen, "inet %s %d", host, ntohs (in.sin_port));
  } else {
    memcpy (&in6, addr, sizeof in6);
    inet_ntop (AF_INET6, &in6.sin6_addr, host, sizeof host);
    snprintf (seen, sizeof seen, "inet6 %s %d", host, ntohs (in6.sin6_port));
  }
}

static int
hook_connect (assuan_context_t ctx, int sock, struct sockaddr *addr, socklen_t length) {
  (void) ctx;
  assert_true (fds_is_open (sock));
  n_connects++;
  describe (addr, length);
  if (!connect_error) return 0;
  errno = connect_error;
  return -1;
}

/* A socket that a program made without close-on-exec.  */
static int
hook_socket (assuan_context_t ctx, int domain, int style, int protocol) {
  (void) ctx;
  /* IPv6 may be switched off here; a number is all that is needed.  */
  return socket (domain == AF_INET6 ? AF_INET : domain, style, protocol);
}

static void
make_sys (struct eva__io_sys *sys, bool hooked) {
  eva__io_sys_init (sys, NULL, NULL);
  if (hooked) {
    sys->hooks.connect = hook_connect;
    sys->hooks.socket = hook_socket;
  }
  seen[0] = 0;
  n_connects = connect_error = 0;
}

struct name {
  const char *name;
  const char *seen; /* NULL: EINVAL */
};

static const struct name names[] = {
  { "/tmp/S", "unix /tmp/S" },
  { "/", "unix /" },
  { "file:///tmp/S", "unix /tmp/S" },
  { "file://relative", "unix relative" },
  { "file://@at", "unix @at" },
  { "@eva-test", "unix abstract eva-test" },
  { "assuan://192.0.2.1:80", "inet 192.0.2.1 80" },
  { "assuan://192.0.2.1:65535", "inet 192.0.2.1 65535" },
  { "assuan://192.0.2.1:00080", "inet 192.0.2.1 80" },
  { "assuan://[2001:db8::1]:1", "inet6 2001:db8::1 1" },
  { "assuan://[::ffff:192.0.2.1]:1", "inet6 ::ffff:192.0.2.1 1" },
  { "", NULL },
  { "@", NULL },
  { "relative", NULL },
  { "./relative", NULL },
  { "file://", NULL },
  { "file:/tmp/S", NULL },
  { "FILE:///tmp/S", NULL },
  { "http://192.0.2.1:80", NULL },
  { "assuan://", NULL },
  { "assuan://192.0.2.1", NULL },
  { "assuan://192.0.2.1:", NULL },
  { "assuan://192.0.2.1:0", NULL },
  { "assuan://192.0.2.1:65536", NULL },
  { "assuan://192.0.2.1:4294967376", NULL },
  { "assuan://192.0.2.1:18446744073709551696", NULL },
  { "assuan://192.0.2.1:80x", NULL },
  { "assuan://192.0.2.1:80/", NULL },
  { "assuan://192.0.2.1:-1", NULL },
  { "assuan://192.0.2.1: 80", NULL },
  { "assuan://192.0.2.1 :80", NULL },
  { "assuan://192.0.2:80", NULL },
  { "assuan://192.0.2.256:80", NULL },
  { "assuan://localhost:80", NULL },
  { "assuan://:80", NULL },
  { "assuan://::1:80", NULL },
  { "assuan://[::1]", NULL },
  { "assuan://[::1]80", NULL },
  { "assuan://[::1]:", NULL },
  { "assuan://[::1:80", NULL },
  { "assuan://[]:80", NULL },
  { "assuan://[192.0.2.1]:80", NULL },
  { "assuan://[fe80::1%lo]:80", NULL },
  { "assuan://[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd]:80", NULL },
};

static void
test_names (void **state) {
  struct eva__io_sys sys;

  (void) state;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    assuan_fd_t fd = 77;
    bool is_local = false;
    make_sys (&sys, true);
    if (names[i].seen) {
      assert_int_equal (eva__io_address_connect (&sys, names[i].name, &is_local, &fd), 0);
      assert_string_equal (seen, names[i].seen);
      assert_true (is_cloexec (fd));
      assert_int_equal (is_local, !strncmp (seen, "unix", 4));
      close (fd);
    } else {
      assert_fails (eva__io_address_connect (&sys, names[i].name, &is_local, &fd), EINVAL);
      assert_int_equal (n_connects, 0);
      assert_int_equal (fd, 77);
    }
  }
}

static void
test_long_names (void **state) {
  struct eva__io_sys sys;
  char name[200] = "file:///";

  (void) state;
  make_sys (&sys, true);
  for (size_t len = 105; len < 112; len++) {
    assuan_fd_t fd;
    bool is_local;
    memset (name + 8, 'x', len - 1);
    name[7 + len] = 0;
    for (int i = 0; i < 8; i += 7) {
      if (len <= 107) {
        assert_int_equal (eva__io_address_connect (&sys, name + i, &is_local, &fd), 0);
        close (fd);
      } else {
        assert_fails (eva__io_address_connect (&sys, name + i, &is_local, &fd), ENAMETOOLONG);
      }
    }
  }
}

/* The errors of names are for names; what a connection gives is passed on, and nothing stays
   open.  */
static void
test_errors (void **state) {
  static const int errors[][2] = { { ECONNREFUSED, ECONNREFUSED },
                                   { ENETDOWN, ENETDOWN },
                                   { EINVAL, EADDRNOTAVAIL } };
  struct eva__io_sys sys;

  (void) state;
  make_sys (&sys, true);
  for (size_t i = 0; i < 3; i++) {
    assuan_fd_t fd = 77;
    bool is_local;
    connect_error = errors[i][0];
    assert_fails (eva__io_address_connect (&sys, "/tmp/S", &is_local, &fd), errors[i][1]);
    assert_int_equal (fd, 77);
  }
}

/* --- Connecting ------------------------------------------------------------------------------- */

/* Returns a socket that listens at ADDR.  */
static int
listen_at (struct sockaddr *addr, socklen_t len) {
  int fd = socket (addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

  assert_true (fd >= 0);
  assert_int_equal (bind (fd, addr, len), 0);
  assert_int_equal (listen (fd, 5), 0);
  return fd;
}

static int
listen_at_path (const char *path) {
  struct sockaddr_un addr = { .sun_family = AF_UNIX };

  strcpy (addr.sun_path, path);
  return listen_at ((struct sockaddr *) &addr, sizeof addr);
}

/* Asserts that FD talks to a connection that LISTENER accepts, and closes all three.  */
static void
assert_connected (int fd, int listener) {
  int peer = accept (listener, NULL, NULL);
  char octet = 0;

  assert_true (peer >= 0);
  write_all (fd, "x", 1);
  read_all (peer, &octet, 1);
  assert_int_equal (octet, 'x');
  close (peer);
  close (fd);
  close (listener);
}

static void
connect_to (const char *name, bool expect_local, int listener) {
  struct eva__io_sys sys;
  assuan_fd_t fd;
  bool is_local = !expect_local;

  make_sys (&sys, false);
  assert_int_equal (eva__io_address_connect (&sys, name, &is_local, &fd), 0);
  assert_int_equal (is_local, expect_local);
  assert_true (is_cloexec (fd));
  assert_connected (fd, listener);
}

static void
test_path (void **state) {
  const char *path = tmpdir_path ("S");

  (void) state;
  connect_to (path, true, listen_at_path (path));
}

static void
test_redirection (void **state) {
  const char *target = tmpdir_path ("S");
  char text[400], url[400];
  struct eva__io_sys sys;
  assuan_fd_t fd;
  bool is_local;

  (void) state;
  snprintf (text, sizeof text, "%%Assuan%%\nsocket=%s\n", target);
  snprintf (url, sizeof url, "file://%s", fixture_file ("R", text, strlen (text)));
  connect_to (url, true, listen_at_path (target));
  /* A bad one is no bad name.  */
  fixture_file ("R", "%Assuan%\nsocket=${\n", 19);
  make_sys (&sys, false);
  assert_fails (eva__io_address_connect (&sys, url, &is_local, &fd), EADDRNOTAVAIL);
}

static void
test_abstract (void **state) {
  struct sockaddr_un addr = { .sun_family = AF_UNIX };
  char name[60];
  int len;

  (void) state;
  len = snprintf (name, sizeof name, "@eva-test-%d", (int) getpid ());
  memcpy (addr.sun_path + 1, name + 1, (size_t) len - 1);
  connect_to (name, true,
              listen_at ((struct sockaddr *) &addr,
                         (socklen_t) offsetof (struct sockaddr_un, sun_path) + (socklen_t) len));
}

static void
test_network (void **state) {
  struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr = { htonl (INADDR_LOOPBACK) } };
  int listener = listen_at ((struct sockaddr *) &addr, sizeof addr);
  socklen_t len = sizeof addr;
  char name[60];

  (void) state;
  assert_int_equal (getsockname (listener, (struct sockaddr *) &addr, &len), 0);
  snprintf (name, sizeof name, "assuan://127.0.0.1:%d", ntohs (addr.sin_port));
  connect_to (name, false, listener);
}

/* The caller's socket and address, which may be anything.  */
static void
test_connect_fd (void **state) {
  const char *path = tmpdir_path ("S");
  int listener = listen_at_path (path);
  struct sockaddr_un addr = { .sun_family = AF_UNIX };
  struct eva__io_sys sys;
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  (void) state;
  make_sys (&sys, false);
  strcpy (addr.sun_path, path);
  assert_fails (eva__io_address_connect_fd (&sys, fd, (struct sockaddr *) &addr, 0), EINVAL);
  assert_fails (eva__io_address_connect_fd (&sys, fd, (struct sockaddr *) &addr, 1), EINVAL);
  assert_fails (eva__io_address_connect_fd (&sys, -1, (struct sockaddr *) &addr, sizeof addr),
                EBADF);
  /* A path that fills its field has no NUL.  */
  memset (addr.sun_path, 'x', sizeof addr.sun_path);
  assert_fails (eva__io_address_connect_fd (&sys, fd, (struct sockaddr *) &addr, sizeof addr),
                ENOENT);
  memset (addr.sun_path, 0, sizeof addr.sun_path);
  strcpy (addr.sun_path, path);
  assert_int_equal (eva__io_address_connect_fd (&sys, fd, (struct sockaddr *) &addr, sizeof addr),
                    0);
  assert_connected (fd, listener);
}

/* --- The proxy -------------------------------------------------------------------------------- */

/* With a proxy set, only loopback and Unix sockets are connected to directly.  */
static void
test_proxy (void **state) {
  static const struct name with_proxy[] = {
    { "assuan://192.0.2.1:80", "inet 127.0.0.1 1080" },
    { "assuan://[2001:db8::1]:80", "inet 127.0.0.1 1080" },
    { "assuan://0.0.0.0:80", "inet 127.0.0.1 1080" },
    { "assuan://128.0.0.1:80", "inet 127.0.0.1 1080" },
    { "assuan://127.0.0.1:80", "inet 127.0.0.1 80" },
    { "assuan://127.255.0.1:80", "inet 127.255.0.1 80" },
    { "assuan://[::1]:80", "inet6 ::1 80" },
    { "assuan://[::ffff:127.0.0.1]:80", "inet6 ::ffff:127.0.0.1 80" },
    { "/tmp/S", "unix /tmp/S" },
  };
  struct eva__io_sys sys;
  assuan_fd_t fd;
  bool is_local;

  (void) state;
  assert_int_equal (eva__io_address_get_proxy (), 0);
  eva__io_address_set_proxy (1080);
  for (size_t i = 0; i < sizeof with_proxy / sizeof *with_proxy; i++) {
    make_sys (&sys, true);
    connect_error = ENETDOWN;
    assert_fails (eva__io_address_connect (&sys, with_proxy[i].name, &is_local, &fd), ENETDOWN);
    assert_string_equal (seen, with_proxy[i].seen);
    assert_int_equal (n_connects, 1);
  }
  eva__io_address_set_proxy (0);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    fixture_test (test_names),   fixture_test (test_long_names),  fixture_test (test_errors),
    fixture_test (test_path),    fixture_test (test_redirection), fixture_test (test_abstract),
    fixture_test (test_network), fixture_test (test_connect_fd),  fixture_test (test_proxy),
  };

  return cmocka_run_group_tests_name ("address", tests, NULL, NULL);
}
