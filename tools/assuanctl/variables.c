/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* variables.c - variables of scripts, and what `$` stands for.  */

#include "variables.h"
#include "functions.h"
#include "secret.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct variable {
  struct variable *next;
  char *name, *value;
};

static struct variable *variables; /* the newest first */
static gpg_error_t last_error;

/* --- Setting ---------------------------------------------------------------------------------- */

static struct variable **
find (const char *name) {
  struct variable **link = &variables;

  while (*link && strcmp ((*link)->name, name))
    link = &(*link)->next;
  return link;
}

static void
remove_variable (struct variable **link) {
  struct variable *variable = *link;

  *link = variable->next;
  free (variable->name);
  secret_free (variable->value);
  free (variable);
}

void
variables_set (const char *name, const char *value) {
  struct variable **link = find (name), *variable = *link;

  if (!value) {
    if (variable) remove_variable (link);
    return;
  }
  if (!variable) {
    variable = text_alloc (sizeof *variable);
    variable->name = text_dup (name);
    variable->next = variables;
    variables = variable;
  }
  secret_free (variable->value);
  variable->value = text_dup (value);
}

const char *
variables_get (const char *name) {
  struct variable *variable = *find (name);

  return variable ? variable->value : getenv (name);
}

void
variables_show (void) {
  for (struct variable *v = variables; v; v = v->next)
    printf ("%-20s %s\n", v->name, v->value);
}

void
variables_set_error (gpg_error_t err) {
  last_error = err;
}

void
variables_set_pid (long pid) {
  functions_set_pid (pid);
}

void
variables_deinit (void) {
  while (variables)
    remove_variable (&variables);
}

bool
variables_is_true (const char *value) {
  return strtol (value, NULL, 0) || !strcasecmp (value, "true") || !strcasecmp (value, "yes");
}

/* --- Expanding -------------------------------------------------------------------------------- */

/* Returns what the text between braces stands for, to be freed: it has a blank if it is a
   function.  */
static char *
expand_braces (const char *text) {
  size_t len = strcspn (text, " \t");
  char *name, *arguments, *value;
  const char *found;

  if (!text[len]) {
    if (!strcmp (text, "?")) return text_format ("%u", last_error);
    found = variables_get (text);
    return text_dup (found ? found : "");
  }
  name = text_part (text, len);
  arguments = variables_expand (text + len + strspn (text + len, " \t"));
  value = functions_call (name, arguments);
  secret_free (arguments);
  free (name);
  return value;
}

/* Returns the length of the text in braces that begins at TEXT, up to the one that closes it, or to
   the end.  */
static size_t
braces_len (const char *text) {
  size_t depth = 1, i = 0;

  for (; text[i]; i++) {
    if (text[i] == '$' && text[i + 1] == '{') depth++;
    if (text[i] == '}' && !--depth) break;
  }
  return i;
}

/* Expands what stands behind the `$` at LINE, and stores at RET_LEN how much of the line that
   was.  */
static char *
expand_one (const char *line, size_t *ret_len) {
  size_t len;
  char *name, *value;

  if (*line == '$') {
    *ret_len = 1;
    return text_dup ("$");
  }
  if (*line == '{') {
    len = braces_len (line + 1);
    *ret_len = len + 1 + (line[len + 1] == '}');
    name = text_part (line + 1, len);
  } else {
    *ret_len = len = strcspn (line, " \t$");
    name = text_part (line, len);
  }
  value = expand_braces (name);
  free (name);
  return value;
}

char *
variables_expand (const char *line) {
  char *text = NULL, *value;
  size_t size = 0, len;
  FILE *file = open_memstream (&text, &size);

  if (!file) abort ();
  while (*line) {
    len = strcspn (line, "$");
    fwrite (line, 1, len, file);
    line += len;
    if (!*line) break;
    value = expand_one (++line, &len);
    fputs (value, file);
    secret_free (value);
    line += len;
  }
  if (fclose (file)) abort ();
  return text;
}
