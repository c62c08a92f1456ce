/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-timers.c - timers: in order, never early, whatever else goes on.  */

#include "suite.h"

#include <limits.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop/backend.h"

#define NS_PER_MS   1000000u
#define N_THOUSANDS 3000

/* A timer that notes when it ran.  */
struct clock {
  eva_source *source;
  uint64_t due_ns;    /* not before */
  uint64_t latest_ns; /* the deadline is not behind this */
  unsigned int n;     /* calls */
  unsigned int place; /* in the order of calls, of the last one */
  void (*action) (struct clock *c);
  struct clock *other;
};

static unsigned int n_rung;

static void
ring (void *arg) {
  struct clock *c = arg;

  assert_non_null (c->source);
  assert_true (eva_now () >= c->due_ns);
  assert_true (eva_loop_now (suite_loop.loop) >= c->due_ns);
  c->n++;
  c->place = ++n_rung;
  if (c->action) c->action (c);
}

/* Notes between which times the deadline is.  */
static uint64_t
in_ms (unsigned int delay_ms, uint64_t now_ns) {
  return now_ns + (uint64_t) delay_ms * NS_PER_MS;
}

static void
set_clock (struct clock *c, unsigned int delay_ms) {
  c->due_ns = in_ms (delay_ms, eva_now ());
  eva_source_set_delay (c->source, delay_ms);
  c->latest_ns = in_ms (delay_ms, eva_now ());
}

static void
start_clock (struct clock *c, unsigned int delay_ms, void (*action) (struct clock *c)) {
  *c = (struct clock) { .action = action };
  c->due_ns = in_ms (delay_ms, eva_now ());
  c->source = eva_loop_add_timer (suite_loop.loop, delay_ms, ring, c);
  c->latest_ns = in_ms (delay_ms, eva_now ());
  assert_non_null (c->source);
}

static void
stop_clock (struct clock *c) {
  eva_source *source = c->source;

  c->source = NULL;
  eva_source_free (source);
}

static void
wait_for (struct clock *c, unsigned int n) {
  suite_until (&c->n, n);
}

/* --- When ------------------------------------------------------------------------------------- */

static void
test_once (void **state) {
  struct clock c;

  (void) state;
  start_clock (&c, 3, NULL);
  wait_for (&c, 1);
  suite_settle ();
  assert_int_equal (c.n, 1);
  stop_clock (&c);
}

/* A timer with a deadline of its own, so that the order does not depend on how long setting
   takes.  */
struct mark {
  struct eva__timer timer;
  unsigned int place; /* in the order of calls */
};

static void
note_mark (struct eva__timer *timer) {
  struct mark *mark = EVA__CONTAINER (struct mark, timer, timer);

  assert_true (eva_now () >= timer->due_ns);
  assert_int_equal (mark->place, 0);
  mark->place = ++n_rung;
}

/* Sets N of them to so many milliseconds from now.  */
static void
set_marks (struct mark *marks, const unsigned int *delay_ms, unsigned int n) {
  uint64_t now_ns = eva_now ();

  n_rung = 0;
  assert_int_equal (eva__loop_reserve_timers (suite_loop.loop, (int) n), 0);
  for (unsigned int i = 0; i < n; i++) {
    marks[i] = (struct mark) { .timer.cb = note_mark };
    eva__loop_set_timer (suite_loop.loop, &marks[i].timer, in_ms (delay_ms[i], now_ns));
  }
}

static void
test_order (void **state) {
  static const unsigned int delay_ms[] = { 12, 3, 9, 0, 6, 15, 1 };
  static const unsigned int place[] = { 6, 3, 5, 1, 4, 7, 2 };
  struct mark marks[7];

  (void) state;
  set_marks (marks, delay_ms, 7);
  suite_until (&n_rung, 7);
  for (int i = 0; i < 7; i++)
    assert_int_equal (marks[i].place, place[i]);
}

static struct clock same[5];

static void
set_all (struct clock *c) {
  (void) c;
  for (unsigned int i = 0; i < N_ELEMENTS (same); i++)
    start_clock (&same[i], 2, NULL);
}

