/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-text.c - tables of texts and words with percent escapes, in place and into a buffer.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "eva-words.h"
#include "random.h"

#define N(array) (sizeof (array) / sizeof *(array))

/* --- Escaping --------------------------------------------------------------------------------- */

#define ESCAPE(src, flags, expected) { src, sizeof (src) - 1, flags, expected }

static const struct {
  const char *src;
  size_t len;
  unsigned int flags;
  const char *expected;
} escapes[] = {
  ESCAPE ("", 0, ""),
  ESCAPE ("plain text", 0, "plain text"),
  ESCAPE ("100%\r\nsure", 0, "100%25%0D%0Asure"),
  ESCAPE ("a\0b\x1f\x7f\t", 0, "a%00b%1F%7F%09"),
  ESCAPE ("-a+b = c", 0, "-a+b = c"),
  ESCAPE ("  a ", 0, "%20 a "),
  ESCAPE ("gr\xc3\xbc\xc3\x9f \xff", 0, "gr\xc3\xbc\xc3\x9f \xff"),
  ESCAPE ("-a+b -c\n", EVA_ESCAPE_WORD, "%2Da%2Bb%20-c%0A"),
  ESCAPE ("--x", EVA_ESCAPE_WORD, "%2D-x"),
  ESCAPE ("-a+b -c\n", EVA_ESCAPE_PLUS, "%2Da%2Bb+-c%0A"),
  ESCAPE ("-a+b -c\n", EVA_ESCAPE_WORD | EVA_ESCAPE_PLUS, "%2Da%2Bb+-c%0A"),
  ESCAPE ("  ", EVA_ESCAPE_PLUS, "++"),
};

/* Into a buffer that just has room, and one that lacks an octet.  */
static void
test_escapes (void **state) {
  (void) state;
  for (size_t i = 0; i < N (escapes); i++) {
    size_t len = strlen (escapes[i].expected);
    char dst[64];

    memset (dst, '#', sizeof dst);
    assert_int_equal (eva_escape (escapes[i].src, escapes[i].len, escapes[i].flags, dst, len + 1),
                      len);
    assert_string_equal (dst, escapes[i].expected);
    assert_int_equal (dst[len + 1], '#');

    memset (dst, '#', sizeof dst);
    assert_int_equal (eva_escape (escapes[i].src, escapes[i].len, escapes[i].flags, dst, len), len);
    if (len) assert_string_equal (dst, "");
    assert_int_equal (dst[len], '#');
    for (size_t k = 0; k < len; k++)
      assert_int_equal (dst[k], 0);
  }
}

static void
test_escape_tells_the_length (void **state) {
  (void) state;
  assert_int_equal (eva_escape ("100 %", 5, EVA_ESCAPE_WORD, NULL, 0), 9);
}

/* --- Unescaping ------------------------------------------------------------------------------- */

/* CODE without EVA_ESCAPE_LENIENT; STRING_CODE with it, if no NUL may come.  */
struct unescape {
  const char *text;
  unsigned int flags;
  const char *expected;
  size_t len;
  gpg_err_code_t code, string_code;
};

#define GOOD(text, flags, expected) { text, flags, expected, sizeof (expected) - 1, 0, 0 }
#define BAD(text, flags, expected)                                                                 \
  { text, flags, expected, sizeof (expected) - 1, GPG_ERR_ASS_SYNTAX, 0 }
#define NUL(text, flags, expected)                                                                 \
  { text, flags, expected, sizeof (expected) - 1, 0, GPG_ERR_INV_VALUE }

static const struct unescape unescapes[] = {
  GOOD ("", 0, ""),
  GOOD ("plain text+more", 0, "plain text+more"),
  GOOD ("100%25%0d%0Asure", 0, "100%\r\nsure"),
  GOOD ("%2541", 0, "%41"),
  GOOD ("a+b%2Bc%20d", 0, "a+b+c d"),
  GOOD ("a+b%2Bc%20d", EVA_ESCAPE_PLUS, "a b+c d"),
  GOOD ("++", EVA_ESCAPE_PLUS, "  "),
  GOOD ("a long text with more octets than a vector of them has, and%20an escape", 0,
        "a long text with more octets than a vector of them has, and an escape"),
  NUL ("%00", 0, "\0"),
  NUL ("a%00b+", EVA_ESCAPE_PLUS, "a\0b "),
  BAD ("100 % sure", 0, "100 % sure"),
  BAD ("%", 0, "%"),
  BAD ("%4", 0, "%4"),
  BAD ("a%4+", EVA_ESCAPE_PLUS, "a%4 "),
  BAD ("%+1%41", EVA_ESCAPE_PLUS, "% 1A"),
};

/* What a way to unescape gets and gives.  */
struct result {
  gpg_err_code_t code;
  char buf[96];
  size_t len;
};

typedef void unescape_func (const char *text, unsigned int flags, bool is_string,
                            struct result *result);

static void
in_place (const char *text, unsigned int flags, bool is_string, struct result *result) {
  strcpy (result->buf, text);
  result->code = gpg_err_code (
      eva_unescape (result->buf, strlen (text), flags, is_string ? NULL : &result->len));
  if (result->code) assert_string_equal (result->buf, text);
}

