/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-dialogs.c - callbacks that run the loop again, as modal dialogs do, on loops that allow
   that.  */

#include "suite.h"

#include <malloc.h>
#include <unistd.h>

#include "loop/loop.h"

static struct eva__task tasks[2];
static struct probe other;
static eva_source *timers[2];
static unsigned int n_tasks, n_rings, n_dialogs;

/* What a modal dialog does: everything else goes on meanwhile.  */
static void
open_dialog (int other_end) {
  unsigned int rings = n_rings + 1, jobs = n_tasks + 2;

  n_dialogs++;
  eva_source_set_delay (timers[1], 2);
  eva__loop_run_soon (suite_loop.loop, &tasks[1]);
  eva__loop_run_later (suite_loop.loop, &tasks[0]);
  put_octet (other_end);
  suite_until (&other.n, other.n + 1);
  suite_until (&n_tasks, jobs);
  suite_until (&n_rings, rings);
}

static void
dialog_of_probe (struct probe *p) {
  drain (p->fd);
  open_dialog (*(int *) p->arg);
}

static void
count_task (struct eva__task *task) {
  (void) task;
  n_tasks++;
}

static void
count_ring (void *arg) {
  (void) arg;
  n_rings++;
}

static void
dialog_of_timer (void *arg) {
  open_dialog (*(int *) arg);
}

#define N_VISITORS 2000

static size_t grown_len;

/* While a dialog is open many come and leave.  */
static void
dialog_with_visitors (struct probe *p) {
  size_t before_len = mallinfo2 ().uordblks;
  int fd[2];

  drain (p->fd);
  for (int i = 0; i < N_VISITORS; i++) {
    make_socketpair (fd);
    put_octet (fd[1]);
    probe_init (&other, fd[0], EVA_READABLE, probe_free);
    suite_until (&other.n, 1);
    close_pair (fd);
  }
  grown_len = mallinfo2 ().uordblks - before_len;
}

/* They leave nothing behind, though the turn that the dialog is in goes on.  */
static void
test_visitors (void **state) {
  struct probe p;
  int fd[2];

  (void) state;
  make_socketpair (fd);
  probe_init (&p, fd[0], EVA_READABLE, dialog_with_visitors);
  put_octet (fd[1]);
  suite_until (&p.n, 1);
  assert_in_range (grown_len, 0, N_VISITORS * 16);
  probe_free (&p);
  close_pair (fd);
}

static struct eva__task dialog_task;
static int dialog_fd;

static void
dialog_of_task (struct eva__task *task) {
  (void) task;
  open_dialog (dialog_fd);
}

/* Wherever the loop is run again, in a descriptor's callback, in a timer's, or in a task before
   others.  */
static void
test_recursion (void **state) {
  struct probe p;
  int fd[2], other_fd[2];

  (void) state;
  n_tasks = n_rings = n_dialogs = 0;
  make_socketpair (fd);
  make_socketpair (other_fd);
  dialog_fd = other_fd[1];
  tasks[0] = tasks[1] = (struct eva__task) { .cb = count_task };
  dialog_task = (struct eva__task) { .cb = dialog_of_task };
  probe_init (&p, fd[0], EVA_READABLE, dialog_of_probe);
  p.arg = &dialog_fd;
  probe_init (&other, other_fd[0], EVA_READABLE, probe_read);
  timers[1] = eva_loop_add_timer (suite_loop.loop, 1, count_ring, NULL);
  put_octet (fd[1]);
  suite_until (&n_dialogs, 1);
  timers[0] = eva_loop_add_timer (suite_loop.loop, 1, dialog_of_timer, &dialog_fd);
  suite_until (&n_dialogs, 2);
  eva__loop_run_soon (suite_loop.loop, &dialog_task);
  eva__loop_run_soon (suite_loop.loop, &tasks[1]);
  suite_until (&n_dialogs, 3);
  eva_source_free (timers[0]);
  eva_source_free (timers[1]);
  probe_free (&p);
  probe_free (&other);
  close_pair (fd);
  close_pair (other_fd);
}

/* --- What is freed meanwhile ------------------------------------------------------------------ */

/* Three descriptors that are made in a callback of a turn that is over, as those of clients are,
   and are ready at the same time.  */
static struct probe trio[3];
static int trio_fd[3][2];
static unsigned int n_made, n_trio;

static void
free_all_others (struct probe *p) {
  drain (p->fd);
  n_trio++;
  for (int i = 0; i < 3; i++)
    if (&trio[i] != p) probe_free (&trio[i]);
}

/* The first one that is called runs the loop, in which the next one frees all others.  */
static void
let_others_free (struct probe *p) {
  static bool is_open;

  if (is_open) {
    free_all_others (p);
    return;
  }
  is_open = true;
  drain (p->fd);
  while (!n_trio)
    test_loop_turn (&suite_loop, true);
  suite_settle ();
  is_open = false;
}

