/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-unescape.c - percent escapes: the fast ways give what the plain one does, strict or not,
   and what was escaped comes back.

   Input: an octet that chooses the alignment and the fill, then data.  */

#include <string.h>

#include "check.h"
#include "eva-conn.h"
#include "wire/escape.h"
#include "wire/plain.h"

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
  char *buf_block, *src_block;
  char *buf = copy_at (data, len, align, &buf_block);
  char *src = copy_at (data, len, 0, &src_block);
  char *plain = malloc (len + 1);
  size_t new_len = SIZE_MAX, plain_len = eva__wire_unescape_to_plain (plain, src, len);
  int rc = eva__wire_unescape (buf, len, strict, &new_len);

  CHECK (rc == (strict && eva__wire_has_malformed (src, len) ? EVA_E_ESCAPE : 0));
  if (rc) {
    CHECK (new_len == SIZE_MAX && !memcmp (buf, src, len));
  } else {
    CHECK (new_len == plain_len && new_len <= len && !memcmp (buf, plain, new_len));
    for (size_t i = new_len; i < len; i++)
      CHECK (!buf[i]);
  }
  free (plain);
  free (buf_block);
  free (src_block);
}

/* Lines that are unescaped to where they belong: to
   other memory, and as close in front of their own place as may be.  */
static void
try_unescape_to (const uint8_t *data, size_t len) {
  char *from = malloc (len + 2 * EVA__WIRE_SLACK), *src = from + EVA__WIRE_SLACK;
  char *fast = malloc (len + EVA__WIRE_SLACK);
  char *plain = malloc (len + 1);
  size_t n;

  CHECK (from && fast && plain);
  memset (from, '%', len + 2 * EVA__WIRE_SLACK);
  memcpy (src, data, len);
  n = eva__wire_unescape_to_plain (plain, src, len);
  CHECK (eva__wire_unescape_to (fast, src, len) == n);
  CHECK (!memcmp (fast, plain, n));
  CHECK (eva__wire_unescape_to (from, src, len) == n);
  CHECK (!memcmp (from, plain, n));
  free (from);
  free (fast);
  free (plain);
}

static void
try_escape (const uint8_t *data, size_t len, size_t align, size_t fill) {
  char *block;
  char *src = copy_at (data, len, align, &block);
  char *fast = malloc (fill + 2 + EVA__WIRE_SLACK);
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
