/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* capture.c - a stream whose text a test looks at.  See capture.h.  */

#include "capture.h"

#include <stdlib.h>
#include <string.h>

static FILE *stream;
static char *text;
static size_t text_len;

FILE *
capture_open (void) {
  stream = open_memstream (&text, &text_len);
  assert_non_null (stream);
  return stream;
}

void
capture_close (void) {
  fclose (stream);
  free (text);
  stream = NULL;
  text = NULL;
}

const char *
capture_get (void) {
  fflush (stream);
  return text;
}

unsigned int
capture_count (const char *part) {
  unsigned int n = 0;

  for (const char *p = capture_get (); (p = strstr (p, part)); p += strlen (part))
    n++;
  return n;
}
