/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* calls.c - how long a client waits that calls now and then, or that comes.  */

#include "crowd.h"
#include "kit.h"
#include "load.h"

#include <linux/sched.h>
#include <linux/sched/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAUSE_NS        ((uint64_t) 1000000)
#define SLICE_NS        100000
#define N_WARM          ((size_t) 50)
#define CALLS_PER_VISIT 10

static int
compare (const void *a, const void *b) {
  const double *x = a, *y = b;

  return (*x > *y) - (*x < *y);
}

/* Returns the 100 * SHARE th percentile of the N times at TIMES, in microseconds.  */
static double
percentile (double *times, size_t n, double share) {
  qsort (times, n, sizeof *times, compare);
  return times[(size_t) ((double) n * share)] / 1000;
}

/* Returns the nanoseconds that a call takes.  */
static double
call (int fd, const struct task *task) {
  uint64_t start_ns = now_ns ();
  char reply[4096];

  target_ask (fd, task->command, reply, sizeof reply);
  return (double) (now_ns () - start_ns);
}

/* Returns the nanoseconds until a client that comes is greeted.  */
static double
visit (const struct target *target) {
  uint64_t start_ns = now_ns ();
  int fd = target_connect (target);
  double passed_ns;

  target_skip_line (fd);
  passed_ns = (double) (now_ns () - start_ns);
  close (fd);
  return passed_ns;
}

/* What else runs on the machine is not to be measured.  Where we may not have that, it is.
   The slices of time that this process asks for are so short that it runs as soon as it has
   its answer, also if the server goes on working.  */
static void
come_first (const struct target *target) {
  struct sched_attr attr = {
    .size = sizeof attr, .sched_policy = SCHED_NORMAL, .sched_nice = -20, .sched_runtime = SLICE_NS
  };

  setpriority (PRIO_PROCESS, (id_t) target->pid, -10);
  syscall (SYS_sched_setattr, 0, &attr, 0);
}

void
load_calls (const struct task *task, struct target *target) {
  size_t n = target->n, n_visits = (n + CALLS_PER_VISIT - 1) / CALLS_PER_VISIT;
  double *times = calloc (n, sizeof *times);
  double *visits = calloc (n_visits, sizeof *visits);
  int fd = target_connect (target);

  need (times && visits, "calloc");
  come_first (target);
  target_skip_line (fd);
  for (size_t i = 0; i < N_WARM; i++)
    call (fd, task);
  for (size_t i = 0; i < n; i++) {
    sleep_ns (PAUSE_NS);
    times[i] = call (fd, task);
  }
  for (size_t i = 0; i < n_visits; i++) {
    sleep_ns (PAUSE_NS);
    visits[i] = visit (target);
  }
  printf ("%.1f %.1f %.1f\n", percentile (times, n, 0.5), percentile (times, n, 0.99),
          percentile (visits, n_visits, 0.99));
  free (times);
  free (visits);
}

void
load_asks (const struct task *task, struct target *target) {
  int fd = target_connect (target);
  char reply[4096];

  target_skip_line (fd);
  for (size_t i = 0; i < target->n; i++)
    target_ask (fd, task->command, reply, sizeof reply);
  close (fd);
}
