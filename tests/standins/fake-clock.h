/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fake-clock.h - the time that the library is told: it goes by when the test says so.  Programs are
   linked with --wrap=eva_now (clock_wrapped in meson.build).  */

#ifndef EVA_TESTS_STANDINS_FAKE_CLOCK_H
#define EVA_TESTS_STANDINS_FAKE_CLOCK_H

#include <stdint.h>

/* The time, as eva_now.  */
uint64_t fake_clock_now (void);

/* Begins anew.  */
void fake_clock_reset (void);

/* Lets NS nanoseconds go by.  */
void fake_clock_advance (uint64_t ns);

#endif /* EVA_TESTS_STANDINS_FAKE_CLOCK_H */
