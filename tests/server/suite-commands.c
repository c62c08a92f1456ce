/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-commands.c - who ends a command, when, and what comes behind it.  */

#include "suite.h"

/* --- Handlers that finish --------------------------------------------------------------------- */

static void
test_result_finishes (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  peer_ask (p, "RUN\n", "OK\n");
  peer_say (p, "FAIL 99\n");
  peer_expect_err (p, 99, NULL);
  assert_int_equal (kit_stats ().n_commands, 2);
}

static gpg_error_t
explain (assuan_context_t ctx, char *line) {
  return assuan_set_error (ctx, ERR (GPG_ERR_NO_DATA), line);
}

static void
test_error_text (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  service.run = explain;
  peer_say (p, "RUN because\n");
  peer_expect_err (p, GPG_ERR_NO_DATA, "because");
  peer_say (p, "FAIL 58\n");
  peer_expect_err (p, GPG_ERR_NO_DATA, NULL);
}

/* assuan_process_done within the handler, whose own result means nothing then.  */
static gpg_error_t
finish_within (assuan_context_t ctx, char *line) {
  assert_int_equal (assuan_process_done (ctx, *line ? ERR (GPG_ERR_NO_DATA) : 0), 0);
  assert_code (assuan_process_done (ctx, 0), GPG_ERR_ASS_GENERAL);
  assert_code (eva_defer (ctx), GPG_ERR_ASS_GENERAL);
  assert_code (eva_set_cancel (ctx, NULL, NULL), GPG_ERR_ASS_GENERAL);
  return ERR (GPG_ERR_UNFINISHED);
}

static void
test_done_within (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  service.run = finish_within;
  peer_ask (p, "RUN\nRUN\nECHO x\n", "OK\nOK\nD x\nOK\n");
  peer_say (p, "RUN x\n");
  peer_expect_err (p, GPG_ERR_NO_DATA, NULL);
  peer_expect_nothing (p);
  assert_int_equal (kit_stats ().n_commands, 4);
}

static void
test_done_while_idle (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  assert_code (assuan_process_done (p->guest->ctx, 0), GPG_ERR_ASS_GENERAL);
  assert_code (eva_defer (p->guest->ctx), GPG_ERR_ASS_GENERAL);
  assert_code (eva_set_cancel (p->guest->ctx, NULL, NULL), GPG_ERR_ASS_GENERAL);
  peer_expect_nothing (p);
  peer_ask (p, "NOP\n", "OK\n");
}

/* --- Commands that take their time ------------------------------------------------------------ */

static void
finish_ok (void *arg) {
  (void) arg;
  service_finish (0);
}

static void
test_deferred (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  peer_say (p, "WAIT\n");
  kit_until (service.jobs);
  peer_expect_nothing (p);
  assert_int_equal (kit_stats ().n_open_commands, 1);
  kit_after (1, finish_ok, NULL);
  peer_expect (p, "OK\n");
  assert_int_equal (kit_stats ().n_open_commands, 0);
  assert_int_equal (kit_stats ().n_commands, 1);
  assert_int_equal (kit_stats ().n_cancelled, 0);
}

/* Finished from outside of the loop: the answer leaves in the next turn, unasked.  */
static void
test_deferred_finished_outside (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  peer_say (p, "WAIT\n");
  kit_until (service.jobs);
  service_finish (ERR (GPG_ERR_NO_DATA));
  peer_expect_err (p, GPG_ERR_NO_DATA, NULL);
}

static gpg_error_t
defer_and_fail (assuan_context_t ctx, char *line) {
  (void) line;
  service_defer (ctx);
  service.jobs->n_finished++; /* the result does it */
  return ERR (GPG_ERR_NO_DATA);
}

static void
test_error_after_defer (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  service.run = defer_and_fail;
  peer_say (p, "RUN\nECHO next\n");
  peer_expect_err (p, GPG_ERR_NO_DATA, NULL);
  peer_expect (p, "D next\nOK\n");
}

static gpg_error_t
defer_and_finish (assuan_context_t ctx, char *line) {
  gpg_error_t err = service_defer (ctx);

  (void) line;
  service_finish (0);
  return err;
}

static void
test_finished_after_defer (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  service.run = defer_and_finish;
  peer_ask (p, "RUN\nECHO next\nRUN\n", "OK\nD next\nOK\nOK\n");
}

/* A command that was deferred does not defer the next.  */
static void
test_deferring_ends (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  peer_say (p, "WAIT\nECHO a\nWAIT\nECHO b\n");
  kit_until (service.jobs);
  service_finish (0);
  peer_expect (p, "OK\nD a\nOK\n");
  peer_expect_nothing (p);
  service_finish (0);
  peer_expect (p, "OK\nD b\nOK\n");
}

/* --- What comes after an open command --------------------------------------------------------- */

static void
test_held_in_order (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  peer_say (p, "ECHO 1\nWAIT\nECHO 2\nRUN\nECHO 3\n");
  peer_expect (p, "D 1\nOK\n");
  peer_expect_nothing (p);
  assert_int_equal (service.n_runs, 0);
  service_finish (0);
  peer_expect (p, "OK\nD 2\nOK\nOK\nD 3\nOK\n");
  assert_int_equal (service.n_runs, 1);
}

/* The next request starts out of the loop, never out of assuan_process_done.  */
static void
test_not_out_of_done (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  peer_say (p, "WAIT\nRUN\n");
  kit_until (service.jobs);
  kit_settle ();
  service_finish (0);
  assert_int_equal (service.n_runs, 0);
  peer_expect (p, "OK\nOK\n");
  assert_int_equal (service.n_runs, 1);
}

