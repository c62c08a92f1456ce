/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* storm.c - how many clients a second a server can see come and go.  */

#include "crowd.h"
#include "load.h"
#include "speed.h"

#include <stdlib.h>
#include <unistd.h>

struct storm {
  const struct task *task;
  const struct target *targets;
};

/* Clients come N at a time, read the greeting, say a command, and leave.  */
static struct speed
storm (void *arg, size_t turn) {
  const struct storm *self = arg;
  const struct target *target = self->targets + turn;
  uint64_t end_ns = now_ns () + (uint64_t) (self->task->seconds * 1e9);
  struct stopwatch watch = stopwatch_start (target);
  size_t n = 0;

  do {
    char reply[4096];
    struct crowd crowd;
    crowd_open (&crowd, target, target->n);
    for (size_t i = 0; i < target->n; i++)
      target_ask (crowd.fds[i], self->task->command, reply, sizeof reply);
    for (size_t i = 0; i < target->n; i++)
      close (crowd.fds[i]);
    free (crowd.fds);
    n += target->n;
  } while (now_ns () < end_ns);
  target_settle (target);
  return stopwatch_speed (&watch, (double) n);
}

void
load_storm (const struct task *task, struct target *targets) {
  struct storm self = { .task = task, .targets = targets };

  take_turns (task->n_rounds, storm, &self);
}
