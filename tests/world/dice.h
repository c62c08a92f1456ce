/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dice.h - what a world leaves to chance.  All of it comes from the seed.  */

#ifndef EVA_TESTS_WORLD_DICE_H
#define EVA_TESTS_WORLD_DICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void dice_begin (uint64_t seed);

/* A number below N.  */
unsigned int dice (unsigned int n);
size_t dice_choose (size_t n);

/* Some of N things, but at least one, and often all; none if there are none.  */
size_t dice_some (size_t n);

/* Returns true N times in a thousand.  */
bool dice_hits (unsigned int n);

#endif /* EVA_TESTS_WORLD_DICE_H */
