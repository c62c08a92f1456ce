/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands that outlive their handler: finished by assuan_process_done when the program sees fit,
 * while the client may already have said more.  */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "loop.h"

static void
test_finish_later (void **state) {
  (void) state;
  for (int kind = 0; kind < N_CONN_KINDS; kind++) {
    struct conn c;

    conn_open (&c, (enum conn_kind) kind);
    peer_say (c.out, "ASYNC a\n");
    assert_err (conn_next (&c), 0);
    assert_false (c.done);
    conn_expect_silence (&c);
    conn_finish (&c, 0);
    peer_expect (c.in, "OK\n");
    peer_say (c.out, "ASYNC b\n");
    assert_err (conn_next (&c), 0);
    conn_finish (&c, ERR (GPG_ERR_CANCELED));
    peer_expect_err (c.in, ERR (GPG_ERR_CANCELED), NULL);
    conn_ask (&c, "DONE c\n", "OK\n");
    conn_expect_notes (&c, "ASYNC(a) ASYNC(b) DONE(c)");
    conn_free (&c);
  }
}

/* The error goes to the client with the source that it came with, or without one.  */
static void
test_error_source (void **state) {
  gpg_error_t err = gpg_err_make (GPG_ERR_SOURCE_SCD, GPG_ERR_CARD_REMOVED);
  struct conn c;

  (void) state;
  conn_open (&c, CONN_SOCKET);
  conn_say (&c, "ASYNC\n");
  conn_finish (&c, err);
  peer_expect_err (c.in, err, NULL);
  conn_say (&c, "ASYNC\n");
  conn_finish (&c, gpg_error (GPG_ERR_TIMEOUT));
  peer_expect_err (c.in, gpg_error (GPG_ERR_TIMEOUT), NULL);
  conn_free (&c);
}

/* An asynchronous handler's own error code comes out unchanged and does not finish the command.  */
static void
test_own_error (void **state) {
  struct conn c;

  (void) state;
  conn_open (&c, CONN_SOCKET);
  for (int i = 0; i < 2; i++) {
    peer_say (c.out, "LATER a\n");
    assert_err (conn_next (&c), ERR (GPG_ERR_UNFINISHED));
    assert_false (c.done);
    conn_expect_silence (&c);
    conn_finish (&c, i ? ERR (GPG_ERR_TIMEOUT) : 0);
    if (i)
      peer_expect_err (c.in, ERR (GPG_ERR_TIMEOUT), NULL);
    else
      peer_expect (c.in, "OK\n");
  }
  conn_ask (&c, "DONE b\n", "OK\n");
  conn_free (&c);
}

static gpg_error_t
cmd_finish_and_fail (assuan_context_t ctx, char *line) {
  (void) line;
  assuan_process_done (ctx, 0);
  return gpg_err_make (GPG_ERR_SOURCE_GPGSM, GPG_ERR_BAD_MPI);
}

/* Finished and an error nevertheless: the client sees the former, the loop the latter, and
 * the lines behind it are run.  */
static void
test_finished_with_own_error (void **state) {
  struct conn c;

  (void) state;
  conn_open (&c, CONN_SOCKET);
  assert_err (assuan_register_command (c.ctx, "BOTH", cmd_finish_and_fail, NULL), 0);
  peer_say (c.out, "DONE a\nBOTH\nDONE b\n");
  assert_err (conn_next (&c), gpg_err_make (GPG_ERR_SOURCE_GPGSM, GPG_ERR_BAD_MPI));
  assert_false (c.done);
  conn_resume (&c);
  assert_err (c.rc, 0);
  peer_expect (c.in, "OK\nOK\nOK\n");
  conn_expect_notes (&c, "DONE(a) DONE(b)");
  conn_free (&c);
}

