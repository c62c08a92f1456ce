/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* assuan_inquire_ext: its callback comes out of a later assuan_process_next and runs exactly once,
 * whatever it does, and however the command, the connection or the context ends.  */

#include <stdlib.h>
#include <unistd.h>

#include "loop.h"

/* The command ends with an error before its answer came.  */
static void
give_up (struct conn *c) {
  c->inquiry.finish = false;
  conn_finish (c, ERR (GPG_ERR_TIMEOUT));
  c->pending = false;
  peer_expect_err (c->in, ERR (GPG_ERR_TIMEOUT), NULL);
}

/* The end of file ends the inquiry as well.  */
static void
test_eof (void **state) {
  (void) state;
  for (int with_data = 0; with_data < 2; with_data++) {
    struct conn c;

    conn_inquire (&c, CONN_SOCKET, 100);
    c.inquiry.finish = false;
    if (with_data) peer_say (c.out, "D abc\nD de");
    conn_half_close (&c);
    conn_turns (&c);
    assert_err (c.rc, 0);
    assert_true (c.done);
    /* deviation: inquire_ext's callback may never run.  */
    if (on_oracle ()) {
      assert_int_equal (c.inquiry.n_calls, 0);
    } else {
      assert_int_equal (c.inquiry.n_calls, 1);
      assert_code (c.inquiry.rc, GPG_ERR_EOF);
    }
    conn_free (&c);
    assert_int_equal (c.inquiry.n_calls, on_oracle () ? 0 : 1);
  }
}

/* A callback that finishes the command at the end of file still reaches a client that reads.  */
static void
test_eof_and_finish (void **state) {
  struct conn c;
  char line[200];

  (void) state;
  /* deviation: inquire_ext's callback may never run.  */
  if (on_oracle ()) skip ();
  conn_inquire (&c, CONN_SOCKET, 100);
  peer_say (c.out, "D abc\n");
  conn_half_close (&c);
  conn_turns (&c);
  assert_true (c.done);
  assert_int_equal (c.inquiry.n_calls, 1);
  peer_read_line (c.in, line, sizeof line);
  assert_memory_equal (line, "ERR ", 4);
  assert_err (assuan_process_done (c.ctx, 0), ERR (GPG_ERR_ASS_GENERAL));
  conn_free (&c);
  assert_int_equal (c.inquiry.n_calls, 1);
}

/* assuan_release is the last chance: the callback runs with an error.  */
static void
test_release (void **state) {
  (void) state;
  for (int finish = 0; finish < 2; finish++) {
    struct conn c;

    conn_inquire (&c, CONN_SOCKET, 100);
    c.inquiry.finish = finish;
    conn_ask (&c, "D abc\n", "");
    conn_free (&c);
    /* deviation: inquire_ext's callback may never run.  */
    if (on_oracle ()) {
      assert_int_equal (c.inquiry.n_calls, 0);
    } else {
      assert_int_equal (c.inquiry.n_calls, 1);
      assert_code (c.inquiry.rc, GPG_ERR_CANCELED);
    }
  }
}

/* Finishing the command cancels its inquiry.  The client may have sent its answer by then.  */
static void
test_finished_before_answer (void **state) {
  struct conn c;

  (void) state;
  conn_inquire (&c, CONN_SOCKET, 100);
  conn_ask (&c, "D abc\n", "");
  give_up (&c);
  conn_say (&c, "D def\nEND\n");
  assert_err (c.rc, 0);
  /* deviation: inquire_ext's callback may never run; the rest is run as commands.  */
  if (on_oracle ()) {
    peer_expect_err (c.in, ERR (GPG_ERR_NOT_IMPLEMENTED), NULL);
    peer_expect_err (c.in, ERR (GPG_ERR_NOT_IMPLEMENTED), NULL);
  } else {
    assert_int_equal (c.inquiry.n_calls, 1);
    assert_int_not_equal (c.inquiry.rc, 0);
  }
  conn_expect_silence (&c);
  conn_ask (&c, "DONE a\n", "OK\n");
  conn_free (&c);
  assert_int_equal (c.inquiry.n_calls, on_oracle () ? 0 : 1);
}

/* A callback that finishes the command itself, as most do, makes no second reply of it.  */
static void
test_finished_twice_by_callback (void **state) {
  struct conn c;

  (void) state;
  conn_inquire (&c, CONN_SOCKET, 100);
  conn_finish (&c, ERR (GPG_ERR_TIMEOUT));
  peer_expect_err (c.in, ERR (GPG_ERR_TIMEOUT), NULL);
  conn_expect_silence (&c);
  assert_err (assuan_process_done (c.ctx, 0), ERR (GPG_ERR_ASS_GENERAL));
  conn_ask (&c, "DONE a\n", "OK\n");
  conn_free (&c);
}

