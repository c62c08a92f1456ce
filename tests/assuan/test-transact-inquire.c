/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* assuan_transact: inquiries, what the callback is given and what the server gets for it, and
 * commands, as they stand on the wire.  */

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"

/* The octets that an answer is made of.  */
static void
send_abc (struct client *c) {
  assert_err (assuan_send_data (c->ctx, "abc", 3), 0);
}

static void
send_special (struct client *c) {
  assert_err (assuan_send_data (c->ctx, "a%b\r\nc\0\377d", 9), 0);
}

static void
send_pieces (struct client *c) {
  assert_err (assuan_send_data (c->ctx, "ab", 2), 0);
  assert_err (assuan_send_data (c->ctx, "", 0), 0);
  assert_err (assuan_send_data (c->ctx, "%", 1), 0);
  assert_err (assuan_send_data (c->ctx, "cd", 2), 0);
}

static void
send_nothing (struct client *c) {
  assert_err (assuan_send_data (c->ctx, "", 0), 0);
  assert_err (assuan_send_data (c->ctx, "z", 0), 0);
}

static void
send_and_end (struct client *c) {
  assert_err (assuan_send_data (c->ctx, "ab", 2), 0);
  assert_err (assuan_send_data (c->ctx, NULL, 0), 0);
}

static void
send_and_cancel (struct client *c) {
  assert_err (assuan_send_data (c->ctx, "ab", 2), 0);
  assert_err (assuan_send_data (c->ctx, NULL, 1), 0);
}

static void
send_wrongly (struct client *c) {
  assert_err (assuan_send_data (c->ctx, NULL, 2), ERR (GPG_ERR_ASS_INV_VALUE));
  send_abc (c);
}

static void
write_lines (struct client *c) {
  assert_err (assuan_write_line (c->ctx, "# a comment"), 0);
  assert_err (assuan_write_line (c->ctx, "D raw%0A"), 0);
}

static void
write_status (struct client *c) {
  assert_err (assuan_write_status (c->ctx, "PROGRESS", "1 2"), 0);
}

static void
test_answers (void **state) {
  static const struct {
    void (*answer) (struct client *c);
    const char *octets;
    size_t len;
  } answers[] = {
    { NULL, "END\n", 4 },
    { send_abc, "D abc\nEND\n", 10 },
    { send_special, "D a%25b%0D%0Ac\0\377d\nEND\n", 22 },
    { send_pieces, "D ab%25cd\nEND\n", 14 },
    { send_nothing, "END\n", 4 },
    { send_wrongly, "D abc\nEND\n", 10 },
    { write_lines, "# a comment\nD raw%0A\nEND\n", 25 },
    { write_status, "S PROGRESS 1 2\nEND\n", 19 },
  };

  (void) state;
  for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
    struct client c;

    client_open (&c, 0);
    c.answer = answers[i].answer;
    client_check (&c, "A", "S a\nINQUIRE KEY\nD b\nOK\n", 0, "S[a] I[KEY] D[b]");
    peer_expect (c.peer, "A\n");
    peer_expect_octets (c.peer, answers[i].octets, answers[i].len);
    client_close (&c);
  }
}

/* Ending or cancelling in the callback is documented; END at its return is one too many then,
 * which servers know to take.  It does not matter whether it is sent.  */
static void
check_ended (void (*answer) (struct client *c), const char *octets) {
  struct client c;
  char rest[20];
  size_t len;

  client_open (&c, 0);
  c.answer = answer;
  assert_err (client_try (&c, "A", "INQUIRE KEY\nOK\n"), 0);
  peer_expect (c.peer, octets);
  assuan_release (c.ctx);
  len = peer_read_all (c.peer, rest, sizeof rest - 1);
  rest[len] = 0;
  assert_true (!strcmp (rest, "END\nBYE\n") || !strcmp (rest, "BYE\n"));
  close (c.peer);
}

static void
test_ended_in_callback (void **state) {
  (void) state;
  check_ended (send_and_end, "A\nD ab\nEND\n");
  check_ended (send_and_cancel, "A\nD ab\nCAN\n");
}

