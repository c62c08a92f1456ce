/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Handlers that read and write lines themselves, as pinentry does.  */

#include <sys/socket.h>
#include <unistd.h>

#include "suite.h"

/* Note what the next line is.  */
static gpg_error_t
read_and_note (assuan_context_t ctx) {
  struct notes *notes = assuan_get_pointer (ctx);
  char *line = NULL;
  size_t len = 0;
  gpg_error_t err = assuan_read_line (ctx, &line, &len);

  if (err)
    note (notes, "%s", err_text (err));
  else
    note (notes, "%zu [%s] %d%d", len, line, (int) strlen (line) == (int) len,
          assuan_pending_line (ctx));
  return err;
}

static gpg_error_t
cmd_read (assuan_context_t ctx, char *line) {
  (void) line;
  return read_and_note (ctx);
}

/* An inquiry by hand.  */
static gpg_error_t
cmd_quality (assuan_context_t ctx, char *line) {
  gpg_error_t err;
  char *answer;
  size_t len;

  (void) line;
  err = assuan_write_line (ctx, "INQUIRE QUALITY 123%25");
  if (err) return err;
  for (;;) {
    err = assuan_read_line (ctx, &answer, &len);
    if (err) return err;
    note (assuan_get_pointer (ctx), "[%s]", answer);
    if (!strcmp (answer, "END")) return 0;
    if (!strcmp (answer, "CAN")) return ERR (GPG_ERR_ASS_CANCELED);
    /* What was read is ours to change.  */
    memset (answer, 0, len);
  }
}

static void
prepare (assuan_context_t ctx, void *arg) {
  (void) arg;
  assuan_register_command (ctx, "READ", cmd_read, NULL);
  assuan_register_command (ctx, "QUALITY", cmd_quality, NULL);
}

static void
lines_come_raw (void **state) {
  struct notes notes = { 0 };
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, prepare, &notes);
  server_ask (&s, "READ\nsome  text \n", "OK\n");
  server_ask (&s, "READ\ntext\r\n", "OK\n");
  server_ask (&s, "READ\n\n", "OK\n");
  server_ask (&s, "READ\n# comment\n", "OK\n");
  server_ask (&s, "READ\nD a%41%0A\n", "OK\n");
  server_ask (&s, "READ\nNOP\n", "OK\n");
  server_ask (&s, "NOP\n", "OK\n");
  server_stop_noting (&s, &notes,
                      "11 [some  text ] 10\n4 [text] 10\n0 [] 10\n"
                      "9 [# comment] 10\n9 [D a%41%0A] 10\n3 [NOP] 10\n");
}

static void
length_counts_nul_octets (void **state) {
  struct notes notes = { 0 };
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, prepare, &notes);
  peer_send (s.out, "READ\nD a\0b\n", 11);
  peer_expect (s.in, "OK\n");
  server_stop_noting (&s, &notes, "5 [D a] 00\n");
}

/* Lines that came together: the handler's and the next command.  */
static void
lines_in_one_go (void **state) {
  struct notes notes = { 0 };
  struct server s;

  (void) state;
  server_start (&s, SERVER_PIPE, prepare, &notes);
  server_ask (&s, "READ\none\nREAD\ntwo\nNOP\n", "OK\nOK\nOK\n");
  server_stop_noting (&s, &notes, "3 [one] 11\n3 [two] 11\n");
}

static void
line_in_pieces (void **state) {
  struct notes notes = { 0 };
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, prepare, &notes);
  peer_say (s.out, "READ\na");
  peer_say (s.out, "bc");
  peer_say (s.out, "\r");
  peer_say (s.out, "\n");
  peer_expect (s.in, "OK\n");
  server_stop_noting (&s, &notes, "3 [abc] 10\n");
}

static void
end_of_file (void **state) {
  struct notes notes = { 0 };
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, prepare, &notes);
  peer_say (s.out, "READ\n");
  server_shut (&s);
  peer_expect_err (s.in, ERR (GPG_ERR_EOF), NULL);
  server_join (&s);
  assert_err (s.process_rc, 0);
  server_free (&s);
  assert_string_equal (notes.text, "16383/33\n");
}

