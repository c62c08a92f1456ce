/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-log.c - pumps that were begun while their connection was confidential: nothing of theirs is
   logged, though the program has said long ago that the rest may be.  */

#include "capture.h"
#include "pump.h"

#define HIDDEN "[[Confidential data not shown]]"

static FILE *stream;

static int
setup (void **state) {
  int rc = pump_setup (state);

  stream = capture_open ();
  return rc;
}

static int
teardown (void **state) {
  int rc = pump_teardown (state);

  assuan_set_assuan_log_stream (NULL);
  capture_close ();
  return rc;
}

#define log_test(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

static void
begin_secretly (assuan_context_t ctx) {
  assuan_set_log_stream (ctx, stream);
  assuan_begin_confidential (ctx);
}

static gpg_error_t
end_secretly (struct pump *pump) {
  assuan_end_confidential (pump->ctx);
  return pump->begun;
}

static struct peer *
run_secretly (int from_fd, int to_fd) {
  pumping.before = begin_secretly;
  pumping.after = end_secretly;
  return pump_run (from_fd, to_fd);
}

/* What comes behind the pump is logged as ever.  */
static void
check_log (struct peer *p, unsigned int n_hidden) {
  peer_ask (p, "NOP\n", "OK\n");
  assert_int_equal (capture_count ("secret"), 0);
  assert_int_equal (capture_count (HIDDEN), n_hidden);
  assert_int_equal (capture_count ("<- NOP\n"), 1);
  assert_int_equal (capture_count ("-> OK\n"), 2);
}

static void
test_out (void **state) {
  struct peer *p;
  int fds[2];

  (void) state;
  pump_pipe (fds);
  p = run_secretly (fds[0], EVA_PUMP_CONNECTION);
  assert_int_equal (write (fds[1], "a secret", 8), 8);
  peer_expect (p, "D a secret\n");
  assert_int_equal (write (fds[1], "secret", 6), 6);
  peer_expect (p, "D secret\n");
  pump_close (fds[1]);
  peer_expect (p, "OK\n");
  check_log (p, 2);
}

static void
test_in (void **state) {
  struct peer *p;
  char buf[20];
  int fds[2];

  (void) state;
  pump_pipe (fds);
  p = run_secretly (EVA_PUMP_CONNECTION, fds[1]);
  peer_expect (p, "INQUIRE BULK\n");
  peer_say (p, "D secret\n");
  kit_settle ();
  peer_say (p, "END\n");
  peer_expect (p, "OK\n");
  assert_int_equal (read (fds[0], buf, sizeof buf), 6);
  check_log (p, 3);
}

static void
test_progress (void **state) {
  struct peer *p;
  int fds[2];

  (void) state;
  pump_pipe (fds);
  pumping.config.progress_what = "secret";
  p = run_secretly (fds[0], EVA_PUMP_CONNECTION);
  pump_close (fds[1]);
  peer_expect (p, "S PROGRESS secret ? 0 0\nOK\n");
  check_log (p, 1);
}

static const struct CMUnitTest tests[] = {
  log_test (test_out),
  log_test (test_in),
  log_test (test_progress),
};

const struct suite suite_log = { "log", tests, N_ELEMENTS (tests) };
