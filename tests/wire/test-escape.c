/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-escape.c - percent escapes: known vectors, the fill rule, malformed escapes, and the fast
   ways against the plain one at every length, alignment and position of what is special.  */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "eva-conn.h"
#include "random.h"
#include "wire/escape.h"
#include "wire/plain.h"
#include "wire/wide.h"

/* Longer than three vectors, so that whole ones, mixed ones and rests all occur.  */
#define MAX_LEN   80
#define MAX_ALIGN 16

/* What no function may touch.  */
#define GUARD ((char) 0xa5)

/* --- Ways ------------------------------------------------------------------------------------- */

/* The ways to do it that this processor has: that which the library takes, and each of wide.h.  */
struct way {
  bool needs_slack; /* reads behind what it is given, and leaves octets of it behind the result */
  size_t (*escape) (char *dst, size_t fill, const char *src, size_t len, size_t *ret_used);
  size_t (*unescape_to) (char *dst, const char *src, size_t len);
};

#define N_WAYS 3

static size_t
list_ways (struct way ret[N_WAYS]) {
  size_t n = 0;

  ret[n++] = (struct way) { false, eva__wire_escape, eva__wire_unescape_to };
#ifdef EVA__WIRE_WIDE
  ret[n++] = (struct way) { true, eva__wire_sse2.escape, eva__wire_sse2.unescape };
  if (eva__wire_has_avx2 ())
    ret[n++] = (struct way) { true, eva__wire_avx2.escape, eva__wire_avx2.unescape };
#endif
  return n;
}

/* --- Escaping --------------------------------------------------------------------------------- */

struct escape_vector {
  const char *src;
  size_t src_len;
  size_t fill;
  const char *expected;
  size_t used;
};

#define VECTOR(src, fill, expected, used) { src, sizeof (src) - 1, fill, expected, used }

static const struct escape_vector escape_vectors[] = {
  VECTOR ("", 998, "", 0),
  VECTOR ("abc", 998, "abc", 3),
  VECTOR ("%", 998, "%25", 1),
  VECTOR ("\r\n", 998, "%0D%0A", 2),
  VECTOR ("100%\r\nsure", 998, "100%25%0D%0Asure", 10),
  VECTOR ("%41", 998, "%2541", 3),
  VECTOR ("\t\v\f \x7f\x80\xff", 998, "\t\v\f \x7f\x80\xff", 7),
  VECTOR ("sixteen octets..and%more", 998, "sixteen octets..and%25more", 24),
  /* Nothing fits, or it just fits, or an escape goes beyond the fill.  */
  VECTOR ("abc", 0, "", 0),
  VECTOR ("abc", 1, "a", 1),
  VECTOR ("abc", 3, "abc", 3),
  VECTOR ("%%%", 1, "%25", 1),
  VECTOR ("%%%", 3, "%25", 1),
  VECTOR ("%%%", 4, "%25%25", 2),
  VECTOR ("ab%c", 3, "ab%25", 3),
  VECTOR ("ab%c", 2, "ab", 2),
};

static void
test_escape_vectors (void **state) {
  (void) state;
  for (size_t i = 0; i < sizeof escape_vectors / sizeof *escape_vectors; i++) {
    const struct escape_vector *v = &escape_vectors[i];
    char dst[1000 + EVA__WIRE_SLACK];
    size_t used = 99;

    size_t n = eva__wire_escape (dst, v->fill, v->src, v->src_len, &used);
    assert_int_equal (n, strlen (v->expected));
    assert_memory_equal (dst, v->expected, n);
    assert_int_equal (used, v->used);
  }
}

static void
test_escape_keeps_nul (void **state) {
  (void) state;
  char dst[16 + EVA__WIRE_SLACK];
  size_t used;

  assert_int_equal (eva__wire_escape (dst, 14, "a\0b", 3, &used), 3);
  assert_memory_equal (dst, "a\0b", 3);
  assert_int_equal (used, 3);
}

/* Only three octets need an escape; all others stand as they are.  */
static void
test_escape_every_octet (void **state) {
  (void) state;
  for (unsigned int value = 0; value < 256; value++) {
    char src = (char) (unsigned char) value;
    char dst[8 + EVA__WIRE_SLACK];
    char escaped[4];
    size_t used;
    int special = value == '%' || value == '\r' || value == '\n';

    size_t n = eva__wire_escape (dst, 4, &src, 1, &used);
    assert_int_equal (n, special ? 3 : 1);
    snprintf (escaped, sizeof escaped, "%%%02X", value);
    assert_memory_equal (dst, special ? escaped : &src, n);
  }
}

