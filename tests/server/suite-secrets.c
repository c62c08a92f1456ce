/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-secrets.c - what the log and monitors see of secret commands: never what they say.

   Every test says `hunter2`, somewhere.  */

#include "suite.h"

#define SECRET "hunter2"

static FILE *log_stream;
static char *logged;
static size_t logged_len;
static char seen[100000];
static size_t seen_len;

/* --- Watching --------------------------------------------------------------------------------- */

static unsigned int
see (assuan_context_t ctx, void *arg, int direction, const char *line, size_t len) {
  (void) ctx;
  (void) arg;
  assert_true (seen_len + len + 4 < sizeof seen);
  seen[seen_len++] = direction == ASSUAN_IO_FROM_PEER ? '<' : '>';
  seen[seen_len++] = ' ';
  for (size_t i = 0; i < len; i++)
    seen[seen_len++] = line[i] ? line[i] : '@';
  seen[seen_len++] = '\n';
  seen[seen_len] = 0;
  return 0;
}

static gpg_error_t
watch (assuan_context_t ctx) {
  assuan_set_log_stream (ctx, log_stream);
  assuan_set_io_monitor (ctx, see, NULL);
  return 0;
}

/* A client whose every line is watched.  */
static struct peer *
begin (void) {
  struct peer *p;

  seen_len = 0;
  log_stream = open_memstream (&logged, &logged_len);
  assert_non_null (log_stream);
  service.open = watch;
  p = peer_new ();
  seen_len = 0;
  seen[0] = 0;
  return p;
}

/* Nothing secret was shown, and the monitor saw SHOWN, unless that is NULL.  */
static void
finish (struct peer *p, const char *shown) {
  peer_close (p);
  kit_until (p->guest->n_closed);
  assuan_set_assuan_log_stream (NULL);
  fclose (log_stream);
  assert_null (strstr (logged, SECRET));
  assert_null (strstr (seen, SECRET));
  assert_non_null (strstr (logged, "chan_"));
  if (shown) assert_string_equal (seen, shown);
  free (logged);
}

/* --- Arguments -------------------------------------------------------------------------------- */

static void
test_arguments (void **state) {
  struct peer *p = begin ();

  (void) state;
  peer_ask (p, "PASSWD hunter2\npasswd  hunter2 hunter2\nPassWd\thunter2\nPASSWD\nECHO a\n",
            "OK\nOK\nOK\nOK\nD a\nOK\n");
  assert_int_equal (service.n_runs, 4);
  finish (p, "< PASSWD [confidential]\n> OK\n"
             "< passwd [confidential]\n> OK\n"
             "< PassWd [confidential]\n> OK\n"
             "< PASSWD\n> OK\n"
             "< ECHO a\n> D a\n> OK\n");
}

static void
test_log (void **state) {
  struct peer *p = begin ();

  (void) state;
  peer_ask (p, "PASSWD hunter2\nECHO plain\n", "OK\nD plain\nOK\n");
  fflush (log_stream);
  assert_non_null (strstr (logged, " <- PASSWD [confidential]\n"));
  assert_non_null (strstr (logged, " <- ECHO plain\n"));
  finish (p, NULL);
}

static void
test_malformed (void **state) {
  static const char with_nul[] = "PASSWD\0hunter2\n";
  struct peer *p = begin ();

  (void) state;
  peer_say (p, " PASSWD hunter2\n\t passwd hunter2\n");
  peer_expect_err (p, GPG_ERR_ASS_SYNTAX, "leading white-space");
  peer_expect_err (p, GPG_ERR_ASS_SYNTAX, "leading white-space");
  peer_send (p, with_nul, sizeof with_nul - 1);
  peer_expect (p, "OK\n");
  finish (p, NULL);
  assert_non_null (strstr (seen, "<  PASSWD [confidential]\n"));
  assert_non_null (strstr (seen, "< \t passwd [confidential]\n"));
  assert_non_null (strstr (seen, "< PASSWD [confidential]\n> OK\n"));
}

static void
test_too_long (void **state) {
  struct peer *p = begin ();
  char line[3000];

  (void) state;
  memset (line, 'x', sizeof line);
  memcpy (line, "PASSWD hunter2", 14);
  memcpy (line + sizeof line - 9, " hunter2\n", 9);
  peer_send (p, line, sizeof line);
  peer_expect_err (p, GPG_ERR_ASS_LINE_TOO_LONG, "a line has at most 1000 octets");
  line[990] = '\n';
  peer_send (p, line, 991);
  peer_expect (p, "OK\n");
  peer_say (p, "PASSWD hunter2"); /* and no more */
  kit_settle ();
  finish (p, NULL);
}

