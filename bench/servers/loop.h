/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loop.h - the event loop that a server lives in: for each kind there is one file with these.  */

#ifndef BENCH_SERVERS_LOOP_H
#define BENCH_SERVERS_LOOP_H

#include <eva-loop.h>

/* Makes the loop.  Returns NULL with errno if that fails.  */
eva_loop *loop_open (void);

/* Runs it forever.  */
void loop_run (eva_loop *loop);

#endif /* BENCH_SERVERS_LOOP_H */
