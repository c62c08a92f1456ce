/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* assuan_transact: every kind of reply, what the callbacks are given, and what is left in the
 * stream after an error.  Inquiries are in test-transact-inquire.c.  */

#include <sys/socket.h>
#include <unistd.h>

#include "client.h"

/* One reply, what the callbacks are given, and the result.  */
struct reply {
  const char *text;
  const char *notes;
  gpg_error_t rc;
};

/* Each reply on a connection of its own, followed by one for a second command: nothing of the
 * first may be left, nothing of the second may be taken.  */
static void
check_replies (const struct reply *replies, size_t n) {
  for (size_t i = 0; i < n; i++) {
    struct client c;

    client_open (&c, 0);
    client_check (&c, "FIRST arg", replies[i].text, replies[i].rc, replies[i].notes);
    peer_expect (c.peer, "FIRST arg\n");
    client_check (&c, "SECOND", "S second\nOK\n", 0, "S[second]");
    peer_expect (c.peer, "SECOND\n");
    client_close (&c);
  }
}
#define CHECK_REPLIES(replies) check_replies (replies, sizeof replies / sizeof *replies)

static void
test_ok (void **state) {
  static const struct reply replies[] = {
    { "OK\n", "", 0 },         { "OK with text\n", "", 0 },
    { "OK\r\n", "", 0 },       { "OK  two blanks \n", "", 0 },
    { "\n\r\n\nOK\n", "", 0 },
  };

  (void) state;
  CHECK_REPLIES (replies);
}

/* ASS_UNKNOWN_CMD of GPG Agent, as a number.  */
#define AGENT_ERR 67109139

static void
test_err (void **state) {
  static const struct reply replies[] = {
    /* The number is the result as it stands, source included.  */
    { "ERR 67109139 Unknown IPC command <GPG Agent>\n", "", AGENT_ERR },
    { "ERR 67109139\n", "", AGENT_ERR },
    { "ERR 67109139 - with text\r\n", "", AGENT_ERR },
    { "ERR 99\n", "", GPG_ERR_CANCELED },
    { "ERR  77 two blanks\n", "", GPG_ERR_NO_AGENT },
    { "S a\nD b\n# c\nERR 99 foo\n", "S[a] D[b]", GPG_ERR_CANCELED },
  };

  (void) state;
  CHECK_REPLIES (replies);
}

/* deviation: `ERR` without a number is success | an error */
static void
test_err_without_number (void **state) {
  static const char *const replies[] = { "ERR\n", "ERR \n", "ERR foo\n", "ERR 4294967296 foo\n" };

  (void) state;
  for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
    struct client c;
    gpg_error_t rc;

    client_open (&c, 0);
    rc = client_try (&c, "A", replies[i]);
    if (on_oracle ()) {
      /* Where a long has 32 bits the number is cut to its largest value.  */
      if (i < 3 || sizeof (long) > 4) assert_err (rc, 0);
    } else {
      assert_int_not_equal (gpg_err_code (rc), 0);
      assert_int_equal (gpg_err_source (rc), SUITE_SOURCE);
    }
    assert_err (client_try (&c, "B", "OK\n"), 0);
    peer_expect (c.peer, "A\nB\n");
    client_close (&c);
  }
}

static void
test_status (void **state) {
  static const struct reply replies[] = {
    { "S FOO\nOK\n", "S[FOO]", 0 },
    { "S FOO bar  baz \nOK\n", "S[FOO bar  baz ]", 0 },
    { "S  FOO  bar\nOK\n", "S[FOO  bar]", 0 },
    { "S\nS \nOK\n", "S[] S[]", 0 },
    { "S FOO %41%zz\nOK\n", "S[FOO %41%zz]", 0 },
    { "S A\nS B\nOK\n", "S[A] S[B]", 0 },
    { "S FOO\r\nOK\n", "S[FOO]", 0 },
  };

  (void) state;
  CHECK_REPLIES (replies);
}

