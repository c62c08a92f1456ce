/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hand.h - contexts that are driven by hand.  */

#ifndef EVA_TESTS_WORLD_HAND_H
#define EVA_TESTS_WORLD_HAND_H

#include "eva.h"

/* What is kept of each.  Zero-initialized it is one that was not driven yet.  */
struct hand {
  bool is_busy;         /* a turn is under way */
  unsigned int process; /* the number of hand_process in the last one */
};

/* It counts the processes in which the world went on: in a new one, contexts get a turn at once,
   from which on they belong to it.  */
extern unsigned int hand_process;

/* Returns true if CTX may take a turn: not within a callback of its own.  */
bool hand_may_turn (const struct hand *hand, assuan_context_t ctx);

/* Drives CTX, which may take one, a turn, if one is due: then it returns true and stores at RET_ERR
   what eva_process returned.  */
bool hand_turn (struct hand *hand, assuan_context_t ctx, gpg_error_t *ret_err);

#endif /* EVA_TESTS_WORLD_HAND_H */
