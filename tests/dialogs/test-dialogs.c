/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-dialogs.c - a server and its clients in one loop, of which every callback does something at
   random: it runs the loop, where that is allowed, calls, gives up, closes, releases, finishes.
   What has begun ends once, in the order that eva.h promises, and nothing is left behind.

   usage: test-dialogs-LOOP [SEED [N]]     N runs with SEED, SEED + 1, ...  */

#include "party.h"

#include <signal.h>

#define N_RUNS 150

static uint32_t first_seed = 1, n_runs = N_RUNS;

static void
test_random (void **state) {
  (void) state;
  party_run (0); /* whatever is made once is there */
  for (uint32_t seed = first_seed; seed < first_seed + n_runs; seed++)
    party_run (seed);
  print_message ("# %s: %u calls and what they ask for, %u loops in callbacks\n", test_loop_name,
                 party_n_deeds, party_n_dialogs);
}

int
main (int argc, char **argv) {
  const struct CMUnitTest tests[] = { cmocka_unit_test (test_random) };

  signal (SIGPIPE, SIG_DFL);
  if (argc > 1) {
    first_seed = (uint32_t) strtoul (argv[1], NULL, 10);
    n_runs = argc > 2 ? (uint32_t) strtoul (argv[2], NULL, 10) : 1;
  }
  return _cmocka_run_group_tests (test_loop_name, tests, 1, NULL, NULL);
}
