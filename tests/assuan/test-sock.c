/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The socket wrappers, assuan_sock_*, without a proxy: addresses, redirection files, flags,
 * nonces, and the plain calls.  */

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "recorder.h"

static struct sockaddr *
generic (struct sockaddr_un *addr) {
  return (struct sockaddr *) addr;
}

static void
test_init (void **state) {
  (void) state;
  /* Programs are not careful about doing it once.  */
  assert_err (assuan_sock_init (), 0);
  assuan_sock_deinit ();
  assuan_sock_deinit ();
  assert_err (assuan_sock_init (), 0);
}

static void
test_new_and_close (void **state) {
  int fd = assuan_sock_new (AF_UNIX, SOCK_STREAM, 0);

  (void) state;
  assert_true (fd >= 0);
  /* deviation: received and created ones close-on-exec */
  assert_int_equal (fcntl (fd, F_GETFD), on_oracle () ? 0 : FD_CLOEXEC);
  assert_int_equal (fcntl (fd, F_GETFL) & O_NONBLOCK, 0);
  assert_int_equal (assuan_sock_close (fd), 0);
  assert_fails (assuan_sock_close (fd), EBADF);
  assert_fails (assuan_sock_close (ASSUAN_INVALID_FD), EBADF);
  assert_fails (assuan_sock_new (99, SOCK_STREAM, 0), EAFNOSUPPORT);
}

static void
test_bind_and_connect (void **state) {
  struct sockaddr_un addr;
  const char *path = tmpdir_path ("S");
  int listener = assuan_sock_new (AF_UNIX, SOCK_STREAM, 0);
  int fd = assuan_sock_new (AF_UNIX, SOCK_STREAM, 0), redirected = -7;
  struct stat st;

  (void) state;
  assert_int_equal (assuan_sock_set_sockaddr_un (path, generic (&addr), &redirected), 0);
  assert_int_equal (redirected, 0);
  assert_fails (assuan_sock_connect (fd, generic (&addr), sizeof addr), ENOENT);
  assert_int_equal (assuan_sock_bind (listener, generic (&addr), sizeof addr), 0);
  assert_int_equal (stat (path, &st), 0);
  assert_true (S_ISSOCK (st.st_mode));
  assert_fails (assuan_sock_bind (fd, generic (&addr), sizeof addr), EADDRINUSE);
  assert_fails (assuan_sock_connect (fd, generic (&addr), sizeof addr), ECONNREFUSED);
  assert_int_equal (listen (listener, 1), 0);
  assert_int_equal (assuan_sock_connect (fd, generic (&addr), sizeof addr), 0);
  assert_fails (assuan_sock_connect (fd, generic (&addr), sizeof addr), EISCONN);
  assert_fails (assuan_sock_connect (-1, generic (&addr), sizeof addr), EBADF);
  assert_fails (assuan_sock_bind (-1, generic (&addr), sizeof addr), EBADF);
  assuan_sock_close (fd);
  assuan_sock_close (listener);
}

static void
test_tcp (void **state) {
  struct sockaddr_in addr = { .sin_family = AF_INET };
  socklen_t len = sizeof addr;
  int listener = assuan_sock_new (AF_INET, SOCK_STREAM, 0);
  int fd = assuan_sock_new (AF_INET, SOCK_STREAM, 0);

  (void) state;
  addr.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  assert_int_equal (assuan_sock_bind (listener, (struct sockaddr *) &addr, sizeof addr), 0);
  assert_int_equal (getsockname (listener, (struct sockaddr *) &addr, &len), 0);
  assert_fails (assuan_sock_connect (fd, (struct sockaddr *) &addr, sizeof addr), ECONNREFUSED);
  assuan_sock_close (fd);
  assert_int_equal (listen (listener, 1), 0);
  fd = assuan_sock_new (AF_INET, SOCK_STREAM, 0);
  assert_int_equal (assuan_sock_connect (fd, (struct sockaddr *) &addr, sizeof addr), 0);
  assuan_sock_close (fd);
  assuan_sock_close (listener);
}

/* The address of FNAME is PATH.  */
static void
check_address (const char *fname, const char *path, int expected_redirected) {
  struct sockaddr_un addr;
  int redirected = -7;

  memset (&addr, 0xee, sizeof addr);
  assert_int_equal (assuan_sock_set_sockaddr_un (fname, generic (&addr), &redirected), 0);
  assert_int_equal (redirected, expected_redirected);
  assert_int_equal (addr.sun_family, AF_UNIX);
  assert_int_equal (strnlen (addr.sun_path, sizeof addr.sun_path), strlen (path));
  assert_memory_equal (addr.sun_path, path, strlen (path));
  /* Programs bind with the whole structure.  */
  for (size_t i = strlen (path); i < sizeof addr.sun_path; i++)
    assert_int_equal (addr.sun_path[i], 0);
}

