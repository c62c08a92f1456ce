/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kit.h - what all programs that measure have in common: a clock, a list of measurements to choose
   from, and an end with a message for whatever should not happen.  */

#ifndef BENCH_KIT_H
#define BENCH_KIT_H

#include <stdbool.h>
#include <stddef.h>

/* What a measurement gives: how many things were done in a second by the clock on the wall, and how
   many for a second of processor time, of all threads and of the kernel on their behalf.  */
struct rate {
  double per_second;
  double per_cpu_second;
};

/* Something to measure.  */
struct benchmark {
  const char *name;  /* to choose it by */
  const char *unit;  /* of its figure */
  const char *title; /* what is measured, for the table */
  const char
      *scope; /* who can do it: "both" libraries, "ours", "corked": ours with eva.h; or "scale" */
  struct rate (*run) (double seconds, const void *arg);
  const void *arg;
};

/* Ends the program with a message that says WHAT failed and why.  */
_Noreturn void die (const char *what, const char *why);

/* Ends the program with errno's message unless CONDITION holds.  */
void need (bool condition, const char *what);

/* Calls STEP (ARG), which does N things, for about SECONDS.  A first call, which finds everything
   cold, is not counted.  */
struct rate measure (double seconds, double n, void (*step) (void *arg), void *arg);

/* What main does: `PROGRAM list` tells the N benchmarks at LIST, one a line with | between its
   parts; `PROGRAM NAME SECONDS` prints the rate of one.  Returns the exit status.  */
int choose_benchmark (int argc, char **argv, const struct benchmark *list, size_t n);

#endif /* BENCH_KIT_H */