static void
test_data (void **state) {
  static const struct reply replies[] = {
    { "D abc\nOK\n", "D[abc]", 0 },
    { "D abc\nD def\nOK\n", "D[abc] D[def]", 0 },
    { "D %25%0D%0A\nOK\n", "D[%\\0d\\0a]", 0 },
    { "D %0d%0a%41%7a\nOK\n", "D[\\0d\\0aAz]", 0 },
    { "D a%00b\nOK\n", "D[a\\00b]", 0 },
    { "D \nOK\n", "D[]", 0 },
    { "D  a  b \nOK\n", "D[ a  b ]", 0 },
    { "D \377\001\nOK\n", "D[\\ff\\01]", 0 },
    { "D END\nD OK\nOK\n", "D[END] D[OK]", 0 },
    { "D a\r\nOK\n", "D[a]", 0 },
    { "D a\nS b\nD c\nOK\n", "D[a] S[b] D[c]", 0 },
  };

  (void) state;
  CHECK_REPLIES (replies);
}

static void
test_data_nul (void **state) {
  struct client c;

  (void) state;
  client_open (&c, 0);
  peer_send (c.peer, "D a\0b\nOK\n", 9);
  assert_err (client_ask (&c, "A"), 0);
  client_expect_notes (&c, "D[a\\00b]");
  peer_expect (c.peer, "A\n");
  client_close (&c);
}

/* deviation: a malformed or truncated escape gives junk or worse | a `%` that two hex digits do
 * not follow stands for itself */
static void
test_data_bad_escape (void **state) {
  static const struct reply replies[] = {
    { "D a%\nOK\n", "D[a%]", 0 },
    { "D a%4\nOK\n", "D[a%4]", 0 },
    { "D 100% sure\nOK\n", "D[100% sure]", 0 },
    { "D %zz%4z%z4%41\nOK\n", "D[%zz%4z%z4A]", 0 },
    { "D %%41\nOK\n", "D[%A]", 0 },
  };

  (void) state;
  if (on_oracle ())
    check_replies (replies, 2);
  else
    CHECK_REPLIES (replies);
}

static void
test_end (void **state) {
  static const struct reply replies[] = {
    { "END\nOK\n", "E", 0 },
    { "END foo\nOK\n", "E", 0 },
    { "D a\nEND\nD b\nEND\nOK\n", "D[a] E D[b] E", 0 },
  };

  (void) state;
  CHECK_REPLIES (replies);
}

static void
test_comments_skipped (void **state) {
  static const struct reply replies[] = {
    { "# comment\n#x\n#\nOK\n", "", 0 },
    { "S a\n# comment\nS b\nOK\n", "S[a] S[b]", 0 },
  };

  (void) state;
  CHECK_REPLIES (replies);
}

static void
test_comments_conveyed (void **state) {
  struct client c;

  (void) state;
  client_open (&c, 0);
  assuan_set_flag (c.ctx, ASSUAN_CONVEY_COMMENTS, 1);
  client_check (&c, "A", "# comment\n#x\n#\n# \nS foo\n\nOK\n", 0,
                "S[# comment] S[#x] S[#] S[# ] S[foo]");
  peer_say (c.peer, "# c\nOK\n");
  assert_err (client_ask_bare (&c, "B"), 0);
  assuan_set_flag (c.ctx, ASSUAN_CONVEY_COMMENTS, 0);
  client_check (&c, "C", "# comment\nOK\n", 0, "");
  peer_expect (c.peer, "A\nB\nC\n");
  client_close (&c);
}

/* A line of no known form ends the call.  It is unknown what the peer means by it, so the only
 * promise is the error.  */
static void
test_unknown_lines (void **state) {
  static const char *const lines[] = {
    "FOO bar\n",  "OKX\n",          "ok\n", "OK\tx\n", " OK\n",   "ERRX 1\n", "ERR\t1\n",
    "SX a\n",     "S\tFOO\n",       "D\n",  "Dabc\n",  "d abc\n", "D\tabc\n", "ENDX\n",
    "INQUIREX\n", "INQUIRE\tFOO\n",
  };

  (void) state;
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
    struct client c;

    client_open (&c, 0);
    client_check (&c, "A", lines[i], ERR (GPG_ERR_ASS_INV_RESPONSE), "");
    peer_expect (c.peer, "A\n");
    client_close (&c);
  }
}

/* What stands behind such a line would answer the next command.
 * deviation: the rest of a reply with an unknown line answers the next command | no command is sent
 * any more */
