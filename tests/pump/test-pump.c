/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-pump.c - what eva.h promises of eva_pump, on the kind of loop that this is linked with.

   usage: test-pump-LOOP [SUITE]  */

#include "pump.h"

#include <signal.h>

extern const struct suite suite_out, suite_in, suite_through, suite_progress, suite_ends, suite_log;

static const struct suite *const suites[] = { &suite_out,      &suite_in,   &suite_through,
                                              &suite_progress, &suite_ends, &suite_log };

/* The default disposition of SIGPIPE stays: a signal from the library would end the program.  */
int
main (int argc, char **argv) {
  int n_failed = 0;
  char name[100];

  signal (SIGPIPE, SIG_DFL);
  assuan_set_gpg_err_source (KIT_SOURCE);
  for (size_t i = 0; i < N_ELEMENTS (suites); i++) {
    if (argc > 1 && strcmp (argv[1], suites[i]->name) != 0) continue;
    snprintf (name, sizeof name, "%s on %s", suites[i]->name, test_loop_name);
    n_failed += _cmocka_run_group_tests (name, suites[i]->tests, suites[i]->n, NULL, NULL);
  }
  return n_failed;
}
