/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suites.h - a program whose tests stand in several files, each of which is a suite.  */

#ifndef EVA_TESTS_KIT_SUITES_H
#define EVA_TESTS_KIT_SUITES_H

#include "assertions.h"

/* The tests of one file.  */
struct suite {
  const char *name;
  const struct CMUnitTest *tests;
  size_t n;
};

/* Runs the tests of N SUITES as one group with this NAME.  ARGV is main's:

     [SUITE [TEST]]   patterns of the suites and of the tests that are wanted

   Returns what main does: the number of tests that failed, or 2 if there is no such suite.  */
int suites_run (const char *name, const struct suite *const *suites, size_t n, char **argv);

#endif /* EVA_TESTS_KIT_SUITES_H */
