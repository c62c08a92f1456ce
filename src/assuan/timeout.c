/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* timeout.c - how long a blocking context waits for its peer.  */

#include "assuan/timeout.h"

#include "io/duration.h"

struct eva__step
eva__timeouts_begin_step (struct eva__timeouts *timeouts, unsigned int limit_ms) {
  struct eva__step outer = timeouts->step;

  timeouts->step = (struct eva__step) { .limit_ms = limit_ms };
  return outer;
}

void
eva__timeouts_end_step (struct eva__timeouts *timeouts, struct eva__step outer) {
  timeouts->step = outer;
}

void
eva__timeouts_renew_step (struct eva__timeouts *timeouts) {
  timeouts->step.waited_ns = 0;
}

void
eva__timeouts_begin_wait (struct eva__timeouts *timeouts, struct eva__io_sys *sys) {
  struct eva__step *step = &timeouts->step;
  uint64_t limit_ns = eva__io_ns_of_ms (step->limit_ms);

  if (!limit_ns) return;
  step->since_ns = eva__io_now_ns ();
  sys->deadline_ns = step->since_ns;
  if (step->waited_ns < limit_ns) sys->deadline_ns += limit_ns - step->waited_ns;
}

void
eva__timeouts_end_wait (struct eva__timeouts *timeouts, struct eva__io_sys *sys) {
  struct eva__step *step = &timeouts->step;

  if (!sys->deadline_ns) return;
  sys->deadline_ns = 0;
  step->waited_ns += eva__io_now_ns () - step->since_ns;
}
