/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* table.c - the table of commands.

   The commands are an array that is searched from its beginning: servers have few of them, and the
   first letter sorts most out.  One that has room for many has an index behind it, a hash table of
   their numbers.  All connections of an eva_server share one; a context that registers a command
   for itself gets a copy.

   Many programs register dozens of commands for each client that comes, and each of them is a new
   one.  A set of bits for how names begin tells that of nearly all without a search.

   The commands that every server has are not copied into the array, but looked up beside it.  Only
   when a program replaces one of them, all take their places in it: there is one order, which HELP
   shows, wherever they are.  */

#include "assuan/table.h"

#include "assuan/error.h"
#include "assuan/memory.h"

#include <string.h>

const struct eva__command eva__builtins[EVA__N_BUILTIN] = {
  [EVA__BUILTIN_NOP] = { .name = "NOP" },       [EVA__BUILTIN_CANCEL] = { .name = "CANCEL" },
  [EVA__BUILTIN_OPTION] = { .name = "OPTION" }, [EVA__BUILTIN_BYE] = { .name = "BYE" },
  [EVA__BUILTIN_AUTH] = { .name = "AUTH" },     [EVA__BUILTIN_RESET] = { .name = "RESET" },
  [EVA__BUILTIN_END] = { .name = "END" },       [EVA__BUILTIN_HELP] = { .name = "HELP" },
  [EVA__BUILTIN_INPUT] = { .name = "INPUT" },   [EVA__BUILTIN_OUTPUT] = { .name = "OUTPUT" },
};

/* How many entries a table that is full grows by: few, because every context has one.  One that has
   an index, which has to be made anew, grows by half.  */
#define STEP 4

/* Not tolower: that asks the locale, and in some of them an I is no I.  */
static char
lower (char c) {
  return c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
}

/* Compares without regard to ASCII case, whatever the locale; mostly there is no difference.  */
static bool
same_name (const char *a, const char *b) {
  for (; *a == *b || lower (*a) == lower (*b); a++, b++)
    if (!*a) return true;
  return false;
}

/* --- The index -------------------------------------------------------------------------------- */

/* Commands that are searched faster without an index.  */
#define N_SEARCHED 64

/* Returns how many slots the index of an array of SIZE commands has: a power of two, so that half
   of them stay free; or 0.  */
static uint32_t
count_slots (uint32_t size) {
  return size > N_SEARCHED ? (uint32_t) 2 << (32 - __builtin_clz (size - 1)) : 0;
}

/* Returns the slots of TABLE: the number of a command, from 1, or 0.  */
static uint32_t *
get_slots (const struct eva__table *table) {
  return (uint32_t *) (void *) (table->commands + table->commands_size);
}

/* The same for all spellings (FNV-1a).  */
static uint32_t
hash_name (const char *name) {
  uint32_t hash = 2166136261u;

  for (; *name; name++)
    hash = (hash ^ (unsigned char) lower (*name)) * 16777619u;
  return hash;
}

/* Enters the command with the number AT in the index.  Those with the same hash are found in the
   order in which they were entered.  */
static void
index_command (struct eva__table *table, uint32_t at) {
  uint32_t n_slots = count_slots (table->commands_size), *slots = get_slots (table), i;

  if (!n_slots) return;
  for (i = hash_name (table->commands[at].name); slots[i % n_slots]; i++)
    ;
  slots[i % n_slots] = at + 1;
}

/* Makes the index anew.  */
static void
index_all (struct eva__table *table) {
  uint32_t n_slots = count_slots (table->commands_size);

  if (n_slots) memset (get_slots (table), 0, n_slots * sizeof (uint32_t));
  for (uint32_t i = 0; i < table->n_commands; i++)
    index_command (table, i);
}

/* Returns where to begin to look for NAME.  */
static uint32_t
begin_search (const struct eva__table *table, const char *name) {
  return count_slots (table->commands_size) ? hash_name (name) : 0;
}

/* Returns the next command that may have NAME, or NULL.  *AT is where to look.  */
static struct eva__command *
search (const struct eva__table *table, const char *name, uint32_t *at) {
  uint32_t n_slots = count_slots (table->commands_size), number;

  while (!n_slots && *at < table->n_commands) {
    struct eva__command *command = &table->commands[(*at)++];
    if (lower (*command->name) == lower (*name)) return command; /* most are done with here */
  }
  if (!n_slots) return NULL;
  number = get_slots (table)[(*at)++ % n_slots];
  return number ? &table->commands[number - 1] : NULL;
}

/* --- Finding ---------------------------------------------------------------------------------- */

