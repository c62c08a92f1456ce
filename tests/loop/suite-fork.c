/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-fork.c - loops in a child of fork: what it frees stays with the parent, and what it goes on
   with is its own.  */

#include "suite.h"

#include "loop/loop.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define HOUR_MS   3600000u
#define N_NUMBERS 100

static struct probe first, second;
static int pair_a[2], pair_b[2];
static unsigned int n_fired;

static void
fire (void *arg) {
  (void) arg;
  n_fired++;
}

/* Two descriptors are watched, and a timer is set.  Returns that.  */
static eva_source *
prepare (void) {
  eva_source *timer = eva_loop_add_timer (suite_loop.loop, HOUR_MS, fire, NULL);

  assert_non_null (timer);
  n_fired = 0;
  make_socketpair (pair_a);
  make_socketpair (pair_b);
  probe_init (&first, pair_a[0], EVA_READABLE, probe_read);
  probe_init (&second, pair_b[0], EVA_READABLE, probe_read);
  suite_settle ();
  assert_true (first.n == 0 && second.n == 0);
  return timer;
}

static void
clean_up (eva_source *timer) {
  probe_free (&first);
  probe_free (&second);
  eva_source_free (timer);
  close_pair (pair_a);
  close_pair (pair_b);
}

static eva_source *prepared;

/* The loop sees its descriptors, new ones, and the time.  */
static void
check_loop (void) {
  eva_source *timer = eva_loop_add_timer (suite_loop.loop, 1, fire, NULL);
  unsigned int n_first = first.n, n_second = second.n, before = n_fired;
  struct probe third;
  int pair[2];

  make_socketpair (pair);
  probe_init (&third, pair[0], EVA_READABLE, probe_read);
  put_octet (pair_a[1]);
  put_octet (pair_b[1]);
  put_octet (pair[1]);
  suite_settle ();
  assert_int_equal (first.n, n_first + 1);
  assert_int_equal (second.n, n_second + 1);
  assert_int_equal (third.n, 1);
  suite_until (&n_fired, before + 1);
  probe_free (&third);
  close_pair (pair);
  eva_source_free (timer);
}

/* Runs children one after the other, each of which is a BODY or NULL, on a loop that is prepared
   before; neither they nor the parent behind them find anything amiss.  */
static void
run_children (int (*one) (void), int (*other) (void)) {
  prepared = prepare ();
  suite_in_child (one);
  if (other) suite_in_child (other);
  suite_settle ();
  assert_true (first.n == 0 && second.n == 0);
  check_loop ();
  clean_up (prepared);
}

/* --- Children that only clean up -------------------------------------------------------------- */

static int
free_all (void) {
  eva_source_free (prepared);
  probe_free (&first);
  eva_loop_free (suite_loop.loop);
  return 0;
}

static int
free_loop (void) {
  eva_loop_free (suite_loop.loop);
  return 0;
}

static void
test_free_alone (void **state) {
  (void) state;
  run_children (free_all, free_loop);
}

/* As an exit handler does whose process ends where it was forked.  */
static void
fork_here (struct probe *p) {
  probe_read (p);
  suite_in_child (free_all);
  suite_in_child (free_loop);
}

static void
test_free_within_callback (void **state) {
  (void) state;
  prepared = prepare ();
  first.action = fork_here;
  put_octet (pair_a[1]);
  suite_settle ();
  assert_int_equal (first.n, 1);
  first.action = probe_read;
  check_loop ();
  clean_up (prepared);
}

static void
fork_in_timer (void *arg) {
  eva_source **timer = arg;

  eva_source_free (*timer);
  prepared = NULL;
  suite_in_child (free_all);
  n_fired++;
}

static void
test_free_within_timer (void **state) {
  eva_source *timer;

  (void) state;
  eva_source_free (prepare ());
  timer = eva_loop_add_timer (suite_loop.loop, 0, fork_in_timer, &timer);
  suite_until (&n_fired, 1);
  check_loop ();
  clean_up (NULL);
}

/* What the parent had closed before, and what the child closed, makes no trouble.  */
static int
close_and_free (void) {
  close (pair_a[0]);
  eva_loop_free (suite_loop.loop);
  return 0;
}

