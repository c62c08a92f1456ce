/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* assuan_inquire_ext: the answer comes out of a later assuan_process_next, and its callback
 * runs exactly once.  */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "loop.h"

#define assert_inquired(c, rc, data, len) check_inquired ((c), (rc), (data), (len), __LINE__)

/* The callback ran once, with RC, and with the LEN octets at DATA, a NUL behind them.  */
static void
check_inquired (const struct conn *c, gpg_error_t rc, const char *data, size_t len, int line) {
  const struct conn_inquiry *q = &c->inquiry;

  if (q->n_calls == 1 && q->rc == rc && q->has_buf && q->has_nul && q->len == len
      && !memcmp (q->data, data, len))
    return;
  print_error ("callback: %d calls, error %u (%s), %s buffer, %zu octets\n", q->n_calls, q->rc,
               gpg_strerror (q->rc), q->has_buf ? "a" : "no", q->len);
  _fail (__FILE__, line);
}

/* The callback ran once and was told of a failure; whether there is a part of the data does
 * not matter.  */
static void
check_failed (const struct conn *c, gpg_error_t rc, int line) {
  if (c->inquiry.n_calls == 1 && c->inquiry.rc == rc) return;
  print_error ("callback: %d calls, error %u (%s)\n", c->inquiry.n_calls, c->inquiry.rc,
               gpg_strerror (c->inquiry.rc));
  _fail (__FILE__, line);
}
#define assert_inquiry_failed(c, rc) check_failed ((c), (rc), __LINE__)

static void
start (struct conn *c, enum conn_kind kind, size_t maxlen) {
  conn_open (c, kind);
  c->inquiry.maxlen = maxlen;
  conn_ask (c, "INQ KEYDATA for you\n", "INQUIRE KEYDATA for you\n");
  assert_err (c->inquiry.ext_rc, 0);
  assert_err (c->rc, 0);
  assert_int_equal (c->inquiry.n_calls, 0);
}

static void
test_end (void **state) {
  (void) state;
  for (int kind = 0; kind < N_CONN_KINDS; kind++) {
    struct conn c;

    start (&c, (enum conn_kind) kind, 100);
    conn_ask (&c, "D he%25llo%00x\n", "");
    assert_int_equal (c.inquiry.n_calls, 0);
    conn_ask (&c, "D  more%0D%0a\n", "");
    conn_ask (&c, "END\n", "OK\n");
    assert_inquired (&c, 0, "he%llo\0x more\r\n", 15);
    assert_err (c.rc, 0);
    conn_ask (&c, "DONE\n", "OK\n");
    assert_int_equal (c.inquiry.n_calls, 1);
    conn_free (&c);
  }
}

/* How the answer may be written; N is its length, -1 for a cancellation, -2 for an unexpected
 * command.  */
static const struct {
  const char *say;
  int len;
  const char *data;
} answers[] = {
  { "END\n", 0, "" },
  { "D \nEND\n", 0, "" },
  { "D abc\nEND\n", 3, "abc" },
  { "D a\nD b\nD c\nEND\n", 3, "abc" },
  { "d abc\nend\n", 3, "abc" },
  { "D abc\r\nEND\r\n", 3, "abc" },
  { "\n# comment\nD a\n\n# comment\nD bc\nEND\n", 3, "abc" },
  { "D %61%62%63\nEND with text\n", 3, "abc" },
  { "CAN\n", -1, "" },
  { "can\n", -1, "" },
  { "CANCEL\n", -1, "" },
  { "D abc\nCAN\n", -1, "abc" },
  { "D abc\nCAN with text\n", -1, "abc" },
  { "DONE a\n", -2, "" },
  { "D abc\nNOP\n", -2, "abc" },
  { "D abc\nBYE\n", -2, "abc" },
  { "D\n", -2, "" },
  { "D abc\nENDED\n", -2, "abc" },
};

