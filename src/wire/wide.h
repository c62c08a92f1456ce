/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* wide.h - escapes of data lines, many octets at a time.

   In random data every branch that depends on them is a wrong guess, which costs as much as a
   hundred octets.  So these functions list all special octets of a line first, and then copy each
   run between two of them as if it were long: what is too much is overwritten by the next run, or
   is slack.  Where runs are short that takes longer than going octet by octet.

   sse2.c and avx2.c are the same text, wide-text.h, for two widths of vectors.  */

#ifndef EVA__WIRE_WIDE_H
#define EVA__WIRE_WIDE_H

#include <stdbool.h>
#include <stddef.h>

#if defined __x86_64__ && defined __SSE2__
#  define EVA__WIRE_WIDE 1
#endif

/* Octets that they may read behind what they are given, and write behind what they give.  */
#define EVA__WIRE_SLACK 128

/* The functions for vectors of one width.  The slack behind SRC means nothing; in that behind
   the result octets of SRC stay.  */
struct eva__wire_wide {
  /* As eva__wire_escape.  */
  size_t (*escape) (char *dst, size_t fill, const char *src, size_t len, size_t *ret_used);

  /* As eva__wire_unescape_to.  */
  size_t (*unescape) (char *dst, const char *src, size_t len);
};

/* For any x86-64 processor, and for those that have AVX2.  */
extern const struct eva__wire_wide eva__wire_sse2;
extern const struct eva__wire_wide eva__wire_avx2;

/* Returns true if this processor has what eva__wire_avx2 needs.  */
bool eva__wire_has_avx2 (void);

#endif /* EVA__WIRE_WIDE_H */