/* --- Lines that wait -------------------------------------------------------------------------- */

static void
test_ahead (void **state) {
  struct peer *p = begin ();
  const char *text = "WAIT\npasswd hunter2\nPASSWD hunter2\nNOP\n";

  (void) state;
  for (; *text; text++) {
    peer_send (p, text, 1);
    kit_turn ();
  }
  kit_until (service.jobs);
  kit_settle ();
  service_finish (0);
  peer_expect (p, "OK\nOK\nOK\nOK\n");
  finish (p, "< WAIT\n> OK\n< passwd [confidential]\n> OK\n< PASSWD [confidential]\n> OK\n"
             "< NOP\n> OK\n");
}

/* A client that does not wait for an answer, and leaves.  */
static void
test_ahead_and_gone (void **state) {
  struct peer *p = begin ();

  (void) state;
  peer_say (p, "PASSWD hunter2\nWAIT\nPASSWD hunter2\nPASSWD hunt");
  kit_until (service.jobs);
  finish (p, NULL);
}

/* --- What the command says -------------------------------------------------------------------- */

static gpg_error_t
say_all (assuan_context_t ctx, char *line) {
  gpg_error_t err = assuan_write_status (ctx, "PROGRESS", line);

  if (!err) err = assuan_write_line (ctx, "# hunter2");
  if (!err) err = assuan_send_data (ctx, line, strlen (line));
  return err ? err : assuan_set_okay_line (ctx, line);
}

/* Lines that the program puts together itself may have any form.  */
static gpg_error_t
say_raw (assuan_context_t ctx, char *line) {
  gpg_error_t err = assuan_write_line (ctx, line);

  if (!err) err = assuan_write_line (ctx, "#hunter2");
  if (!err) err = assuan_write_line (ctx, "Dhunter2");
  return err ? err : assuan_write_line (ctx, "S");
}

static void
test_raw_output (void **state) {
  struct peer *p = begin ();

  (void) state;
  service.run = say_raw;
  peer_ask (p, "PASSWD hunter2 hunter2\n", "hunter2 hunter2\n#hunter2\nDhunter2\nS\nOK\n");
  finish (p, "< PASSWD [confidential]\n> [confidential]\n> [confidential]\n> [confidential]\n"
             "> S\n> OK\n");
}

static gpg_error_t
fail_with_text (assuan_context_t ctx, char *line) {
  return assuan_set_error (ctx, ERR (GPG_ERR_BAD_PIN), line);
}

static gpg_error_t
fail_plainly (assuan_context_t ctx, char *line) {
  (void) ctx;
  (void) line;
  return ERR (GPG_ERR_BAD_PIN);
}

static void
test_output (void **state) {
  struct peer *p = begin ();

  (void) state;
  service.run = say_all;
  peer_ask (p, "PASSWD hunter2\n", "S PROGRESS hunter2\n# hunter2\nD hunter2\nOK hunter2\n");
  finish (p, "< PASSWD [confidential]\n> S PROGRESS [confidential]\n> # [confidential]\n"
             "> D [confidential]\n> OK [confidential]\n");
}

static void
test_failure (void **state) {
  struct peer *p = begin ();
  char expected[500];

  (void) state;
  service.run = fail_with_text;
  peer_say (p, "PASSWD hunter2\n");
  peer_expect_err (p, GPG_ERR_BAD_PIN, "hunter2");
  service.run = fail_plainly;
  peer_say (p, "PASSWD hunter2\n");
  peer_expect_err (p, GPG_ERR_BAD_PIN, NULL);
  snprintf (expected, sizeof expected,
            "< PASSWD [confidential]\n> ERR %u %s <%s> - [confidential]\n"
            "< PASSWD [confidential]\n> ERR %u %s <%s>\n",
            ERR (GPG_ERR_BAD_PIN), gpg_strerror (ERR (GPG_ERR_BAD_PIN)),
            gpg_strsource (ERR (GPG_ERR_BAD_PIN)), ERR (GPG_ERR_BAD_PIN),
            gpg_strerror (ERR (GPG_ERR_BAD_PIN)), gpg_strsource (ERR (GPG_ERR_BAD_PIN)));
  finish (p, expected);
}

static gpg_error_t
say_later (assuan_context_t ctx, char *line) {
  assert_int_equal (assuan_send_data (ctx, line, strlen (line)), 0); /* the line stays open */
  return service_defer (ctx);
}