static void
check_answer (size_t i) {
  struct conn c;

  start (&c, CONN_SOCKET, 100);
  conn_say (&c, answers[i].say);
  assert_err (c.rc, 0);
  assert_false (c.done);
  if (answers[i].len >= 0) {
    assert_inquired (&c, 0, answers[i].data, (size_t) answers[i].len);
    peer_expect (c.in, "OK\n");
  } else {
    gpg_err_code_t code = answers[i].len == -1 ? GPG_ERR_ASS_CANCELED : GPG_ERR_ASS_UNEXPECTED_CMD;

    assert_inquiry_failed (&c, ERR (code));
    peer_expect_err (c.in, ERR (code), NULL);
  }
  conn_expect_notes (&c, "");
  conn_ask (&c, "DONE b\n", "OK\n");
  conn_expect_notes (&c, "DONE(b)");
  conn_expect_silence (&c);
  conn_free (&c);
}

static void
test_answers (void **state) {
  (void) state;
  for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
    check_answer (i);
}

/* The answer came with the command already, and the next command with the answer.  */
static void
test_answer_in_advance (void **state) {
  struct conn c;

  (void) state;
  conn_open (&c, CONN_SOCKET);
  conn_ask (&c, "INQ\nD 123\nEND\nDONE a\n", "INQUIRE KEYDATA\nOK\nOK\n");
  assert_inquired (&c, 0, "123", 3);
  conn_expect_notes (&c, "DONE(a)");
  assert_int_equal (c.n_turns, 1);
  conn_free (&c);
}

static void
test_empty_limit_is_none (void **state) {
  char line[1002];
  struct conn c;

  (void) state;
  memset (line, 'x', sizeof line);
  memcpy (line, "D ", 2);
  line[1000] = '\n';
  start (&c, CONN_SOCKET, 0);
  for (int i = 0; i < 100; i++) {
    peer_send (c.out, line, 1001);
    conn_turns (&c);
  }
  conn_ask (&c, "END\n", "OK\n");
  assert_int_equal (c.inquiry.n_calls, 1);
  assert_err (c.inquiry.rc, 0);
  assert_int_equal (c.inquiry.len, 99800);
  assert_true (c.inquiry.has_nul);
  conn_free (&c);
}

static void
test_exactly_the_limit (void **state) {
  struct conn c;

  (void) state;
  start (&c, CONN_SOCKET, 5);
  conn_ask (&c, "D 123\nD %34%35\nEND\n", "OK\n");
  assert_inquired (&c, 0, "12345", 5);
  conn_free (&c);
}

/* One octet too many is told at once; the rest of the answer is swallowed and not run as
 * commands.  */
static void
check_too_much (const char *first, const char *rest) {
  struct conn c;

  start (&c, CONN_SOCKET, 5);
  conn_say (&c, first);
  assert_inquiry_failed (&c, ERR (GPG_ERR_ASS_TOO_MUCH_DATA));
  peer_expect_err (c.in, ERR (GPG_ERR_ASS_TOO_MUCH_DATA), NULL);
  conn_say (&c, rest);
  assert_err (c.rc, 0);
  conn_expect_silence (&c);
  conn_expect_notes (&c, "");
  conn_ask (&c, "DONE a\n", "OK\n");
  assert_int_equal (c.inquiry.n_calls, 1);
  conn_free (&c);
}

static void
test_too_much (void **state) {
  (void) state;
  /* deviation: too much data in inquire_ext reports a stray errno, and the rest is run.  */
  if (on_oracle ()) skip ();
  check_too_much ("D 123456\n", "END\n");
  check_too_much ("D 12345\nD 6\n", "D 789\nD DONE\nEND\n");
  check_too_much ("D 12345\nD 6\nD 7\n", "D 8\nCAN\n");
  check_too_much ("D 123456\nEND\n", "");
}

