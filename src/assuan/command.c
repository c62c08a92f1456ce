/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* command.c - what a program registers: commands, and functions that notify it.  */

#include "assuan/command.h"

#include "assuan/error.h"
#include "assuan/table.h"

/* Enters the command NAME in the table of CTX.  HANDLER NULL: the built-in one.  Another handler,
   of one connection for instance, changes nothing about whether the command is secret.  */
static gpg_error_t
enter (assuan_context_t ctx, const char *name, assuan_handler_t handler, const char *help) {
  struct eva__table *table = ctx->table;
  struct eva__command *place;
  gpg_error_t err = eva__ctx_place_command (ctx, name, &place);

  if (err) return err;
  *place = (struct eva__command) { .name = name, .help = help, .handler = handler };
  if (table->more) table->more[place - table->commands].described = NULL;
  return 0;
}

gpg_error_t
assuan_register_command (assuan_context_t ctx, const char *cmd_string, assuan_handler_t handler,
                         const char *help_string) {
  gpg_error_t err;

  if (!ctx || !cmd_string || !*cmd_string) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  err = eva__ctx_own_commands (ctx);
  if (!err) err = enter (ctx, cmd_string, handler, help_string);
  if (!err) ctx->table->has_commands = true;
  return err;
}

gpg_error_t
eva__ctx_register_builtins (assuan_context_t ctx) {
  gpg_error_t err = eva__ctx_own_commands (ctx);

  if (!err) eva__ctx_add_standard (ctx);
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
  gpg_error_t err = eva__ctx_own_commands (ctx);

  if (!err) ctx->table->notify.pre_cmd = fnc;
  return err;
}

gpg_error_t
assuan_register_post_cmd_notify (assuan_context_t ctx,
                                 void (*fnc) (assuan_context_t, gpg_error_t)) {
  gpg_error_t err = eva__ctx_own_commands (ctx);

  if (!err) ctx->table->notify.post_cmd = fnc;
  return err;
}

gpg_error_t
assuan_register_option_handler (assuan_context_t ctx,
                                gpg_error_t (*fnc) (assuan_context_t, const char *, const char *)) {
  gpg_error_t err = eva__ctx_own_commands (ctx);

  if (!err) ctx->table->notify.option = fnc;
  return err;
}

gpg_error_t
assuan_register_bye_notify (assuan_context_t ctx, assuan_handler_t handler) {
  gpg_error_t err = eva__ctx_own_commands (ctx);

  if (!err) ctx->table->notify.bye = handler;
  return err;
}

gpg_error_t
assuan_register_reset_notify (assuan_context_t ctx, assuan_handler_t handler) {
  gpg_error_t err = eva__ctx_own_commands (ctx);

  if (!err) ctx->table->notify.reset = handler;
  return err;
}

gpg_error_t
assuan_register_cancel_notify (assuan_context_t ctx, assuan_handler_t handler) {
  gpg_error_t err = eva__ctx_own_commands (ctx);

  if (!err) ctx->table->notify.cancel = handler;
  return err;
}

gpg_error_t
assuan_register_input_notify (assuan_context_t ctx, assuan_handler_t handler) {
  gpg_error_t err = eva__ctx_own_commands (ctx);

  if (!err) ctx->table->notify.input = handler;
  return err;
}

gpg_error_t
assuan_register_output_notify (assuan_context_t ctx, assuan_handler_t handler) {
  gpg_error_t err = eva__ctx_own_commands (ctx);

  if (!err) ctx->table->notify.output = handler;
  return err;
}
