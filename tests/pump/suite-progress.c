/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-progress.c - what clients of pumps are told of their progress.  */

#include "pump.h"

#define KIB ((size_t) 1024)

/* While nothing happens, too, so that a client knows that the server is there; and at the end.  */
static void
test_intervals (void **state) {
  struct haul haul = { 0 };
  struct peer *p;
  int fds[2];

  (void) state;
  pumping.config.progress_what = "file";
  pumping.config.progress_total = 100;
  pumping.config.progress_interval_ms = 1;
  pump_pipe (fds);
  p = pump_run (fds[0], EVA_PUMP_CONNECTION);
  kit_until ((haul_take (&haul, p, 1000), haul.n_progress >= 3));
  assert_string_equal (haul.progress, "PROGRESS file ? 0 100");
  assert_int_equal (write (fds[1], pump_octets (7), 7), 7);
  kit_until ((haul_take (&haul, p, 1000), !strcmp (haul.progress, "PROGRESS file ? 7 100")));
  pump_close (fds[1]);
  kit_until (haul_take (&haul, p, 1000));
  assert_string_equal (haul.end, "OK");
  haul_expect (&haul, 7);
  haul_free (&haul);
}

static void
test_last_line (void **state) {
  struct peer *p;
  int fds[2];

  (void) state;
  pumping.config.progress_what = "file";
  pumping.config.progress_interval_ms = 1000000;
  pump_pipe (fds);
  assert_int_equal (write (fds[1], "data", 4), 4);
  pump_close (fds[1]);
  p = pump_run (fds[0], EVA_PUMP_CONNECTION);
  peer_expect (p, "D data\nS PROGRESS file ? 4 0\nOK\n");
  pumping.is_silent = true;
  p = pump_run (fds[0], EVA_PUMP_CONNECTION);
  peer_expect (p, "S PROGRESS file ? 0 0\nOK\n");
}

/* With the number of octets that there were.  */
static void
test_last_line_of_failure (void **state) {
  struct peer *p;
  int fds[2];

  (void) state;
  pumping.config.progress_what = "file";
  pumping.config.progress_total = UINT64_MAX;
  pumping.config.max_len = 3;
  pump_pipe (fds);
  assert_int_equal (write (fds[1], "data", 4), 4);
  p = pump_run (fds[0], EVA_PUMP_CONNECTION);
  peer_expect (p, "D dat\nS PROGRESS file ? 3 18446744073709551615\n");
  peer_expect_err (p, GPG_ERR_TOO_LARGE, NULL);
}

static void
test_inquiry (void **state) {
  struct haul haul = { 0 };
  struct peer *p;
  int fds[2];

  (void) state;
  pumping.config.progress_what = "file";
  pumping.config.progress_interval_ms = 1;
  pump_pipe (fds);
  p = pump_run (EVA_PUMP_CONNECTION, fds[1]);
  peer_expect (p, "INQUIRE BULK\n");
  peer_say (p, "D data\n");
  kit_until ((haul_take (&haul, p, 1000), !strcmp (haul.progress, "PROGRESS file ? 4 0")));
  peer_say (p, "END\n");
  kit_until (haul_take (&haul, p, 1000));
  assert_string_equal (haul.end, "OK");
  haul_free (&haul);
}

static void
test_transfer (void **state) {
  struct haul haul = { 0 };
  int from[2], to[2];
  struct peer *p;

  (void) state;
  pumping.config.progress_what = "file";
  pumping.config.progress_interval_ms = 1;
  pump_pipe (from);
  pump_pipe (to);
  p = pump_run (from[0], to[1]);
  assert_int_equal (write (from[1], "data", 4), 4);
  kit_until ((haul_take (&haul, p, 1000), !strcmp (haul.progress, "PROGRESS file ? 4 0")));
  pump_close (from[1]);
  kit_until (haul_take (&haul, p, 1000));
  assert_string_equal (haul.end, "OK");
  haul_free (&haul);
}

/* A client that does not read is told nothing more: nothing piles up.  */
static void
test_client_that_does_not_read (void **state) {
  struct haul haul = { 0 };
  struct peer *p;
  size_t before;

  (void) state;
  pumping.config.progress_what = "file";
  pumping.config.progress_interval_ms = 1;
  p = pump_run (pump_file (4096 * KIB, O_RDONLY), EVA_PUMP_CONNECTION);
  do {
    before = eva_get_queued_len (p->guest->ctx);
    kit_idle (10);
  } while (eva_get_queued_len (p->guest->ctx) != before || !before);
  kit_idle (50);
  assert_int_equal (eva_get_queued_len (p->guest->ctx), before);
  kit_until (haul_take (&haul, p, 1 << 20));
  assert_string_equal (haul.progress, "PROGRESS file ? 4194304 0");
  haul_expect (&haul, 4096 * KIB);
  haul_free (&haul);
}

static void
test_no_progress (void **state) {
  struct peer *p;
  int fds[2];

  (void) state;
  pumping.config.progress_interval_ms = 1;
  pumping.config.progress_total = 5;
  pump_pipe (fds);
  p = pump_run (fds[0], EVA_PUMP_CONNECTION);
  kit_idle (20);
  peer_expect_nothing (p);
}

