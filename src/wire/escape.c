/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* escape.c - percent escapes of data lines.

     data   = *(octet / escape)        octet: any but "%", CR, LF
     escape = "%" 2HEXDIG

   Bulk data spend most of their time here, and hardly ever need an escape.  So this looks at 16
   octets at a time and copies them where SSE2 exists, which is part of every x86-64.  Everything
   else goes octet by octet.  Both ways give the same result in every case; a test and a fuzz target
   compare them.  */

#include "escape.h"

#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#  include <emmintrin.h>
#endif

#include "eva-conn.h"
#include "octet.h"
#include "wipe.h"

static bool
needs_escape (char c) {
  return c == '%' || c == '\r' || c == '\n';
}

/* Writes C, escaped if it has to be, and returns how many octets that took.  */
static size_t
put_octet (char *dst, char c) {
  if (needs_escape (c)) {
    eva__wire_put_escape (dst, c);
    return 3;
  }
  *dst = c;
  return 1;
}

bool
eva__wire_has_malformed (const char *buf, size_t len) {
  const char *end = buf + len;

  while (buf < end && (buf = memchr (buf, '%', (size_t) (end - buf)))) {
    if (eva__wire_escape_value (buf, (size_t) (end - buf)) < 0) return true;
    buf += 3;
  }
  return false;
}

/* Ends an unescape, and wipes what is left of the encoded form, which may be a piece of a
   passphrase.  */
static int
finish_unescape (char *buf, size_t len, size_t new_len, size_t *ret_len) {
  eva__wire_wipe (buf + new_len, len - new_len);
  *ret_len = new_len;
  return 0;
}

/* --- Octet by octet --------------------------------------------------------------------------- */

size_t
eva__wire_escape_plain (char *dst, size_t fill, const char *src, size_t src_len, size_t *ret_used) {
  size_t n_written = 0;
  size_t n_used = 0;

  while (n_written < fill && n_used < src_len)
    n_written += put_octet (dst + n_written, src[n_used++]);

  *ret_used = n_used;
  return n_written;
}

int
eva__wire_unescape_plain (char *buf, size_t len, bool strict, size_t *ret_len) {
  if (strict && eva__wire_has_malformed (buf, len)) return EVA_E_ESCAPE;

  size_t n_written = 0;
  for (size_t n_read = 0; n_read < len; n_written++)
    n_read += eva__wire_take_octet (buf + n_written, buf + n_read, len - n_read);

  return finish_unescape (buf, len, n_written, ret_len);
}

size_t
eva__wire_unescape_to_plain (char *dst, const char *src, size_t len) {
  size_t n_written = 0;

  for (size_t n_read = 0; n_read < len; n_written++)
    n_read += eva__wire_take_octet (dst + n_written, src + n_read, len - n_read);
  return n_written;
}

#ifdef __SSE2__

/* --- 16 octets at a time ---------------------------------------------------------------------- */

/* Octets in a vector.  */
#  define STEP 16

/* Returns a mask of the octets of V that equal C: bit 0 for the first.  */
static inline unsigned int
find_octet (__m128i v, char c) {
  return (unsigned int) _mm_movemask_epi8 (_mm_cmpeq_epi8 (v, _mm_set1_epi8 (c)));
}

static inline unsigned int
find_special (__m128i v) {
  return find_octet (v, '%') | find_octet (v, '\r') | find_octet (v, '\n');
}

static inline __m128i
load (const char *src) {
  return _mm_loadu_si128 ((const __m128i *) (const void *) src);
}

static inline void
store (char *dst, __m128i v) {
  _mm_storeu_si128 ((__m128i *) (void *) dst, v);
}

/* Returns true if MASK has more than one bit: then a vector for each would cost more than
   going octet by octet.  */
static inline bool
is_dense (unsigned int mask) {
  return mask & (mask - 1);
}

/* Stores all 16 octets even if only those before a special one count: that saves a loop.  The
   octets that follow overwrite what was stored too much, because there are 16 of them, and room for
   as many below FILL.  */
size_t
eva__wire_escape (char *dst, size_t fill, const char *src, size_t src_len, size_t *ret_used) {
  size_t n_written = 0;
  size_t n_used = 0;

  while (n_written + STEP <= fill && n_used + STEP <= src_len) {
    __m128i v = load (src + n_used);
    unsigned int specials = find_special (v);

    if (is_dense (specials)) {
      for (size_t end = n_used + STEP; n_written < fill && n_used < end;)
        n_written += put_octet (dst + n_written, src[n_used++]);
      continue;
    }
    store (dst + n_written, v);
    if (!specials) {
      n_written += STEP;
      n_used += STEP;
      continue;
    }
    size_t n_clean = (size_t) __builtin_ctz (specials);
    eva__wire_put_escape (dst + n_written + n_clean, src[n_used + n_clean]);
    n_written += n_clean + 3;
    n_used += n_clean + 1;
  }

  n_written += eva__wire_escape_plain (dst + n_written, n_written < fill ? fill - n_written : 0,
                                       src + n_used, src_len - n_used, ret_used);
  *ret_used += n_used;
  return n_written;
}

/* Moves LEN octets, less than a vector, from SRC down to DST.  The first and the last word of them
   overlap, so it touches nothing behind them; it loads both before it stores either.  */
