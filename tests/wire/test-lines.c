/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-lines.c - octets into lines: every kind of line end, the length limit to the octet,
   over-long and endless lines; the same result however the input is split; nothing left behind;
   each octet scanned once.

   A reader below feeds input in pieces and writes down what comes out, `[line]` for a line and
   `!` for an over-long one.  After each step it checks that only octets that still wait are in
   the buffer.  */

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
#include "wire/lines.h"

/* Octets of the reader's buffer unless a test chooses: small, so that what waits has to be moved
   often.  */
#define SMALL_BUFFER (EVA_LINE_SIZE + 30)

/* --- The cost: octets that were searched, counted by standing in for memchr ------------------- */

void *__real_memchr (const void *s, int c, size_t n);
void *__wrap_memchr (const void *s, int c, size_t n);

static size_t n_searched;

void *
__wrap_memchr (const void *s, int c, size_t n) {
  const char *hit = __real_memchr (s, c, n);

  n_searched += hit ? (size_t) (hit - (const char *) s) + 1 : n;
  return (void *) (uintptr_t) hit;
}

/* --- The reader ------------------------------------------------------------------------------- */

struct reader {
  struct eva__wire_lines lines;
  char *log; /* what came out */
  size_t log_len;
  size_t log_size;
};

static void
reader_init (struct reader *r, size_t size) {
  memset (r, 0, sizeof *r);
  r->lines.base = calloc (1, size);
  r->lines.size = (uint32_t) size;
  r->log_size = 1 << 16;
  r->log = malloc (r->log_size);
  assert_non_null (r->lines.base);
  assert_non_null (r->log);
}

static void
reader_deinit (struct reader *r) {
  free (r->lines.base);
  free (r->log);
}

static void
reader_log (struct reader *r, const char *text, size_t len) {
  assert_true (r->log_len + len <= r->log_size);
  memcpy (r->log + r->log_len, text, len);
  r->log_len += len;
}

static void
assert_zeros (const char *buf, size_t len) {
  size_t n_zeros = 0;

  while (n_zeros < len && !buf[n_zeros])
    n_zeros++;
  assert_int_equal (n_zeros, len);
}

/* All that does not wait was a secret and must be gone.  */
static void
assert_wiped (const struct reader *r) {
  const struct eva__wire_lines *l = &r->lines;

  assert_true (l->head <= l->scan && l->scan <= l->tail && l->tail <= l->size);
  assert_zeros (l->base, l->head);
  assert_zeros (l->base + l->tail, l->size - l->tail);
  if (l->head == l->tail) assert_int_equal (l->tail, 0); /* the owner may take the buffer back */
}

/* Takes every line that is there, and spoils each of them before it is used up, as a command
   handler may that cuts its arguments in place.  */
static void
reader_drain (struct reader *r) {
  char *line;
  char *again;
  size_t len;
  int rc;

  while ((rc = eva__wire_lines_peek (&r->lines, &line, &len))) {
    if (rc > 0) {
      assert_int_equal (eva__wire_lines_peek (&r->lines, &again, NULL), 1);
      assert_ptr_equal (again, line);
      assert_int_equal (line[len], 0);
      reader_log (r, "[", 1);
      reader_log (r, line, len);
      reader_log (r, "]", 1);
      memset (line, 'X', len);
    } else {
      assert_int_equal (rc, EVA_E_LINE_TOO_LONG);
      assert_int_equal (eva__wire_lines_peek (&r->lines, NULL, NULL), EVA_E_LINE_TOO_LONG);
      reader_log (r, "!", 1);
    }
    eva__wire_lines_consume (&r->lines);
    assert_wiped (r);
  }
  /* Half a line waits at the most, and nothing of one that is skipped.  */
  assert_true (eva__wire_lines_waiting (&r->lines) < EVA_LINE_SIZE);
}

/* Feeds LEN octets at INPUT as one read would bring them, in several rounds if the room is
   short.  */