/* Names are taken as they are.  */
static void
test_address (void **state) {
  (void) state;
  check_address ("/x/y", "/x/y", 0);
  check_address ("relative", "relative", 0);
  check_address ("", "", 0);
  check_address ("/dev/null", "/dev/null", 0);
  check_address (tmpdir_get (), tmpdir_get (), 0);
}

/* deviation: paths over 106 octets | 107 octets */
static void
test_address_length (void **state) {
  struct sockaddr_un addr;
  char name[120];
  int redirected;

  (void) state;
  for (size_t len = 100; len < sizeof name; len++) {
    memset (name, 'x', len);
    name[0] = '/';
    name[len] = 0;
    if (len <= (on_oracle () ? 106 : 107)) {
      check_address (name, name, 0);
      continue;
    }
    redirected = -7;
    assert_fails (assuan_sock_set_sockaddr_un (name, generic (&addr), &redirected), ENAMETOOLONG);
    assert_int_equal (redirected, 0);
  }
}

/* A file R of LEN octets TEXT, and its path.  */
static const char *
write_file (const char *text, size_t len) {
  static char path[100];
  FILE *fp;

  snprintf (path, sizeof path, "%s/R", tmpdir_get ());
  fp = fopen (path, "w");
  assert_non_null (fp);
  assert_int_equal (fwrite (text, 1, len, fp), len);
  assert_int_equal (fclose (fp), 0);
  return path;
}

static void
test_redirection (void **state) {
  static const char *const rows[][2] = {
    { "%Assuan%\nsocket=/foo\n", "/foo" },
    { "%Assuan%\nsocket=relative\n", "relative" },
    { "%Assuan%\nsocket= /foo bar \n", " /foo bar " },
    { "%Assuan%\nsocket=/a${TEST_A}/b${TEST_A}\n", "/avalue/bvalue" },
    { "%Assuan%\nsocket=${TEST_A}\n", "value" },
    { "%Assuan%\nsocket=/a${TEST_UNSET}b${TEST_EMPTY}c\n", "/abc" },
    { "%Assuan%\nsocket=/a${TEST_NESTED}\n", "/a${TEST_A}" },
    { "%Assuan%\nsocket=/a$TEST_A$\n", "/a$TEST_A$" },
    { "%Assuan%\nsocket=/a$${TEST_A}\n", "/a$value" },
    { "%Assuan%\nsocket=/a\\${TEST_A}\n", "/a\\value" },
    { "%Assuan%\nsocket=/a${}b${TEST_A }c\n", "/abc" },
  };

  (void) state;
  setenv ("TEST_A", "value", 1);
  setenv ("TEST_EMPTY", "", 1);
  setenv ("TEST_NESTED", "${TEST_A}", 1);
  unsetenv ("TEST_UNSET");
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    check_address (write_file (rows[i][0], strlen (rows[i][0])), rows[i][1], 1);
}

/* Anything that is not exactly one stands for itself.  */
static void
test_no_redirection (void **state) {
  static const char *const texts[] = {
    "",
    "junk\n",
    "%Assuan%",
    "%Assuan%\n",
    "%Assuan%\nsocket=",
    "%Assuan%\nsocket=\n",
    "%Assuan%\nsocket=/foo",
    "%Assuan%\r\nsocket=/foo\r\n",
    "%Assuan% \nsocket=/foo\n",
    "%assuan%\nsocket=/foo\n",
    "%Assuan%\n socket=/foo\n",
    "%Assuan%\nSocket=/foo\n",
    "%Assuan%\n\nsocket=/foo\n",
    "%Assuan%\n# comment\nsocket=/foo\n",
    "\n%Assuan%\nsocket=/foo\n",
  };

  (void) state;
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    const char *path = write_file (texts[i], strlen (texts[i]));

    check_address (path, path, 0);
  }
}

/* deviation: the reference library does not look at what follows | two lines and nothing else */
static void
test_redirection_rest (void **state) {
  static const char *const texts[] = { "%Assuan%\nsocket=/foo\n\n", "%Assuan%\nsocket=/foo\nx\n" };

  (void) state;
  for (size_t i = 0; i < 2; i++) {
    const char *path = write_file (texts[i], strlen (texts[i]));

    check_address (path, on_oracle () ? "/foo" : path, on_oracle ());
  }
}