/* Of those with the same deadline the one that was set first comes first.  */
static void
test_equal (void **state) {
  struct clock c;

  (void) state;
  start_clock (&c, 0, set_all);
  wait_for (&c, 1);
  n_rung = 0;
  suite_until (&n_rung, N_ELEMENTS (same));
  for (unsigned int i = 0; i < N_ELEMENTS (same); i++) {
    assert_int_equal (same[i].place, i + 1);
    stop_clock (&same[i]);
  }
  stop_clock (&c);
}

static unsigned int n_turns;
static unsigned int turn_of_call;

static void
note_turn (struct clock *c) {
  assert_int_not_equal (n_turns, turn_of_call);
  turn_of_call = n_turns;
  set_clock (c, 0);
}

/* A timer for now waits for the next turn: one that sets itself so holds up nothing.  */
static void
test_zero (void **state) {
  struct clock c;
  struct probe p;
  int fd[2];

  (void) state;
  make_socketpair (fd);
  probe_init (&p, fd[0], EVA_WRITABLE, NULL);
  turn_of_call = 0;
  start_clock (&c, 0, note_turn);
  for (n_turns = 1; c.n < 20 || p.n < 20; n_turns++)
    test_loop_turn (&suite_loop, true);
  stop_clock (&c);
  probe_free (&p);
  close_pair (fd);
}

/* Nor does it hold up other timers.  */
static void
test_zero_and_others (void **state) {
  struct clock zero, late;

  (void) state;
  n_turns = 1;
  turn_of_call = 0;
  start_clock (&zero, 0, note_turn);
  start_clock (&late, 5, NULL);
  for (; late.n < 1; n_turns++)
    test_loop_turn (&suite_loop, true);
  assert_true (zero.n > 0);
  stop_clock (&zero);
  stop_clock (&late);
}

static void
sleep_long (struct probe *p) {
  (void) p;
  usleep (2000);
}

/* A descriptor that is always ready, and takes its time, does not keep timers from running.  */
static void
test_under_load (void **state) {
  static const unsigned int delay_ms[] = { 30, 20, 10 };
  struct mark marks[3];
  struct probe p;
  int fd[2];

  (void) state;
  make_socketpair (fd);
  probe_init (&p, fd[0], EVA_WRITABLE, sleep_long);
  suite_until (&p.n, 1);
  set_marks (marks, delay_ms, 3);
  suite_until (&n_rung, 3);
  for (unsigned int i = 0; i < 3; i++)
    assert_int_equal (marks[i].place, 3 - i);
  probe_free (&p);
  close_pair (fd);
}

/* "In 10 ms" counts from the call, whatever the callback did before.  */
#define WORK_US (20 * 1000)

static struct clock after_work[2];

static void
work_and_set (void) {
  bool again = after_work[0].source;

  usleep (WORK_US);
  if (again)
    set_clock (&after_work[0], 10);
  else
    start_clock (&after_work[0], 10, NULL);
}

static void
work_in_probe (struct probe *p) {
  drain (p->fd);
  work_and_set ();
}

static void
work_in_timer (struct clock *c) {
  (void) c;
  work_and_set ();
}

static void
work_in_task (struct eva__task *task) {
  (void) task;
  work_and_set ();
}

/* ring asserts that no timer is early.  */
static void
test_after_work (void **state) {
  struct eva__task task = { .cb = work_in_task };
  struct probe p;
  int fd[2];

  (void) state;
  memset (after_work, 0, sizeof after_work);
  make_socketpair (fd);
  probe_init (&p, fd[0], EVA_READABLE, work_in_probe);
  put_octet (fd[1]);
  wait_for (&after_work[0], 1);
  put_octet (fd[1]);
  wait_for (&after_work[0], 2);
  start_clock (&after_work[1], 1, work_in_timer);
  wait_for (&after_work[0], 3);
  eva__loop_run_soon (suite_loop.loop, &task);
  wait_for (&after_work[0], 4);
  stop_clock (&after_work[0]);
  stop_clock (&after_work[1]);
  probe_free (&p);
  close_pair (fd);
}

static void
ignore_task (struct eva__task *task) {
  (void) task;
}

/* Writes an octet in a while, from another process.  */
static pid_t
put_octet_later (int fd) {
  pid_t pid = fork ();

  if (!pid) {
    usleep (50000);
    _exit (write (fd, "x", 1) != 1);
  }
  return pid;
}

/* When all is done the loop waits: it does not run in circles until the next deadline, or until
   something comes.  */
