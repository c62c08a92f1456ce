/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The replies: what stands in ERR and OK lines.  */

#include <stdio.h>
#include <stdlib.h>

#include "suite.h"

/* "EV n": fail with the value n.  */
static gpg_error_t
cmd_value (assuan_context_t ctx, char *line) {
  (void) ctx;
  return (gpg_error_t) strtoul (line, NULL, 0);
}

/* "ET text": fail with a general error and TEXT.  */
static gpg_error_t
cmd_text (assuan_context_t ctx, char *line) {
  gpg_error_t err = assuan_set_error (ctx, ERR (GPG_ERR_GENERAL), line);

  /* The text is only good until the handler returns: that of a local buffer, for instance.  */
  return err;
}

/* Set a text for one error, fail with another one.  */
static gpg_error_t
cmd_other (assuan_context_t ctx, char *line) {
  (void) line;
  assuan_set_error (ctx, ERR (GPG_ERR_GENERAL), "not for this error");
  return ERR (GPG_ERR_INV_VALUE);
}

/* The same code, but of another source.  */
static gpg_error_t
cmd_source (assuan_context_t ctx, char *line) {
  (void) line;
  assuan_set_error (ctx, gpg_err_make (GPG_ERR_SOURCE_GPGME, GPG_ERR_GENERAL), "not for this");
  return ERR (GPG_ERR_GENERAL);
}

static gpg_error_t
cmd_twice (assuan_context_t ctx, char *line) {
  (void) line;
  assuan_set_error (ctx, ERR (GPG_ERR_GENERAL), "first");
  return assuan_set_error (ctx, ERR (GPG_ERR_GENERAL), "second");
}

static gpg_error_t
cmd_none (assuan_context_t ctx, char *line) {
  (void) line;
  assuan_set_error (ctx, ERR (GPG_ERR_GENERAL), "first");
  return assuan_set_error (ctx, ERR (GPG_ERR_GENERAL), NULL);
}

/* Succeed in spite of a text.  */
static gpg_error_t
cmd_fine (assuan_context_t ctx, char *line) {
  (void) line;
  assuan_set_error (ctx, ERR (GPG_ERR_GENERAL), "of an earlier command");
  return 0;
}

static gpg_error_t
cmd_newline (assuan_context_t ctx, char *line) {
  (void) line;
  return assuan_set_error (ctx, ERR (GPG_ERR_GENERAL), "one\nOK two");
}

/* "OKAY text": succeed with TEXT.  */
static gpg_error_t
cmd_okay (assuan_context_t ctx, char *line) {
  gpg_error_t err = assuan_set_okay_line (ctx, line);

  /* It was copied.  */
  memset (line, 'X', strlen (line));
  return err;
}

static gpg_error_t
cmd_okay_fail (assuan_context_t ctx, char *line) {
  (void) line;
  assuan_set_okay_line (ctx, "this command will fail");
  return ERR (GPG_ERR_GENERAL);
}

static gpg_error_t
cmd_okay_null (assuan_context_t ctx, char *line) {
  (void) line;
  assuan_set_okay_line (ctx, "some text");
  return assuan_set_okay_line (ctx, NULL);
}

static gpg_error_t
cmd_okay_newline (assuan_context_t ctx, char *line) {
  (void) line;
  return assuan_set_okay_line (ctx, "one\nERR 1 two");
}

static void
prepare (assuan_context_t ctx, void *arg) {
  (void) arg;
  assuan_register_command (ctx, "EV", cmd_value, NULL);
  assuan_register_command (ctx, "ET", cmd_text, NULL);
  assuan_register_command (ctx, "OTHER", cmd_other, NULL);
  assuan_register_command (ctx, "SOURCE", cmd_source, NULL);
  assuan_register_command (ctx, "TWICE", cmd_twice, NULL);
  assuan_register_command (ctx, "NONE", cmd_none, NULL);
  assuan_register_command (ctx, "FINE", cmd_fine, NULL);
  assuan_register_command (ctx, "NEWLINE", cmd_newline, NULL);
  assuan_register_command (ctx, "OKAY", cmd_okay, NULL);
  assuan_register_command (ctx, "OKAYFAIL", cmd_okay_fail, NULL);
  assuan_register_command (ctx, "OKAYNULL", cmd_okay_null, NULL);
  assuan_register_command (ctx, "OKAYLF", cmd_okay_newline, NULL);
}

