/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fake-loop.h - a loop of the program's with a clock of its own, for targets whose input decides
   what time it is.  The targets are linked with --wrap=eva_now.  */

#ifndef EVA_TESTS_FUZZ_FAKE_LOOP_H
#define EVA_TESTS_FUZZ_FAKE_LOOP_H

#include "eva-loop.h"

/* Makes the loop; there is one at a time.  */
eva_loop *fake_loop_new (void);

/* One turn: the descriptors that are ready, then the timer if it is due.  */
void fake_loop_turn (void);

/* Lets MS milliseconds go by.  */
void fake_loop_advance (unsigned int ms);

/* The time, which the library gets in place of the system's.  */
uint64_t __wrap_eva_now (void);

#endif /* EVA_TESTS_FUZZ_FAKE_LOOP_H */
