/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-endpoint.c - addresses in words: every form, every way to get it wrong, and back.  */

#include "fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "io/endpoint.h"
#include "io/ssh.h"

#define countof(array) (sizeof (array) / sizeof *(array))

/* Says in words what EP holds, all of it.  */
static const char *
describe (const struct eva__io_endpoint *ep) {
  static char text[600];
  char addr[EVA__IO_ENDPOINT_SIZE];
  struct eva__io_ssh ssh;

  switch (ep->kind) {
  case EVA__IO_ENDPOINT_UNIX:
  case EVA__IO_ENDPOINT_INTERNET:
    assert_int_equal (eva__io_endpoint_print (&ep->addr, ep->addr_len, addr), 0);
    snprintf (text, sizeof text, "%s%s%s", addr, ep->is_loopback ? " loopback" : "",
              ep->is_for_clients ? " for clients" : "");
    break;
  case EVA__IO_ENDPOINT_FD:
    snprintf (text, sizeof text, "fd %d", ep->fd);
    break;
  case EVA__IO_ENDPOINT_SYSTEMD:
    snprintf (text, sizeof text, "systemd %s", ep->name ? ep->name : "all");
    break;
  case EVA__IO_ENDPOINT_EXEC:
    snprintf (text, sizeof text, "exec %s", ep->name);
    break;
  case EVA__IO_ENDPOINT_SSH:
    assert_int_equal (eva__io_ssh_parse (ep->name, &ssh), 0);
    snprintf (text, sizeof text, "ssh <%s> <%s> <%s> <%s>", ssh.user, ssh.host, ssh.port, ssh.path);
    break;
  }
  return text;
}

struct form {
  const char *text;
  const char *meaning; /* NULL: EINVAL */
};

/* --- Forms ------------------------------------------------------------------------------------ */

