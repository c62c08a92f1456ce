/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-timeouts.c - what connections may cost in time.  Each limit is short here; what is asserted
   is that it comes, and not before its time.  */

#include "suite.h"

#define SHORT_MS 50

static uint64_t begin_ns;

static struct peer *
make (const struct eva_limits *limits) {
  struct peer *p;

  kit_set_connection_limits (limits);
  begin_ns = eva_now ();
  p = peer_new ();
  return p;
}

/* Asserts that at least N times the short time is over since make, or begin_ns was set: before what
   begins the time.  */
static void
assert_time (unsigned int n) {
  assert_true (eva_now () - begin_ns >= n * SHORT_MS * UINT64_C (1000000));
}

/* A client is told that its time is over, and disconnected.  */
static void
expect_thrown_out (struct peer *p) {
  peer_expect_err (p, GPG_ERR_TIMEOUT, "[closing connection]");
  peer_expect_end (p);
  assert_time (1);
  assert_int_equal (p->guest->reason, GPG_ERR_TIMEOUT);
  assert_int_equal (kit_stats ().n_timed_out, 1);
  assert_int_equal (kit_stats ().n_commands, 0);
}

/* --- Lines ------------------------------------------------------------------------------------ */

static const struct eva_limits line_limit = { .line_timeout_ms = SHORT_MS };

static void
test_half_line (void **state) {
  struct peer *p = make (&line_limit);

  (void) state;
  peer_say (p, "ECHO hal");
  expect_thrown_out (p);
}

/* An octet now and then makes no line.  */
static void
test_dripping (void **state) {
  struct peer *p = make (&line_limit);

  (void) state;
  kit_until ((usleep (2000), peer_push (p, "x", 1), p->guest->n_closed));
  expect_thrown_out (p);
}

/* Nor does an over-long line, which was answered already.  */
static void
test_whole_lines (void **state) {
  struct peer *p = make (&line_limit);

  (void) state;
  while (eva_now () - begin_ns < 3 * SHORT_MS * UINT64_C (1000000)) {
    peer_ask (p, "EC", "");
    kit_turn ();
    peer_ask (p, "HO a\n", "D a\nOK\n");
  }
  kit_idle (2 * SHORT_MS); /* nor is it idle who says nothing */
  peer_ask (p, "NOP\n", "OK\n");
  assert_int_equal (kit_stats ().n_timed_out, 0);
}

/* Half a line after an open command has its time when the command is over.  */
static void
test_half_line_behind_command (void **state) {
  struct peer *p = make (&line_limit);

  (void) state;
  peer_say (p, "WAIT\nECHO hal");
  kit_until (service.jobs);
  kit_idle (2 * SHORT_MS);
  assert_int_equal (p->guest->n_closed, 0);
  begin_ns = eva_now ();
  service_finish (0);
  peer_expect (p, "OK\n");
  peer_expect_err (p, GPG_ERR_TIMEOUT, "[closing connection]");
  peer_expect_end (p);
  assert_time (1);
}

/* --- Idle ones -------------------------------------------------------------------------------- */

static const struct eva_limits idle_limit = { .idle_timeout_ms = SHORT_MS };

static void
test_idle (void **state) {
  struct peer *p = make (&idle_limit);

  (void) state;
  expect_thrown_out (p);
}

static void
test_not_idle (void **state) {
  struct peer *p = make (&idle_limit);
  uint64_t last_ns = begin_ns;

  (void) state;
  while (eva_now () - begin_ns < 3 * SHORT_MS * UINT64_C (1000000)) {
    last_ns = eva_now ();
    peer_say (p, "# here I am\n");
    usleep (2000);
    kit_turn ();
  }
  assert_int_equal (p->guest->n_closed, 0);
  begin_ns = last_ns;
  expect_thrown_out (p);
}

