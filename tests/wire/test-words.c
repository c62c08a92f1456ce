/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-words.c - tables of lines and their words, options, numbers and hex.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "eva-words.h"

#define N(array) (sizeof (array) / sizeof *(array))

/* No value; "" is an empty one.  */
#define NONE NULL

/* --- Words ------------------------------------------------------------------------------------ */

/* A line, its words with a bar between them, and what follows the options.  */
static const struct {
  const char *line, *words, *rest;
} lines[] = {
  { "", "", NONE },
  { " ", "", NONE },
  { " \t ", "", NONE },
  { "a", "a", "a" },
  { "  a  ", "a", "a  " },
  { "a b", "a|b", "a b" },
  { "a \t b\tc ", "a|b|c", "a \t b\tc " },
  { "KEYINFO 1234 D - -", "KEYINFO|1234|D|-|-", "KEYINFO 1234 D - -" },
  { "--a b", "--a|b", "b" },
  { "--a", "--a", NONE },
  { "--a --b=c  d --e", "--a|--b=c|d|--e", "d --e" },
  { "--", "--", NONE },
  { "-- --a", "--|--a", "--a" },
  { "--a -- -- b", "--a|--|--|b", "-- b" },
  { "- --a", "-|--a", "- --a" },
  { "-a --b", "-a|--b", "-a --b" },
  { "--= x", "--=|x", "x" },
  { "a=b c==d =e", "a=b|c==d|=e", "a=b c==d =e" },
  { "a\nb", "a\nb", "a\nb" },
  { "\xc3\xa9 \xff", "\xc3\xa9|\xff", "\xc3\xa9 \xff" },
};

static void
test_words (void **state) {
  (void) state;
  for (size_t i = 0; i < N (lines); i++) {
    char found[64] = "";

    for (const char *word = eva_word_first (lines[i].line); word; word = eva_word_next (word)) {
      assert_true (word >= lines[i].line);
      if (*found) strcat (found, "|");
      strncat (found, word, eva_word_len (word));
    }
    assert_string_equal (found, lines[i].words);
  }
}

static void
test_options_are_skipped (void **state) {
  (void) state;
  for (size_t i = 0; i < N (lines); i++) {
    const char *rest = eva_word_skip_options (lines[i].line);

    assert_int_equal (!rest, !lines[i].rest);
    if (rest) assert_string_equal (rest, lines[i].rest);
  }
}

static const struct {
  const char *word;
  bool is_option;
} options[] = {
  { NULL, false },     { "", false },     { "-", false },    { "--", false },
  { "-- a", false },   { "-a", false },   { "--a", true },   { "---", true },
  { "--a=b c", true }, { "a--b", false }, { " --a", false }, { "--=", true },
};

static void
test_options (void **state) {
  (void) state;
  for (size_t i = 0; i < N (options); i++)
    assert_int_equal (eva_word_is_option (options[i].word), options[i].is_option);
}

/* A word, a name, whether the word is just that, and whether it is that with or without a value,
   and the rest of the line from the value on.  */
static const struct {
  const char *word, *name;
  bool is, matches;
  const char *value;
} names[] = {
  { "KEYINFO 1 2", "KEYINFO", true, true, NONE },
  { "KEYINFO\t1", "KEYINFO", true, true, NONE },
  { "KEYINFO", "KEYINFO", true, true, NONE },
  { "KEYINFO", "KEY", false, false, NONE },
  { "KEY", "KEYINFO", false, false, NONE },
  { "keyinfo", "KEYINFO", false, false, NONE },
  { "--ttl=60 x", "--ttl", false, true, "60 x" },
  { "--ttl= x", "--ttl", false, true, " x" },
  { "--ttl=", "--ttl", false, true, "" },
  { "--ttl=a=b", "--ttl", false, true, "a=b" },
  { "--ttl x=1", "--ttl", true, true, NONE },
  { "--ttls=60", "--ttl", false, false, NONE },
  { "--tt=60", "--ttl", false, false, NONE },
  { "ttyname=/dev/tty1", "ttyname", false, true, "/dev/tty1" },
  { "ttyname =/dev/tty1", "ttyname", true, true, NONE },
  { "", "", true, true, NONE },
  { "=a", "", false, true, "a" },
  { NULL, "a", false, false, NONE },
  { NULL, "", false, false, NONE },
};

