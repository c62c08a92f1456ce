/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Releasing a context from within its own callbacks, and releasing it after the program closed the
 * descriptor behind its back.  The replies that were given before still reach the client.  */

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "loop.h"

/* What a callback does before it returns.  */
enum last_words { SAY_NOTHING, SAY_STATUS, SAY_DATA, FINISH, N_LAST_WORDS };
static enum last_words last_words;
static gpg_error_t last_rc;

/* Say the last words and release; the context is gone then, the connection's bookkeeping is
 * not.  */
static gpg_error_t
leave (assuan_context_t ctx) {
  struct conn *c = assuan_get_pointer (ctx);

  if (last_words == SAY_STATUS) assuan_write_status (ctx, "LAST", "words");
  if (last_words == SAY_DATA) assuan_send_data (ctx, "bye", 3);
  if (last_words == FINISH) assuan_process_done (ctx, 0);
  conn_release (c);
  return last_rc;
}

static gpg_error_t
cmd_leave (assuan_context_t ctx, char *line) {
  (void) line;
  return leave (ctx);
}

/* One call of process_next that releases; what came before it was answered.  */
static void
check_left (struct conn *c, const char *answer) {
  conn_next (c);
  assert_null (c->ctx);
  peer_expect (c->in, answer);
  peer_expect_eof (c->in);
  /* The number is free again.  */
  assert_int_equal (fcntl (c->fd, F_GETFD), -1);
  conn_free (c);
}

static void
test_in_handler (void **state) {
  static const char *const answers[N_LAST_WORDS] = { "OK\n", "OK\nS LAST words\n", "OK\n",
                                                     "OK\nOK\n" };

  (void) state;
  /* The reference library uses the context after that.  */
  if (on_oracle ()) skip ();
  for (int i = 0; i < N_LAST_WORDS * N_CONN_KINDS * 2; i++) {
    struct conn c;

    last_words = (enum last_words) (i % N_LAST_WORDS);
    last_rc = i & 4 ? ERR (GPG_ERR_UNFINISHED) : 0;
    conn_open (&c, (enum conn_kind) (i / N_LAST_WORDS % N_CONN_KINDS));
    assert_err (assuan_register_command (c.ctx, "LEAVE", cmd_leave, NULL), 0);
    peer_say (c.out, "DONE a\nLEAVE\nDONE b\nDONE c\n");
    if (last_words == SAY_DATA) {
      /* Whether data of a command that never ended arrive is of no interest.  */
      conn_next (&c);
      assert_null (c.ctx);
      peer_expect (c.in, "OK\n");
      conn_free (&c);
      continue;
    }
    check_left (&c, answers[last_words]);
    last_rc = 0;
  }
}

static gpg_error_t
leave_answered (void *arg, gpg_error_t rc, unsigned char *buf, size_t len) {
  struct conn *c = arg;

  (void) len;
  free (buf);
  c->inquiry.n_calls++;
  c->inquiry.rc = rc;
  return leave (c->ctx);
}

static gpg_error_t
cmd_ask_and_leave (assuan_context_t ctx, char *line) {
  (void) line;
  return assuan_inquire_ext (ctx, "WELL", 5, leave_answered, assuan_get_pointer (ctx));
}

static void
check_leaving_inquiry (const char *answer, bool half_close) {
  for (int i = 0; i < 2; i++) {
    struct conn c;

    last_words = i ? FINISH : SAY_NOTHING;
    conn_open (&c, CONN_SOCKET);
    assert_err (assuan_register_command (c.ctx, "ASK", cmd_ask_and_leave, NULL), 0);
    conn_ask (&c, "ASK\n", "INQUIRE WELL\n");
    if (*answer) peer_say (c.out, answer);
    if (half_close) conn_half_close (&c);
    while (c.ctx && conn_readable (&c))
      conn_next (&c);
    assert_null (c.ctx);
    assert_int_equal (c.inquiry.n_calls, 1);
    if (i) peer_expect (c.in, "OK");
    conn_free (&c);
  }
}

static void
test_in_inquiry (void **state) {
  (void) state;
  if (on_oracle ()) skip ();
  last_rc = 0;
  check_leaving_inquiry ("D abc\nEND\n", false);
  check_leaving_inquiry ("D abc\nEND\nDONE a\nDONE b\n", false);
  check_leaving_inquiry ("CAN\nDONE a\n", false);
  check_leaving_inquiry ("NOP\nDONE a\n", false);
  check_leaving_inquiry ("D 1234567890\nD abc\nEND\nDONE a\n", false);
  check_leaving_inquiry ("", true);
  check_leaving_inquiry ("D ab", true);
  last_rc = ERR (GPG_ERR_UNFINISHED);
  check_leaving_inquiry ("D abc\nEND\nDONE a\n", false);
  last_rc = 0;
}

