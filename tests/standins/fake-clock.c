/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fake-clock.c - the time that the library is told.  */

#include "fake-clock.h"

/* No caller may take 0 for a time.  */
#define BEGIN_NS 1000000000u

static uint64_t now_ns = BEGIN_NS;

uint64_t __wrap_eva_now (void);

uint64_t
fake_clock_now (void) {
  return now_ns;
}

void
fake_clock_reset (void) {
  now_ns = BEGIN_NS;
}

void
fake_clock_advance (uint64_t ns) {
  now_ns += ns;
}

uint64_t
__wrap_eva_now (void) {
  return now_ns;
}
