/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loop.c - the life of a loop, and its turns:

       wait for descriptors, timers; then
       call those that are ready, in one batch;
       run the timers that are due;
       run the tasks: soon ones, some that let clients in or see them off, one later one.

   In an embedded loop a turn is a call of eva_loop_dispatch.  In a foreign one it is every call of
   eva_loop_ready (one descriptor and soon tasks) and of eva_loop_timeout (all the rest).  */

#include "io/duration.h"
#include "io/process.h"
#include "loop/backend.h"
#include "loop/source.h"
#include "loop/task.h"
#include "loop/time.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

void
eva__loop_init (eva_loop *loop, const struct eva__loop_backend *backend) {
  loop->backend = backend;
  loop->process = eva__io_this_process ();
  loop->armed_ns = EVA__LOOP_NEVER;
  eva__loop_init_tasks (loop);
}

void
eva_loop_free (eva_loop *loop) {
  if (!loop) return;
  loop->depth = 0; /* a child may end within a callback: the turn that is under way has no end */
  if (loop->attachment.data) loop->attachment.free (loop->attachment.data);
  while (loop->sources)
    eva_source_free (loop->sources);
  eva__loop_bury (loop);
  eva__timers_deinit (&loop->timers);
  free (loop->failure);
  eva_loop_free (loop->outer);
  loop->backend->free (loop);
}

bool
eva__loop_tells_hangup (const eva_loop *loop) {
  return loop->tells_hangup;
}

struct eva__loop_attachment *
eva__loop_get_attachment (eva_loop *loop) {
  return &loop->attachment;
}

void
eva__loop_take_failure (eva_loop *loop, char *text) {
  free (loop->failure);
  loop->failure = text;
}

const char *
eva_loop_get_failure (eva_loop *loop) {
  return loop ? loop->failure : NULL;
}

int
eva_loop_get_fd (eva_loop *loop) {
  if (loop->backend->get_fd && !loop->outer) return loop->backend->get_fd (loop);
  errno = ENOTSUP;
  return -1;
}

/* --- Turns ------------------------------------------------------------------------------------ */

void
eva__loop_enter (eva_loop *loop) {
  loop->depth++;
  loop->outside = false;
  loop->now_ns = 0;
  loop->turn_begin = loop->timers.turn;
}

void
eva__loop_leave (eva_loop *loop) {
  if (loop->dead) eva__loop_bury (loop);
  loop->outside = --loop->depth > 0;
  eva__loop_arm (loop);
}

bool
eva__loop_recurses (const eva_loop *loop) {
  return loop->recurses;
}

void
eva__loop_push_frame (eva_loop *loop, struct eva__frame *frame) {
  frame->outer = loop->frames;
  loop->frames = frame;
}

void
eva__loop_pop_frame (eva_loop *loop) {
  loop->frames = loop->frames->outer;
}

/* Within a turn the loop does not hear of what changes: here it hears of all of it.  So a callback
   that runs no loop costs nothing.  */
void
eva__loop_rerun (eva_loop *loop) {
  loop->outside = true;
  for (struct eva__frame *frame = loop->frames; frame; frame = frame->outer)
    frame->cb (frame);
  eva__loop_arm (loop);
}

/* Returns how long to wait for descriptors.  A look at the clock costs more than the rest of a
   turn, so the backend should wake the loop up.  If it does not, the kernel counts milliseconds:
   waiting a fraction too long is right, too short is a useless turn.  */
static int
wait_time (eva_loop *loop, int timeout_ms) {
  const struct eva__timer *timer = eva__timers_first (&loop->timers);
  bool wakes = !timer || loop->armed_ns <= timer->due_ns;
  uint64_t now_ns, ms;

  loop->look = !wakes;
  if (eva__loop_has_tasks (loop)) return 0;
  if (wakes) return timeout_ms;
  now_ns = eva_now ();
  if (timer->due_ns <= now_ns) return 0;
  loop->look = false;
  ms = (timer->due_ns - now_ns - 1) / EVA__NS_PER_MS + 1;
  if (timeout_ms >= 0 && ms > (uint64_t) timeout_ms) return timeout_ms;
  return ms > INT_MAX ? INT_MAX : (int) ms;
}

/* If there were events while no timer was due before, timers can wait for the look of the next
   turn.  */
static int
turn (eva_loop *loop, int timeout_ms) {
  int n_events = loop->backend->wait (loop, wait_time (loop, timeout_ms));

  if (n_events < 0) return -1;
  if (eva__timers_first (&loop->timers) && (loop->look || !n_events || loop->now_ns))
    eva__loop_run_timers (loop);
  eva__loop_run_tasks (loop);
  return 0;
}

int
eva__loop_dispatch (eva_loop *loop, int timeout_ms) {
  int rc;

  if (loop->depth && !loop->recurses) {
    errno = ELOOP;
    return -1;
  }
  rc = eva__loop_take_over (loop);
  if (rc) {
    errno = rc;
    return -1;
  }
  eva__loop_enter (loop);
  rc = turn (loop, timeout_ms);
  eva__loop_leave (loop);
  return rc;
}

int
eva_loop_dispatch (eva_loop *loop, int timeout_ms) {
  if (loop->backend->wait && !loop->outer) return eva__loop_dispatch (loop, timeout_ms);
  errno = EINVAL;
  return -1;
}

int
eva_loop_run (eva_loop *loop) {
  do {
    if (eva_loop_dispatch (loop, loop->stopped ? 0 : -1)) return -1;
  } while (!loop->stopped);
  loop->stopped = false;
  return 0;
}

void
eva_loop_stop (eva_loop *loop) {
  loop->stopped = true;
}