static void
test_inquiry_text (void **state) {
  static const char *const rows[][2] = {
    { "INQUIRE\nOK\n", "I[]" },
    { "INQUIRE KEY\r\nOK\n", "I[KEY]" },
    { "INQUIRE KEY a b \nOK\n", "I[KEY a b ]" },
    { "INQUIRE  KEY\nOK\n", "I[KEY]" },
    { "INQUIRE KEY %41\nOK\n", "I[KEY %41]" },
    { "INQUIRE A\nINQUIRE B\nOK\n", "I[A] I[B]" },
  };

  (void) state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct client c;

    client_open (&c, 0);
    client_check (&c, "A", rows[i][0], 0, rows[i][1]);
    client_drop (&c);
  }
}

/* The server gets CAN, its answer to that is read and dropped.  */
static void
check_refused (void (*answer) (struct client *c), gpg_error_t rc, const char *octets) {
  struct client c;

  client_open (&c, 0);
  c.answer = answer;
  c.inquire_rc = rc;
  client_check (&c, "A", "INQUIRE KEY\nERR 83886357 IPC call has been cancelled\n", rc, "I[KEY]");
  peer_expect (c.peer, octets);
  client_check (&c, "B", "S b\nOK\n", 0, "S[b]");
  peer_expect (c.peer, "B\n");
  client_close (&c);
}

static void
test_callback_fails (void **state) {
  (void) state;
  check_refused (NULL, ERR (GPG_ERR_CANCELED), "A\nCAN\n");
  check_refused (NULL, GPG_ERR_NOT_FOUND, "A\nCAN\n");
  check_refused (send_abc, ERR (GPG_ERR_NO_DATA), "A\nD abc\nCAN\n");
}

/* After CAN the server may have more to say before its ERR.
 * deviation: after a callback error, a reply is left in the stream and answers the next command |
 * the rest of the reply is drained */
static void
test_callback_fails_long_rest (void **state) {
  struct client c;

  (void) state;
  client_open (&c, 0);
  c.inquire_rc = ERR (GPG_ERR_NOT_FOUND);
  client_check (&c, "A", "INQUIRE KEY\nS a\nD b\nERR 99\n", ERR (GPG_ERR_NOT_FOUND), "I[KEY]");
  peer_expect (c.peer, "A\nCAN\n");
  if (on_oracle ()) {
    assert_err (client_ask (&c, "B"), GPG_ERR_CANCELED);
    client_expect_notes (&c, "D[b]");
    client_drop (&c);
    return;
  }
  client_check (&c, "B", "OK\n", 0, "");
  peer_expect (c.peer, "B\n");
  client_close (&c);
}

static void
test_no_callback (void **state) {
  static const char *const ends[] = { "OK\n", "ERR 99 canceled\n" };

  (void) state;
  for (size_t i = 0; i < 2; i++) {
    struct client c;

    client_open (&c, 0);
    peer_say (c.peer, "INQUIRE KEY\n");
    peer_say (c.peer, ends[i]);
    assert_err (client_ask_bare (&c, "A"), ERR (GPG_ERR_ASS_NO_INQUIRE_CB));
    peer_expect (c.peer, "A\n");
    peer_expect (c.peer, "END\n");
    client_check (&c, "B", "S b\nOK\n", 0, "S[b]");
    peer_expect (c.peer, "B\n");
    client_close (&c);
  }
}

/* What the server gets for LEN octets C.  Lines are filled until 998 octets or more stand on
 * them; an escape that begins there may bring a line to 1000.  */