/* Copies the LEN octets at SRC to memory that ends SLACK_LEN octets behind them, so that a sanitizer
   sees every octet too far.  What is slack looks special.  */
static char *
copy_with_slack (const char *src, size_t len, size_t slack_len) {
  char *copy = malloc (len + slack_len ? len + slack_len : 1);

  assert_non_null (copy);
  memset (copy, '%', len + slack_len);
  memcpy (copy, src, len);
  return copy;
}

/* Escapes LEN octets at SRC by WAY up to FILL with the output at alignment ALIGN, and compares with
   the N_PLAIN octets at PLAIN that the plain way makes of PLAIN_USED of them.  */
static void
compare_escape_by (const struct way *way, const char *src, size_t len, size_t fill, size_t align,
                   const char *plain, size_t n_plain, size_t plain_used) {
  char *from = copy_with_slack (src, len, way->needs_slack ? EVA__WIRE_SLACK : 0);
  size_t room = fill + 2 + EVA__WIRE_SLACK, used = 99;
  char *fast = malloc (align + room);

  assert_non_null (fast);
  memset (fast, GUARD, align + room);
  assert_int_equal (way->escape (fast + align, fill, from, len, &used), n_plain);
  assert_int_equal (used, plain_used);
  assert_memory_equal (fast + align, plain, n_plain);

  /* It keeps to its room, and what the library takes leaves no copy of the data behind the
     result.  */
  for (size_t i = 0; i < align; i++)
    assert_int_equal (fast[i], GUARD);
  for (size_t i = align + n_plain; i < align + room && !way->needs_slack; i++)
    assert_true (fast[i] == GUARD || !fast[i]);
  free (fast);
  free (from);
}

/* The same by all ways.  */
static void
compare_escape (const char *src, size_t len, size_t fill, size_t align) {
  char *plain = malloc (fill + 2);
  size_t used = 98, n = eva__wire_escape_plain (plain, fill, src, len, &used);
  struct way ways[N_WAYS];

  for (size_t i = 0, n_ways = list_ways (ways); i < n_ways; i++)
    compare_escape_by (&ways[i], src, len, fill, align, plain, n, used);
  free (plain);
}

/* One or two special octets at every place of every length.  */
static void
test_escape_every_position (void **state) {
  (void) state;
  static const char specials[] = { '%', '\r', '\n' };
  char src[40];

  for (size_t len = 1; len <= sizeof src; len++)
    for (size_t first = 0; first < len; first++)
      for (size_t second = first; second < len; second++) {
        memset (src, 'x', len);
        src[first] = specials[(first + second) % 3];
        src[second] = specials[second % 3];
        for (size_t fill = len - 1; fill <= len + 4; fill++)
          compare_escape (src, len, fill, 0);
      }
}

/* Fills BUF with LEN octets, of which one in DENSITY is special.  */
static void
fill_random (char *buf, size_t len, size_t density, uint64_t *seed) {
  for (size_t i = 0; i < len; i++)
    buf[i] = random_below (seed, density) ? (char) (unsigned char) random_below (seed, 256)
                                          : "%\r\n"[random_below (seed, 3)];
}

static void
test_escape_random (void **state) {
  (void) state;
  char src[MAX_ALIGN + MAX_LEN];
  uint64_t seed = 1;

  for (size_t len = 0; len <= MAX_LEN; len++)
    for (size_t src_align = 0; src_align < MAX_ALIGN; src_align++)
      for (size_t dst_align = 0; dst_align < MAX_ALIGN; dst_align++) {
        fill_random (src + src_align, len, 1 + random_below (&seed, 30), &seed);
        compare_escape (src + src_align, len, random_below (&seed, 3 * MAX_LEN + 1), dst_align);
      }
}

/* Whole lines, of data that are anything from dense to clean, and shorter than a line or longer.  */
static void
test_escape_lines (void **state) {
  (void) state;
  char src[1300];
  uint64_t seed = 6;

  for (size_t len = 90; len <= sizeof src; len += len < 300 ? 1 : 9)
    for (size_t density = 1; density <= 400; density = density * 5 / 3 + 1) {
      fill_random (src, len, density, &seed);
      compare_escape (src, len, EVA__WIRE_DATA_FILL - 2, density % MAX_ALIGN);
    }
}

