/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* sentence.c - text for people that grows.  */

#include "io/sentence.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Returns room for LEN more octets and a NUL, or NULL.  */
static char *
make_room (struct eva__io_sentence *s, size_t len) {
  char *text = s->failed ? NULL : realloc (s->text, s->len + len + 1);

  s->failed = !text;
  if (!text) return NULL;
  s->text = text;
  return text + s->len;
}

void
eva__io_sentence_add (struct eva__io_sentence *s, const char *format, ...) {
  va_list ap;
  char *room;
  int len;

  va_start (ap, format);
  len = vsnprintf (NULL, 0, format, ap);
  va_end (ap);
  room = len < 0 ? NULL : make_room (s, (size_t) len);
  if (!room) return;
  va_start (ap, format);
  vsnprintf (room, (size_t) len + 1, format, ap);
  va_end (ap);
  s->len += (size_t) len;
}

void
eva__io_sentence_quote (struct eva__io_sentence *s, const char *text) {
  size_t len = strlen (text);
  char *room = make_room (s, len);

  if (!room) return;
  memcpy (room, text, len + 1);
  for (; *room; room++)
    if ((unsigned char) *room < ' ' || *room == 0x7f) *room = '?';
  s->len += len;
}

void
eva__io_sentence_add_error (struct eva__io_sentence *s, int error) {
  char buf[100];

  eva__io_sentence_quote (s, strerror_r (error, buf, sizeof buf));
}

char *
eva__io_sentence_end (struct eva__io_sentence *s) {
  if (!s->failed) return s->text;
  free (s->text);
  return NULL;
}