/* What came in time counts, also if the loop is late.  */
static void
test_late_loop (void **state) {
  struct peer *p = make (&idle_limit);

  (void) state;
  for (int i = 0; i < 3; i++) {
    peer_say (p, "ECHO a\n");
    usleep (2 * SHORT_MS * 1000);
    peer_expect (p, "D a\nOK\n");
  }
}

static void
test_idle_in_command (void **state) {
  struct peer *p = make (&idle_limit);

  (void) state;
  peer_say (p, "WAIT\n");
  kit_until (service.jobs);
  kit_idle (3 * SHORT_MS);
  service_finish (0);
  peer_expect (p, "OK\n");
  peer_ask (p, "ASK\n", "INQUIRE ASKED\n");
  kit_idle (3 * SHORT_MS);
  begin_ns = eva_now ();
  peer_ask (p, "END\n", "OK\n");
  peer_expect_err (p, GPG_ERR_TIMEOUT, "[closing connection]");
  assert_time (1);
}

/* A client that does not take its answers.  */
static void
test_stuck (void **state) {
  struct peer *p = make (&idle_limit);

  (void) state;
  peer_say (p, "DATA 1000000\n");
  kit_until (p->guest->n_closed);
  assert_int_equal (p->guest->reason, GPG_ERR_TIMEOUT);
  assert_time (1);
}

/* One that takes them slowly.  The kernel tells of room when most of its buffer is free again.  */
static void
test_slow (void **state) {
  const struct eva_limits limits = { .idle_timeout_ms = 1000 };
  struct peer *p = make (&limits);

  (void) state;
  peer_say (p, "DATA 3000000\n");
  while (eva_now () - begin_ns < UINT64_C (1500000000)) {
    peer_take (p, 20000);
    kit_idle (20);
  }
  assert_true (eva_get_queued_len (p->guest->ctx) > 0);
  assert_int_equal (p->guest->n_closed, 0);
  peer_expect_data (p, 3000000);
}

/* --- Commands --------------------------------------------------------------------------------- */

/* What stands after a command is served at once, not when it is found to be late, too.  */
static const struct eva_limits command_limit = { .line_timeout_ms = EVA_NO_LIMIT,
                                                 .command_timeout_ms = SHORT_MS };

static void
test_command (void **state) {
  struct peer *p = make (&command_limit);

  (void) state;
  peer_say (p, "WAIT\nECHO a\n");
  peer_expect_err (p, GPG_ERR_TIMEOUT, NULL);
  assert_time (1);
  assert_int_equal (service.jobs->n_cancelled, 1);
  assert_int_equal (service.jobs->reason, GPG_ERR_TIMEOUT);
  peer_expect (p, "D a\nOK\n");
  assert_int_equal (kit_stats ().n_timed_out, 1);
  assert_int_equal (kit_stats ().n_cancelled, 1);
  assert_int_equal (kit_stats ().n_commands, 1);
}

static void
finish_in_vain (assuan_context_t ctx, gpg_error_t reason) {
  assert_code (reason, GPG_ERR_TIMEOUT);
  assert_int_equal (assuan_process_done (ctx, ERR (GPG_ERR_NO_DATA)), 0);
}

static void
test_command_that_finishes (void **state) {
  struct peer *p = make (&command_limit);

  (void) state;
  service.cancel = finish_in_vain;
  peer_say (p, "WAIT\nECHO a\n");
  peer_expect_err (p, GPG_ERR_NO_DATA, NULL);
  peer_expect (p, "D a\nOK\n");
  assert_int_equal (kit_stats ().n_cancelled, 1);
}

static gpg_error_t
defer_answer (struct inquiry *i) {
  return service_defer (i->ctx);
}

/* The time of an inquiry does not count.  */
static void
test_inquiry_in_command (void **state) {
  struct peer *p = make (&command_limit);

  (void) state;
  service.answered = defer_answer;
  peer_ask (p, "ASK\n", "INQUIRE ASKED\n");
  kit_idle (3 * SHORT_MS);
  begin_ns = eva_now ();
  peer_say (p, "END\n");
  peer_expect_err (p, GPG_ERR_TIMEOUT, NULL);
  assert_time (1);
  peer_ask (p, "NOP\n", "OK\n");
}

