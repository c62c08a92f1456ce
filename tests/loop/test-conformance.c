/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-conformance.c - what eva-loop.h promises, on the kind of loop that this is linked with.  */

#include "suite.h"

#include <signal.h>
#include <string.h>

static const struct suite *const suites[] = { &event_suite,  &source_suite, &timer_suite,
                                              &task_suite,   &life_suite,   &chaos_suite,
                                              &dialog_suite, &fork_suite };

#define MAX_TESTS 100

int
main (void) {
  static struct CMUnitTest tests[MAX_TESTS];
  size_t n = 0;

  signal (SIGPIPE, SIG_IGN);
  for (size_t i = 0; i < N_ELEMENTS (suites); i++) {
    if (suites[i] == &dialog_suite && !test_loop_recurses ()) continue;
    memcpy (tests + n, suites[i]->tests, suites[i]->n * sizeof *tests);
    n += suites[i]->n;
  }
  return _cmocka_run_group_tests (test_loop_name, tests, n, NULL, NULL);
}