/* What the client says while a command is pending is not lost.  */
static void
test_lines_are_kept (void **state) {
  struct conn c;

  (void) state;
  conn_open (&c, CONN_SOCKET);
  conn_say (&c, "ASYNC 1\nDONE 2\nASYNC 3\nBOGUS\nDONE 4\n");
  conn_expect_notes (&c, "ASYNC(1)");
  conn_expect_silence (&c);
  conn_finish (&c, 0);
  peer_expect (c.in, "OK\n");
  /* deviation: lines that arrive while a command is pending are discarded.  */
  if (on_oracle ()) {
    assert_false (assuan_pending_line (c.ctx));
    conn_free (&c);
    return;
  }
  /* process_done does not run the next command: it may be called from anywhere.  */
  conn_expect_silence (&c);
  conn_expect_notes (&c, "");
  assert_false (conn_readable (&c));
  assert_true (assuan_pending_line (c.ctx));
  assert_err (conn_next (&c), 0);
  conn_expect_notes (&c, "DONE(2) ASYNC(3)");
  peer_expect (c.in, "OK\n");
  conn_expect_silence (&c);
  conn_finish (&c, 0);
  peer_expect (c.in, "OK\n");
  assert_true (assuan_pending_line (c.ctx));
  assert_err (conn_next (&c), 0);
  conn_expect_notes (&c, "DONE(4)");
  peer_expect_err (c.in, ERR (GPG_ERR_ASS_UNKNOWN_CMD), NULL);
  peer_expect (c.in, "OK\n");
  assert_false (assuan_pending_line (c.ctx));
  if (loop_hooked ()) assert_int_equal (c.n_reads, 1);
  conn_free (&c);
}

/* The same if they come later, in pieces.  */
static void
test_later_lines_are_kept (void **state) {
  struct conn c;

  (void) state;
  /* deviation: lines that arrive while a command is pending are discarded.  */
  if (on_oracle ()) skip ();
  conn_open (&c, CONN_SOCKET);
  conn_say (&c, "ASYNC 1\n");
  conn_say (&c, "DONE 2\nDO");
  conn_say (&c, "NE 3\nASYNC 4\nDON");
  conn_expect_notes (&c, "ASYNC(1)");
  conn_expect_silence (&c);
  conn_finish (&c, 0);
  conn_resume (&c);
  conn_expect_notes (&c, "DONE(2) DONE(3) ASYNC(4)");
  conn_finish (&c, 0);
  peer_expect (c.in, "OK\nOK\nOK\nOK\n");
  assert_false (assuan_pending_line (c.ctx));
  conn_ask (&c, "E 5\n", "OK\n");
  conn_expect_notes (&c, "DONE(5)");
  conn_free (&c);
}

/* Lines after a command whose handler returned an error of its own.  */
static void
test_lines_behind_own_error (void **state) {
  struct conn c;

  (void) state;
  /* deviation: lines that arrive while a command is pending are discarded.  */
  if (on_oracle ()) skip ();
  conn_open (&c, CONN_SOCKET);
  peer_say (c.out, "DONE 1\nLATER 2\nDONE 3\n");
  assert_err (conn_next (&c), ERR (GPG_ERR_UNFINISHED));
  peer_expect (c.in, "OK\n");
  /* A call in between makes no progress, and no harm.  */
  assert_err (conn_next (&c), 0);
  assert_false (c.done);
  conn_expect_silence (&c);
  conn_expect_notes (&c, "DONE(1) LATER(2)");
  conn_finish (&c, 0);
  conn_resume (&c);
  conn_expect_notes (&c, "DONE(3)");
  peer_expect (c.in, "OK\nOK\n");
  conn_free (&c);
}

/* BYE and the like wait for their turn as well.  */
static void
test_bye_is_kept (void **state) {
  struct conn c;

  (void) state;
  /* deviation: lines that arrive while a command is pending are discarded.  */
  if (on_oracle ()) skip ();
  conn_open (&c, CONN_SOCKET);
  conn_say (&c, "ASYNC 1\nRESET\nBYE\n");
  assert_false (c.done);
  conn_expect_silence (&c);
  conn_finish (&c, 0);
  conn_resume (&c);
  assert_true (c.done);
  peer_expect (c.in, "OK\nOK\nOK closing connection\n");
  conn_free (&c);
}

/* Without a command to finish it is an error that does no harm.  */
static void
test_nothing_to_finish (void **state) {
  struct conn c;

  (void) state;
  conn_make (&c, CONN_SOCKET);
  assert_err (assuan_process_done (c.ctx, 0), ERR (GPG_ERR_ASS_GENERAL));
  assert_err (assuan_accept (c.ctx), 0);
  conn_expect_greeting (&c);
  assert_err (assuan_process_done (c.ctx, 0), ERR (GPG_ERR_ASS_GENERAL));
  assert_err (assuan_process_done (c.ctx, ERR (GPG_ERR_EOF)), ERR (GPG_ERR_ASS_GENERAL));
  conn_expect_silence (&c);
  conn_ask (&c, "DONE\n", "OK\n");
  assert_err (assuan_process_done (c.ctx, 0), ERR (GPG_ERR_ASS_GENERAL));
  conn_say (&c, "ASYNC\n");
  conn_finish (&c, 0);
  assert_err (assuan_process_done (c.ctx, 0), ERR (GPG_ERR_ASS_GENERAL));
  peer_expect (c.in, "OK\n");
  conn_expect_silence (&c);
  conn_free (&c);
}

