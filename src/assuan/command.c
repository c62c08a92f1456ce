/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* command.c - the commands that a server knows, and what it tells the program of.

   The commands are an array that is searched from its beginning: servers have few of them, and the
   first letter sorts most out.  All connections of an eva_server share one; a context that registers
   a command for itself gets a copy.  */

#include "assuan/context.h"

#include <string.h>

#define FIRST_SIZE 64

/* The commands that every server has, in the order in which HELP shows them.  */
static const char *const builtin_names[] = { "NOP",  "CANCEL", "OPTION", "BYE",
                                             "AUTH", "RESET",  "END",    "HELP" };

/* Not tolower: that asks the locale, and in some of them an I is no I.  */
static char
lower (char c) {
  return c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
}

/* Compares without regard to ASCII case, whatever the locale.  */
static bool
same_name (const char *a, const char *b) {
  for (; *a && lower (*a) == lower (*b); a++, b++)
    ;
  return *a == *b;
}

/* Returns true if NAME has no small letter.  */
static bool
is_upper (const char *name) {
  for (; *name; name++)
    if (*name >= 'a' && *name <= 'z') return false;
  return true;
}

/* The exact spelling wins over another one, as both may be registered (see find_registered).  */
struct eva__command *
eva__ctx_find_command (assuan_context_t ctx, const char *name) {
  struct eva__command *found = NULL;

  for (size_t i = 0; i < ctx->table->n_commands; i++) {
    const char *known = ctx->table->commands[i].name;
    if (lower (*known) != lower (*name)) continue; /* most are done with here */
    if (!strcmp (known, name)) return &ctx->table->commands[i];
    if (!found && same_name (known, name)) found = &ctx->table->commands[i];
  }
  return found;
}

/* Finds the command that registering NAME replaces.  The name in capitals is the same one, as
   for the built-in commands; other spellings are commands of their own, which a client reaches
   by writing exactly them.  */
static struct eva__command *
find_registered (assuan_context_t ctx, const char *name) {
  for (size_t i = 0; i < ctx->table->n_commands; i++) {
    const char *known = ctx->table->commands[i].name;
    if (lower (*known) != lower (*name)) continue;
    if (!strcmp (known, name) || (same_name (known, name) && is_upper (known)))
      return &ctx->table->commands[i];
  }
  return NULL;
}

gpg_error_t
eva__ctx_own_table (assuan_context_t ctx) {
  struct eva__table *table;
  size_t size;

  if (!ctx) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  if (!ctx->shares || ctx->owns_table) return 0;
  size = ctx->table->n_commands * sizeof *table->commands;
  table = eva__ctx_malloc (ctx, sizeof *table);
  if (!table) return eva__ctx_error (ctx, GPG_ERR_ENOMEM);
  *table = *ctx->table;
  table->own_hello = NULL;
  table->commands = eva__ctx_malloc (ctx, size);
  if (!table->commands) {
    eva__ctx_free (ctx, table);
    return eva__ctx_error (ctx, GPG_ERR_ENOMEM);
  }
  memcpy (table->commands, ctx->table->commands, size);
  table->commands_size = table->n_commands;
  if (ctx->command) ctx->command = table->commands + (ctx->command - ctx->table->commands);
  ctx->table = table;
  ctx->owns_table = true;
  return 0;
}

/* Makes room for one more command.  The running command's entry may move along.  */
static gpg_error_t
grow (assuan_context_t ctx) {
  size_t size = ctx->table->commands_size ? 2 * ctx->table->commands_size : FIRST_SIZE;
  struct eva__command *commands = eva__ctx_malloc (ctx, size * sizeof *commands);

  if (!commands) return eva__ctx_error (ctx, GPG_ERR_ENOMEM);
  if (ctx->table->n_commands)
    memcpy (commands, ctx->table->commands, ctx->table->n_commands * sizeof *commands);
  if (ctx->command) ctx->command = commands + (ctx->command - ctx->table->commands);
  eva__ctx_free (ctx, ctx->table->commands);
  ctx->table->commands = commands;
  ctx->table->commands_size = size;
  return 0;
}

