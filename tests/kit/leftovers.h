/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* leftovers.h - a test leaves no descriptor, no child and no file behind.  A suite's setup and
   teardown call these.  */

#ifndef EVA_TESTS_KIT_LEFTOVERS_H
#define EVA_TESTS_KIT_LEFTOVERS_H

#include "assertions.h"

/* Before a test: notes what is there.  */
void leftovers_begin (void);

/* After it: removes its directory, and asserts that there is no more and no less than before.  */
void leftovers_check (void);

#endif /* EVA_TESTS_KIT_LEFTOVERS_H */
