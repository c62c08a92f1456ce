/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filter.c - which requests of clients `relay` passes on.  */

#include "filter.h"
#include "message.h"
#include "options.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BLANKS " \t"

/* --- Making ----------------------------------------------------------------------------------- */

static enum status
add (const char ***texts, size_t *n, const char *text, const char *option) {
  if (!text[strspn (text, BLANKS)])
    return message_fail (STATUS_USAGE, "--%s: an empty pattern matches nothing", option);
  *texts = realloc (*texts, (*n + 1) * sizeof **texts);
  if (!*texts) abort ();
  (*texts)[(*n)++] = text;
  return STATUS_OK;
}

enum status
filter_allow (struct filter *f, const char *pattern) {
  return add (&f->allowed, &f->n_allowed, pattern, "allow");
}

enum status
filter_deny (struct filter *f, const char *pattern) {
  return add (&f->denied, &f->n_denied, pattern, "deny");
}

enum status
filter_allow_option (struct filter *f, const char *name) {
  return add (&f->options, &f->n_options, name, "allow-option");
}

void
filter_deinit (struct filter *f) {
  free (f->allowed);
  free (f->denied);
  free (f->options);
  *f = (struct filter) { 0 };
}

/* --- Matching --------------------------------------------------------------------------------- */

static bool
is_word (const char *line, const char *word, size_t len) {
  return strcspn (line, BLANKS) == len && !strncasecmp (line, word, len);
}

/* Returns true if all words of PATTERN are the first ones of LINE.  */
static bool
matches (const char *line, const char *pattern) {
  if (!strcmp (pattern, "*")) return true;
  for (pattern += strspn (pattern, BLANKS); *pattern; pattern += strspn (pattern, BLANKS)) {
    size_t len = strcspn (pattern, BLANKS);
    if (!is_word (line, pattern, len)) return false;
    line += len;
    line += strspn (line, BLANKS);
    pattern += len;
  }
  return true;
}

static bool
matches_any (const char *line, const char *const *patterns, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (matches (line, patterns[i])) return true;
  return false;
}

static bool
is_option (const char *line) {
  return is_word (line, "OPTION", strlen ("OPTION"));
}

/* `OPTION NAME`, `OPTION --NAME`, with `=VALUE` or ` = VALUE` behind it.  */
static bool
may_set (const struct filter *f, const char *line) {
  const char *name = line + strlen ("OPTION");
  size_t len;

  name += strspn (name, BLANKS);
  if (!strncmp (name, "--", 2)) name += 2;
  len = strcspn (name, BLANKS "=");
  for (size_t i = 0; i < f->n_options; i++) {
    const char *option = f->options[i];
    if (!strcmp (option, "*") || (strlen (option) == len && !strncmp (option, name, len)))
      return true;
  }
  return false;
}

bool
filter_passes (const struct filter *f, const char *line) {
  static const char *const harmless[] = { "NOP", "BYE", "RESET", "END", "HELP", "CAN", "CANCEL" };

  if (matches_any (line, f->denied, f->n_denied)) return false;
  if (is_option (line) && (f->n_allowed || f->n_options)) return may_set (f, line);
  if (!f->n_allowed) return true;
  return matches_any (line, harmless, N_ELEMENTS (harmless))
         || matches_any (line, f->allowed, f->n_allowed);
}