static void
test_free_closed (void **state) {
  (void) state;
  run_children (close_and_free, NULL);
}

/* No number is left for what it takes to hide a descriptor.  */
static int
free_without_numbers (void) {
  const struct rlimit few = { .rlim_cur = N_NUMBERS, .rlim_max = N_NUMBERS };
  int taken[N_NUMBERS], n = 0;

  CHILD_ASSERT (!setrlimit (RLIMIT_NOFILE, &few));
  while ((taken[n] = dup (pair_a[0])) >= 0)
    n++;
  eva_loop_free (suite_loop.loop);
  while (n)
    close (taken[--n]);
  return 0;
}

static void
test_free_without_numbers (void **state) {
  (void) state;
  run_children (free_without_numbers, NULL);
}

/* --- Children that go on ---------------------------------------------------------------------- */

static int
go_on (void) {
  unsigned int n_first = first.n, before = n_fired;
  struct probe third;
  eva_source *timer;
  int pair[2];

  if (!test_loop_forked (&suite_loop)) return 0;
  timer = eva_loop_add_timer (suite_loop.loop, 1, fire, NULL);
  CHILD_ASSERT (timer);
  probe_free (&second);
  make_socketpair (pair);
  probe_init (&third, pair[0], EVA_READABLE, probe_read);
  put_octet (pair_a[1]);
  put_octet (pair_b[1]);
  put_octet (pair[1]);
  suite_settle ();
  CHILD_ASSERT (first.n == n_first + 1);
  CHILD_ASSERT (third.n == 1);
  CHILD_ASSERT (!eva_source_set_events (first.source, EVA_WRITABLE));
  suite_settle ();
  CHILD_ASSERT (first.last == EVA_WRITABLE);
  suite_until (&n_fired, before + 1);
  probe_free (&third);
  close_pair (pair);
  eva_source_free (timer);
  drain (pair_b[0]);
  return 0;
}

static void
test_go_on (void **state) {
  (void) state;
  run_children (go_on, go_on);
}

static int
go_on_in_child (void) {
  CHILD_ASSERT (!go_on ());
  CHILD_ASSERT (!eva_source_set_events (first.source, EVA_READABLE));
  suite_in_child (free_loop);
  if (suite_loop.foreign && !test_loop_forked (&suite_loop)) return 0;
  put_octet (pair_a[1]);
  first.n = 0;
  suite_settle ();
  CHILD_ASSERT (first.n == 1);
  return 0;
}

static void
test_child_of_child (void **state) {
  (void) state;
  run_children (go_on_in_child, NULL);
}

/* Nothing but the time is waited for.  */
static int
wait_for_time (void) {
  eva_source *timer;

  if (!test_loop_forked (&suite_loop)) return 0;
  timer = eva_loop_add_timer (suite_loop.loop, 1, fire, NULL);
  CHILD_ASSERT (timer);
  suite_until (&n_fired, 1);
  eva_source_free (timer);
  return 0;
}

static void
test_timer (void **state) {
  (void) state;
  prepared = prepare ();
  suite_in_child (wait_for_time);
  assert_int_equal (n_fired, 0);
  check_loop ();
  clean_up (prepared);
}

/* The child's deadline is not the parent's, nor the parent's the child's.  */
static int
set_timers (void) {
  if (!test_loop_forked (&suite_loop)) return 0;
  eva_source_set_delay (prepared, HOUR_MS);
  suite_settle ();
  eva_source_set_delay (prepared, 0);
  suite_until (&n_fired, 1);
  return 0;
}

static void
test_set_timer (void **state) {
  (void) state;
  prepared = prepare ();
  eva_source_set_delay (prepared, 1);
  suite_in_child (set_timers);
  suite_until (&n_fired, 1);
  check_loop ();
  clean_up (prepared);
}

/* Watching a descriptor, or setting a timer, uses the loop, though nothing has to hear of it.  */
static int
watch_in_child (void) {
  struct probe third;
  int pair[2];

  if (!test_loop_forked (&suite_loop)) return 0;
  make_socketpair (pair);
  probe_init (&third, pair[0], EVA_READABLE, probe_read);
  CHILD_ASSERT (eva__loop_is_ours (suite_loop.loop));
  return 0;
}