static void
reader_feed (struct reader *r, const char *input, size_t len) {
  while (len) {
    size_t n = eva__wire_lines_room (&r->lines);

    assert_wiped (r);
    assert_int_not_equal (n, 0);
    if (n > len) n = len;
    memcpy (r->lines.base + r->lines.tail, input, n);
    r->lines.tail += (uint32_t) n;
    input += n;
    len -= n;
    reader_drain (r);
  }
}

/* --- Tables ----------------------------------------------------------------------------------- */

struct conversation {
  const char *input;
  size_t len;
  const char *expected; /* the log */
  size_t expected_len;
  size_t rest; /* octets that wait at the end */
};

#define CASE(input, expected, rest)                                                                \
  { input, sizeof (input) - 1, expected, sizeof (expected) - 1, rest }

static const struct conversation conversations[] = {
  CASE ("", "", 0),
  CASE ("NOP\n", "[NOP]", 0),
  CASE ("\n", "[]", 0),
  CASE ("\n\n\n", "[][][]", 0),
  CASE ("a\nbc\n\nd\n", "[a][bc][][d]", 0),
  CASE ("no end", "", 6),
  CASE ("a\nno end", "[a]", 6),
  /* One CR belongs to the line end, all others to the line.  */
  CASE ("NOP\r\n", "[NOP]", 0),
  CASE ("\r\n", "[]", 0),
  CASE ("\r\r\n", "[\r]", 0),
  CASE ("a\r\r\nb\n", "[a\r][b]", 0),
  CASE ("a\rb\n", "[a\rb]", 0),
  CASE ("\ra\n", "[\ra]", 0),
  CASE ("a\n\rb\n", "[a][\rb]", 0),
  CASE ("a\r", "", 2),
  CASE ("a\r\n\r\nb\r\n", "[a][][b]", 0),
  /* NULs are octets like others.  */
  CASE ("\0\n", "[\0]", 0),
  CASE ("a\0b\nc\0\n\0", "[a\0b][c\0]", 1),
  CASE ("D \0\r\n", "[D \0]", 0),
  CASE ("\x80\xff\n", "[\x80\xff]", 0),
};

/* Checks the result of feeding V, whose input ended just now.  */
static void
assert_outcome (const struct reader *r, const struct conversation *v) {
  assert_int_equal (r->log_len, v->expected_len);
  assert_memory_equal (r->log, v->expected, v->expected_len);
  assert_int_equal (eva__wire_lines_waiting (&r->lines), v->rest);
}

/* Feeds V in pieces that end at the N offsets in ENDS.  */
static void
check_split (const struct conversation *v, const size_t *ends, size_t n, size_t size) {
  struct reader r;
  size_t from = 0;

  reader_init (&r, size);
  for (size_t i = 0; i < n; i++) {
    reader_feed (&r, v->input + from, ends[i] - from);
    from = ends[i];
  }
  reader_feed (&r, v->input + from, v->len - from);
  assert_outcome (&r, v);
  reader_deinit (&r);
}

static void
check_whole (const struct conversation *v) {
  check_split (v, NULL, 0, EVA_INPUT_SIZE);
}

static void
check_octets (const struct conversation *v) {
  struct reader r;

  reader_init (&r, SMALL_BUFFER);
  for (size_t i = 0; i < v->len; i++)
    reader_feed (&r, v->input + i, 1);
  assert_outcome (&r, v);
  reader_deinit (&r);
}

static void
test_table (void **state) {
  (void) state;
  for (size_t i = 0; i < sizeof conversations / sizeof *conversations; i++) {
    const struct conversation *v = &conversations[i];

    check_whole (v);
    check_octets (v);
    for (size_t at = 0; at <= v->len; at++)
      check_split (v, &at, 1, SMALL_BUFFER);
  }
}

/* --- The limit -------------------------------------------------------------------------------- */

/* Makes a conversation of a line of N_CONTENT octets with line end END, and a short line behind
   it.  */
