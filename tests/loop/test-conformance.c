/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-conformance.c - what eva-loop.h promises, on the kind of loop that this is linked with.

   usage: test-loop-LOOP [SUITE [TEST]]     patterns of those that are wanted  */

#include "suite.h"

#include <signal.h>

static const struct suite *const suites[] = { &event_suite, &source_suite, &timer_suite,
                                              &task_suite,  &life_suite,   &chaos_suite,
                                              &fork_suite,  &dialog_suite };

/* The last suite is for loops that callbacks may run.  */
int
main (int argc, char **argv) {
  (void) argc;
  signal (SIGPIPE, SIG_IGN);
  return suites_run (test_loop_name, suites, N_ELEMENTS (suites) - !test_loop_recurses (), argv);
}
