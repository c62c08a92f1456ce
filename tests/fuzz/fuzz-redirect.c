/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-redirect.c - files that redirect to a socket, against a second reading of the same rules.

     input = size value LF file

   SIZE is the room for the name, VALUE what the variable VAR holds.  EMPTY holds nothing, NAMES
   its own name, and all others are not set.  */

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "check.h"
#include "io/redirect.h"

#define MAGIC     "%Assuan%\nsocket="
#define MAX_VALUE 200

/* Longer than any result can be: each of the octets of the file a variable.  */
#define MAX_NAME (EVA__IO_REDIRECT_MAX * (MAX_VALUE + 1))

static char value[MAX_VALUE + 1];

static char *
lookup (const char *name) {
  static char names[] = "NAMES";
  static char nothing[1];

  if (!strcmp (name, "VAR")) return value;
  if (!strcmp (name, "NAMES")) return names;
  return strcmp (name, "EMPTY") ? NULL : nothing;
}

/* What the name in TEXT means, put together in EXPECTED without regard to its length.  Returns
   false if it has an open end or a NUL.  */
static bool
expand (const char *text, size_t len, char *expected) {
  if (memchr (text, 0, len)) return false;
  *expected = 0;
  for (size_t i = 0; i < len; i++) {
    char variable[EVA__IO_REDIRECT_MAX + 1];
    const char *close;

    if (i + 1 == len || text[i] != '$' || text[i + 1] != '{') {
      strncat (expected, text + i, 1);
      continue;
    }
    close = memchr (text + i, '}', len - i);
    if (!close) return false;
    snprintf (variable, sizeof variable, "%.*s", (int) (close - text - (long) i - 2), text + i + 2);
    if (lookup (variable)) strcat (expected, lookup (variable));
    i = (size_t) (close - text);
  }
  return *expected;
}

/* What eva__io_redirect_parse should return for the LEN octets at TEXT, and the name that it
   should find.  */
static int
expected_result (const char *text, size_t len, size_t size, char *expected) {
  size_t magic_len = strlen (MAGIC);

  if (len > EVA__IO_REDIRECT_MAX || len < magic_len + 2) return 0;
  if (memcmp (text, MAGIC, magic_len)) return 0;
  if (memchr (text + magic_len, '\n', len - magic_len) != text + len - 1) return 0;
  if (!expand (text + magic_len, len - magic_len - 1, expected)) return -1;
  return strlen (expected) < size ? 1 : -1;
}

static void
try_file (const char *text, size_t len, size_t size) {
  static char expected[MAX_NAME + 1];
  char *name = malloc (size);

  CHECK (name);
  errno = 0;
  int rc = eva__io_redirect_parse (text, len, lookup, name, size);
  CHECK (rc == expected_result (text, len, size, expected));
  if (rc == 1) CHECK (!strcmp (name, expected));
  if (rc < 0) CHECK (errno == EINVAL || errno == ENAMETOOLONG);
  free (name);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t len) {
  const uint8_t *lf = len ? memchr (data + 1, '\n', len - 1) : NULL;

  if (!lf || lf - data - 1 > MAX_VALUE) return 0;
  snprintf (value, sizeof value, "%.*s", (int) (lf - data - 1), (const char *) data + 1);

  size_t file_len = (size_t) (data + len - lf - 1);
  char *file = malloc (file_len ? file_len : 1);
  CHECK (file);
  memcpy (file, lf + 1, file_len);
  try_file (file, file_len, 1 + (size_t) *data);
  free (file);
  return 0;
}
