/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* assuan_process_next: one read, every whole line that it brought, and back to the loop.  */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "loop.h"

/* What is said in one piece, and what is answered in one turn.  */
static const struct {
  const char *say, *answer;
} turns[] = {
  { "DONE\n", "OK\n" },
  { "DONE with text\n", "OK\n" },
  { "done a\nDoNe b\n", "OK\nOK\n" },
  { "DONE a\r\n", "OK\n" },
  { "NOP\n", "OK\n" },
  { "NOP\n\n\nDONE\n# comment\nNOP\n", "OK\nOK\nOK\n" },
  { "\n", "" },
  { "# nothing\n", "" },
  { "\r\n", "" },
  { "ECHO 100% sure\nDONE\n", "D 100%25 sure\nOK\nOK\n" },
  { "RESET\n", "OK\n" },
  { "OPTION a=b\n", "OK\n" },
  { "OPTION\n", "ERR 536871188 IPC syntax error <User defined source 1> - argument required\n" },
  { "BOGUS\nDONE\n", "ERR 536871187 Unknown IPC command <User defined source 1>\nOK\n" },
  { " DONE\n", "ERR 536871188 IPC syntax error <User defined source 1> - leading white-space\n" },
  { "D data\n", "ERR 536870981 Not implemented <User defined source 1>\n" },
  { "END\nCANCEL\nAUTH\nNOP\n", "ERR 536870981 Not implemented <User defined source 1>\n"
                                "ERR 536870981 Not implemented <User defined source 1>\n"
                                "ERR 536870981 Not implemented <User defined source 1>\n"
                                "OK\n" },
  { "FAIL\nDONE\n", "ERR 536870948 Bad certificate <User defined source 1> - it looks odd\nOK\n" },
};

/* The numbers above are of one source; the suite's may be another.  */
static void
adapt (char *buf, size_t size, const char *answer) {
  size_t len = 0;

  buf[0] = 0;
  while (*answer) {
    const char *eol = strchr (answer, '\n');
    unsigned int number;

    if (sscanf (answer, "ERR %u ", &number) == 1) {
      const char *detail = strstr (answer, "> - ");
      gpg_error_t err = ERR (gpg_err_code (number));

      len += (size_t) snprintf (buf + len, size - len, "ERR %u %s <%s>", err, gpg_strerror (err),
                                gpg_strsource (err));
      answer = detail && detail < eol ? detail + 1 : eol;
    }
    len += (size_t) snprintf (buf + len, size - len, "%.*s\n", (int) (eol - answer), answer);
    answer = eol + 1;
  }
}

static void
test_turns (void **state) {
  (void) state;
  for (int kind = 0; kind < N_CONN_KINDS; kind++) {
    struct conn c;

    conn_open (&c, (enum conn_kind) kind);
    for (size_t i = 0; i < sizeof turns / sizeof *turns; i++) {
      char answer[600];

      adapt (answer, sizeof answer, turns[i].answer);
      peer_say (c.out, turns[i].say);
      assert_err (conn_next (&c), 0);
      assert_false (c.done);
      assert_false (assuan_pending_line (c.ctx));
      peer_expect (c.in, answer);
      conn_expect_silence (&c);
      if (loop_hooked ()) assert_int_equal (c.n_reads, (int) i + 1);
    }
    conn_free (&c);
  }
}

/* Reads are counted: one a call, however much there is.  */
static void
test_one_read (void **state) {
  char text[40 * 100 + 1] = "", answer[3 * 100 + 1] = "";
  struct conn c;

  (void) state;
  if (!loop_hooked ()) skip ();
  for (int i = 0; i < 100; i++) {
    strcat (text, "NOP 12345678901234567890123456789012345\n");
    strcat (answer, "OK\n");
  }
  for (int kind = 0; kind < N_CONN_KINDS; kind++) {
    conn_open (&c, (enum conn_kind) kind);
    peer_say (c.out, text);
    while (conn_readable (&c)) {
      int n_reads = c.n_reads;

      assert_err (conn_next (&c), 0);
      assert_int_equal (c.n_reads, n_reads + 1);
    }
    peer_expect (c.in, answer);
    /* deviation: reads of 1002 octets.  */
    if (on_oracle ())
      assert_true (c.n_turns >= 4);
    else
      assert_int_equal (c.n_turns, 1);
    conn_free (&c);
  }
}