static void
make_long_line (struct conversation *v, char *input, size_t n_content, const char *end) {
  memset (input, 'x', n_content);
  snprintf (input + n_content, 16, "%sNOP\n", end);
  v->input = input;
  v->len = strlen (input);
  v->rest = 0;
}

/* Checks that such a line comes out whole, or if not OK, is reported once and skipped.  */
static void
check_length (size_t n_content, const char *end, int ok) {
  struct conversation v;
  char *input = malloc (n_content + 16);
  char *expected = malloc (n_content + 16);

  make_long_line (&v, input, n_content, end);
  v.expected = expected;
  v.expected_len = (size_t) (ok ? sprintf (expected, "[%.*s][NOP]", (int) n_content, input)
                                : sprintf (expected, "![NOP]"));
  check_whole (&v);
  check_octets (&v);
  free (input);
  free (expected);
}

/* 1000 octets are what a line may have, and 1001 pass if there is no CR: it is the 1002 octets
   of the whole line that count, as they always did.  */
static void
test_limit (void **state) {
  (void) state;
  check_length (999, "\n", 1);
  check_length (1000, "\n", 1);
  check_length (1001, "\n", 1);
  check_length (1002, "\n", 0);
  check_length (1003, "\n", 0);
  check_length (999, "\r\n", 1);
  check_length (1000, "\r\n", 1);
  check_length (1001, "\r\n", 0);
  check_length (1002, "\r\n", 0);
  check_length (5000, "\n", 0);
  check_length (EVA_INPUT_SIZE - 1, "\n", 0);
  check_length (EVA_INPUT_SIZE, "\n", 0);
  check_length (50000, "\r\n", 0);
}

static void
test_limit_every_split (void **state) {
  (void) state;
  static const struct {
    size_t n_content;
    const char *end;
    const char *outcome;
  } cases[] = {
    { 1001, "\n", "]" }, { 1000, "\r\n", "]" }, { 1002, "\n", "!" }, { 1900, "\r\n", "!" }
  };
  char input[2000];
  char expected[2000];

  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct conversation v;

    make_long_line (&v, input, cases[i].n_content, cases[i].end);
    v.expected = expected;
    v.expected_len =
        (size_t) (*cases[i].outcome == '!'
                      ? sprintf (expected, "![NOP]")
                      : sprintf (expected, "[%.*s][NOP]", (int) cases[i].n_content, input));
    for (size_t at = 0; at <= v.len; at++)
      check_split (&v, &at, 1, SMALL_BUFFER);
  }
}

/* What has come of the rest is gone as soon as the error is used up, not at the next look
   again.  */
static void
test_long_line_leaves_nothing (void **state) {
  (void) state;
  static char buf[2 * EVA_LINE_SIZE];
  struct eva__wire_lines l = { .base = buf, .size = sizeof buf };

  memset (buf, 'x', sizeof buf);
  l.tail = sizeof buf;
  assert_int_equal (eva__wire_lines_peek (&l, NULL, NULL), EVA_E_LINE_TOO_LONG);
  eva__wire_lines_consume (&l);
  assert_int_equal (eva__wire_lines_waiting (&l), 0);
  assert_zeros (buf, sizeof buf);
}

/* Two over-long lines are two errors, with the good line between them kept.  */
static void
test_two_long_lines (void **state) {
  (void) state;
  static char input[4200];

  memset (input, 'x', sizeof input);
  memcpy (input + 2000, "\nok\n", 4);
  input[sizeof input - 1] = '\n';
  check_octets (&(struct conversation) { input, sizeof input, "![ok]!", 6, 0 });
  check_whole (&(struct conversation) { input, sizeof input, "![ok]!", 6, 0 });
}

