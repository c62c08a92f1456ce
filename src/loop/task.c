/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* task.c - work put off: before the loop waits, or one at a time when everybody had its turn.  */

#include "loop/backend.h"

/* Soon tasks queue others: output is flushed after what is said in them.  But two that queue each
   other for ever must not keep the loop from its descriptors.  */
#define MAX_PASSES 8

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
   their own meanwhile, so that any of them can be cancelled.  */
static void
run_pass (struct eva__task *queue) {
  struct eva__task pass = *queue;

  pass.next->prev = pass.prev->next = &pass;
  init_ring (queue);
  while (!is_empty (&pass))
    run_first (&pass);
}

static void
queue_task (eva_loop *loop, struct eva__task *head, struct eva__task *task) {
  if (task->next) return;
  insert_last (head, task);
  if (!loop->depth) eva__loop_arm (loop);
}

void
eva__loop_init_tasks (eva_loop *loop) {
  init_ring (&loop->soon);
  init_ring (&loop->later);
}

bool
eva__loop_has_tasks (const eva_loop *loop) {
  return !is_empty (&loop->soon) || !is_empty (&loop->later);
}

void
eva__loop_run_soon_tasks (eva_loop *loop) {
  for (int i = 0; i < MAX_PASSES && !is_empty (&loop->soon); i++)
    run_pass (&loop->soon);
}

void
eva__loop_run_tasks (eva_loop *loop) {
  eva__loop_run_soon_tasks (loop);
  if (is_empty (&loop->later)) return;
  run_first (&loop->later);
  eva__loop_run_soon_tasks (loop);
}

void
eva__loop_run_soon (eva_loop *loop, struct eva__task *task) {
  queue_task (loop, &loop->soon, task);
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