static void
test_deferred (void **state) {
  struct peer *p = begin ();

  (void) state;
  service.run = say_later;
  peer_say (p, "PASSWD hunter2\nECHO plain\n");
  peer_expect (p, "D hunter2\n");
  assert_int_equal (assuan_send_data (service.jobs->ctx, SECRET, 7), 0);
  service_finish (0);
  peer_expect (p, "D hunter2\nOK\nD plain\nOK\n");
  finish (p, "< PASSWD [confidential]\n> D [confidential]\n> D [confidential]\n> OK\n"
             "< ECHO plain\n> D plain\n> OK\n");
}

/* --- Answers to inquiries --------------------------------------------------------------------- */

static gpg_error_t
ask (assuan_context_t ctx, char *line) {
  (void) line;
  return service_ask (ctx, 20);
}

static gpg_error_t
forget (struct inquiry *inquiry) {
  return inquiry->err;
}

static void
test_answer (void **state) {
  struct peer *p = begin ();

  (void) state;
  service.run = ask;
  service.answered = forget;
  peer_ask (p, "PASSWD hunter2\n", "INQUIRE ASKED\n");
  peer_ask (p, "D hunter2\nd hunter2\n\nEND\n", "OK\n");
  assert_string_equal (service.inquiries->data, "hunter2hunter2");
  peer_ask (p, "PASSWD\n", "INQUIRE ASKED\n");
  peer_say (p, "D hunter2\nCAN hunter2\n");
  peer_expect_err (p, GPG_ERR_ASS_CANCELED, NULL);
  finish (p, NULL);
  assert_non_null (strstr (seen, "< PASSWD [confidential]\n> INQUIRE ASKED\n< D [confidential]\n"
                                 "< d [confidential]\n< \n< END\n> OK\n"));
  assert_non_null (strstr (seen, "< D [confidential]\n< CAN [confidential]\n> ERR "));
}

/* A client that forgot how to answer.  */
static void
test_no_answer (void **state) {
  static const char *const lines[] = { "hunter2\n", "NOP hunter2\n", "D\thunter2\n",
                                       "PASSWD hunter2\n", " D hunter2\n" };

  (void) state;
  for (size_t i = 0; i < N_ELEMENTS (lines); i++) {
    struct peer *p = begin ();
    service.run = ask;
    service.answered = forget;
    peer_ask (p, "PASSWD\n", "INQUIRE ASKED\n");
    peer_say (p, lines[i]);
    peer_expect_err (p, GPG_ERR_ASS_UNEXPECTED_CMD, NULL);
    /* What it says next belongs to no inquiry.  */
    peer_say (p, "D hunter2\nEND\n");
    peer_expect_err (p, GPG_ERR_NOT_IMPLEMENTED, NULL);
    peer_expect_err (p, GPG_ERR_NOT_IMPLEMENTED, NULL);
    finish (p, NULL);
  }
}

static void
test_overflow (void **state) {
  struct peer *p = begin ();

  (void) state;
  service.run = ask;
  service.answered = forget;
  peer_ask (p, "PASSWD\n", "INQUIRE ASKED\n");
  peer_say (p, "D hunter2hunter2hunter2\nD hunter2\nEND\nNOP\n");
  peer_expect_err (p, GPG_ERR_ASS_TOO_MUCH_DATA, NULL);
  peer_expect (p, "OK\n");
  finish (p, NULL);
}

/* The answer comes when no inquiry waits for it any more, and another inquiry is under way.  */
static void
test_late_answer (void **state) {
  const struct eva_limits limits = { .inquiry_timeout_ms = 20 };
  struct peer *p;

  (void) state;
  kit_set_connection_limits (&limits);
  p = begin ();
  service.run = ask;
  service.answered = forget;
  peer_ask (p, "PASSWD\n", "INQUIRE ASKED\n");
  peer_expect_err (p, GPG_ERR_TIMEOUT, NULL);
  peer_say (p, "d hunter2\n");
  kit_settle ();
  assert_int_equal (eva_set_limits (p->guest->ctx, &(struct eva_limits) { .line_timeout_ms = 0 }),
                    0);
  peer_say (p, "D hunter2\nEND\nD hunter2\n");
  peer_expect_err (p, GPG_ERR_NOT_IMPLEMENTED, NULL);
  service.answered = NULL;
  peer_ask (p, "ASK\n", "INQUIRE ASKED\n");
  peer_ask (p, "D plain\nEND\n", "D plain\nOK\n");
  finish (p, NULL);
  assert_non_null (strstr (seen, "< D plain\n"));
}

