/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* synopsis.c - what a server's help says of one command.

   Options are found where the synopsis has a word with dashes: `[--data]`, `[--x[=Y]]`,
   `[--a|--b]`, and `[--[ssh-]list]`, which are two.  */

#include "synopsis.h"
#include "text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

/* Takes WORD.  */
static void
add (struct synopsis *s, char *word) {
  char **options;

  for (size_t i = 0; i < s->n_options; i++)
    if (!strcmp (s->options[i], word)) {
      free (word);
      return;
    }
  options = realloc (s->options, (s->n_options + 1) * sizeof *options);
  if (!options) abort ();
  options[s->n_options++] = word;
  s->options = options;
}

/* Reads what stands at TEXT behind the dashes.  */
static void
add_option (struct synopsis *s, const char *text) {
  size_t optional = *text == '[' ? strspn (text + 1, LETTERS) : 0;
  const char *rest = text;
  char *name;
  size_t len;

  if (optional && text[optional + 1] == ']') rest = text + optional + 2;
  len = strspn (rest, LETTERS);
  if (!len) return;
  name = text_part (rest, len);
  add (s, text_format ("--%s", name));
  if (rest != text) {
    char *first = text_part (text + 1, optional);
    add (s, text_format ("--%s%s", first, name));
    free (first);
  }
  free (name);
}

static void
find_options (struct synopsis *s) {
  for (const char *at = s->text; (at = strstr (at, "--")); at += 2) {
    bool is_begin = at == s->text || strchr (" [|(", at[-1]);
    if (is_begin) add_option (s, at + 2);
  }
}

/* Returns LEN octets at TEXT with every run of blanks and line feeds as one blank, and none at the
   ends.  */
static char *
join (const char *text, size_t len) {
  char *joined = text_alloc (len + 1), *to = joined;

  for (size_t i = 0; i < len; i++) {
    bool is_blank = strchr (" \t\n", text[i]) != NULL;
    if (!is_blank) *to++ = text[i];
    if (is_blank && to > joined && to[-1] != ' ') *to++ = ' ';
  }
  if (to > joined && to[-1] == ' ') to--;
  *to = 0;
  return joined;
}

void
synopsis_parse (const char *help, struct synopsis *ret) {
  const char *end = strstr (help, "\n\n");
  size_t len = end ? (size_t) (end - help) : strlen (help), name_len;
  const char *rest = help + len;

  *ret = (struct synopsis) { 0 };
  help += strspn (help, " ");
  name_len = strcspn (help, " \n");
  ret->name = text_part (help, name_len);
  ret->text = join (help + name_len, (size_t) (rest - help) - name_len);
  rest += strspn (rest, "\n");
  ret->help = text_dup (rest);
  find_options (ret);
}

void
synopsis_deinit (struct synopsis *s) {
  for (size_t i = 0; i < s->n_options; i++)
    free (s->options[i]);
  free (s->options);
  free (s->name);
  free (s->text);
  free (s->help);
}
