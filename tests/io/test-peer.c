/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-peer.c - credentials of the process at the other end.  */

#include "fixture.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/peer.h"

static void
test_own_socketpair (void **state) {
  struct _assuan_peercred cred;
  int fd[2];

  (void) state;
  fds_socketpair (fd, 0);
  assert_int_equal (eva__io_peer_credentials (fd[0], &cred), 0);
  assert_int_equal (cred.pid, getpid ());
  assert_int_equal (cred.uid, geteuid ());
  assert_int_equal (cred.gid, getegid ());
  fds_close_pair (fd);
}

/* Connects to the listening socket and leaves at once.  */
static void
visit (const struct sockaddr_un *addr) {
  int fd = socket (AF_UNIX, SOCK_STREAM, 0);

  _exit (connect (fd, (const struct sockaddr *) addr, sizeof *addr) ? 1 : 0);
}

/* The kernel tells the process that connected, also when it is gone.  */
static void
test_other_process (void **state) {
  struct sockaddr_un addr = { .sun_family = AF_UNIX };
  struct _assuan_peercred cred;
  int listener = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;
  pid_t pid;

  (void) state;
  strcpy (addr.sun_path, tmpdir_path ("S"));
  assert_int_equal (bind (listener, (struct sockaddr *) &addr, sizeof addr), 0);
  assert_int_equal (listen (listener, 5), 0);
  pid = fork ();
  if (!pid) visit (&addr);
  fd = accept (listener, NULL, NULL);
  assert_true (fd >= 0);
  assert_int_equal (child_exit_code (pid), 0);
  assert_int_equal (eva__io_peer_credentials (fd, &cred), 0);
  assert_int_equal (cred.pid, pid);
  assert_int_equal (cred.uid, geteuid ());
  close (fd);
  close (listener);
}

static void
test_none (void **state) {
  struct _assuan_peercred cred = { .pid = 77, .uid = 78, .gid = 79 };
  int tcp = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int alone = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd[2];

  (void) state;
  fds_pipe (fd, 0);
  assert_fails (eva__io_peer_credentials (tcp, &cred), ENOTSUP);
  assert_fails (eva__io_peer_credentials (alone, &cred), ENOTSUP);
  assert_fails (eva__io_peer_credentials (fd[0], &cred), ENOTSOCK);
  assert_fails (eva__io_peer_credentials (-1, &cred), EBADF);
  assert_int_equal (cred.pid, 77);
  assert_int_equal (cred.uid, 78);
  assert_int_equal (cred.gid, 79);
  close (tcp);
  close (alone);
  fds_close_pair (fd);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    fixture_test (test_own_socketpair),
    fixture_test (test_other_process),
    fixture_test (test_none),
  };

  return cmocka_run_group_tests_name ("peer", tests, NULL, NULL);
}
