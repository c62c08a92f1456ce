/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* sse2.c - escapes of data lines by vectors of 16 octets, which every x86-64 processor has.  */

#include "wire/wide.h"

#ifdef EVA__WIRE_WIDE

#  include <emmintrin.h>

typedef __m128i vector;

#  define TARGET
#  define load(src)     _mm_loadu_si128 ((const void *) (src))
#  define store(dst, v) _mm_storeu_si128 ((void *) (dst), (v))
#  define find(v, c)    _mm_cmpeq_epi8 ((v), _mm_set1_epi8 (c))
#  define either(v, w)  _mm_or_si128 ((v), (w))
#  define to_mask(v)    ((uint64_t) (unsigned int) _mm_movemask_epi8 (v))

#  include "wire/wide-text.h"

const struct eva__wire_wide eva__wire_sse2 = { escape, unescape };

#endif
