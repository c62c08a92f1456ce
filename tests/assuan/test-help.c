/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* HELP and HELP NAME.  */

#include <stdio.h>

#include "suite.h"

#define BUILTINS "# NOP\n# CANCEL\n# OPTION\n# BYE\n# AUTH\n# RESET\n# END\n# HELP\n"

static gpg_error_t
cmd_any (assuan_context_t ctx, char *line) {
  (void) ctx;
  (void) line;
  return 0;
}

static void
prepare (assuan_context_t ctx, void *arg) {
  (void) arg;
  assuan_register_command (ctx, "ALPHA", cmd_any, "ALPHA [--all] <name>\n\nDo alpha.\n  More.");
  assuan_register_command (ctx, "BETA", cmd_any, "Without the name first.\nSecond line.");
  assuan_register_command (ctx, "GAMMA", cmd_any, NULL);
  assuan_register_command (ctx, "DELTA", cmd_any, "");
  assuan_register_command (ctx, "EPSILON", cmd_any, "EPSILONTIC nonsense");
  assuan_register_command (ctx, "ZETA", cmd_any, "zeta in small letters");
  assuan_register_command (ctx, "ETA", cmd_any, "ETA\n");
  assuan_register_command (ctx, "THETA", cmd_any, "THETA\ttab\nlast line\n\n");
  assuan_register_command (ctx, "IOTA", cmd_any, " IOTA behind a blank");
  assuan_register_command (ctx, "KAPPA", cmd_any, "KAPPA: a colon");
}

static void
list_of_a_bare_server (void **state) {
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, NULL, NULL);
  server_ask (&s, "HELP\n", BUILTINS "OK\n");
  server_ask (&s, "help\n", BUILTINS "OK\n");
  server_stop (&s);
}

/* The first line of a text stands for the name if it begins with the name as a word.  */
static void
list_shows_first_lines (void **state) {
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, prepare, NULL);
  server_ask (&s, "HELP\n",
              BUILTINS "# ALPHA [--all] <name>\n# BETA\n# GAMMA\n# DELTA\n# EPSILON\n# ZETA\n"
                       "# ETA\n# THETA\n# IOTA\n# KAPPA\nOK\n");
  server_stop (&s);
}

static void
text_of_one_command (void **state) {
  static const struct {
    const char *line, *answer;
  } table[] = {
    { "HELP ALPHA\n", "# ALPHA [--all] <name>\n# \n# Do alpha.\n#   More.\nOK\n" },
    { "HELP alpha\n", "# ALPHA [--all] <name>\n# \n# Do alpha.\n#   More.\nOK\n" },
    { "HELP   ALPHA  x\n", "# ALPHA [--all] <name>\n# \n# Do alpha.\n#   More.\nOK\n" },
    { "HELP ALPHA\tx\n", "# ALPHA [--all] <name>\n# \n# Do alpha.\n#   More.\nOK\n" },
    { "HELP BETA\n", "# Without the name first.\n# Second line.\nOK\n" },
    { "HELP DELTA\n", "# \nOK\n" },
    { "HELP ETA\n", "# ETA\nOK\n" },
    { "HELP THETA\n", "# THETA\ttab\n# last line\n# \nOK\n" },
    { "HELP IOTA\n", "#  IOTA behind a blank\nOK\n" },
  };
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, prepare, NULL);
  for (size_t i = 0; i < sizeof table / sizeof *table; i++)
    server_ask (&s, table[i].line, table[i].answer);
  server_stop (&s);
}

static void
no_text_and_no_command (void **state) {
  struct server s;

  (void) state;
  server_start (&s, SERVER_SOCKET, prepare, NULL);
  server_ask_err (&s, "HELP GAMMA\n", GPG_ERR_NOT_FOUND, NULL);
  server_ask_err (&s, "HELP OMEGA\n", GPG_ERR_UNKNOWN_COMMAND, NULL);
  server_ask_err (&s, "HELP ALPH\n", GPG_ERR_UNKNOWN_COMMAND, NULL);
  server_ask_err (&s, "HELP ALPHAS\n", GPG_ERR_UNKNOWN_COMMAND, NULL);
  server_stop (&s);
}

static void
register_with_own_texts (assuan_context_t ctx, void *arg) {
  (void) arg;
  assuan_register_command (ctx, "INPUT", NULL, NULL);
  assuan_register_command (ctx, "OUTPUT", NULL, "OUTPUT FD[=n]\nWhere to write.");
  assuan_register_command (ctx, "NOP", NULL, "NOP\nRest a while.");
}

static void
builtins_can_have_own_texts (void **state) {
  struct server s;
  char line[200];

  (void) state;
  server_start (&s, SERVER_SOCKET, register_with_own_texts, NULL);
  server_ask (&s, "HELP NOP\n", "# NOP\n# Rest a while.\nOK\n");
  server_ask (&s, "HELP OUTPUT\n", "# OUTPUT FD[=n]\n# Where to write.\nOK\n");
  peer_say (s.out, "HELP\n");
  for (int i = 0; i < 8; i++)
    peer_read_line (s.in, line, sizeof line);
  assert_string_equal (line, "# HELP");
  peer_read_line (s.in, line, sizeof line);
  assert_memory_equal (line, "# INPUT", 7);
  peer_expect (s.in, "# OUTPUT FD[=n]\nOK\n");
  server_stop (&s);
}

static void
builtins_are_explained (void **state) {
  static const char *const names[] = { "NOP",  "CANCEL", "OPTION", "BYE",
                                       "AUTH", "RESET",  "END",    "HELP" };
  struct server s;
  char line[1100], start[40];

  (void) state;
  server_start (&s, SERVER_SOCKET, NULL, NULL);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    snprintf (line, sizeof line, "HELP %s\n", names[i]);
    if (on_oracle ()) {
      /* deviation: HELP NOP "not found" */
      server_ask_err (&s, line, GPG_ERR_NOT_FOUND, NULL);
      continue;
    }
    peer_say (s.out, line);
    peer_read_line (s.in, line, sizeof line);
    snprintf (start, sizeof start, "# %s", names[i]);
    assert_memory_equal (line, start, strlen (start));
    do
      peer_read_line (s.in, line, sizeof line);
    while (*line == '#');
    assert_string_equal (line, "OK");
  }
  server_stop (&s);
}

static char long_text[1200];

static void
register_long_text (assuan_context_t ctx, void *arg) {
  (void) arg;
  memset (long_text, 'x', sizeof long_text - 1);
  memcpy (long_text, "LONG ", 5);
  assuan_register_command (ctx, "LONG", cmd_any, long_text);
}

/* A text line that does not fit must not break the protocol.  */
static void
long_text_lines_are_cut (void **state) {
  struct server s;
  char line[1100];

  (void) state;
  server_start (&s, SERVER_SOCKET, register_long_text, NULL);
  peer_say (s.out, "HELP LONG\n");
  assert_in_range (peer_read_line (s.in, line, sizeof line), 990, 1000);
  assert_memory_equal (line, "# LONG xxxx", 11);
  peer_expect (s.in, "OK\n");
  server_stop (&s);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    suite_test (list_of_a_bare_server),       suite_test (list_shows_first_lines),
    suite_test (text_of_one_command),         suite_test (no_text_and_no_command),
    suite_test (builtins_can_have_own_texts), suite_test (builtins_are_explained),
    suite_test (long_text_lines_are_cut),
  };

  return suite_run (tests);
}