/* A line that never ends is one error, and costs no memory however long it goes on.  */
static void
test_endless_line (void **state) {
  (void) state;
  static char piece[1000];
  struct reader r;

  memset (piece, 'x', sizeof piece);
  reader_init (&r, SMALL_BUFFER);
  for (int i = 0; i < 1000; i++) {
    reader_feed (&r, piece, sizeof piece);
    if (i > 0) assert_int_equal (eva__wire_lines_waiting (&r.lines), 0);
  }
  reader_feed (&r, "end\nNOP\n", 8);
  assert_int_equal (r.log_len, 6);
  assert_memory_equal (r.log, "![NOP]", 6);
  reader_deinit (&r);
}

/* --- Random splits ---------------------------------------------------------------------------- */

/* Appends a line that depends on SEED to INPUT, and what it leads to to EXPECTED.  */
static void
append_random_line (struct conversation *v, char *input, char *expected, uint64_t *seed) {
  static const size_t lengths[] = { 0, 1, 5, 80, 999, 1000, 1001, 1002, 3000 };
  size_t len = lengths[random_below (seed, sizeof lengths / sizeof *lengths)];
  size_t has_cr = random_below (seed, 2);
  char *line = input + v->len;

  for (size_t i = 0; i < len; i++)
    line[i] = (char) ('a' + random_below (seed, 26));
  memcpy (line + len, has_cr ? "\r\n" : "\n", 1 + has_cr);
  v->len += len + 1 + has_cr;

  char *p = expected + v->expected_len;
  v->expected_len +=
      (size_t) (len + 1 + has_cr <= EVA_LINE_SIZE ? sprintf (p, "[%.*s]", (int) len, line)
                                                  : sprintf (p, "!"));
}

static int
compare_sizes (const void *a, const void *b) {
  size_t x = *(const size_t *) a;
  size_t y = *(const size_t *) b;

  return (x > y) - (x < y);
}

static void
test_random_splits (void **state) {
  (void) state;
  static char input[50000];
  static char expected[50000];
  uint64_t seed = 1;

  for (int i = 0; i < 1000; i++) {
    struct conversation v = { .input = input, .expected = expected };
    size_t ends[20];
    size_t n_ends = random_below (&seed, 20);

    for (size_t k = random_below (&seed, 12); k > 0; k--)
      append_random_line (&v, input, expected, &seed);
    for (size_t k = 0; k < n_ends; k++)
      ends[k] = random_below (&seed, v.len + 1);
    qsort (ends, n_ends, sizeof *ends, compare_sizes);
    check_split (&v, ends, n_ends, EVA_LINE_SIZE + random_below (&seed, 3 * EVA_LINE_SIZE));
  }
}

/* --- Cost ------------------------------------------------------------------------------------- */

static void
assert_scanned_once (size_t size, size_t step) {
  static char input[100000];
  struct reader r;

  memset (input, 'x', sizeof input);
  for (size_t i = 900; i < sizeof input / 2; i += 901)
    input[i] = '\n'; /* the second half is one over-long line */
  reader_init (&r, size);
  n_searched = 0;
  for (size_t i = 0; i < sizeof input; i += step)
    reader_feed (&r, input + i, step);
  assert_int_equal (n_searched, sizeof input);
  reader_deinit (&r);
}

/* However slowly the octets come in: else a peer could make us scan each line a thousand times.  */
static void
test_each_octet_scanned_once (void **state) {
  (void) state;
  assert_scanned_once (EVA_INPUT_SIZE, 10000);
  assert_scanned_once (EVA_INPUT_SIZE, 100);
  assert_scanned_once (EVA_INPUT_SIZE, 1);
  assert_scanned_once (SMALL_BUFFER, 1);
}

/* --- The other functions ---------------------------------------------------------------------- */

static void
put (struct eva__wire_lines *l, const char *text) {
  memcpy (l->base + l->tail, text, strlen (text));
  l->tail += (uint32_t) strlen (text);
}

