/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-words.c - lines taken apart: words lie in their line, one behind the other; numbers are what
   strtoull says; hex and escapes come back; in place and into a buffer gives the same.

   Input: an octet that chooses flags and the room that there is, then a line.  */

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "check.h"
#include "eva-words.h"

/* Returns the LEN octets at DATA as a string in a block of its own, so that a sanitizer sees every
   octet too far.  */
static char *
string_of (const void *data, size_t len) {
  char *string = malloc (len + 1);

  CHECK (string);
  if (len) memcpy (string, data, len);
  string[len] = 0;
  return string;
}

/* --- Words ------------------------------------------------------------------------------------ */

static void
try_number (const char *word) {
  size_t len = eva_word_len (word);
  char *copy = string_of (word, len);
  uint64_t number = 99;
  gpg_err_code_t code = gpg_err_code (eva_word_number (word, 0, UINT64_MAX, &number));

  if (strspn (copy, "0123456789") != len) {
    CHECK (code == GPG_ERR_ASS_PARAMETER);
  } else {
    errno = 0;
    unsigned long long expected = strtoull (copy, NULL, 10);
    CHECK (code == (errno ? GPG_ERR_ERANGE : 0) && number == (errno ? 99 : expected));
  }
  free (copy);
}

static void
try_hex (const char *word) {
  size_t len = eva_word_len (word), n_octets = 0;
  char *octets = malloc (len / 2 + 1), *text = malloc (len + 1);

  CHECK (octets && text);
  if (!eva_word_unhex (word, octets, len / 2, &n_octets)) {
    CHECK (n_octets == len / 2);
    CHECK (!eva_word_unhex (word, octets, n_octets, NULL));
    CHECK (!eva_hex (octets, n_octets, text, len + 1));
    for (size_t i = 0; i < len; i++)
      CHECK ((text[i] | 32) == (word[i] | 32));
  }
  free (octets);
  free (text);
}

/* A word matches the name in front of its `=`, and has the value behind it.  */
static void
try_name (const char *word) {
  size_t len = eva_word_len (word), name_len = strcspn (word, "= \t");
  char *name = string_of (word, name_len), *copy = malloc (len + 1);
  const char *value = "";

  CHECK (copy && !eva_word_copy (word, copy, len + 1) && strlen (copy) == len);
  CHECK (eva_word_is (word, copy));
  CHECK (gpg_err_code (eva_word_copy (word, copy, len)) == GPG_ERR_BUFFER_TOO_SHORT);
  CHECK (eva_word_matches (word, name, &value));
  CHECK (value ? value == word + name_len + 1 : name_len == len);
  CHECK (eva_word_matches (word, name, NULL) == (name_len == len));
  free (name);
  free (copy);
}

static void
try_words (const char *line) {
  const char *end = line, *rest = eva_word_skip_options (line);
  bool has_options = true;

  for (const char *word = eva_word_first (line); word; word = eva_word_next (word)) {
    size_t len = eva_word_len (word);

    CHECK (len && strspn (end, " \t") == (size_t) (word - end));
    CHECK (!memchr (word, ' ', len) && !memchr (word, '\t', len) && !memchr (word, 0, len));
    if (has_options && !eva_word_is_option (word)) {
      has_options = false;
      CHECK (rest == (eva_word_is (word, "--") ? eva_word_next (word) : word));
    }
    try_number (word);
    try_hex (word);
    try_name (word);
    end = word + len;
  }
  CHECK (!end[strspn (end, " \t")]);
  CHECK (!has_options || !rest);
}

/* --- Escapes ---------------------------------------------------------------------------------- */

static void
try_unescape (const char *line, unsigned int flags, bool is_string, size_t room) {
  size_t line_len = strlen (line), size = room ? room : line_len + 1, len = 99, to_len = 99;
  char *buf = string_of (line, line_len), *dst = malloc (size);
  gpg_err_code_t code = gpg_err_code (eva_unescape (buf, line_len, flags, is_string ? NULL : &len));
  gpg_err_code_t to_code =
      gpg_err_code (eva_unescape_to (line, flags, dst, size, is_string ? NULL : &to_len));

  CHECK (!(flags & EVA_ESCAPE_LENIENT) || code != GPG_ERR_ASS_SYNTAX);
  if (code) {
    CHECK (code == to_code && !strcmp (buf, line) && len == 99);
  } else if (to_code) {
    CHECK (to_code == GPG_ERR_BUFFER_TOO_SHORT && (is_string ? strlen (buf) : len) >= size);
  } else {
    CHECK (len == to_len);
    if (is_string) len = strlen (buf);
    CHECK (len < size && !memcmp (buf, dst, len + 1));
    for (size_t i = len; i < line_len; i++)
      CHECK (!buf[i]);
  }
  free (buf);
  free (dst);
}

static void
try_escape (const uint8_t *data, size_t len, unsigned int flags) {
  size_t text_len = eva_escape (data, len, flags, NULL, 0), again_len;
  char *text = malloc (text_len + 1), *again = malloc (len + 1);

  CHECK (text && again && text_len >= len && text_len <= 3 * len);
  CHECK (eva_escape (data, len, flags, text, text_len) == text_len && (!text_len || !*text));
  CHECK (eva_escape (data, len, flags, text, text_len + 1) == text_len);
  CHECK (strlen (text) == text_len && strcspn (text, "\r\n") == text_len);
  CHECK (!eva_unescape_to (text, flags, again, len + 1, &again_len));
  CHECK (again_len == len && (!len || !memcmp (again, data, len)));
  if (len && flags & (EVA_ESCAPE_WORD | EVA_ESCAPE_PLUS)) {
    CHECK (eva_word_len (text) == text_len && !eva_word_is_option (text));
    CHECK (!eva_word_unescape (text, flags, again, len + 1, &again_len) && again_len == len);
  }
  free (text);
  free (again);
}

/* A line that is put together has as many words as its format says, and the text is what it
   was.  */
static void
try_format (const char *text, size_t room) {
  size_t len = strlen (text), size = room ? room : 3 * len + 16, again_len;
  char *dst = malloc (size), *again = malloc (len + 1);
  gpg_error_t err;

  CHECK (dst && again);
  err = eva_format (dst, size, "A %-s %u", text, 7u);
  if (err) {
    CHECK (gpg_err_code (err) == GPG_ERR_BUFFER_TOO_SHORT && room && !*dst);
  } else if (len) {
    const char *word = eva_word_next (dst);
    CHECK (!eva_word_is_option (word) && eva_word_is (eva_word_next (word), "7"));
    CHECK (!eva_word_unescape (word, 0, again, len + 1, &again_len));
    CHECK (again_len == len && !memcmp (again, text, len));
    CHECK (!eva_word_next (eva_word_next (word)));
  }
  free (dst);
  free (again);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t len) {
  if (!len) return 0;
  unsigned int flags = *data & 7u;
  char *line = string_of (data + 1, len - 1);

  try_words (line);
  try_format (line, *data >> 4);
  try_unescape (line, flags, *data & 8, *data >> 4);
  try_escape (data + 1, len - 1, flags);
  free (line);
  return 0;
}