static void
test_rest_of_unknown_line (void **state) {
  static const char *const rests[] = { "OK\n", "ERR 99 first\n", "D a\nOK\n", "" };
  static const gpg_error_t oracle_rc[] = { 0, GPG_ERR_CANCELED, 0, 0 };

  (void) state;
  for (size_t i = 0; i < sizeof rests / sizeof *rests; i++) {
    struct client c;

    client_open (&c, 0);
    peer_say (c.peer, "loading the module\n");
    client_check (&c, "A", rests[i], ERR (GPG_ERR_ASS_INV_RESPONSE), "");
    peer_expect (c.peer, "A\n");
    for (int n = 0; n < 2; n++)
      if (!on_oracle ()) assert_err (client_try (&c, "B", "ERR 98 second\n"), ERR (GPG_ERR_EPIPE));
    if (on_oracle () && *rests[i]) assert_err (client_ask (&c, "B"), oracle_rc[i]);
    if (on_oracle () && *rests[i]) peer_expect (c.peer, "B\n");
    client_close (&c);
  }
}

/* The program may look through what came by itself.  */
static void
test_unknown_line_by_hand (void **state) {
  struct client c;
  size_t len;
  char *line;

  (void) state;
  client_open (&c, 0);
  assert_err (client_try (&c, "A", "loading the module\nOK done\n"),
              ERR (GPG_ERR_ASS_INV_RESPONSE));
  assert_err (assuan_read_line (c.ctx, &line, &len), 0);
  assert_string_equal (line, "OK done");
  assert_err (assuan_write_line (c.ctx, "RESET"), 0);
  peer_expect (c.peer, "A\nRESET\n");
  client_close (&c);
}

/* A context can be used for another connection, which is as good as any.  */
static void
test_unknown_line_then_connect (void **state) {
  struct client c;
  int fds[2];

  (void) state;
  client_open (&c, 0);
  assert_err (client_try (&c, "A", "loading the module\n"), ERR (GPG_ERR_ASS_INV_RESPONSE));
  /* The other library does not let go of the first one.  */
  if (on_oracle ()) {
    client_drop (&c);
    skip ();
  }
  fds_socketpair (fds, 0);
  peer_say (fds[1], "OK again\n");
  assert_err (assuan_socket_connect_fd (c.ctx, fds[0], 0), 0);
  close (c.peer);
  c.peer = fds[1];
  assert_err (client_try (&c, "B", "OK\n"), 0);
  peer_expect (c.peer, "B\n");
  client_close (&c);
}

/* A NUL ends a keyword as the end of the line does.  */
static void
test_nul_behind_keyword (void **state) {
  static const char reply[] = "S\0x\nS a\0x\nEND\0x\nOK\0x\n";
  struct client c;

  (void) state;
  client_open (&c, 0);
  peer_send (c.peer, reply, sizeof reply - 1);
  assert_err (client_ask (&c, "A"), 0);
  client_expect_notes (&c, "S[] S[a] E");
  peer_expect (c.peer, "A\n");
  client_close (&c);
}

static void
test_no_status_callback (void **state) {
  struct client c;

  (void) state;
  client_open (&c, 0);
  peer_say (c.peer, "S a\nOK\n");
  assert_err (client_ask_bare (&c, "A"), 0);
  peer_expect (c.peer, "A\n");
  client_close (&c);
}

/* The rest of REPLY after an error: on the reference library it answers the next command.
 * deviation: after a callback error, a reply is left in the stream and answers the next command |
 * the rest of the reply is drained */
static void
check_rest (struct client *c, gpg_error_t rc, const char *rest_notes) {
  c->data_rc = c->status_rc = 0;
  peer_expect (c->peer, "A\n");
  if (on_oracle ()) {
    assert_err (client_ask (c, "B"), rc);
    client_expect_notes (c, rest_notes);
    peer_expect (c->peer, "B\n");
    client_drop (c);
    return;
  }
  client_check (c, "B", "S b\nOK\n", 0, "S[b]");
  peer_expect (c->peer, "B\n");
  client_close (c);
}

static void
test_no_data_callback (void **state) {
  static const char *const first[] = { "D a\n", "D \n", "END\n" };

  (void) state;
  for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
    struct client c;

    client_open (&c, 0);
    peer_say (c.peer, first[i]);
    peer_say (c.peer, "D b\nS c\nOK\n");
    assert_err (client_ask_bare (&c, "A"), ERR (GPG_ERR_ASS_NO_DATA_CB));
    check_rest (&c, 0, "D[b] S[c]");
  }
}

