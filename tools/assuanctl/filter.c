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

/* Between the words of an OPTION, `=` is a blank, and dashes before the name are none of it.  */
#define OPTION_BLANKS BLANKS "="

static bool
is_word (const char *line, const char *word, size_t len, const char *blanks) {
  return strcspn (line, blanks) == len && !strncasecmp (line, word, len);
}

static bool
is_option (const char *line) {
  return is_word (line, "OPTION", strlen ("OPTION"), BLANKS);
}

static const char *
after_option (const char *line) {
  line += strlen ("OPTION");
  return line + strspn (line, BLANKS "-");
}

/* Returns true if all words of PATTERN are the first ones of LINE.  */
static bool
match_words (const char *line, const char *pattern, const char *blanks) {
  for (pattern += strspn (pattern, blanks); *pattern; pattern += strspn (pattern, blanks)) {
    size_t len = strcspn (pattern, blanks);
    if (!is_word (line, pattern, len, blanks)) return false;
    line += len;
    line += strspn (line, blanks);
    pattern += len;
  }
  return true;
}

static bool
matches (const char *line, const char *pattern) {
  if (!strcmp (pattern, "*")) return true;
  pattern += strspn (pattern, BLANKS);
  if (is_option (line) && is_option (pattern))
    return match_words (after_option (line), after_option (pattern), OPTION_BLANKS);
  return match_words (line, pattern, BLANKS);
}

static bool
matches_any (const char *line, const char *const *patterns, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (matches (line, patterns[i])) return true;
  return false;
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

/* An OPTION needs a pattern that says so: `*` is none.  */
static bool
is_named_option (const struct filter *f, const char *line) {
  for (size_t i = 0; i < f->n_allowed; i++)
    if (strcmp (f->allowed[i], "*") && matches (line, f->allowed[i])) return true;
  return false;
}

bool
filter_passes (const struct filter *f, const char *line) {
  static const char *const harmless[] = { "NOP", "BYE", "RESET", "END", "HELP", "CAN", "CANCEL" };

  if (matches_any (line, f->denied, f->n_denied)) return false;
  if (is_option (line) && (f->n_allowed || f->n_options))
    return may_set (f, line) || is_named_option (f, line);
  if (!f->n_allowed) return true;
  return matches_any (line, harmless, N_ELEMENTS (harmless))
         || matches_any (line, f->allowed, f->n_allowed);
}
