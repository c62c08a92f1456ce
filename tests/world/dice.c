/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dice.c - what a world leaves to chance.  */

#include "dice.h"

#include "../wire/random.h"

static uint64_t state;

void
dice_begin (uint64_t seed) {
  state = seed;
}

size_t
dice_choose (size_t n) {
  return random_below (&state, n);
}

unsigned int
dice (unsigned int n) {
  return (unsigned int) dice_choose (n);
}

size_t
dice_some (size_t n) {
  return n && dice (2) ? 1 + dice_choose (n) : n;
}

bool
dice_hits (unsigned int n) {
  return dice (1000) < n;
}