static void
make_trio (void *arg) {
  (void) arg;
  for (int i = 0; i < 3; i++) {
    make_socketpair (trio_fd[i]);
    probe_init (&trio[i], trio_fd[i][0], EVA_READABLE, let_others_free);
  }
  n_made++;
}

static void
test_freed_in_dialog (void **state) {
  eva_source *timer = eva_loop_add_timer (suite_loop.loop, 0, make_trio, NULL);

  (void) state;
  n_made = n_trio = 0;
  suite_until (&n_made, 1);
  for (int i = 0; i < 3; i++)
    put_octet (trio_fd[i][1]);
  suite_until (&n_trio, 1);
  suite_settle ();
  for (int i = 0; i < 3; i++) {
    probe_free (&trio[i]);
    close_pair (trio_fd[i]);
  }
  eva_source_free (timer);
}

static struct probe *to_free;

static void
free_it (void *arg) {
  probe_free (to_free);
  ++*(unsigned int *) arg;
}

/* A callback frees its own source, and runs the loop then; or a timer does it meanwhile.  */
static void
free_and_run (struct probe *p) {
  unsigned int n = 0;
  eva_source *timer;

  drain (p->fd);
  to_free = p;
  if (p->arg) probe_free (p);
  timer = eva_loop_add_timer (suite_loop.loop, 0, free_it, &n);
  suite_until (&n, 1);
  suite_settle ();
  eva_source_free (timer);
}

static void
make_one (void *arg) {
  make_socketpair (trio_fd[0]);
  probe_init (&trio[0], trio_fd[0][0], EVA_READABLE, free_and_run);
  trio[0].arg = arg;
  put_octet (trio_fd[0][1]);
}

static void
test_freed_by_itself (void **state) {
  int some;

  (void) state;
  for (int i = 0; i < 2; i++) {
    eva_source *timer;
    trio[0].n = 0;
    timer = eva_loop_add_timer (suite_loop.loop, 0, make_one, i ? &some : NULL);
    suite_until (&trio[0].n, 1);
    suite_settle ();
    assert_int_equal (trio[0].n, 1);
    close_pair (trio_fd[0]);
    eva_source_free (timer);
  }
}

/* --- At rest ---------------------------------------------------------------------------------- */

static unsigned int n_waits;

static unsigned int
wait_a_while (void) {
  unsigned int n = 0, turns = 0;
  eva_source *timer = eva_loop_add_timer (suite_loop.loop, 30, count_ring, NULL);

  for (n = n_rings; n_rings == n; turns++)
    test_loop_turn (&suite_loop, true);
  eva_source_free (timer);
  n_waits++;
  return turns;
}

static void
wait_before_reading (struct probe *p) {
  assert_in_range (wait_a_while (), 0, 20);
  assert_int_equal (p->n, 1);
  put_octet (*(int *) p->arg);
  assert_in_range (wait_a_while (), 0, 20);
  assert_int_equal (p->n, 1);
  drain (p->fd);
  p->action = probe_read;
}

/* What a callback has not read yet does not keep the loop busy, and comes again behind it.  */
static void
test_unread (void **state) {
  struct probe p;
  int fd[2];

  (void) state;
  n_rings = n_waits = 0;
  make_socketpair (fd);
  probe_init (&p, fd[0], EVA_READABLE, wait_before_reading);
  p.arg = &fd[1];
  put_octet (fd[1]);
  suite_until (&n_waits, 2);
  put_octet (fd[1]);
  suite_until (&p.n, 2);
  probe_free (&p);
  close_pair (fd);
}

/* The same of one that says that it may be called within itself.  */
static void
wait_within (struct probe *p) {
  unsigned int n = p->n;

  drain (p->fd);
  if (n > 2) return;
  put_octet (*(int *) p->arg);
  suite_until (&p->n, n + 1);
}

static void
test_reentrant (void **state) {
  struct probe p;
  int fd[2];

  (void) state;
  make_socketpair (fd);
  probe_init (&p, fd[0], EVA_READABLE, wait_within);
  eva__loop_set_reentrant (p.source);
  p.arg = &fd[1];
  put_octet (fd[1]);
  suite_until (&p.n, 3);
  suite_settle ();
  assert_int_equal (p.n, 3);
  probe_free (&p);
  close_pair (fd);
}

/* --- Time, and others ------------------------------------------------------------------------- */

static void
watch_time (struct probe *p) {
  uint64_t before_ns = eva_loop_now (suite_loop.loop);

  drain (p->fd);
  wait_a_while ();
  assert_true (eva_loop_now (suite_loop.loop) >= before_ns + UINT64_C (30000000));
}

