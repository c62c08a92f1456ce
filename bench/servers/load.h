/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* load.h - what clients can do to servers in order to measure them.  Each of these prints its
   figures itself.  Where there are two servers they take turns: each round prints a line "RATE
   PROCESSOR-RATE RATE PROCESSOR-RATE", those of the first and the second one, by the clock on the
   wall and by the server's own processor time.  */

#ifndef BENCH_SERVERS_LOAD_H
#define BENCH_SERVERS_LOAD_H

#include "target.h"

#include <stdbool.h>
#include <stddef.h>

/* What to do, as far as it is not in the target.  */
struct task {
  const char *command; /* with its LF */
  size_t n_active;     /* connections, of all, that are at work */
  size_t n_ahead;      /* commands that each of them sends before it waits for the replies */
  size_t n_mib;        /* of an answer to an inquiry */
  size_t n_rounds;
  double seconds;        /* of a round */
  bool shares_processor; /* servers and clients run on a single one */
};

/* Commands on N_ACTIVE of the connections of each target.  */
void load_commands (const struct task *task, struct target *targets);

/* Connections: all are made, their greetings read, and closed again.  */
void load_greetings (const struct task *task, struct target *targets);

/* Clients that come as many at a time as a target has connections, say a command, and leave.  */
void load_storm (const struct task *task, struct target *targets);

/* One BULK command a round, in octets.  */
void load_bulk (const struct task *task, struct target *targets);

/* One TAKE command a round, whose inquiry is answered with N_MIB of random data, in MiB.  */
void load_inquiries (const struct task *task, struct target *targets);

/* Prints the octets of heap, and of memory as the kernel counts it, that each of N idle connections
   costs.  */
void load_memory (const struct task *task, struct target *target);

/* Prints the share of one processor, in percent, that the server takes while N connections are
   idle.  */
void load_idle (const struct task *task, struct target *target);

/* Makes N calls one after the other, with a pause between them, then connects N / 10 times.  Prints
   the 50th and the 99th percentile of the time that the calls took, and the 99th of the time until
   the greeting, in microseconds.  */
void load_calls (const struct task *task, struct target *target);

/* Makes N calls one after the other, and prints nothing: for a server whose instructions are
   counted.  */
void load_asks (const struct task *task, struct target *target);

/* N connections that behave badly, forever; KIND is one of those in hostile.c.  */
void load_hostile (const char *kind, struct target *target);

#endif /* BENCH_SERVERS_LOAD_H */
