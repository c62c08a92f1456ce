/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-unescape.c - percent escapes: the fast way gives what the plain one does, strict or not,
   and what was escaped comes back.

   Input: an octet that chooses the alignment and the fill, then data.  */

#include <string.h>

#include "check.h"
#include "eva-conn.h"
#include "wire/escape.h"

/* Copies LEN octets of DATA to a block of their own, at the given alignment, to be freed at
   RET_BLOCK. The block ends where the data do, so that a sanitizer sees every octet too far.  */
static char *
copy_at (const uint8_t *data, size_t len, size_t align, char **ret_block) {
  char *block = malloc (align + len ? align + len : 1);

  CHECK (block);
  if (len) memcpy (block + align, data, len);
  *ret_block = block;
  return block + align;
}

static void
try_unescape (const uint8_t *data, size_t len, size_t align, bool strict) {
  char *fast_block;
  char *plain_block;
  char *fast = copy_at (data, len, align, &fast_block);
  char *plain = copy_at (data, len, 0, &plain_block);
  size_t fast_len = SIZE_MAX;
  size_t plain_len = SIZE_MAX;

  int rc = eva__wire_unescape (fast, len, strict, &fast_len);
  CHECK (rc == eva__wire_unescape_plain (plain, len, strict, &plain_len));
  CHECK (fast_len == plain_len);
  CHECK (!len || !memcmp (fast, plain, len));
  CHECK (rc == 0 || (strict && rc == EVA_E_ESCAPE));
  if (rc) {
    CHECK (fast_len == SIZE_MAX && !memcmp (fast, data, len));
  } else {
    CHECK (fast_len <= len);
    for (size_t i = fast_len; i < len; i++)
      CHECK (!fast[i]);
  }
  free (fast_block);
  free (plain_block);
}

/* Lines that are unescaped to where they belong.  */
static void
try_unescape_to (const uint8_t *data, size_t len) {
  char *from = malloc (len + EVA__WIRE_SLACK);
  char *fast = malloc (len + EVA__WIRE_SLACK);
  char *plain = malloc (len + 1);
  size_t n;

  CHECK (from && fast && plain);
  memset (from, '%', len + EVA__WIRE_SLACK);
  memcpy (from, data, len);
  n = eva__wire_unescape_to_plain (plain, from, len);
  CHECK (eva__wire_unescape_to (fast, from, len) == n);
  CHECK (!memcmp (fast, plain, n));
  free (from);
  free (fast);
  free (plain);
}

static void
try_escape (const uint8_t *data, size_t len, size_t align, size_t fill) {
  char *block;
  char *src = copy_at (data, len, align, &block);
  char *fast = malloc (fill + 2);
  char *plain = malloc (fill + 2);
  size_t fast_used;
  size_t plain_used;

  CHECK (fast && plain);
  size_t n = eva__wire_escape (fast, fill, src, len, &fast_used);
  CHECK (n == eva__wire_escape_plain (plain, fill, src, len, &plain_used));
  CHECK (fast_used == plain_used && fast_used <= len);
  CHECK (!memcmp (fast, plain, n));
  CHECK (n <= fill + 2 && (n >= fill || fast_used == len));
  CHECK (!memchr (fast, '\n', n) && !memchr (fast, '\r', n));

  CHECK (eva__wire_unescape (fast, n, true, &n) == 0);
  CHECK (n == fast_used && !memcmp (fast, src, n));
  free (fast);
  free (plain);
  free (block);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t len) {
  if (!len) return 0;
  size_t align = *data % 16;
  size_t fill = *data < 128 ? (size_t) *data : EVA__WIRE_DATA_FILL;

  try_unescape (data + 1, len - 1, align, false);
  try_unescape (data + 1, len - 1, align, true);
  try_unescape_to (data + 1, len - 1 < EVA_LINE_SIZE ? len - 1 : EVA_LINE_SIZE);
  try_escape (data + 1, len - 1, align, fill);
  return 0;
}