/* It is one word.  */
static void
test_words (void **state) {
  static const char *const bad[] = { "", "two words", "line\n", "tab\t", "\x7f" };
  char what[1001] = { 0 };
  struct peer *p;
  int fds[2];

  (void) state;
  pump_pipe (fds);
  for (size_t i = 0; i < N_ELEMENTS (bad); i++) {
    pumping.config.progress_what = bad[i];
    p = pump_run (fds[0], EVA_PUMP_CONNECTION);
    peer_expect_err (p, GPG_ERR_ASS_INV_VALUE, NULL);
  }
  memset (what, 'x', 1000);
  pumping.config.progress_what = what;
  p = pump_run (fds[0], EVA_PUMP_CONNECTION);
  peer_expect_err (p, GPG_ERR_ASS_INV_VALUE, NULL);
  what[900] = 0;
  pump_close (fds[1]);
  p = pump_run (fds[0], EVA_PUMP_CONNECTION);
  peer_expect (p, "S PROGRESS ");
  peer_expect (p, what);
  peer_expect (p, " ? 0 0\nOK\n");
}

/* Releases the context when a line is shown that begins with ARG.  */
static unsigned int
release_at (assuan_context_t ctx, void *arg, int direction, const char *line, size_t len) {
  size_t begin_len = strlen (arg);

  if (direction == ASSUAN_IO_TO_PEER && len >= begin_len && !memcmp (line, arg, begin_len))
    assuan_release (ctx);
  return 0;
}

static void
watch_for_progress (assuan_context_t ctx) {
  assuan_set_io_monitor (ctx, release_at, (void *) (uintptr_t) "S PROGRESS ");
  pump_set_cancel (ctx);
}

static void
watch_for_inquiry (assuan_context_t ctx) {
  assuan_set_io_monitor (ctx, release_at, (void *) (uintptr_t) "INQUIRE ");
}

static void
watch_for_reply (assuan_context_t ctx) {
  assuan_set_io_monitor (ctx, release_at, (void *) (uintptr_t) "OK");
  pump_set_cancel (ctx);
}

/* A line of progress is shown to the program, which may release the context: out of a turn,
   too.  */
static void
test_released_by_monitor (void **state) {
  struct peer *p;
  int fds[2];

  (void) state;
  pumping.config.progress_what = "file";
  pumping.config.progress_interval_ms = 1;
  pumping.before = watch_for_progress;
  pump_pipe (fds);
  p = pump_run (fds[0], EVA_PUMP_CONNECTION);
  pump_await_end (GPG_ERR_CANCELED);
  peer_drop_all (p);
}

/* All octets are through, and it is the last line that is shown: done runs first all the same, and
   as it finishes the command nothing else does.  */
static void
test_released_at_last_line (void **state) {
  struct peer *p;
  int fds[2];

  (void) state;
  pumping.config.progress_what = "file";
  pumping.config.progress_interval_ms = 1000000;
  pumping.before = watch_for_progress;
  pump_pipe (fds);
  pump_close (fds[1]);
  p = pump_run (fds[0], EVA_PUMP_CONNECTION);
  pump_await_end (GPG_ERR_CANCELED);
  assert_int_equal (pumping.n_cancels, 0);
  peer_drop_all (p);
}

/* The reply is shown: by then there is nothing to cancel any more.  */
static void
test_released_at_reply (void **state) {
  struct peer *p;
  int fds[2];

  (void) state;
  pumping.before = watch_for_reply;
  pump_pipe (fds);
  pump_close (fds[1]);
  p = pump_run (fds[0], EVA_PUMP_CONNECTION);
  pump_await_end (GPG_ERR_NO_ERROR);
  kit_settle ();
  assert_int_equal (pumping.n_cancels, 0);
  peer_drop_all (p);
}

/* The inquiry is shown, with which the pump begins: its descriptor is closed, as it was asked
   for.  */
static void
test_released_at_inquiry (void **state) {
  struct peer *p;
  int fds[2];

  (void) state;
  pumping.config.flags = EVA_PUMP_CLOSE_TO;
  pumping.before = watch_for_inquiry;
  pump_pipe (fds);
  p = pump_run (EVA_PUMP_CONNECTION, fds[1]);
  pump_await_end (GPG_ERR_CANCELED);
  assert_false (pump_is_open (fds[1]));
  pump_forget (fds[1]);
  peer_drop_all (p);
}

static const struct CMUnitTest tests[] = {
  pump_test (test_intervals),
  pump_test (test_last_line),
  pump_test (test_last_line_of_failure),
  pump_test (test_inquiry),
  pump_test (test_transfer),
  pump_test (test_client_that_does_not_read),
  pump_test (test_no_progress),
  pump_test (test_words),
  pump_test (test_released_by_monitor),
  pump_test (test_released_at_last_line),
  pump_test (test_released_at_reply),
  pump_test (test_released_at_inquiry),
};

const struct suite suite_progress = { "progress", tests, N_ELEMENTS (tests) };
