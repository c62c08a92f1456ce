/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loops.c - what all kinds of loop have in common.  See loops.h.  */

#include "loops.h"

void
test_loop_run (struct test_loop *t, const bool *done) {
  while (!*(const volatile bool *) done)
    test_loop_turn (t, true);
}
