/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-client.c - clients, on the kind of loop that this is linked with.  */

#include "kit.h"

extern const struct suite connect_suite, call_suite, chunks_suite, inquire_suite, much_suite,
    cancel_suite, timeout_suite, descriptor_suite, close_suite, program_suite, hostile_suite,
    model_suite, attach_suite, log_suite, shown_suite, fork_suite, reply_suite, late_suite,
    start_suite, launch_suite, ssh_suite, failure_suite, dialog_suite;

static const struct suite *const suites[] = {
  &connect_suite, &call_suite,       &chunks_suite, &inquire_suite, &much_suite,    &cancel_suite,
  &timeout_suite, &descriptor_suite, &close_suite,  &program_suite, &hostile_suite, &model_suite,
  &attach_suite,  &log_suite,        &shown_suite,  &fork_suite,    &reply_suite,   &late_suite,
  &start_suite,   &launch_suite,     &ssh_suite,    &failure_suite, &dialog_suite,
};

/* The last suite is for loops that callbacks may run.  */
int
main (int argc, char **argv) {
  size_t n = N_ELEMENTS (suites) - !test_loop_recurses ();

  (void) argc;
  return kit_run (test_loop_name, suites, n, argv);
}
