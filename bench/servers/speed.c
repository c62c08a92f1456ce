/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* speed.c - how fast a server is.  See speed.h.  */

#include "speed.h"

#include <stdio.h>

struct stopwatch
stopwatch_start (const struct target *target) {
  return (struct stopwatch) {
    .target = target,
    .start_cpu_ns = target_cpu_ns (target),
    .start_ns = now_ns (),
  };
}

struct speed
stopwatch_speed (const struct stopwatch *watch, double n) {
  uint64_t passed_ns = now_ns () - watch->start_ns;
  uint64_t cpu_ns = target_cpu_ns (watch->target) - watch->start_cpu_ns;

  return (struct speed) {
    .per_second = n * 1e9 / (double) passed_ns,
    .per_cpu_second = n * 1e9 / (double) cpu_ns,
  };
}

void
take_turns (size_t n_rounds, struct speed (*run) (void *arg, size_t turn), void *arg) {
  struct speed speeds[2];

  for (size_t round = 0; round < n_rounds; round++) {
    for (size_t i = 0; i < 2; i++) {
      size_t turn = (round + i) % 2;
      speeds[turn] = run (arg, turn);
    }
    printf ("%.3f %.3f %.3f %.3f\n", speeds[0].per_second, speeds[0].per_cpu_second,
            speeds[1].per_second, speeds[1].per_cpu_second);
    fflush (stdout);
  }
}
