/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-foreign.c - what a table of functions is asked for, and when memory goes: against a loop
   made of nothing but notes.  */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "loop/backend.h"

#define MS 1000000u

/* What the table has in SELF and in each watch.  */
struct mock {
  eva_loop *loop;
  char octets[100];
};

struct mock_watch {
  int fd;
  unsigned int events;
  char octets[40];
};

/* What happened, and what will.  */
static struct {
  struct mock *mock;
  struct mock_watch *watch; /* that was added or changed last */
  unsigned int n_adds, n_changes, n_removes, n_sets, n_cancels, n_deinits;
  uint64_t delay_ns; /* of the last set_timer; UINT64_MAX: cancelled */
  int error;         /* of init, add, change */
  bool slow;         /* removes and finishes later */
} seen;

static int foreign;

static bool
is_zero (const char *octets, size_t len) {
  for (size_t i = 0; i < len; i++) {
    if (octets[i]) return false;
  }
  return true;
}

static int
mock_init (void *self, void *arg, eva_loop *loop) {
  assert_ptr_equal (arg, &foreign);
  assert_int_equal ((uintptr_t) self % _Alignof (max_align_t), 0);
  seen.mock = self;
  assert_true (is_zero (seen.mock->octets, sizeof seen.mock->octets));
  memset (self, 0xee, sizeof *seen.mock);
  seen.mock->loop = loop;
  return seen.error;
}

static bool
mock_deinit (void *self) {
  assert_ptr_equal (self, seen.mock);
  seen.n_deinits++;
  return !seen.slow;
}

static int
mock_add (void *self, void *data, int fd, unsigned int events) {
  struct mock_watch *watch = data;

  assert_ptr_equal (self, seen.mock);
  assert_int_equal ((uintptr_t) data % _Alignof (max_align_t), 0);
  assert_true (is_zero (watch->octets, sizeof watch->octets));
  memset (data, 0xee, sizeof *watch);
  seen.n_adds++;
  seen.watch = watch;
  watch->fd = fd;
  watch->events = events;
  return seen.error;
}

static int
mock_change (void *self, void *data, int fd, unsigned int events) {
  seen.n_changes++;
  seen.watch = data;
  assert_ptr_equal (self, seen.mock);
  assert_int_equal (fd, seen.watch->fd);
  if (!seen.error) seen.watch->events = events;
  return seen.error;
}

static bool
mock_remove (void *self, void *data, int fd) {
  assert_ptr_equal (self, seen.mock);
  assert_int_equal (((struct mock_watch *) data)->fd, fd);
  memset (data, 0xdd, sizeof (struct mock_watch));
  seen.n_removes++;
  return !seen.slow;
}

static void
mock_set_timer (void *self, uint64_t delay_ns) {
  assert_ptr_equal (self, seen.mock);
  seen.n_sets++;
  seen.delay_ns = delay_ns;
}

static void
mock_cancel_timer (void *self) {
  assert_ptr_equal (self, seen.mock);
  seen.n_cancels++;
  seen.delay_ns = UINT64_MAX;
}

static const struct eva_loop_ops ops = { .version = EVA_LOOP_OPS_VERSION,
                                         .self_size = sizeof (struct mock),
                                         .watch_size = sizeof (struct mock_watch),
                                         .init = mock_init,
                                         .deinit = mock_deinit,
                                         .add = mock_add,
                                         .change = mock_change,
                                         .remove = mock_remove,
                                         .set_timer = mock_set_timer,
                                         .cancel_timer = mock_cancel_timer,
                                         .tells_hangup = true };

/* The same for loops that callbacks may run.  */
static struct eva_loop_ops recursing_ops;

static eva_loop *
make_loop_with (const struct eva_loop_ops *table) {
  eva_loop *loop;

  memset (&seen, 0, sizeof seen);
  seen.delay_ns = UINT64_MAX;
  loop = eva_loop_new_foreign (table, &foreign);
  assert_non_null (loop);
  assert_ptr_equal (seen.mock->loop, loop);
  return loop;
}

static eva_loop *
make_loop (void) {
  return make_loop_with (&ops);
}

/* --- Descriptors ------------------------------------------------------------------------------ */

static unsigned int n_calls;
static eva_source *to_free;

static void
count (void *arg, unsigned int revents) {
  *(unsigned int *) arg = revents;
  n_calls++;
  eva_source_free (to_free);
  to_free = NULL;
}

