/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-wipe.c - eva__wire_wipe overwrites the octets that it is given, and no others.  */

#include "wire/wipe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The longest piece, and what stands in front of it and behind it.  */
#define MOST   80
#define MARGIN 24

static void
check (size_t len, size_t at) {
  char buf[MARGIN + MOST + MARGIN];
  size_t begin = MARGIN - at, end = begin + len;

  memset (buf, 'x', sizeof buf);
  eva__wire_wipe (buf + begin, len);
  for (size_t i = 0; i < sizeof buf; i++)
    assert_int_equal (buf[i], i >= begin && i < end ? 0 : 'x');
}

/* Of every length, at every place in a word of the machine.  */
static void
test_every_length (void **state) {
  (void) state;
  for (size_t len = 0; len <= MOST; len++)
    for (size_t at = 0; at < 8; at++)
      check (len, at);
}

static void
test_nothing (void **state) {
  (void) state;
  eva__wire_wipe (NULL, 0);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_every_length),
    cmocka_unit_test (test_nothing),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