static int
set_in_child (void) {
  if (!test_loop_forked (&suite_loop)) return 0;
  eva_source_set_delay (prepared, 2 * HOUR_MS);
  CHILD_ASSERT (eva__loop_is_ours (suite_loop.loop));
  return 0;
}

static void
test_whose (void **state) {
  (void) state;
  run_children (watch_in_child, set_in_child);
}

/* The kernel tells of a signal through the epoll of the process that gets it.  */
static int signal_fd;

static void
take_signal (struct probe *p) {
  struct signalfd_siginfo info;

  assert_int_equal (read (p->fd, &info, sizeof info), sizeof info);
}

static int
hear_signal (void) {
  if (!test_loop_forked (&suite_loop)) return 0;
  raise (SIGUSR1);
  suite_until (&first.n, 1);
  return 0;
}

static void
test_signal_behind_fork (void **state) {
  sigset_t set, old;

  (void) state;
  sigemptyset (&set);
  sigaddset (&set, SIGUSR1);
  sigprocmask (SIG_BLOCK, &set, &old);
  signal_fd = signalfd (-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  assert_true (signal_fd >= 0);
  probe_init (&first, signal_fd, EVA_READABLE, take_signal);
  suite_settle ();
  suite_in_child (hear_signal);
  suite_settle ();
  assert_int_equal (first.n, 0);
  raise (SIGUSR1);
  suite_until (&first.n, 1);
  probe_free (&first);
  close (signal_fd);
  sigprocmask (SIG_SETMASK, &old, NULL);
}

/* A child that needs the loop of its own library only: what lived in it goes first.  */
static bool is_told;

static void
tell (void *arg) {
  (void) arg;
  take_octet (pair_b[0]);
  is_told = true;
}

static int
free_and_go_on (void) {
  void *watch;
  int fd = dup (pair_b[0]);

  if (!suite_loop.foreign) return 0;
  eva_loop_free (suite_loop.loop);
  suite_loop.loop = NULL;
  if (!test_loop_forked (&suite_loop)) return 0;
  put_octet (pair_a[1]);
  put_octet (pair_b[1]);
  watch = test_loop_watch (&suite_loop, fd, tell, NULL);
  while (!is_told)
    test_loop_turn (&suite_loop, true);
  CHILD_ASSERT (first.n == 0 && second.n == 0);
  test_loop_unwatch (&suite_loop, watch);
  test_loop_turn (&suite_loop, false);
  take_octet (pair_a[0]);
  return 0;
}

static void
test_free_and_go_on (void **state) {
  (void) state;
  run_children (free_and_go_on, NULL);
}

/* Whatever the embedded loop lives in, it finds it where it was.  */
static int
compare_fd (void) {
  int fd = eva_loop_get_fd (suite_loop.loop);
  struct pollfd p = { .fd = fd, .events = POLLIN };

  CHILD_ASSERT (fd == *(int *) first.arg);
  CHILD_ASSERT (poll (&p, 1, 0) == 0);
  put_octet (pair_a[1]);
  CHILD_ASSERT (poll (&p, 1, 0) == 1);
  suite_settle ();
  CHILD_ASSERT (first.n == 1);
  return 0;
}

static void
test_descriptor (void **state) {
  int fd;

  (void) state;
  prepared = prepare ();
  fd = suite_is_embedded () ? eva_loop_get_fd (suite_loop.loop) : -1;
  first.arg = &fd;
  if (fd >= 0) suite_in_child (compare_fd);
  check_loop ();
  clean_up (prepared);
}

static const struct CMUnitTest tests[] = {
  suite_test (test_free_alone),
  suite_test (test_free_within_callback),
  suite_test (test_free_within_timer),
  suite_test (test_free_closed),
  suite_test (test_free_without_numbers),
  suite_test (test_go_on),
  suite_test (test_child_of_child),
  suite_test (test_timer),
  suite_test (test_whose),
  suite_test (test_set_timer),
  suite_test (test_signal_behind_fork),
  suite_test (test_free_and_go_on),
  suite_test (test_descriptor),
};

const struct suite fork_suite = { "fork", tests, N_ELEMENTS (tests) };