/* Enters the command NAME in the table of CTX.  HANDLER NULL: the built-in one.  */
static gpg_error_t
enter (assuan_context_t ctx, const char *name, assuan_handler_t handler, const char *help) {
  struct eva__command *command = find_registered (ctx, name);
  gpg_error_t err;

  if (!command) {
    err = ctx->table->n_commands == ctx->table->commands_size ? grow (ctx) : 0;
    if (err) return err;
    command = &ctx->table->commands[ctx->table->n_commands++];
  }
  *command = (struct eva__command) { .name = name, .help = help, .handler = handler };
  if (handler) return 0;
  command->is_builtin = true;
  command->handler = eva__builtin_handler (name, NULL);
  return 0;
}

gpg_error_t
assuan_register_command (assuan_context_t ctx, const char *cmd_string, assuan_handler_t handler,
                         const char *help_string) {
  gpg_error_t err;

  if (!ctx || !cmd_string || !*cmd_string) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  err = eva__ctx_own_table (ctx);
  if (!err) err = enter (ctx, cmd_string, handler, help_string);
  if (!err) ctx->table->has_commands = true;
  return err;
}

gpg_error_t
eva__ctx_register_builtins (assuan_context_t ctx) {
  gpg_error_t err = eva__ctx_own_table (ctx);

  for (size_t i = 0; !err && i < sizeof builtin_names / sizeof *builtin_names; i++)
    if (!eva__ctx_find_command (ctx, builtin_names[i]))
      err = enter (ctx, builtin_names[i], NULL, NULL);
  return err;
}

const char *
assuan_get_command_name (assuan_context_t ctx) {
  return ctx && ctx->command ? ctx->command->name : NULL;
}

/* --- Notifications ---------------------------------------------------------------------------- */

gpg_error_t
assuan_register_pre_cmd_notify (assuan_context_t ctx,
                                gpg_error_t (*fnc) (assuan_context_t, const char *cmd)) {
  gpg_error_t err = eva__ctx_own_table (ctx);

  if (!err) ctx->table->notify.pre_cmd = fnc;
  return err;
}

gpg_error_t
assuan_register_post_cmd_notify (assuan_context_t ctx,
                                 void (*fnc) (assuan_context_t, gpg_error_t)) {
  gpg_error_t err = eva__ctx_own_table (ctx);

  if (!err) ctx->table->notify.post_cmd = fnc;
  return err;
}

gpg_error_t
assuan_register_option_handler (assuan_context_t ctx,
                                gpg_error_t (*fnc) (assuan_context_t, const char *, const char *)) {
  gpg_error_t err = eva__ctx_own_table (ctx);

  if (!err) ctx->table->notify.option = fnc;
  return err;
}

gpg_error_t
assuan_register_bye_notify (assuan_context_t ctx, assuan_handler_t handler) {
  gpg_error_t err = eva__ctx_own_table (ctx);

  if (!err) ctx->table->notify.bye = handler;
  return err;
}

gpg_error_t
assuan_register_reset_notify (assuan_context_t ctx, assuan_handler_t handler) {
  gpg_error_t err = eva__ctx_own_table (ctx);

  if (!err) ctx->table->notify.reset = handler;
  return err;
}

gpg_error_t
assuan_register_cancel_notify (assuan_context_t ctx, assuan_handler_t handler) {
  gpg_error_t err = eva__ctx_own_table (ctx);

  if (!err) ctx->table->notify.cancel = handler;
  return err;
}

gpg_error_t
assuan_register_input_notify (assuan_context_t ctx, assuan_handler_t handler) {
  gpg_error_t err = eva__ctx_own_table (ctx);

  if (!err) ctx->table->notify.input = handler;
  return err;
}

gpg_error_t
assuan_register_output_notify (assuan_context_t ctx, assuan_handler_t handler) {
  gpg_error_t err = eva__ctx_own_table (ctx);

  if (!err) ctx->table->notify.output = handler;
  return err;
}
