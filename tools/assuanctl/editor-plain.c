/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* editor-plain.c - lines that are typed at a terminal, for builds without libedit.  */

#include "editor.h"
#include "terminal.h"
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
  (void) editor;
  return terminal_read (prompt);
}

void
editor_interject (struct editor *editor, const char *text, size_t len) {
  (void) editor;
  text_print (stdout, text, len, false);
  putchar ('\n');
  fflush (stdout);
}
