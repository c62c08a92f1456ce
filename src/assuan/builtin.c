/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* builtin.c - the commands that every server has (Assuan manual, "Client requests").

   OPTION has a file of its own.  */

#include "assuan/builtin.h"

#include "assuan/describe.h"
#include "assuan/descriptor.h"
#include "assuan/error.h"
#include "assuan/memory.h"
#include "assuan/say.h"
#include "assuan/table.h"

#include <stdint.h>
#include <string.h>

/* For clients that ask whether the server is there and has caught up.  */
static gpg_error_t
nop (assuan_context_t ctx, char *line) {
  (void) ctx;
  (void) line;
  return 0;
}

/* AUTH is reserved, and END only means something within an inquiry.  */
static gpg_error_t
not_implemented (assuan_context_t ctx, char *line) {
  (void) line;
  return eva__ctx_error (ctx, GPG_ERR_NOT_IMPLEMENTED);
}

/* The protocol reserves CANCEL.  Programs can be notified of it, but its answer stays an error, so
   that no client takes it for done.  */
static gpg_error_t
cancel (assuan_context_t ctx, char *line) {
  if (ctx->table->notify.cancel) ctx->table->notify.cancel (ctx, line);
  return eva__ctx_error (ctx, GPG_ERR_NOT_IMPLEMENTED);
}

/* This reply is the last: reply.c closes the connection after it.  */
static gpg_error_t
bye (assuan_context_t ctx, char *line) {
  if (ctx->table->notify.bye) ctx->table->notify.bye (ctx, line);
  ctx->closing = true;
  return 0;
}

/* The program may need its descriptors to clean up, and may refuse, so its notification runs
   first.  */
static gpg_error_t
reset (assuan_context_t ctx, char *line) {
  gpg_error_t err = ctx->table->notify.reset ? ctx->table->notify.reset (ctx, line) : 0;

  if (!err && !ctx->released) eva__ctx_close_fds (ctx);
  return err;
}

/* Takes the descriptor that LINE names, also if there is no memory for it: one that waited on would
   be that of the next command.  */
static gpg_error_t
take_fd (assuan_context_t ctx, char *line, assuan_fd_t *r_fd, struct eva__extra **r_extra) {
  gpg_error_t err = assuan_command_parse_fd (ctx, line, r_fd);

  if (err) return err;
  *r_extra = eva__ctx_get_extra (ctx);
  if (*r_extra) return 0;
  eva__ctx_close_unused (ctx, *r_fd);
  return eva__ctx_error (ctx, GPG_ERR_ENOMEM);
}

/* INPUT and OUTPUT: *PLACE gets FD, unless NOTIFY returns an error.  */
static gpg_error_t
set_fd (assuan_context_t ctx, char *line, assuan_fd_t fd, assuan_fd_t *place,
        assuan_handler_t notify) {
  assuan_fd_t old = *place;
  gpg_error_t err;
  bool is_shared;

  *place = fd;
  is_shared = old == assuan_get_input_fd (ctx) || old == assuan_get_output_fd (ctx);
  err = notify ? notify (ctx, line) : 0;
  if (old == fd) return err;
  if (ctx->released) { /* FD was closed with it, and OLD, too, if it is the other one's */
    if (!is_shared) eva__io_sys_close (&ctx->shared->sys, old);
    return err;
  }
  /* Closes the one of the two that is not kept, which would otherwise stay open forever.  */
  if (err) {
    bool closed = *place != fd; /* by the notification */
    *place = old;
    if (closed) return err;
  }
  eva__ctx_close_unused (ctx, err ? fd : old);
  return err;
}

static gpg_error_t
input (assuan_context_t ctx, char *line) {
  struct eva__extra *extra;
  assuan_fd_t fd;
  gpg_error_t err = take_fd (ctx, line, &fd, &extra);

  return err ? err : set_fd (ctx, line, fd, &extra->input_fd, ctx->table->notify.input);
}

