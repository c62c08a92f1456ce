/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-sd-event.c - the priority of an eva_loop among other sources of an sd_event.  */

#include "suite.h"

#include <eva/sd-event.h>
#include <unistd.h>

#define N_TURNS 200

static sd_event *event;
static unsigned int n_other, n_ready, n_rings;

static int
other (sd_event_source *source, int fd, uint32_t revents, void *arg) {
  (void) source;
  (void) fd;
  (void) revents;
  (void) arg;
  n_other++;
  return 0;
}

static void
ready (void *arg, unsigned int revents) {
  (void) arg;
  (void) revents;
  n_ready++;
}

static void
ring (void *arg) {
  eva_source_set_delay (*(eva_source **) arg, 0);
  n_rings++;
}

/* Lets a descriptor and a timer of LOOP that are always ready, and a descriptor of PRIORITY that
   is, too, run for a while.  */
static void
compete (eva_loop *loop, int64_t priority) {
  sd_event_source *source;
  eva_source *timer;
  int fd[2], other_fd[2];

  assert_non_null (loop);
  make_pipe (fd);
  put_octet (fd[1]);
  make_pipe (other_fd);
  put_octet (other_fd[1]);
  assert_non_null (eva_loop_add_fd (loop, fd[0], EVA_READABLE, ready, NULL));
  timer = eva_loop_add_timer (loop, 0, ring, &timer);
  assert_true (sd_event_add_io (event, &source, other_fd[0], EPOLLIN, other, NULL) >= 0);
  assert_true (sd_event_source_set_priority (source, priority) >= 0);
  n_other = n_ready = n_rings = 0;
  for (int i = 0; i < N_TURNS; i++)
    assert_true (sd_event_run (event, 0) >= 0);
  sd_event_source_set_enabled (source, SD_EVENT_OFF);
  sd_event_source_unref (source);
  eva_loop_free (loop);
  close_pair (fd);
  close_pair (other_fd);
}

static void
test_same (void **state) {
  (void) state;
  compete (eva_loop_from_sd_event (event), SD_EVENT_PRIORITY_NORMAL);
  assert_true (n_other >= N_TURNS / 10);
  assert_true (n_ready >= N_TURNS / 10);
  assert_true (n_rings >= N_TURNS / 10);
}

static void
test_lower (void **state) {
  (void) state;
  compete (eva_loop_from_sd_event_with_priority (event, SD_EVENT_PRIORITY_IDLE),
           SD_EVENT_PRIORITY_NORMAL);
  assert_int_equal (n_other, N_TURNS);
  assert_int_equal (n_ready + n_rings, 0);
}

static void
test_higher (void **state) {
  (void) state;
  compete (eva_loop_from_sd_event_with_priority (event, SD_EVENT_PRIORITY_IMPORTANT),
           SD_EVENT_PRIORITY_NORMAL);
  assert_int_equal (n_other, 0);
  assert_true (n_ready > 0 && n_rings > 0);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_same),
    cmocka_unit_test (test_lower),
    cmocka_unit_test (test_higher),
  };
  int rc;

  assert_true (sd_event_new (&event) >= 0);
  rc = cmocka_run_group_tests_name ("sd-event", tests, NULL, NULL);
  sd_event_unref (event);
  return rc;
}