/* deviation: the reference library takes no name at all for one | the result must be usable */
static void
test_redirection_empty (void **state) {
  static const char text[] = "%Assuan%\nsocket=${TEST_UNSET}\n";
  const char *path = write_file (text, strlen (text));
  struct sockaddr_un addr;
  int redirected = -7;

  (void) state;
  unsetenv ("TEST_UNSET");
  if (on_oracle ()) {
    check_address (path, "", 1);
    return;
  }
  assert_fails (assuan_sock_set_sockaddr_un (path, generic (&addr), &redirected), EINVAL);
  assert_int_equal (redirected, 1);
}

/* A file of LEN octets whose name is longer than any socket's.  */
static const char *
write_large_file (size_t len) {
  char text[600];

  memset (text, 'x', sizeof text);
  memcpy (text, "%Assuan%\nsocket=/", 17);
  text[len - 1] = '\n';
  return write_file (text, len);
}

static void
test_redirection_size (void **state) {
  struct sockaddr_un addr;
  const char *path;
  int redirected;

  (void) state;
  path = write_large_file (511);
  assert_fails (assuan_sock_set_sockaddr_un (path, generic (&addr), &redirected), ENAMETOOLONG);
  assert_int_equal (redirected, 1);
  path = write_large_file (512);
  check_address (path, path, 0);
}

/* The name that comes out, variables included, has to fit.  */
static void
test_redirection_length (void **state) {
  struct sockaddr_un addr;
  char text[300], value[100], name[200];
  int redirected;

  (void) state;
  memset (value, 'v', sizeof value);
  for (size_t len = 105; len <= 109; len++) {
    value[len - 50] = 0;
    setenv ("TEST_LONG", value, 1);
    memset (name, 'v', sizeof name);
    memset (name, '/', 50);
    name[len] = 0;
    snprintf (text, sizeof text, "%%Assuan%%\nsocket=%.50s${TEST_LONG}\n", name);
    if (len <= 107) {
      check_address (write_file (text, strlen (text)), name, 1);
    } else {
      redirected = -7;
      assert_fails (assuan_sock_set_sockaddr_un (write_file (text, strlen (text)), generic (&addr),
                                                 &redirected),
                    ENAMETOOLONG);
      assert_int_equal (redirected, 1);
    }
    value[len - 50] = 'v';
  }
}

static void
test_redirection_bad (void **state) {
  static const char text[] = "%Assuan%\nsocket=/foo${TEST_A\n";
  struct sockaddr_un addr;
  int redirected = -7;

  (void) state;
  assert_fails (
      assuan_sock_set_sockaddr_un (write_file (text, strlen (text)), generic (&addr), &redirected),
      EINVAL);
  assert_int_equal (redirected, 1);
}

/* A caller that does not ask whether it is one does not get it followed; nor is a second one.  */
static void
test_redirection_once (void **state) {
  struct sockaddr_un addr;
  char text[200];
  const char *link = tmpdir_path ("L"), *path = write_file ("%Assuan%\nsocket=/foo\n", 21);

  (void) state;
  assert_int_equal (assuan_sock_set_sockaddr_un (path, generic (&addr), NULL), 0);
  assert_string_equal (addr.sun_path, path);
  assert_int_equal (symlink (path, link), 0);
  check_address (link, "/foo", 1);
  unlink (link);
  assert_int_equal (rename (path, link), 0);
  snprintf (text, sizeof text, "%%Assuan%%\nsocket=%s\n", link);
  check_address (write_file (text, strlen (text)), link, 1);
}

/* Calls with the address of such a file, as programs have it that do not know of them.  */
static void
test_redirected_calls (void **state) {
  struct sockaddr_un addr;
  const char *path = tmpdir_path ("S"), *file;
  int listener = assuan_sock_new (AF_UNIX, SOCK_STREAM, 0);
  int fd = assuan_sock_new (AF_UNIX, SOCK_STREAM, 0), redirected;
  char text[200];

  (void) state;
  snprintf (text, sizeof text, "%%Assuan%%\nsocket=%s\n", path);
  file = write_file (text, strlen (text));
  assert_int_equal (assuan_sock_set_sockaddr_un (file, generic (&addr), &redirected), 0);
  assert_int_equal (assuan_sock_bind (listener, generic (&addr), sizeof addr), 0);
  assert_int_equal (access (path, F_OK), 0);
  assert_int_equal (listen (listener, 2), 0);
  assert_int_equal (assuan_sock_set_sockaddr_un (file, generic (&addr), NULL), 0);
  assert_int_equal (assuan_sock_connect (fd, generic (&addr), sizeof addr), 0);
  assuan_sock_close (fd);
  assuan_sock_close (listener);
}

