/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The default system functions, __assuan_*: nPth's macros in assuan.h and GPGME call them by
 * name.  */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"

/* deviation: created ones close-on-exec */
static void
expect_cloexec (int fd, bool expected) {
  assert_int_equal (fcntl (fd, F_GETFD), expected && !on_oracle () ? FD_CLOEXEC : 0);
}

static void
test_pipe (void **state) {
  (void) state;
  for (int inherit_idx = 0; inherit_idx <= 1; inherit_idx++) {
    assuan_fd_t fds[2];
    char octet;

    assert_int_equal (__assuan_pipe (NULL, fds, inherit_idx), 0);
    assert_int_equal (__assuan_write (NULL, fds[1], "x", 1), 1);
    assert_int_equal (__assuan_read (NULL, fds[0], &octet, 1), 1);
    assert_int_equal (octet, 'x');
    expect_cloexec (fds[inherit_idx], false);
    expect_cloexec (fds[!inherit_idx], true);
    assert_int_equal (__assuan_close (NULL, fds[1]), 0);
    assert_int_equal (__assuan_read (NULL, fds[0], &octet, 1), 0);
    assert_int_equal (__assuan_close (NULL, fds[0]), 0);
    errno = 0;
    assert_int_equal (__assuan_close (NULL, fds[0]), -1);
    assert_int_equal (errno, EBADF);
  }
}

static void
test_write_to_closed_pipe (void **state) {
  assuan_fd_t fds[2];

  (void) state;
  assert_int_equal (__assuan_pipe (NULL, fds, 0), 0);
  __assuan_close (NULL, fds[0]);
  errno = 0;
  assert_int_equal (__assuan_write (NULL, fds[1], "x", 1), -1);
  assert_int_equal (errno, EPIPE);
  __assuan_close (NULL, fds[1]);
}

static void
test_socket (void **state) {
  struct sockaddr_un addr = { .sun_family = AF_UNIX };
  const char *path = tmpdir_path ("S");
  int listener = __assuan_socket (NULL, AF_UNIX, SOCK_STREAM, 0);
  int fd = __assuan_socket (NULL, AF_UNIX, SOCK_STREAM, 0);

  (void) state;
  assert_true (listener != -1 && fd != -1);
  expect_cloexec (fd, true);
  strcpy (addr.sun_path, path);
  assert_int_equal (__assuan_connect (NULL, fd, (struct sockaddr *) &addr, sizeof addr), -1);
  assert_int_equal (errno, ENOENT);
  assert_int_equal (bind (listener, (struct sockaddr *) &addr, sizeof addr), 0);
  assert_int_equal (listen (listener, 1), 0);
  assert_int_equal (__assuan_connect (NULL, fd, (struct sockaddr *) &addr, sizeof addr), 0);
  __assuan_close (NULL, fd);
  __assuan_close (NULL, listener);
  assert_int_equal (__assuan_socket (NULL, 99, 99, 99), -1);
}

static void
test_socketpair (void **state) {
  assuan_fd_t fds[2];

  (void) state;
  assert_int_equal (__assuan_socketpair (NULL, AF_UNIX, SOCK_STREAM, 0, fds), 0);
  peer_say (fds[0], "x");
  peer_expect (fds[1], "x");
  __assuan_close (NULL, fds[0]);
  __assuan_close (NULL, fds[1]);
}

static void
test_messages (void **state) {
  char octets[10] = "abc";
  struct iovec iov = { .iov_base = octets, .iov_len = 3 };
  struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
  int fds[2];

  (void) state;
  fds_socketpair (fds, 0);
  assert_int_equal (__assuan_sendmsg (NULL, fds[0], &msg, 0), 3);
  iov.iov_len = sizeof octets;
  memset (octets, 0, sizeof octets);
  assert_int_equal (__assuan_recvmsg (NULL, fds[1], &msg, 0), 3);
  assert_string_equal (octets, "abc");
  close (fds[1]);
  errno = 0;
  assert_int_equal (__assuan_sendmsg (NULL, fds[0], &msg, 0), -1);
  assert_int_equal (errno, EPIPE);
  close (fds[0]);
}

