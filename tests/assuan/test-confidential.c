/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is said or asked for between assuan_begin_confidential and assuan_end_confidential never
 * comes into the log, also where its line leaves, or arrives, later.  */

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"
#include "loop.h"

static assuan_log_cb_t default_cb;
static void *default_data;

/* The control lines, without their channel.  */
static struct notes logged;

#define HIDDEN "[[Confidential data not shown]]"

static int
on_log (assuan_context_t ctx, void *hook, unsigned int category, const char *text) {
  int n = 0;

  (void) ctx;
  (void) hook;
  if (!text) return category == ASSUAN_LOG_CONTROL || category == ASSUAN_LOG_SYSIO;
  sscanf (text, "chan_%*d %n", &n);
  note (&logged, "%.*s", (int) strlen (text) - n - 1, text + n);
  return 0;
}

static int
setup (void **state) {
  memset (&logged, 0, sizeof logged);
  assuan_set_log_cb (on_log, NULL);
  return suite_setup (state);
}

static int
teardown (void **state) {
  assuan_set_log_cb (default_cb, default_data);
  return suite_teardown (state);
}

#define log_test(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

/* libassuan 3 hides confidential data, if not other texts.  */
#define SHOWS_DATA (on_oracle () && !IS_GENERATION_3)

/* Compare what was logged of data, and forget it.  */
static void
expect_hidden_data (const char *log) {
  if (SHOWS_DATA)
    assert_non_null (strstr (logged.text, "secret"));
  else if (on_oracle ())
    assert_null (strstr (logged.text, "secret"));
  else
    assert_string_equal (logged.text, log);
  memset (&logged, 0, sizeof logged);
}

/* The same of other texts, which the other library shows.  */
static void
expect_hidden (const char *log) {
  if (on_oracle ())
    assert_non_null (strstr (logged.text, "secret"));
  else
    assert_string_equal (logged.text, log);
  memset (&logged, 0, sizeof logged);
}

/* --- Servers ---------------------------------------------------------------------------------- */

static void
send_secret (assuan_context_t ctx) {
  assuan_begin_confidential (ctx);
  assuan_send_data (ctx, "secret", 6);
  assuan_end_confidential (ctx);
}

static gpg_error_t
cmd_tail (assuan_context_t ctx, char *line) {
  (void) line;
  send_secret (ctx);
  return 0;
}

static gpg_error_t
cmd_middle (assuan_context_t ctx, char *line) {
  (void) line;
  assuan_send_data (ctx, "a ", 2);
  send_secret (ctx);
  assuan_send_data (ctx, " b", 2);
  return assuan_write_status (ctx, "NEXT", "c");
}

static gpg_error_t
cmd_clear (assuan_context_t ctx, char *line) {
  (void) line;
  assuan_send_data (ctx, "a", 1);
  assuan_begin_confidential (ctx);
  assuan_set_okay_line (ctx, "secret");
  assuan_end_confidential (ctx);
  return 0;
}

static gpg_error_t
cmd_fail (assuan_context_t ctx, char *line) {
  gpg_error_t err = ERR (GPG_ERR_BAD_PIN);

  (void) line;
  assuan_begin_confidential (ctx);
  assuan_set_error (ctx, err, "secret");
  assuan_end_confidential (ctx);
  return err;
}

/* Another error than the one that is explained.  */
static gpg_error_t
cmd_other (assuan_context_t ctx, char *line) {
  cmd_fail (ctx, line);
  return ERR (GPG_ERR_BAD_CERT);
}

/* More than fits in a line.  */
static gpg_error_t
cmd_lines (assuan_context_t ctx, char *line) {
  char text[1500];

  (void) line;
  memset (text, 'a', sizeof text);
  assuan_send_data (ctx, text, sizeof text);
  send_secret (ctx);
  return assuan_send_data (ctx, text, sizeof text);
}

static gpg_error_t
cmd_stream (assuan_context_t ctx, char *line) {
  FILE *fp = assuan_get_data_fp (ctx);

  (void) line;
  fputs ("a ", fp);
  fflush (fp);
  assuan_begin_confidential (ctx);
  fputs ("secret", fp);
  fflush (fp);
  assuan_end_confidential (ctx);
  fputs (" b", fp);
  return 0;
}

static void
prepare (assuan_context_t ctx, void *arg) {
  (void) arg;
  assuan_set_hello_line (ctx, "hello");
  assuan_register_command (ctx, "TAIL", cmd_tail, NULL);
  assuan_register_command (ctx, "MIDDLE", cmd_middle, NULL);
  assuan_register_command (ctx, "CLEAR", cmd_clear, NULL);
  assuan_register_command (ctx, "FAIL", cmd_fail, NULL);
  assuan_register_command (ctx, "OTHER", cmd_other, NULL);
  assuan_register_command (ctx, "LINES", cmd_lines, NULL);
  assuan_register_command (ctx, "STREAM", cmd_stream, NULL);
}

