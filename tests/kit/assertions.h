/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* assertions.h - cmocka, with the headers that it wants in front of it.  */

#ifndef EVA_TESTS_KIT_ASSERTIONS_H
#define EVA_TESTS_KIT_ASSERTIONS_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define N_ELEMENTS(array) (sizeof (array) / sizeof *(array))

/* Asserts that CALL returns -1 and sets errno to ERROR.  */
#define assert_fails(call, error)                                                                  \
  do {                                                                                             \
    errno = 0;                                                                                     \
    assert_int_equal ((call), -1);                                                                 \
    assert_int_equal (errno, (error));                                                             \
  } while (0)

#endif /* EVA_TESTS_KIT_ASSERTIONS_H */