static void
test_empty_window (void **state) {
  (void) state;
  struct eva__wire_lines l = { 0 };
  char *line = NULL;
  size_t len = 99;

  assert_int_equal (eva__wire_lines_peek (&l, &line, &len), 0);
  assert_null (line);
  assert_int_equal (len, 99);
  assert_int_equal (eva__wire_lines_room (&l), 0);
  assert_int_equal (eva__wire_lines_waiting (&l), 0);
  eva__wire_lines_consume (&l);
  eva__wire_lines_clear (&l);
  assert_int_equal (eva__wire_lines_peek (&l, NULL, NULL), 0);
}

static void
test_consume_needs_peek (void **state) {
  (void) state;
  char buf[32] = "";
  struct eva__wire_lines l = { .base = buf, .size = sizeof buf };

  put (&l, "A\nB\n");
  eva__wire_lines_consume (&l);
  assert_int_equal (eva__wire_lines_waiting (&l), 4);
  assert_int_equal (eva__wire_lines_peek (&l, NULL, NULL), 1);
  assert_int_equal (eva__wire_lines_waiting (&l), 4);
  eva__wire_lines_consume (&l);
  eva__wire_lines_consume (&l);
  assert_int_equal (eva__wire_lines_waiting (&l), 2);
}

/* What was said before must not be taken for what comes after a clear, nor stay in memory.  */
static void
test_clear (void **state) {
  (void) state;
  static const char *const texts[] = { "half", "a\nb\nc", "a\n" };
  char buf[2 * EVA_LINE_SIZE] = "";
  char *line;

  for (size_t i = 0; i < 3; i++)
    for (int peeked = 0; peeked < 2; peeked++) {
      struct eva__wire_lines l = { .base = buf, .size = sizeof buf };

      put (&l, texts[i]);
      if (peeked) eva__wire_lines_peek (&l, NULL, NULL);
      eva__wire_lines_clear (&l);
      assert_zeros (buf, sizeof buf);
      assert_int_equal (eva__wire_lines_waiting (&l), 0);
      assert_int_equal (eva__wire_lines_room (&l), sizeof buf);
      assert_int_equal (eva__wire_lines_peek (&l, NULL, NULL), 0);
      put (&l, "NOP\n");
      assert_int_equal (eva__wire_lines_peek (&l, &line, NULL), 1);
      assert_string_equal (line, "NOP");
      eva__wire_lines_clear (&l);
    }
}

/* A clear in the middle of an over-long line, reported or not, ends the skipping, too.  */
static void
test_clear_long_line (void **state) {
  (void) state;
  char buf[2 * EVA_LINE_SIZE] = "";
  char *line;

  for (int consumed = 0; consumed < 2; consumed++) {
    struct eva__wire_lines l = { .base = buf, .size = sizeof buf };

    memset (buf, 'x', EVA_LINE_SIZE);
    l.tail = EVA_LINE_SIZE;
    assert_int_equal (eva__wire_lines_peek (&l, NULL, NULL), EVA_E_LINE_TOO_LONG);
    if (consumed) eva__wire_lines_consume (&l);
    eva__wire_lines_clear (&l);
    assert_zeros (buf, sizeof buf);
    put (&l, "NOP\n");
    assert_int_equal (eva__wire_lines_peek (&l, &line, NULL), 1);
    assert_string_equal (line, "NOP");
    eva__wire_lines_clear (&l);
  }
}

/* The room that a used-up line leaves is given out again, and what waits keeps its meaning.  */
static void
test_room (void **state) {
  (void) state;
  char buf[12] = "";
  struct eva__wire_lines l = { .base = buf, .size = sizeof buf };
  char *line;
  size_t len;

  assert_int_equal (eva__wire_lines_room (&l), 12);
  put (&l, "one\ntwo\r\nthr");
  assert_int_equal (eva__wire_lines_room (&l), 0);
  assert_int_equal (eva__wire_lines_peek (&l, NULL, NULL), 1);
  assert_int_equal (eva__wire_lines_room (&l), 0);
  eva__wire_lines_consume (&l);

  /* The second line was seen when it moves.  */
  assert_int_equal (eva__wire_lines_peek (&l, NULL, NULL), 1);
  assert_int_equal (eva__wire_lines_room (&l), 4);
  assert_int_equal (eva__wire_lines_peek (&l, &line, &len), 1);
  assert_string_equal (line, "two");
  assert_int_equal (len, 3);
  put (&l, "ee");
  eva__wire_lines_consume (&l);
  assert_int_equal (eva__wire_lines_peek (&l, NULL, NULL), 0);
  assert_int_equal (eva__wire_lines_room (&l), 7);
  put (&l, "\n");
  assert_int_equal (eva__wire_lines_peek (&l, &line, &len), 1);
  assert_string_equal (line, "three");
}