/* The program cancels the command, and the cancelled inquiry's callback cleans up.  */
static void
test_in_cancelled_inquiry (void **state) {
  (void) state;
  if (on_oracle ()) skip ();
  for (int i = 0; i < 2; i++) {
    struct conn c;

    last_words = i ? FINISH : SAY_NOTHING;
    conn_open (&c, CONN_SOCKET);
    assert_err (assuan_register_command (c.ctx, "ASK", cmd_ask_and_leave, NULL), 0);
    conn_ask (&c, "ASK\n", "INQUIRE WELL\n");
    assuan_process_done (c.ctx, ERR (GPG_ERR_CANCELED));
    assert_null (c.ctx);
    assert_int_equal (c.inquiry.n_calls, 1);
    assert_int_not_equal (c.inquiry.rc, 0);
    conn_free (&c);
  }
}

/* assuan_release runs the callback, which finishes the command, or releases in its turn.  */
static gpg_error_t
release_answered (void *arg, gpg_error_t rc, unsigned char *buf, size_t len) {
  struct conn *c = arg;

  (void) len;
  free (buf);
  c->inquiry.n_calls++;
  c->inquiry.rc = rc;
  assuan_write_status (c->ctx, "TOO", "late");
  assuan_process_done (c->ctx, rc);
  if (last_words == FINISH) assuan_release (c->ctx);
  return 0;
}

static gpg_error_t
cmd_ask_and_release (assuan_context_t ctx, char *line) {
  (void) line;
  return assuan_inquire_ext (ctx, "WELL", 5, release_answered, assuan_get_pointer (ctx));
}

static void
test_in_release (void **state) {
  (void) state;
  if (on_oracle ()) skip ();
  for (int i = 0; i < 2; i++) {
    struct conn c;

    last_words = i ? FINISH : SAY_NOTHING;
    conn_open (&c, CONN_SOCKET);
    assert_err (assuan_register_command (c.ctx, "ASK", cmd_ask_and_release, NULL), 0);
    conn_ask (&c, "ASK\n", "INQUIRE WELL\n");
    conn_release (&c);
    assert_int_equal (c.inquiry.n_calls, 1);
    assert_code (c.inquiry.rc, GPG_ERR_CANCELED);
    conn_free (&c);
  }
}

/* Notifiers.  */

static void
leave_after (assuan_context_t ctx, gpg_error_t rc) {
  (void) rc;
  leave (ctx);
}

static gpg_error_t
leave_before (assuan_context_t ctx, const char *cmd) {
  (void) cmd;
  return leave (ctx);
}

static gpg_error_t
leave_with_option (assuan_context_t ctx, const char *key, const char *value) {
  (void) key;
  (void) value;
  return leave (ctx);
}

static void
test_in_post_cmd_notify (void **state) {
  (void) state;
  if (on_oracle ()) skip ();
  last_words = SAY_NOTHING;
  for (int kind = 0; kind < N_CONN_KINDS; kind++) {
    struct conn c;

    conn_open (&c, (enum conn_kind) kind);
    assert_err (assuan_register_post_cmd_notify (c.ctx, leave_after), 0);
    peer_say (c.out, "DONE a\nDONE b\n");
    check_left (&c, "OK\n");
    conn_open (&c, (enum conn_kind) kind);
    assert_err (assuan_register_post_cmd_notify (c.ctx, leave_after), 0);
    peer_say (c.out, "BOGUS\nDONE b\n");
    conn_next (&c);
    assert_null (c.ctx);
    peer_expect_err (c.in, ERR (GPG_ERR_ASS_UNKNOWN_CMD), NULL);
    conn_free (&c);
    conn_open (&c, (enum conn_kind) kind);
    assert_err (assuan_register_post_cmd_notify (c.ctx, leave_after), 0);
    peer_say (c.out, "BYE\n");
    check_left (&c, "OK closing connection\n");
  }
}

/* The end of a command outside of process_next is another place.  */
static void
test_in_post_cmd_notify_later (void **state) {
  struct conn c;

  (void) state;
  if (on_oracle ()) skip ();
  last_words = SAY_NOTHING;
  conn_open (&c, CONN_SOCKET);
  assert_err (assuan_register_post_cmd_notify (c.ctx, leave_after), 0);
  conn_say (&c, "ASYNC\nDONE\n");
  assuan_process_done (c.ctx, 0);
  assert_null (c.ctx);
  peer_expect (c.in, "OK\n");
  peer_expect_eof (c.in);
  conn_free (&c);
}

