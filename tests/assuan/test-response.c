/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* assuan_client_read_response and assuan_client_parse_response, for clients that run the
 * dialogue themselves.  */

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"

/* What the server says, the line that it becomes, its kind, and where its text begins.  */
static const struct {
  const char *octets;
  const char *line;
  int response;
  int off;
} responses[] = {
  { "OK\n", "OK", ASSUAN_RESPONSE_OK, 2 },
  { "OK text\r\n", "OK text", ASSUAN_RESPONSE_OK, 3 },
  { "OK  two\n", "OK  two", ASSUAN_RESPONSE_OK, 4 },
  { "ERR\n", "ERR", ASSUAN_RESPONSE_ERROR, 3 },
  { "ERR 99 text\n", "ERR 99 text", ASSUAN_RESPONSE_ERROR, 4 },
  { "ERR  99\n", "ERR  99", ASSUAN_RESPONSE_ERROR, 5 },
  { "S\n", "S", ASSUAN_RESPONSE_STATUS, 1 },
  { "S FOO bar\n", "S FOO bar", ASSUAN_RESPONSE_STATUS, 2 },
  { "S  FOO\n", "S  FOO", ASSUAN_RESPONSE_STATUS, 3 },
  { "D abc\n", "D abc", ASSUAN_RESPONSE_DATA, 2 },
  { "D \n", "D ", ASSUAN_RESPONSE_DATA, 2 },
  { "D   a\n", "D   a", ASSUAN_RESPONSE_DATA, 2 },
  { "D %41%0a%25\n", "D A\n%", ASSUAN_RESPONSE_DATA, 2 },
  { "END\n", "END", ASSUAN_RESPONSE_END, 3 },
  { "END  foo\n", "END  foo", ASSUAN_RESPONSE_END, 3 },
  { "INQUIRE\n", "INQUIRE", ASSUAN_RESPONSE_INQUIRE, 7 },
  { "INQUIRE KEY par\n", "INQUIRE KEY par", ASSUAN_RESPONSE_INQUIRE, 8 },
  { "INQUIRE  KEY\n", "INQUIRE  KEY", ASSUAN_RESPONSE_INQUIRE, 9 },
  { "# comment\n", "# comment", ASSUAN_RESPONSE_COMMENT, 1 },
  { "#\n", "#", ASSUAN_RESPONSE_COMMENT, 1 },
  { "#x\n", "#x", ASSUAN_RESPONSE_COMMENT, 1 },
  { "\n\r\n\nOK\n", "OK", ASSUAN_RESPONSE_OK, 2 },
};
#define N_RESPONSES (sizeof responses / sizeof *responses)

static void
check_parse (assuan_context_t ctx, char *line, int linelen, int expected, int expected_off) {
  assuan_response_t response = -7;
  int off = -7;

  assert_err (assuan_client_parse_response (ctx, line, linelen, &response, &off), 0);
  assert_int_equal (response, expected);
  assert_int_equal (off, expected_off);
}

static void
test_read_and_parse (void **state) {
  struct client c;

  (void) state;
  client_open (&c, 0);
  for (size_t i = 0; i < N_RESPONSES; i++) {
    char *line = NULL;
    int len = -7;

    peer_say (c.peer, responses[i].octets);
    assert_err (assuan_client_read_response (c.ctx, &line, &len), 0);
    assert_string_equal (line, responses[i].line);
    assert_int_equal (len, strlen (responses[i].line));
    check_parse (c.ctx, line, len, responses[i].response, responses[i].off);
    /* It may be changed.  */
    memset (line, 'x', (size_t) len);
  }
  client_close (&c);
}

/* Parsing is a pure function of the line, which it leaves alone.  */
static void
test_parse (void **state) {
  assuan_context_t ctx = new_context ();

  (void) state;
  for (size_t i = 0; i < N_RESPONSES; i++) {
    char *line = strdup (responses[i].line);

    check_parse (ctx, line, (int) strlen (line), responses[i].response, responses[i].off);
    assert_string_equal (line, responses[i].line);
    free (line);
  }
  assuan_release (ctx);
}

/* The length decides, not the NUL.  */
static void
test_parse_data_length (void **state) {
  char line[] = "D a\0b";

  (void) state;
  check_parse (NULL, line, 5, ASSUAN_RESPONSE_DATA, 2);
}

/* A NUL ends a keyword as a blank does, but none is skipped.  */
static void
test_parse_keyword_and_nul (void **state) {
  char ok[] = "OK\0a", status[] = "S\0a", error[] = "ERR\0 1", end[] = "END\0a",
       inquire[] = "INQUIRE\0a";

  (void) state;
  check_parse (NULL, ok, sizeof ok - 1, ASSUAN_RESPONSE_OK, 2);
  check_parse (NULL, status, sizeof status - 1, ASSUAN_RESPONSE_STATUS, 1);
  check_parse (NULL, error, sizeof error - 1, ASSUAN_RESPONSE_ERROR, 3);
  check_parse (NULL, end, sizeof end - 1, ASSUAN_RESPONSE_END, 3);
  check_parse (NULL, inquire, sizeof inquire - 1, ASSUAN_RESPONSE_INQUIRE, 7);
}

