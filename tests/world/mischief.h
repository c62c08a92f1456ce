/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mischief.h - what callbacks do besides: they release, close, cancel, finish and make whatever
   there is, take their time, run the loop, or fork.  */

#ifndef EVA_TESTS_WORLD_MISCHIEF_H
#define EVA_TESTS_WORLD_MISCHIEF_H

#include <stdbool.h>

#include "hand.h"

/* Called in every callback, where nothing is touched behind it without a look at whether it is
   still there.  */
void mischief (void);

/* Returns true if CTX may be taken out of the loop.  */
bool mischief_may_detach (const struct hand *hand, assuan_context_t ctx);

/* Returns true if a monitor releases its context.  */
bool mischief_in_monitor (void);

/* Whether this process is a child that only frees everything: then no callback may come.  */
extern bool mischief_is_child;

/* A child frees everything and ends; not within callbacks, where callers still hold something.  */
void mischief_fork (void);

/* The world goes on in a child, as a daemon does; not within callbacks.  Its parent waits for it
   and ends as it did.  */
void mischief_move_to_child (void);
bool mischief_has_moved (void);

/* The same for steps of the world itself: does one thing, whatever the weather.  */
void mischief_act (void);

/* Begins a run.  */
void mischief_begin (void);

/* Frees everything, as the program does that has enough.  If it does so IN_CALLBACK, some memory is
   only given back behind it.  Defined by the world.  */
void world_free_all (bool in_callback);

#endif /* EVA_TESTS_WORLD_MISCHIEF_H */
