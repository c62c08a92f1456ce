/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-tasks.c - work put off: before the loop waits, and a little at a time after all others
   had its turn.  */

#include "suite.h"

#include <string.h>
#include <unistd.h>

#include "loop/loop.h"

#define N_TASKS 6

/* A task that counts.  */
struct job {
  struct eva__task task;
  unsigned int n;
  unsigned int place; /* in the order of runs, of the last one */
  void (*action) (struct job *job);
};

static struct job jobs[N_TASKS];
static unsigned int n_runs;

static void
run_job (struct eva__task *task) {
  struct job *job = (struct job *) task;

  assert_null (task->next);
  job->n++;
  job->place = ++n_runs;
  if (job->action) job->action (job);
}

static void
init_jobs (void (*action) (struct job *job)) {
  memset (jobs, 0, sizeof jobs);
  n_runs = 0;
  for (int i = 0; i < N_TASKS; i++) {
    jobs[i].task.cb = run_job;
    jobs[i].action = action;
  }
}

static void
soon (struct job *job) {
  eva__loop_run_soon (suite_loop.loop, &job->task);
}

static void
later (struct job *job) {
  eva__loop_run_later (suite_loop.loop, &job->task);
}

static void
see_off (struct job *job) {
  eva__loop_see_off (suite_loop.loop, &job->task);
}

static void
let_in (struct job *job) {
  eva__loop_let_in (suite_loop.loop, &job->task);
}

static void
cancel (struct job *job) {
  eva__loop_cancel_task (suite_loop.loop, &job->task);
}

/* --- Soon ------------------------------------------------------------------------------------- */

static void
test_soon (void **state) {
  (void) state;
  init_jobs (NULL);
  for (int i = 0; i < N_TASKS; i++) {
    soon (&jobs[i]);
    soon (&jobs[i]);
    later (&jobs[i]); /* it is queued already */
  }
  assert_int_equal (n_runs, 0);
  suite_until (&n_runs, N_TASKS);
  suite_settle ();
  for (unsigned int i = 0; i < N_TASKS; i++) {
    assert_int_equal (jobs[i].n, 1);
    assert_int_equal (jobs[i].place, i + 1);
  }
}

static void
queue_soon (struct probe *p) {
  soon (p->arg);
}

static void
queue_next (struct job *job) {
  if (job < &jobs[N_TASKS - 1]) soon (job + 1);
}

/* What a callback queues, and what that queues, runs in the same turn.  */
static void
test_soon_in_turn (void **state) {
  struct probe p;
  int fd[2];

  (void) state;
  init_jobs (queue_next);
  make_socketpair (fd);
  probe_init (&p, fd[0], EVA_WRITABLE, queue_soon);
  p.arg = &jobs[0];
  for (unsigned int i = 1; i <= 3; i++) {
    while (p.n < i)
      test_loop_turn (&suite_loop, true);
    for (int j = 0; j < N_TASKS; j++)
      assert_int_equal (jobs[j].n, p.n);
  }
  probe_free (&p);
  close_pair (fd);
}

static void
queue_own (struct job *job) {
  soon (job);
}

static void
count_ring (void *arg) {
  unsigned int *n = arg;

  (*n)++;
}

/* Tasks that queue themselves forever hold up neither descriptors nor timers.  */
static void
test_soon_for_ever (void **state) {
  unsigned int n_rung = 0;
  eva_source *timer = eva_loop_add_timer (suite_loop.loop, 5, count_ring, &n_rung);
  struct probe p;
  int fd[2];

  (void) state;
  init_jobs (queue_own);
  make_socketpair (fd);
  soon (&jobs[0]);
  soon (&jobs[1]);
  probe_init (&p, fd[0], EVA_READABLE, probe_read);
  suite_until (&jobs[1].n, 3);
  put_octet (fd[1]);
  suite_until (&p.n, 1);
  suite_until (&n_rung, 1);
  assert_true (jobs[0].n - jobs[1].n <= 1);
  cancel (&jobs[0]);
  cancel (&jobs[1]);
  eva_source_free (timer);
  probe_free (&p);
  close_pair (fd);
}

