/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* world.h - a world: servers and clients of every kind in one loop, with weather, mischief and time
   of their own.  One number tells all that happens in it.  */

#ifndef EVA_TESTS_WORLD_WORLD_H
#define EVA_TESTS_WORLD_WORLD_H

#include <stdint.h>

/* What happened, in all worlds so far.  */
struct world_figures {
  unsigned long n_worlds;
  unsigned long n_calls; /* that ended */
  unsigned long n_whole; /* of these: that were told all */
};
extern struct world_figures world_figures;

/* Lets the world of SEED begin, go its way, come to rest and end.  If anything is not as it should
   be the program ends, and says why.  */
void world_run (uint64_t seed);

#endif /* EVA_TESTS_WORLD_WORLD_H */