static gpg_error_t
cmd_twice (assuan_context_t ctx, char *line) {
  (void) line;
  assuan_process_done (ctx, 0);
  return assuan_process_done (ctx, 0);
}

static void
test_finished_twice (void **state) {
  struct conn c;

  (void) state;
  conn_open (&c, CONN_SOCKET);
  assert_err (assuan_register_command (c.ctx, "TWICE", cmd_twice, NULL), 0);
  peer_say (c.out, "TWICE\n");
  assert_err (conn_next (&c), ERR (GPG_ERR_ASS_GENERAL));
  peer_expect (c.in, "OK\n");
  conn_ask (&c, "DONE\n", "OK\n");
  conn_free (&c);
}

static gpg_error_t done_in_notify;

static void
finish_again (assuan_context_t ctx, gpg_error_t rc) {
  (void) rc;
  done_in_notify = assuan_process_done (ctx, 0);
}

static void
test_finished_in_notifier (void **state) {
  struct conn c;

  (void) state;
  conn_open (&c, CONN_SOCKET);
  assert_err (assuan_register_post_cmd_notify (c.ctx, finish_again), 0);
  conn_ask (&c, "DONE\n", "OK\n");
  assert_err (done_in_notify, ERR (GPG_ERR_ASS_GENERAL));
  conn_expect_silence (&c);
  conn_free (&c);
}

/* The notifier runs when the command ends, in assuan_process_done; by then the name is history.  */
static void
test_notifiers (void **state) {
  struct conn c;

  (void) state;
  conn_open (&c, CONN_SOCKET);
  conn_note_commands (&c);
  conn_say (&c, "ASYNC a\n");
  conn_expect_notes (&c, "PRE(ASYNC) ASYNC(a)");
  assert_null (assuan_get_command_name (c.ctx));
  conn_finish (&c, ERR (GPG_ERR_CANCELED));
  conn_expect_notes (&c, "POST(0,-)");
  peer_expect_err (c.in, ERR (GPG_ERR_CANCELED), NULL);
  conn_free (&c);
}

/* What a program says between handler and end reaches the client at once and in order.  */
static void
test_progress (void **state) {
  struct conn c;

  (void) state;
  conn_open (&c, CONN_SOCKET);
  conn_say (&c, "ASYNC\n");
  assert_err (assuan_write_status (c.ctx, "PROGRESS", "1"), 0);
  peer_expect (c.in, "S PROGRESS 1\n");
  assert_err (assuan_write_status (c.ctx, "PROGRESS", NULL), 0);
  peer_expect (c.in, "S PROGRESS\n");
  assert_err (assuan_send_data (c.ctx, "ab", 2), 0);
  assert_err (assuan_send_data (c.ctx, "cd", 2), 0);
  assert_err (assuan_write_status (c.ctx, "PROGRESS", "2"), 0);
  /* deviation: status lines overtake data written before them.  */
  peer_expect (c.in, on_oracle () ? "S PROGRESS 2\n" : "D abcd\nS PROGRESS 2\n");
  conn_expect_silence (&c);
  assert_err (assuan_send_data (c.ctx, "ef", 2), 0);
  conn_finish (&c, 0);
  peer_expect (c.in, on_oracle () ? "D abcdef\nOK\n" : "D ef\nOK\n");
  conn_free (&c);
}

static gpg_error_t
cmd_mixed (assuan_context_t ctx, char *line) {
  (void) line;
  assuan_send_data (ctx, "one", 3);
  assuan_write_status (ctx, "STATUS", "two");
  assuan_send_data (ctx, "three", 5);
  assuan_write_line (ctx, "# four");
  return assuan_process_done (ctx, 0);
}

static void
test_order (void **state) {
  struct conn c;

  (void) state;
  conn_open (&c, CONN_SOCKET);
  assert_err (assuan_register_command (c.ctx, "MIXED", cmd_mixed, NULL), 0);
  /* deviation: status lines overtake data written before them.  */
  if (on_oracle ())
    conn_ask (&c, "MIXED\n", "S STATUS two\n# four\nD onethree\nOK\n");
  else
    conn_ask (&c, "MIXED\n", "D one\nS STATUS two\nD three\n# four\nOK\n");
  conn_free (&c);
}

