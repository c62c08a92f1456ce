/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* greetings.c - how long it takes until many clients that come at once are greeted.  */

#include "crowd.h"
#include "load.h"
#include "speed.h"

static struct speed
greet (void *arg, size_t turn) {
  const struct target *target = (const struct target *) arg + turn;
  struct stopwatch watch = stopwatch_start (target);
  struct crowd crowd;
  struct speed speed;

  crowd_open (&crowd, target, target->n);
  speed = stopwatch_speed (&watch, (double) target->n);
  crowd_close (&crowd, target);
  return speed;
}

void
load_greetings (const struct task *task, struct target *targets) {
  take_turns (task->n_rounds, greet, targets);
}