static gpg_error_t
output (assuan_context_t ctx, char *line) {
  struct eva__extra *extra;
  assuan_fd_t fd;
  gpg_error_t err = take_fd (ctx, line, &fd, &extra);

  return err ? err : set_fd (ctx, line, fd, &extra->output_fd, ctx->table->notify.output);
}

/* Returns the description of COMMAND, or NULL.  */
static const char *get_help (const struct eva__command *command);

/* Returns what to list for COMMAND, of which a part may stand in BUF.  */
static const char *
usage (const struct eva__table *table, const struct eva__command *command,
       char buf[EVA__DESCRIPTION_SIZE]) {
  const struct eva_command *described = eva__table_more (table, command)->described;
  size_t len = strlen (command->name);

  if (described) {
    eva__describe_synopsis (described, buf);
    return buf;
  }
  if (!command->help || strncmp (command->help, command->name, len)) return command->name;
  return strchr (" \n", command->help[len]) ? command->help : command->name;
}

static gpg_error_t
list_command (assuan_context_t ctx, const struct eva__command *command) {
  char buf[EVA__DESCRIPTION_SIZE];
  const char *text = usage (ctx->table, command, buf);

  return eva__ctx_queue_comment (ctx, text, strcspn (text, "\n"));
}

/* The built-in commands that are not in the array.  */
static gpg_error_t
list_standard (assuan_context_t ctx) {
  gpg_error_t err = 0;

  for (int i = 0; !err && i < EVA__N_STANDARD; i++)
    if (ctx->table->standard & 1u << i) err = list_command (ctx, &eva__builtins[i]);
  return err;
}

/* One line for each command, in the order of registration.  */
static gpg_error_t
list_commands (assuan_context_t ctx) {
  gpg_error_t err = 0;

  for (size_t i = 0; !err && i <= ctx->table->n_commands; i++) {
    if (i == ctx->table->n_before) err = list_standard (ctx);
    if (!err && i < ctx->table->n_commands) err = list_command (ctx, &ctx->table->commands[i]);
  }
  return err;
}

/* An empty line of TEXT is an empty comment.  */
static gpg_error_t
show_text (assuan_context_t ctx, const char *text) {
  gpg_error_t err;

  do {
    size_t len = strcspn (text, "\n");
    err = eva__ctx_queue_comment (ctx, text, len);
    text += len;
    if (*text) text++;
  } while (!err && *text);
  return err;
}

/* Says what is known of PARAMETERS, after an empty comment.  */
static gpg_error_t
show_parameters (assuan_context_t ctx, const struct eva__parameters *parameters) {
  char buf[EVA__DESCRIPTION_SIZE];
  bool is_first = true;
  gpg_error_t err = 0;

  for (size_t i = 0; !err && i < parameters->n; i++) {
    if (!eva__describe_parameter (parameters, i, buf)) continue;
    if (is_first) err = show_text (ctx, "");
    if (!err) err = show_text (ctx, buf);
    is_first = false;
  }
  return err;
}

/* HELP is the text of COMMAND, or NULL.  */
static gpg_error_t
show_described (assuan_context_t ctx, const struct eva_command *command, const char *help) {
  const struct eva__parameters parameters = { .table = command->parameters,
                                              .n = command->n_parameters };
  char buf[EVA__DESCRIPTION_SIZE];
  gpg_error_t err;

  eva__describe_synopsis (command, buf);
  err = show_text (ctx, buf);
  if (!err && help) err = show_text (ctx, "");
  if (!err && help) err = show_text (ctx, help);
  return err ? err : show_parameters (ctx, &parameters);
}