/* An error still delivers the data that were sent before.  */
static void
test_data_before_error (void **state) {
  struct conn c;

  (void) state;
  conn_open (&c, CONN_SOCKET);
  conn_say (&c, "ASYNC\n");
  assert_err (assuan_send_data (c.ctx, "part", 4), 0);
  conn_finish (&c, ERR (GPG_ERR_EIO));
  peer_expect (c.in, "D part\n");
  peer_expect_err (c.in, ERR (GPG_ERR_EIO), NULL);
  conn_ask (&c, "DONE\n", "OK\n");
  conn_free (&c);
}

/* The stream for data has no descriptor that one could watch.  */
static void
test_data_stream (void **state) {
  struct conn c;
  assuan_fd_t fds[4] = { -1, -1, -1, -1 };
  FILE *stream;

  (void) state;
  conn_open (&c, CONN_SOCKET);
  conn_say (&c, "ASYNC\n");
  stream = assuan_get_data_fp (c.ctx);
  assert_non_null (stream);
  fputs ("hello", stream);
  fflush (stream);
  assert_int_equal (assuan_get_active_fds (c.ctx, 0, fds, 4), 1);
  assert_int_equal (fds[0], c.fd);
  /* deviation: the data stream breaks get_active_fds.  */
  assert_int_equal (assuan_get_active_fds (c.ctx, 1, fds, 4), on_oracle () ? 2 : 1);
  assert_int_equal (fds[0], c.fd_out);
  conn_finish (&c, 0);
  peer_expect (c.in, "D hello\nOK\n");
  assert_int_equal (assuan_get_active_fds (c.ctx, 1, fds, 4), 1);
  conn_ask (&c, "DONE\n", "OK\n");
  conn_free (&c);
}

/* Texts for the reply, given while the command is pending.  */
static void
test_okay_line (void **state) {
  struct conn c;

  (void) state;
  conn_open (&c, CONN_SOCKET);
  conn_say (&c, "ASYNC\n");
  assert_err (assuan_set_okay_line (c.ctx, "very well"), 0);
  conn_finish (&c, 0);
  peer_expect (c.in, "OK very well\n");
  conn_ask (&c, "DONE\n", "OK\n");
  conn_free (&c);
}

/* The text may die before the command ends, and is forgotten after it.  */
static void
test_error_text (void **state) {
  char text[] = "on a stack";
  struct conn c;

  (void) state;
  conn_open (&c, CONN_SOCKET);
  conn_say (&c, "ASYNC\n");
  assert_err (assuan_set_error (c.ctx, ERR (GPG_ERR_BAD_CERT), text), ERR (GPG_ERR_BAD_CERT));
  memset (text, '!', sizeof text - 1);
  conn_finish (&c, ERR (GPG_ERR_BAD_CERT));
  /* deviation: error text pointer kept beyond its life.  */
  peer_expect_err (c.in, ERR (GPG_ERR_BAD_CERT), on_oracle () ? "!!!!!!!!!!" : "on a stack");
  conn_say (&c, "ASYNC\n");
  conn_finish (&c, ERR (GPG_ERR_BAD_CERT));
  peer_expect_err (c.in, ERR (GPG_ERR_BAD_CERT), on_oracle () ? "!!!!!!!!!!" : NULL);
  conn_free (&c);
}

/* The text belongs to one error value.  */
static void
test_error_text_of_other_error (void **state) {
  struct conn c;

  (void) state;
  conn_open (&c, CONN_SOCKET);
  conn_say (&c, "ASYNC\n");
  assuan_set_error (c.ctx, ERR (GPG_ERR_BAD_CERT), "of another one");
  conn_finish (&c, ERR (GPG_ERR_TIMEOUT));
  peer_expect_err (c.in, ERR (GPG_ERR_TIMEOUT), NULL);
  conn_free (&c);
}

/* The reply goes out before the connection is closed.  */
static void
test_force_close (void **state) {
  struct conn c;

  (void) state;
  for (int i = 0; i < 2; i++) {
    gpg_error_t err = i ? ERR (GPG_ERR_FORBIDDEN) : 0;

    conn_open (&c, CONN_SOCKET);
    conn_say (&c, "ASYNC\n");
    assuan_set_flag (c.ctx, ASSUAN_FORCE_CLOSE, 1);
    conn_finish (&c, err);
    if (err)
      peer_expect_err (c.in, err, "[closing connection]");
    else
      peer_expect (c.in, "OK closing connection\n");
    peer_expect_eof (c.in);
    conn_free (&c);
  }
}

