/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* wide-text.h - the functions of wide.h, for the vectors that the file which includes this defines:

     vector               the type, of sizeof (vector) octets
     TARGET               an attribute of every function that uses it
     load, store          from and to any address
     find (V, C)          a vector whose octets are all ones where those of V are C
     either (V, W)        V or W
     to_mask (V)          a bit for each octet of V, that of the first lowest  */

#include "wire/wide.h"

#include "wire/octet.h"
#include "wire/plain.h"
#include "wire/seldom.h"

#include "eva-conn.h"

#include <stdint.h>

#define WIDE static inline __attribute__ ((always_inline)) TARGET

/* Octets that are looked at together: a bit of a mask for each.  */
#define BLOCK 64

/* Returns a mask of the `%` in the block at SRC.  */
WIDE uint64_t
find_percents (const char *src) {
  uint64_t mask = 0;

  for (size_t i = 0; i < BLOCK; i += sizeof (vector))
    mask |= to_mask (find (load (src + i), '%')) << i;
  return mask;
}

/* Returns a mask of the octets in the block at SRC that need an escape.  */
WIDE uint64_t
find_specials (const char *src) {
  uint64_t mask = 0;

  for (size_t i = 0; i < BLOCK; i += sizeof (vector)) {
    vector v = load (src + i);
    mask |= to_mask (either (find (v, '%'), either (find (v, '\r'), find (v, '\n')))) << i;
  }
  return mask;
}

/* Returns where the first of MASK is, counted from START; anything if there is none.  */
WIDE uint16_t
place (size_t start, uint64_t mask) {
  return (uint16_t) (start + (size_t) __builtin_ctzll (mask | (uint64_t) 1 << (BLOCK - 1)));
}

/* Stores where those of MASK are, counted from START, at RET, which has room for two more.  Returns
   the place behind them.  A block seldom has more than two, so there is nothing to guess.  */
WIDE uint16_t *
put_places (uint16_t *ret, size_t start, uint64_t mask) {
  uint64_t rest = mask & (mask - 1);

  ret[0] = place (start, mask);
  ret[1] = place (start, rest);
  ret += (mask != 0) + (rest != 0);
  while (rest &= rest - 1)
    *ret++ = place (start, rest);
  return ret;
}

/* Special octets that are so many among LEN that runs between them are short.  */
WIDE size_t
too_many (size_t len) {
  return len / 16 + 1;
}

/* Stores where what FIND_IN finds among the LEN octets at SRC is at RET_AT, which has room for a
   block more, and returns how many there are, or too many.  */
WIDE size_t
list (uint64_t (*find_in) (const char *), const char *src, size_t len, uint16_t *ret_at) {
  uint16_t *at = ret_at, *end = ret_at + too_many (len);

  for (size_t start = 0; start < len && at < end; start += BLOCK) {
    uint64_t mask = find_in (src + start);
    if (len - start < BLOCK) mask &= ((uint64_t) 1 << (len - start)) - 1;
    at = put_places (at, start, mask);
  }
  return (size_t) (at - ret_at);
}

/* Copies LEN octets, and some more.  */
WIDE void
copy_run (char *dst, const char *src, size_t len) {
  for (size_t i = 0; i < EVA__WIRE_SLACK; i += sizeof (vector))
    store (dst + i, load (src + i));
  if (EVA__MOSTLY (len <= EVA__WIRE_SLACK)) return;
  for (size_t i = EVA__WIRE_SLACK; i < len; i += sizeof (vector))
    store (dst + i, load (src + i));
}

TARGET static size_t
escape (char *dst, size_t fill, const char *src, size_t len, size_t *ret_used) {
  uint16_t at[EVA_LINE_SIZE / 16 + 1 + BLOCK];
  size_t most = len < fill ? len : fill, n_written = 0, n_used = 0, run;
  size_t n = list (find_specials, src, most, at);

  if (n >= too_many (most)) return eva__wire_escape_plain (dst, fill, src, len, ret_used);
  for (size_t i = 0; i < n && n_written + (run = at[i] - n_used) < fill; i++) {
    copy_run (dst + n_written, src + n_used, run);
    eva__wire_put_escape (dst + n_written + run, src[at[i]]);
    n_written += run + 3;
    n_used = at[i] + 1u;
  }
  if (n_written < fill) {
    run = most - n_used < fill - n_written ? most - n_used : fill - n_written;
    copy_run (dst + n_written, src + n_used, run);
    n_written += run;
    n_used += run;
  }
  *ret_used = n_used;
  return n_written;
}

/* A `%` within an escape is none.  */
TARGET static size_t
unescape (char *dst, const char *src, size_t len) {
  uint16_t at[EVA_LINE_SIZE / 16 + 1 + BLOCK];
  size_t n = list (find_percents, src, len, at), n_written = 0, n_read = 0;

  if (n >= too_many (len)) return eva__wire_unescape_to_plain (dst, src, len);
  for (size_t i = 0; i < n; i++) {
    if (at[i] < n_read) continue;
    copy_run (dst + n_written, src + n_read, at[i] - n_read);
    n_written += at[i] - n_read;
    n_read = at[i] + eva__wire_take_octet (dst + n_written++, src + at[i], len - at[i]);
  }
  copy_run (dst + n_written, src + n_read, len - n_read);
  return n_written + len - n_read;
}
