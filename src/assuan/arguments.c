/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* arguments.c - whether a line has the arguments that its command describes.

   Options come first.  If a command describes none, its arguments may begin with dashes.  The texts
   of errors have names from the service's table; what the client wrote is only quoted if it is an
   option, and never of a secret command.  */

#include "assuan/arguments.h"

#include "assuan/describe.h"
#include "assuan/error.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

/* Returns the error CODE with the text NAME and WHAT.  */
static gpg_error_t
fail (assuan_context_t ctx, gpg_err_code_t code, const char *name, const char *what) {
  char text[200];

  snprintf (text, sizeof text, "%s%s", name, what);
  return assuan_set_error (ctx, eva__ctx_error (ctx, code), text);
}

static gpg_error_t
fail_parameter (assuan_context_t ctx, const struct eva_parameter *parameter, const char *what) {
  return fail (ctx, GPG_ERR_ASS_PARAMETER, parameter->name, what);
}

/* --- Values ----------------------------------------------------------------------------------- */

static uint64_t
max_of (const struct eva_parameter *parameter) {
  return parameter->max ? parameter->max : UINT64_MAX;
}

static gpg_error_t
check_number (assuan_context_t ctx, const struct eva_parameter *parameter, const char *word) {
  uint64_t max = max_of (parameter), number;
  char text[100] = ": a number is needed";

  if (!eva_word_number (word, parameter->min, max, &number)) return 0;
  if (parameter->max)
    snprintf (text, sizeof text, ": a number from %" PRIu64 " to %" PRIu64 " is needed",
              parameter->min, max);
  else if (parameter->min)
    snprintf (text, sizeof text, ": a number from %" PRIu64 " on is needed", parameter->min);
  return fail_parameter (ctx, parameter, text);
}

static gpg_error_t
check_hex (assuan_context_t ctx, const struct eva_parameter *parameter, const char *word) {
  size_t n_digits = eva_word_len (word), n_hex = strspn (word, "0123456789abcdefABCDEF");

  if (n_hex < n_digits || n_digits % 2)
    return fail_parameter (ctx, parameter, ": two hex digits for each octet are needed");
  if (n_digits / 2 < parameter->min) return fail_parameter (ctx, parameter, ": not enough octets");
  if (n_digits / 2 > max_of (parameter))
    return fail_parameter (ctx, parameter, ": too many octets");
  return 0;
}

static gpg_error_t
check_value (assuan_context_t ctx, const struct eva_parameter *parameter, const char *word) {
  switch (parameter->type) {
  case EVA_NUMBER:
    return check_number (ctx, parameter, word);
  case EVA_HEX:
    return check_hex (ctx, parameter, word);
  default:
    return 0;
  }
}

/* --- Options ---------------------------------------------------------------------------------- */

static bool
has_options (const struct eva_command *command) {
  for (size_t i = 0; i < command->n_parameters; i++)
    if (eva__describe_is_option (&command->parameters[i])) return true;
  return false;
}

/* Quotes the name of an option as far as it looks like one.  */
static gpg_error_t
fail_unknown (assuan_context_t ctx, bool is_secret, const char *word) {
  size_t len = strspn (word, LETTERS);
  char name[44];

  snprintf (name, sizeof name, " %.*s", (int) (len < 40 ? len : 40), word);
  return fail (ctx, GPG_ERR_UNKNOWN_OPTION, "unknown option", is_secret ? "" : name);
}

static gpg_error_t
check_option (assuan_context_t ctx, const struct eva_command *command, const char *word) {
  for (size_t i = 0; i < command->n_parameters; i++) {
    const struct eva_parameter *parameter = &command->parameters[i];
    const char *value;
    if (!eva__describe_is_option (parameter) || !eva_word_matches (word, parameter->name, &value))
      continue;
    if (parameter->type == EVA_PLAIN)
      return value ? fail_parameter (ctx, parameter, " takes no value") : 0;
    if (!eva_word_len (value)) return fail_parameter (ctx, parameter, " needs a value");
    return check_value (ctx, parameter, value);
  }
  return fail_unknown (ctx, command->flags & EVA_COMMAND_SECRET, word);
}

