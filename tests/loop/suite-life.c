/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-life.c - running, stopping and freeing a loop; what only embedded ones do.  */

#include "suite.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "loop/loop.h"

static void
stop (void *arg) {
  unsigned int *n = arg;

  (*n)++;
  eva_loop_stop (suite_loop.loop);
}

/* --- Freeing ---------------------------------------------------------------------------------- */

static void
never (void *arg) {
  (void) arg;
  fail ();
}

/* What is left of sources goes with the loop, whether they were due or not.  */
static void
test_left (void **state) {
  struct probe p[3];
  int fd[2], other[2];

  (void) state;
  make_socketpair (fd);
  make_socketpair (other);
  put_octet (fd[1]);
  probe_init (&p[0], fd[0], EVA_READABLE, NULL);
  probe_init (&p[1], fd[1], 0, NULL);
  probe_init (&p[2], other[0], EVA_READABLE, NULL);
  assert_non_null (eva_loop_add_timer (suite_loop.loop, 100000, never, NULL));
  suite_until (&p[0].n, 1);
  assert_non_null (eva_loop_add_timer (suite_loop.loop, 0, never, NULL));
  suite_free ();
  close_pair (fd);
  close_pair (other);
}

static void
test_unused (void **state) {
  (void) state;
  suite_free ();
  eva_loop_free (NULL);
}

static unsigned int n_freed;

static void
free_attachment (void *data) {
  assert_ptr_equal (data, &n_freed);
  n_freed++;
  eva_source_free (eva_loop_add_timer (suite_loop.loop, 0, never, NULL));
}

/* What the rooms above keep with the loop is told while the loop can still be used.  */
static void
test_attachment (void **state) {
  struct eva__loop_attachment *attachment = eva__loop_get_attachment (suite_loop.loop);

  (void) state;
  n_freed = 0;
  assert_null (attachment->data);
  *attachment = (struct eva__loop_attachment) { &n_freed, free_attachment };
  suite_free ();
  assert_int_equal (n_freed, 1);
}

/* --- Running ---------------------------------------------------------------------------------- */

static void
test_run (void **state) {
  unsigned int n = 0;
  eva_source *timer = eva_loop_add_timer (suite_loop.loop, 2, stop, &n);

  (void) state;
  if (!suite_is_embedded ()) {
    assert_fails (eva_loop_run (suite_loop.loop), EINVAL);
    assert_fails (eva_loop_dispatch (suite_loop.loop, 0), EINVAL);
  } else {
    assert_int_equal (eva_loop_run (suite_loop.loop), 0);
    assert_int_equal (n, 1);
    eva_source_set_delay (timer, 0);
    assert_int_equal (eva_loop_run (suite_loop.loop), 0);
    assert_int_equal (n, 2);
  }
  eva_source_free (timer);
}

/* One that was stopped before it ran does what is due, waits for nothing, and runs the next
   time.  */
static void
test_stopped (void **state) {
  struct probe p, idle;
  int fd[2];

  (void) state;
  if (!suite_is_embedded ()) return;
  make_socketpair (fd);
  put_octet (fd[1]);
  probe_init (&p, fd[0], EVA_READABLE, probe_read);
  probe_init (&idle, fd[1], EVA_READABLE, NULL);
  eva_loop_stop (suite_loop.loop);
  assert_int_equal (eva_loop_run (suite_loop.loop), 0);
  assert_int_equal (p.n, 1);
  eva_loop_stop (suite_loop.loop);
  assert_int_equal (eva_loop_run (suite_loop.loop), 0);
  assert_int_equal (p.n, 1);
  test_run (state);
  probe_free (&p);
  probe_free (&idle);
  close_pair (fd);
}

static void
run_nested (struct probe *p) {
  drain (p->fd);
  assert_fails (eva_loop_dispatch (suite_loop.loop, 0), ELOOP);
  assert_fails (eva_loop_run (suite_loop.loop), ELOOP);
}

static void
test_nested (void **state) {
  struct probe p;
  int fd[2];

  (void) state;
  if (!suite_is_embedded ()) return;
  make_socketpair (fd);
  put_octet (fd[1]);
  probe_init (&p, fd[0], EVA_READABLE, run_nested);
  suite_until (&p.n, 1);
  probe_free (&p);
  close_pair (fd);
}