/* Ask for the value ERR; expect TEXT and SOURCE.  */
static void
check_value (struct server *s, gpg_error_t err, const char *answer) {
  char line[100];

  snprintf (line, sizeof line, "EV %u\n", err);
  peer_say (s->out, line);
  peer_expect (s->in, answer);
}

static void
values_are_written_out (void **state) {
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, prepare, NULL);
  check_value (&s, 0, "OK\n");
  check_value (&s, 1, "ERR 1 General error <Unspecified source>\n");
  check_value (&s, ERR (GPG_ERR_GENERAL), "ERR 553648129 General error <User defined source 2>\n");
  check_value (&s, gpg_err_make (GPG_ERR_SOURCE_PINENTRY, GPG_ERR_CANCELED),
               "ERR 83886179 Operation cancelled <Pinentry>\n");
  check_value (&s, gpg_err_make (GPG_ERR_SOURCE_GPGAGENT, GPG_ERR_EBADF),
               "ERR 67141643 Bad file descriptor <GPG Agent>\n");
  check_value (&s, GPG_ERR_EOF, "ERR 16383 End of file <Unspecified source>\n");
  check_value (&s, 4000, "ERR 4000 Unknown error code <Unspecified source>\n");
  server_stop (&s);
}

/* Values that no gpg_err_make makes.  */
static void
odd_values_are_errors_too (void **state) {
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, prepare, NULL);
  check_value (&s, gpg_err_make (GPG_ERR_SOURCE_GPGME, 1) - 1, "ERR 117440512 Success <GPGME>\n");
  check_value (&s, 0xffffffffU, "ERR -1 Unknown system error <Unknown source>\n");
  check_value (&s, 0x80000001U, "ERR -2147483647 General error <Unspecified source>\n");
  server_stop (&s);
}

static void
text_goes_with_its_error (void **state) {
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, prepare, NULL);
  server_ask_err (&s, "ET some text\n", GPG_ERR_GENERAL, "some text");
  server_ask_err (&s, "ET \n", GPG_ERR_GENERAL, "");
  server_ask_err (&s, "ET 50% of it <\"\xc3\xa4\">\n", GPG_ERR_GENERAL, "50% of it <\"\xc3\xa4\">");
  server_ask_err (&s, "OTHER\n", GPG_ERR_INV_VALUE, NULL);
  server_ask_err (&s, "SOURCE\n", GPG_ERR_GENERAL, NULL);
  server_ask_err (&s, "TWICE\n", GPG_ERR_GENERAL, "second");
  server_ask_err (&s, "NONE\n", GPG_ERR_GENERAL, NULL);
  server_stop (&s);
}

/* A line end in the text must not forge a reply.  */
static void
text_ends_at_a_line_end (void **state) {
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, prepare, NULL);
  server_ask_err (&s, "NEWLINE\n", GPG_ERR_GENERAL, "one");
  server_ask (&s, "OKAYLF\n", "OK one\n");
  server_ask (&s, "NOP\n", "OK\n");
  server_stop (&s);
}

static void
long_text (void **state) {
  struct server s;
  char line[500] = "ET ", expected[600];

  (void) state;
  server_start (&s, SERVER_SOCKET, prepare, NULL);
  memset (line + 3, 'x', 100);
  memcpy (line + 103, "\n", 2);
  snprintf (expected, sizeof expected, "%.100s", line + 3);
  server_ask_err (&s, line, GPG_ERR_GENERAL, expected);

  memset (line + 3, 'y', 400);
  memcpy (line + 403, "\n", 2);
  /* deviation: 100-octet limit of ERR text */
  snprintf (expected, sizeof expected, "%.*s", on_oracle () ? 100 : 400, line + 3);
  server_ask_err (&s, line, GPG_ERR_GENERAL, expected);
  server_stop (&s);
}