static gpg_error_t
note_name (assuan_context_t ctx, char *line) {
  (void) line;
  assert_string_equal (assuan_get_command_name (ctx), "RUN");
  return 0;
}

static void
test_command_name (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  service.run = note_name;
  peer_ask (p, "run\n", "OK\n");
  assert_null (assuan_get_command_name (p->guest->ctx));
}

/* Much more than one read takes waits after an open command: the client is held up, and nothing is
   lost.  */
static void
test_much_held (void **state) {
  struct peer *p = peer_new ();
  static char lines[100000];
  size_t n_lines = sizeof lines / 10, sent = 0;

  (void) state;
  for (size_t i = 0; i < n_lines; i++)
    memcpy (lines + i * 10, "ECHO 1234\n", 10);
  peer_say (p, "WAIT\n");
  for (int i = 0; i < 100; i++) {
    sent += peer_push (p, lines + sent, sizeof lines - sent);
    kit_turn ();
  }
  service_finish (0);
  peer_expect (p, "OK\n");
  peer_send (p, lines + sent, sizeof lines - sent);
  for (size_t i = 0; i < n_lines; i++)
    peer_expect (p, "D 1234\nOK\n");
  peer_expect_nothing (p);
}

/* --- Calls that wait -------------------------------------------------------------------------- */

static gpg_error_t
try_to_wait (assuan_context_t ctx, char *line) {
  unsigned char *buf;
  char *text;
  size_t len;

  (void) line;
  assert_code (assuan_inquire (ctx, "X", &buf, &len, 100), GPG_ERR_NOT_SUPPORTED);
  assert_code (assuan_inquire (ctx, "X", NULL, NULL, 0), GPG_ERR_NOT_SUPPORTED);
  assert_code (assuan_process (ctx), GPG_ERR_NOT_SUPPORTED);
  assert_code (assuan_process_next (ctx, NULL), GPG_ERR_NOT_SUPPORTED);
  return assuan_read_line (ctx, &text, &len);
}

static void
test_waiting_refused (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  service.run = try_to_wait;
  peer_say (p, "RUN\nECHO on\n");
  peer_expect_err (p, GPG_ERR_NOT_SUPPORTED, "this call would wait, which an event loop must not");
  peer_expect (p, "D on\nOK\n");
  peer_expect_nothing (p);
}

/* The connection is the server's: no function of assuan.h gives the context another one.  */
static gpg_error_t
try_another_connection (assuan_context_t ctx, char *line) {
  const char *argv[] = { "true", NULL };
  assuan_fd_t fds[2] = { 0, 1 };

  (void) line;
  assert_code (assuan_init_pipe_server (ctx, fds), GPG_ERR_NOT_SUPPORTED);
  assert_code (assuan_init_socket_server (ctx, 0, 0), GPG_ERR_NOT_SUPPORTED);
  assert_code (assuan_socket_connect (ctx, "/nonexistent", 0, 0), GPG_ERR_NOT_SUPPORTED);
  assert_code (assuan_socket_connect_fd (ctx, 0, 0), GPG_ERR_NOT_SUPPORTED);
  assert_code (assuan_pipe_connect (ctx, "/bin/true", argv, NULL, NULL, NULL, 0),
               GPG_ERR_NOT_SUPPORTED);
  assert_code (assuan_accept (ctx), GPG_ERR_NOT_SUPPORTED);
  return 0;
}

static void
test_another_connection_refused (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  service.run = try_another_connection;
  peer_ask (p, "RUN\nECHO on\n", "OK\nD on\nOK\n");
  peer_expect_nothing (p);
}

/* --- One connection is not the other ---------------------------------------------------------- */

static gpg_error_t
register_own (assuan_context_t ctx, char *line) {
  (void) line;
  return assuan_register_command (ctx, "MINE", explain, NULL);
}

static void
test_own_commands (void **state) {
  struct peer *p = peer_new (), *q = peer_new ();

  (void) state;
  service.run = register_own;
  peer_ask (p, "RUN\n", "OK\n");
  peer_say (p, "MINE x\n");
  peer_expect_err (p, GPG_ERR_NO_DATA, "x");
  peer_say (q, "MINE x\n");
  peer_expect_err (q, GPG_ERR_ASS_UNKNOWN_CMD, NULL);
}

static void
test_others_go_on (void **state) {
  struct peer *p = peer_new (), *q = peer_new ();

  (void) state;
  peer_say (p, "WAIT\n");
  kit_until (service.jobs);
  peer_ask (q, "ECHO a\n", "D a\nOK\n");
  peer_say (q, "WAIT\n");
  kit_until (service.jobs->guest == q->guest);
  service_finish_job (service.jobs->next, 0);
  peer_expect (p, "OK\n");
  peer_expect_nothing (q);
  service_finish (0);
  peer_expect (q, "OK\n");
}

static const struct CMUnitTest tests[] = {
  kit_test (test_result_finishes),
  kit_test (test_error_text),
  kit_test (test_done_within),
  kit_test (test_done_while_idle),
  kit_test (test_deferred),
  kit_test (test_deferred_finished_outside),
  kit_test (test_error_after_defer),
  kit_test (test_finished_after_defer),
  kit_test (test_deferring_ends),
  kit_test (test_held_in_order),
  kit_test (test_not_out_of_done),
  kit_test (test_command_name),
  kit_test (test_much_held),
  kit_test (test_waiting_refused),
  kit_test (test_another_connection_refused),
  kit_test (test_own_commands),
  kit_test (test_others_go_on),
};

SUITE (commands);