static void
test_parse_unknown (void **state) {
  static const char *const lines[] = { "",     "X",   "OKX",  "ok",   " OK",      "ERRX",
                                       "SX",   "D",   "Dabc", "d a",  "INQUIREX", "ENDX",
                                       "OK\t", "S\t", "  ",   "END\t" };
  assuan_context_t ctx = new_context ();

  (void) state;
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
    assuan_response_t response = -7;
    char *line = strdup (lines[i]);
    int off = -7;

    assert_err (assuan_client_parse_response (ctx, line, (int) strlen (line), &response, &off),
                ERR (GPG_ERR_ASS_INV_RESPONSE));
    assert_int_equal (response, ASSUAN_RESPONSE_ERROR);
    assert_int_equal (off, 0);
    free (line);
  }
  assuan_release (ctx);
}

/* Comments are left to the caller, whatever the flag says; only empty lines are not.  */
static void
test_read_comments (void **state) {
  struct client c;

  (void) state;
  client_open (&c, 0);
  for (int convey = 0; convey <= 1; convey++) {
    char *line;
    int len;

    assuan_set_flag (c.ctx, ASSUAN_CONVEY_COMMENTS, convey);
    peer_say (c.peer, "\n# c\n\nOK\n");
    assert_err (assuan_client_read_response (c.ctx, &line, &len), 0);
    assert_string_equal (line, "# c");
    assert_err (assuan_client_read_response (c.ctx, &line, &len), 0);
    assert_string_equal (line, "OK");
  }
  client_close (&c);
}

static void
test_read_data_with_nul (void **state) {
  struct client c;
  char *line;
  int len;

  (void) state;
  client_open (&c, 0);
  peer_send (c.peer, "D a\0b%00c\n", 10);
  assert_err (assuan_client_read_response (c.ctx, &line, &len), 0);
  assert_int_equal (len, 7);
  assert_memory_equal (line, "D a\0b\0c", 8);
  client_close (&c);
}

/* deviation: a malformed or truncated escape gives junk or worse | a `%` that two hex digits do
 * not follow stands for itself */
static void
test_read_bad_escape (void **state) {
  struct client c;
  char *line;
  int len;

  (void) state;
  client_open (&c, 0);
  peer_say (c.peer, on_oracle () ? "D a%4\n" : "D %zz%a%4\n");
  assert_err (assuan_client_read_response (c.ctx, &line, &len), 0);
  assert_string_equal (line, on_oracle () ? "D a%4" : "D %zz%a%4");
  client_close (&c);
}

static void
test_read_eof (void **state) {
  struct client c;
  char *line = NULL;
  int len = -7;

  (void) state;
  client_open (&c, 0);
  shutdown (c.peer, SHUT_WR);
  for (int i = 0; i < 2; i++) {
    assert_err (assuan_client_read_response (c.ctx, &line, &len), ERR (GPG_ERR_EOF));
    assert_null (line);
    assert_int_equal (len, 0);
  }
  client_drop (&c);
}

/* A whole dialogue by hand.  */
static void
test_dialogue (void **state) {
  static const int kinds[] = { ASSUAN_RESPONSE_COMMENT, ASSUAN_RESPONSE_STATUS,
                               ASSUAN_RESPONSE_DATA, ASSUAN_RESPONSE_INQUIRE };
  struct client c;
  assuan_response_t response;
  char *line;
  int len, off;

  (void) state;
  client_open (&c, 0);
  assert_err (assuan_write_line (c.ctx, "GET"), 0);
  peer_expect (c.peer, "GET\n");
  peer_say (c.peer, "# c\nS p\nD a%0Ab\nINQUIRE K x\n");
  for (size_t i = 0; i < 4; i++) {
    assert_err (assuan_client_read_response (c.ctx, &line, &len), 0);
    assert_err (assuan_client_parse_response (c.ctx, line, len, &response, &off), 0);
    assert_int_equal (response, kinds[i]);
  }
  assert_string_equal (line + off, "K x");
  assert_err (assuan_send_data (c.ctx, "v", 1), 0);
  assert_err (assuan_send_data (c.ctx, NULL, 0), 0);
  peer_expect (c.peer, "D v\nEND\n");
  peer_say (c.peer, "OK done\n");
  assert_err (assuan_client_read_response (c.ctx, &line, &len), 0);
  assert_err (assuan_client_parse_response (c.ctx, line, len, &response, &off), 0);
  assert_int_equal (response, ASSUAN_RESPONSE_OK);
  assert_string_equal (line + off, "done");
  /* assuan_transact goes on where this ended.  */
  client_check (&c, "A", "S a\nOK\n", 0, "S[a]");
  peer_expect (c.peer, "A\n");
  client_close (&c);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    suite_test (test_read_and_parse),
    suite_test (test_parse),
    suite_test (test_parse_data_length),
    suite_test (test_parse_unknown),
    suite_test (test_parse_keyword_and_nul),
    suite_test (test_read_comments),
    suite_test (test_read_data_with_nul),
    suite_test (test_read_bad_escape),
    suite_test (test_read_eof),
    suite_test (test_dialogue),
  };

  return suite_run (tests);
}
