/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* speed.h - how fast a server is, by the clock on the wall and by its processor time.  */

#ifndef BENCH_SERVERS_SPEED_H
#define BENCH_SERVERS_SPEED_H

#include "target.h"

#include <stddef.h>

/* How many things a server does in a second by the clock on the wall, and how many for a second of
   its own processor time, the kernel's on its behalf included.  */
struct speed {
  double per_second;
  double per_cpu_second;
};

/* What a server is measured with.  */
struct stopwatch {
  const struct target *target;
  uint64_t start_ns;
  uint64_t start_cpu_ns;
};

struct stopwatch stopwatch_start (const struct target *target);

/* The speed since then, if N things were done.  */
struct speed stopwatch_speed (const struct stopwatch *watch, double n);

/* Calls RUN for servers 0 and 1 in turn, N_ROUNDS times, and prints a line with the speeds of both
   for each round.  */
void take_turns (size_t n_rounds, struct speed (*run) (void *arg, size_t turn), void *arg);

#endif /* BENCH_SERVERS_SPEED_H */