static void
test_data_callback_fails (void **state) {
  static const char *const first[] = { "D a\n", "END\n" };
  static const char *const notes[] = { "D[a]", "E" };

  (void) state;
  for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
    struct client c;

    client_open (&c, 0);
    /* Callbacks may return whatever they like; it comes out as it is.  */
    c.data_rc = GPG_ERR_FALSE;
    peer_say (c.peer, first[i]);
    client_check (&c, "A", "D b\nS c\nERR 99\n", GPG_ERR_FALSE, notes[i]);
    check_rest (&c, GPG_ERR_CANCELED, "D[b] S[c]");
  }
}

static void
test_status_callback_fails (void **state) {
  struct client c;

  (void) state;
  client_open (&c, 0);
  c.status_rc = ERR (GPG_ERR_FALSE);
  client_check (&c, "A", "S a\nD b\nS c\nOK\n", ERR (GPG_ERR_FALSE), "S[a]");
  check_rest (&c, 0, "D[b] S[c]");
  client_open (&c, 0);
  assuan_set_flag (c.ctx, ASSUAN_CONVEY_COMMENTS, 1);
  c.status_rc = ERR (GPG_ERR_FALSE);
  client_check (&c, "A", "# a\nS c\nOK\n", ERR (GPG_ERR_FALSE), "S[# a]");
  check_rest (&c, 0, "S[c]");
}

/* The rest of a reply may be long, and may even ask for something: a server that waits for an
 * answer would wait forever.  */
static void
test_rest_with_inquiry (void **state) {
  struct client c;

  (void) state;
  /* The reference library leaves the inquiry unanswered.  */
  if (on_oracle ()) skip ();
  client_open (&c, 0);
  c.data_rc = ERR (GPG_ERR_FALSE);
  client_check (&c, "A", "D a\nINQUIRE X\nD b\nERR 99\n", ERR (GPG_ERR_FALSE), "D[a]");
  c.data_rc = 0;
  client_check (&c, "B", "OK\n", 0, "");
  peer_expect (c.peer, "A\nCAN\nB\n");
  client_close (&c);
}

static void
test_eof (void **state) {
  static const struct reply replies[] = {
    { "", "", 0 },
    { "S a\nD b\n", "S[a] D[b]", 0 },
  };

  (void) state;
  for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
    struct client c;

    client_open (&c, 0);
    peer_say (c.peer, replies[i].text);
    shutdown (c.peer, SHUT_WR);
    assert_err (client_ask (&c, "A"), ERR (GPG_ERR_EOF));
    client_expect_notes (&c, replies[i].notes);
    /* As often as one asks.  */
    assert_err (client_ask (&c, "B"), ERR (GPG_ERR_EOF));
    client_drop (&c);
  }
}

/* A reply that the server did not finish is none: "OK" might have become "OKAY".  */
static void
test_eof_in_line (void **state) {
  struct client c;

  (void) state;
  client_open (&c, 0);
  peer_say (c.peer, "OK");
  shutdown (c.peer, SHUT_WR);
  assert_err (client_ask (&c, "A"), ERR (GPG_ERR_ASS_INCOMPLETE_LINE));
  assert_err (client_ask (&c, "B"), ERR (GPG_ERR_EOF));
  client_drop (&c);
}

static void
test_peer_gone (void **state) {
  for (unsigned int flags = 0; flags <= ASSUAN_SOCKET_CONNECT_FDPASSING; flags++) {
    struct client c;

    (void) state;
    client_open (&c, flags);
    close (c.peer);
    c.peer = -1;
    assert_err (client_ask (&c, "A"), ERR (GPG_ERR_EPIPE));
    assert_err (client_ask (&c, "B"), ERR (GPG_ERR_EPIPE));
    client_drop (&c);
  }
}

/* What a server says before it closes tells more than that it closed.
 * deviation: a write that fails hides what the server said | its ERR is the result */