/* What the client sends ahead meanwhile gives the command no more time.  */
static void
test_lines_ahead (void **state) {
  struct peer *p = make (&command_limit);

  (void) state;
  peer_say (p, "WAIT\n");
  kit_until ((usleep (2000), peer_push (p, "# and\n", 6), peer_has_line (p)));
  peer_expect_err (p, GPG_ERR_TIMEOUT, NULL);
}

/* --- Inquiries -------------------------------------------------------------------------------- */

static const struct eva_limits inquiry_limit = { .inquiry_timeout_ms = SHORT_MS };

static void
test_inquiry (void **state) {
  struct peer *p = make (&inquiry_limit);

  (void) state;
  peer_ask (p, "ASK\n", "INQUIRE ASKED\n");
  peer_say (p, "D some\n");
  peer_expect_err (p, GPG_ERR_TIMEOUT, NULL);
  assert_time (1);
  assert_code (service.inquiries->err, GPG_ERR_TIMEOUT);
  assert_int_equal (kit_stats ().n_timed_out, 1);
  peer_ask (p, "D late\nEND\nECHO a\n", "D a\nOK\n");
}

static void
test_dripping_inquiry (void **state) {
  struct peer *p = make (&inquiry_limit);

  (void) state;
  peer_ask (p, "ASK\n", "INQUIRE ASKED\n");
  kit_until ((usleep (2000), peer_push (p, "D x\n", 4), peer_has_line (p)));
  peer_expect_err (p, GPG_ERR_TIMEOUT, NULL);
  peer_ask (p, "END\nECHO a\n", "D a\nOK\n");
}

/* The continuation takes its time: that is no inquiry any more.  */
static void
test_inquiry_deferred (void **state) {
  struct peer *p = make (&inquiry_limit);

  (void) state;
  service.answered = defer_answer;
  peer_ask (p, "ASK\n", "INQUIRE ASKED\n");
  kit_until (service.jobs);
  assert_in_range (kit_idle (3 * SHORT_MS), 0, 50);
  assert_int_equal (kit_stats ().n_timed_out, 1);
  service_finish (0);
  peer_expect (p, "OK\n");
  peer_ask (p, "END\nECHO a\n", "D a\nOK\n");
}

static gpg_error_t
ask_again (struct inquiry *i) {
  return i->next || i->err ? i->err : service_ask (i->ctx, 0);
}

/* Each inquiry has its own time.  */
static void
test_second_inquiry (void **state) {
  struct peer *p = make (&inquiry_limit);

  (void) state;
  service.answered = ask_again;
  peer_ask (p, "ASK\n", "INQUIRE ASKED\n");
  usleep (SHORT_MS * 500);
  begin_ns = eva_now ();
  peer_ask (p, "END\n", "INQUIRE ASKED\n");
  peer_expect_err (p, GPG_ERR_TIMEOUT, NULL);
  assert_time (1);
}

/* A client that leaves without the end of an answer does not leave in order, although the server
   has given the answer up.  */
static void
test_answer_owed (void **state) {
  for (int owes = 0; owes < 2; owes++) {
    struct peer *p = make (&inquiry_limit);
    (void) state;
    peer_ask (p, "ASK\n", "INQUIRE ASKED\n");
    peer_expect_err (p, GPG_ERR_TIMEOUT, NULL);
    if (!owes) peer_say (p, "END\n");
    peer_shut (p);
    peer_expect_end (p);
    assert_int_equal (p->guest->reason, owes ? GPG_ERR_EPIPE : GPG_ERR_EOF);
    assert_int_equal (eva_is_orderly (p->guest->reason), !owes);
  }
}

/* --- The last words --------------------------------------------------------------------------- */

static const struct eva_limits close_limit = { .close_timeout_ms = SHORT_MS };

