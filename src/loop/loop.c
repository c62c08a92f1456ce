/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loop.c - the life of a loop, and its turns:

       wait for descriptors, timers; then
       call those that are ready, in one batch;
       run the timers that are due;
       run the tasks: soon ones, some of who comes and leaves, one later one.

   In an embedded loop a turn is a call of eva_loop_dispatch.  In a foreign one it is every call of
   eva_loop_ready (one descriptor and soon tasks) and of eva_loop_timeout (all the rest).  */

#include "loop/backend.h"

#include <errno.h>
#include <limits.h>

#define NS_PER_MS 1000000u

/* A turn in which a callback ran the loop, which may take as long as a dialog, has no time of its
   own.  */
uint64_t
eva_loop_now (eva_loop *loop) {
  if (!loop->depth || loop->outside) return eva_now ();
  if (!loop->now_ns) loop->now_ns = eva_now ();
  return loop->now_ns;
}

/* --- Life ------------------------------------------------------------------------------------- */

eva_loop *
eva_loop_new (void) {
#ifdef __linux__
  eva_loop *loop = eva__loop_new_epoll ();

  /* Sandboxes forbid what they do not know.  */
  if (loop || (errno != ENOSYS && errno != EPERM && errno != EACCES)) return loop;
#endif
  return eva__loop_new_poll ();
}

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

int
eva_loop_get_fd (eva_loop *loop) {
  if (loop->backend->get_fd && !loop->outer) return loop->backend->get_fd (loop);
  errno = ENOTSUP;
  return -1;
}

/* --- Processes -------------------------------------------------------------------------------- */

bool
eva__loop_is_ours (const eva_loop *loop) {
  return loop->process == eva__io_this_process ();
}

int
eva__loop_take_over (eva_loop *loop) {
  unsigned int parent = loop->process;
  int rc = 0;

  if (eva__loop_is_ours (loop)) return 0;
  loop->process = eva__io_this_process ();
  if (loop->backend->renew) rc = loop->backend->renew (loop);
  if (rc) loop->process = parent;
  return rc;
}

/* --- Timers ----------------------------------------------------------------------------------- */

int
eva__loop_reserve_timers (eva_loop *loop, int n) {
  return eva__timers_reserve (&loop->timers, n);
}

/* A time that is long past is taken for the last look at the timers: a timer that sets itself to
   it again and again must not come before others that are due.  */
void
eva__loop_set_timer (eva_loop *loop, struct eva__timer *timer, uint64_t due_ns) {
  eva__timers_set (&loop->timers, timer, due_ns < loop->passed_ns ? loop->passed_ns : due_ns);
  eva__loop_changed (loop);
}

void
eva__loop_cancel_timer (eva_loop *loop, struct eva__timer *timer) {
  eva__timers_cancel (&loop->timers, timer);
  if (eva__loop_is_ours (loop)) eva__loop_changed (loop);
}

void
eva__loop_run_timers (eva_loop *loop) {
  uint64_t now_ns = eva_loop_now (loop);
  uint64_t turn_begin = loop->turn_begin;
  struct eva__timer *timer;

  loop->passed_ns = now_ns;
  while ((timer = eva__timers_first (&loop->timers)) && timer->due_ns <= now_ns
         && timer->turn < turn_begin) {
    eva__timers_cancel (&loop->timers, timer);
    timer->cb (timer);
  }
}

/* When something other than a descriptor wants to run.  */
static uint64_t
next_due (const eva_loop *loop) {
  const struct eva__timer *timer = eva__timers_first (&loop->timers);

  if (loop->nested && eva__loop_has_tasks (loop)) return 0;
  return timer ? timer->due_ns : EVA__LOOP_NEVER;
}

/* A turn that comes too early does no harm.  So a deadline that moves away, as that of an idle
   connection does with every command, costs nothing.  Only a turn at once that nobody wants any
   more is taken back: it would follow every callback of a loop that recurses.  */
void
eva__loop_arm (eva_loop *loop) {
  uint64_t due_ns;

  if (!loop->backend->arm) return;
  due_ns = next_due (loop);
  if (due_ns == loop->armed_ns) return;
  if (due_ns > loop->armed_ns && loop->armed_ns && due_ns != EVA__LOOP_NEVER) return;
  loop->armed_ns = loop->backend->arm (loop, due_ns);
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

/* Within a turn nobody is told of what changes: here it is made up for.  So a callback that runs no
   loop costs nothing.  */
void
eva__loop_rerun (eva_loop *loop) {
  loop->outside = true;
  for (struct eva__frame *frame = loop->frames; frame; frame = frame->outer)
    frame->cb (frame);
  eva__loop_arm (loop);
}

/* How long to wait for descriptors.  A look at the clock costs more than all the rest of a
   turn, so the best is to be woken up.  Otherwise the kernel counts milliseconds: waiting a
   fraction too long is right, too short is a useless turn.  */
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
  ms = (timer->due_ns - now_ns - 1) / NS_PER_MS + 1;
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