static void
test_last_words (void **state) {
  static const char *const words[] = { "ERR 99 idle for too long\n", "S a\n# b\n\nERR 99\n", "OK\n",
                                       "S a\n", "ERR 99" };
  static const gpg_error_t ours[] = { GPG_ERR_CANCELED, GPG_ERR_CANCELED, 0, 0, 0 };

  (void) state;
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    struct client c;

    client_open (&c, 0);
    peer_say (c.peer, words[i]);
    close (c.peer);
    c.peer = -1;
    assert_err (client_ask (&c, "A"), on_oracle () || !ours[i] ? ERR (GPG_ERR_EPIPE) : ours[i]);
    client_expect_notes (&c, "");
    assert_err (client_ask (&c, "B"), ERR (GPG_ERR_EPIPE));
    client_drop (&c);
  }
}

/* A server that only reads no more may be there for long: the client does not wait for it.  */
static void
test_no_last_words (void **state) {
  struct client c;

  (void) state;
  client_open (&c, 0);
  shutdown (c.peer, SHUT_RD);
  assert_err (client_ask (&c, "A"), ERR (GPG_ERR_EPIPE));
  client_drop (&c);
}

/* A line of N_OCTETS, "D xxx...", and its end.  */
static void
say_long (struct client *c, size_t n_octets, const char *end) {
  char line[2000];

  memset (line, 'x', n_octets);
  memcpy (line, "D ", 2);
  strcpy (line + n_octets, end);
  peer_say (c->peer, line);
}

static void
test_longest_line (void **state) {
  static const char *const ends[] = { "\n", "\r\n" };

  (void) state;
  for (size_t i = 0; i < 2; i++) {
    struct client c;

    client_open (&c, 0);
    say_long (&c, 1000, ends[i]);
    assert_err (client_try (&c, "A", "OK\n"), 0);
    assert_int_equal (c.notes_len, strlen ("D[]") + 998);
    peer_expect (c.peer, "A\n");
    c.notes_len = 0;
    client_close (&c);
  }
}

/* deviation: the rest of an over-long line is run as a command | skipped to LF;
 * `ASS_LINE_TOO_LONG` */
static void
test_line_too_long (void **state) {
  struct client c;

  (void) state;
  client_open (&c, 0);
  say_long (&c, 1200, "\n");
  client_check (&c, "A", "OK\n", ERR (GPG_ERR_ASS_LINE_TOO_LONG), "");
  peer_expect (c.peer, "A\n");
  if (on_oracle ()) {
    /* What is left of the line begins in the middle of it.  */
    assert_err (client_ask (&c, "B"), ERR (GPG_ERR_ASS_INV_RESPONSE));
    client_drop (&c);
    return;
  }
  client_check (&c, "B", "S b\nOK\n", 0, "S[b]");
  peer_expect (c.peer, "B\n");
  client_close (&c);
}

static void
test_invalid (void **state) {
  struct client c;

  (void) state;
  assert_err (assuan_transact (NULL, "A", NULL, NULL, NULL, NULL, NULL, NULL),
              gpg_err_make (GPG_ERR_SOURCE_ASSUAN, GPG_ERR_ASS_INV_VALUE));
  /* The reference library crashes on a context that is not connected.  */
  if (on_oracle ()) skip ();
  c.ctx = new_context ();
  assert_int_not_equal (assuan_transact (c.ctx, "A", NULL, NULL, NULL, NULL, NULL, NULL), 0);
  assuan_release (c.ctx);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    suite_test (test_ok),
    suite_test (test_err),
    suite_test (test_err_without_number),
    suite_test (test_status),
    suite_test (test_data),
    suite_test (test_data_nul),
    suite_test (test_data_bad_escape),
    suite_test (test_end),
    suite_test (test_comments_skipped),
    suite_test (test_comments_conveyed),
    suite_test (test_unknown_lines),
    suite_test (test_rest_of_unknown_line),
    suite_test (test_unknown_line_by_hand),
    suite_test (test_unknown_line_then_connect),
    suite_test (test_nul_behind_keyword),
    suite_test (test_no_status_callback),
    suite_test (test_no_data_callback),
    suite_test (test_data_callback_fails),
    suite_test (test_status_callback_fails),
    suite_test (test_rest_with_inquiry),
    suite_test (test_eof),
    suite_test (test_eof_in_line),
    suite_test (test_peer_gone),
    suite_test (test_last_words),
    suite_test (test_no_last_words),
    suite_test (test_longest_line),
    suite_test (test_line_too_long),
    suite_test (test_invalid),
  };

  return suite_run (tests);
}