static void
cancel_rest (struct job *job) {
  for (int i = 0; i < N_TASKS; i++) {
    if (&jobs[i] != job) cancel (&jobs[i]);
  }
}

static void
test_cancel (void **state) {
  (void) state;
  init_jobs (NULL);
  soon (&jobs[0]);
  later (&jobs[1]);
  cancel (&jobs[0]);
  cancel (&jobs[0]);
  cancel (&jobs[1]);
  suite_settle ();
  assert_int_equal (n_runs, 0);
  init_jobs (cancel_rest);
  for (int i = 0; i < N_TASKS; i++)
    (i % 2 ? later : soon) (&jobs[i]);
  suite_until (&n_runs, 1);
  suite_settle ();
  assert_int_equal (n_runs, 1);
  assert_int_equal (jobs[0].n, 1);
}

/* --- Later ------------------------------------------------------------------------------------ */

static struct probe busy;
static unsigned int busy_calls[100];

static void
note_busy (struct job *job) {
  (void) job;
  if (n_runs <= N_ELEMENTS (busy_calls)) busy_calls[n_runs - 1] = busy.n;
}

/* The jobs are put off in two ways by turns: between two of them the descriptors have their
   turn.  */
static void
check_turns (void (*one) (struct job *), void (*other) (struct job *)) {
  int fd[2];

  init_jobs (note_busy);
  make_socketpair (fd);
  probe_init (&busy, fd[0], EVA_WRITABLE, NULL);
  for (int i = 0; i < N_TASKS; i++)
    (i % 2 ? other : one) (&jobs[i]);
  suite_until (&n_runs, N_TASKS);
  suite_settle ();
  assert_int_equal (n_runs, N_TASKS);
  for (unsigned int i = 0; i < N_TASKS; i++)
    assert_int_equal (jobs[i].place, i + 1);
  for (unsigned int i = 1; i < N_TASKS; i++)
    assert_true (busy_calls[i] > busy_calls[i - 1]);
  probe_free (&busy);
  close_pair (fd);
}

static void
test_later (void **state) {
  (void) state;
  check_turns (later, later);
}

static void
queue_own_later (struct job *job) {
  note_busy (job);
  if (job->n < 5) later (job);
}

/* One that goes on for long goes on at once where nothing else is due.  */
static void
test_later_again (void **state) {
  int fd[2];

  (void) state;
  init_jobs (queue_own_later);
  later (&jobs[0]);
  suite_until (&n_runs, 5);
  suite_settle ();
  assert_int_equal (n_runs, 5);
  init_jobs (queue_own_later);
  make_socketpair (fd);
  probe_init (&busy, fd[0], EVA_WRITABLE, NULL);
  later (&jobs[0]);
  later (&jobs[1]);
  suite_until (&n_runs, 10);
  for (unsigned int i = 1; i < 10; i++)
    assert_true (busy_calls[i] > busy_calls[i - 1]);
  probe_free (&busy);
  close_pair (fd);
}

static void
queue_soon_job (struct job *job) {
  if (job == &jobs[0]) soon (&jobs[1]);
}

/* What a later one puts off for soon does not wait.  */
static void
test_later_and_soon (void **state) {
  (void) state;
  init_jobs (queue_soon_job);
  later (&jobs[0]);
  suite_until (&jobs[0].n, 1);
  assert_int_equal (jobs[1].n, 1);
}

/* --- Clients that come and go ----------------------------------------------------------------- */

/* Where they do not wait they are seen to at once.  Otherwise the descriptors have their turn
   between two of them, and both kinds take turns.  */