/* The same, with nothing of the answer sent, and a client that goes on with its next command
 * because it saw the reply: that is a command.  */
static void
test_finished_before_answer_then_command (void **state) {
  struct conn c;

  (void) state;
  conn_inquire (&c, CONN_SOCKET, 100);
  give_up (&c);
  conn_ask (&c, "DONE a\n", "OK\n");
  conn_expect_notes (&c, "DONE(a)");
  conn_free (&c);
}

/* The callback's error comes out; it does not finish the command.  */
static void
test_callback_error (void **state) {
  struct conn c;
  gpg_error_t err = gpg_err_make (GPG_ERR_SOURCE_GPGSM, GPG_ERR_BAD_MPI);

  (void) state;
  conn_inquire (&c, CONN_SOCKET, 100);
  c.inquiry.finish = false;
  c.inquiry.ret = err;
  peer_say (c.out, "D abc\nEND\n");
  assert_err (conn_next (&c), err);
  assert_false (c.done);
  conn_expect_answer (&c, 0, "abc", 3);
  conn_expect_silence (&c);
  conn_finish (&c, err);
  peer_expect_err (c.in, err, NULL);
  conn_ask (&c, "DONE a\n", "OK\n");
  conn_free (&c);
}

/* Finished by the callback, which returns an error nevertheless.  */
static void
test_callback_finishes_and_fails (void **state) {
  struct conn c;

  (void) state;
  conn_inquire (&c, CONN_SOCKET, 100);
  c.inquiry.ret = ERR (GPG_ERR_BAD_MPI);
  peer_say (c.out, "END\n");
  assert_err (conn_next (&c), ERR (GPG_ERR_BAD_MPI));
  peer_expect (c.in, "OK\n");
  conn_ask (&c, "DONE a\n", "OK\n");
  conn_free (&c);
}

/* A callback that returns 0 leaves the command open.  */
static void
test_callback_leaves_open (void **state) {
  struct conn c;

  (void) state;
  conn_inquire (&c, CONN_SOCKET, 100);
  c.inquiry.finish = false;
  conn_ask (&c, "D abc\nEND\n", "");
  conn_expect_answer (&c, 0, "abc", 3);
  assert_true (c.pending);
  assert_err (assuan_write_status (c.ctx, "STILL", "working"), 0);
  peer_expect (c.in, "S STILL working\n");
  conn_finish (&c, 0);
  peer_expect (c.in, "OK\n");
  conn_ask (&c, "DONE a\n", "OK\n");
  conn_free (&c);
}

/* One inquiry after the other, from the callback.  */
static void
test_again (void **state) {
  struct conn c;

  (void) state;
  conn_inquire (&c, CONN_SOCKET, 100);
  c.inquiry.again = "SECOND";
  conn_ask (&c, "D first\nEND\n", "INQUIRE SECOND\n");
  conn_expect_answer (&c, 0, "first", 5);
  assert_err (c.inquiry.ext_rc, 0);
  c.inquiry.again = "THIRD";
  c.inquiry.n_calls = 0;
  conn_ask (&c, "D second\nEND\nD third\n", "INQUIRE THIRD\n");
  conn_expect_answer (&c, 0, "second", 6);
  c.inquiry.n_calls = 0;
  conn_ask (&c, "END\nDONE\n", "OK\nOK\n");
  conn_expect_answer (&c, 0, "third", 5);
  conn_free (&c);
}

static gpg_error_t
talkative (void *arg, gpg_error_t rc, unsigned char *buf, size_t len) {
  assuan_context_t ctx = arg;

  assuan_write_status (ctx, "GOT", rc ? "error" : "data");
  if (!rc) rc = assuan_send_data (ctx, buf, len);
  free (buf);
  return assuan_process_done (ctx, rc);
}

static gpg_error_t
cmd_mirror (assuan_context_t ctx, char *line) {
  (void) line;
  return assuan_inquire_ext (ctx, "BACK", 0, talkative, ctx);
}

/* The callback may say whatever a handler may.  */
static void
test_replies_in_callback (void **state) {
  struct conn c;

  (void) state;
  conn_open (&c, CONN_SOCKET);
  assert_err (assuan_register_command (c.ctx, "MIRROR", cmd_mirror, NULL), 0);
  conn_ask (&c, "MIRROR\n", "INQUIRE BACK\n");
  conn_ask (&c, "D a%0Ab\nEND\n", "S GOT data\nD a%0Ab\nOK\n");
  conn_free (&c);
}

