/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* time.h - timers, and when a loop has to be woken up.  */

#ifndef EVA__LOOP_TIME_H
#define EVA__LOOP_TIME_H

#include "loop/backend.h"

/* Runs the timers that are due and were set before this turn.  */
void eva__loop_run_timers (eva_loop *loop);

/* Tells the backend when something other than a descriptor wants to run, if it has to know.  */
void eva__loop_arm (eva_loop *loop);

/* The same for what changed just now.  Within a turn its end is early enough, or the moment when
   the loop is about to wait.  */
static inline void
eva__loop_changed (eva_loop *loop) {
  if (!loop->depth || loop->outside) eva__loop_arm (loop);
}

#endif /* EVA__LOOP_TIME_H */
