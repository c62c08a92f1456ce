/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* wait.c - when a pump goes on: as soon as the end is ready that it waits for, or, if it has to
   wait for none, when all others had their turn.  */

#include "attach/wait.h"

#include "assuan/lifetime.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>

/* A step may release the context.  */
static void
run_step (struct eva__pump *pump) {
  assuan_context_t ctx = pump->ctx;

  eva__ctx_enter (ctx);
  pump->step (pump);
  eva__ctx_leave (ctx);
}

/* The pump ever watches only one end, the one that holds it up: the other one, ready all the time,
   would keep the loop busy with nothing.  */
static void
on_ready (void *arg, unsigned int revents) {
  (void) revents; /* reading or writing will tell what is wrong with it */
  run_step (arg);
}

static void
on_task (struct eva__task *task) {
  run_step (EVA__CONTAINER (struct eva__pump, task, task));
}

static void
rest (struct eva__pump_end *end) {
  eva_source_free (end->source);
  end->source = NULL;
}

/* A descriptor has one source in a loop.  If the program watches it itself, or another pump does,
   this watches a copy: it is the open file that is ready.  */
static int
watch_copy (struct eva__pump *pump, struct eva__pump_end *end, unsigned int events) {
  if (end->copy < 0) end->copy = fcntl (end->pipe.fd, F_DUPFD_CLOEXEC, 3);
  if (end->copy < 0) return -1;
  end->source = eva_loop_add_fd (pump->loop, end->copy, events, on_ready, pump);
  return end->source ? 0 : -1;
}

static int
watch (struct eva__pump *pump, struct eva__pump_end *end, unsigned int events) {
  end->source = eva_loop_add_fd (pump->loop, end->pipe.fd, events, on_ready, pump);
  if (end->source) return 0;
  return errno == EEXIST ? watch_copy (pump, end, events) : -1;
}

/* A descriptor that cannot be watched is always ready, or returns EAGAIN without ever telling when
   that is over.  */
int
eva__pump_wait_for (struct eva__pump *pump, struct eva__pump_end *end) {
  bool is_from = end == &pump->from;

  eva__loop_cancel_task (pump->loop, &pump->task);
  rest (is_from ? &pump->to : &pump->from);
  if (end->source) return 0;
  errno = EPERM;
  if (!end->is_always_ready && !watch (pump, end, is_from ? EVA_READABLE : EVA_WRITABLE)) return 0;
  if (errno != EPERM) return -1;
  end->is_always_ready = true;
  errno = EAGAIN;
  return -1;
}

void
eva__pump_rest (struct eva__pump *pump) {
  eva__loop_cancel_task (pump->loop, &pump->task);
  rest (&pump->from);
  rest (&pump->to);
}

void
eva__pump_go_on (struct eva__pump *pump) {
  pump->task.cb = on_task;
  eva__loop_run_soon (pump->loop, &pump->task);
}

void
eva__pump_go_on_later (struct eva__pump *pump) {
  pump->task.cb = on_task;
  eva__loop_run_later (pump->loop, &pump->task);
}