/* Up to the line's limit, not beyond it.  */
static void
longest_text (void **state) {
  static char line[1000] = "ET ";
  struct server s;
  char answer[1100];
  size_t len;

  (void) state;
  server_start (&s, SERVER_SOCKET, prepare, NULL);
  memset (line + 3, 'x', 990);
  memcpy (line + 993, "\n", 2);
  peer_say (s.out, line);
  len = peer_read_line (s.in, answer, sizeof answer);
  /* deviation: 100-octet limit of ERR text */
  if (on_oracle ())
    assert_int_equal (len, strlen ("ERR 553648129 General error <User defined source 2> - ") + 100);
  else
    assert_in_range (len, 999, 1000);
  server_ask (&s, "NOP\n", "OK\n");
  server_stop (&s);
}

/* The text of one command is not told with the error of a later one.  */
static void
text_does_not_outlive_its_command (void **state) {
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, prepare, NULL);
  server_ask (&s, "FINE\n", "OK\n");
  peer_say (s.out, "EV 553648129\n");
  /* deviation: error text pointer kept beyond its life */
  peer_expect_err (s.in, ERR (GPG_ERR_GENERAL), on_oracle () ? "of an earlier command" : NULL);
  server_ask_err (&s, "TWICE\n", GPG_ERR_GENERAL, "second");
  peer_say (s.out, "EV 553648129\n");
  peer_expect_err (s.in, ERR (GPG_ERR_GENERAL), on_oracle () ? "second" : NULL);
  server_stop (&s);
}

static void
okay_text_serves_once (void **state) {
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, prepare, NULL);
  server_ask (&s, "OKAY hello  world \n", "OK hello  world \n");
  server_ask (&s, "NOP\n", "OK\n");
  server_ask (&s, "OKAY 100%\n", "OK 100%\n");
  server_ask (&s, "OKAYNULL\n", "OK\n");
  server_ask_err (&s, "OKAYFAIL\n", GPG_ERR_GENERAL, NULL);
  server_ask (&s, "NOP\n", "OK\n");
  server_stop (&s);
}

static void
long_okay_text_is_cut (void **state) {
  static char line[1001] = "OKAY ";
  struct server s;
  char answer[1100];

  (void) state;
  server_start (&s, SERVER_SOCKET, prepare, NULL);
  memset (line + 5, 'x', 995);
  line[999] = '\n';
  line[1000] = 0;
  peer_say (s.out, line);
  assert_int_equal (peer_read_line (s.in, answer, sizeof answer), 3 + 994);
  assert_memory_equal (answer, "OK xxx", 6);
  server_stop (&s);
}

static void
set_error_returns_its_argument (void **state) {
  assuan_context_t ctx = new_context ();

  (void) state;
  assert_err (assuan_set_error (ctx, ERR (GPG_ERR_BUG), "text"), ERR (GPG_ERR_BUG));
  assert_err (assuan_set_error (ctx, 0, NULL), 0);
  assert_err (assuan_set_error (ctx, 5, ""), 5);
  assuan_release (ctx);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    suite_test (values_are_written_out),
    suite_test (odd_values_are_errors_too),
    suite_test (text_goes_with_its_error),
    suite_test (text_ends_at_a_line_end),
    suite_test (long_text),
    suite_test (longest_text),
    suite_test (text_does_not_outlive_its_command),
    suite_test (okay_text_serves_once),
    suite_test (long_okay_text_is_cut),
    suite_test (set_error_returns_its_argument),
  };

  return suite_run (tests);
}