static void
test_rest (void **state) {
  struct eva__task task = { .cb = ignore_task };
  struct clock first, zero, last;
  struct probe p, idle;
  unsigned int turns = 0;
  pid_t child;
  int fd[2];

  (void) state;
  make_socketpair (fd);
  probe_init (&p, fd[0], EVA_READABLE, probe_read);
  probe_init (&idle, fd[1], 0, NULL);
  put_octet (fd[1]);
  start_clock (&first, 1, NULL);
  start_clock (&zero, 0, NULL);
  start_clock (&last, 50, NULL);
  eva__loop_run_later (suite_loop.loop, &task);
  for (; !last.n || !p.n; turns++)
    test_loop_turn (&suite_loop, true);
  assert_true (p.n == 1 && first.n == 1 && zero.n == 1);
  assert_in_range (turns, 1, 20);
  child = put_octet_later (fd[1]);
  for (turns = 0; p.n < 2; turns++)
    test_loop_turn (&suite_loop, true);
  assert_in_range (turns, 1, 20);
  assert_int_equal (waitpid (child, NULL, 0), child);
  stop_clock (&first);
  stop_clock (&zero);
  stop_clock (&last);
  probe_free (&p);
  probe_free (&idle);
  close_pair (fd);
}

/* --- Setting again, and taking back ----------------------------------------------------------- */

static void
set_again (struct clock *c) {
  if (c->n < 5) set_clock (c, c->n % 3);
}

static void
test_periodic (void **state) {
  struct clock c;

  (void) state;
  start_clock (&c, 1, set_again);
  wait_for (&c, 5);
  suite_settle ();
  assert_int_equal (c.n, 5);
  stop_clock (&c);
}

static void
test_move (void **state) {
  struct clock early, late, never;

  (void) state;
  n_rung = 0;
  start_clock (&early, 100000, NULL);
  start_clock (&late, 1, NULL);
  start_clock (&never, UINT_MAX, NULL);
  set_clock (&late, 10);
  set_clock (&early, 4);
  wait_for (&late, 1);
  if (early.latest_ns < late.due_ns) assert_int_equal (early.place, 1);
  wait_for (&early, 1);
  suite_settle ();
  assert_int_equal (late.n, 1);
  assert_int_equal (early.n, 1);
  set_clock (&early, 1);
  wait_for (&early, 2);
  assert_int_equal (never.n, 0);
  stop_clock (&early);
  stop_clock (&late);
  stop_clock (&never);
}

static void
stop_other (struct clock *c) {
  if (c->other->source) stop_clock (c->other);
}

/* Both are due at the same time.  */
static void
test_stop_other (void **state) {
  struct clock a, b;

  (void) state;
  start_clock (&a, 1, stop_other);
  start_clock (&b, 1, stop_other);
  a.other = &b;
  b.other = &a;
  usleep (3000);
  while (a.n + b.n < 1)
    test_loop_turn (&suite_loop, true);
  suite_settle ();
  assert_int_equal (a.n + b.n, 1);
  assert_true (!a.source != !b.source);
  stop_clock (&a);
  stop_clock (&b);
}

static void
test_stop_own (void **state) {
  struct clock c, other;

  (void) state;
  start_clock (&c, 1, stop_clock);
  start_clock (&other, 2, NULL);
  wait_for (&other, 1);
  assert_int_equal (c.n, 1);
  stop_clock (&other);
}

static struct clock *victim;

static void
stop_victim (struct probe *p) {
  drain (p->fd);
  usleep (3000);
  stop_clock (victim);
}

/* A timer that came due while a descriptor's callback was at work, which then freed it.  */
static void
test_stop_by_descriptor (void **state) {
  struct clock c;
  struct probe p;
  int fd[2];

  (void) state;
  make_socketpair (fd);
  put_octet (fd[1]);
  start_clock (&c, 2, NULL);
  victim = &c;
  probe_init (&p, fd[0], EVA_READABLE, stop_victim);
  suite_until (&p.n, 1);
  if (c.n == 0) suite_settle ();
  assert_true (c.n <= 1);
  probe_free (&p);
  close_pair (fd);
}

/* --- Many ------------------------------------------------------------------------------------- */

static struct clock thousands[N_THOUSANDS];
static uint64_t last_due_ns;