static void
too_long_a_line (void **state) {
  struct notes notes = { 0 };
  struct server s;
  char text[1503];

  (void) state;
  server_start (&s, SERVER_SOCKET, prepare, &notes);
  memset (text, 'x', sizeof text);
  text[sizeof text - 1] = '\n';
  peer_say (s.out, "READ\n");
  peer_send (s.out, text, sizeof text);
  peer_expect_err (s.in, ERR (GPG_ERR_ASS_LINE_TOO_LONG), NULL);
  /* deviation: the rest of an over-long line is run as a command */
  if (on_oracle ()) peer_expect_err (s.in, ERR (GPG_ERR_ASS_UNKNOWN_CMD), NULL);
  server_ask (&s, "NOP\n", "OK\n");
  server_stop_noting (&s, &notes, "263/33\n");
}

static void
inquiry_by_hand (void **state) {
  struct notes notes = { 0 };
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, prepare, &notes);
  server_ask (&s, "QUALITY\n", "INQUIRE QUALITY 123%25\n");
  server_ask (&s, "D 40\nEND\n", "OK\n");
  server_ask (&s, "QUALITY\n", "INQUIRE QUALITY 123%25\n");
  server_ask_err (&s, "CAN\n", GPG_ERR_ASS_CANCELED, NULL);
  server_ask (&s, "NOP\n", "OK\n");
  server_stop_noting (&s, &notes, "[D 40]\n[END]\n[CAN]\n");
}

/* A program that has no dispatcher at all.  */
static void
reading_without_process (void **state) {
  struct server s;
  char *line;
  size_t len;

  (void) state;
  server_make (&s, SERVER_SOCKET);
  assert_err (assuan_accept (s.ctx), 0);
  server_expect_greeting (&s);
  assert_int_equal (assuan_pending_line (s.ctx), 0);
  peer_say (s.out, "one\ntwo\nthr");
  assert_err (assuan_read_line (s.ctx, &line, &len), 0);
  assert_int_equal (len, 3);
  assert_string_equal (line, "one");
  assert_int_equal (assuan_pending_line (s.ctx), 1);
  assert_err (assuan_read_line (s.ctx, &line, &len), 0);
  assert_string_equal (line, "two");
  /* A part of a line is no pending line.  */
  assert_int_equal (assuan_pending_line (s.ctx), 0);
  peer_say (s.out, "ee\n");
  assert_err (assuan_read_line (s.ctx, &line, &len), 0);
  assert_string_equal (line, "three");
  assert_int_equal (len, 5);
  assert_int_equal (assuan_pending_line (s.ctx), 0);
  shutdown (s.out, SHUT_WR);
  assert_err (assuan_read_line (s.ctx, &line, &len), ERR (GPG_ERR_EOF));
  assert_err (assuan_read_line (s.ctx, &line, &len), ERR (GPG_ERR_EOF));
  server_free (&s);
}

static void
rest_of_a_line_at_the_end (void **state) {
  struct server s;
  char *line;
  size_t len;

  (void) state;
  server_make (&s, SERVER_SOCKET);
  assert_err (assuan_accept (s.ctx), 0);
  server_expect_greeting (&s);
  peer_say (s.out, "thr");
  shutdown (s.out, SHUT_WR);
  assert_err (assuan_read_line (s.ctx, &line, &len), ERR (GPG_ERR_ASS_INCOMPLETE_LINE));
  server_free (&s);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    suite_test (lines_come_raw),
    suite_test (length_counts_nul_octets),
    suite_test (lines_in_one_go),
    suite_test (line_in_pieces),
    suite_test (end_of_file),
    suite_test (too_long_a_line),
    suite_test (inquiry_by_hand),
    suite_test (reading_without_process),
    suite_test (rest_of_a_line_at_the_end),
  };

  return suite_run (tests);
}
