/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-hand.c - contexts driven by hand: eva_set_nonblocking, eva_get_fd, eva_get_events,
   eva_get_deadline, eva_process.  */

#include "kit.h"

extern const struct suite hand_server_suite, hand_client_suite, hand_limits_suite, hand_cork_suite;

static const struct suite *const suites[] = { &hand_server_suite, &hand_client_suite,
                                              &hand_limits_suite, &hand_cork_suite };

int
main (int argc, char **argv) {
  (void) argc;
  return kit_run ("hand", suites, N_ELEMENTS (suites), argv);
}
