/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* script.c - the lines of a script, one after the other, and its loops.

   The body of an /if or /while is read up to its /end before it runs, so they nest in every
   way.  */

#include "script.h"
#include "message.h"
#include "secret.h"
#include "slash.h"
#include "text.h"
#include "variables.h"
#include "wait.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- Readers ---------------------------------------------------------------------------------- */

char *
script_read_file (struct script_reader *reader, unsigned int depth) {
  char *line = NULL;
  size_t size = 0;
  ssize_t len = getline (&line, &size, reader->file);

  (void) depth;
  if (len < 0) {
    free (line);
    return NULL;
  }
  if (len && line[len - 1] == '\n') line[len - 1] = 0;
  return line;
}

char *
script_read_lines (struct script_reader *reader, unsigned int depth) {
  (void) depth;
  return reader->at < reader->n ? text_dup (reader->lines[reader->at++]) : NULL;
}

/* --- Bodies ----------------------------------------------------------------------------------- */

/* Lines that were read ahead; those behind /else, if there is one, begin at n_first.  */
struct body {
  char **lines;
  size_t n, n_first;
  bool has_else;
};

static const char *
skip_blanks (const char *text) {
  return text + strspn (text, " \t");
}

/* If LINE is the slash command NAME, returns its arguments, else NULL.  */
static const char *
match (const char *line, const char *name) {
  const char *rest = text_skip (line, name);

  return rest && strchr (" \t", *rest) ? skip_blanks (rest) : NULL;
}

static void
add_line (struct body *body, char *line) {
  char **lines = realloc (body->lines, (body->n + 1) * sizeof *lines);

  if (!lines) abort ();
  lines[body->n++] = line;
  body->lines = lines;
}

static void
free_body (struct body *body) {
  for (size_t i = 0; i < body->n; i++)
    free (body->lines[i]);
  free (body->lines);
}

/* Reads to the /end that belongs to it.  */
static enum status
read_body (struct script_reader *reader, struct body *ret) {
  unsigned int depth = 1;
  char *line;

  *ret = (struct body) { 0 };
  while ((line = reader->read (reader, depth))) {
    const char *word = skip_blanks (line);
    if (match (word, "/if") || match (word, "/while")) depth++;
    if (match (word, "/end") && !--depth) break;
    if (depth == 1 && match (word, "/else") && !ret->has_else) {
      ret->has_else = true;
      ret->n_first = ret->n;
      free (line);
      continue;
    }
    add_line (ret, line);
  }
  if (!ret->has_else) ret->n_first = ret->n;
  if (line) {
    free (line);
    return STATUS_OK;
  }
  free_body (ret);
  return message_fail (STATUS_USAGE, "an /if or /while has no /end");
}

static enum status
run_lines (struct script *script, char **lines, size_t n, bool stops) {
  struct script_reader reader = { .read = script_read_lines, .lines = lines, .n = n };

  return script_run (script, &reader, stops);
}

static bool
is_true (struct script *script, const char *condition) {
  char *value = script->substitutes ? variables_expand (condition) : text_dup (condition);
  bool result = variables_is_true (skip_blanks (value));

  free (value);
  return result;
}

static enum status
run_if (struct script *script, const char *condition, const struct body *body, bool stops) {
  if (is_true (script, condition)) return run_lines (script, body->lines, body->n_first, stops);
  return run_lines (script, body->lines + body->n_first, body->n - body->n_first, stops);
}

static enum status
run_while (struct script *script, const char *condition, const struct body *body, bool stops) {
  enum status status = STATUS_OK;

  while (!status && !script->is_over && is_true (script, condition)) {
    status = run_lines (script, body->lines, body->n_first, stops);
    if (wait_was_interrupted ()) return STATUS_INTERRUPTED;
  }
  return status;
}

/* --- Lines ------------------------------------------------------------------------------------ */

/* Returns LINE with what `$` stands for, if that is wanted.  The arguments of a slash command begin
   where they stand, even if they begin with nothing.  */
static char *
expand (const struct script *script, const char *line) {
  size_t name_len = *line == '/' ? strcspn (line, " \t") : 0;
  size_t at = name_len ? name_len + strspn (line + name_len, " \t") : 0;
  char *name = text_part (line, name_len);
  char *args = script->substitutes ? variables_expand (line + at) : text_dup (line + at);
  char *expanded = text_format ("%s%s%s", name, at > name_len ? " " : "", args);

  free (name);
  secret_free (args);
  return expanded;
}

/* Runs LINE, which is no /if and no /while.  */
static enum status
run_line (struct script *script, const char *line) {
  if (*line == '/') return slash_run (script, line);
  script->status = exchange_line (script->exchange, line, -1);
  if (!script->status || script->status == STATUS_ERR) variables_set_error (script->exchange->err);
  return script->status;
}

/* Runs LINE as it was read; more of READER if it begins a body.  */
static enum status
run_raw_line (struct script *script, struct script_reader *reader, const char *raw, bool stops) {
  const char *line = script->substitutes ? skip_blanks (raw) : raw;
  const char *if_condition = match (line, "/if"), *while_condition = match (line, "/while");
  struct body body;
  char *expanded;
  enum status status;

  if (!if_condition && !while_condition) {
    expanded = expand (script, line);
    status = run_line (script, expanded);
    secret_free (expanded);
    return status;
  }
  status = read_body (reader, &body);
  if (status) return status;
  status = if_condition ? run_if (script, if_condition, &body, stops)
                        : run_while (script, while_condition, &body, stops);
  free_body (&body);
  return status;
}

/* An ERR is a result, and errors of slash commands are told; what is worse ends the script.  */
static bool
ends (const struct script *script, const char *line, enum status status, bool stops) {
  bool is_slash = *skip_blanks (line) == '/';

  if (!status) return false;
  if (script->is_strict || status == STATUS_INTERRUPTED) return true;
  if (status == STATUS_CONNECTION || status == STATUS_TIMEOUT)
    return !script->exchange->is_interactive;
  return stops && !is_slash;
}

enum status
script_run (struct script *script, struct script_reader *reader, bool stops) {
  char *line;

  while (!script->is_over && (line = reader->read (reader, 0))) {
    enum status status = run_raw_line (script, reader, line, stops);
    bool is_end = ends (script, line, status, stops);
    secret_free (line);
    if (is_end) return status;
  }
  return STATUS_OK;
}

enum status
script_run_file (struct script *script, const char *name) {
  struct script_reader reader = { .read = script_read_file, .file = fopen (name, "re") };
  enum status status;

  if (!reader.file) return message_fail (STATUS_LOCAL, "%s: %s", name, strerror (errno));
  status = script_run (script, &reader, true);
  if (status == STATUS_ERR) message_note ("%s: the run ends here", name);
  fclose (reader.file);
  return status;
}
