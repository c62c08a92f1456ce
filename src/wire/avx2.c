/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* avx2.c - escapes of data lines by vectors of 32 octets.  */

#include "wire/wide.h"

#ifdef EVA__WIRE_WIDE

#  include <immintrin.h>

typedef __m256i vector;

#  define TARGET        __attribute__ ((target ("avx2,bmi")))
#  define load(src)     _mm256_loadu_si256 ((const void *) (src))
#  define store(dst, v) _mm256_storeu_si256 ((void *) (dst), (v))
#  define find(v, c)    _mm256_cmpeq_epi8 ((v), _mm256_set1_epi8 (c))
#  define either(v, w)  _mm256_or_si256 ((v), (w))
#  define to_mask(v)    ((uint64_t) (unsigned int) _mm256_movemask_epi8 (v))

#  include "wire/wide-text.h"

const struct eva__wire_wide eva__wire_avx2 = { escape, unescape };

bool
eva__wire_has_avx2 (void) {
  return __builtin_cpu_supports ("avx2") && __builtin_cpu_supports ("bmi");
}

#endif