/* The loop's time goes on when a callback has run the loop.  */
static void
test_time (void **state) {
  struct probe p;
  int fd[2];

  (void) state;
  n_rings = n_waits = 0;
  make_socketpair (fd);
  probe_init (&p, fd[0], EVA_READABLE, watch_time);
  put_octet (fd[1]);
  suite_until (&n_waits, 1);
  suite_settle ();
  probe_free (&p);
  close_pair (fd);
}

static int own_fd[2];

/* What a program's own callback does in a dialog, one that the eva_loop knows nothing of.  */
static void
on_own (void *arg) {
  drain (own_fd[0]);
  eva__loop_run_soon (suite_loop.loop, &tasks[0]);
  eva_source_set_delay (arg, 1);
}

static void
dialog_with_own (struct probe *p) {
  void *watch = test_loop_watch (&suite_loop, own_fd[0], on_own, timers[0]);

  drain (p->fd);
  put_octet (own_fd[1]);
  suite_until (&n_tasks, 1);
  suite_until (&n_rings, 1);
  test_loop_unwatch (&suite_loop, watch);
}

static void
test_own_callback (void **state) {
  struct probe p;
  int fd[2];

  (void) state;
  n_tasks = n_rings = 0;
  tasks[0] = (struct eva__task) { .cb = count_task };
  timers[0] = eva_loop_add_timer (suite_loop.loop, 1000000, count_ring, NULL);
  make_socketpair (fd);
  make_socketpair (own_fd);
  probe_init (&p, fd[0], EVA_READABLE, dialog_with_own);
  put_octet (fd[1]);
  suite_until (&n_rings, 1);
  eva_source_free (timers[0]);
  probe_free (&p);
  close_pair (fd);
  close_pair (own_fd);
}

/* --- Frames ----------------------------------------------------------------------------------- */

struct room {
  struct eva__frame frame;
  unsigned int n;
};

static void
enter_room (struct eva__frame *frame) {
  EVA__CONTAINER (struct room, frame, frame)->n++;
}

/* The frame of a callback under way learns that it runs the loop, once a turn.  */
static void
run_in_frames (struct probe *p) {
  struct room outer = { .frame.cb = enter_room }, inner = { .frame.cb = enter_room };

  drain (p->fd);
  eva__loop_push_frame (suite_loop.loop, &outer.frame);
  test_loop_turn (&suite_loop, false);
  assert_int_equal (outer.n, 1);
  eva__loop_push_frame (suite_loop.loop, &inner.frame);
  test_loop_turn (&suite_loop, false);
  assert_true (outer.n == 2 && inner.n == 1);
  eva__loop_pop_frame (suite_loop.loop);
  test_loop_turn (&suite_loop, false);
  assert_true (outer.n == 3 && inner.n == 1);
  eva__loop_pop_frame (suite_loop.loop);
  test_loop_turn (&suite_loop, false);
  assert_true (outer.n == 3 && inner.n == 1);
}

static void
test_frames (void **state) {
  struct probe p;
  int fd[2];

  (void) state;
  make_socketpair (fd);
  probe_init (&p, fd[0], EVA_READABLE, run_in_frames);
  put_octet (fd[1]);
  suite_until (&p.n, 1);
  probe_free (&p);
  close_pair (fd);
}

/* --- Depth ------------------------------------------------------------------------------------ */

#define MOST_DEEP 300

static void
go_deeper (struct probe *p) {
  struct probe other_probe;
  int fd[2];

  drain (p->fd);
  if (++n_dialogs == MOST_DEEP) return;
  make_socketpair (fd);
  put_octet (fd[1]);
  probe_init (&other_probe, fd[0], EVA_READABLE, go_deeper);
  suite_until (&n_dialogs, MOST_DEEP);
  probe_free (&other_probe);
  close_pair (fd);
}

static void
test_deep (void **state) {
  struct probe p;
  int fd[2];

  (void) state;
  n_dialogs = 0;
  make_socketpair (fd);
  put_octet (fd[1]);
  probe_init (&p, fd[0], EVA_READABLE, go_deeper);
  suite_until (&n_dialogs, MOST_DEEP);
  suite_settle ();
  n_dialogs = MOST_DEEP - 10;
  put_octet (fd[1]);
  suite_until (&n_dialogs, MOST_DEEP);
  probe_free (&p);
  close_pair (fd);
}

static const struct CMUnitTest tests[] = {
  suite_test (test_recursion),
  suite_test (test_visitors),
  suite_test (test_freed_in_dialog),
  suite_test (test_freed_by_itself),
  suite_test (test_unread),
  suite_test (test_reentrant),
  suite_test (test_time),
  suite_test (test_own_callback),
  suite_test (test_frames),
  suite_test (test_deep),
};

const struct suite dialog_suite = { "dialog", tests, N_ELEMENTS (tests) };
