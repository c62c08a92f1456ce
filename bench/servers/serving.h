/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* serving.h - what the servers to measure have in common, whatever library they use: where they
   listen, how many descriptors they may have, and the bulk data that they send.  */

#ifndef BENCH_SERVERS_SERVING_H
#define BENCH_SERVERS_SERVING_H

#include <stddef.h>

/* Octets of bulk data that there are.  More than caches hold, and random: one octet in 85 needs an
   escape.  */
#define SOURCE_LEN ((size_t) 64 << 20)

/* The reply to MIX, but for the OK.  */
#define MIX_STATUS_KEYWORD "PROGRESS"
#define MIX_STATUS_TEXT    "something ? 12 100"
#define N_MIX_STATUS       3
#define MIX_DATA_LEN       ((size_t) 100)

/* To be called first: as many descriptors as the system gives, and no SIGPIPE.  */
void serving_init (void);

/* Returns a socket that listens at PATH, with FLAGS: SOCK_NONBLOCK or 0.  */
int serving_listen (const char *path, int flags);

/* Returns a descriptor that gives SOURCE_LEN octets of bulk data, the same ones each time.  */
int serving_open_source (void);

/* Returns the MIX_DATA_LEN octets of data in the reply to MIX, which need no escapes.  */
const char *serving_mix_data (void);

/* Lets large memory be new each time, and go back at once, as in a program that takes one answer.  */
void serving_use_fresh_memory (void);

/* Returns how many octets of heap the program uses.  */
size_t serving_heap_len (void);

#endif /* BENCH_SERVERS_SERVING_H */