/* Serve a client that says TEXT and leaves; what was logged of that stays in LOGGED.  */
static void
serve (const char *text) {
  struct server s;
  char got[8192];
  char *end;

  server_make (&s, SERVER_SOCKET);
  prepare (s.ctx, NULL);
  peer_say (s.out, text);
  shutdown (s.out, SHUT_WR);
  assert_err (assuan_accept (s.ctx), 0);
  memset (&logged, 0, sizeof logged);
  assert_err (assuan_process (s.ctx), 0);
  assuan_release (s.ctx);
  peer_read_all (s.in, got, sizeof got);
  close (s.in);
  end = strstr (logged.text, "<- [eof]\n");
  assert_non_null (end);
  *end = 0;
}

/* The same; on ours the log is LOG.  */
static void
check_served (const char *text, const char *log) {
  serve (text);
  expect_hidden (log);
}

static void
check_data (const char *text, const char *log) {
  serve (text);
  expect_hidden_data (log);
}

/* deviation: libassuan 2 logs confidential data if their line is completed later | A line that
 * holds any confidential octet is not logged  */
static void
test_data (void **state) {
  (void) state;
  check_data ("TAIL\nNOP\n", "<- TAIL\n-> " HIDDEN "\n-> OK\n<- NOP\n-> OK\n");
  check_data ("MIDDLE\n", "<- MIDDLE\n-> " HIDDEN "\n-> S NEXT c\n-> OK\n");
  check_data ("STREAM\n", "<- STREAM\n-> " HIDDEN "\n-> OK\n");
}

/* How often PART stands in TEXT.  */
static int
count (const char *text, const char *part) {
  int n = 0;

  for (; (text = strstr (text, part)); n++)
    text += strlen (part);
  return n;
}

/* Of more than a line of data those lines are logged that hold nothing confidential.
 * deviation: likewise  */
static void
test_long_data (void **state) {
  (void) state;
  serve ("LINES\n");
  assert_int_equal (count (logged.text, "secret"), SHOWS_DATA);
  assert_int_equal (count (logged.text, HIDDEN), !SHOWS_DATA);
  assert_int_equal (count (logged.text, "-> D a"), SHOWS_DATA ? 4 : 3);
}

/* deviation: Confidential texts of set_okay_line and set_error are logged | They are not  */
static void
test_replies (void **state) {
  (void) state;
  check_served ("CLEAR\nNOP\n", "<- CLEAR\n-> D a\n-> " HIDDEN "\n<- NOP\n-> OK\n");
  check_served ("FAIL\nNOP\n", "<- FAIL\n-> " HIDDEN "\n<- NOP\n-> OK\n");
}

/* An error that the text is not for.  */
static void
test_other_error (void **state) {
  (void) state;
  serve ("OTHER\nNOP\n");
  assert_int_equal (count (logged.text, "Bad certificate"), 1);
  assert_int_equal (count (logged.text, "secret") + count (logged.text, HIDDEN), 0);
}

/* deviation: A confidential greeting is logged | It is not  */
static void
test_greeting (void **state) {
  struct server s;

  (void) state;
  server_make (&s, SERVER_SOCKET);
  assuan_begin_confidential (s.ctx);
  assuan_set_hello_line (s.ctx, "hello\nsecret");
  assuan_end_confidential (s.ctx);
  assert_err (assuan_accept (s.ctx), 0);
  peer_expect (s.in, with_pid ("# hello\nOK secret%P\n"));
  expect_hidden ("-> " HIDDEN "\n-> " HIDDEN "\n");
  assuan_release (s.ctx);
  close (s.in);
}

/* --- An event loop ---------------------------------------------------------------------------- */

static gpg_error_t
got_answer (void *arg, gpg_error_t rc, unsigned char *buf, size_t len) {
  assuan_context_t ctx = arg;

  (void) len;
  assuan_free (ctx, buf);
  return assuan_process_done (ctx, rc);
}

static gpg_error_t
ask (assuan_context_t ctx) {
  gpg_error_t err;

  assuan_begin_confidential (ctx);
  err = assuan_inquire_ext (ctx, "PIN", 20, got_answer, ctx);
  assuan_end_confidential (ctx);
  return err;
}

static gpg_error_t
cmd_ask (assuan_context_t ctx, char *line) {
  (void) line;
  return ask (ctx);
}

/* The command is over before its answer comes.  */
static gpg_error_t
cmd_hurry (assuan_context_t ctx, char *line) {
  (void) line;
  ask (ctx);
  return assuan_process_done (ctx, 0);
}

static void
open_loop (struct conn *c) {
  conn_open (c, CONN_SOCKET);
  assuan_register_command (c->ctx, "ASK", cmd_ask, NULL);
  assuan_register_command (c->ctx, "HURRY", cmd_hurry, NULL);
  memset (&logged, 0, sizeof logged);
}

/* deviation: The answer to a confidential assuan_inquire_ext is logged if it comes later | It is
 * not  */
