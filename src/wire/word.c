/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* word.c - words of a line: options, numbers, hex.

     line   = *WSP [word *(1*WSP word)] *WSP     WSP: blank or tab
     word   = option / name "=" value / 1*octet
     option = "--" name ["=" value]

   A word is a pointer into the line, and ends at the next blank, tab or NUL.  Nothing is cut or
   copied, so a constant line can be taken apart as well, and a word is also the rest of its
   line.  */

#include "eva-words.h"

#include "fail.h"
#include "octet.h"

#include <string.h>

/* --- Words ------------------------------------------------------------------------------------ */

const char *
eva_word_first (const char *line) {
  if (!line) return NULL;
  while (eva__wire_is_wsp (*line))
    line++;
  return *line ? line : NULL;
}

size_t
eva_word_len (const char *word) {
  return word ? strcspn (word, " \t") : 0;
}

const char *
eva_word_next (const char *word) {
  return word ? eva_word_first (word + eva_word_len (word)) : NULL;
}

bool
eva_word_is (const char *word, const char *name) {
  size_t len = eva_word_len (word);

  return word && len == strlen (name) && !memcmp (word, name, len);
}

bool
eva_word_matches (const char *word, const char *name, const char **ret_value) {
  size_t len = strlen (name);

  if (!word || strncmp (word, name, len)) return false;
  if (word[len] == '=' && ret_value) {
    *ret_value = word + len + 1;
    return true;
  }
  if (eva_word_len (word) != len) return false;
  if (ret_value) *ret_value = NULL;
  return true;
}

bool
eva_word_is_option (const char *word) {
  return eva_word_len (word) > 2 && word[0] == '-' && word[1] == '-';
}

const char *
eva_word_skip_options (const char *line) {
  const char *word = eva_word_first (line);

  while (eva_word_is_option (word))
    word = eva_word_next (word);
  return eva_word_is (word, "--") ? eva_word_next (word) : word;
}

gpg_error_t
eva_word_copy (const char *word, char *dst, size_t size) {
  size_t len = eva_word_len (word);

  if (!len) return eva__wire_fail (GPG_ERR_MISSING_VALUE);
  if (len >= size) return eva__wire_fail (GPG_ERR_BUFFER_TOO_SHORT);
  memcpy (dst, word, len);
  dst[len] = 0;
  return 0;
}

/* --- Numbers and hex -------------------------------------------------------------------------- */

/* A number that is too large for 64 bits must not come out small, so it stays the largest one; but
   what follows it is still looked at: it may be no number at all.  */
gpg_error_t
eva_word_number (const char *word, uint64_t min, uint64_t max, uint64_t *ret_number) {
  size_t len = eva_word_len (word);
  uint64_t number = 0;
  bool is_too_large = false;

  if (!len) return eva__wire_fail (GPG_ERR_MISSING_VALUE);
  for (size_t i = 0; i < len; i++) {
    if (!eva__wire_is_digit (word[i])) return eva__wire_fail (GPG_ERR_ASS_PARAMETER);
    is_too_large |= __builtin_mul_overflow (number, (uint64_t) 10, &number);
    is_too_large |= __builtin_add_overflow (number, (uint64_t) (word[i] - '0'), &number);
  }
  if (is_too_large || number < min || number > max) return eva__wire_fail (GPG_ERR_ERANGE);
  *ret_number = number;
  return 0;
}

gpg_error_t
eva_word_unhex (const char *word, void *buf, size_t size, size_t *ret_len) {
  size_t n_digits = eva_word_len (word), len = n_digits / 2;
  unsigned char *octets = buf;

  if (!n_digits) return eva__wire_fail (GPG_ERR_MISSING_VALUE);
  for (size_t i = 0; i < n_digits; i++)
    if (eva__wire_hex_value (word[i]) < 0) return eva__wire_fail (GPG_ERR_ASS_PARAMETER);
  if (n_digits % 2 || (!ret_len && len < size)) return eva__wire_fail (GPG_ERR_INV_LENGTH);
  if (len > size) return eva__wire_fail (GPG_ERR_TOO_LARGE);

  for (size_t i = 0; i < len; i++)
    octets[i] = (unsigned char) (eva__wire_hex_value (word[2 * i]) * 16
                                 + eva__wire_hex_value (word[2 * i + 1]));
  if (ret_len) *ret_len = len;
  return 0;
}

gpg_error_t
eva_hex (const void *src, size_t len, char *dst, size_t size) {
  const unsigned char *octets = src;

  if (len >= SIZE_MAX / 2 || size < 2 * len + 1) return eva__wire_fail (GPG_ERR_BUFFER_TOO_SHORT);
  for (size_t i = 0; i < len; i++) {
    *dst++ = eva__wire_hex_digit (octets[i] >> 4);
    *dst++ = eva__wire_hex_digit (octets[i]);
  }
  *dst = 0;
  return 0;
}