static void
check_split (size_t len, int octet, size_t octets_a_line) {
  char *data = malloc (len), *expected = malloc (4 * len + 100);
  size_t line_len = 0, n = 0;
  struct client c;

  memset (data, octet, len);
  for (size_t i = 0; i < len; i++) {
    if (!line_len) n += (size_t) sprintf (expected + n, "D ");
    n += (size_t) sprintf (expected + n, octet == '%' ? "%%25" : "%c", octet);
    if (++line_len == octets_a_line || i == len - 1) {
      expected[n++] = '\n';
      line_len = 0;
    }
  }
  strcpy (expected + n, "END\n");
  client_open (&c, 0);
  assert_err (assuan_send_data (c.ctx, data, len), 0);
  assert_err (assuan_send_data (c.ctx, NULL, 0), 0);
  peer_expect (c.peer, expected);
  /* Piece by piece makes no difference.  */
  for (size_t i = 0; i < len; i += 7)
    assert_err (assuan_send_data (c.ctx, data + i, len - i < 7 ? len - i : 7), 0);
  assert_err (assuan_send_data (c.ctx, NULL, 0), 0);
  peer_expect (c.peer, expected);
  client_close (&c);
  free (data);
  free (expected);
}

static void
test_split (void **state) {
  (void) state;
  check_split (995, 'x', 996);
  check_split (996, 'x', 996);
  check_split (997, 'x', 996);
  check_split (3000, 'x', 996);
  /* 2 + 332 * 3 = 998 */
  check_split (331, '%', 332);
  check_split (332, '%', 332);
  check_split (333, '%', 332);
  check_split (3000, '%', 332);
}

/* 997 octets stand on the line, the last one is an escape.  */
static void
test_split_in_escape (void **state) {
  char data[1100], expected[1200];
  struct client c;

  (void) state;
  memset (data, 'x', sizeof data);
  data[995] = '\n';
  client_open (&c, 0);
  assert_err (assuan_send_data (c.ctx, data, 1000), 0);
  assert_err (assuan_send_data (c.ctx, NULL, 0), 0);
  memset (expected, 'x', sizeof expected);
  memcpy (expected, "D ", 2);
  strcpy (expected + 997, "%0A\nD xxxx\nEND\n");
  peer_expect (c.peer, expected);
  client_close (&c);
}

/* Data before another line leave before it.
 * deviation: status lines overtake data written before them | order kept */
static void
test_data_then_line (void **state) {
  struct client c;

  (void) state;
  client_open (&c, 0);
  assert_err (assuan_send_data (c.ctx, "ab", 2), 0);
  assert_err (assuan_write_line (c.ctx, "# line"), 0);
  assert_err (assuan_send_data (c.ctx, NULL, 0), 0);
  peer_expect (c.peer, on_oracle () ? "# line\nD ab\nEND\n" : "D ab\n# line\nEND\n");
  client_close (&c);
}

/* Callbacks hand on what they get to another connection, as gpg-agent does with scdaemon.  */
static void
relay_inquiry (struct client *c) {
  struct client *other = c->arg;

  client_check (other, "GET", "D relayed\nOK\n", 0, "D[relayed]");
  peer_expect (other->peer, "GET\n");
  send_abc (c);
}

static void
test_nested (void **state) {
  struct client c, other;

  (void) state;
  client_open (&c, 0);
  client_open (&other, 0);
  c.answer = relay_inquiry;
  c.arg = &other;
  client_check (&c, "A", "INQUIRE KEY\nD a\nOK\n", 0, "I[KEY] D[a]");
  peer_expect (c.peer, "A\nD abc\nEND\n");
  client_close (&other);
  client_close (&c);
}

/* Commands on the wire.  */
static void
test_commands (void **state) {
  static const char *const rows[][2] = {
    { "A", "A\n" },     { " A", " A\n" },         { "A\tb  ", "A\tb  \n" }, { "A\nB", "A\n" },
    { "A\n", "A\n" },   { "A\rB", "A\rB\n" },     { "END", "END\n" },       { "D foo", "D foo\n" },
    { "CAN", "CAN\n" }, { "A \377", "A \377\n" },
  };

  (void) state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct client c;

    client_open (&c, 0);
    client_check (&c, rows[i][0], "S a\nOK\n", 0, "S[a]");
    peer_expect (c.peer, rows[i][1]);
    client_close (&c);
  }
}

/* A server says nothing to these, so nothing may be waited for.  */
static void
test_commands_without_reply (void **state) {
  struct client c;

  (void) state;
  client_open (&c, 0);
  assert_err (client_ask (&c, ""), 0);
  assert_err (client_ask (&c, "# comment"), 0);
  assert_err (client_ask (&c, "#"), 0);
  peer_expect (c.peer, "\n# comment\n#\n");
  client_expect_notes (&c, "");
  client_close (&c);
}

