/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-client.c - clients, on the kind of loop that this is linked with.  */

#include "kit.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

extern const struct suite connect_suite, call_suite, chunks_suite, inquire_suite, much_suite,
    cancel_suite, timeout_suite, descriptor_suite, close_suite, program_suite, hostile_suite,
    model_suite;

static const struct suite *const suites[] = { &connect_suite, &call_suite,       &chunks_suite,
                                              &inquire_suite, &much_suite,       &cancel_suite,
                                              &timeout_suite, &descriptor_suite, &close_suite,
                                              &program_suite, &hostile_suite,    &model_suite };

#define MAX_TESTS 300

/* An argument is a pattern for the names of tests to run.  SIGPIPE has its default disposition, so that one would end the program.  */
int
main (int argc, char **argv) {
  static struct CMUnitTest tests[MAX_TESTS];
  size_t n = 0;

  if (argc > 1) cmocka_set_test_filter (argv[1]);
  signal (SIGPIPE, SIG_DFL);
  alarm (1500);
  for (size_t i = 0; i < N_ELEMENTS (suites); i++) {
    memcpy (tests + n, suites[i]->tests, suites[i]->n * sizeof *tests);
    n += suites[i]->n;
  }
  return _cmocka_run_group_tests (test_loop_name, tests, n, NULL, NULL);
}
