/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pattern.h - octets that tell by themselves whether they are the right ones: octet AT of those
   that a KEY stands for.  */

#ifndef EVA_TESTS_WORLD_PATTERN_H
#define EVA_TESTS_WORLD_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

/* The longest piece that is made at a time.  */
#define PATTERN_SIZE ((size_t) 16384)

/* Every octet value comes up, those that have to be escaped included.  */
static inline char
pattern_octet (unsigned int key, size_t at) {
  return (char) (unsigned char) (key * 131u + at * 7u + at / 251u);
}

/* Returns the octets of KEY from AT on, LEN of them but at most PATTERN_SIZE, valid until the next
   call; stores their number at RET_LEN.  */
static inline const char *
pattern_piece (unsigned int key, size_t at, size_t len, size_t *ret_len) {
  static char piece[PATTERN_SIZE];

  if (len > PATTERN_SIZE) len = PATTERN_SIZE;
  for (size_t i = 0; i < len; i++)
    piece[i] = pattern_octet (key, at + i);
  *ret_len = len;
  return piece;
}

static inline bool
pattern_is (unsigned int key, size_t at, const char *octets, size_t len) {
  for (size_t i = 0; i < len; i++)
    if (octets[i] != pattern_octet (key, at + i)) return false;
  return true;
}

#endif /* EVA_TESTS_WORLD_PATTERN_H */
