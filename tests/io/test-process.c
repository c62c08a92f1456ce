/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-process.c - processes have numbers of their own, however they were made.  */

#include "fixture.h"

#include <pthread.h>
#include <unistd.h>

#include "io/process.h"

static unsigned int parent;

/* Ends a child: 0 if its number is greater than the parent's, and stays, and its id is its own.  */
static _Noreturn void
compare (void) {
  unsigned int number = eva__io_this_process ();

  if (eva__io_this_pid () != getpid ()) _exit (2);
  _exit (number > parent && eva__io_this_process () == number ? 0 : 1);
}

static void
test_this_process (void **state) {
  (void) state;
  parent = eva__io_this_process ();
  assert_int_not_equal (parent, 0);
  assert_int_equal (eva__io_this_process (), parent);
  assert_int_equal (eva__io_this_pid (), getpid ());
}

static void
test_fork (void **state) {
  (void) state;
  parent = eva__io_this_process ();
  for (int i = 0; i < 2; i++) {
    pid_t pid = fork ();
    if (!pid) compare ();
    assert_int_equal (child_exit_code (pid), 0);
  }
  assert_int_equal (eva__io_this_process (), parent);
}

static void
test_child_of_child (void **state) {
  pid_t pid;

  (void) state;
  parent = eva__io_this_process ();
  pid = fork ();
  if (!pid) {
    parent = eva__io_this_process ();
    pid = fork ();
    if (!pid) compare ();
    _exit (child_exit_code (pid));
  }
  assert_int_equal (child_exit_code (pid), 0);
}

/* No handler of pthread_atfork runs there.  */
static void
test_fork_without_handlers (void **state) {
  pid_t pid;

  (void) state;
  skip_if_emulated ("wipes no memory on fork");
  parent = eva__io_this_process ();
  pid = _Fork ();
  assert_true (pid >= 0);
  if (!pid) compare ();
  assert_int_equal (child_exit_code (pid), 0);
}

static void *
ask (void *arg) {
  *(unsigned int *) arg = eva__io_this_process ();
  return NULL;
}

static void
test_thread (void **state) {
  unsigned int number = 0;
  pthread_t thread;

  (void) state;
  assert_int_equal (pthread_create (&thread, NULL, ask, &number), 0);
  assert_int_equal (pthread_join (thread, NULL), 0);
  assert_int_equal (number, eva__io_this_process ());
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    fixture_test (test_this_process),   fixture_test (test_fork),
    fixture_test (test_child_of_child), fixture_test (test_fork_without_handlers),
    fixture_test (test_thread),
  };

  return cmocka_run_group_tests_name ("process", tests, NULL, NULL);
}
