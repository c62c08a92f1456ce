/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fake-loop.h - a loop of the program's that is turned step by step and lives in the time of
   fake-clock.h.  There is one at a time.  */

#ifndef EVA_TESTS_STANDINS_FAKE_LOOP_H
#define EVA_TESTS_STANDINS_FAKE_LOOP_H

#include <stdbool.h>
#include <stddef.h>

#include "eva-loop.h"

/* What kind of loop it is.  The first three are for the table of functions.  */
struct fake_loop_config {
  bool tells_hangup;
  bool recurses;
  bool gathers;
  bool looks_late;   /* at each descriptor when its turn comes; else at all before one is called */
  bool removes_late; /* what was removed stays in use until the next turn; not if it recurses */
  size_t (*choose) (size_t n); /* gives the order: a number below N; NULL: as they were added */
};

/* Makes the loop.  CONFIG NULL: one that tells of hang-ups and looks late.  Returns NULL as
   eva_loop_new_foreign does.  */
eva_loop *fake_loop_new (const struct fake_loop_config *config);

/* One turn: the descriptors that are ready, then the timer if it is due.  May be called out of the
   callbacks of one that recurses; what the outer turn had not come to is done then.  Returns true
   if anything was called.  */
bool fake_loop_turn (void);

/* When the timer is due, as eva_now; UINT64_MAX if it is not set.  */
uint64_t fake_loop_get_due (void);

/* Behind eva_loop_free: lets go of what a loop that removes late still has.  */
void fake_loop_finish (void);

#endif /* EVA_TESTS_STANDINS_FAKE_LOOP_H */
