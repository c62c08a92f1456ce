/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* assuan_write_status and assuan_write_line: their text, their limits, and when they leave.  */

#include <unistd.h>

#include "suite.h"

struct status {
  const char *keyword, *text;
  gpg_error_t err;
};

static gpg_error_t
cmd_status (assuan_context_t ctx, char *line) {
  struct status *status = assuan_get_pointer (ctx);

  (void) line;
  status->err = assuan_write_status (ctx, status->keyword, status->text);
  return 0;
}

static gpg_error_t
cmd_line (assuan_context_t ctx, char *line) {
  struct status *status = assuan_get_pointer (ctx);

  (void) line;
  status->err = assuan_write_line (ctx, status->text);
  return 0;
}

static gpg_error_t
cmd_okay (assuan_context_t ctx, char *line) {
  struct status *status = assuan_get_pointer (ctx);

  (void) line;
  status->err = assuan_set_okay_line (ctx, status->text);
  return 0;
}

static void
prepare (assuan_context_t ctx, void *arg) {
  (void) arg;
  assuan_register_command (ctx, "STATUS", cmd_status, NULL);
  assuan_register_command (ctx, "LINE", cmd_line, NULL);
  assuan_register_command (ctx, "OKAY", cmd_okay, NULL);
}

static void
check_status (const char *keyword, const char *text, const char *answer, gpg_error_t err) {
  struct status status = { keyword, text, 12345 };
  struct server s;

  server_start (&s, SERVER_SOCKET, prepare, &status);
  server_ask (&s, "STATUS\n", answer);
  peer_expect (s.in, "OK\n");
  server_stop (&s);
  assert_err (status.err, err);
}

static void
status_lines (void **state) {
  (void) state;
  check_status ("KEY", "some  text ", "S KEY some  text \n", 0);
  check_status ("KEY", "", "S KEY\n", 0);
  check_status ("KEY", NULL, "S KEY\n", 0);
  check_status ("KEY", " ", "S KEY  \n", 0);
  check_status ("key", "100%\t\xc3\xa4\r", "S key 100%\t\xc3\xa4\r\n", 0);
  check_status ("TWO WORDS", "x", "S TWO WORDS x\n", 0);
  check_status ("KEY", "one\nOK two", "S KEY one\n", 0);
  check_status (NULL, "x", "", ERR (GPG_ERR_ASS_INV_VALUE));
}

static void
check_line (const char *text, const char *answer) {
  struct status status = { NULL, text, 12345 };
  struct server s;

  server_start (&s, SERVER_SOCKET, prepare, &status);
  server_ask (&s, "LINE\n", answer);
  peer_expect (s.in, "OK\n");
  server_stop (&s);
  assert_err (status.err, 0);
}

static void
raw_lines (void **state) {
  (void) state;
  check_line ("# remark", "# remark\n");
  check_line ("INQUIRE X", "INQUIRE X\n");
  check_line ("END", "END\n");
  check_line ("100%\r", "100%\r\n");
  check_line ("", "\n");
  check_line ("one\ntwo", "one\n");
  check_line ("one\n", "one\n");
}

/* Ask for COMMAND with a text of TEXT_LEN octets; the line that comes has LINE_LEN.  */
static void
check_length (const char *command, size_t text_len, size_t line_len) {
  char text[2000], line[1100];
  struct status status = { "KEY", text, 12345 };
  struct server s;

  memset (text, 'x', text_len);
  text[text_len] = 0;
  server_start (&s, SERVER_SOCKET, prepare, &status);
  peer_say (s.out, command);
  assert_int_equal (peer_read_line (s.in, line, sizeof line), line_len);
  if (strcmp (command, "OKAY\n")) peer_expect (s.in, "OK\n");
  server_ask (&s, "NOP\n", "OK\n");
  server_stop (&s);
  assert_err (status.err, 0);
}

/* A line of 1000 octets goes out; of a longer one 999 octets do.  */
static void
long_lines_are_cut (void **state) {
  (void) state;
  check_length ("LINE\n", 999, 999);
  check_length ("LINE\n", 1000, 1000);
  check_length ("LINE\n", 1001, 999);
  check_length ("LINE\n", 1500, 999);
  check_length ("STATUS\n", 994, 1000);
  check_length ("STATUS\n", 995, 999);
  check_length ("STATUS\n", 1500, 999);
  check_length ("OKAY\n", 997, 1000);
  check_length ("OKAY\n", 998, 999);
  check_length ("OKAY\n", 1500, 999);
}

static int go_on[2];

static gpg_error_t
cmd_slow (assuan_context_t ctx, char *line) {
  char c;

  (void) line;
  assuan_send_data (ctx, "first", 5);
  assuan_send_data (ctx, NULL, 0);
  assuan_write_status (ctx, "PROGRESS", "start");
  /* "Compute" until the test has seen the line.  */
  return read (go_on[0], &c, 1) == 1 ? 0 : ERR (GPG_ERR_GENERAL);
}

static void
prepare_slow (assuan_context_t ctx, void *arg) {
  (void) arg;
  assuan_register_command (ctx, "SLOW", cmd_slow, NULL);
}

static void
status_leaves_at_once (void **state) {
  struct server s;

  (void) state;
  fds_pipe (go_on, 0);
  for (int kind = SERVER_SOCKET; kind <= SERVER_PIPE; kind++) {
    server_start (&s, (enum server_kind) kind, prepare_slow, NULL);
    server_ask (&s, "SLOW\n", "D first\nS PROGRESS start\n");
    assert_int_equal (write (go_on[1], "x", 1), 1);
    peer_expect (s.in, "OK\n");
    server_stop (&s);
  }
  fds_close_pair (go_on);
}

/* Outside of a command a server may say something as well.  */
static void
lines_between_commands (void **state) {
  struct server s;

  (void) state;
  server_make (&s, SERVER_SOCKET);
  assert_err (assuan_accept (s.ctx), 0);
  server_expect_greeting (&s);
  assert_err (assuan_write_line (s.ctx, "# hello"), 0);
  peer_expect (s.in, "# hello\n");
  assert_err (assuan_write_status (s.ctx, "HELLO", "again"), 0);
  peer_expect (s.in, "S HELLO again\n");
  server_free (&s);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    suite_test (status_lines),           suite_test (raw_lines),
    suite_test (long_lines_are_cut),     suite_test (status_leaves_at_once),
    suite_test (lines_between_commands),
  };

  return suite_run (tests);
}