/* The replies of one turn may leave in one write, and none is left out.  */
static void
test_few_writes (void **state) {
  struct conn c;

  (void) state;
  if (!loop_hooked ()) skip ();
  conn_open (&c, CONN_SOCKET);
  conn_ask (&c, "NOP\nNOP\nNOP\nNOP\n", "OK\nOK\nOK\nOK\n");
  /* deviation: two or three writes a line.  */
  if (on_oracle ())
    assert_int_equal (c.n_writes, 8);
  else
    assert_in_range (c.n_writes, 1, 4);
  conn_free (&c);
}

/* Half a line is kept, and no call waits for its rest.  */
static void
check_half_line (struct conn *c) {
  peer_say (c->out, "DON");
  assert_err (conn_next (c), 0);
  assert_false (c->done);
  conn_expect_silence (c);
  assert_false (assuan_pending_line (c->ctx));
  peer_say (c->out, "E a\nDO");
  assert_err (conn_next (c), 0);
  peer_expect (c->in, "OK\n");
  peer_say (c->out, "NE b");
  assert_err (conn_next (c), 0);
  conn_expect_silence (c);
  peer_say (c->out, "\n");
  assert_err (conn_next (c), 0);
  peer_expect (c->in, "OK\n");
  conn_expect_notes (c, "DONE(a) DONE(b)");
}

static void
test_half_line (void **state) {
  (void) state;
  for (int kind = 0; kind < N_CONN_KINDS; kind++) {
    struct conn c;

    conn_open (&c, (enum conn_kind) kind);
    conn_nonblock (&c);
    check_half_line (&c);
    /* deviation: a read that would block sleeps, even under an event loop.  */
    if (!on_oracle ()) assert_int_equal (c.n_sleeps, 0);
    if (!on_oracle () && loop_hooked ()) assert_int_equal (c.n_reads, 4);
    conn_free (&c);
  }
}

/* The descriptor is a blocking one, as accept makes them.  */
static void
test_half_line_blocking (void **state) {
  (void) state;
  /* deviation: half a line on a blocking descriptor holds the loop.  */
  if (on_oracle ()) skip ();
  for (int kind = 0; kind < N_CONN_KINDS; kind++) {
    struct conn c;

    conn_open (&c, (enum conn_kind) kind);
    check_half_line (&c);
    assert_int_equal (c.n_sleeps, 0);
    conn_free (&c);
  }
}

/* A call without anything to read comes back at once.  */
static void
test_spurious (void **state) {
  (void) state;
  for (int kind = 0; kind < N_CONN_KINDS; kind++) {
    struct conn c;

    conn_open (&c, (enum conn_kind) kind);
    conn_nonblock (&c);
    for (int i = 0; i < 3; i++) {
      assert_err (conn_next (&c), 0);
      assert_false (c.done);
      conn_expect_silence (&c);
    }
    if (!on_oracle ()) assert_int_equal (c.n_sleeps, 0);
    assert_true (c.n_reads <= 3);
    conn_ask (&c, "DONE\n", "OK\n");
    conn_free (&c);
  }
}

static void
test_spurious_blocking (void **state) {
  (void) state;
  /* deviation: process_next never waits.  */
  if (on_oracle ()) skip ();
  for (int kind = 0; kind < N_CONN_KINDS; kind++) {
    struct conn c;

    conn_open (&c, (enum conn_kind) kind);
    for (int i = 0; i < 3; i++) {
      assert_err (conn_next (&c), 0);
      assert_false (c.done);
    }
    conn_ask (&c, "DONE\n", "OK\n");
    assert_err (conn_next (&c), 0);
    assert_false (c.done);
    assert_int_equal (c.n_sleeps, 0);
    conn_free (&c);
  }
}

