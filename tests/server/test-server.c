/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-server.c - what eva.h promises of eva_server, on the kind of loop that this is linked with.

   usage: test-server-LOOP [SUITE [TEST]]     patterns of those that are wanted  */

#include "suite.h"

#include <signal.h>

#define SUITE_ADDRESS(name) &suite_##name,
static const struct suite *const suites[] = { SUITES (SUITE_ADDRESS) };

/* The default disposition of SIGPIPE stays: a signal from the library would end the program.  */
int
main (int argc, char **argv) {
  (void) argc;
  signal (SIGPIPE, SIG_DFL);
  assuan_set_gpg_err_source (KIT_SOURCE);
  return suites_run (test_loop_name, suites, N_ELEMENTS (suites), argv);
}
