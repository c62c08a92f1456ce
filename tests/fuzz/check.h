/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* check.h - what all fuzz targets share: the entry that libFuzzer calls, and an assertion that
   it notices.  */

#ifndef EVA_TESTS_FUZZ_CHECK_H
#define EVA_TESTS_FUZZ_CHECK_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Each target defines this: it tries the LEN octets at DATA and returns 0, or does not return.  */
int LLVMFuzzerTestOneInput (const uint8_t *data, size_t len);

/* Not assert, which NDEBUG would switch off.  */
#define CHECK(condition)                                                                           \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      fprintf (stderr, "%s:%d: %s: not true: %s\n", __FILE__, __LINE__, __func__, #condition);     \
      abort ();                                                                                    \
    }                                                                                              \
  } while (0)

#endif /* EVA_TESTS_FUZZ_CHECK_H */