static inline void
move_run (char *dst, const char *src, size_t len) {
  if (len >= 8) {
    uint64_t first, last;
    memcpy (&first, src, 8);
    memcpy (&last, src + len - 8, 8);
    memcpy (dst, &first, 8);
    memcpy (dst + len - 8, &last, 8);
  } else if (len >= 4) {
    uint32_t first, last;
    memcpy (&first, src, 4);
    memcpy (&last, src + len - 4, 4);
    memcpy (dst, &first, 4);
    memcpy (dst + len - 4, &last, 4);
  } else if (len) {
    char first = src[0], middle = src[len / 2], last = src[len - 1];
    dst[0] = first;
    dst[len / 2] = middle;
    dst[len - 1] = last;
  }
}

/* Works in place, so a store must not reach octets that are not read yet: it stores a whole vector
   only if it took all of it, and else just the run before a `%`.  */
int
eva__wire_unescape (char *buf, size_t len, bool strict, size_t *ret_len) {
  if (strict && eva__wire_has_malformed (buf, len)) return EVA_E_ESCAPE;

  size_t n_written = 0;
  size_t n_read = 0;
  while (n_read + STEP <= len) {
    __m128i v = load (buf + n_read);
    unsigned int percents = find_octet (v, '%');

    if (!percents) {
      store (buf + n_written, v);
      n_written += STEP;
      n_read += STEP;
      continue;
    }
    /* A vector that is loaded right behind single octets that were stored there waits for them.
       With many escapes that takes longer than going octet by octet.  */
    size_t end = n_read + STEP;
    if (!is_dense (percents)) {
      size_t n_clean = (size_t) __builtin_ctz (percents);
      move_run (buf + n_written, buf + n_read, n_clean);
      n_written += n_clean;
      n_read += n_clean;
      end = n_read + 1;
    }
    while (n_read < end)
      n_read += eva__wire_take_octet (buf + n_written++, buf + n_read, len - n_read);
  }
  while (n_read < len)
    n_read += eva__wire_take_octet (buf + n_written++, buf + n_read, len - n_read);

  return finish_unescape (buf, len, n_written, ret_len);
}

/* --- To somewhere else, 64 octets at a time --------------------------------------------------- */

#  define BLOCK 64

/* Returns a mask of the `%` in the block at SRC.  */
static inline uint64_t
find_percents (const char *src) {
  uint64_t mask = 0;

  for (size_t i = 0; i < BLOCK; i += STEP)
    mask |= (uint64_t) find_octet (load (src + i), '%') << i;
  return mask;
}

/* Stores at *RET where the first of MASK is, counted from START, if there is one.  Returns the next
   place.  */
static inline uint16_t *
put_place (uint16_t *ret, size_t start, uint64_t mask) {
  *ret = (uint16_t) (start + (size_t) __builtin_ctzll (mask | (uint64_t) 1 << (BLOCK - 1)));
  return ret + (mask != 0);
}

/* Stores where the `%` among the LEN octets at SRC are at RET_AT, which has room for one more, and
   returns how many there are.  A block seldom has more than two, so there is nothing to guess.  */
static inline size_t
list_percents (const char *src, size_t len, uint16_t *ret_at) {
  uint16_t *at = ret_at;

  for (size_t start = 0; start < len; start += BLOCK) {
    uint64_t mask = find_percents (src + start);
    if (len - start < BLOCK) mask &= ((uint64_t) 1 << (len - start)) - 1;
    at = put_place (at, start, mask);
    mask &= mask - 1;
    at = put_place (at, start, mask);
    while (mask &= mask - 1)
      at = put_place (at, start, mask);
  }
  return (size_t) (at - ret_at);
}

/* Copies LEN octets, and some more.  */
static inline void
copy_run (char *dst, const char *src, size_t len) {
  for (size_t i = 0; i < EVA__WIRE_SLACK; i += STEP)
    store (dst + i, load (src + i));
  if (len > EVA__WIRE_SLACK)
    memcpy (dst + EVA__WIRE_SLACK, src + EVA__WIRE_SLACK, len - EVA__WIRE_SLACK);
}

/* In random data every branch that depends on them is a wrong guess, which costs as much as a
   hundred octets.  So this looks for all escapes first, and then copies each run between two of
   them as if it were long: what is too much is overwritten by the next run, or is slack.  Where
   runs are short that takes longer than going octet by octet.  A `%` within an escape is none.  */
size_t
eva__wire_unescape_to (char *dst, const char *src, size_t len) {
  uint16_t at[EVA_LINE_SIZE + 1];
  size_t n = list_percents (src, len, at), n_written = 0, n_read = 0;

  if (n > len / STEP) return eva__wire_unescape_to_plain (dst, src, len);
  for (size_t i = 0; i < n; i++) {
    if (at[i] < n_read) continue;
    copy_run (dst + n_written, src + n_read, at[i] - n_read);
    n_written += at[i] - n_read;
    n_read = at[i] + eva__wire_take_octet (dst + n_written++, src + at[i], len - at[i]);
  }
  copy_run (dst + n_written, src + n_read, len - n_read);
  return n_written + len - n_read;
}

#else

size_t
eva__wire_unescape_to (char *dst, const char *src, size_t len) {
  return eva__wire_unescape_to_plain (dst, src, len);
}

size_t
eva__wire_escape (char *dst, size_t fill, const char *src, size_t src_len, size_t *ret_used) {
  return eva__wire_escape_plain (dst, fill, src, src_len, ret_used);
}

int
eva__wire_unescape (char *buf, size_t len, bool strict, size_t *ret_len) {
  return eva__wire_unescape_plain (buf, len, strict, ret_len);
}

#endif