/* Runs of every length between special octets.  */
static void
test_escape_runs (void **state) {
  (void) state;
  char src[1100];

  for (size_t run = 0; run < 300; run++) {
    memset (src, 'x', sizeof src);
    for (size_t at = run; at < sizeof src; at += run + 1)
      src[at] = '\n';
    for (size_t fill = EVA__WIRE_DATA_FILL - 9; fill <= EVA__WIRE_DATA_FILL; fill++)
      compare_escape (src, sizeof src, fill, 0);
    compare_escape (src, run + 200, EVA__WIRE_DATA_FILL, 0);
  }
}

/* With "D " in front, a line has 998 to 1000 octets as long as there are data: never less, as
   peers expect full lines, and never more, as that would be over the limit.  */
static void
test_escape_fills_lines (void **state) {
  (void) state;
  char src[1200];
  char line[1000 + EVA__WIRE_SLACK];
  uint64_t seed = 2;
  int n_seen[3] = { 0 };

  for (int i = 0; i < 3000; i++) {
    size_t used;

    fill_random (src, sizeof src, 1 + random_below (&seed, 100), &seed);
    size_t len = 2 + eva__wire_escape (line + 2, EVA__WIRE_DATA_FILL - 2, src, sizeof src, &used);
    assert_in_range (len, 998, 1000);
    n_seen[len - 998]++;
  }
  /* All of them occur, so the longest line was written, too.  */
  for (int i = 0; i < 3; i++)
    assert_int_not_equal (n_seen[i], 0);
}

/* --- Unescaping ------------------------------------------------------------------------------- */

struct unescape_vector {
  const char *text;
  size_t text_len;
  const char *expected;
  size_t expected_len;
  int strict_rc;
};

#define GOOD(text, expected) { text, sizeof (text) - 1, expected, sizeof (expected) - 1, 0 }
#define BAD(text, expected)                                                                        \
  { text, sizeof (text) - 1, expected, sizeof (expected) - 1, EVA_E_ESCAPE }

static const struct unescape_vector unescape_vectors[] = {
  GOOD ("", ""),
  GOOD ("abc", "abc"),
  GOOD ("%25", "%"),
  GOOD ("%0D%0A", "\r\n"),
  GOOD ("%0d%0a", "\r\n"),
  GOOD ("%aF%Fa%ff%FF", "\xaf\xfa\xff\xff"),
  GOOD ("%00", "\0"),
  GOOD ("a%00b", "a\0b"),
  GOOD ("a\0%62\0", "a\0b\0"),
  GOOD ("%2541", "%41"),
  GOOD ("100%25 sure", "100% sure"),
  GOOD ("octets: 0123456789abcdef%30%31", "octets: 0123456789abcdef01"),
  /* Malformed at the end: what would be behind it is not looked at.  */
  BAD ("%", "%"),
  BAD ("a%", "a%"),
  BAD ("%4", "%4"),
  BAD ("a%4", "a%4"),
  BAD ("%%", "%%"),
  BAD ("0123456789abcde%", "0123456789abcde%"),
  BAD ("0123456789abcd%4", "0123456789abcd%4"),
  BAD ("0123456789abcdef%", "0123456789abcdef%"),
  BAD ("0123456789abcdef%4", "0123456789abcdef%4"),
  BAD ("%41%4", "A%4"),
  /* Malformed within: the `%` stands for itself, and what follows is looked at anew.  */
  BAD ("100% sure", "100% sure"),
  BAD ("%zz", "%zz"),
  BAD ("%4z", "%4z"),
  BAD ("%z4", "%z4"),
  BAD ("%%41", "%A"),
  BAD ("%4%41", "%4A"),
  BAD ("%/0%:0%@0%G0%`0%g0", "%/0%:0%@0%G0%`0%g0"),
  BAD ("%0/%0:%0@%0G%0`%0g", "%0/%0:%0@%0G%0`%0g"),
  BAD ("% 41%+4%-1%0x", "% 41%+4%-1%0x"),
  BAD ("%4\0", "%4\0"),
  BAD ("%41%%%42", "A%%B"),
};