static const struct form forms[] = {
  { "unix:/run/x.sock", "unix:/run/x.sock" },
  { "unix:/", "unix:/" },
  { "unix:/a b:c", "unix:/a b:c" },
  { "unix:@name", "unix:@name" },
  { "unix:@/a", "unix:@/a" },
  { "unix:@@", "unix:@@" },
  { "unix:", NULL },
  { "unix:@", NULL },
  { "unix:relative", NULL },
  { "unix:./relative", NULL },
  { "unix: /a", NULL },
  { "Unix:/a", NULL },
  { " unix:/a", NULL },
  { "unix", NULL },

  { "tcp:127.0.0.1:4711", "tcp:127.0.0.1:4711 loopback" },
  { "tcp:127.0.0.1:0", "tcp:127.0.0.1:0 loopback" },
  { "tcp:127.255.255.254:1", "tcp:127.255.255.254:1 loopback" },
  { "tcp:126.255.255.255:1", "tcp:126.255.255.255:1" },
  { "tcp:128.0.0.1:1", "tcp:128.0.0.1:1" },
  { "tcp:0.0.0.0:65535", "tcp:0.0.0.0:65535" },
  { "tcp:192.0.2.1:00080", "tcp:192.0.2.1:80" },
  { "tcp:[::1]:4711", "tcp:[::1]:4711 loopback" },
  { "tcp:[0:0:0:0:0:0:0:1]:1", "tcp:[::1]:1 loopback" },
  { "tcp:[::]:0", "tcp:[::]:0" },
  { "tcp:[::2]:1", "tcp:[::2]:1" },
  { "tcp:[::ffff:127.0.0.1]:1", "tcp:[::ffff:127.0.0.1]:1 loopback" },
  { "tcp:[::ffff:127.9.9.9]:1", "tcp:[::ffff:127.9.9.9]:1 loopback" },
  { "tcp:[::ffff:128.0.0.1]:1", "tcp:[::ffff:128.0.0.1]:1" },
  { "tcp:[2001:db8::7f00:1]:65535", "tcp:[2001:db8::7f00:1]:65535" },
  { "tcp:[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:65535",
    "tcp:[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535" },
  { "tcp:", NULL },
  { "tcp:127.0.0.1", NULL },
  { "tcp:127.0.0.1:", NULL },
  { "tcp:127.0.0.1:65536", NULL },
  { "tcp:127.0.0.1:99999999999999999999", NULL },
  { "tcp:127.0.0.1:18446744073709551617", NULL },
  { "tcp:127.0.0.1:-1", NULL },
  { "tcp:127.0.0.1:+1", NULL },
  { "tcp:127.0.0.1: 1", NULL },
  { "tcp:127.0.0.1:1 ", NULL },
  { "tcp:127.0.0.1:1x", NULL },
  { "tcp:127.0.0.1:0x1", NULL },
  { "tcp:127.0.0.1:http", NULL },
  { "tcp:127.0.0.1:1:2", NULL },
  { "tcp:127.0.1:1", NULL },
  { "tcp:127.0.0.256:1", NULL },
  { "tcp:2130706433:1", NULL },
  { "tcp:localhost:1", NULL },
  { "tcp::1", NULL },
  { "tcp:::1:1", NULL },
  { "tcp:[::1]", NULL },
  { "tcp:[::1]:", NULL },
  { "tcp:[::1]1", NULL },
  { "tcp:[::1:1", NULL },
  { "tcp:[]:1", NULL },
  { "tcp:[127.0.0.1]:1", NULL },
  { "tcp:[fe80::1%lo]:1", NULL },
  { "tcp:[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd]:80", NULL },
  { "tcp://127.0.0.1:1", NULL },

  { "fd:0", "fd 0" },
  { "fd:3", "fd 3" },
  { "fd:2147483647", "fd 2147483647" },
  { "fd:", NULL },
  { "fd:-1", NULL },
  { "fd:+1", NULL },
  { "fd:2147483648", NULL },
  { "fd:4294967299", NULL },
  { "fd:18446744073709551619", NULL },
  { "fd:3 ", NULL },
  { "fd: 3", NULL },
  { "fd:3x", NULL },
  { "fd:0x3", NULL },
  { "fd:three", NULL },

  { "systemd:", "systemd all" },
  { "systemd:name", "systemd name" },
  { "systemd:a b@c.socket", "systemd a b@c.socket" },
  { "systemd", NULL },
  { "systemd:a:b", NULL },
  { "systemd::", NULL },

  { "exec:prog", "exec prog" },
  { "exec:/bin/prog --a  b", "exec /bin/prog --a  b" },
  { "exec: prog", "exec  prog" },
  { "exec:", NULL },
  { "exec:  ", NULL },
  { "exec:\t", NULL },

  { "ssh:host/run/s", "ssh <> <host> <> </run/s>" },
  { "ssh:a.b-c_d/s", "ssh <> <a.b-c_d> <> </s>" },
  { "ssh:me@host:2222/run/user/1/S.x", "ssh <me> <host> <2222> </run/user/1/S.x>" },
  { "ssh:a.b-c_d+e@10.0.0.1/s", "ssh <a.b-c_d+e> <10.0.0.1> <> </s>" },
  { "ssh:[::1]/s", "ssh <> <::1> <> </s>" },
  { "ssh:me@[fe80::1%eth0]:22/s", "ssh <me> <fe80::1%eth0> <22> </s>" },
  { "ssh:host/a@b", "ssh <> <host> <> </a@b>" },
  { "ssh:host/\303\274", "ssh <> <host> <> </\303\274>" },
  { "ssh:", NULL },
  { "ssh:host", NULL },
  { "ssh:host/", NULL },
  { "ssh:/s", NULL },
  { "ssh:@host/s", NULL },
  { "ssh:me@/s", NULL },
  { "ssh:me@you@host/s", NULL },
  { "ssh:-oProxyCommand=x/s", NULL },
  { "ssh:-l@host/s", NULL },
  { "ssh:me@-host/s", NULL },
  { "ssh:[-x]/s", NULL },
  { "ssh:ho st/s", NULL },
  { "ssh:ho\tst/s", NULL },
  { "ssh:host\n/s", NULL },
  { "ssh:ho$t/s", NULL },
  { "ssh:ho`x`t/s", NULL },
  { "ssh:\303\274/s", NULL },
  { "ssh:m e@host/s", NULL },
  { "ssh:host:/s", NULL },
  { "ssh:host:0/s", NULL },
  { "ssh:host:65536/s", NULL },
  { "ssh:host:22x/s", NULL },
  { "ssh:host:-1/s", NULL },
  { "ssh:::1/s", NULL },
  { "ssh:[::1/s", NULL },
  { "ssh:[::1]x/s", NULL },
  { "ssh:[]/s", NULL },
  { "ssh:host/a:b", NULL },
  { "ssh:host/a b", NULL },
  { "ssh:host/a\\b", NULL },
  { "ssh:host/%h", NULL },
  { "ssh:host/${HOME}", NULL },
  { "ssh:host/a\001", NULL },
  { "ssh:host/a\177", NULL },

  { "/tmp/S", "unix:/tmp/S for clients" },
  { "/", "unix:/ for clients" },
  { "file:///tmp/S", "unix:/tmp/S for clients" },
  { "file://relative", "unix:relative for clients" },
  { "@name", "unix:@name for clients" },
  { "assuan://127.0.0.1:80", "tcp:127.0.0.1:80 loopback for clients" },
  { "assuan://[2001:db8::1]:1", "tcp:[2001:db8::1]:1 for clients" },
  { "assuan://127.0.0.1:0", NULL },
  { "assuan://", NULL },
  { "assuan:127.0.0.1:1", NULL },
  { "file://", NULL },
  { "file:/a", NULL },
  { "@", NULL },
  { "relative", NULL },
  { "", NULL },
  { "http://127.0.0.1:80", NULL },
};