static void
test_too_much_on_oracle (void **state) {
  struct conn c;

  (void) state;
  if (!on_oracle ()) skip ();
  /* deviation: too much data in inquire_ext reports a stray errno, and the rest is run.  */
  start (&c, CONN_SOCKET, 5);
  conn_say (&c, "D 123456\nEND\n");
  assert_int_equal (c.inquiry.n_calls, 1);
  assert_int_not_equal (c.inquiry.rc, 0);
  peer_expect_err (c.in, c.inquiry.rc, NULL);
  peer_expect_err (c.in, ERR (GPG_ERR_NOT_IMPLEMENTED), NULL);
  conn_free (&c);
}

/* A callback that asks again because there was too much: the rest of the first answer is not the
 * second.  */
static gpg_error_t
insist (void *arg, gpg_error_t rc, unsigned char *buf, size_t len) {
  assuan_context_t ctx = arg;

  if (gpg_err_code (rc) == GPG_ERR_ASS_TOO_MUCH_DATA)
    return assuan_inquire_ext (ctx, "LESS", 10, insist, ctx);
  if (!rc) rc = assuan_send_data (ctx, buf, len);
  assuan_free (ctx, buf);
  return assuan_process_done (ctx, rc);
}

static gpg_error_t
cmd_insist (assuan_context_t ctx, char *line) {
  (void) line;
  return assuan_inquire_ext (ctx, "DATA", 3, insist, ctx);
}

static void
test_again_after_too_much (void **state) {
  static const char *const rests[] = { "END\n", "CAN\n", "D more\nD and more\nEND\n" };

  (void) state;
  /* deviation: too much data in inquire_ext reports a stray errno, and the rest is run.  */
  if (on_oracle ()) skip ();
  for (size_t i = 0; i < sizeof rests / sizeof *rests; i++) {
    struct conn c;

    conn_open (&c, CONN_SOCKET);
    assert_err (assuan_register_command (c.ctx, "INSIST", cmd_insist, NULL), 0);
    conn_ask (&c, "INSIST\n", "INQUIRE DATA\n");
    conn_ask (&c, "D 1234\n", "INQUIRE LESS\n");
    conn_ask (&c, rests[i], "");
    conn_expect_silence (&c);
    conn_ask (&c, "D 123\nEND\nDONE a\n", "D 123\nOK\nOK\n");
    conn_expect_notes (&c, "DONE(a)");
    conn_free (&c);
  }
}

/* An over-long line behind a command that was finished first is part of the answer, and of no
 * command.  */
static void
test_long_line_too_late (void **state) {
  char line[1500] = "D ";
  struct conn c;

  (void) state;
  /* deviation: the answer is run as commands */
  if (on_oracle ()) skip ();
  memset (line + 2, 'x', sizeof line - 3);
  line[sizeof line - 1] = '\n';
  start (&c, CONN_SOCKET, 100);
  c.inquiry.finish = false;
  conn_finish (&c, 0);
  c.pending = false;
  peer_expect (c.in, "OK\n");
  conn_note_commands (&c);
  peer_send (c.out, line, sizeof line);
  conn_turns (&c);
  assert_err (c.rc, 0);
  conn_expect_silence (&c);
  conn_ask (&c, "END\nDONE a\n", "OK\n");
  conn_expect_notes (&c, "PRE(DONE) DONE(a) POST(0,DONE)");
  conn_free (&c);
}

/* CAN is a word: what only begins like it is a command, here.  */
static void
test_can_is_a_word (void **state) {
  struct conn c;

  (void) state;
  start (&c, CONN_SOCKET, 100);
  c.inquiry.finish = false;
  conn_finish (&c, 0);
  c.pending = false;
  peer_expect (c.in, "OK\n");
  conn_say (&c, "CANCELJOB 5\n");
  peer_expect_err (c.in, ERR (GPG_ERR_ASS_UNKNOWN_CMD), NULL);
  conn_ask (&c, "DONE a\n", "OK\n");
  conn_free (&c);
}

