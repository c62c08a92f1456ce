/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What runs around a command: notify functions, the confidential flag, ASSUAN_FORCE_CLOSE.  */

#include <string.h>
#include <unistd.h>

#include "suite.h"

static gpg_error_t
saw_pre (assuan_context_t ctx, const char *name) {
  const char *command = assuan_get_command_name (ctx);

  note (assuan_get_pointer (ctx), "pre %s %s", name, command ? command : "-");
  if (!strcmp (name, "VETOED")) return ERR (GPG_ERR_FORBIDDEN);
  if (!strcmp (name, "VETOTEXT"))
    return assuan_set_error (ctx, ERR (GPG_ERR_FORBIDDEN), "not for you");
  return 0;
}

static void
saw_post (assuan_context_t ctx, gpg_error_t err) {
  const char *command = assuan_get_command_name (ctx);

  note (assuan_get_pointer (ctx), "post %s %s", err_text (err), command ? command : "-");
}

static gpg_error_t
cmd_run (assuan_context_t ctx, char *line) {
  note (assuan_get_pointer (ctx), "run %s [%s]", assuan_get_command_name (ctx), line);
  return *line ? ERR (GPG_ERR_GENERAL) : 0;
}

static void
prepare (assuan_context_t ctx, void *arg) {
  (void) arg;
  assuan_register_pre_cmd_notify (ctx, saw_pre);
  assuan_register_post_cmd_notify (ctx, saw_post);
  assuan_register_command (ctx, "RUN", cmd_run, NULL);
  assuan_register_command (ctx, "VETOED", cmd_run, NULL);
  assuan_register_command (ctx, "VETOTEXT", cmd_run, NULL);
}

static void
before_and_after_each_command (void **state) {
  struct notes notes = { 0 };
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, prepare, &notes);
  server_ask (&s, "run\n", "OK\n");
  server_ask (&s, "Nop\n", "OK\n");
  server_ask (&s, "OPTION x\n", "OK\n");
  /* The error that the command failed with is not what the post function is told.  */
  server_ask_err (&s, "RUN x\n", GPG_ERR_GENERAL, NULL);
  server_stop_noting (&s, &notes,
                      "pre RUN -\nrun RUN []\npost 0 -\n"
                      "pre NOP -\npost 0 -\n"
                      "pre OPTION -\npost 0 -\n"
                      "pre RUN -\nrun RUN [x]\npost 0 -\n");
}

static void
after_lines_that_are_no_command (void **state) {
  struct notes notes = { 0 };
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, prepare, &notes);
  server_ask_err (&s, "FOO\n", GPG_ERR_ASS_UNKNOWN_CMD, NULL);
  server_ask_err (&s, " RUN\n", GPG_ERR_ASS_SYNTAX, "leading white-space");
  server_ask (&s, "\n# RUN\nNOP\n", "OK\n");
  server_stop_noting (&s, &notes, "post 0 -\npost 0 -\npre NOP -\npost 0 -\n");
}

static void
pre_function_may_veto (void **state) {
  struct notes notes = { 0 };
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, prepare, &notes);
  server_ask_err (&s, "VETOED\n", GPG_ERR_FORBIDDEN, NULL);
  server_ask_err (&s, "VETOTEXT\n", GPG_ERR_FORBIDDEN, "not for you");
  server_ask (&s, "NOP\n", "OK\n");
  server_stop (&s);
  assert_string_equal (notes.text,
                       "pre VETOED -\npost 0 -\npre VETOTEXT -\npost 0 -\npre NOP -\npost 0 -\n");
}

static gpg_error_t
veto_all (assuan_context_t ctx, const char *name) {
  (void) ctx;
  (void) name;
  return ERR (GPG_ERR_FORBIDDEN);
}

static void
prepare_veto_all (assuan_context_t ctx, void *arg) {
  (void) arg;
  assuan_register_pre_cmd_notify (ctx, veto_all);
}

static void
even_bye_can_be_vetoed (void **state) {
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, prepare_veto_all, NULL);
  server_ask_err (&s, "BYE\n", GPG_ERR_FORBIDDEN, NULL);
  server_ask_err (&s, "NOP\n", GPG_ERR_FORBIDDEN, NULL);
  server_stop (&s);
}

static void
functions_can_be_taken_away (void **state) {
  struct notes notes = { 0 };
  struct server s;

  (void) state;
  server_make (&s, SERVER_SOCKET);
  assuan_set_pointer (s.ctx, &notes);
  prepare (s.ctx, NULL);
  assert_err (assuan_register_pre_cmd_notify (s.ctx, NULL), 0);
  assert_err (assuan_register_post_cmd_notify (s.ctx, NULL), 0);
  assert_err (assuan_accept (s.ctx), 0);
  server_expect_greeting (&s);
  peer_say (s.out, "RUN\nVETOED\nBYE\n");
  assert_err (assuan_process (s.ctx), 0);
  peer_expect (s.in, "OK\nOK\nOK closing connection\n");
  server_free (&s);
  assert_string_equal (notes.text, "run RUN []\nrun VETOED []\n");
}

static void
post_function_after_bye (void **state) {
  struct notes notes = { 0 };
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, prepare, &notes);
  server_ask (&s, "BYE\n", "OK closing connection\n");
  peer_expect_eof (s.in);
  server_stop_noting (&s, &notes, "pre BYE -\npost 0 -\n");
}