/* A time limit: the turn is over when it is, and not before.  */
static void
test_dispatch (void **state) {
  uint64_t began_ns = eva_now ();
  unsigned int n = 0;
  eva_source *timer;

  (void) state;
  if (!suite_is_embedded ()) return;
  assert_int_equal (eva_loop_dispatch (suite_loop.loop, 0), 0);
  assert_int_equal (eva_loop_dispatch (suite_loop.loop, 5), 0);
  assert_true (eva_now () - began_ns >= 5000000);
  timer = eva_loop_add_timer (suite_loop.loop, 100000, stop, &n);
  assert_int_equal (eva_loop_dispatch (suite_loop.loop, 5), 0);
  assert_true (eva_now () - began_ns >= 10000000);
  eva_source_set_delay (timer, 3);
  while (!n)
    assert_int_equal (eva_loop_dispatch (suite_loop.loop, 100000), 0);
  eva_source_free (timer);
}

static volatile sig_atomic_t n_alarms;

static void
count_alarm (int sig) {
  (void) sig;
  n_alarms++;
}

/* Signals come and go.  */
static void
test_signal (void **state) {
  struct sigaction action = { .sa_handler = count_alarm }, old;
  struct itimerval often = { .it_value.tv_usec = 500, .it_interval.tv_usec = 500 };
  struct itimerval off = { .it_value.tv_usec = 0 };
  unsigned int n = 0;
  eva_source *timer;

  (void) state;
  sigaction (SIGALRM, &action, &old);
  timer = eva_loop_add_timer (suite_loop.loop, 10, stop, &n);
  n_alarms = 0;
  setitimer (ITIMER_REAL, &often, NULL);
  while (!n_alarms || !n)
    test_loop_turn (&suite_loop, true);
  setitimer (ITIMER_REAL, &off, NULL);
  sigaction (SIGALRM, &old, NULL);
  eva_source_free (timer);
}

/* --- Time ------------------------------------------------------------------------------------- */

static uint64_t now_ns[2];

static void
note_time (void *arg) {
  (void) arg;
  now_ns[0] = eva_loop_now (suite_loop.loop);
  usleep (1000);
  now_ns[1] = eva_loop_now (suite_loop.loop);
}

/* It stands still in a callback, and goes on outside.  */
static void
test_now (void **state) {
  uint64_t before_ns = eva_loop_now (suite_loop.loop);
  eva_source *timer = eva_loop_add_timer (suite_loop.loop, 1, note_time, NULL);

  (void) state;
  now_ns[1] = 0;
  while (!now_ns[1])
    test_loop_turn (&suite_loop, true);
  assert_true (now_ns[0] >= before_ns + 1000000);
  assert_true (now_ns[0] == now_ns[1]);
  assert_true (eva_loop_now (suite_loop.loop) >= now_ns[0] + 1000000);
  assert_true (eva_loop_now (suite_loop.loop) <= eva_now ());
  eva_source_free (timer);
}

/* --- One descriptor --------------------------------------------------------------------------- */

static bool
is_readable (int fd) {
  struct pollfd pollfd = { .fd = fd, .events = POLLIN };

  return poll (&pollfd, 1, 0) == 1;
}

static void
no_job (struct eva__task *task) {
  (void) task;
}

/* It says whether there is something to do, whatever that is.  */
static void
test_get_fd (void **state) {
  eva_loop *loop = suite_loop.loop;
  struct eva__task task = { .cb = no_job };
  struct probe p;
  eva_source *timer;
  unsigned int n = 0;
  int fd[2], nest = eva_loop_get_fd (loop);

  (void) state;
  if (nest < 0) {
    assert_fails (eva_loop_get_fd (loop), ENOTSUP);
    assert_true (suite_loop.foreign || !strcmp (test_loop_name, "poll"));
    return;
  }
  suite_settle ();
  assert_false (is_readable (nest));
  make_socketpair (fd);
  probe_init (&p, fd[0], EVA_READABLE, probe_read);
  assert_false (is_readable (nest));
  put_octet (fd[1]);
  assert_true (is_readable (nest));
  suite_settle ();
  assert_false (is_readable (nest));
  eva__loop_run_later (loop, &task);
  assert_true (is_readable (nest));
  suite_settle ();
  assert_false (is_readable (nest));
  timer = eva_loop_add_timer (loop, 0, stop, &n);
  assert_true (is_readable (nest));
  suite_settle ();
  assert_int_equal (n, 1);
  assert_false (is_readable (nest));
  eva_source_set_delay (timer, 100000);
  assert_false (is_readable (nest));
  eva_source_free (timer);
  assert_int_equal (eva_loop_get_fd (loop), nest);
  probe_free (&p);
  close_pair (fd);
}

static const struct CMUnitTest tests[] = {
  suite_test (test_left),     suite_test (test_unused),  suite_test (test_attachment),
  suite_test (test_run),      suite_test (test_stopped), suite_test (test_nested),
  suite_test (test_dispatch), suite_test (test_signal),  suite_test (test_now),
  suite_test (test_get_fd),
};

const struct suite life_suite = { "life", tests, N_ELEMENTS (tests) };
