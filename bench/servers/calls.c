/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* calls.c - how long a client waits that calls now and then.  */

#include "crowd.h"
#include "kit.h"
#include "load.h"
#include "speed.h"

#include <linux/sched.h>
#include <linux/sched/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAUSE_NS ((uint64_t) 1000000)
#define SLICE_NS 100000
#define N_WARM   ((size_t) 50)

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

/* A call.  Stores at RET_PASSED_NS how long it took, and at RET_WORK_NS how long the server worked
   meanwhile, for whomever.  */
static void
call (int fd, const struct task *task, const struct target *target, double *ret_passed_ns,
      double *ret_work_ns) {
  char reply[4096];
  struct stopwatch watch = stopwatch_start (target);

  target_ask (fd, task->command, reply, sizeof reply);
  *ret_passed_ns = (double) (now_ns () - watch.start_ns);
  *ret_work_ns = (double) (target_cpu_ns (target) - watch.start_cpu_ns);
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
  size_t n = target->n;
  double *times = calloc (n, sizeof *times);
  double *works = calloc (n, sizeof *works);
  int fd = target_connect (target);

  need (times && works, "calloc");
  come_first (target);
  target_skip_line (fd);
  for (size_t i = 0; i < N_WARM; i++)
    call (fd, task, target, times, works);
  for (size_t i = 0; i < n; i++) {
    sleep_ns (PAUSE_NS);
    call (fd, task, target, &times[i], &works[i]);
  }
  printf ("%.1f %.1f %.1f\n", percentile (times, n, 0.5), percentile (times, n, 0.99),
          percentile (works, n, 0.99));
  free (times);
  free (works);
}
