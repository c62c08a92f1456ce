/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* table.c - the table of commands.

   The commands are an array that is searched from its beginning: servers have few of them, and the
   first letter sorts most out.  All connections of an eva_server share one; a context that
   registers a command for itself gets a copy.  */

#include "assuan/table.h"

#include "assuan/error.h"
#include "assuan/memory.h"

#include <string.h>

/* How many entries a table that is full grows by: few, because every context has one, and where
   there are many, a quarter of them.  */
#define STEP 8

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

/* The exact spelling wins over another one, because both may be registered (see
   eva__ctx_find_registered).  */
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

/* The name in capitals is the same one, as for the built-in commands; other spellings are commands
   of their own, which a client reaches by writing exactly them.  */
struct eva__command *
eva__ctx_find_registered (assuan_context_t ctx, const char *name) {
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

/* The entry of the running command may move.  */
gpg_error_t
eva__ctx_grow_table (assuan_context_t ctx) {
  size_t old_size = ctx->table->commands_size;
  size_t size = old_size + (old_size / 4 > STEP ? old_size / 4 : STEP);
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
