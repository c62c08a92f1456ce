/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kit.c - the clock and the command line of the programs that measure.  */

#include "kit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void
die (const char *what, const char *why) {
  fprintf (stderr, "bench: %s: %s\n", what, why);
  exit (1);
}

void
need (bool condition, const char *what) {
  if (!condition) die (what, strerror (errno));
}

static double
now_s (clockid_t clock) {
  struct timespec now;

  clock_gettime (clock, &now);
  return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

struct rate
measure (double seconds, double n, void (*step) (void *arg), void *arg) {
  double start, cpu_start, passed;
  double n_steps = 0;

  step (arg);
  start = now_s (CLOCK_MONOTONIC);
  cpu_start = now_s (CLOCK_PROCESS_CPUTIME_ID);
  do {
    step (arg);
    n_steps++;
    passed = now_s (CLOCK_MONOTONIC) - start;
  } while (passed < seconds);
  return (struct rate) {
    .per_second = n * n_steps / passed,
    .per_cpu_second = n * n_steps / (now_s (CLOCK_PROCESS_CPUTIME_ID) - cpu_start),
  };
}

/* Runs B and prints its rate.  */
static int
print_rate (const struct benchmark *b, double seconds) {
  struct rate rate = b->run (seconds, b->arg);

  return printf ("%.3f %.3f\n", rate.per_second, rate.per_cpu_second) < 0;
}

int
choose_benchmark (int argc, char **argv, const struct benchmark *list, size_t n) {
  bool wants_list = argc == 2 && !strcmp (argv[1], "list");

  for (size_t i = 0; i < n; i++) {
    const struct benchmark *b = &list[i];
    if (wants_list)
      printf ("%s|%s|%s|%s\n", b->name, b->unit, b->title, b->scope);
    else if (argc == 3 && !strcmp (argv[1], b->name))
      return print_rate (b, strtod (argv[2], NULL));
  }
  if (wants_list) return 0;
  fprintf (stderr, "usage: %s list | NAME SECONDS\n", argv[0]);
  return 2;
}
