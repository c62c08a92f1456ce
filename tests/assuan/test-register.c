/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Registering commands and finding them by name.  */

#include <stdio.h>

#include "suite.h"

static gpg_error_t
cmd_one (assuan_context_t ctx, char *line) {
  note (assuan_get_pointer (ctx), "one %s [%s]", assuan_get_command_name (ctx), line);
  return 0;
}

static gpg_error_t
cmd_two (assuan_context_t ctx, char *line) {
  note (assuan_get_pointer (ctx), "two %s [%s]", assuan_get_command_name (ctx), line);
  return 0;
}

static void
invalid_names_are_refused (void **state) {
  assuan_context_t ctx = new_context ();

  (void) state;
  assert_err (assuan_register_command (ctx, NULL, cmd_one, NULL), ERR (GPG_ERR_ASS_INV_VALUE));
  assert_err (assuan_register_command (ctx, "", cmd_one, NULL), ERR (GPG_ERR_ASS_INV_VALUE));
  assuan_release (ctx);
}

static void
register_one (assuan_context_t ctx, void *arg) {
  (void) arg;
  assuan_register_command (ctx, "ONE", cmd_one, NULL);
}

/* People do not type capitals into a terminal.  */
static void
names_match_in_any_case (void **state) {
  struct notes notes = { 0 };
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, register_one, &notes);
  server_ask (&s, "ONE a\n", "OK\n");
  server_ask (&s, "one b\n", "OK\n");
  server_ask (&s, "One c\n", "OK\n");
  server_ask (&s, "oNe\td\n", "OK\n");
  server_ask (&s, "nop\n", "OK\n");
  server_ask (&s, "Nop\n", "OK\n");
  server_stop (&s);
  /* The name is told as it was registered.  */
  assert_string_equal (notes.text, "one ONE [a]\none ONE [b]\none ONE [c]\none ONE [d]\n");
}

static void
parts_of_names_do_not_match (void **state) {
  static const char *const lines[] = { "ON\n",   "ONEX\n", "ONE=1\n",  "O\n",
                                       "ON E\n", "D\n",    "ONE\xa0\n" };
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, register_one, NULL);
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
    server_ask_err (&s, lines[i], GPG_ERR_ASS_UNKNOWN_CMD, NULL);
  server_stop (&s);
}

static void
register_two_cases (assuan_context_t ctx, void *arg) {
  (void) arg;
  assuan_register_command (ctx, "word", cmd_one, NULL);
  assuan_register_command (ctx, "WORD", cmd_two, NULL);
}

/* An exact match goes before one that ignores case.  */
static void
exact_names_win (void **state) {
  struct notes notes = { 0 };
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, register_two_cases, &notes);
  server_ask (&s, "word\n", "OK\n");
  server_ask (&s, "WORD\n", "OK\n");
  server_stop_noting (&s, &notes, "one word []\ntwo WORD []\n");
}

static void
register_twice (assuan_context_t ctx, void *arg) {
  (void) arg;
  assuan_register_command (ctx, "TWICE", cmd_one, NULL);
  assuan_register_command (ctx, "OTHER", cmd_one, NULL);
  assuan_register_command (ctx, "TWICE", cmd_two, NULL);
}

static void
known_name_gets_the_new_handler (void **state) {
  struct notes notes = { 0 };
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, register_twice, &notes);
  server_ask (&s, "TWICE\n", "OK\n");
  server_ask (&s, "OTHER\n", "OK\n");
  server_ask (&s, "HELP\n",
              "# NOP\n# CANCEL\n# OPTION\n# BYE\n# AUTH\n# RESET\n# END\n# HELP\n"
              "# TWICE\n# OTHER\nOK\n");
  server_stop_noting (&s, &notes, "two TWICE []\none OTHER []\n");
}

static void
register_without_handlers (assuan_context_t ctx, void *arg) {
  (void) arg;
  assuan_register_command (ctx, "LATER", NULL, NULL);
  assuan_register_command (ctx, "NOP", cmd_one, NULL);
  assuan_register_command (ctx, "BYE", cmd_one, NULL);
  assuan_register_command (ctx, "END", cmd_one, NULL);
}

static void
no_handler_is_a_server_fault (void **state) {
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, register_without_handlers, &(struct notes) { 0 });
  server_ask_err (&s, "LATER\n", GPG_ERR_ASSUAN_SERVER_FAULT, "no handler registered");
  server_stop (&s);
}

static void
builtin_commands_can_be_replaced (void **state) {
  struct notes notes = { 0 };
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, register_without_handlers, &notes);
  server_ask (&s, "NOP x\n", "OK\n");
  server_ask (&s, "END\n", "OK\n");
  /* One's own BYE does not close.  */
  server_ask (&s, "BYE\n", "OK\n");
  server_ask (&s, "NOP y\n", "OK\n");
  server_stop_noting (&s, &notes, "one NOP [x]\none END []\none BYE []\none NOP [y]\n");
}

static void
restore_nop (assuan_context_t ctx, void *arg) {
  (void) arg;
  assuan_register_command (ctx, "NOP", cmd_one, NULL);
  assuan_register_command (ctx, "NOP", NULL, NULL);
}

static void
null_handler_restores_the_builtin (void **state) {
  struct notes notes = { 0 };
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, restore_nop, &notes);
  server_ask (&s, "NOP\n", "OK\n");
  server_stop_noting (&s, &notes, "");
}

/* A handler may register: for instance commands for clients that authenticated themselves.  */
static gpg_error_t
cmd_unlock (assuan_context_t ctx, char *line) {
  (void) line;
  return assuan_register_command (ctx, "EXTRA", cmd_one, NULL);
}

static void
register_unlock (assuan_context_t ctx, void *arg) {
  (void) arg;
  assuan_register_command (ctx, "UNLOCK", cmd_unlock, NULL);
}

static void
handlers_may_register (void **state) {
  struct notes notes = { 0 };
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, register_unlock, &notes);
  server_ask_err (&s, "EXTRA\n", GPG_ERR_ASS_UNKNOWN_CMD, NULL);
  server_ask (&s, "UNLOCK\n", "OK\n");
  server_ask (&s, "EXTRA\n", "OK\n");
  server_stop_noting (&s, &notes, "one EXTRA []\n");
}

static struct notes many_notes;
static char many_names[2000][12];

static void
register_many (assuan_context_t ctx, void *arg) {
  gpg_error_t *err = arg;

  for (int i = 0; i < 2000 && !*err; i++) {
    snprintf (many_names[i], sizeof many_names[i], "CMD%d", i);
    *err = assuan_register_command (ctx, many_names[i], cmd_one, NULL);
  }
  assuan_set_pointer (ctx, &many_notes);
}

static void
any_number_of_commands (void **state) {
  gpg_error_t err = 0;
  struct server s;

  (void) state;
  /* deviation: fixed tables */
  if (on_oracle ()) skip ();
  server_start (&s, SERVER_SOCKET, register_many, &err);
  assert_err (err, 0);
  server_ask (&s, "CMD0\nCMD1\nCMD1999\n", "OK\nOK\nOK\n");
  server_stop (&s);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    suite_test (invalid_names_are_refused),
    suite_test (names_match_in_any_case),
    suite_test (parts_of_names_do_not_match),
    suite_test (exact_names_win),
    suite_test (known_name_gets_the_new_handler),
    suite_test (no_handler_is_a_server_fault),
    suite_test (builtin_commands_can_be_replaced),
    suite_test (null_handler_restores_the_builtin),
    suite_test (handlers_may_register),
    suite_test (any_number_of_commands),
  };

  return suite_run (tests);
}
