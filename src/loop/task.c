/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* task.c - work put off: until before the loop waits, or until everybody had a turn, and then
   a little of it at a time.  */

#include "loop/backend.h"

/* Soon tasks queue others: output is flushed after what is said in them.  But two that queue each
   other for ever must not keep the loop from its descriptors.  */
#define MAX_PASSES 8

/* In a turn one patient task runs, and one more for so many events: what those who are ready
   wait for them is little against what they wait for each other.  */
#define EVENTS_PER_PATIENT 16

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

static bool
is_empty (const struct eva__task *head) {
  return head->next == head;
}

/* Runs the first task of the ring HEAD.  */
static void
run_first (struct eva__task *head) {
  struct eva__task *task = head->next;

  take_out (task);
  task->cb (task);
}

/* Runs what is queued now: what that queues waits for the next pass.  The tasks stand in a ring of
   the loop's meanwhile, so that any of them can be cancelled, and go on if one of them runs the
   loop again.  */
static void
run_pass (eva_loop *loop) {
  if (is_empty (&loop->pass)) {
    loop->pass = loop->soon;
    loop->pass.next->prev = loop->pass.prev->next = &loop->pass;
    init_ring (&loop->soon);
  }
  while (!is_empty (&loop->pass))
    run_first (&loop->pass);
}

static void
queue_task (eva_loop *loop, struct eva__task *head, struct eva__task *task) {
  if (task->next) return;
  insert_last (head, task);
  eva__loop_changed (loop);
}

void
eva__loop_init_tasks (eva_loop *loop) {
  init_ring (&loop->soon);
  init_ring (&loop->pass);
  init_ring (&loop->patient);
  init_ring (&loop->later);
}

static bool
has_soon (const eva_loop *loop) {
  return !is_empty (&loop->soon) || !is_empty (&loop->pass);
}

bool
eva__loop_has_tasks (const eva_loop *loop) {
  return has_soon (loop) || !is_empty (&loop->patient) || !is_empty (&loop->later);
}

bool
eva__loop_is_quiet (const eva_loop *loop) {
  return loop->n_events == 1 && !eva__loop_has_tasks (loop);
}

void
eva__loop_run_soon_tasks (eva_loop *loop) {
  for (int i = 0; i < MAX_PASSES && has_soon (loop); i++)
    run_pass (loop);
}

static void
run_patient_tasks (eva_loop *loop) {
  for (int n = loop->n_events / EVENTS_PER_PATIENT; n >= 0 && !is_empty (&loop->patient); n--)
    run_first (&loop->patient);
  eva__loop_run_soon_tasks (loop);
}

void
eva__loop_run_tasks (eva_loop *loop) {
  eva__loop_run_soon_tasks (loop);
  run_patient_tasks (loop);
  if (is_empty (&loop->later)) return;
  run_first (&loop->later);
  eva__loop_run_soon_tasks (loop);
}

void
eva__loop_run_soon (eva_loop *loop, struct eva__task *task) {
  queue_task (loop, &loop->soon, task);
}

void
eva__loop_run_patiently (eva_loop *loop, struct eva__task *task) {
  queue_task (loop, &loop->patient, task);
}

void
eva__loop_run_later (eva_loop *loop, struct eva__task *task) {
  queue_task (loop, &loop->later, task);
}

/* The loop need not be told: a turn with nothing to do is harmless.  */
void
eva__loop_cancel_task (eva_loop *loop, struct eva__task *task) {
  (void) loop;
  if (task->next) take_out (task);
}
