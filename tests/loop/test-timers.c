/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-timers.c - the heap of timers against a table that is searched from end to end.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "loop/timers.h"

#define N_TIMERS 200
#define N_STEPS  20000

static struct eva__timers timers;
static struct eva__timer timer[N_TIMERS];

/* What is known of each timer: its deadline, and the step at which it was set, 0 if it is not.  */
static struct {
  uint64_t due_ns;
  unsigned int step;
} model[N_TIMERS];

/* xorshift; the same in every run.  */
static uint32_t random_state;

static uint32_t
next_random (uint32_t limit) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 17;
  random_state ^= random_state << 5;
  return random_state % limit;
}

/* The index of the one that is due first: of equal deadlines the one that was set first.  */
static int
first_in_model (void) {
  int first = -1;

  for (int i = 0; i < N_TIMERS; i++) {
    if (!model[i].step) continue;
    if (first < 0 || model[i].due_ns < model[first].due_ns
        || (model[i].due_ns == model[first].due_ns && model[i].step < model[first].step))
      first = i;
  }
  return first;
}

static void
check_first (void) {
  int first = first_in_model ();

  assert_ptr_equal (eva__timers_first (&timers), first < 0 ? NULL : &timer[first]);
}

static void
check_places (void) {
  uint32_t n = 0;

  for (int i = 0; i < N_TIMERS; i++) {
    assert_int_equal (timer[i].place != 0, model[i].step != 0);
    if (!timer[i].place) continue;
    n++;
    assert_ptr_equal (timers.heap[timer[i].place - 1], &timer[i]);
    assert_int_equal (timer[i].due_ns, model[i].due_ns);
  }
  assert_int_equal (timers.n, n);
}

static void
set (int i, uint64_t due_ns, unsigned int step) {
  eva__timers_set (&timers, &timer[i], due_ns);
  model[i].due_ns = due_ns;
  model[i].step = step;
}

static void
cancel (int i) {
  eva__timers_cancel (&timers, &timer[i]);
  model[i].step = 0;
}

/* Sets, moves and cancels at random.  With few different deadlines the order of setting counts.  */
static void
play (uint32_t seed, uint32_t n_deadlines, uint32_t percent_set, uint64_t first_turn) {
  random_state = seed;
  timers = (struct eva__timers) { .turn = first_turn };
  for (int i = 0; i < N_TIMERS; i++)
    timer[i] = (struct eva__timer) { 0 };
  assert_int_equal (eva__timers_reserve (&timers, N_TIMERS), 0);
  for (unsigned int step = 1; step <= N_STEPS; step++) {
    int i = (int) next_random (N_TIMERS);
    if (next_random (100) < percent_set)
      set (i, next_random (n_deadlines), step);
    else
      cancel (i);
    check_first ();
    if (step % 100 == 0) check_places ();
  }
  while (first_in_model () >= 0) {
    check_first ();
    cancel (first_in_model ());
  }
  check_places ();
  eva__timers_deinit (&timers);
}

static void
test_random (void **state) {
  (void) state;
  play (1, 1000000, 70, 0);
  play (2, 10, 60, 0);
  play (3, 1, 50, 0);
  play (4, 100, 95, 0);
}

/* A loop at ten thousand settings a second has four thousand million in five days.  */
static void
test_many_settings (void **state) {
  (void) state;
  play (5, 10, 60, UINT32_MAX - N_STEPS / 2);
  play (6, 10, 60, EVA__LAST_SETTING - N_STEPS / 2);
}

/* Of equal deadlines the first one comes first, however many settings are between the two.  */
static void
test_far_apart (void **state) {
  (void) state;
  timers = (struct eva__timers) { 0 };
  assert_int_equal (eva__timers_reserve (&timers, 2), 0);
  set (0, 1, 1);
  timers.turn += UINT32_MAX / 2 + 10u;
  set (1, 1, 2);
  check_first ();
  cancel (0);
  cancel (1);
  eva__timers_deinit (&timers);
}

/* A timer is told from those of this turn, however old it is.  */
static void
test_age (void **state) {
  (void) state;
  for (int i = 0; i < 40; i++) {
    uint64_t turn_begin;
    timers = (struct eva__timers) { .turn = 77 };
    assert_int_equal (eva__timers_reserve (&timers, 2), 0);
    set (0, 1, 1);
    timers.turn += (uint64_t) 1 << i;
    turn_begin = timers.turn;
    assert_false (eva__timers_is_set_since (&timers, &timer[0], turn_begin));
    set (1, 1, 2);
    assert_true (eva__timers_is_set_since (&timers, &timer[1], turn_begin));
    assert_false (eva__timers_is_set_since (&timers, &timer[0], turn_begin));
    cancel (0);
    cancel (1);
    eva__timers_deinit (&timers);
  }
}

static void
test_extremes (void **state) {
  (void) state;
  assert_int_equal (eva__timers_reserve (&timers, 3), 0);
  set (0, UINT64_MAX, 1);
  set (1, 0, 2);
  set (2, UINT64_MAX - 1, 3);
  check_first ();
  cancel (1);
  check_first ();
  cancel (1);
  cancel (2);
  check_first ();
  cancel (0);
  check_first ();
  eva__timers_deinit (&timers);
}

/* Room that was made stays usable when others give up theirs, and what is given up goes back.  */
static void
test_room (void **state) {
  uint32_t most;

  (void) state;
  for (int i = 0; i < 10000; i++)
    assert_int_equal (eva__timers_reserve (&timers, 1), 0);
  most = timers.capacity;
  assert_true (most >= 10000 && most < 20000);
  for (int i = 0; i < N_TIMERS; i++)
    set (i, (uint64_t) i, (unsigned int) i + 1);
  for (int i = N_TIMERS; i < 10000; i++)
    assert_int_equal (eva__timers_reserve (&timers, -1), 0);
  assert_true (timers.capacity >= N_TIMERS && timers.capacity < most / 4);
  check_places ();
  for (int i = 0; i < N_TIMERS; i++) {
    assert_ptr_equal (eva__timers_first (&timers), &timer[i]);
    cancel (i);
  }
  assert_int_equal (eva__timers_reserve (&timers, -N_TIMERS), 0);
  assert_int_equal (timers.n_reserved, 0);
  eva__timers_deinit (&timers);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_random),    cmocka_unit_test (test_many_settings),
    cmocka_unit_test (test_far_apart), cmocka_unit_test (test_extremes),
    cmocka_unit_test (test_age),       cmocka_unit_test (test_room),
  };

  return cmocka_run_group_tests_name ("timers", tests, NULL, NULL);
}
