/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* calls.c - how long a client waits that calls now and then.  */

#include "crowd.h"
#include "kit.h"
#include "load.h"

#include <stdio.h>
#include <stdlib.h>

#define PAUSE_NS ((uint64_t) 1000000)
#define N_WARM   ((size_t) 50)

static int
compare (const void *a, const void *b) {
  const double *x = a, *y = b;

  return (*x > *y) - (*x < *y);
}

static double
call (int fd, const char *command) {
  char reply[4096];
  uint64_t start_ns = now_ns ();

  target_ask (fd, command, reply, sizeof reply);
  return (double) (now_ns () - start_ns) / 1000;
}

void
load_calls (const struct task *task, struct target *target) {
  size_t n = target->n;
  double *times = calloc (n, sizeof *times);
  int fd = target_connect (target);

  need (times != NULL, "calloc");
  target_skip_line (fd);
  for (size_t i = 0; i < N_WARM; i++)
    call (fd, task->command);
  for (size_t i = 0; i < n; i++) {
    sleep_ns (PAUSE_NS);
    times[i] = call (fd, task->command);
  }
  qsort (times, n, sizeof *times, compare);
  printf ("%.1f %.1f\n", times[n / 2], times[n * 99 / 100]);
  free (times);
}