/* The whole text of one command.  */
static gpg_error_t
show_command (assuan_context_t ctx, const char *name) {
  const struct eva__command *command = eva__ctx_find_command (ctx, name);
  const struct eva__parameters options = { .table = ctx->table->options,
                                           .n = ctx->table->n_options,
                                           .are_options = true };
  const struct eva_command *described;
  const char *text;
  gpg_error_t err;

  if (!command) return eva__ctx_error (ctx, GPG_ERR_UNKNOWN_COMMAND);
  described = eva__table_more (ctx->table, command)->described;
  if (described) return show_described (ctx, described, command->help);
  text = get_help (command);
  err = text ? show_text (ctx, text) : eva__ctx_error (ctx, GPG_ERR_NOT_FOUND);
  if (err || eva__builtin_handler (command) != eva__builtin_option) return err;
  return show_parameters (ctx, &options);
}

/* Without an argument: a comment line for each command, the first line of its help text where
   that starts with the command's name.  With one: the whole text of that command.  */
static gpg_error_t
help (assuan_context_t ctx, char *line) {
  line[strcspn (line, " \t")] = 0;
  return *line ? show_command (ctx, line) : list_commands (ctx);
}

/* A name that was registered without a handler, and is not built in.  */
static gpg_error_t
no_handler (assuan_context_t ctx, char *line) {
  (void) line;
  return assuan_set_error (ctx, eva__ctx_error (ctx, GPG_ERR_ASSUAN_SERVER_FAULT),
                           "no handler registered");
}

static const struct {
  assuan_handler_t handler;
  const char *help;
} details[EVA__N_BUILTIN] = {
  [EVA__BUILTIN_NOP] = { nop, "NOP\n\nDo nothing and answer OK." },
  [EVA__BUILTIN_CANCEL] = { cancel, "CANCEL\n\nReserved by the protocol; not implemented." },
  [EVA__BUILTIN_OPTION] = { eva__builtin_option,
                            "OPTION <name> [[=] <value>]\n\nSet an option of this connection.  The "
                            "name may be prefixed with two dashes." },
  [EVA__BUILTIN_BYE] = { bye, "BYE\n\nClose the connection." },
  [EVA__BUILTIN_AUTH] = { not_implemented, "AUTH\n\nReserved by the protocol; not implemented." },
  [EVA__BUILTIN_RESET] = { reset, "RESET\n\nReset the connection, but not its authentication.  "
                                  "Descriptors set with INPUT and OUTPUT\nare closed." },
  [EVA__BUILTIN_END] = { not_implemented, "END\n\nEnds the data that an inquiry asked for; no "
                                          "command by itself." },
  [EVA__BUILTIN_HELP] = { help, "HELP [<command>]\n\nList all commands, or show the description of "
                                "one." },
  [EVA__BUILTIN_INPUT] = { input, "INPUT FD[=<n>]\n\nTake the descriptor that was sent before, or "
                                  "descriptor <n> that was inherited, for bulk input." },
  [EVA__BUILTIN_OUTPUT] = { output, "OUTPUT FD[=<n>]\n\nTake the descriptor that was sent before, "
                                    "or descriptor <n> that was inherited, for bulk output." },
};

/* Returns the number of the built-in command NAME, or -1.  */
static int
find_builtin (const char *name) {
  for (int i = 0; i < EVA__N_BUILTIN; i++)
    if (!strcmp (eva__builtins[i].name, name)) return i;
  return -1;
}

assuan_handler_t
eva__builtin_handler (const struct eva__command *command) {
  uintptr_t offset = (uintptr_t) command - (uintptr_t) eva__builtins;
  int number;

  if (command->handler) return command->handler;
  if (offset < sizeof eva__builtins) return details[offset / sizeof *command].handler;
  number = find_builtin (command->name);
  return number >= 0 ? details[number].handler : no_handler;
}

static const char *
get_help (const struct eva__command *command) {
  int number = -1;

  if (!command->help && !command->handler) number = find_builtin (command->name);
  return number >= 0 ? details[number].help : command->help;
}

bool
eva__builtin_exists (const char *name) {
  return find_builtin (name) >= 0;
}
