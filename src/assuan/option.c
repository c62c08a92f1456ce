/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* option.c - the OPTION command.

       OPTION [--]NAME [[=] VALUE]

   Blanks and tabs around NAME and VALUE do not count (Assuan manual, "Client requests").  */

#include "assuan/arguments.h"
#include "assuan/builtin.h"
#include "assuan/error.h"

#include <string.h>

#define SPACE " \t"

/* Returns an error with a text for the author of the line.  */
static gpg_error_t
syntax_error (assuan_context_t ctx, const char *text) {
  return assuan_set_error (ctx, eva__ctx_error (ctx, GPG_ERR_ASS_SYNTAX), text);
}

/* Cuts the blanks off the end of VALUE.  */
static void
trim_end (char *value) {
  size_t len = strlen (value);

  while (len && strchr (SPACE, value[len - 1]))
    value[--len] = 0;
}

/* Ends NAME where it ends, and stores where the value begins, "" if there is none, at RET_VALUE.
   Returns false if nothing follows a `=`.  */
static bool
split (char *name, char **ret_value) {
  char *end = name + strcspn (name, SPACE "=");
  char *value = end + strspn (end, SPACE);
  bool has_sign = *value == '=';

  if (has_sign) value++;
  value += strspn (value, SPACE);
  if (has_sign && !*value) return false;
  *end = 0;
  trim_end (value);
  *ret_value = value;
  return true;
}

gpg_error_t
eva__builtin_option (assuan_context_t ctx, char *line) {
  char *name = line + strspn (line, SPACE);
  char *value;

  if (!*name) return syntax_error (ctx, "argument required");
  if (*name == '=') return syntax_error (ctx, "no option name given");
  if (!strncmp (name, "--", 2) && name[2] && name[2] != '-' && !strchr (SPACE "=", name[2]))
    name += 2;
  if (!split (name, &value)) return syntax_error (ctx, "option argument expected");
  if (*name == '-') return syntax_error (ctx, "option should not begin with one dash");
  if (ctx->table->options) {
    gpg_error_t err =
        eva__arguments_check_option (ctx, ctx->table->options, ctx->table->n_options, name, value);
    if (err) return err;
  }
  return ctx->table->notify.option ? ctx->table->notify.option (ctx, name, value) : 0;
}