/* Returns true if NAME has no small letter.  */
static bool
is_upper (const char *name) {
  for (; *name; name++)
    if (*name >= 'a' && *name <= 'z') return false;
  return true;
}

/* Returns the bit for how NAME begins, in any case.  */
static uint64_t
beginning (const char *name) {
  unsigned int hash = 0;

  for (int i = 0; i < 5 && name[i]; i++)
    hash = hash * 5 + (unsigned char) lower (name[i]);
  return (uint64_t) 1 << (hash & 63);
}

/* Returns the number of the built-in command NAME among those that are not in TABLE's array, in any
   case; or -1.  */
static int
find_standard (const struct eva__table *table, const char *name) {
  for (int i = 0; i < EVA__N_STANDARD; i++) {
    if (!(table->standard & 1u << i)) continue;
    if (same_name (eva__builtins[i].name, name)) return i;
  }
  return -1;
}

/* Finds a command in the array.  The exact spelling wins over another one, because both may be
   registered (see find_registered).  */
static struct eva__command *
find_own (const struct eva__table *table, const char *name) {
  struct eva__command *found = NULL, *command;
  uint32_t at = begin_search (table, name);

  while ((command = search (table, name, &at))) {
    if (!strcmp (command->name, name)) return command;
    if (!found && same_name (command->name, name)) found = command;
  }
  return found;
}

/* No name is in both places, in whatever case: a program that registers that of a built-in command
   has all of these moved into the array.  */
__attribute__ ((hot)) const struct eva__command *
eva__ctx_find_command (assuan_context_t ctx, const char *name) {
  int number = find_standard (ctx->table, name);

  return number >= 0 ? &eva__builtins[number] : find_own (ctx->table, name);
}

/* Finds the command that registering NAME replaces.  The name in capitals is the same one, as for
   the built-in commands; other spellings are commands of their own, which a client reaches by
   writing exactly them.  */
static struct eva__command *
find_registered (const struct eva__table *table, const char *name) {
  uint32_t at = begin_search (table, name);
  struct eva__command *command;

  while ((command = search (table, name, &at))) {
    if (!strcmp (command->name, name)) return command;
    if (same_name (command->name, name) && is_upper (command->name)) return command;
  }
  return NULL;
}

/* --- Registering ------------------------------------------------------------------------------ */

/* Returns a copy of the N elements of SIZE octets at OLD, with room for MAX, all zero behind them;
   or NULL.  */
static void *
copy_array (assuan_context_t ctx, const void *old, size_t n, size_t max, size_t size) {
  char *copy = eva__ctx_malloc (ctx, max * size);

  if (!copy) return NULL;
  if (n) memcpy (copy, old, n * size);
  memset (copy + n * size, 0, (max - n) * size);
  return copy;
}

/* The same for the commands of TABLE, with room for an index.  */
static struct eva__command *
copy_commands (assuan_context_t ctx, const struct eva__table *table, uint32_t max) {
  size_t index_len = count_slots (max) * sizeof (uint32_t);
  size_t used_len = table->n_commands * sizeof (struct eva__command);
  struct eva__command *copy = eva__ctx_malloc (ctx, max * sizeof *copy + index_len);

  if (copy && used_len) memcpy (copy, table->commands, used_len);
  return copy;
}

/* Gives TABLE copies of its arrays, with room for MAX commands.  What had them keeps them.  */
static gpg_error_t
copy_arrays (assuan_context_t ctx, struct eva__table *table, uint32_t max) {
  struct eva__command *commands = copy_commands (ctx, table, max);
  struct eva__command_more *more = NULL;

  if (!commands) return eva__ctx_error (ctx, GPG_ERR_ENOMEM);
  if (table->more) more = copy_array (ctx, table->more, table->n_commands, max, sizeof *more);
  if (table->more && !more) {
    eva__ctx_free (ctx, commands);
    return eva__ctx_error (ctx, GPG_ERR_ENOMEM);
  }
  if (eva__table_has (table, ctx->command))
    ctx->command = commands + (ctx->command - table->commands);
  table->commands = commands;
  table->more = more;
  table->commands_size = max;
  index_all (table);
  return 0;
}

gpg_error_t
eva__ctx_own_commands (assuan_context_t ctx) {
  gpg_error_t err;

  if (!ctx) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  if (!ctx->shares || ctx->owns_commands) return 0;
  if (!eva__ctx_own_table (ctx)) return eva__ctx_error (ctx, GPG_ERR_ENOMEM);
  err = copy_arrays (ctx, ctx->table, ctx->table->n_commands + STEP);
  if (err) return err;
  ctx->table->own_hello = NULL;
  ctx->owns_commands = true;
  return 0;
}

