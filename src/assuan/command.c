/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* command.c - what a program registers: commands, and functions that notify it.  */

#include "assuan/command.h"

#include "assuan/builtin.h"
#include "assuan/error.h"
#include "assuan/table.h"

/* The commands that every server has, in the order in which HELP shows them.  */
static const char *const builtin_names[] = { "NOP",  "CANCEL", "OPTION", "BYE",
                                             "AUTH", "RESET",  "END",    "HELP" };

/* Enters the command NAME in the table of CTX.  HANDLER NULL: the built-in one.  */
static gpg_error_t
enter (assuan_context_t ctx, const char *name, assuan_handler_t handler, const char *help) {
  struct eva__command *command = eva__ctx_find_registered (ctx, name);
  bool is_secret =
      command && command->is_secret; /* a connection's own handler changes nothing there */
  gpg_error_t err;

  if (!command) {
    err = ctx->table->n_commands == ctx->table->commands_size ? eva__ctx_grow_table (ctx) : 0;
    if (err) return err;
    command = &ctx->table->commands[ctx->table->n_commands++];
  }
  *command = (struct eva__command) {
    .name = name, .help = help, .handler = handler, .is_secret = is_secret
  };
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