/* The end of file ends the inquiry as well.  */
static void
test_eof (void **state) {
  (void) state;
  for (int with_data = 0; with_data < 2; with_data++) {
    struct conn c;

    start (&c, CONN_SOCKET, 100);
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
  start (&c, CONN_SOCKET, 100);
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

    start (&c, CONN_SOCKET, 100);
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
  start (&c, CONN_SOCKET, 100);
  conn_ask (&c, "D abc\n", "");
  c.inquiry.finish = false;
  conn_finish (&c, ERR (GPG_ERR_TIMEOUT));
  c.pending = false;
  peer_expect_err (c.in, ERR (GPG_ERR_TIMEOUT), NULL);
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
  start (&c, CONN_SOCKET, 100);
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
  start (&c, CONN_SOCKET, 100);
  c.inquiry.finish = false;
  conn_finish (&c, ERR (GPG_ERR_TIMEOUT));
  c.pending = false;
  peer_expect_err (c.in, ERR (GPG_ERR_TIMEOUT), NULL);
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
  start (&c, CONN_SOCKET, 100);
  c.inquiry.finish = false;
  c.inquiry.ret = err;
  peer_say (c.out, "D abc\nEND\n");
  assert_err (conn_next (&c), err);
  assert_false (c.done);
  assert_inquired (&c, 0, "abc", 3);
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
  start (&c, CONN_SOCKET, 100);
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
  start (&c, CONN_SOCKET, 100);
  c.inquiry.finish = false;
  conn_ask (&c, "D abc\nEND\n", "");
  assert_inquired (&c, 0, "abc", 3);
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
  start (&c, CONN_SOCKET, 100);
  c.inquiry.again = "SECOND";
  conn_ask (&c, "D first\nEND\n", "INQUIRE SECOND\n");
  assert_inquired (&c, 0, "first", 5);
  assert_err (c.inquiry.ext_rc, 0);
  c.inquiry.again = "THIRD";
  c.inquiry.n_calls = 0;
  conn_ask (&c, "D second\nEND\nD third\n", "INQUIRE THIRD\n");
  assert_inquired (&c, 0, "second", 6);
  c.inquiry.n_calls = 0;
  conn_ask (&c, "END\nDONE\n", "OK\nOK\n");
  assert_inquired (&c, 0, "third", 5);
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
  start (&c, CONN_SOCKET, 100);
  assert_err (assuan_inquire_ext (c.ctx, "SECOND", 0, talkative, c.ctx),
              ERR (GPG_ERR_ASS_NESTED_COMMANDS));
  assert_err (assuan_inquire_ext (c.ctx, NULL, 0, talkative, c.ctx), ERR (GPG_ERR_ASS_INV_VALUE));
  conn_expect_silence (&c);
  conn_ask (&c, "D abc\nEND\n", "OK\n");
  assert_inquired (&c, 0, "abc", 3);
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

/* Escapes that are none stand for themselves.  */
static void
test_odd_escapes (void **state) {
  struct conn c;

  (void) state;
  /* deviation: a malformed escape gives junk or worse.  */
  if (on_oracle ()) skip ();
  start (&c, CONN_SOCKET, 100);
  conn_ask (&c, "D 50% off%4\nD 1%\nEND\n", "OK\n");
  assert_inquired (&c, 0, "50% off%41%", 11);
  conn_free (&c);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    loop_test (test_end),
    loop_test (test_answers),
    loop_test (test_answer_in_advance),
    loop_test (test_empty_limit_is_none),
    loop_test (test_exactly_the_limit),
    loop_test (test_too_much),
    loop_test (test_too_much_on_oracle),
    loop_test (test_again_after_too_much),
    loop_test (test_long_line_too_late),
    loop_test (test_can_is_a_word),
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
    loop_test (test_odd_escapes),
  };

  return suite_run (tests);
}
