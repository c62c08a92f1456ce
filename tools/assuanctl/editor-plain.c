/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* editor-plain.c - lines that are typed at a terminal, for builds without libedit.  */

#include "editor.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>

struct editor {
  bool is_unused;
};

struct editor *
editor_new (const char *history,
            char *(*complete) (void *arg, const char *line, size_t start, size_t index),
            void *arg) {
  (void) history;
  (void) complete;
  (void) arg;
  return text_alloc (sizeof (struct editor));
}

void
editor_free (struct editor *editor) {
  free (editor);
}

char *
editor_read (struct editor *editor, const char *prompt) {
  char *line = NULL;
  size_t size = 0;
  ssize_t len;

  (void) editor;
  fputs (prompt, stdout);
  fflush (stdout);
  len = getline (&line, &size, stdin);
  if (len > 0 && line[len - 1] == '\n') line[len - 1] = 0;
  if (len >= 0) return line;
  free (line);
  return NULL;
}

void
editor_interject (struct editor *editor, const char *text, size_t len) {
  (void) editor;
  text_print (stdout, text, len, false);
  putchar ('\n');
  fflush (stdout);
}