static void
check_order (struct clock *c) {
  assert_true (c->latest_ns >= last_due_ns);
  if (c->due_ns > last_due_ns) last_due_ns = c->due_ns;
}

static void
test_thousands (void **state) {
  (void) state;
  last_due_ns = 0;
  n_rung = 0;
  for (unsigned int i = 0; i < N_THOUSANDS; i++)
    start_clock (&thousands[i], i * 7919 % 40, check_order);
  for (unsigned int i = 0; i < N_THOUSANDS; i += 3)
    set_clock (&thousands[i], i * 104729 % 40);
  suite_until (&n_rung, N_THOUSANDS);
  suite_settle ();
  for (unsigned int i = 0; i < N_THOUSANDS; i++) {
    assert_int_equal (thousands[i].n, 1);
    stop_clock (&thousands[i]);
  }
}

/* --- Timers that are part of something -------------------------------------------------------- */

static unsigned int n_fired;

static void
fire (struct eva__timer *timer) {
  assert_int_equal (timer->place, 0);
  assert_true (eva_now () >= timer->due_ns);
  n_fired++;
}

static void
test_part (void **state) {
  eva_loop *loop = suite_loop.loop;
  struct eva__timer past = { .cb = fire }, soon = { .cb = fire }, never = { .cb = fire };

  (void) state;
  n_fired = 0;
  assert_int_equal (eva__loop_reserve_timers (loop, 3), 0);
  eva__loop_set_timer (loop, &past, 0);
  eva__loop_set_timer (loop, &soon, eva_now () + 3 * NS_PER_MS);
  eva__loop_set_timer (loop, &never, UINT64_MAX);
  suite_until (&n_fired, 2);
  eva__loop_cancel_timer (loop, &past);
  eva__loop_cancel_timer (loop, &never);
  eva__loop_set_timer (loop, &past, 1);
  eva__loop_cancel_timer (loop, &past);
  suite_settle ();
  assert_int_equal (n_fired, 2);
  eva__loop_set_timer (loop, &past, 1);
  suite_until (&n_fired, 3);
  assert_int_equal (eva__loop_reserve_timers (loop, -3), 0);
}

static struct eva__timer restless[2];
static unsigned int n_restless[2];

static void
stay_due (struct eva__timer *timer) {
  n_restless[timer - restless]++;
  eva__loop_set_timer (suite_loop.loop, timer, 0);
}

/* Two that always set themselves to a time that is long past take turns.  */
static void
test_restless (void **state) {
  (void) state;
  memset (restless, 0, sizeof restless);
  memset (n_restless, 0, sizeof n_restless);
  assert_int_equal (eva__loop_reserve_timers (suite_loop.loop, 2), 0);
  restless[0].cb = restless[1].cb = stay_due;
  eva__loop_set_timer (suite_loop.loop, &restless[0], 1);
  eva__loop_set_timer (suite_loop.loop, &restless[1], 2);
  suite_until (&n_restless[0], 5);
  suite_until (&n_restless[1], 5);
  eva__loop_cancel_timer (suite_loop.loop, &restless[0]);
  eva__loop_cancel_timer (suite_loop.loop, &restless[1]);
}

/* A timer that waits for days is due in the end, however many were set meanwhile.  */
static void
test_many_settings (void **state) {
  struct clock old, young;

  (void) state;
  start_clock (&old, 2, NULL);
  suite_loop.loop->timers.turn += UINT32_MAX / 2 + 10u;
  start_clock (&young, 3, NULL);
  wait_for (&young, 1);
  assert_int_equal (old.n, 1);
  stop_clock (&old);
  stop_clock (&young);
}

static const struct CMUnitTest tests[] = {
  suite_test (test_once),       suite_test (test_order),
  suite_test (test_equal),      suite_test (test_zero),
  suite_test (test_under_load), suite_test (test_zero_and_others),
  suite_test (test_periodic),   suite_test (test_move),
  suite_test (test_stop_other), suite_test (test_stop_own),
  suite_test (test_thousands),  suite_test (test_stop_by_descriptor),
  suite_test (test_part),       suite_test (test_rest),
  suite_test (test_restless),   suite_test (test_many_settings),
  suite_test (test_after_work),
};

const struct suite timer_suite = { "timer", tests, N_ELEMENTS (tests) };