static void
test_waitpid (void **state) {
  int status = -1;
  pid_t pid = fork ();

  (void) state;
  if (!pid) _exit (3);
  /* The nowait form only forgets.  */
  assert_int_equal (__assuan_waitpid (NULL, pid, 1, &status, 0), 0);
  assert_int_equal (status, -1);
  assert_int_equal (__assuan_waitpid (NULL, pid, 0, &status, 0), pid);
  /* deviation: libassuan 2 does not tell the status.  */
  assert_int_equal (status, on_oracle () && !IS_GENERATION_3 ? -1 : 3 << 8);
  assert_int_equal (__assuan_waitpid (NULL, pid, 0, &status, 0), -1);
  assert_int_equal (errno, ECHILD);
}

static void
test_usleep (void **state) {
  (void) state;
  __assuan_usleep (NULL, 0);
  __assuan_usleep (NULL, 1000);
  __assuan_usleep (NULL, 1000 * 1000 / 50);
}

/* A program between two pipes, the way GPGME starts gpg.  */
static void
test_spawn (void **state) {
  const char *argv[] = { "cat", NULL };
  assuan_context_t ctx = new_context ();
  assuan_fd_t to_child[2], from_child[2];
  pid_t pid = -1;
  int status;

  (void) state;
  assert_int_equal (__assuan_pipe (ctx, to_child, 0), 0);
  assert_int_equal (__assuan_pipe (ctx, from_child, 1), 0);
  assert_int_equal (
      __assuan_spawn (ctx, &pid, "/bin/cat", argv, to_child[0], from_child[1], NULL, NULL, NULL, 0),
      0);
  assert_true (pid > 0);
  close (to_child[0]);
  close (from_child[1]);
  peer_say (to_child[1], "through cat");
  close (to_child[1]);
  peer_expect (from_child[0], "through cat");
  peer_expect_eof (from_child[0]);
  close (from_child[0]);
  assert_int_equal (waitpid (pid, &status, 0), pid);
  assert_int_equal (status, 0);
  assuan_release (ctx);
}

/* Without arguments a program gets the last part of its name.
 * deviation: it gets none | the last part */
static void
test_spawn_without_arguments (void **state) {
  static const char *const rows[][2] = { { "/bin/sh", "sh" }, { "sh", "sh" }, { "./sh", "sh" } };
  int cwd = open (".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  (void) state;
  assert_int_equal (chdir ("/bin"), 0);
  for (size_t i = 0; i < 3; i++) {
    assuan_fd_t to_child[2], from_child[2];
    char name[100];
    pid_t pid = -1;

    fds_pipe (to_child, 0);
    fds_pipe (from_child, 0);
    assert_int_equal (__assuan_spawn (NULL, &pid, rows[i][0], NULL, to_child[0], from_child[1],
                                      NULL, NULL, NULL, 0),
                      0);
    close (to_child[0]);
    close (from_child[1]);
    peer_say (to_child[1], "echo \"$0\"\n");
    close (to_child[1]);
    peer_read_line (from_child[0], name, sizeof name);
    if (!on_oracle ()) assert_string_equal (name, rows[i][1]);
    peer_expect_eof (from_child[0]);
    close (from_child[0]);
    assert_int_equal (waitpid (pid, NULL, 0), pid);
  }
  assert_int_equal (fchdir (cwd), 0);
  close (cwd);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    suite_test (test_pipe),
    suite_test (test_write_to_closed_pipe),
    suite_test (test_socket),
    suite_test (test_socketpair),
    suite_test (test_messages),
    suite_test (test_waitpid),
    suite_test (test_usleep),
    suite_test (test_spawn),
    suite_test (test_spawn_without_arguments),
  };

  return suite_run (tests);
}
