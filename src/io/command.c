/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* command.c - the words of a command line.  */

#include "io/command.h"

#include "io/fail.h"

#include <stdbool.h>
#include <string.h>

#define BLANKS " \t"

/* Where the octets of words go; nowhere to count.  */
struct writer {
  char *at; /* or NULL */
};

static void
put (struct writer *w, char c) {
  if (w->at) *w->at++ = c;
}

/* Takes what stands in quotes of the kind *TEXT up to the second of them.  Returns what follows, or
   NULL if there is none.  */
static const char *
take_quoted (const char *text, struct writer *w) {
  char quote = *text++;

  for (; *text != quote; text++) {
    bool quotes = quote == '"' && *text == '\\' && (text[1] == '"' || text[1] == '\\');
    if (quotes) text++;
    if (!*text) return NULL;
    put (w, *text);
  }
  return text + 1;
}

/* Takes a word.  Returns what follows, or NULL.  */
static const char *
take_word (const char *text, struct writer *w) {
  while (text && *text && !strchr (BLANKS, *text))
    if (*text == '\'' || *text == '"') {
      text = take_quoted (text, w);
    } else {
      if (*text == '\\' && !*++text) return NULL;
      put (w, *text++);
    }
  put (w, 0);
  return text;
}

ssize_t
eva__io_command_split (const char *text, char *buf, const char **argv) {
  struct writer w = { .at = buf };
  ssize_t n = 0;

  while (*(text += strspn (text, BLANKS))) {
    if (argv) argv[n] = w.at;
    n++;
    text = take_word (text, &w);
    if (!text) return eva__io_fail (EBADMSG);
  }
  if (argv) argv[n] = NULL;
  return n;
}

size_t
eva__io_command_count (const char *const *argv) {
  size_t n = 0;

  while (argv[n])
    n++;
  return n;
}
