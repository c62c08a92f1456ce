/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The commands that every server has.  */

#include <unistd.h>

#include "suite.h"

static gpg_error_t
saw_bye (assuan_context_t ctx, char *line) {
  note (assuan_get_pointer (ctx), "bye %s [%s]", assuan_get_command_name (ctx), line);
  return ERR (GPG_ERR_BUG);
}

static gpg_error_t
saw_reset (assuan_context_t ctx, char *line) {
  note (assuan_get_pointer (ctx), "reset %s [%s]", assuan_get_command_name (ctx), line);
  return *line ? ERR (GPG_ERR_EBUSY) : 0;
}

static gpg_error_t
saw_cancel (assuan_context_t ctx, char *line) {
  note (assuan_get_pointer (ctx), "cancel %s [%s]", assuan_get_command_name (ctx), line);
  return 0;
}

static void
prepare (assuan_context_t ctx, void *arg) {
  (void) arg;
  assuan_register_bye_notify (ctx, saw_bye);
  assuan_register_reset_notify (ctx, saw_reset);
  assuan_register_cancel_notify (ctx, saw_cancel);
}

static void
nop_does_nothing (void **state) {
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, NULL, NULL);
  server_ask (&s, "NOP\n", "OK\n");
  server_ask (&s, "NOP with arguments\n", "OK\n");
  server_stop (&s);
  assert_err (s.process_rc, 0);
}

static void
commands_without_notify_functions (void **state) {
  struct server s;

  (void) state;
  server_start (&s, SERVER_PIPE, NULL, NULL);
  server_ask (&s, "RESET\n", "OK\n");
  server_ask_err (&s, "CANCEL\n", GPG_ERR_NOT_IMPLEMENTED, NULL);
  server_ask (&s, "BYE\n", "OK closing connection\n");
  peer_expect_eof (s.in);
  server_stop (&s);
  assert_err (s.process_rc, 0);
}

static void
auth_and_end_are_not_implemented (void **state) {
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, NULL, NULL);
  server_ask_err (&s, "AUTH\n", GPG_ERR_NOT_IMPLEMENTED, NULL);
  server_ask_err (&s, "AUTH me\n", GPG_ERR_NOT_IMPLEMENTED, NULL);
  server_ask_err (&s, "END\n", GPG_ERR_NOT_IMPLEMENTED, NULL);
  server_ask_err (&s, "END x\n", GPG_ERR_NOT_IMPLEMENTED, NULL);
  server_ask_err (&s, "end\n", GPG_ERR_NOT_IMPLEMENTED, NULL);
  server_stop (&s);
}

/* They belong into an inquiry.  */
static void
data_and_can_are_no_commands (void **state) {
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, NULL, NULL);
  server_ask_err (&s, "D data\n", GPG_ERR_NOT_IMPLEMENTED, NULL);
  server_ask_err (&s, "D\n", GPG_ERR_ASS_UNKNOWN_CMD, NULL);
  server_ask_err (&s, "CAN\n", GPG_ERR_ASS_UNKNOWN_CMD, NULL);
  server_ask_err (&s, "OK\n", GPG_ERR_ASS_UNKNOWN_CMD, NULL);
  server_ask_err (&s, "S x\n", GPG_ERR_ASS_UNKNOWN_CMD, NULL);
  server_stop (&s);
}

static void
cancel_runs_its_notify (void **state) {
  struct notes notes = { 0 };
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, prepare, &notes);
  server_ask_err (&s, "CANCEL\n", GPG_ERR_NOT_IMPLEMENTED, NULL);
  server_ask_err (&s, "CANCEL  why not \n", GPG_ERR_NOT_IMPLEMENTED, NULL);
  server_stop_noting (&s, &notes, "cancel CANCEL []\ncancel CANCEL [why not ]\n");
}

static void
reset_runs_its_notify (void **state) {
  struct notes notes = { 0 };
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, prepare, &notes);
  server_ask (&s, "RESET\n", "OK\n");
  server_ask_err (&s, "RESET  foo \n", GPG_ERR_EBUSY, NULL);
  server_ask (&s, "NOP\n", "OK\n");
  server_stop_noting (&s, &notes, "reset RESET []\nreset RESET [foo ]\n");
}

/* What its notify function returns does not keep the connection open.  */
static void
bye_runs_its_notify_and_closes (void **state) {
  struct notes notes = { 0 };
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, prepare, &notes);
  server_ask (&s, "BYE  see you \n", "OK closing connection\n");
  peer_expect_eof (s.in);
  server_join (&s);
  assert_err (s.process_rc, 0);
  assert_int_equal ((int) s.last_rc, -1);
  server_free (&s);
  assert_string_equal (notes.text, "bye BYE [see you ]\n");
}

static void
nothing_is_run_after_bye (void **state) {
  struct notes notes = { 0 };
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, prepare, &notes);
  server_ask (&s, "BYE\nRESET\nNOP\n", "OK closing connection\n");
  peer_expect_eof (s.in);
  server_join (&s);
  assert_err (s.process_rc, 0);
  server_free (&s);
  assert_string_equal (notes.text, "bye BYE []\n");
}

/* End of file is no BYE.  */
static void
end_of_file_runs_no_notify (void **state) {
  struct notes notes = { 0 };
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, prepare, &notes);
  server_stop_noting (&s, &notes, "");
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    suite_test (nop_does_nothing),
    suite_test (commands_without_notify_functions),
    suite_test (auth_and_end_are_not_implemented),
    suite_test (data_and_can_are_no_commands),
    suite_test (cancel_runs_its_notify),
    suite_test (reset_runs_its_notify),
    suite_test (bye_runs_its_notify_and_closes),
    suite_test (nothing_is_run_after_bye),
    suite_test (end_of_file_runs_no_notify),
  };

  return suite_run (tests);
}