static void
test_watch (void **state) {
  eva_loop *loop = make_loop ();
  unsigned int revents = 0;
  eva_source *source = eva_loop_add_fd (loop, 7, EVA_READABLE, count, &revents);

  (void) state;
  n_calls = 0;
  assert_true (seen.watch->fd == 7 && seen.watch->events == EVA_READABLE);
  eva_loop_ready (seen.watch, EVA_READABLE | EVA_WRITABLE);
  assert_int_equal (revents, EVA_READABLE);
  eva_loop_ready (seen.watch, EVA_WRITABLE);
  assert_int_equal (n_calls, 1);
  eva_loop_ready (seen.watch, POLLERR);
  assert_int_equal (revents, EVA_HANGUP);
  assert_int_equal (eva_source_set_events (source, EVA_READABLE), 0);
  assert_int_equal (seen.n_changes, 0);
  assert_int_equal (eva_source_set_events (source, EVA_WRITABLE), 0);
  assert_true (seen.n_changes == 1 && seen.watch->events == EVA_WRITABLE);
  eva_loop_ready (seen.watch, EVA_WRITABLE);
  assert_int_equal (revents, EVA_WRITABLE);
  to_free = source;
  eva_loop_ready (seen.watch, EVA_WRITABLE);
  assert_int_equal (seen.n_removes, 1);
  eva_loop_free (loop);
  assert_true (seen.n_deinits == 1 && seen.n_sets == 0);
}

static void
test_errors (void **state) {
  eva_loop *loop = make_loop ();
  struct eva_loop_ops newer = ops;
  unsigned int revents = 0;
  eva_source *source = eva_loop_add_fd (loop, 7, EVA_READABLE, count, &revents);

  (void) state;
  seen.error = EBUSY;
  errno = 0;
  assert_int_equal (eva_source_set_events (source, EVA_WRITABLE), -1);
  assert_int_equal (errno, EBUSY);
  eva_loop_ready (seen.watch, EVA_READABLE | EVA_WRITABLE);
  assert_int_equal (revents, EVA_READABLE);
  errno = 0;
  assert_null (eva_loop_add_fd (loop, 8, EVA_READABLE, count, &revents));
  assert_int_equal (errno, EBUSY);
  seen.error = 0;
  assert_int_equal (eva_source_set_events (source, EVA_WRITABLE), 0);
  eva_loop_free (loop);
  assert_int_equal (seen.n_removes, 1);

  seen.error = EMFILE;
  errno = 0;
  assert_null (eva_loop_new_foreign (&ops, &foreign));
  assert_int_equal (errno, EMFILE);
  newer.version++;
  errno = 0;
  assert_null (eva_loop_new_foreign (&newer, &foreign));
  assert_int_equal (errno, EINVAL);
}

/* Memory that the loop goes on using stays: a tool that watches memory sees to it.  */
static void
test_slow (void **state) {
  eva_loop *loop = make_loop ();
  unsigned int revents = 0;
  eva_source *source = eva_loop_add_fd (loop, 7, EVA_READABLE, count, &revents);
  struct mock_watch *first = seen.watch, *second;
  struct mock *mock = seen.mock;

  (void) state;
  seen.slow = true;
  assert_non_null (eva_loop_add_fd (loop, 8, EVA_READABLE, count, &revents));
  second = seen.watch;
  eva_source_free (source);
  memset (first, 0xcc, sizeof *first);
  eva_loop_free (loop);
  assert_int_equal (seen.n_removes, 2);
  memset (second, 0xcc, sizeof *second);
  memset (mock, 0xcc, sizeof *mock);
  eva_loop_removed (second);
  eva_loop_finished (mock);
  memset (first, 0xcc, sizeof *first);
  eva_loop_removed (first);
}

/* --- The timer -------------------------------------------------------------------------------- */

static void
on_time (void *arg) {
  (void) arg;
}

static void
note (struct eva__timer *timer) {
  (void) timer;
  n_calls++;
}

/* It is set if an earlier deadline comes up, and not if the earliest moves away.  */
static void
test_timer (void **state) {
  eva_loop *loop = make_loop ();
  struct eva__timer a = { .cb = note }, b = { .cb = note };

  (void) state;
  n_calls = 0;
  assert_int_equal (eva__loop_reserve_timers (loop, 2), 0);
  eva__loop_set_timer (loop, &a, eva_now () + 1000 * (uint64_t) MS);
  assert_true (seen.n_sets == 1 && seen.delay_ns <= 1000 * (uint64_t) MS && seen.delay_ns > 0);
  eva__loop_set_timer (loop, &b, eva_now () + 2000 * (uint64_t) MS);
  eva__loop_set_timer (loop, &a, eva_now () + 3000 * (uint64_t) MS);
  assert_int_equal (seen.n_sets, 1);
  eva__loop_set_timer (loop, &b, eva_now () + 500 * (uint64_t) MS);
  assert_true (seen.n_sets == 2 && seen.delay_ns <= 500 * (uint64_t) MS);
  eva_loop_timeout (loop); /* too early */
  assert_true (n_calls == 0 && seen.n_sets == 3);
  eva__loop_cancel_timer (loop, &b);
  assert_int_equal (seen.n_cancels, 0);
  eva__loop_cancel_timer (loop, &a);
  assert_true (seen.n_cancels == 1 && seen.delay_ns == UINT64_MAX);
  eva__loop_set_timer (loop, &a, 1);
  assert_int_equal (seen.delay_ns, 0);
  eva_loop_timeout (loop);
  assert_int_equal (n_calls, 1);
  eva__loop_set_timer (loop, &a, UINT64_MAX - 1);
  eva_loop_free (loop);
  assert_true (seen.n_cancels == 2 && seen.delay_ns == UINT64_MAX && seen.n_deinits == 1);
}