/* A line of 1000 octets is the longest; of a longer one 999 are sent.  */
static void
test_long_commands (void **state) {
  static const struct {
    size_t len, sent_len;
  } rows[] = { { 999, 999 }, { 1000, 1000 }, { 1001, 999 }, { 1500, 999 } };

  (void) state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char command[1600];
    struct client c;

    memset (command, 'c', sizeof command);
    command[rows[i].len] = 0;
    client_open (&c, 0);
    assert_err (client_try (&c, command, "OK\n"), 0);
    strcpy (command + rows[i].sent_len, "\n");
    peer_expect (c.peer, command);
    client_close (&c);
  }
}

/* The server is gone while the callback answers.  */
static void
hang_up (struct client *c) {
  gpg_error_t rc = 0;

  close (c->peer);
  c->peer = -1;
  for (int i = 0; i < 1000 && !rc; i++)
    rc = assuan_send_data (c->ctx, "0123456789", 10);
  assert_code (rc, GPG_ERR_EPIPE);
}

static void
test_peer_gone (void **state) {
  struct client c;
  gpg_error_t rc;

  (void) state;
  client_open (&c, 0);
  c.answer = hang_up;
  rc = client_try (&c, "A", "INQUIRE KEY\n");
  /* What was not read by the peer makes the kernel reset the connection.  */
  if (gpg_err_code (rc) != GPG_ERR_ECONNRESET) assert_code (rc, GPG_ERR_EPIPE);
  client_drop (&c);
}

/* The server has enough, says so and closes, in the middle of the answer.  */
static void
say_and_hang_up (struct client *c) {
  if (c->arg) peer_say (c->peer, c->arg);
  hang_up (c);
}

/* deviation: a write that fails hides what the server said | its ERR is the result */
static void
test_last_words (void **state) {
  const struct {
    const char *words;
    gpg_error_t callback_rc;
    gpg_error_t ours; /* 0: as without words */
  } rows[] = {
    { "ERR 99 too much\n", 0, GPG_ERR_CANCELED },
    { "ERR 99 too much\n", ERR (GPG_ERR_EPIPE), GPG_ERR_CANCELED },
    { "S a\nD b\nERR 99 too much\n", ERR (GPG_ERR_EPIPE), GPG_ERR_CANCELED },
    { "S a\nOK\n", ERR (GPG_ERR_EPIPE), 0 },
    { "S a\n", ERR (GPG_ERR_EPIPE), 0 },
    { NULL, ERR (GPG_ERR_EPIPE), 0 },
  };

  (void) state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct client c;
    gpg_error_t rc;

    client_open (&c, 0);
    c.answer = say_and_hang_up;
    c.arg = (void *) (uintptr_t) rows[i].words;
    c.inquire_rc = rows[i].callback_rc;
    rc = client_try (&c, "A", "INQUIRE KEY\n");
    client_expect_notes (&c, "I[KEY]");
    if (on_oracle () || !rows[i].ours)
      assert_true (gpg_err_code (rc) == GPG_ERR_EPIPE || gpg_err_code (rc) == GPG_ERR_ECONNRESET);
    else
      assert_err (rc, rows[i].ours);
    assert_int_not_equal (client_ask (&c, "B"), 0);
    client_drop (&c);
  }
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    suite_test (test_answers),
    suite_test (test_ended_in_callback),
    suite_test (test_inquiry_text),
    suite_test (test_callback_fails),
    suite_test (test_callback_fails_long_rest),
    suite_test (test_no_callback),
    suite_test (test_split),
    suite_test (test_split_in_escape),
    suite_test (test_data_then_line),
    suite_test (test_nested),
    suite_test (test_commands),
    suite_test (test_commands_without_reply),
    suite_test (test_long_commands),
    suite_test (test_peer_gone),
    suite_test (test_last_words),
  };

  return suite_run (tests);
}