static void
test_names (void **state) {
  (void) state;
  for (size_t i = 0; i < N (names); i++) {
    const char *value = "untouched";

    assert_int_equal (eva_word_is (names[i].word, names[i].name), names[i].is);
    /* A caller that wants no value gets none.  */
    assert_int_equal (eva_word_matches (names[i].word, names[i].name, NULL), names[i].is);
    assert_int_equal (eva_word_matches (names[i].word, names[i].name, &value), names[i].matches);
    if (!names[i].matches)
      assert_string_equal (value, "untouched");
    else if (names[i].value)
      assert_string_equal (value, names[i].value);
    else
      assert_null (value);
  }
}

static void
test_missing_words (void **state) {
  (void) state;
  assert_null (eva_word_first (NULL));
  assert_null (eva_word_next (NULL));
  assert_null (eva_word_skip_options (NULL));
  assert_int_equal (eva_word_len (NULL), 0);
}

static void
check_copy (const char *word, size_t size, gpg_err_code_t code, const char *expected) {
  char dst[8] = "1234567";
  gpg_error_t err = eva_word_copy (word, dst, size);

  assert_int_equal (gpg_err_code (err), code);
  assert_true (!err || gpg_err_source (err) == GPG_ERR_SOURCE_ASSUAN);
  assert_string_equal (dst, expected);
}

static void
test_copies (void **state) {
  (void) state;
  check_copy ("abc def", 4, 0, "abc");
  check_copy ("abc", 8, 0, "abc");
  check_copy ("abc def", 3, GPG_ERR_BUFFER_TOO_SHORT, "1234567");
  check_copy ("abc", 0, GPG_ERR_BUFFER_TOO_SHORT, "1234567");
  check_copy ("", 8, GPG_ERR_MISSING_VALUE, "1234567");
  check_copy (" a", 8, GPG_ERR_MISSING_VALUE, "1234567");
  check_copy (NULL, 8, GPG_ERR_MISSING_VALUE, "1234567");
}

/* --- Numbers and hex -------------------------------------------------------------------------- */

static const struct {
  const char *word;
  uint64_t min, max;
  gpg_err_code_t code;
  uint64_t number;
} numbers[] = {
  { "0", 0, 0, 0, 0 },
  { "7", 0, 10, 0, 7 },
  { "10 x", 0, 10, 0, 10 },
  { "10\tx", 0, 10, 0, 10 },
  { "0010", 0, 10, 0, 10 },
  { "11", 0, 10, GPG_ERR_ERANGE, 0 },
  { "4", 5, 10, GPG_ERR_ERANGE, 0 },
  { "18446744073709551615", 0, UINT64_MAX, 0, UINT64_MAX },
  { "18446744073709551616", 0, UINT64_MAX, GPG_ERR_ERANGE, 0 },
  { "18446744073709551625", 0, UINT64_MAX, GPG_ERR_ERANGE, 0 },
  { "36893488147419103232", 0, UINT64_MAX, GPG_ERR_ERANGE, 0 },
  { "99999999999999999999999999", 0, UINT64_MAX, GPG_ERR_ERANGE, 0 },
  { "18446744073709551616x", 0, UINT64_MAX, GPG_ERR_ASS_PARAMETER, 0 },
  { NULL, 0, 10, GPG_ERR_MISSING_VALUE, 0 },
  { "", 0, 10, GPG_ERR_MISSING_VALUE, 0 },
  { " 1", 0, 10, GPG_ERR_MISSING_VALUE, 0 },
  { "+1", 0, 10, GPG_ERR_ASS_PARAMETER, 0 },
  { "-1", 0, 10, GPG_ERR_ASS_PARAMETER, 0 },
  { "1a", 0, 10, GPG_ERR_ASS_PARAMETER, 0 },
  { "0x1", 0, 10, GPG_ERR_ASS_PARAMETER, 0 },
  { "1.0", 0, 10, GPG_ERR_ASS_PARAMETER, 0 },
  { "1\n", 0, 10, GPG_ERR_ASS_PARAMETER, 0 },
};

static void
test_numbers (void **state) {
  (void) state;
  for (size_t i = 0; i < N (numbers); i++) {
    uint64_t number = 99;
    gpg_error_t err = eva_word_number (numbers[i].word, numbers[i].min, numbers[i].max, &number);

    assert_int_equal (gpg_err_code (err), numbers[i].code);
    assert_int_equal (number, numbers[i].code ? 99 : numbers[i].number);
  }
}

