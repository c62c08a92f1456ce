/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-server.c - what eva.h promises of eva_server, on the kind of loop that this is linked with.

   usage: test-server-LOOP [SUITE [PATTERN]]     only tests whose names match  */

#include "suite.h"

#include <signal.h>
#include <stdio.h>

#define SUITE_ADDRESS(name) &suite_##name,
static const struct suite *const suites[] = { SUITES (SUITE_ADDRESS) };

static int
run (const struct suite *suite) {
  char name[100];

  snprintf (name, sizeof name, "%s on %s", suite->name, test_loop_name);
  return _cmocka_run_group_tests (name, suite->tests, suite->n, NULL, NULL);
}

/* The default disposition of SIGPIPE stays: a signal from the library would end the program.  */
int
main (int argc, char **argv) {
  int n_failed = 0;
  bool found = false;

  signal (SIGPIPE, SIG_DFL);
  assuan_set_gpg_err_source (KIT_SOURCE);
  if (argc > 2) cmocka_set_test_filter (argv[2]);
  for (size_t i = 0; i < N_ELEMENTS (suites); i++)
    if (argc < 2 || !strcmp (argv[1], suites[i]->name)) {
      found = true;
      n_failed += run (suites[i]);
    }
  return found ? n_failed : 2;
}