/* A timer that is freed needs no room any more.  */
static void
test_room (void **state) {
  eva_loop *loop = make_loop ();

  (void) state;
  for (int i = 0; i < 1000; i++)
    eva_source_free (eva_loop_add_timer (loop, (unsigned int) i, on_time, NULL));
  assert_int_equal (loop->timers.n_reserved, 0);
  eva_loop_free (loop);
}

static eva_loop *task_loop;
static struct eva__task tasks[2];

static void
run_task (struct eva__task *task) {
  (void) task;
  n_calls++;
}

static void
queue_tasks (void *arg, unsigned int revents) {
  (void) arg;
  (void) revents;
  eva__loop_run_soon (task_loop, &tasks[0]);
  eva__loop_run_later (task_loop, &tasks[1]);
}

static void
queue_soon (void *arg, unsigned int revents) {
  (void) arg;
  (void) revents;
  eva__loop_run_soon (task_loop, &tasks[0]);
  assert_true (seen.delay_ns > 0); /* not at once */
}

static void
queue_and_run (void *arg, unsigned int revents) {
  unsigned int before = n_calls;

  queue_soon (arg, revents);
  eva_loop_prepare (task_loop);
  assert_int_equal (seen.delay_ns, 0);
  eva_loop_timeout (task_loop);
  assert_int_equal (n_calls, before + 1);
  /* Others do something between the turns.  */
  eva__loop_run_soon (task_loop, &tasks[0]);
  assert_int_equal (seen.delay_ns, 0);
}

/* What is put off for soon needs no timer within a callback; all else needs one for at once.  */
static void
test_tasks (void **state) {
  eva_loop *loop = task_loop = make_loop ();
  eva_source *source = eva_loop_add_fd (loop, 7, EVA_READABLE, queue_tasks, NULL);

  (void) state;
  n_calls = 0;
  tasks[0] = tasks[1] = (struct eva__task) { .cb = run_task };
  eva_loop_ready (seen.watch, EVA_READABLE);
  assert_true (n_calls == 1 && seen.n_sets == 1 && seen.delay_ns == 0);
  eva_loop_ready (seen.watch, EVA_READABLE);
  assert_true (n_calls == 2 && seen.n_sets == 1);
  eva_loop_timeout (loop);
  assert_int_equal (n_calls, 3);
  assert_int_equal (seen.n_sets, 1);
  eva__loop_run_soon (loop, &tasks[0]);
  assert_true (n_calls == 3 && seen.n_sets == 2 && seen.delay_ns == 0);
  eva__loop_cancel_task (loop, &tasks[0]);
  eva_loop_timeout (loop);
  assert_int_equal (n_calls, 3);
  eva_source_free (source);
  eva_loop_free (loop);
}

/* Where a callback may run the loop, what it puts off is known as soon as it does; and what is done
   by the end of the callback costs no turn.  */
static void
test_recursing (void **state) {
  eva_loop *loop;
  eva_source *source, *timer;

  (void) state;
  recursing_ops = ops;
  recursing_ops.recurses = true;
  loop = task_loop = make_loop_with (&recursing_ops);
  source = eva_loop_add_fd (loop, 7, EVA_READABLE, queue_soon, NULL);
  tasks[0] = (struct eva__task) { .cb = run_task };
  n_calls = 0;
  eva_loop_prepare (loop);
  eva_loop_ready (seen.watch, EVA_READABLE);
  assert_true (n_calls == 1 && seen.n_sets == 0 && seen.n_cancels == 0);
  eva_source_free (source);
  source = eva_loop_add_fd (loop, 7, EVA_READABLE, queue_and_run, NULL);
  eva_loop_ready (seen.watch, EVA_READABLE);
  assert_true (n_calls == 3 && seen.delay_ns == UINT64_MAX);
  timer = eva_loop_add_timer (loop, 1000, on_time, NULL);
  eva_loop_ready (seen.watch, EVA_READABLE);
  assert_true (seen.delay_ns > 0 && seen.delay_ns <= 1000 * (uint64_t) MS);
  eva_source_free (timer);
  eva_source_free (source);
  eva_loop_free (loop);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_watch),     cmocka_unit_test (test_errors),
    cmocka_unit_test (test_slow),      cmocka_unit_test (test_timer),
    cmocka_unit_test (test_room),      cmocka_unit_test (test_tasks),
    cmocka_unit_test (test_recursing),
  };

  return cmocka_run_group_tests_name ("foreign", tests, NULL, NULL);
}