static void
test_guests (void **state) {
  (void) state;
  init_jobs (NULL);
  see_off (&jobs[0]);
  let_in (&jobs[1]);
  assert_int_equal (n_runs, suite_is_patient () ? 0 : 2);
  suite_until (&n_runs, 2);
  if (suite_is_patient ()) check_turns (see_off, let_in);
}

/* Many that leave shut out none that comes.  */
static void
test_coming (void **state) {
  (void) state;
  init_jobs (NULL);
  for (int i = 0; i < N_TASKS - 1; i++)
    see_off (&jobs[i]);
  let_in (&jobs[N_TASKS - 1]);
  suite_until (&n_runs, N_TASKS);
  if (suite_is_patient ()) assert_in_range (jobs[N_TASKS - 1].place, 1, 2);
}

#define N_BUSY 60

static struct probe crowd[N_BUSY];
static int crowd_fds[N_BUSY][2];

/* Makes a crowd of which the first one does nothing and the others do ACTION, each with a job.  */
static void
gather (void (*action) (struct probe *p)) {
  init_jobs (NULL);
  for (int i = 0; i < N_BUSY; i++) {
    make_socketpair (crowd_fds[i]);
    probe_init (&crowd[i], crowd_fds[i][0], EVA_WRITABLE, i ? action : NULL);
    crowd[i].arg = &jobs[i % N_TASKS];
  }
}

/* One turn in which all of them are ready.  */
static void
turn_of_crowd (void) {
  while (!crowd[0].n)
    test_loop_turn (&suite_loop, true);
}

static void
disperse (void) {
  for (int i = 0; i < N_BUSY; i++) {
    probe_free (&crowd[i]);
    close_pair (crowd_fds[i]);
  }
}

/* The more descriptors are ready, the more of the clients that wait for them have their turn: a
   crowd must not shut others out.  */
static void
test_guests_in_crowd (void **state) {
  (void) state;
  if (!suite_is_embedded ()) return;
  gather (NULL);
  for (int i = 0; i < N_TASKS; i++)
    see_off (&jobs[i]);
  turn_of_crowd ();
  assert_in_range (n_runs, 2, N_TASKS - 1);
  suite_until (&n_runs, N_TASKS);
  disperse ();
}

static void
queue_guest (struct probe *p) {
  see_off (p->arg);
}

/* The descriptors that told of them are no such crowd.  */
static void
test_crowd_of_guests (void **state) {
  (void) state;
  if (!suite_is_embedded ()) return;
  gather (queue_guest);
  turn_of_crowd ();
  assert_int_equal (n_runs, 1);
  disperse ();
  suite_until (&n_runs, N_TASKS);
}

/* Sources that are always ready for more do not shut them out, either.  */
static void
test_guests_and_later (void **state) {
  (void) state;
  init_jobs (NULL);
  for (int i = 0; i < N_TASKS - 1; i++)
    later (&jobs[i]);
  see_off (&jobs[N_TASKS - 1]);
  suite_until (&n_runs, N_TASKS);
  assert_int_equal (jobs[N_TASKS - 1].place, 1);
}

static void
test_cancel_guest (void **state) {
  (void) state;
  if (!suite_is_patient ()) return;
  init_jobs (NULL);
  see_off (&jobs[0]);
  let_in (&jobs[1]);
  cancel (&jobs[0]);
  cancel (&jobs[1]);
  suite_settle ();
  assert_int_equal (n_runs, 0);
}

static const struct CMUnitTest tests[] = {
  suite_test (test_soon),
  suite_test (test_soon_in_turn),
  suite_test (test_soon_for_ever),
  suite_test (test_cancel),
  suite_test (test_later),
  suite_test (test_later_again),
  suite_test (test_later_and_soon),
  suite_test (test_guests),
  suite_test (test_coming),
  suite_test (test_guests_in_crowd),
  suite_test (test_crowd_of_guests),
  suite_test (test_guests_and_later),
  suite_test (test_cancel_guest),
};

const struct suite task_suite = { "task", tests, N_ELEMENTS (tests) };