/* The post function learns that the reply did not arrive.  */
static void
post_function_of_a_vanished_peer (void **state) {
  struct notes notes = { 0 };
  struct server s;

  (void) state;
  server_make (&s, SERVER_SOCKET);
  assuan_set_pointer (s.ctx, &notes);
  prepare (s.ctx, NULL);
  assert_err (assuan_accept (s.ctx), 0);
  server_expect_greeting (&s);
  peer_say (s.out, "RUN\n");
  close (s.in);
  s.in = s.out = -1;
  assert_err (assuan_process (s.ctx), ERR (GPG_ERR_EPIPE));
  server_free (&s);
  assert_string_equal (notes.text, "pre RUN -\nrun RUN []\npost 32877/33 -\n");
}

static gpg_error_t
cmd_close (assuan_context_t ctx, char *line) {
  assuan_set_flag (ctx, ASSUAN_FORCE_CLOSE, 1);
  assuan_send_data (ctx, "last words", 10);
  if (!strcmp (line, "okay")) assuan_set_okay_line (ctx, "some text");
  if (!strcmp (line, "text")) return assuan_set_error (ctx, ERR (GPG_ERR_GENERAL), "some text");
  return !strcmp (line, "fail") ? ERR (GPG_ERR_GENERAL) : 0;
}

static void
prepare_close (assuan_context_t ctx, void *arg) {
  (void) arg;
  assuan_register_post_cmd_notify (ctx, saw_post);
  assuan_register_command (ctx, "CLOSE", cmd_close, NULL);
}

/* The reply goes out first; what stands after the command is not run any more.  */
static void
check_close (const char *line, gpg_err_code_t code) {
  struct notes notes = { 0 };
  struct server s;

  server_start (&s, SERVER_SOCKET, prepare_close, &notes);
  peer_say (s.out, line);
  peer_expect (s.in, "D last words\n");
  if (code)
    peer_expect_err (s.in, ERR (code), "[closing connection]");
  else
    peer_expect (s.in, "OK closing connection\n");
  peer_expect_eof (s.in);
  server_join (&s);
  assert_err (s.process_rc, 0);
  assert_int_equal ((int) s.last_rc, -1);
  server_free (&s);
  assert_string_equal (notes.text, "post 0 -\n");
}

static void
forced_close (void **state) {
  (void) state;
  check_close ("CLOSE\n", 0);
  check_close ("CLOSE okay\n", 0);
  check_close ("CLOSE fail\n", GPG_ERR_GENERAL);
  check_close ("CLOSE text\n", GPG_ERR_GENERAL);
  check_close ("CLOSE\nNOP\nCLOSE\n", 0);
}

/* Secrets are announced for one command; the log tells whether the flag is still set.  */
static int
log_lines (assuan_context_t ctx, void *hook, unsigned int category, const char *text) {
  const char *line;

  (void) ctx;
  if (!text) return category == ASSUAN_LOG_CONTROL;
  line = strchr (text, ' ');
  note (hook, "%.*s", (int) strcspn (line + 1, "\n"), line + 1);
  return 0;
}

static gpg_error_t
cmd_secret (assuan_context_t ctx, char *line) {
  (void) line;
  assuan_begin_confidential (ctx);
  assuan_send_data (ctx, "secret", 6);
  return 0;
}

static void
post_secret (assuan_context_t ctx, gpg_error_t err) {
  (void) err;
  assuan_write_line (ctx, "# still secret");
}

static void
confidential_flag_ends_with_the_command (void **state) {
  struct notes notes = { 0 };
  struct server s;

  (void) state;
  assuan_set_log_cb (log_lines, &notes);
  server_make (&s, SERVER_SOCKET);
  assuan_set_log_cb (NULL, NULL);
  assuan_register_command (s.ctx, "SECRET", cmd_secret, NULL);
  assuan_register_post_cmd_notify (s.ctx, post_secret);
  assert_err (assuan_set_hello_line (s.ctx, "hello"), 0);
  assert_err (assuan_accept (s.ctx), 0);
  peer_say (s.out, "SECRET\nNOP\n");
  server_shut (&s);
  assert_err (assuan_process (s.ctx), 0);
  peer_expect (s.in, with_pid ("OK hello%P\nD secret\nOK\n# still secret\nOK\n# still secret\n"));
  server_free (&s);
  assert_string_equal (notes.text, with_pid ("-> OK hello%P\n"
                                             "<- SECRET\n"
                                             "-> [[Confidential data not shown]]\n"
                                             "-> [[Confidential data not shown]]\n"
                                             "-> [[Confidential data not shown]]\n"
                                             "<- NOP\n-> OK\n-> # still secret\n<- [eof]\n"));
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    suite_test (before_and_after_each_command),
    suite_test (after_lines_that_are_no_command),
    suite_test (pre_function_may_veto),
    suite_test (even_bye_can_be_vetoed),
    suite_test (functions_can_be_taken_away),
    suite_test (post_function_after_bye),
    suite_test (post_function_of_a_vanished_peer),
    suite_test (forced_close),
    suite_test (confidential_flag_ends_with_the_command),
  };

  return suite_run (tests);
}
