/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* text.c - percent escapes in the arguments of commands and in status lines, as GnuPG writes them.

     text = *(octet / escape)            octet: any but "%", control characters, DEL; no blank first
     word = 1*(octet / escape / "+")     octet: nor blanks and "+"; "+" is a blank where it counts

   The escapes of data lines are escape.c's.  */

#include "eva-words.h"

#include "escape.h"
#include "fail.h"
#include "octet.h"
#include "plain.h"

#include <string.h>

/* --- Escaping --------------------------------------------------------------------------------- */

/* Returns whether C must be escaped; IS_FIRST if it begins the text.  */
static bool
needs_escape (char c, bool is_first, unsigned int flags) {
  if (c == '%' || eva__wire_is_control (c)) return true;
  if (!(flags & (EVA_ESCAPE_WORD | EVA_ESCAPE_PLUS))) return c == ' ' && is_first;
  return c == ' ' || c == '+' || (c == '-' && is_first);
}

/* Writes what C becomes to DST, at most three octets, and returns their number.  */
static size_t
put (char *dst, char c, bool is_first, unsigned int flags) {
  if (c == ' ' && (flags & EVA_ESCAPE_PLUS)) {
    *dst = '+';
    return 1;
  }
  if (needs_escape (c, is_first, flags)) {
    eva__wire_put_escape (dst, c);
    return 3;
  }
  *dst = c;
  return 1;
}

/* What does not fit leaves nothing behind: neither half a text that could pass for a whole one, nor
   a piece of a secret.  */
size_t
eva_escape (const void *src, size_t len, unsigned int flags, char *dst, size_t size) {
  const char *octets = src;
  size_t n_written = 0;
  char piece[3];

  for (size_t i = 0; i < len; i++) {
    size_t n = put (piece, octets[i], i == 0, flags);

    if (n_written + n < size) memcpy (dst + n_written, piece, n);
    n_written += n;
  }
  if (n_written < size)
    dst[n_written] = 0;
  else if (size)
    memset (dst, 0, size);
  return n_written;
}

/* --- Unescaping ------------------------------------------------------------------------------- */

/* Stores the length that the LEN octets at SRC have without their escapes at RET_LEN.  If that is
   refused, nothing was changed yet.  */
static gpg_error_t
check (const char *src, size_t len, unsigned int flags, bool may_have_nul, size_t *ret_len) {
  size_t n_octets = 0;
  char c;

  if (!(flags & EVA_ESCAPE_LENIENT) && eva__wire_has_malformed (src, len))
    return eva__wire_fail (GPG_ERR_ASS_SYNTAX);
  for (size_t i = 0; i < len; n_octets++) {
    i += eva__wire_take_octet (&c, src + i, len - i);
    if (!c && !may_have_nul) return eva__wire_fail (GPG_ERR_INV_VALUE);
  }
  *ret_len = n_octets;
  return 0;
}

/* Makes each `+` among the LEN octets at BUF a blank.  */
static void
replace_plus (char *buf, size_t len) {
  for (char *end = buf + len; (buf = memchr (buf, '+', (size_t) (end - buf)));)
    *buf = ' ';
}

gpg_error_t
eva_unescape (char *buf, size_t len, unsigned int flags, size_t *ret_len) {
  size_t new_len;
  gpg_error_t err = check (buf, len, flags, ret_len != NULL, &new_len);

  if (err) return err;
  if (flags & EVA_ESCAPE_PLUS) replace_plus (buf, len);
  eva__wire_unescape (buf, len, false, &new_len);
  if (ret_len) *ret_len = new_len;
  return 0;
}

/* Where a result goes.  */
struct target {
  char *dst;
  size_t size;
  size_t *ret_len; /* or NULL */
};

/* The same for the LEN octets at SRC, to TARGET.  */
static gpg_error_t
unescape_to (const char *src, size_t len, unsigned int flags, struct target target) {
  size_t new_len;
  gpg_error_t err = check (src, len, flags, target.ret_len != NULL, &new_len);
  char *dst = target.dst;

  if (err) return err;
  if (new_len >= target.size) return eva__wire_fail (GPG_ERR_BUFFER_TOO_SHORT);
  for (size_t i = 0; i < len; dst++) {
    bool is_blank = src[i] == '+' && (flags & EVA_ESCAPE_PLUS);

    i += eva__wire_take_octet (dst, src + i, len - i);
    if (is_blank) *dst = ' ';
  }
  *dst = 0;
  if (target.ret_len) *target.ret_len = new_len;
  return 0;
}

gpg_error_t
eva_unescape_to (const char *text, unsigned int flags, char *dst, size_t size, size_t *ret_len) {
  return unescape_to (text, strlen (text), flags, (struct target) { dst, size, ret_len });
}

gpg_error_t
eva_word_unescape (const char *word, unsigned int flags, char *dst, size_t size, size_t *ret_len) {
  size_t len = eva_word_len (word);

  if (!len) return eva__wire_fail (GPG_ERR_MISSING_VALUE);
  return unescape_to (word, len, flags, (struct target) { dst, size, ret_len });
}
