/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* flood.h - peers that ask for much at once, by a socket or by pipes, read the answers when it
   pleases them, and count them: each request has one.  */

#ifndef EVA_TESTS_WORLD_FLOOD_H
#define EVA_TESTS_WORLD_FLOOD_H

#include <stdbool.h>
#include <stdint.h>

/* Lets one come, to a session of a kind that the dice choose.  */
void flood_new (void);

/* They go on.  Returns true if there was something to do.  */
bool flood_move_all (void);

/* How many wait for answers.  */
unsigned int flood_count (void);

/* When the next of them reads again.  */
uint64_t flood_next_due (void);

/* All leave, and are forgotten.  */
void flood_clear (void);

#endif /* EVA_TESTS_WORLD_FLOOD_H */
