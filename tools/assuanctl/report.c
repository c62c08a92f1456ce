/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* report.c - the lines that a served command writes to its descriptor 3.  */

#include "report.h"
#include "errname.h"
#include "text.h"

#include <eva-words.h>
#include <limits.h>
#include <string.h>

/* --- Lines ------------------------------------------------------------------------------------ */

/* If LINE is the word WORD, or begins with it, returns what follows behind blanks, else NULL.  */
static char *
behind (char *line, const char *word) {
  size_t len = strlen (word);

  if (strncmp (line, word, len) || (line[len] && line[len] != ' ')) return NULL;
  return line + len + strspn (line + len, " ");
}

/* Cuts the first word off TEXT; returns what follows behind blanks.  */
static char *
cut (char *text) {
  text += strcspn (text, " ");
  if (*text) *text++ = 0;
  return text + strspn (text, " ");
}

/* Returns the error of `CODE`, which fails in any case.  */
static gpg_error_t
parse_code (const char *text) {
  unsigned long number;
  gpg_err_code_t code;

  if (text_parse_number (text, UINT_MAX, &number) && number > GPG_ERR_CODE_MASK)
    return (gpg_error_t) number;
  if (!errname_parse (text, &code) || !code) return 0;
  return gpg_err_make (GPG_ERR_SOURCE_USER_1, code);
}

static struct report
parse_data (char *text, size_t len) {
  struct report report = { .kind = REPORT_DATA, .text = text, .len = len };

  if (eva_unescape (text, len, EVA_ESCAPE_LENIENT, &report.len)) report.kind = REPORT_INVALID;
  return report;
}

struct report
report_parse (char *line, size_t len) {
  struct report report = { .text = line, .len = len };
  char *rest;

  if (strlen (line) != len) return report; /* NUL */
  if (*line == '#') {
    report.kind = REPORT_COMMENT;
  } else if (!strncmp (line, "D ", 2)) {
    return parse_data (line + 2, len - 2);
  } else if ((rest = behind (line, "S")) && *rest) {
    report.kind = REPORT_STATUS;
    report.word = rest;
    report.text = cut (rest);
  } else if ((rest = behind (line, "INQUIRE")) && *rest) {
    report.kind = REPORT_INQUIRE;
    report.text = rest;
  } else if ((rest = behind (line, "OK"))) {
    report.kind = REPORT_OK;
    report.text = rest;
  } else if ((rest = behind (line, "ERR"))) {
    report.text = cut (rest);
    report.err = parse_code (rest);
    if (report.err)
      report.kind = REPORT_ERR;
    else
      report.text = line;
  }
  if (report.kind) report.len = strlen (report.text);
  return report;
}

/* --- Octets ----------------------------------------------------------------------------------- */

static bool
has_line (const struct report_buffer *b) {
  return memchr (b->octets + b->begin, '\n', b->end - b->begin) != NULL;
}

char *
report_room (struct report_buffer *b, size_t *ret_len) {
  *ret_len = 0;
  if (has_line (b)) return NULL;
  memmove (b->octets, b->octets + b->begin, b->end - b->begin);
  b->end -= b->begin;
  b->begin = 0;
  if (b->end == REPORT_SIZE) {
    b->end = 0;
    b->is_skipping = true;
  }
  *ret_len = REPORT_SIZE - b->end;
  return b->octets + b->end;
}

void
report_fed (struct report_buffer *b, size_t len) {
  b->end += len;
}

char *
report_next (struct report_buffer *b, bool is_last, size_t *ret_len, bool *ret_too_long) {
  char *line = b->octets + b->begin, *end = memchr (line, '\n', b->end - b->begin);
  bool was_skipping = b->is_skipping;

  *ret_too_long = false;
  if (!end && (!is_last || b->begin == b->end)) return NULL;
  if (!end) end = b->octets + b->end; /* for which there is room */
  *end = 0;
  b->begin = (size_t) (end - b->octets) + 1;
  if (b->begin > b->end) b->begin = b->end;
  b->is_skipping = false;
  *ret_too_long = was_skipping;
  *ret_len = (size_t) (end - line);
  return was_skipping ? NULL : line;
}