/* The malformed ones are followed by hex digits in the buffer, which are not part of the text.  */
static void
check_unescape (const struct unescape_vector *v) {
  char buf[64];
  size_t len = 99;

  memset (buf, '1', sizeof buf);
  memcpy (buf, v->text, v->text_len);
  assert_int_equal (eva__wire_unescape (buf, v->text_len, false, &len), 0);
  assert_int_equal (len, v->expected_len);
  assert_memory_equal (buf, v->expected, len);
  assert_int_equal (buf[v->text_len], '1');

  memset (buf, '1', sizeof buf);
  memcpy (buf, v->text, v->text_len);
  len = 99;
  assert_int_equal (eva__wire_unescape (buf, v->text_len, true, &len), v->strict_rc);
  assert_int_equal (len, v->strict_rc ? 99 : v->expected_len);
  assert_memory_equal (buf, v->strict_rc ? v->text : v->expected,
                       v->strict_rc ? v->text_len : v->expected_len);
}

static void
test_unescape_vectors (void **state) {
  (void) state;
  for (size_t i = 0; i < sizeof unescape_vectors / sizeof *unescape_vectors; i++)
    check_unescape (&unescape_vectors[i]);
}

static void
test_unescape_every_octet (void **state) {
  (void) state;
  for (unsigned int value = 0; value < 256; value++)
    for (size_t i = 0; i < 2; i++) {
      char buf[4];
      size_t len;

      snprintf (buf, sizeof buf, i ? "%%%02X" : "%%%02x", value);
      assert_int_equal (eva__wire_unescape (buf, 3, true, &len), 0);
      assert_int_equal (len, 1);
      assert_int_equal ((unsigned char) buf[0], value);
    }
}

/* A passphrase must not stay behind its own end.  */
static void
test_unescape_wipes (void **state) {
  (void) state;
  static const char zeros[24];
  char buf[] = "secret%20secret%20secret%20%41%42%43";
  size_t len;

  assert_int_equal (eva__wire_unescape (buf, sizeof buf - 1, false, &len), 0);
  assert_int_equal (len, sizeof "secret secret secret ABC" - 1);
  assert_memory_equal (buf + len, zeros, sizeof buf - 1 - len);
}

/* Unescapes LEN octets at SRC in place at alignment ALIGN, and compares with what the plain way to
   somewhere else gives.  */
static void
compare_unescape (const char *src, size_t len, size_t align, bool strict) {
  char buf[MAX_ALIGN + MAX_LEN + 1];
  char plain[MAX_LEN + 1] = { 0 };
  size_t buf_len = 99, plain_len = eva__wire_unescape_to_plain (plain, src, len);
  bool is_refused = strict && eva__wire_has_malformed (src, len);

  memset (buf, GUARD, sizeof buf);
  memcpy (buf + align, src, len);
  assert_int_equal (eva__wire_unescape (buf + align, len, strict, &buf_len),
                    is_refused ? EVA_E_ESCAPE : 0);
  assert_int_equal (buf_len, is_refused ? 99 : plain_len);
  assert_memory_equal (buf + align, is_refused ? src : plain, len); /* zeros behind the result */

  for (size_t i = 0; i < align; i++)
    assert_int_equal (buf[i], GUARD);
  assert_int_equal (buf[align + len], GUARD);
}

/* Fills BUF with LEN octets of what an unescape has to look at closely.  */
static void
fill_percents (char *buf, size_t len, size_t density, uint64_t *seed) {
  static const char interesting[] = "%%%%0123456789abcdefABCDEFgG";

  for (size_t i = 0; i < len; i++)
    buf[i] =
        random_below (seed, density) ? 'x' : interesting[random_below (seed, sizeof interesting)];
}

static void
test_unescape_random (void **state) {
  (void) state;
  char src[MAX_LEN];
  uint64_t seed = 3;

  for (size_t len = 0; len <= MAX_LEN; len++)
    for (size_t align = 0; align < MAX_ALIGN; align++)
      for (size_t density = 1; density <= 16; density++) {
        fill_percents (src, len, density, &seed);
        compare_unescape (src, len, align, false);
        compare_unescape (src, len, align, true);
      }
}

/* One or two escapes, the second of them possibly cut off, at every place of every length.  */
static void
test_unescape_every_position (void **state) {
  (void) state;
  char src[40];

  for (size_t len = 1; len <= sizeof src; len++)
    for (size_t first = 0; first < len; first++)
      for (size_t second = first; second < len; second++) {
        memset (src, '4', len);
        src[first] = src[second] = '%';
        compare_unescape (src, len, 0, false);
        compare_unescape (src, len, 0, true);
      }
}

/* --- Unescaping to somewhere else --------------------------------------------------------------- */

/* Unescapes LEN octets at SRC by WAY, to memory that ends where it may end and from memory that
   does, and compares with the PLAIN_LEN octets at PLAIN.  Then the same to as little in front of SRC
   as may be.  */
