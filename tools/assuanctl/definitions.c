/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* definitions.c - what a script has defined for inquiries.  */

#include "definitions.h"
#include "text.h"
#include "variables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct definition {
  struct definition *next;
  enum definition_type type;
  char *name, *value;
};

static struct definition *definitions; /* the oldest first */

void
definitions_add (enum definition_type type, const char *name, const char *value) {
  struct definition *new = text_alloc (sizeof *new), **link = &definitions;

  *new = (struct definition) { .type = type, .name = text_dup (name), .value = text_dup (value) };
  while (*link)
    link = &(*link)->next;
  *link = new;
}

void
definitions_show (void) {
  for (const struct definition *d = definitions; d; d = d->next)
    printf ("%-20s %c %s\n", d->name, d->type, d->value);
}

void
definitions_clear (void) {
  struct definition *d;

  while ((d = definitions)) {
    definitions = d->next;
    free (d->name);
    free (d->value);
    free (d);
  }
}

static const struct definition *
find (const char *name, size_t len) {
  for (const struct definition *d = definitions; d; d = d->next)
    if (strlen (d->name) == len && !strncmp (d->name, name, len)) return d;
  return NULL;
}

const struct inquiry_rule *
definitions_find (const char *text) {
  static struct inquiry_rule rule;
  const struct definition *d = find (text, strcspn (text, " "));
  const char *value;

  if (!d) d = find ("*", 1);
  if (!d) return NULL;
  inquiry_rule_deinit (&rule);
  value = d->type == DEFINITION_VARIABLE ? variables_get (d->value) : d->value;
  rule = (struct inquiry_rule) { .kind = d->type == DEFINITION_VARIABLE ? INQUIRY_TEXT
                                         : d->type == DEFINITION_FILE   ? INQUIRY_FILE
                                                                        : INQUIRY_EXEC,
                                 .keyword = text_dup (d->name),
                                 .value = text_dup (value ? value : "") };
  return &rule;
}
