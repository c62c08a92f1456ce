/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* time.c - the time of a loop: what it is, timers, and when the backend has to wake it up.  */

#include "loop/time.h"

#include "loop/timers.h"

/* A turn in which a callback ran the loop, which may take as long as a dialog, has no time of its
   own.  */
uint64_t
eva_loop_now (eva_loop *loop) {
  if (!loop->depth || loop->outside) return eva_now ();
  if (!loop->now_ns) loop->now_ns = eva_now ();
  return loop->now_ns;
}

/* Returns when something other than a descriptor wants to run.  */
static uint64_t
next_due (const eva_loop *loop) {
  const struct eva__timer *timer = eva__timers_first (&loop->timers);

  if (loop->nested && eva__loop_has_tasks (loop)) return 0;
  return timer ? timer->due_ns : EVA__LOOP_NEVER;
}

/* A turn that comes too early does no harm.  So a deadline that moves away, as that of an idle
   connection does with every command, costs nothing.  Only a turn at once that is not needed any
   more is cancelled: it would follow every callback of a loop that recurses.  */
void
eva__loop_arm (eva_loop *loop) {
  uint64_t due_ns;

  if (!loop->backend->arm) return;
  due_ns = next_due (loop);
  if (due_ns == loop->armed_ns) return;
  if (due_ns > loop->armed_ns && loop->armed_ns && due_ns != EVA__LOOP_NEVER) return;
  loop->armed_ns = loop->backend->arm (loop, due_ns);
}

int
eva__loop_reserve_timers (eva_loop *loop, int n) {
  return eva__timers_reserve (&loop->timers, n);
}

/* A time that is long past counts as the time of the last look at the timers: a timer that sets
   itself to it again and again must not come before others that are due.  */
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
         && !eva__timers_is_set_since (&loop->timers, timer, turn_begin)) {
    eva__timers_cancel (&loop->timers, timer);
    timer->cb (timer);
  }
}
