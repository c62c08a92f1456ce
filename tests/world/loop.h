/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loop.h - the loop that a world lives in, of every kind, and its time: that goes by only if
   nothing is ready, or if a party is said to take some.  */

#ifndef EVA_TESTS_WORLD_LOOP_H
#define EVA_TESTS_WORLD_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "eva-loop.h"

/* Never.  */
#define LOOP_NEVER UINT64_MAX

/* The loop; NULL if there is none.  */
extern eva_loop *the_loop;

/* What is done besides, in each turn: returns true if there was something; and when there will be,
   as eva_now.  */
extern bool (*loop_also) (void);
extern uint64_t (*loop_also_due) (void);

/* Makes the loop, of a kind that the dice choose.  Returns false if it could not be made.  */
bool loop_begin (void);
void loop_end (void);

/* In a child of fork: the loop is used, and so belongs to the child.  */
void loop_take_over (void);

/* One turn, without waiting.  Returns true if something was done.  */
bool loop_turn (void);

/* Nothing is ready: lets time go by, up to the next deadline, at most MAX_MS milliseconds.  Returns
   false if there is none.  */
bool loop_wait (unsigned int max_ms);

/* Returns true if the loop may be turned here.  */
bool loop_may_turn (void);

/* Returns true if a call waits for a descriptor, and turns the loop meanwhile.  */
bool loop_is_waited_for (void);

/* How many turns are under way.  */
unsigned int loop_depth (void);

/* A party takes NS nanoseconds.  */
void loop_pass (uint64_t ns);

#endif /* EVA_TESTS_WORLD_LOOP_H */