static void
test_forms (void **state) {
  (void) state;
  for (size_t i = 0; i < countof (forms); i++) {
    struct eva__io_endpoint ep, untouched;
    memset (&ep, 0x55, sizeof ep);
    untouched = ep;
    errno = 0;
    if (forms[i].meaning) {
      if (eva__io_endpoint_parse (forms[i].text, &ep)) fail_msg ("refused: %s", forms[i].text);
      assert_string_equal (describe (&ep), forms[i].meaning);
    } else {
      if (!eva__io_endpoint_parse (forms[i].text, &ep)) fail_msg ("taken: %s", forms[i].text);
      assert_int_equal (errno, EINVAL);
      assert_memory_equal (&ep, &untouched, sizeof ep);
    }
  }
}

/* assuan_socket_connect knows its own forms and none of ours.  */
static void
test_classic_forms (void **state) {
  (void) state;
  for (size_t i = 0; i < countof (forms); i++) {
    struct eva__io_endpoint ep;
    if (forms[i].meaning && strstr (forms[i].meaning, " for clients")) {
      assert_int_equal (eva__io_endpoint_parse_classic (forms[i].text, &ep), 0);
      assert_string_equal (describe (&ep), forms[i].meaning);
    } else {
      assert_fails (eva__io_endpoint_parse_classic (forms[i].text, &ep), EINVAL);
    }
  }
}

/* Where the kernel compares addresses, what is not said must be zero.  */
static void
test_octets (void **state) {
  struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
  struct sockaddr_in in = { .sin_family = AF_INET };
  struct eva__io_endpoint ep;

  (void) state;
  memset (&ep, 0x55, sizeof ep);
  assert_int_equal (eva__io_endpoint_parse ("tcp:192.0.2.1:258", &ep), 0);
  in.sin_addr.s_addr = htonl (0xc0000201);
  in.sin_port = htons (258);
  assert_int_equal (ep.addr_len, sizeof in);
  assert_memory_equal (&ep.addr, &in, sizeof in);

  memset (&ep, 0x55, sizeof ep);
  assert_int_equal (eva__io_endpoint_parse ("tcp:[::1]:258", &ep), 0);
  in6.sin6_addr.s6_addr[15] = 1;
  in6.sin6_port = htons (258);
  assert_int_equal (ep.addr_len, sizeof in6);
  assert_memory_equal (&ep.addr, &in6, sizeof in6);

  assert_int_equal (eva__io_endpoint_parse ("unix:@abc", &ep), 0);
  assert_int_equal (ep.addr_len, offsetof (struct sockaddr_un, sun_path) + 4);
  assert_memory_equal (ep.addr.un.sun_path, "\0abc", 4);
  assert_int_equal (eva__io_endpoint_parse ("unix:/abc", &ep), 0);
  assert_int_equal (ep.addr_len, offsetof (struct sockaddr_un, sun_path) + 5);
  assert_memory_equal (ep.addr.un.sun_path, "/abc", 5);
}

/* --- Lengths ---------------------------------------------------------------------------------- */