static void
test_octet_by_octet (void **state) {
  const char *text = "DONE one\nBOGUS\r\n\nDONE two\n";
  struct conn c;

  (void) state;
  /* deviation: a read that would block sleeps; only hooks make that bearable.  */
  if (on_oracle () && !loop_hooked ()) skip ();
  conn_open (&c, CONN_SOCKET);
  for (; *text; text++) {
    peer_send (c.out, text, 1);
    assert_err (conn_next (&c), 0);
  }
  peer_expect (c.in, "OK\n");
  peer_expect_err (c.in, ERR (GPG_ERR_ASS_UNKNOWN_CMD), NULL);
  peer_expect (c.in, "OK\n");
  conn_expect_notes (&c, "DONE(one) DONE(two)");
  conn_free (&c);
}

/* A program that does not care whether the client left does not have to ask.  */
static void
test_done_not_wanted (void **state) {
  struct conn c;

  (void) state;
  conn_open (&c, CONN_SOCKET);
  peer_say (c.out, "DONE\n");
  assert_err (assuan_process_next (c.ctx, NULL), 0);
  peer_expect (c.in, "OK\n");
  conn_half_close (&c);
  assert_err (assuan_process_next (c.ctx, NULL), 0);
  conn_free (&c);
}

/* DONE is set to false as well, whatever was in it.  */
static void
test_done_is_written (void **state) {
  struct conn c;
  int done = -7;

  (void) state;
  conn_open (&c, CONN_SOCKET);
  peer_say (c.out, "DONE\n");
  assert_err (assuan_process_next (c.ctx, &done), 0);
  assert_int_equal (done, 0);
  conn_half_close (&c);
  done = -7;
  assert_err (assuan_process_next (c.ctx, &done), 0);
  assert_int_not_equal (done, 0);
  assert_int_not_equal (done, -7);
  peer_expect (c.in, "OK\n");
  conn_free (&c);
}

/* Notifiers run around each command; the name is there as long as the handler runs.  */
static void
test_notifiers (void **state) {
  struct conn c;

  (void) state;
  conn_open (&c, CONN_SOCKET);
  conn_note_commands (&c);
  conn_say (&c, "DONE a\nNOP\n");
  conn_expect_notes (&c, "PRE(DONE) DONE(a) POST(0,DONE) PRE(NOP) POST(0,NOP)");
  assert_null (assuan_get_command_name (c.ctx));
  /* What is refused before dispatching ends, too.  */
  conn_say (&c, "BOGUS\nD x\n DONE\n");
  conn_expect_notes (&c, "POST(0,-) POST(0,-) POST(0,-)");
  conn_say (&c, "fail x\n");
  conn_expect_notes (&c, "PRE(FAIL) FAIL(x) POST(0,FAIL)");
  conn_free (&c);
}

static gpg_error_t
veto (assuan_context_t ctx, const char *cmd) {
  (void) ctx;
  return strcmp (cmd, "DONE") ? 0 : ERR (GPG_ERR_FORBIDDEN);
}

static void
test_veto (void **state) {
  struct conn c;

  (void) state;
  conn_open (&c, CONN_SOCKET);
  assert_err (assuan_register_pre_cmd_notify (c.ctx, veto), 0);
  peer_say (c.out, "DONE\nNOP\n");
  assert_err (conn_next (&c), 0);
  peer_expect_err (c.in, ERR (GPG_ERR_FORBIDDEN), NULL);
  peer_expect (c.in, "OK\n");
  conn_expect_notes (&c, "");
  conn_free (&c);
}