/* Flags that would change the rest of the process are in the tests of the proxy.  */
static void
test_flags (void **state) {
  static const char *const names[] = { "cygwin", "tor-mode", "socks" };
  static const char *const unknown[] = { "", "CYGWIN", "nonce" };
  int fd = assuan_sock_new (AF_UNIX, SOCK_STREAM, 0), value;

  (void) state;
  for (size_t i = 0; i < 3; i++) {
    value = -7;
    assert_int_equal (assuan_sock_get_flag (fd, names[i], &value), 0);
    assert_int_equal (value, 0);
    value = -7;
    assert_fails (assuan_sock_get_flag (fd, unknown[i], &value), EINVAL);
    assert_int_equal (value, -7);
    assert_fails (assuan_sock_set_flag (fd, unknown[i], 1), EINVAL);
  }
  assert_int_equal (assuan_sock_set_flag (fd, "cygwin", 1), 0);
  assert_int_equal (assuan_sock_get_flag (fd, "cygwin", &value), 0);
  assert_int_equal (value, 0);
  /* These are for all sockets, not for one.  */
  assert_fails (assuan_sock_set_flag (fd, "tor-mode", 1), EINVAL);
  assert_fails (assuan_sock_set_flag (fd, "socks", 1), EINVAL);
  assuan_sock_close (fd);
}

static void
test_nonce (void **state) {
  struct sockaddr_un addr = { .sun_family = AF_UNIX };
  assuan_sock_nonce_t nonce = { 99 };

  (void) state;
  assert_int_equal (assuan_sock_get_nonce (generic (&addr), sizeof addr, &nonce), 0);
  assert_int_equal (nonce.length, 0);
  assert_int_equal (assuan_sock_check_nonce (-1, &nonce), 0);
}

static void
test_connect_byname_without_proxy (void **state) {
  (void) state;
  assert_fails (assuan_sock_connect_byname ("127.0.0.1", 1, 0, NULL, 0), EOPNOTSUPP);
  assert_fails (assuan_sock_connect_byname (NULL, 0, 0, NULL, 0), EOPNOTSUPP);
}

/* Hooks of their own, on behalf of a context that is the library's.  There is no way back but to
 * the default functions.  */
static void
test_hooks (void **state) {
  struct sockaddr_un addr;
  const char *path = tmpdir_path ("S");
  int listener, fd;

  (void) state;
  recorder_reset ();
  assuan_sock_set_system_hooks (recorder_hooks ());
  listener = assuan_sock_new (AF_UNIX, SOCK_STREAM, 0);
  recorder_expect ("socket(unix)");
  assert_non_null (recorder.ctx);
  assert_int_equal (assuan_sock_set_sockaddr_un (path, generic (&addr), NULL), 0);
  assert_int_equal (assuan_sock_bind (listener, generic (&addr), sizeof addr), 0);
  recorder_expect ("");
  assert_int_equal (listen (listener, 1), 0);
  fd = assuan_sock_new (AF_UNIX, SOCK_STREAM, 0);
  assert_int_equal (assuan_sock_connect (fd, generic (&addr), sizeof addr), 0);
  recorder_expect ("socket(unix) connect");
  assuan_sock_close (fd);
  assuan_sock_close (listener);
  recorder_expect ("close close");
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    sock_test (test_init),
    sock_test (test_new_and_close),
    sock_test (test_bind_and_connect),
    sock_test (test_tcp),
    sock_test (test_address),
    sock_test (test_address_length),
    sock_test (test_redirection),
    sock_test (test_no_redirection),
    sock_test (test_redirection_rest),
    sock_test (test_redirection_empty),
    sock_test (test_redirection_size),
    sock_test (test_redirection_length),
    sock_test (test_redirection_bad),
    sock_test (test_redirection_once),
    sock_test (test_redirected_calls),
    sock_test (test_flags),
    sock_test (test_nonce),
    sock_test (test_connect_byname_without_proxy),
    sock_test (test_hooks),
  };

  return suite_run (tests);
}