/* The client left: writing says so, finishing does not mind, and then the end is told.  */
static void
test_vanished (void **state) {
  (void) state;
  /* deviation: SIGPIPE can end the process.  */
  if (!on_oracle ()) signal (SIGPIPE, SIG_DFL);
  for (int kind = 0; kind < N_CONN_KINDS; kind++) {
    struct conn c;

    conn_open (&c, (enum conn_kind) kind);
    conn_note_commands (&c);
    conn_say (&c, "ASYNC a\n");
    conn_hang_up (&c);
    assert_code (assuan_write_status (c.ctx, "PROGRESS", "1"), GPG_ERR_EPIPE);
    assert_code (assuan_write_status (c.ctx, "PROGRESS", "2"), GPG_ERR_EPIPE);
    /* deviation: that the client left is no error of process_done.  */
    assert_code (assuan_process_done (c.ctx, 0), on_oracle () ? GPG_ERR_EPIPE : 0);
    conn_expect_notes (&c, "PRE(ASYNC) ASYNC(a) POST(32877,-)");
    assert_err (assuan_process_done (c.ctx, 0), ERR (GPG_ERR_ASS_GENERAL));
    assert_err (conn_next (&c), 0);
    assert_true (c.done);
    conn_free (&c);
  }
  signal (SIGPIPE, SIG_IGN);
}

/* Data that cannot be delivered are an ordinary error, too.  */
static void
test_vanished_with_data (void **state) {
  struct conn c;
  gpg_error_t rc = 0;

  (void) state;
  if (!on_oracle ()) signal (SIGPIPE, SIG_DFL);
  conn_open (&c, CONN_SOCKET);
  conn_say (&c, "ASYNC a\n");
  conn_hang_up (&c);
  for (int i = 0; i < 1000 && !rc; i++)
    rc = assuan_send_data (c.ctx, "0123456789", 10);
  assert_code (rc, GPG_ERR_EPIPE);
  /* deviation: that the client left is no error of process_done.  */
  assert_code (assuan_process_done (c.ctx, rc), on_oracle () ? GPG_ERR_EPIPE : 0);
  conn_free (&c);
  signal (SIGPIPE, SIG_IGN);
}

static gpg_error_t
cmd_raw (assuan_context_t ctx, char *line) {
  char *answer = NULL;
  size_t len = 0;
  gpg_error_t rc = assuan_write_line (ctx, "INQUIRE NAME");

  (void) line;
  if (!rc) rc = assuan_read_line (ctx, &answer, &len);
  if (!rc) conn_note (assuan_get_pointer (ctx), "%.*s", (int) len, answer);
  if (!rc) rc = assuan_read_line (ctx, &answer, &len);
  if (!rc) conn_note (assuan_get_pointer (ctx), "%.*s", (int) len, answer);
  return assuan_process_done (ctx, rc);
}

/* A handler that reads for itself gets the lines behind its own.  */
static void
test_raw_reading (void **state) {
  struct conn c;

  (void) state;
  conn_open (&c, CONN_SOCKET);
  assert_err (assuan_register_command (c.ctx, "RAW", cmd_raw, NULL), 0);
  peer_say (c.out, "RAW\nD Alice\nEND\nDONE\n");
  assert_err (conn_next (&c), 0);
  peer_expect (c.in, "INQUIRE NAME\nOK\nOK\n");
  conn_expect_notes (&c, "D Alice END DONE()");
  conn_free (&c);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    loop_test (test_finish_later),
    loop_test (test_error_source),
    loop_test (test_own_error),
    loop_test (test_finished_with_own_error),
    loop_test (test_lines_are_kept),
    loop_test (test_later_lines_are_kept),
    loop_test (test_lines_behind_own_error),
    loop_test (test_bye_is_kept),
    loop_test (test_nothing_to_finish),
    loop_test (test_finished_twice),
    loop_test (test_finished_in_notifier),
    loop_test (test_notifiers),
    loop_test (test_progress),
    loop_test (test_order),
    loop_test (test_data_before_error),
    loop_test (test_data_stream),
    loop_test (test_okay_line),
    loop_test (test_error_text),
    loop_test (test_error_text_of_other_error),
    loop_test (test_force_close),
    loop_test (test_vanished),
    loop_test (test_vanished_with_data),
    loop_test (test_raw_reading),
  };

  return suite_run (tests);
}
