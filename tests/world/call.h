/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* call.h - calls: each is told what it should be, and ends once.  */

#ifndef EVA_TESTS_WORLD_CALL_H
#define EVA_TESTS_WORLD_CALL_H

#include "caller.h"

/* Makes a call of a kind that the dice choose on CALLER.  TIMEOUT_MS is for all of it; 0: the dice
   tell.  Returns its entry, or NULL if it could not be made.  */
struct entry *call_new (struct caller *caller, unsigned int timeout_ms);

/* The first one of a connection that was not given to a session by us.  */
void call_iam (struct caller *caller);

/* One that is under way, chosen by the dice, is given up.  */
void call_give_up_any (void);

/* All of CALLER may end as they like: it is closed, or released.  */
void call_give_up_all (struct caller *caller);

/* Goes on with the answers to inquiries.  Returns true if there was something to do.  */
bool call_answer_all (void);

/* The number of calls under way.  */
unsigned int call_count (void);

/* Calls that ended in a run: all of them, and those with all that they should have been told.  */
extern unsigned int call_n_ended, call_n_whole;

/* One call of a client that waits.  */
gpg_error_t call_wait (assuan_context_t ctx, struct link *link);

void call_clear (void);

#endif /* EVA_TESTS_WORLD_CALL_H */
