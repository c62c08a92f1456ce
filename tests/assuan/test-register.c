/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Registering commands and finding them by name.  */

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

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

static void
register_around_a_builtin (assuan_context_t ctx, void *arg) {
  (void) arg;
  assuan_register_command (ctx, "ONE", cmd_one, NULL);
  assuan_register_command (ctx, "OPTION", cmd_two, NULL);
  assuan_register_command (ctx, "TWO", cmd_two, NULL);
}

static void
replaced_builtins_keep_their_place (void **state) {
  struct notes notes = { 0 };
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, register_around_a_builtin, &notes);
  server_ask (&s, "HELP\n",
              "# NOP\n# CANCEL\n# OPTION\n# BYE\n# AUTH\n# RESET\n# END\n# HELP\n"
              "# ONE\n# TWO\nOK\n");
  server_ask (&s, "ONE\nOPTION x\nTWO\nNOP\n", "OK\nOK\nOK\nOK\n");
  server_stop_noting (&s, &notes, "one ONE []\ntwo OPTION [x]\ntwo TWO []\n");
}

static gpg_error_t
cmd_take_over (assuan_context_t ctx, char *line) {
  assuan_register_command (ctx, "NOP", cmd_one, NULL);
  assuan_register_command (ctx, "HELP", cmd_two, NULL);
  note (assuan_get_pointer (ctx), "%s [%s]", assuan_get_command_name (ctx), line);
  return 0;
}

static void
register_take_over (assuan_context_t ctx, void *arg) {
  (void) arg;
  assuan_register_command (ctx, "TAKE", cmd_take_over, NULL);
}

static void
handlers_may_replace_builtins (void **state) {
  struct notes notes = { 0 };
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, register_take_over, &notes);
  server_ask (&s, "NOP\n", "OK\n");
  server_ask (&s, "TAKE 1\nNOP 2\nHELP 3\nTAKE 4\n", "OK\nOK\nOK\nOK\n");
  server_stop_noting (&s, &notes, "TAKE [1]\none NOP [2]\ntwo HELP [3]\nTAKE [4]\n");
}

/* Replaces what is about to run.  */
static gpg_error_t
replace_before (assuan_context_t ctx, const char *name) {
  if (!strcmp (name, "NOP")) return assuan_register_command (ctx, "NOP", cmd_one, NULL);
  if (!strcmp (name, "ONE")) return assuan_register_command (ctx, "RESET", cmd_two, NULL);
  return 0;
}

static void
register_replace_before (assuan_context_t ctx, void *arg) {
  (void) arg;
  assuan_register_command (ctx, "ONE", cmd_one, NULL);
  assuan_register_pre_cmd_notify (ctx, replace_before);
}

static void
notifications_may_replace_builtins (void **state) {
  struct notes notes = { 0 };
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, register_replace_before, &notes);
  server_ask (&s, "ONE 1\nRESET 2\nNOP 3\n", "OK\nOK\nOK\n");
  server_stop_noting (&s, &notes, "one ONE [1]\ntwo RESET [2]\none NOP [3]\n");
}

static void
serve_said (assuan_context_t ctx, int fd, const char *said, const char *answer) {
  char greeting[200];

  assert_err (assuan_accept (ctx), 0);
  peer_say (fd, said);
  shutdown (fd, SHUT_WR);
  assert_err (assuan_process (ctx), 0);
  peer_read_line (fd, greeting, sizeof greeting);
  peer_expect (fd, answer);
}