/* Returns PREFIX and behind it a name of LEN octets that begins with FIRST.  */
static const char *
long_name (const char *prefix, char first, size_t len) {
  static char text[300];
  size_t prefix_len = strlen (prefix);

  memcpy (text, prefix, prefix_len);
  memset (text + prefix_len, 'x', len);
  text[prefix_len] = first;
  text[prefix_len + len] = 0;
  return text;
}

static void
try_lengths (const char *prefix, char first) {
  struct eva__io_endpoint ep;
  char text[EVA__IO_ENDPOINT_SIZE];

  assert_int_equal (eva__io_endpoint_parse (long_name (prefix, first, 107), &ep), 0);
  assert_int_equal (eva__io_endpoint_print (&ep.addr, ep.addr_len, text), 0);
  assert_string_equal (text, long_name ("unix:", first, 107));
  assert_fails (eva__io_endpoint_parse (long_name (prefix, first, 108), &ep), ENAMETOOLONG);
  assert_fails (eva__io_endpoint_parse (long_name (prefix, first, 200), &ep), ENAMETOOLONG);
}

static void
test_lengths (void **state) {
  (void) state;
  try_lengths ("unix:", '/');
  try_lengths ("unix:", '@');
  try_lengths ("", '/');
  try_lengths ("", '@');
  try_lengths ("file://", '/');
}

/* --- Back into words -------------------------------------------------------------------------- */

static int
print_path (const char *path, size_t len, char buf[EVA__IO_ENDPOINT_SIZE]) {
  union eva__io_sockaddr addr;

  memset (&addr, 0x55, sizeof addr);
  addr.un.sun_family = AF_UNIX;
  memcpy (addr.un.sun_path, path, len);
  return eva__io_endpoint_print (&addr, (socklen_t) (offsetof (struct sockaddr_un, sun_path) + len),
                                 buf);
}

/* Names as other programs bind them.  */
static void
test_print_unusual (void **state) {
  union eva__io_sockaddr addr = { .any = { .sa_family = AF_UNSPEC } };
  char path[108], buf[EVA__IO_ENDPOINT_SIZE];

  (void) state;
  assert_int_equal (print_path ("", 0, buf), 0);
  assert_string_equal (buf, "unix:");
  assert_int_equal (print_path ("/a", 2, buf), 0);
  assert_string_equal (buf, "unix:/a");
  assert_int_equal (print_path ("/a\0b\0", 5, buf), 0);
  assert_string_equal (buf, "unix:/a");
  assert_int_equal (print_path ("\0ab", 3, buf), 0);
  assert_string_equal (buf, "unix:@ab");
  memset (path, 'y', sizeof path);
  assert_int_equal (print_path (path, sizeof path, buf), 0);
  assert_int_equal (strlen (buf), 5 + sizeof path);
  assert_fails (print_path ("\0a\0", 3, buf), EINVAL);
  assert_fails (print_path ("\0", 1, buf), EINVAL);
  assert_fails (eva__io_endpoint_print (&addr, sizeof addr, buf), EAFNOSUPPORT);
}

static void
test_format (void **state) {
  char buf[EVA__IO_ENDPOINT_SIZE], expected[EVA__IO_ENDPOINT_SIZE];
  struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (0x7f000001) };
  socklen_t len = sizeof in;
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), pair[2];

  (void) state;
  assert_int_equal (bind (fd, (struct sockaddr *) &in, sizeof in), 0);
  assert_int_equal (getsockname (fd, (struct sockaddr *) &in, &len), 0);
  snprintf (expected, sizeof expected, "tcp:127.0.0.1:%d", ntohs (in.sin_port));
  assert_int_equal (eva__io_endpoint_format (fd, buf), 0);
  assert_string_equal (buf, expected);
  close (fd);

  fds_socketpair (pair, 0);
  assert_int_equal (eva__io_endpoint_format (pair[0], buf), 0);
  assert_string_equal (buf, "unix:");
  fds_close_pair (pair);
  fds_pipe (pair, 0);
  assert_fails (eva__io_endpoint_format (pair[0], buf), ENOTSOCK);
  fds_close_pair (pair);
  assert_fails (eva__io_endpoint_format (pair[0], buf), EBADF);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    fixture_test (test_forms),   fixture_test (test_classic_forms), fixture_test (test_octets),
    fixture_test (test_lengths), fixture_test (test_print_unusual), fixture_test (test_format),
  };

  return cmocka_run_group_tests_name ("endpoint", tests, NULL, NULL);
}
