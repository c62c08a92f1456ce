/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-format.c - lines put together from a format: every conversion, every length of the buffer,
   and what is no conversion.  */

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "eva-words.h"

/* Checks a result: CODE, and with 0 the line EXPECTED, else nothing but zeros.  */
static void
check (gpg_error_t err, const char *dst, size_t size, gpg_err_code_t code, const char *expected) {
  assert_int_equal (gpg_err_code (err), code);
  assert_true (!err || gpg_err_source (err) == GPG_ERR_SOURCE_ASSUAN);
  if (!code) assert_string_equal (dst, expected);
  for (size_t i = 0; code && i < size; i++)
    assert_int_equal (dst[i], 0);
}

/* The result with just enough room, and with an octet less.  */
#define FORMATS(expected, ...)                                                                     \
  do {                                                                                             \
    char dst[128];                                                                                 \
    size_t len = strlen (expected);                                                                \
                                                                                                   \
    memset (dst, '#', sizeof dst);                                                                 \
    check (eva_format (dst, len + 1, __VA_ARGS__), dst, len + 1, 0, expected);                     \
    assert_int_equal (dst[len + 1], '#');                                                          \
    memset (dst, '#', sizeof dst);                                                                 \
    check (eva_format (dst, len, __VA_ARGS__), dst, len, GPG_ERR_BUFFER_TOO_SHORT, NULL);          \
    assert_int_equal (dst[len], '#');                                                              \
  } while (0)

static void
test_strings (void **state) {
  (void) state;
  FORMATS ("SETDESC a%0Ab 100%25", "SETDESC %s", "a\nb 100%");
  FORMATS ("a b", "%s", "a b");
  FORMATS ("%20a", "%s", " a");
  FORMATS ("PUT a%20b%2B c d+", "PUT %-s %s", "a b+", "c d+");
  FORMATS ("--x=%2D-y", "--x=%-s", "--y");
  FORMATS ("", "%s", "");
  FORMATS ("NOP", "NOP");
  FORMATS ("a b c", "a %s c", "b");
  FORMATS ("ab|ab|a%20|a b|", "%.2s|%.*s|%-.2s|%.*s|%.s", "abc", 2, "abc", "a b", -1, "a b", "abc");
  FORMATS ("a%00%0Ab", "%c%c%c%c", 'a', 0, '\n', 'b');
}

/* A string of which no more than the precision is there.  */
static void
test_precision (void **state) {
  (void) state;
  static const char octets[] = { 'a', 'b' };

  FORMATS ("ab", "%.*s", 2, octets);
  FORMATS ("ab", "%.2s", octets);
  FORMATS ("abc", "%.99999999999999999999s", "abc");
}

static void
test_numbers (void **state) {
  (void) state;
  FORMATS ("0 -1 2147483647 -2147483648", "%d %i %d %d", 0, -1, INT_MAX, INT_MIN);
  FORMATS ("-9223372036854775808 9223372036854775807", "%lld %lld", LLONG_MIN, LLONG_MAX);
  FORMATS ("18446744073709551615 4294967295", "%llu %u", ULLONG_MAX, UINT_MAX);
  FORMATS ("-5 5 6 7", "%ld %lu %zu %zd", -5L, 5ul, (size_t) 6, (ssize_t) 7);
  FORMATS ("ffff FFFF 0 1a2b3c4d5e6f", "%x %X %x %llx", 0xffffu, 0xffffu, 0u, 0x1a2b3c4d5e6fULL);
  FORMATS ("100%", "%d%%", 100);
}

static void
test_no_room (void **state) {
  (void) state;
  char dst[] = "x";

  check (eva_format (dst, 0, "%s", "a"), "", 0, GPG_ERR_BUFFER_TOO_SHORT, NULL);
  assert_string_equal (dst, "x");
}

/* Formats that compilers would complain about.  */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"

static void
check_bad (const char *format, ...) {
  char dst[32];
  va_list ap;

  memset (dst, '#', sizeof dst);
  va_start (ap, format);
  check (eva_vformat (dst, sizeof dst, format, ap), dst, sizeof dst, GPG_ERR_ASS_INV_VALUE, NULL);
  va_end (ap);
}

#pragma GCC diagnostic pop

static void
test_bad_formats (void **state) {
  (void) state;
  static const char *const formats[] = {
    "a %",  "%-",  "%.",  "%.3", "%.*", "%l", "%ll", "%z",  "%5s", "%05u", "%+d",  "%#x",   "%-d",
    "%.3d", "%ls", "%lc", "%p",  "%n",  "%m", "%f",  "%hd", "%jd", "%--s", "%1$s", "%-.-s",
  };

  for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
    check_bad (formats[i], 0, 0);
  check_bad ("%s", (char *) NULL);
  check_bad ("abc %-.*s", 3, (char *) NULL);
}

/* The arguments are still the caller's.  */
static void
GPGRT_ATTR_PRINTF (1, 2) check_twice (const char *format, ...) {
  char dst[32];
  va_list ap;

  va_start (ap, format);
  check (eva_vformat (dst, sizeof dst, format, ap), dst, sizeof dst, 0, "1 a 2");
  check (eva_vformat (dst, sizeof dst, format, ap), dst, sizeof dst, 0, "1 a 2");
  va_end (ap);
}

static void
test_arguments_stay (void **state) {
  (void) state;
  check_twice ("%d %s %zu", 1, "a", (size_t) 2);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_strings),     cmocka_unit_test (test_precision),
    cmocka_unit_test (test_numbers),     cmocka_unit_test (test_no_room),
    cmocka_unit_test (test_bad_formats), cmocka_unit_test (test_arguments_stay),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}
