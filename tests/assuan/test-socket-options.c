/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* assuan_sock_set_flag and assuan_sock_get_flag: the kernel's options of a socket.  */

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "suite.h"

static int
get (int fd, const char *name) {
  int value = -4711;

  assert_int_equal (assuan_sock_get_flag (fd, name, &value), 0);
  return value;
}

static void
test_linger (void **state) {
  static const int families[] = { AF_UNIX, AF_INET };

  (void) state;
  for (size_t i = 0; i < 2; i++) {
    int fd = socket (families[i], SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct linger linger;
    socklen_t len = sizeof linger;

    assert_int_equal (get (fd, "linger"), -1);
    assert_int_equal (assuan_sock_set_flag (fd, "linger", 7), 0);
    assert_int_equal (get (fd, "linger"), 7);
    assert_int_equal (assuan_sock_set_flag (fd, "linger", 0), 0);
    assert_int_equal (get (fd, "linger"), 0);
    assert_int_equal (getsockopt (fd, SOL_SOCKET, SO_LINGER, &linger, &len), 0);
    assert_int_equal (linger.l_onoff, 1);
    assert_int_equal (assuan_sock_set_flag (fd, "linger", -1), 0);
    assert_int_equal (get (fd, "linger"), -1);
    close (fd);
  }
}

static void
test_reuseaddr (void **state) {
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on;
  socklen_t len = sizeof on;

  (void) state;
  assert_int_equal (get (fd, "reuseaddr"), 0);
  assert_int_equal (assuan_sock_set_flag (fd, "reuseaddr", 3), 0);
  assert_int_equal (get (fd, "reuseaddr"), 1);
  assert_int_equal (getsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &on, &len), 0);
  assert_int_not_equal (on, 0);
  assert_int_equal (assuan_sock_set_flag (fd, "reuseaddr", 0), 0);
  assert_int_equal (get (fd, "reuseaddr"), 0);
  close (fd);
}

static void
refuse (int fd, const char *name, int error) {
  int value = 4711;

  errno = 0;
  assert_int_equal (assuan_sock_set_flag (fd, name, 1), -1);
  assert_int_equal (errno, error);
  errno = 0;
  assert_int_equal (assuan_sock_get_flag (fd, name, &value), -1);
  assert_int_equal (errno, error);
  assert_int_equal (value, 4711);
}

static void
test_errors (void **state) {
  int fds[2];

  (void) state;
  fds_pipe (fds, 0);
  for (size_t i = 0; i < 2; i++) {
    refuse (-1, i ? "linger" : "reuseaddr", EBADF);
    refuse (fds[0], i ? "linger" : "reuseaddr", ENOTSOCK);
  }
  refuse (fds[0], "w32_error", EINVAL);
  refuse (fds[0], "Linger", EINVAL);
  refuse (fds[0], "", EINVAL);
  fds_close_pair (fds);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    suite_test (test_linger),
    suite_test (test_reuseaddr),
    suite_test (test_errors),
  };

  return suite_run (tests);
}
