/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kind.h - what each kind of loop is made of, but for its own library: see loops.h.  */

#ifndef EVA_TESTS_LOOP_KIND_H
#define EVA_TESTS_LOOP_KIND_H

#include "loops.h"

/* Ends the program, as WHAT failed, unless OK.  */
void loop_check (bool ok, const char *what);

/* What test_loop_watch was given; the kind calls loop_call_watcher when the descriptor is
   readable.  */
void loop_set_watcher (void (*cb) (void *arg), void *arg);
void loop_call_watcher (void);

#endif /* EVA_TESTS_LOOP_KIND_H */