static void
compare_unescape_to_by (const struct way *way, const char *src, size_t len, const char *plain,
                        size_t plain_len) {
  char *fast = malloc (len + EVA__WIRE_SLACK), *both = malloc (len + 2 * EVA__WIRE_SLACK);
  char *from = copy_with_slack (src, len, EVA__WIRE_SLACK);

  assert_true (fast && both);
  assert_int_equal (way->unescape_to (fast, from, len), plain_len);
  assert_memory_equal (fast, plain, plain_len);
  assert_memory_equal (from, src, len);
  memcpy (both + EVA__WIRE_SLACK, from, len + EVA__WIRE_SLACK);
  assert_int_equal (way->unescape_to (both, both + EVA__WIRE_SLACK, len), plain_len);
  assert_memory_equal (both, plain, plain_len);
  free (fast);
  free (both);
  free (from);
}

static void
compare_unescape_to (const char *src, size_t len) {
  char *plain = malloc (len + 1);
  size_t plain_len = eva__wire_unescape_to_plain (plain, src, len);
  struct way ways[N_WAYS];

  for (size_t i = 0, n_ways = list_ways (ways); i < n_ways; i++)
    compare_unescape_to_by (&ways[i], src, len, plain, plain_len);
  free (plain);
}

/* The plain way, too, against what is known.  */
static void
test_unescape_to_vectors (void **state) {
  (void) state;
  for (size_t i = 0; i < sizeof unescape_vectors / sizeof *unescape_vectors; i++) {
    const struct unescape_vector *v = &unescape_vectors[i];
    char buf[200];
    assert_int_equal (eva__wire_unescape_to_plain (buf, v->text, v->text_len), v->expected_len);
    assert_memory_equal (buf, v->expected, v->expected_len);
    compare_unescape_to (v->text, v->text_len);
  }
}

static void
test_unescape_to_random (void **state) {
  (void) state;
  char src[EVA_LINE_SIZE];
  uint64_t seed = 5;

  for (size_t len = 0; len <= sizeof src; len += len < 300 ? 1 : 7)
    for (size_t density = 1; density <= 200; density = density * 5 / 3 + 1) {
      fill_percents (src, len, density, &seed);
      compare_unescape_to (src, len);
    }
}

/* Runs of every length between escapes, of which some are cut off.  */
static void
test_unescape_to_runs (void **state) {
  (void) state;
  char src[900];

  for (size_t run = 0; run < 300; run++)
    for (size_t len = run; len < run + 5 && len < sizeof src; len++) {
      memset (src, '7', sizeof src);
      for (size_t at = run; at < sizeof src; at += run + 3)
        src[at] = '%';
      compare_unescape_to (src, len);
      compare_unescape_to (src, sizeof src);
    }
}

/* What was escaped comes back, whatever it is and wherever lines end.  */
static void
test_round_trip (void **state) {
  (void) state;
  char src[1200];
  char line[EVA_LINE_MAX + EVA__WIRE_SLACK];
  uint64_t seed = 4;

  for (int i = 0; i < 1000; i++) {
    size_t used;
    size_t len;
    size_t src_len = random_below (&seed, sizeof src);

    fill_random (src, src_len, 1 + random_below (&seed, 50), &seed);
    size_t n = eva__wire_escape (line, EVA__WIRE_DATA_FILL, src, src_len, &used);
    assert_null (memchr (line, '\n', n));
    assert_null (memchr (line, '\r', n));
    assert_int_equal (eva__wire_unescape (line, n, true, &len), 0);
    assert_int_equal (len, used);
    assert_memory_equal (line, src, len);
  }
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_escape_vectors),      cmocka_unit_test (test_escape_keeps_nul),
    cmocka_unit_test (test_escape_every_octet),  cmocka_unit_test (test_escape_every_position),
    cmocka_unit_test (test_escape_random),       cmocka_unit_test (test_escape_lines),
    cmocka_unit_test (test_escape_runs),         cmocka_unit_test (test_escape_fills_lines),
    cmocka_unit_test (test_unescape_vectors),    cmocka_unit_test (test_unescape_every_octet),
    cmocka_unit_test (test_unescape_wipes),      cmocka_unit_test (test_unescape_random),
    cmocka_unit_test (test_unescape_to_vectors), cmocka_unit_test (test_unescape_to_random),
    cmocka_unit_test (test_unescape_to_runs),    cmocka_unit_test (test_unescape_every_position),
    cmocka_unit_test (test_round_trip),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}
