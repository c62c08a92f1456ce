/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* assuan_inquire_ext: how the answer may be written, how long it may be, and what is part of it.
 * test-loop-continuation.c has what its callback does.  */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "loop.h"

static void
test_end (void **state) {
  (void) state;
  for (int kind = 0; kind < N_CONN_KINDS; kind++) {
    struct conn c;

    conn_inquire (&c, (enum conn_kind) kind, 100);
    conn_ask (&c, "D he%25llo%00x\n", "");
    assert_int_equal (c.inquiry.n_calls, 0);
    conn_ask (&c, "D  more%0D%0a\n", "");
    conn_ask (&c, "END\n", "OK\n");
    conn_expect_answer (&c, 0, "he%llo\0x more\r\n", 15);
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

  conn_inquire (&c, CONN_SOCKET, 100);
  conn_say (&c, answers[i].say);
  assert_err (c.rc, 0);
  assert_false (c.done);
  if (answers[i].len >= 0) {
    conn_expect_answer (&c, 0, answers[i].data, (size_t) answers[i].len);
    peer_expect (c.in, "OK\n");
  } else {
    gpg_err_code_t code = answers[i].len == -1 ? GPG_ERR_ASS_CANCELED : GPG_ERR_ASS_UNEXPECTED_CMD;

    conn_expect_failure (&c, ERR (code));
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
  conn_expect_answer (&c, 0, "123", 3);
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
  conn_inquire (&c, CONN_SOCKET, 0);
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
  conn_inquire (&c, CONN_SOCKET, 5);
  conn_ask (&c, "D 123\nD %34%35\nEND\n", "OK\n");
  conn_expect_answer (&c, 0, "12345", 5);
  conn_free (&c);
}

/* One octet too many is told at once; the rest of the answer is swallowed and not run as
 * commands.  */
static void
check_too_much (const char *first, const char *rest) {
  struct conn c;

  conn_inquire (&c, CONN_SOCKET, 5);
  conn_say (&c, first);
  conn_expect_failure (&c, ERR (GPG_ERR_ASS_TOO_MUCH_DATA));
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
  conn_inquire (&c, CONN_SOCKET, 5);
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

/* The command ends before its answer came.  */
static void
finish_first (struct conn *c) {
  c->inquiry.finish = false;
  conn_finish (c, 0);
  c->pending = false;
  peer_expect (c->in, "OK\n");
}

/* An over-long line after a command that was finished first is part of the answer, and of no
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
  conn_inquire (&c, CONN_SOCKET, 100);
  finish_first (&c);
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
  conn_inquire (&c, CONN_SOCKET, 100);
  finish_first (&c);
  conn_say (&c, "CANCELJOB 5\n");
  peer_expect_err (c.in, ERR (GPG_ERR_ASS_UNKNOWN_CMD), NULL);
  conn_ask (&c, "DONE a\n", "OK\n");
  conn_free (&c);
}

/* Escapes that are none stand for themselves.  */
static void
test_odd_escapes (void **state) {
  struct conn c;

  (void) state;
  /* deviation: a malformed escape gives junk or worse.  */
  if (on_oracle ()) skip ();
  conn_inquire (&c, CONN_SOCKET, 100);
  conn_ask (&c, "D 50% off%4\nD 1%\nEND\n", "OK\n");
  conn_expect_answer (&c, 0, "50% off%41%", 11);
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
    loop_test (test_odd_escapes),
  };

  return suite_run (tests);
}