/* SIZE octets of room.  EXACT_CODE: if just so many are wanted.  */
static const struct {
  const char *word;
  size_t size;
  gpg_err_code_t code, exact_code;
  const char *octets;
} hexes[] = {
  { "00", 1, 0, 0, "\0" },
  { "0aF9 x", 2, 0, 0, "\x0a\xf9" },
  { "abcdef", 3, 0, 0, "\xab\xcd\xef" },
  { "ABCDEF", 4, 0, GPG_ERR_INV_LENGTH, "\xab\xcd\xef" },
  { "abcdef", 2, GPG_ERR_TOO_LARGE, GPG_ERR_TOO_LARGE, NULL },
  { "abc", 4, GPG_ERR_INV_LENGTH, GPG_ERR_INV_LENGTH, NULL },
  { "a", 4, GPG_ERR_INV_LENGTH, GPG_ERR_INV_LENGTH, NULL },
  { "0x12", 4, GPG_ERR_ASS_PARAMETER, GPG_ERR_ASS_PARAMETER, NULL },
  { "1g", 4, GPG_ERR_ASS_PARAMETER, GPG_ERR_ASS_PARAMETER, NULL },
  { "12%20", 4, GPG_ERR_ASS_PARAMETER, GPG_ERR_ASS_PARAMETER, NULL },
  { "", 4, GPG_ERR_MISSING_VALUE, GPG_ERR_MISSING_VALUE, NULL },
  { NULL, 4, GPG_ERR_MISSING_VALUE, GPG_ERR_MISSING_VALUE, NULL },
};

static void
check_unhex (const char *word, size_t size, gpg_err_code_t code, const char *octets, size_t *len) {
  char buf[4] = "####";

  assert_int_equal (gpg_err_code (eva_word_unhex (word, buf, size, len)), code);
  if (code) assert_memory_equal (buf, "####", 4);
  if (!code) assert_memory_equal (buf, octets, len ? *len : size);
}

static void
test_unhex (void **state) {
  (void) state;
  for (size_t i = 0; i < N (hexes); i++) {
    size_t len = 99;

    check_unhex (hexes[i].word, hexes[i].size, hexes[i].code, hexes[i].octets, &len);
    assert_int_equal (len, hexes[i].code ? 99 : eva_word_len (hexes[i].word) / 2);
    check_unhex (hexes[i].word, hexes[i].size, hexes[i].exact_code, hexes[i].octets, NULL);
  }
}

static void
test_hex (void **state) {
  (void) state;
  char dst[8] = "1234567";

  assert_int_equal (gpg_err_code (eva_hex ("\x0a\xf9", 2, dst, 4)), GPG_ERR_BUFFER_TOO_SHORT);
  assert_int_equal (gpg_err_code (eva_hex ("", SIZE_MAX, dst, 4)), GPG_ERR_BUFFER_TOO_SHORT);
  assert_string_equal (dst, "1234567");
  assert_int_equal (eva_hex ("\x0a\xf9", 2, dst, 5), 0);
  assert_string_equal (dst, "0AF9");
  assert_int_equal (eva_hex ("", 0, dst, 1), 0);
  assert_string_equal (dst, "");
}

/* Each octet comes back.  */
static void
test_hex_of_every_octet (void **state) {
  (void) state;
  unsigned char octets[256], again[256];
  char text[513];

  for (size_t i = 0; i < sizeof octets; i++)
    octets[i] = (unsigned char) i;
  assert_int_equal (eva_hex (octets, sizeof octets, text, sizeof text), 0);
  assert_int_equal (eva_word_unhex (text, again, sizeof again, NULL), 0);
  assert_memory_equal (again, octets, sizeof octets);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_words),         cmocka_unit_test (test_options_are_skipped),
    cmocka_unit_test (test_options),       cmocka_unit_test (test_names),
    cmocka_unit_test (test_missing_words), cmocka_unit_test (test_copies),
    cmocka_unit_test (test_numbers),       cmocka_unit_test (test_unhex),
    cmocka_unit_test (test_hex),           cmocka_unit_test (test_hex_of_every_octet),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}