/* In the inquiry of another command.  */
static void
test_in_place_of_answer (void **state) {
  struct peer *p = begin ();

  (void) state;
  peer_ask (p, "ASK\n", "INQUIRE ASKED\n");
  peer_say (p, "D plain\npasswd hunter2\n");
  peer_expect_err (p, GPG_ERR_ASS_UNEXPECTED_CMD, NULL);
  finish (p, NULL);
  assert_non_null (strstr (seen, "< D plain\n< passwd [confidential]\n"));
}

static gpg_error_t
pump (assuan_context_t ctx, char *line) {
  struct eva_pump_config config = { .from_fd = EVA_PUMP_CONNECTION,
                                    .flags = EVA_PUMP_CLOSE_TO,
                                    .inquiry = "BULK" };

  (void) line;
  config.to_fd = open ("/dev/null", O_WRONLY | O_CLOEXEC);
  return eva_pump (ctx, &config);
}

static void
test_pump (void **state) {
  struct peer *p = begin ();

  (void) state;
  service.run = pump;
  peer_ask (p, "PASSWD\n", "INQUIRE BULK\n");
  peer_ask (p, "D hunter2\nD hunter2\nEND\n", "OK\n");
  finish (p, "< PASSWD\n> INQUIRE BULK\n< D [confidential]\n< D [confidential]\n< END\n> OK\n");
}

/* --- Other ways ------------------------------------------------------------------------------- */

/* A connection that runs the command in its own way does not make it public.  */
static gpg_error_t
watch_own (assuan_context_t ctx) {
  watch (ctx);
  return assuan_register_command (ctx, "PASSWD", say_all, NULL);
}

static void
test_own_handler (void **state) {
  struct peer *p;

  (void) state;
  p = begin ();
  service.open = watch_own;
  finish (p, NULL);
  log_stream = open_memstream (&logged, &logged_len);
  p = peer_new ();
  peer_ask (p, "PASSWD hunter2\n", "S PROGRESS hunter2\n# hunter2\nD hunter2\nOK hunter2\n");
  finish (p, NULL);
}

/* Within a bracket the log shows nothing at all, here too, and no more does the monitor.  */
static gpg_error_t
say_in_bracket (assuan_context_t ctx, char *line) {
  assuan_begin_confidential (ctx);
  return say_all (ctx, line);
}

static void
test_bracket (void **state) {
  struct peer *p = begin ();

  (void) state;
  service.run = say_in_bracket;
  peer_ask (p, "PASSWD hunter2\n", "S PROGRESS hunter2\n# hunter2\nD hunter2\nOK hunter2\n");
  fflush (log_stream);
  assert_non_null (strstr (logged, "-> [[Confidential data not shown]]\n"));
  finish (p, NULL);
}

/* The log alone hides what was asked for in a bracket, in whatever case the client answers.  */
static gpg_error_t
ask_in_bracket (assuan_context_t ctx, char *line) {
  assuan_begin_confidential (ctx);
  return ask (ctx, line);
}

static void
test_late_answer_to_bracket (void **state) {
  const struct eva_limits limits = { .inquiry_timeout_ms = 20 };
  struct peer *p;

  (void) state;
  kit_set_connection_limits (&limits);
  p = begin ();
  service.run = ask_in_bracket;
  service.answered = forget;
  peer_ask (p, "RUN\n", "INQUIRE ASKED\n");
  peer_expect_err (p, GPG_ERR_TIMEOUT, NULL);
  peer_ask (p, "d hunter2\nEND\nNOP\n", "OK\n");
  seen[0] = 0;
  finish (p, NULL);
}

static const struct CMUnitTest tests[] = {
  kit_test (test_arguments),
  kit_test (test_log),
  kit_test (test_malformed),
  kit_test (test_too_long),
  kit_test (test_ahead),
  kit_test (test_ahead_and_gone),
  kit_test (test_output),
  kit_test (test_raw_output),
  kit_test (test_failure),
  kit_test (test_deferred),
  kit_test (test_answer),
  kit_test (test_no_answer),
  kit_test (test_overflow),
  kit_test (test_late_answer),
  kit_test (test_in_place_of_answer),
  kit_test (test_pump),
  kit_test (test_own_handler),
  kit_test (test_bracket),
  kit_test (test_late_answer_to_bracket),
};

SUITE (secrets);
