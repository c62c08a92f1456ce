/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* crowd.h - many clients of one server, in one thread.  */

#ifndef BENCH_SERVERS_CROWD_H
#define BENCH_SERVERS_CROWD_H

#include "target.h"

#include <stddef.h>

/* Descriptors of connections.  */
struct crowd {
  int *fds;
  size_t n;
};

/* Connects N clients and reads the greetings.  */
void crowd_open (struct crowd *crowd, const struct target *target, size_t n);

/* Lets them leave, and waits until the server has understood.  */
void crowd_close (struct crowd *crowd, const struct target *target);

#endif /* BENCH_SERVERS_CROWD_H */
