/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* task.c - work put off: until the loop waits, or until every source that is ready had its turn,
   and then a little of it at a time.  */

#include "loop/task.h"

#include "loop/time.h"

/* Soon tasks queue others: a task that says something queues the one that sends it.  But two that
   queue each other forever must not keep the loop from its descriptors.  */
#define MAX_PASSES 8

/* Clients that come and clients that leave have one task a turn, and one more for so many events:
   the connections that are there wait little for them, compared with what they wait for each other.
   Where no connection waits it may be several.  */
#define EVENTS_PER_GUEST  16
#define GUESTS_WHEN_QUIET 8

static void
init_ring (struct eva__task *head) {
  head->next = head->prev = head;
}

static void
insert_last (struct eva__task *head, struct eva__task *task) {
  task->next = head;
  task->prev = head->prev;
  task->prev->next = task;
  head->prev = task;
}

static void
take_out (struct eva__task *task) {
  task->prev->next = task->next;
  task->next->prev = task->prev;
  task->next = task->prev = NULL;
}

/* Runs the first task of the ring HEAD.  */
static void
run_first (eva_loop *loop, struct eva__task *head) {
  struct eva__task *task = head->next;

  take_out (task);
  loop->n_tasks--;
  task->cb (task);
}

/* Runs what is queued now; tasks that this queues wait for the next pass.  The tasks stand in a
   ring of the loop meanwhile, so that any of them can be cancelled, and go on if one of them runs
   the loop again.  */
static void
run_pass (eva_loop *loop) {
  if (eva__task_is_none (&loop->pass)) {
    loop->pass = loop->soon;
    loop->pass.next->prev = loop->pass.prev->next = &loop->pass;
    init_ring (&loop->soon);
  }
  while (!eva__task_is_none (&loop->pass))
    run_first (loop, &loop->pass);
}

static void
queue_task (eva_loop *loop, struct eva__task *head, struct eva__task *task) {
  if (task->next) return;
  insert_last (head, task);
  loop->n_tasks++;
  eva__loop_changed (loop);
}

void
eva__loop_init_tasks (eva_loop *loop) {
  init_ring (&loop->soon);
  init_ring (&loop->pass);
  init_ring (&loop->coming);
  init_ring (&loop->leaving);
  init_ring (&loop->later);
}

bool
eva__loop_is_quiet (const eva_loop *loop) {
  return !loop->n_events && loop->backend->wait && !eva__loop_has_soon (loop)
         && eva__task_is_none (&loop->later);
}

void
eva__loop_run_soon_tasks (eva_loop *loop) {
  for (int i = 0; i < MAX_PASSES && eva__loop_has_soon (loop); i++)
    run_pass (loop);
}

static void
run_guest (eva_loop *loop) {
  bool coming = eva__task_is_none (&loop->leaving)
                || (loop->coming_next && !eva__task_is_none (&loop->coming));

  loop->coming_next = !coming;
  run_first (loop, coming ? &loop->coming : &loop->leaving);
}

static void
run_guests (eva_loop *loop) {
  int n = eva__loop_is_quiet (loop) ? GUESTS_WHEN_QUIET : 1 + loop->n_events / EVENTS_PER_GUEST;

  for (; n > 0 && eva__loop_has_guests (loop); n--)
    run_guest (loop);
  eva__loop_run_soon_tasks (loop);
}

/* Most turns have no task.  */
void
eva__loop_run_tasks (eva_loop *loop) {
  if (!eva__loop_has_tasks (loop)) return;
  eva__loop_run_soon_tasks (loop);
  run_guests (loop);
  if (eva__task_is_none (&loop->later)) return;
  run_first (loop, &loop->later);
  eva__loop_run_soon_tasks (loop);
}

void
eva__loop_run_soon (eva_loop *loop, struct eva__task *task) {
  queue_task (loop, &loop->soon, task);
}

bool
eva__loop_is_patient (const eva_loop *loop) {
  return loop->backend->wait && !loop->recurses;
}

/* Puts off the event that TASK is about together with it.  */
static void
queue_guest (eva_loop *loop, struct eva__task *head, struct eva__task *task) {
  if (!eva__loop_is_patient (loop)) {
    task->cb (task);
    return;
  }
  loop->n_events--;
  queue_task (loop, head, task);
}

void
eva__loop_let_in (eva_loop *loop, struct eva__task *task) {
  queue_guest (loop, &loop->coming, task);
}

void
eva__loop_see_off (eva_loop *loop, struct eva__task *task) {
  queue_guest (loop, &loop->leaving, task);
}

void
eva__loop_run_later (eva_loop *loop, struct eva__task *task) {
  queue_task (loop, &loop->later, task);
}

/* The loop does not have to hear of it: a turn with nothing to do is harmless.  */
void
eva__loop_cancel_task (eva_loop *loop, struct eva__task *task) {
  if (!task->next) return;
  take_out (task);
  loop->n_tasks--;
}
