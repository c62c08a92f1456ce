/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* plain.c - escapes of data lines, octet by octet.  See plain.h.  */

#include "plain.h"

#include <string.h>

#include "octet.h"

static bool
needs_escape (char c) {
  return c == '%' || c == '\r' || c == '\n';
}

/* Writes C, escaped if it has to be, and returns how many octets that took.  */
static size_t
put_octet (char *dst, char c) {
  if (needs_escape (c)) {
    eva__wire_put_escape (dst, c);
    return 3;
  }
  *dst = c;
  return 1;
}

bool
eva__wire_has_malformed (const char *buf, size_t len) {
  const char *end = buf + len;

  while (buf < end && (buf = memchr (buf, '%', (size_t) (end - buf)))) {
    if (eva__wire_escape_value (buf, (size_t) (end - buf)) < 0) return true;
    buf += 3;
  }
  return false;
}

size_t
eva__wire_escape_plain (char *dst, size_t fill, const char *src, size_t src_len, size_t *ret_used) {
  size_t n_written = 0;
  size_t n_used = 0;

  while (n_written < fill && n_used < src_len)
    n_written += put_octet (dst + n_written, src[n_used++]);

  *ret_used = n_used;
  return n_written;
}

size_t
eva__wire_unescape_to_plain (char *dst, const char *src, size_t len) {
  size_t n_written = 0;

  for (size_t n_read = 0; n_read < len; n_written++)
    n_read += eva__wire_take_octet (dst + n_written, src + n_read, len - n_read);
  return n_written;
}
