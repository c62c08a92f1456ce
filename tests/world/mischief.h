/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mischief.h - what callbacks do besides: they release, close, cancel, finish and make whatever there
   is, take their time, run the loop, or fork.  */

#ifndef EVA_TESTS_WORLD_MISCHIEF_H
#define EVA_TESTS_WORLD_MISCHIEF_H

/* Called in every callback, where nothing is touched behind it without a look at whether it is still
   there.  */
void mischief (void);

/* The same for steps of the world itself: does one thing, whatever the weather.  */
void mischief_act (void);

/* Begins a run.  */
void mischief_begin (void);

/* Frees everything, as the program does that has enough.  Within a callback of the loop all but the
   loop.  Defined by the world.  */
void world_free_all (void);

#endif /* EVA_TESTS_WORLD_MISCHIEF_H */