/* What waits moves to another buffer, whatever was seen of it, and nothing stays behind.  */
static void
test_move (void **state) {
  static const struct {
    const char *waits, *then, *log;
    int n_peeked;
  } cases[] = {
    { "one\ntwo\r\nthr", "ee\n", "[one][two][three]", 0 },
    { "one\ntwo\r\nthr", "ee\n", "[two][three]", 1 },
    { "o", "ne\n", "[one]", 0 },
    { "", "one\n", "[one]", 0 },
  };

  (void) state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    for (int seen = 0; seen < 2; seen++) {
      char old[40] = "", *new = calloc (1, 100);
      struct reader r;

      reader_init (&r, 1);
      free (r.lines.base);
      r.lines = (struct eva__wire_lines) { .base = old, .size = sizeof old };
      put (&r.lines, cases[i].waits);
      for (int n = 0; n < cases[i].n_peeked; n++) {
        eva__wire_lines_peek (&r.lines, NULL, NULL);
        eva__wire_lines_consume (&r.lines);
      }
      if (seen) eva__wire_lines_peek (&r.lines, NULL, NULL);
      eva__wire_lines_move (&r.lines, new, 100);
      assert_zeros (old, sizeof old);
      assert_ptr_equal (r.lines.base, new);
      assert_int_equal (r.lines.head, 0);
      assert_int_equal (eva__wire_lines_room (&r.lines), 100 - eva__wire_lines_waiting (&r.lines));
      put (&r.lines, cases[i].then);
      reader_drain (&r);
      assert_int_equal (r.log_len, strlen (cases[i].log));
      assert_memory_equal (r.log, cases[i].log, r.log_len);
      reader_deinit (&r);
    }
}

/* A line of the greatest length fits into a buffer of just that size.  */
static void
test_smallest_buffer (void **state) {
  (void) state;
  static char input[2 * EVA_LINE_SIZE];
  static char expected[2 * EVA_LINE_SIZE];

  memset (input, 'y', sizeof input);
  memcpy (input + EVA_LINE_MAX, "\r\n", 2);
  memcpy (input + 2 * EVA_LINE_SIZE - 2, "\r\n", 2);
  size_t len = (size_t) sprintf (expected, "[%.*s]", EVA_LINE_MAX, input);
  memcpy (expected + len, expected, len);
  struct conversation v = { input, sizeof input, expected, 2 * len, 0 };

  for (size_t at = 0; at < sizeof input; at += 7)
    check_split (&v, &at, 1, EVA_LINE_SIZE);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_table),
    cmocka_unit_test (test_limit),
    cmocka_unit_test (test_limit_every_split),
    cmocka_unit_test (test_long_line_leaves_nothing),
    cmocka_unit_test (test_two_long_lines),
    cmocka_unit_test (test_endless_line),
    cmocka_unit_test (test_random_splits),
    cmocka_unit_test (test_each_octet_scanned_once),
    cmocka_unit_test (test_empty_window),
    cmocka_unit_test (test_consume_needs_peek),
    cmocka_unit_test (test_clear),
    cmocka_unit_test (test_clear_long_line),
    cmocka_unit_test (test_room),
    cmocka_unit_test (test_move),
    cmocka_unit_test (test_smallest_buffer),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}
