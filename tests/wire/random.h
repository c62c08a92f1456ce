/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* random.h - numbers that look random and are the same in every run, so that a failure can be
   repeated.  */

#ifndef EVA_TESTS_WIRE_RANDOM_H
#define EVA_TESTS_WIRE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Returns the next number of the sequence that STATE, which may start with any value, leads to
   (splitmix64).  */
static inline uint64_t
random_next (uint64_t *state) {
  uint64_t z = (*state += 0x9e3779b97f4a7c15u);

  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/* Returns a number below N.  */
static inline size_t
random_below (uint64_t *state, size_t n) {
  return (size_t) (random_next (state) % n);
}

#endif /* EVA_TESTS_WIRE_RANDOM_H */