/* --- The line --------------------------------------------------------------------------------- */

/* Checks the arguments that begin with WORD, NULL for none.  */
static gpg_error_t
check_words (assuan_context_t ctx, const struct eva_command *command, const char *word) {
  for (size_t i = 0; i < command->n_parameters; i++) {
    const struct eva_parameter *parameter = &command->parameters[i];
    gpg_error_t err;
    if (eva__describe_is_option (parameter)) continue;
    if (!word && parameter->is_optional) continue;
    if (!word) return fail_parameter (ctx, parameter, " is missing");
    if (parameter->type == EVA_REST) return 0;
    err = check_value (ctx, parameter, word);
    if (err) return err;
    word = eva_word_next (word);
  }
  return word ? fail (ctx, GPG_ERR_ASS_PARAMETER, "too many arguments", "") : 0;
}

gpg_error_t
eva__arguments_check (assuan_context_t ctx, const struct eva_command *command, const char *line) {
  const char *word = eva_word_first (line);

  if (!has_options (command)) return check_words (ctx, command, word);
  for (; eva_word_is_option (word); word = eva_word_next (word)) {
    gpg_error_t err = check_option (ctx, command, word);
    if (err) return err;
  }
  return check_words (ctx, command, eva_word_skip_options (line));
}

/* --- The command OPTION ----------------------------------------------------------------------- */

static gpg_error_t
check_option_value (assuan_context_t ctx, const struct eva_parameter *option, const char *value) {
  if (option->type == EVA_PLAIN)
    return *value ? fail_parameter (ctx, option, " takes no value") : 0;
  if (!*value) return fail_parameter (ctx, option, " needs a value");
  if (option->type == EVA_REST) return 0;
  if (value[eva_word_len (value)]) return fail_parameter (ctx, option, ": one word is needed");
  return check_value (ctx, option, value);
}

gpg_error_t
eva__arguments_check_option (assuan_context_t ctx, const struct eva_parameter *options,
                             size_t n_options, const char *name, const char *value) {
  for (size_t i = 0; i < n_options; i++)
    if (!strcmp (options[i].name, name)) return check_option_value (ctx, &options[i], value);
  return fail_unknown (ctx, false, name);
}

/* --- The table -------------------------------------------------------------------------------- */

/* Returns true if PARAMETER makes sense by itself.  */
static bool
is_parameter (const struct eva_parameter *parameter) {
  return parameter->name && *parameter->name && parameter->type <= EVA_REST
         && parameter->min <= max_of (parameter);
}

/* Returns true if OPTION can set NAME: it takes two dashes away, and a name ends at the others.  */
static bool
is_option_name (const char *name) {
  return *name != '-' && !name[strcspn (name, " \t=")];
}

bool
eva__arguments_are_options (const struct eva_parameter *options, size_t n_options) {
  if (!options) return !n_options;
  for (size_t i = 0; i < n_options; i++)
    if (!is_parameter (&options[i]) || !is_option_name (options[i].name)) return false;
  return true;
}

bool
eva__arguments_make_sense (const struct eva_command *command) {
  bool is_over = false, may_miss = false;

  if (!command->parameters) return !command->n_parameters;
  for (size_t i = 0; i < command->n_parameters; i++) {
    const struct eva_parameter *parameter = &command->parameters[i];
    if (!is_parameter (parameter)) return false;
    if (eva__describe_is_option (parameter)) {
      if (parameter->type == EVA_REST) return false;
      continue;
    }
    if (is_over || (may_miss && !parameter->is_optional)) return false;
    is_over = parameter->type == EVA_REST;
    may_miss = parameter->is_optional;
  }
  return true;
}
