/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-watch.c - a file that leaves its place is noticed, whatever makes it leave, and what does not
   concern it is not.  */

#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/watch.h"

static void
make (const char *path) {
  int fd = open (path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

  assert_true (fd >= 0);
  close (fd);
}

/* Returns whether FD has something to report, and takes it.  */
static bool
reports (int fd) {
  struct pollfd p = { .fd = fd, .events = POLLIN };
  int n = poll (&p, 1, 0);

  assert_true (n >= 0);
  eva__io_watch_clear (fd);
  assert_int_equal (poll (&p, 1, 0), 0);
  return n == 1;
}

/* Watches the file S of a directory of its own, which is made.  */
static int
watch (void) {
  int fd = eva__io_watch_new ();

  assert_true (fd >= 0 && is_cloexec (fd));
  assert_true (fcntl (fd, F_GETFL) & O_NONBLOCK);
  assert_int_equal (mkdir (tmpdir_path ("dir"), 0700), 0);
  make (tmpdir_path ("dir/S"));
  assert_int_equal (eva__io_watch_add (fd, tmpdir_path ("dir/S")), 0);
  assert_false (reports (fd));
  return fd;
}

static void
test_removed (void **state) {
  int fd = watch ();

  (void) state;
  make (tmpdir_path ("dir/other")); /* takes no place */
  assert_false (reports (fd));
  assert_int_equal (unlink (tmpdir_path ("dir/S")), 0);
  assert_true (reports (fd));
  close (fd);
}

static void
test_replaced (void **state) {
  int fd = watch ();

  (void) state;
  make (tmpdir_path ("new"));
  assert_int_equal (rename (tmpdir_path ("new"), tmpdir_path ("dir/S")), 0);
  assert_true (reports (fd));
  assert_int_equal (rename (tmpdir_path ("dir/S"), tmpdir_path ("old")), 0);
  assert_true (reports (fd));
  close (fd);
}

/* Its directory goes, or gets another name.  */
static void
test_directory (void **state) {
  int fd = watch ();

  (void) state;
  assert_int_equal (rename (tmpdir_path ("dir"), tmpdir_path ("moved")), 0);
  assert_true (reports (fd));
  assert_int_equal (unlink (tmpdir_path ("moved/S")), 0);
  assert_int_equal (rmdir (tmpdir_path ("moved")), 0);
  assert_true (reports (fd));
  close (fd);
}

/* A second directory is watched beside the first one; more reports than one read takes are all
   taken.  */
static void
test_many (void **state) {
  int fd = watch ();

  (void) state;
  assert_int_equal (mkdir (tmpdir_path ("two"), 0700), 0);
  assert_int_equal (eva__io_watch_add (fd, tmpdir_path ("two/S")), 0);
  for (int i = 0; i < 1000; i++) {
    make (tmpdir_path ("two/S"));
    assert_int_equal (unlink (tmpdir_path ("two/S")), 0);
    make (tmpdir_path ("dir/S"));
    assert_int_equal (unlink (tmpdir_path ("dir/S")), 0);
  }
  assert_true (reports (fd));
  close (fd);
}

static void
test_refused (void **state) {
  char path[PATH_MAX + 10];
  int fd = eva__io_watch_new ();

  (void) state;
  assert_fails (eva__io_watch_add (fd, tmpdir_path ("missing/S")), ENOENT);
  make (tmpdir_path ("file"));
  assert_fails (eva__io_watch_add (fd, tmpdir_path ("file/S")), ENOTDIR);
  memset (path, '/', sizeof path);
  path[sizeof path - 1] = 0;
  assert_fails (eva__io_watch_add (fd, path), ENAMETOOLONG);
  assert_int_equal (eva__io_watch_add (fd, "/S"), 0); /* the root is a directory, too */
  close (fd);
}

/* The fixture removes directories that are empty.  */
static int
teardown (void **state) {
  unlink (tmpdir_path ("dir/S"));
  unlink (tmpdir_path ("dir/other"));
  return fixture_teardown (state);
}

#define watch_test(f) cmocka_unit_test_setup_teardown (f, fixture_setup, teardown)

int
main (void) {
  const struct CMUnitTest tests[] = {
    watch_test (test_removed), watch_test (test_replaced), watch_test (test_directory),
    watch_test (test_many),    watch_test (test_refused),
  };

  return cmocka_run_group_tests_name ("watch", tests, NULL, NULL);
}
