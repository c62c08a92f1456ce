/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-pump.c - what eva.h promises of eva_pump, on the kind of loop that this is linked with.

   usage: test-pump-LOOP [SUITE [TEST]]     patterns of those that are wanted  */

#include "pump.h"

#include <signal.h>

extern const struct suite suite_out, suite_in, suite_through, suite_progress, suite_begin,
    suite_ends, suite_log;

static const struct suite *const suites[] = { &suite_out,      &suite_in,    &suite_through,
                                              &suite_progress, &suite_begin, &suite_ends,
                                              &suite_log };

/* The default disposition of SIGPIPE stays: a signal from the library would end the program.  */
int
main (int argc, char **argv) {
  (void) argc;
  signal (SIGPIPE, SIG_DFL);
  assuan_set_gpg_err_source (KIT_SOURCE);
  return suites_run (test_loop_name, suites, N_ELEMENTS (suites), argv);
}
