/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-lock.c - a lock with a file: one has it at a time, and no file that was left behind locks
   anything.  */

#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "children.h"
#include "io/lock.h"

static const char *
path (void) {
  return tmpdir_path ("lock");
}

static bool
is_there (void) {
  return !access (path (), F_OK);
}

static void
test_one_at_a_time (void **state) {
  int lock = eva__io_lock_take (path ());

  (void) state;
  assert_true (lock >= 0 && is_cloexec (lock) && is_there ());
  assert_fails (eva__io_lock_take (path ()), EWOULDBLOCK);
  eva__io_lock_release (path (), lock, false);
  assert_false (is_there ());
  lock = eva__io_lock_take (path ());
  assert_true (lock >= 0);
  eva__io_lock_release (path (), lock, false);
  eva__io_lock_release (path (), -1, false);
}

/* The file of a process that was killed is there; the lock is not.  */
static void
test_left_behind (void **state) {
  int fd, lock;

  (void) state;
  fd = open (path (), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  assert_true (fd >= 0);
  close (fd);
  lock = eva__io_lock_take (path ());
  assert_true (lock >= 0);
  eva__io_lock_release (path (), lock, false);
  assert_false (is_there ());
}

/* Only a file that stands at the path counts, and only that one is removed.  */
static void
test_other_file (void **state) {
  int lock = eva__io_lock_take (path ()), second;

  (void) state;
  assert_int_equal (unlink (path ()), 0);
  second = eva__io_lock_take (path ());
  assert_true (second >= 0);
  eva__io_lock_release (path (), lock, false);
  assert_true (is_there ());
  assert_fails (eva__io_lock_take (path ()), EWOULDBLOCK);
  eva__io_lock_release (path (), second, false);
  assert_false (is_there ());
}

/* A child of fork has a copy, which it may close; the lock stays.  When the parent lets go of it,
   the copy does not keep it.  */
static void
test_copy (void **state) {
  int lock = eva__io_lock_take (path ()), wake[2];
  pid_t pid;

  (void) state;
  assert_int_equal (pipe2 (wake, O_CLOEXEC), 0);
  pid = fork ();
  if (!pid) {
    eva__io_lock_release (path (), dup (lock), true);
    close (wake[1]);
    _exit (read (wake[0], &pid, 1) ? 1 : 0);
  }
  assert_fails (eva__io_lock_take (path ()), EWOULDBLOCK);
  eva__io_lock_release (path (), lock, false);
  lock = eva__io_lock_take (path ());
  assert_true (lock >= 0);
  eva__io_lock_release (path (), lock, false);
  close (wake[1]);
  close (wake[0]);
  assert_int_equal (child_exit_code (pid), 0);
}

/* What is no file is refused, without waiting.  */
static void
test_no_file (void **state) {
  (void) state;
  assert_fails (eva__io_lock_take (tmpdir_path ("missing/lock")), ENOENT);
  assert_int_equal (mkdir (path (), 0700), 0);
  assert_fails (eva__io_lock_take (path ()), EISDIR);
  assert_int_equal (rmdir (path ()), 0);
  assert_int_equal (mkfifo (path (), 0600), 0);
  assert_fails (eva__io_lock_take (path ()), EEXIST);
  assert_int_equal (unlink (path ()), 0);
  assert_int_equal (symlink ("target", path ()), 0);
  assert_fails (eva__io_lock_take (path ()), ELOOP);
  assert_int_equal (unlink (path ()), 0);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    fixture_test (test_one_at_a_time), fixture_test (test_left_behind),
    fixture_test (test_other_file),    fixture_test (test_copy),
    fixture_test (test_no_file),
  };

  return cmocka_run_group_tests_name ("lock", tests, NULL, NULL);
}
