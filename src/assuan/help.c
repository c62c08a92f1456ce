/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* help.c - the HELP command (Assuan manual, "Client requests").

   Without an argument: a comment line for each command, the first line of its help text where
   that starts with the command's name.  With one: the whole text of that command.  */

#include "assuan/context.h"

#include <string.h>

/* What to list for COMMAND.  */
static const char *
usage (const struct eva__command *command) {
  size_t len = strlen (command->name);

  if (!command->help || strncmp (command->help, command->name, len)) return command->name;
  return strchr (" \n", command->help[len]) ? command->help : command->name;
}

/* One line for each command, in the order of registration.  */
static gpg_error_t
list_commands (assuan_context_t ctx) {
  gpg_error_t err = 0;

  for (size_t i = 0; !err && i < ctx->table->n_commands; i++) {
    const char *text = usage (&ctx->table->commands[i]);
    err = eva__ctx_queue_comment (ctx, text, strcspn (text, "\n"));
  }
  return err;
}

/* The whole text of one command, an empty line of it as an empty comment.  */
static gpg_error_t
show_command (assuan_context_t ctx, const char *name) {
  const struct eva__command *command = eva__ctx_find_command (ctx, name);
  gpg_error_t err = 0;
  const char *text;

  if (!command) return eva__ctx_error (ctx, GPG_ERR_UNKNOWN_COMMAND);
  text = command->help;
  if (!text && command->is_builtin) eva__builtin_handler (command->name, &text);
  if (!text) return eva__ctx_error (ctx, GPG_ERR_NOT_FOUND);
  do {
    size_t len = strcspn (text, "\n");
    err = eva__ctx_queue_comment (ctx, text, len);
    text += len;
    if (*text) text++;
  } while (!err && *text);
  return err;
}

gpg_error_t
eva__builtin_help (assuan_context_t ctx, char *line) {
  line[strcspn (line, " \t")] = 0;
  return *line ? show_command (ctx, line) : list_commands (ctx);
}