/* Those go first in HELP.  One that has a built-in command's name, in whatever case, is it.  */
static void
commands_can_be_registered_first (void **state) {
  assuan_context_t ctx = new_context ();
  struct notes notes = { 0 };
  int fds[2];

  (void) state;
  assert_int_equal (socketpair (AF_UNIX, SOCK_STREAM, 0, fds), 0);
  assuan_set_pointer (ctx, &notes);
  assert_err (assuan_register_command (ctx, "ONE", cmd_one, NULL), 0);
  /* deviation: the built-in BYE beside it */
  if (!on_oracle ()) assert_err (assuan_register_command (ctx, "bye", cmd_two, NULL), 0);
  assert_err (assuan_init_socket_server (ctx, fds[0], ASSUAN_SOCKET_SERVER_ACCEPTED), 0);
  assert_err (assuan_register_command (ctx, "TWO", cmd_two, NULL), 0);
  assert_err (assuan_register_command (ctx, "END", cmd_two, NULL), 0);
  if (on_oracle ())
    serve_said (ctx, fds[1], "HELP\nEND 1\n",
                "# ONE\n# NOP\n# CANCEL\n# OPTION\n# BYE\n# AUTH\n# RESET\n# END\n# HELP\n"
                "# TWO\nOK\nOK\n");
  else
    serve_said (ctx, fds[1], "HELP\nEND 1\nBYE 2\n",
                "# ONE\n# bye\n# NOP\n# CANCEL\n# OPTION\n# AUTH\n# RESET\n# END\n# HELP\n"
                "# TWO\nOK\nOK\nOK\n");
  assert_string_equal (notes.text, on_oracle () ? "two END [1]\n" : "two END [1]\ntwo bye [2]\n");
  assuan_release (ctx);
  close (fds[1]);
}

static struct notes many_notes;
static char many_names[2000][16];

static void
register_many (assuan_context_t ctx, void *arg) {
  gpg_error_t *err = arg;

  for (int i = 0; i < 2000 && !*err; i++) {
    snprintf (many_names[i], sizeof many_names[i], "CMD%d", i);
    *err = assuan_register_command (ctx, many_names[i], cmd_one, NULL);
  }
  assuan_set_pointer (ctx, &many_notes);
}

static int n_fillers;

/* Registers some names, and fillers from FIRST on between them.  */
static void
register_among_many (assuan_context_t ctx, void *arg) {
  static const struct {
    const char *name;
    assuan_handler_t handler;
  } commands[] = {
    { "word", cmd_one }, { "TWICE", cmd_one }, { "WORD", cmd_two },
    { "NOP", cmd_one },  { "TWICE", cmd_two }, { "twice", cmd_one },
  };

  (void) arg;
  for (int i = 0, n = 0; i < 6; i++) {
    assert_err (assuan_register_command (ctx, commands[i].name, commands[i].handler, NULL), 0);
    for (int end = n_fillers * (i + 1) / 6; n < end; n++) {
      snprintf (many_names[n], sizeof many_names[n], "CMD%d", n);
      assert_err (assuan_register_command (ctx, many_names[n], cmd_two, NULL), 0);
    }
  }
}

/* However many there are, and whenever they came.  */
static void
same_rules_among_many (void **state) {
  static const int numbers[] = { 0, 12, 55, 60, 70, 200, 1500 };

  (void) state;
  /* deviation: fixed tables */
  if (on_oracle ()) skip ();
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    struct notes notes = { 0 };
    struct server s;
    n_fillers = numbers[i];
    server_start (&s, SERVER_SOCKET, register_among_many, &notes);
    server_ask (&s, "word\n", "OK\n");
    server_ask (&s, "WORD\n", "OK\n");
    server_ask (&s, "wOrd\n", "OK\n");
    server_ask (&s, "nop\n", "OK\n");
    server_ask (&s, "TWICE\n", "OK\n");
    server_ask (&s, "tWICE\n", "OK\n");
    server_stop_noting (&s, &notes,
                        "one word []\ntwo WORD []\none word []\none NOP []\n"
                        "one twice []\none twice []\n");
  }
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
  server_ask (&s, "CMD0\nCMD1\nCMD1999\ncmd1998\n", "OK\nOK\nOK\nOK\n");
  for (int i = 0; i < 2000; i += 7) {
    char line[32];
    snprintf (line, sizeof line, "CMD%d\n", i);
    server_ask (&s, line, "OK\n");
  }
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
    suite_test (replaced_builtins_keep_their_place),
    suite_test (handlers_may_replace_builtins),
    suite_test (notifications_may_replace_builtins),
    suite_test (commands_can_be_registered_first),
    suite_test (same_rules_among_many),
    suite_test (any_number_of_commands),
  };

  return suite_run (tests);
}