/* Started when the handler has long returned.  */
static void
test_started_later (void **state) {
  struct conn c;

  (void) state;
  conn_open (&c, CONN_SOCKET);
  assert_err (assuan_register_command (c.ctx, "MIRROR", cmd_mirror, NULL), 0);
  conn_say (&c, "ASYNC\n");
  assert_err (assuan_inquire_ext (c.ctx, "BACK", 10, talkative, c.ctx), 0);
  peer_expect (c.in, "INQUIRE BACK\n");
  conn_ask (&c, "D ab\nEND\n", "S GOT data\nD ab\nOK\n");
  conn_free (&c);
}

/* Only one at a time, only for servers, only with something to ask.  */
static void
test_refused (void **state) {
  assuan_context_t client;
  struct conn c;
  int sv[2];

  (void) state;
  conn_inquire (&c, CONN_SOCKET, 100);
  assert_err (assuan_inquire_ext (c.ctx, "SECOND", 0, talkative, c.ctx),
              ERR (GPG_ERR_ASS_NESTED_COMMANDS));
  assert_err (assuan_inquire_ext (c.ctx, NULL, 0, talkative, c.ctx), ERR (GPG_ERR_ASS_INV_VALUE));
  conn_expect_silence (&c);
  conn_ask (&c, "D abc\nEND\n", "OK\n");
  conn_expect_answer (&c, 0, "abc", 3);
  conn_free (&c);

  fds_socketpair (sv, 0);
  peer_say (sv[0], "OK hello\n");
  client = new_client (sv[1], 0);
  assert_err (assuan_inquire_ext (client, "WHAT", 0, talkative, client),
              ERR (GPG_ERR_ASS_NOT_A_SERVER));
  assuan_release (client);
  close (sv[0]);
  assert_code (assuan_inquire_ext (NULL, "WHAT", 0, talkative, NULL), GPG_ERR_ASS_INV_VALUE);
}

/* There is no command that could go on with the answer.  */
static void
test_outside_of_a_command (void **state) {
  struct conn c;

  (void) state;
  /* deviation: it is sent, and its callback never runs */
  if (on_oracle ()) skip ();
  conn_open (&c, CONN_SOCKET);
  assert_err (assuan_inquire_ext (c.ctx, "WHO", 0, talkative, c.ctx), ERR (GPG_ERR_ASS_GENERAL));
  conn_expect_silence (&c);
  conn_ask (&c, "DONE a\n", "OK\n");
  conn_free (&c);
}

/* A peer that vanished before it is asked.  */
static void
test_vanished (void **state) {
  struct conn c;

  (void) state;
  conn_open (&c, CONN_SOCKET);
  c.inquiry.finish = false;
  peer_say (c.out, "INQ\n");
  conn_hang_up (&c);
  conn_next (&c);
  assert_code (c.inquiry.ext_rc, GPG_ERR_EPIPE);
  assert_code (c.rc, GPG_ERR_EPIPE);
  /* What was never asked is not answered.  */
  assert_int_equal (c.inquiry.n_calls, 0);
  assert_true (c.done || on_oracle ());
  /* deviation: that the client left is no error of process_done.  */
  assert_code (assuan_process_done (c.ctx, c.rc), on_oracle () ? GPG_ERR_EPIPE : 0);
  conn_free (&c);
  assert_int_equal (c.inquiry.n_calls, 0);
}

static gpg_error_t
cmd_blocking (assuan_context_t ctx, char *line) {
  unsigned char *buf = NULL;
  size_t len = 0;
  gpg_error_t rc = assuan_inquire (ctx, "NOW", &buf, &len, 0);

  (void) line;
  if (!rc) conn_note (assuan_get_pointer (ctx), "NOW(%.*s)", (int) len, (char *) buf);
  assuan_free (ctx, buf);
  return assuan_process_done (ctx, rc);
}

/* Not for a loop, but a client that answered already does not make it wait.  */
static void
test_blocking_inquiry (void **state) {
  struct conn c;

  (void) state;
  conn_open (&c, CONN_SOCKET);
  assert_err (assuan_register_command (c.ctx, "BLOCK", cmd_blocking, NULL), 0);
  conn_ask (&c, "BLOCK\nD abc\nEND\nDONE\n", "INQUIRE NOW\nOK\nOK\n");
  conn_expect_notes (&c, "NOW(abc) DONE()");
  conn_free (&c);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    loop_test (test_eof),
    loop_test (test_eof_and_finish),
    loop_test (test_release),
    loop_test (test_finished_before_answer),
    loop_test (test_finished_twice_by_callback),
    loop_test (test_finished_before_answer_then_command),
    loop_test (test_callback_error),
    loop_test (test_callback_finishes_and_fails),
    loop_test (test_callback_leaves_open),
    loop_test (test_again),
    loop_test (test_replies_in_callback),
    loop_test (test_started_later),
    loop_test (test_refused),
    loop_test (test_outside_of_a_command),
    loop_test (test_vanished),
    loop_test (test_blocking_inquiry),
  };

  return suite_run (tests);
}