static void
test_longest_line (void **state) {
  char line[1003];
  struct conn c;

  (void) state;
  memset (line, 'x', sizeof line);
  memcpy (line, "DONE ", 5);
  conn_open (&c, CONN_SOCKET);
  line[1000] = '\n';
  peer_send (c.out, line, 1001);
  assert_err (conn_next (&c), 0);
  peer_expect (c.in, "OK\n");
  memcpy (line + 1000, "\r\n", 2);
  peer_send (c.out, line, 1002);
  conn_turns (&c);
  peer_expect (c.in, "OK\n");
  conn_free (&c);
}

/* A line that is too long is an error of process_next, once; what follows it is as good as
 * ever.  */
static void
test_too_long_line (void **state) {
  char line[5001];
  struct conn c;
  int n_errors = 0;

  (void) state;
  /* deviation: the rest of an over-long line is run as a command.  */
  if (on_oracle ()) skip ();
  memset (line, 'x', sizeof line);
  line[5000] = '\n';
  conn_open (&c, CONN_SOCKET);
  peer_say (c.out, "DONE a\n");
  peer_send (c.out, line, sizeof line);
  peer_say (c.out, "DONE b\n");
  while (conn_readable (&c) || assuan_pending_line (c.ctx)) {
    if (!conn_next (&c)) continue;
    assert_err (c.rc, ERR (GPG_ERR_ASS_LINE_TOO_LONG));
    n_errors++;
  }
  assert_int_equal (n_errors, 1);
  assert_false (c.done);
  conn_expect_notes (&c, "DONE(a) DONE(b)");
  peer_expect (c.in, "OK\nOK\n");
  conn_expect_silence (&c);
  conn_free (&c);
}

/* All in one read: what stands behind the line is answered in that turn, for nothing else may ever
 * come that would wake the loop.  */
static void
check_behind_too_long (const char *behind, gpg_error_t rc, const char *notes, const char *answer) {
  static char line[8000];
  struct conn c;

  memset (line, 'x', 5000);
  snprintf (line + 5000, sizeof line - 5000, "\n%s", behind);
  conn_open (&c, CONN_SOCKET);
  peer_say (c.out, line);
  assert_err (conn_next (&c), rc);
  assert_false (c.done);
  assert_false (assuan_pending_line (c.ctx));
  conn_expect_notes (&c, notes);
  peer_expect (c.in, answer);
  conn_expect_silence (&c);
  conn_free (&c);
}

static void
test_behind_too_long_line (void **state) {
  (void) state;
  /* deviation: the rest of an over-long line is run as a command.  */
  if (on_oracle ()) skip ();
  check_behind_too_long ("DONE a\nDONE b\n", ERR (GPG_ERR_ASS_LINE_TOO_LONG), "DONE(a) DONE(b)",
                         "OK\nOK\n");
}

static void
test_behind_too_long_lines (void **state) {
  char text[2100];

  (void) state;
  if (on_oracle ()) skip ();
  memset (text, 'y', sizeof text);
  memcpy (text, "DONE a\n", 7);
  strcpy (text + 2050, "\nDONE b\n");
  check_behind_too_long (text, ERR (GPG_ERR_ASS_LINE_TOO_LONG), "DONE(a) DONE(b)", "OK\nOK\n");
}

/* A command that is left open with an error of its own: that one comes out, as the program waits
   for
 * it.  */
static void
test_pending_behind_too_long_line (void **state) {
  (void) state;
  if (on_oracle ()) skip ();
  check_behind_too_long ("DONE a\nLATER b\n", ERR (GPG_ERR_UNFINISHED), "DONE(a) LATER(b)", "OK\n");
  check_behind_too_long ("ASYNC b\n", ERR (GPG_ERR_ASS_LINE_TOO_LONG), "ASYNC(b)", "");
}