static void
test_close (void **state) {
  struct peer *p = make (&close_limit);

  (void) state;
  peer_say (p, "DATA 1000000\n");
  kit_settle ();
  begin_ns = eva_now ();
  eva_close (p->guest->ctx);
  kit_until (p->guest->n_closed);
  assert_time (1);
  assert_int_equal (p->guest->reason, GPG_ERR_TIMEOUT);
  assert_int_equal (kit_stats ().n_timed_out, 1);
}

static void
test_bye_not_taken (void **state) {
  struct peer *p = make (&close_limit);

  (void) state;
  peer_say (p, "DATA 250000\nBYE\n");
  kit_until (p->guest->n_closed);
  assert_int_equal (p->guest->reason, GPG_ERR_TIMEOUT);
}

/* --- Many ------------------------------------------------------------------------------------- */

#define N_MANY 300

static void
test_many_idle (void **state) {
  struct peer *peers[N_MANY];

  (void) state;
  kit_set_connection_limits (&idle_limit);
  for (size_t i = 0; i < N_MANY; i++) {
    gpg_error_t err;
    peers[i] = peer_adopt (0, &err);
    assert_int_equal (err, 0);
  }
  for (size_t i = 0; i < N_MANY; i++) {
    peer_expect_greeting (peers[i]);
    peer_expect_err (peers[i], GPG_ERR_TIMEOUT, "[closing connection]");
    peer_expect_end (peers[i]);
  }
  assert_int_equal (kit_stats ().n_timed_out, N_MANY);
  assert_int_equal (kit_stats ().n_connections, 0);
}

static void
finish_job (void *arg) {
  struct job *job = arg;

  if (!job->n_cancelled) service_finish_job (job, 0);
}

static gpg_error_t
finish_some_time (assuan_context_t ctx, char *line) {
  gpg_error_t err = service_defer (ctx);

  kit_after ((unsigned int) strtoul (line, NULL, 10), finish_job, service.jobs);
  return err;
}

/* Timers of the program among those of the server; half of the commands are too late.  */
static void
test_many_commands (void **state) {
  struct peer *peers[N_MANY];
  unsigned int n_cancelled = 0;

  (void) state;
  kit_set_connection_limits (&command_limit);
  service.run = finish_some_time;
  for (size_t i = 0; i < N_MANY; i++)
    peers[i] = peer_new ();
  for (size_t i = 0; i < N_MANY; i++)
    peer_say (peers[i], i % 2 ? "RUN 2\n" : "RUN 3000\n");
  for (size_t i = 0; i < N_MANY; i++) {
    kit_until (peer_has_line (peers[i]));
    if (!strcmp (peer_line (peers[i]), "OK")) continue;
    n_cancelled++;
  }
  assert_true (n_cancelled >= N_MANY / 2);
  assert_int_equal (kit_stats ().n_cancelled, n_cancelled);
  assert_int_equal (kit_stats ().n_commands, N_MANY - n_cancelled);
  assert_int_equal (kit_stats ().n_timed_out, n_cancelled);
  kit_free_server ();
  kit_idle (3100);
}

static const struct CMUnitTest tests[] = {
  kit_test (test_half_line),
  kit_test (test_dripping),
  kit_test (test_whole_lines),
  kit_test (test_half_line_behind_command),
  kit_test (test_idle),
  kit_test (test_not_idle),
  kit_test (test_late_loop),
  kit_test (test_idle_in_command),
  kit_test (test_stuck),
  kit_test (test_slow),
  kit_test (test_command),
  kit_test (test_command_that_finishes),
  kit_test (test_inquiry_in_command),
  kit_test (test_lines_ahead),
  kit_test (test_inquiry),
  kit_test (test_dripping_inquiry),
  kit_test (test_inquiry_deferred),
  kit_test (test_second_inquiry),
  kit_test (test_answer_owed),
  kit_test (test_close),
  kit_test (test_bye_not_taken),
  kit_test (test_many_idle),
  kit_test (test_many_commands),
};

SUITE (timeouts);