static void
test_answer (void **state) {
  struct conn c;

  (void) state;
  open_loop (&c);
  conn_ask (&c, "ASK\n", "INQUIRE PIN\n");
  conn_ask (&c, "D secret\nEND\nDONE\n", "OK\nOK\n");
  expect_hidden ("<- ASK\n-> " HIDDEN "\n<- " HIDDEN "\n<- " HIDDEN "\n-> OK\n<- DONE\n-> OK\n");
  conn_free (&c);
}

/* Too much data end the command, while their rest is still to come.
 * deviation: likewise, and that row's  */
static void
test_rest_of_answer (void **state) {
  struct conn c;

  (void) state;
  if (on_oracle ()) skip (); /* it runs the rest as commands */
  open_loop (&c);
  conn_ask (&c, "ASK\n", "INQUIRE PIN\n");
  conn_say (&c, "D secret, and more than may come\n");
  peer_expect_err (c.in, ERR (GPG_ERR_ASS_TOO_MUCH_DATA), NULL);
  conn_ask (&c, "D secret\nEND\nDONE\n", "OK\n");
  assert_int_equal (count (logged.text, "secret"), 0);
  assert_int_equal (count (logged.text, "<- DONE"), 1);
  conn_free (&c);
}

/* deviation: An answer that comes after its command was finished is taken for commands | It is
 * skipped; and not logged if it was to be confidential  */
static void
test_late_answer (void **state) {
  struct conn c;

  (void) state;
  if (on_oracle ()) skip ();
  open_loop (&c);
  conn_ask (&c, "HURRY\n", "INQUIRE PIN\nOK\n");
  conn_ask (&c, "D secret\nEND\nDONE\n", "OK\n");
  expect_hidden ("<- HURRY\n-> " HIDDEN "\n-> OK\n<- " HIDDEN "\n<- END\n<- DONE\n-> OK\n");
  conn_ask (&c, "HURRY\n", "INQUIRE PIN\nOK\n");
  conn_ask (&c, "DONE\n", "OK\n");
  expect_hidden ("<- HURRY\n-> " HIDDEN "\n-> OK\n<- DONE\n-> OK\n");
  conn_free (&c);
}

/* --- Clients ---------------------------------------------------------------------------------- */

static void
answer_secretly (struct client *c) {
  send_secret (c->ctx);
}

static void
open_client (struct client *c) {
  client_open (c, 0);
  memset (&logged, 0, sizeof logged);
}

/* deviation: Confidential data are logged if their line is completed later | A line that holds any
 * confidential octet is not logged  */
static void
test_inquired (void **state) {
  struct client c;

  (void) state;
  open_client (&c);
  c.answer = answer_secretly;
  assert_err (client_try (&c, "A", "INQUIRE PIN\nOK\n"), 0);
  expect_hidden_data ("-> A\n<- INQUIRE PIN\n-> " HIDDEN "\n-> END\n<- OK\n");
  peer_expect (c.peer, "A\nD secret\nEND\n");
  client_drop (&c);
}

/* The rest of a confidential reply is read, and dropped, before the next command.
 * deviation: After a callback's error the rest of a reply stays in the stream | The rest is read
 * and dropped; and not logged if the reply was to be confidential  */
static void
test_rest_of_reply (void **state) {
  struct client c;

  (void) state;
  if (on_oracle ()) skip ();
  open_client (&c);
  c.data_rc = ERR (GPG_ERR_BAD_DATA);
  assuan_begin_confidential (c.ctx);
  assert_err (client_try (&c, "A", "D secret\nD secret\nOK\n"), ERR (GPG_ERR_BAD_DATA));
  assuan_end_confidential (c.ctx);
  assert_err (client_try (&c, "B", "OK b\n"), 0);
  expect_hidden ("-> " HIDDEN "\n<- " HIDDEN "\n<- " HIDDEN "\n<- " HIDDEN "\n-> B\n<- OK b\n");
  client_drop (&c);
}

/* deviation: What stands in place of a greeting is logged as the reason, confidential or not | Not
 * if it is  */
static void
test_no_greeting (void **state) {
  assuan_context_t ctx = new_context ();
  int fds[2];

  (void) state;
  fds_socketpair (fds, 0);
  peer_say (fds[1], "ERR 1 secret\n");
  assuan_begin_confidential (ctx);
  assert_code (assuan_socket_connect_fd (ctx, fds[0], 0), GPG_ERR_ASS_CONNECT_FAILED);
  if (on_oracle ()) assert_non_null (strstr (logged.text, "secret"));
  if (!on_oracle ()) assert_null (strstr (logged.text, "secret"));
  assuan_release (ctx);
  close (fds[1]);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    log_test (test_data),           log_test (test_long_data),   log_test (test_replies),
    log_test (test_other_error),    log_test (test_greeting),    log_test (test_answer),
    log_test (test_rest_of_answer), log_test (test_late_answer), log_test (test_inquired),
    log_test (test_rest_of_reply),  log_test (test_no_greeting),
  };

  assuan_get_log_cb (&default_cb, &default_data);
  return suite_run (tests);
}
