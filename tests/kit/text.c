/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* text.c - octets that grow.  See text.h.  */

#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
text_add (struct text *t, const void *octets, size_t len) {
  if (t->len + len + 1 > t->size) {
    t->size = 2 * (t->len + len) + 100;
    t->data = realloc (t->data, t->size);
    if (!t->data) abort ();
  }
  if (len) memcpy (t->data + t->len, octets, len);
  t->len += len;
  t->data[t->len] = 0;
}

void
text_vprint (struct text *t, const char *format, va_list ap) {
  char buf[6000];
  int len = vsnprintf (buf, sizeof buf, format, ap);

  assert_true (len >= 0 && (size_t) len < sizeof buf);
  text_add (t, buf, (size_t) len);
}

void
text_print (struct text *t, const char *format, ...) {
  va_list ap;

  va_start (ap, format);
  text_vprint (t, format, ap);
  va_end (ap);
}

const char *
text_get (const struct text *t) {
  return t->data ? t->data : "";
}

void
text_clear (struct text *t) {
  t->len = 0;
  if (t->data) *t->data = 0;
}

void
text_free (struct text *t) {
  free (t->data);
  *t = (struct text) { 0 };
}

bool
text_begins (const struct text *a, const struct text *b) {
  return a->len <= b->len && (!a->len || !memcmp (a->data, b->data, a->len));
}

bool
text_is (const struct text *a, const struct text *b) {
  return a->len == b->len && text_begins (a, b);
}
