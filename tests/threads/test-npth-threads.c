/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-npth-threads.c - the same with nPth, as GnuPG's daemons do it: its hooks for the whole
   process, and of its threads only one runs at a time, so that each wait which does not go through
   the hooks shows as a hang.  */

#include "pair.h"

#include <npth.h>

ASSUAN_SYSTEM_NPTH_IMPL;

struct npth_job {
  npth_t thread;
  gpg_error_t (*run) (int fd);
  int fd;
  gpg_error_t err;
};

static void *
run_npth_job (void *arg) {
  struct npth_job *job = arg;

  job->err = job->run (job->fd);
  return NULL;
}

static void
start (struct npth_job *job, gpg_error_t (*run) (int), int fd) {
  npth_attr_t attr;

  job->run = run;
  job->fd = fd;
  npth_attr_init (&attr);
  assert_int_equal (npth_create (&job->thread, &attr, run_npth_job, job), 0);
  npth_attr_destroy (&attr);
}

static void
pairs_of_npth_threads (void **state) {
  struct npth_job jobs[2 * N_PAIRS];

  (void) state;
  for (size_t i = 0; i < N_PAIRS; i++) {
    int fds[2];
    pair_sockets (fds);
    start (&jobs[2 * i], pair_serve, fds[0]);
    start (&jobs[2 * i + 1], pair_talk, fds[1]);
  }
  for (size_t i = 0; i < 2 * N_PAIRS; i++)
    assert_int_equal (npth_join (jobs[i].thread, NULL), 0);
  for (size_t i = 0; i < 2 * N_PAIRS; i++)
    assert_int_equal (jobs[i].err, 0);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (pairs_of_npth_threads),
  };

  npth_init ();
  assuan_set_system_hooks (ASSUAN_SYSTEM_NPTH);
  return cmocka_run_group_tests_name ("npth-threads", tests, NULL, NULL);
}
