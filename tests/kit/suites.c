/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suites.c - a program whose tests stand in several files.  See suites.h.  */

#include "suites.h"

#include <fnmatch.h>
#include <string.h>

#define MAX_TESTS 400

int
suites_run (const char *name, const struct suite *const *suites, size_t n, char **argv) {
  static struct CMUnitTest tests[MAX_TESTS];
  const char *wanted = argv[1];
  size_t n_tests = 0;

  if (wanted && argv[2]) cmocka_set_test_filter (argv[2]);
  for (size_t i = 0; i < n; i++) {
    if (wanted && fnmatch (wanted, suites[i]->name, 0) != 0) continue;
    if (n_tests + suites[i]->n > MAX_TESTS) return 2;
    memcpy (tests + n_tests, suites[i]->tests, suites[i]->n * sizeof *tests);
    n_tests += suites[i]->n;
  }
  return n_tests ? _cmocka_run_group_tests (name, tests, n_tests, NULL, NULL) : 2;
}