static void
into_buffer (const char *text, unsigned int flags, bool is_string, struct result *result) {
  result->code = gpg_err_code (eva_unescape_to (text, flags, result->buf, sizeof result->buf,
                                                is_string ? NULL : &result->len));
  if (result->code) assert_int_equal (result->buf[0], '#');
}

static void
check_unescape (const struct unescape *row, unsigned int flags, unescape_func *unescape) {
  struct result result;

  for (int is_string = 0; is_string < 2; is_string++) {
    gpg_err_code_t code = flags & EVA_ESCAPE_LENIENT ? 0 : row->code;

    memset (result.buf, '#', sizeof result.buf);
    result.len = 99;
    if (!code && is_string) code = row->string_code;
    unescape (row->text, flags, is_string, &result);
    assert_int_equal (result.code, code);
    if (!code) assert_memory_equal (result.buf, row->expected, row->len + 1);
    assert_int_equal (result.len, code || is_string ? 99 : row->len);
  }
}

static void
test_unescapes (void **state) {
  (void) state;
  for (size_t i = 0; i < N (unescapes); i++) {
    const struct unescape *row = &unescapes[i];

    check_unescape (row, row->flags, in_place);
    check_unescape (row, row->flags, into_buffer);
    check_unescape (row, row->flags | EVA_ESCAPE_LENIENT, in_place);
    check_unescape (row, row->flags | EVA_ESCAPE_LENIENT, into_buffer);
  }
}

/* A passphrase must not stay behind its own end.  */
static void
test_unescape_wipes (void **state) {
  (void) state;
  static const char zeros[12];
  char buf[] = "%73%65%63%72%65%74";

  assert_int_equal (eva_unescape (buf, strlen (buf), 0, NULL), 0);
  assert_memory_equal (buf, "secret", 6);
  assert_memory_equal (buf + 6, zeros, 12);
}

static void
test_words (void **state) {
  (void) state;
  char dst[8] = "1234567";
  size_t len = 99;

  assert_int_equal (eva_word_unescape ("a+%20b c%", EVA_ESCAPE_PLUS, dst, 5, &len), 0);
  assert_string_equal (dst, "a  b");
  assert_int_equal (len, 4);
  assert_int_equal (eva_word_unescape ("%41", 0, dst, 2, NULL), 0);
  assert_string_equal (dst, "A");
  assert_int_equal (gpg_err_code (eva_word_unescape ("a%20b", 0, dst, 3, &len)),
                    GPG_ERR_BUFFER_TOO_SHORT);
  assert_int_equal (gpg_err_code (eva_word_unescape ("a", 0, dst, 0, &len)),
                    GPG_ERR_BUFFER_TOO_SHORT);
  assert_int_equal (gpg_err_code (eva_word_unescape ("a%2 0", 0, dst, 8, &len)),
                    GPG_ERR_ASS_SYNTAX);
  assert_int_equal (gpg_err_code (eva_word_unescape (NULL, 0, dst, 8, &len)),
                    GPG_ERR_MISSING_VALUE);
  assert_int_equal (gpg_err_code (eva_word_unescape (" a", 0, dst, 8, &len)),
                    GPG_ERR_MISSING_VALUE);
  assert_string_equal (dst, "A");
  assert_int_equal (len, 4);
}

/* Whatever was escaped comes back, and is one line, and with a flag one word, which is no
   option.  */
static void
test_round_trip (void **state) {
  (void) state;
  static const unsigned int all_flags[] = { 0, EVA_ESCAPE_WORD, EVA_ESCAPE_PLUS };
  uint64_t seed = 5;

  for (int i = 0; i < 3000; i++) {
    unsigned int flags = all_flags[i % 3];
    char src[40], text[3 * sizeof src + 1], again[sizeof src + 1];
    size_t src_len = 1 + random_below (&seed, sizeof src), len;

    for (size_t k = 0; k < src_len; k++)
      src[k] = random_below (&seed, 2) ? "- +%\n\t\0z"[random_below (&seed, 8)]
                                       : (char) (unsigned char) random_below (&seed, 256);
    assert_in_range (eva_escape (src, src_len, flags, text, sizeof text), src_len, 3 * src_len);
    assert_int_equal (strcspn (text, "\r\n\t"), strlen (text));
    if (flags) {
      assert_int_equal (eva_word_len (text), strlen (text));
      assert_false (eva_word_is_option (text));
    }
    assert_int_equal (eva_unescape_to (text, flags, again, sizeof again, &len), 0);
    assert_int_equal (len, src_len);
    assert_memory_equal (again, src, len);

    if (flags != EVA_ESCAPE_WORD) continue;
    /* These octets say the same to a reader for which `+` is a blank.  */
    assert_int_equal (eva_unescape_to (text, EVA_ESCAPE_PLUS, again, sizeof again, &len), 0);
    assert_memory_equal (again, src, len);
  }
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_escapes),   cmocka_unit_test (test_escape_tells_the_length),
    cmocka_unit_test (test_unescapes), cmocka_unit_test (test_unescape_wipes),
    cmocka_unit_test (test_words),     cmocka_unit_test (test_round_trip),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}