static void
test_in_other_notifiers (void **state) {
  static const char *const lines[] = { "NOP\n", "OPTION a=b\n", "RESET\n", "BYE\n", "CANCEL\n" };

  (void) state;
  if (on_oracle ()) skip ();
  last_words = SAY_NOTHING;
  for (size_t i = 0; i < 5; i++) {
    struct conn c;

    conn_open (&c, CONN_SOCKET);
    if (i == 0) assuan_register_pre_cmd_notify (c.ctx, leave_before);
    assuan_register_option_handler (c.ctx, leave_with_option);
    assuan_register_reset_notify (c.ctx, cmd_leave);
    assuan_register_bye_notify (c.ctx, cmd_leave);
    if (i == 4) assuan_register_command (c.ctx, "CANCEL", cmd_leave, NULL);
    peer_say (c.out, lines[i]);
    peer_say (c.out, "DONE\nDONE\n");
    conn_next (&c);
    /* Some libraries tell the end of the session to one of them again; once is enough.  */
    assert_null (c.ctx);
    conn_free (&c);
  }
}

/* Nothing special: in the middle of everything.  */
static void
test_while_pending (void **state) {
  static const char *const lines[] = { "ASYNC\n",      "LATER\nDONE\nDONE\n", "ASYNC\nDON",
                                       "INQ\nD abc\n", "INQ\nD abc\nD de",    "DON" };

  (void) state;
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
    struct conn c;

    conn_open (&c, CONN_SOCKET);
    conn_say (&c, lines[i]);
    if (c.pending && i < 3) assuan_send_data (c.ctx, "never ended", 11);
    if (c.pending && i == 0) assert_non_null (assuan_get_data_fp (c.ctx));
    conn_free (&c);
  }
}

/* The program closed the descriptor itself: the context closes it once more at most, and only
 * if it has not heard that the connection is over.  */
static void
test_closed_before (void **state) {
  struct conn c;

  (void) state;
  conn_open (&c, CONN_SOCKET);
  conn_ask (&c, "DONE\n", "OK\n");
  close (c.fd);
  c.n_closes = 0;
  conn_release (&c);
  assert_true (c.n_closes <= 1);
  peer_expect_eof (c.in);
  conn_free (&c);
}

/* After BYE the context has closed; the number may mean another file when it is released.  */
static void
test_number_taken_over (void **state) {
  (void) state;
  for (int kind = 0; kind < N_CONN_KINDS; kind++) {
    struct conn c;
    int strangers[2];

    conn_open (&c, (enum conn_kind) kind);
    conn_ask (&c, "BYE\n", "OK closing connection\n");
    assert_true (c.done);
    fds_pipe (strangers, 0);
    conn_release (&c);
    assert_int_not_equal (fcntl (strangers[0], F_GETFD), -1);
    assert_int_not_equal (fcntl (strangers[1], F_GETFD), -1);
    fds_close_pair (strangers);
    conn_free (&c);
  }
}

/* The same where the program closed the descriptor itself: what has its number now, here another
 * connection, is neither closed nor told anything.  */
static void
test_closed_and_taken_over (void **state) {
  int strangers[2];
  struct conn c;

  (void) state;
  if (on_oracle ()) skip ();
  conn_open (&c, CONN_SOCKET);
  conn_ask (&c, "DONE\n", "OK\n");
  fds_socketpair (strangers, 0);
  assert_int_equal (dup2 (strangers[0], c.fd), c.fd);
  conn_release (&c);
  assert_int_not_equal (fcntl (c.fd, F_GETFD), -1);
  close (c.fd);
  close (strangers[0]);
  peer_expect_eof (strangers[1]);
  close (strangers[1]);
  conn_free (&c);
}

/* The descriptor belongs to the context and stays open until it is released, also after the
 * end of file.  */
static void
test_owner (void **state) {
  struct conn c;

  (void) state;
  conn_open (&c, CONN_SOCKET);
  conn_half_close (&c);
  conn_turns (&c);
  assert_true (c.done);
  assert_int_not_equal (fcntl (c.fd, F_GETFD), -1);
  conn_release (&c);
  assert_int_equal (fcntl (c.fd, F_GETFD), -1);
  conn_free (&c);
  assuan_release (NULL);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    loop_test (test_in_handler),
    loop_test (test_in_inquiry),
    loop_test (test_in_cancelled_inquiry),
    loop_test (test_in_release),
    loop_test (test_in_post_cmd_notify),
    loop_test (test_in_post_cmd_notify_later),
    loop_test (test_in_other_notifiers),
    loop_test (test_while_pending),
    loop_test (test_closed_before),
    loop_test (test_number_taken_over),
    loop_test (test_closed_and_taken_over),
    loop_test (test_owner),
  };

  return suite_run (tests);
}