/* In an answer the inquiry's callback hears of it, and the rest of the answer is swallowed.  */
static void
test_too_long_answer (void **state) {
  char line[3001];
  struct conn c;

  (void) state;
  /* deviation: the rest of an over-long line is run as a command.  */
  if (on_oracle ()) skip ();
  memset (line, 'x', sizeof line);
  memcpy (line, "D ", 2);
  line[3000] = '\n';
  conn_open (&c, CONN_SOCKET);
  conn_ask (&c, "INQ\n", "INQUIRE KEYDATA\n");
  peer_send (c.out, line, sizeof line);
  conn_say (&c, "D more\nEND\nDONE a\n");
  assert_err (c.rc, 0);
  assert_int_equal (c.inquiry.n_calls, 1);
  assert_err (c.inquiry.rc, ERR (GPG_ERR_ASS_LINE_TOO_LONG));
  peer_expect_err (c.in, ERR (GPG_ERR_ASS_LINE_TOO_LONG), NULL);
  peer_expect (c.in, "OK\n");
  conn_expect_notes (&c, "DONE(a)");
  conn_free (&c);
}

/* A reply that cannot be written is the end, and no signal; what was asked for behind it is not
 * done without a reader.  */
static void
test_write_error (void **state) {
  static const char *const requests[] = { "DONE a\n", "NOP\n", "BOGUS\n", " odd\n", "ECHO a\n" };

  (void) state;
  /* deviation: SIGPIPE can end the process.  */
  if (!on_oracle ()) signal (SIGPIPE, SIG_DFL);
  for (int kind = 0; kind < N_CONN_KINDS; kind++)
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
      struct conn c;

      conn_open (&c, (enum conn_kind) kind);
      peer_say (c.out, requests[i]);
      conn_hang_up (&c);
      /* deviation: that the client left is no error of process_next.  */
      assert_code (conn_next (&c), on_oracle () ? GPG_ERR_EPIPE : 0);
      assert_true (c.done != on_oracle ());
      conn_expect_notes (&c, i ? "" : "DONE(a)");
      conn_free (&c);
    }
  signal (SIGPIPE, SIG_IGN);
}

/* Notes, and answers with more than one turn keeps for its end.  */
static gpg_error_t
cmd_big (assuan_context_t ctx, char *line) {
  static const char text[2000];

  conn_note (assuan_get_pointer (ctx), "BIG(%s)", line);
  for (int i = 0; i < 40; i++)
    assuan_send_data (ctx, text, sizeof text);
  return assuan_process_done (ctx, 0);
}

/* A client that left is worked for no more as soon as that shows.  */
static void
test_nothing_for_nobody (void **state) {
  struct conn c;

  (void) state;
  /* deviation: that the client left is no error of process_next.  */
  if (on_oracle ()) skip ();
  conn_open (&c, CONN_SOCKET);
  assert_err (assuan_register_command (c.ctx, "BIG", cmd_big, NULL), 0);
  peer_say (c.out, "BIG a\nDONE b\n");
  conn_hang_up (&c);
  for (int i = 0; i < 3; i++) {
    assert_err (conn_next (&c), 0);
    assert_true (c.done);
  }
  conn_expect_notes (&c, "BIG(a)");
  conn_free (&c);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    loop_test (test_turns),
    loop_test (test_one_read),
    loop_test (test_few_writes),
    loop_test (test_half_line),
    loop_test (test_half_line_blocking),
    loop_test (test_spurious),
    loop_test (test_spurious_blocking),
    loop_test (test_octet_by_octet),
    loop_test (test_done_not_wanted),
    loop_test (test_done_is_written),
    loop_test (test_notifiers),
    loop_test (test_veto),
    loop_test (test_longest_line),
    loop_test (test_too_long_line),
    loop_test (test_too_long_answer),
    loop_test (test_behind_too_long_line),
    loop_test (test_behind_too_long_lines),
    loop_test (test_pending_behind_too_long_line),
    loop_test (test_write_error),
    loop_test (test_nothing_for_nobody),
  };

  return suite_run (tests);
}