/* Makes room for N more commands.  The entry of the running command may move.  */
static gpg_error_t
reserve (assuan_context_t ctx, uint32_t n) {
  struct eva__table *table = ctx->table;
  struct eva__command *old = table->commands;
  struct eva__command_more *old_more = table->more;
  uint32_t wanted = table->n_commands + n, size = table->commands_size;
  gpg_error_t err;

  if (wanted <= size) return 0;
  while (size < wanted)
    size += size < N_SEARCHED ? STEP : size / 2;
  err = copy_arrays (ctx, table, size);
  if (err) return err;
  eva__ctx_free (ctx, old);
  eva__ctx_free (ctx, old_more);
  return 0;
}

/* Makes room for N entries at AT, where there are others.  */
static void
make_gap (assuan_context_t ctx, uint32_t at, uint32_t n) {
  struct eva__table *table = ctx->table;
  uint32_t n_behind = table->n_commands - at;

  if (eva__table_has (table, ctx->command) && ctx->command >= table->commands + at)
    ctx->command += n;
  memmove (table->commands + at + n, table->commands + at, n_behind * sizeof *table->commands);
  if (table->more) memmove (table->more + at + n, table->more + at, n_behind * sizeof *table->more);
  if (table->more) memset (table->more + at, 0, n * sizeof *table->more);
  table->n_commands += n;
}

/* Moves the built-in commands into the array, to where HELP shows them.  */
static gpg_error_t
enter_standard (assuan_context_t ctx) {
  struct eva__table *table = ctx->table;
  uint32_t n = (uint32_t) __builtin_popcount (table->standard), at = table->n_before;
  gpg_error_t err = reserve (ctx, n);

  if (err) return err;
  make_gap (ctx, at, n);
  for (int i = 0; i < EVA__N_STANDARD; i++) {
    if (!(table->standard & 1u << i)) continue;
    if (ctx->command == &eva__builtins[i]) ctx->command = &table->commands[at];
    table->commands[at++] = eva__builtins[i];
  }
  table->standard = 0;
  index_all (table);
  return 0;
}

/* Returns the bits of the standard commands, which come first in eva__builtins; from names that
   compilers know: a number.  */
static uint64_t
standard_beginnings (void) {
  _Static_assert (EVA__N_STANDARD == 8, "each of them is named here");
  return beginning ("NOP") | beginning ("CANCEL") | beginning ("OPTION") | beginning ("BYE")
         | beginning ("AUTH") | beginning ("RESET") | beginning ("END") | beginning ("HELP");
}

/* Most programs register their commands later, and have none here.  */
void
eva__ctx_add_standard (assuan_context_t ctx) {
  struct eva__table *table = ctx->table;

  if (!table->has_standard) table->n_before = table->n_commands;
  table->has_standard = true;
  table->beginnings |= standard_beginnings ();
  for (int i = 0; i < EVA__N_STANDARD; i++)
    if (!table->n_commands || !find_own (table, eva__builtins[i].name))
      table->standard |= (uint8_t) (1u << i);
}

gpg_error_t
eva__ctx_place_command (assuan_context_t ctx, const char *name, struct eva__command **ret_place) {
  struct eva__table *table = ctx->table;
  uint64_t bit = beginning (name);
  bool is_new = !(table->beginnings & bit),
       is_standard = !is_new && find_standard (table, name) >= 0;
  gpg_error_t err = is_standard ? enter_standard (ctx) : 0;
  struct eva__command *place = err || is_new ? NULL : find_registered (table, name);

  if (!err && !place) err = reserve (ctx, 1);
  if (err) return err;
  table->beginnings |= bit;
  if (!place) {
    place = &table->commands[table->n_commands];
    place->name = name;
    index_command (table, table->n_commands++);
  }
  *ret_place = place;
  return 0;
}

gpg_error_t
eva__ctx_describe_command (assuan_context_t ctx, const char *name,
                           const struct eva__command_more *more) {
  struct eva__table *table = ctx->table;
  const struct eva__command *command = find_registered (table, name);

  if (!table->more && !more->described && !more->is_secret) return 0;
  if (!table->more) {
    table->more = copy_array (ctx, NULL, 0, table->commands_size, sizeof *table->more);
    if (!table->more) return eva__ctx_error (ctx, GPG_ERR_ENOMEM);
  }
  table->more[command - table->commands] = *more;
  if (more->is_secret) table->has_secrets = true;
  return 0;
}

const struct eva__command_more *
eva__table_more (const struct eva__table *table, const struct eva__command *command) {
  static const struct eva__command_more nothing;

  if (!table->more || !eva__table_has (table, command)) return &nothing;
  return &table->more[command - table->commands];
}
