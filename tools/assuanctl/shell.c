/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* shell.c - `assuanctl shell`: a dialogue with a server, typed or out of a script.

   The order is gpg-connect-agent's: the files of --run, the commands of the command line, then
   stdin.  */

#include "completion.h"
#include "definitions.h"
#include "editor.h"
#include "exchange.h"
#include "message.h"
#include "options.h"
#include "script.h"
#include "settings.h"
#include "slash.h"
#include "terminal.h"
#include "text.h"
#include "variables.h"
#include "wait.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum option {
  OPT_RUN,
  OPT_COMMAND,
  OPT_SUBST,
  OPT_STRICT,
  OPT_DECODE,
  OPT_HEX,
  OPT_NO_START,
  OPT_NO_SESSION,
};

static const struct option_spec options[] = {
  { "run", 'f', "SCRIPT", "run a file; may be repeated" },
  { "command", 'c', "COMMAND", "a line, in place of those of stdin; may be repeated" },
  { "subst", 's', NULL, "expand $NAME and ${...} in all lines" },
  { "strict", 0, NULL, "end at the first failure" },
  { "decode", 0, NULL, "show data decoded" },
  { "hex", 0, NULL, "show data in hex" },
  { "no-start", 0, NULL, "do not start a server that is not there" },
  { "no-session", 0, NULL, "do not tell the agent terminal and display" },
};

static struct script script;
static struct exchange exchange;
static struct editor *editor;

static struct {
  char **files, **commands;
  size_t n_files, n_commands;
  bool has_commands; /* by --command, behind which stdin is not read */
} config;

static void
add (char ***list, size_t *n, const char *value) {
  char **longer = realloc (*list, (*n + 1) * sizeof *longer);

  if (!longer) abort ();
  longer[(*n)++] = text_dup (value);
  *list = longer;
}

static void
free_list (char **list, size_t n) {
  for (size_t i = 0; i < n; i++)
    free (list[i]);
  free (list);
}

static enum status
set (size_t index, const char *value) {
  switch ((enum option) index) {
  case OPT_RUN:
    add (&config.files, &config.n_files, value);
    break;
  case OPT_COMMAND:
    add (&config.commands, &config.n_commands, value);
    config.has_commands = true;
    break;
  case OPT_SUBST:
    script.substitutes = true;
    break;
  case OPT_STRICT:
    script.is_strict = true;
    break;
  case OPT_DECODE:
    exchange.decodes = true;
    break;
  case OPT_HEX:
    exchange.is_hex = true;
    break;
  case OPT_NO_START:
    script.flags |= CONNECTION_NO_START;
    break;
  case OPT_NO_SESSION:
    script.flags |= CONNECTION_NO_SESSION;
    break;
  }
  return STATUS_OK;
}

/* --- At a terminal ---------------------------------------------------------------------------- */

/* Returns the file of the history, to be freed; its directory is made.  */
static char *
find_history (void) {
  const char *state = getenv ("XDG_STATE_HOME"), *home = getenv ("HOME");
  char *base, *dir, *file;

  if (!(state && *state == '/') && !home) return NULL;
  base = state && *state == '/' ? text_dup (state) : text_format ("%s/.local/state", home);
  dir = text_format ("%s/assuanctl", base);
  for (char *slash = strchr (dir + 1, '/'); slash; slash = strchr (slash + 1, '/')) {
    *slash = 0;
    mkdir (dir, 0700);
    *slash = '/';
  }
  mkdir (dir, 0700);
  file = text_format ("%s/history", dir);
  free (dir);
  free (base);
  return file;
}

static void
interject (const char *line, size_t len) {
  editor_interject (editor, line, len);
}

static void
tell_lost (void) {
  static const char text[] = "the server closed the connection; try: /reconnect";

  if (!exchange.is_pending) interject (text, sizeof text - 1);
}

static char *
read_typed (struct script_reader *reader, unsigned int depth) {
  (void) reader;
  exchange.connection.lost = tell_lost; /* anew, if it was made anew */
  return editor_read (editor, depth ? "... " : "assuan> ");
}

/* Ctrl-C in a command ends that command alone.  */
static enum status
run_typed (void) {
  struct script_reader reader = { .read = read_typed };
  enum status status;

  script.history_file = find_history ();
  editor = editor_new (script.history_file, completion_find, &script);
  exchange.is_interactive = true;
  exchange.interject = interject;
  do {
    status = script_run (&script, &reader, false);
    if (status != STATUS_INTERRUPTED) break;
    wait_forget_interrupt ();
    putchar ('\n');
  } while (!script.is_strict);
  exchange.interject = NULL;
  exchange.connection.lost = NULL;
  editor_free (editor);
  return status;
}

/* --- Sources ---------------------------------------------------------------------------------- */

static enum status
run_stdin (void) {
  struct script_reader reader = { .read = script_read_file, .file = stdin };

  if (terminal_is (stdin) && terminal_is (stdout)) return run_typed ();
  return script_run (&script, &reader, false);
}

static bool
is_worst (enum status status) {
  return status
         && (script.is_strict
             || (status != STATUS_ERR && status != STATUS_LOCAL && status != STATUS_USAGE));
}

static enum status
run_all (void) {
  struct script_reader reader = { .read = script_read_lines,
                                  .lines = config.commands,
                                  .n = config.n_commands };
  enum status status = STATUS_OK;

  for (size_t i = 0; i < config.n_files && !is_worst (status); i++)
    status = script_run_file (&script, config.files[i]);
  if (!is_worst (status) && config.n_commands) status = script_run (&script, &reader, false);
  if (is_worst (status) || script.is_over) return status;
  return config.has_commands ? status : run_stdin ();
}

static enum status
run_shell (struct address *address) {
  enum status status = address_resolve (address), worst;

  if (status) return status;
  script.exchange = &exchange;
  script.address = address;
  exchange.find_rule = definitions_find;
  status = exchange_open (&exchange, address, script.flags | CONNECTION_FDS);
  worst = status ? status : run_all ();
  exchange_close (&exchange);
  return worst ? worst : script.status;
}

static enum status
run (const struct arguments *arguments) {
  struct address address;
  char **words;
  size_t n;
  enum status status = address_take (arguments, &address, &words, &n);

  if (status) return status;
  for (size_t i = 0; i < n; i++)
    add (&config.commands, &config.n_commands, words[i]);
  status = run_shell (&address);
  free (words);
  free_list (config.files, config.n_files);
  free_list (config.commands, config.n_commands);
  free (script.history_file);
  completion_deinit ();
  definitions_clear ();
  variables_deinit ();
  slash_deinit ();
  address_deinit (&address);
  return status;
}

const struct subcommand shell_subcommand = {
  .name = "shell",
  .synopsis = "ADDRESS [LINE...]\n-- PROGRAM [ARG...]",
  .purpose = "Talk to a server, line by line, or run scripts of gpg-connect-agent",
  .options = options,
  .n_options = N_ELEMENTS (options),
  .set = set,
  .run = run,
};
