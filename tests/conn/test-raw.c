/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-raw.c - data of an inquiry that the owner unescapes itself.

   Whatever comes raw and what does not, the owner gets the same data, the same end, and at the same
   octet the news that they are too many.  */

#include <stdlib.h>
#include <string.h>

#include "../wire/random.h"
#include "conn/conn.h"
#include "conversation.h"

#define MAX_DATA ((size_t) 40000)

static void *
give (void *arg, size_t len) {
  (void) arg;
  return calloc (1, len);
}

static void
take_back (void *arg, void *ptr, size_t len) {
  (void) arg;
  (void) len;
  free (ptr);
}

/* What an answer came to.  */
struct answer {
  char data[MAX_DATA + EVA__CONN_RAW_ROOM];
  size_t len;
  enum eva_event_type end; /* END or OVERFLOW */
  size_t n_raw;            /* lines that came raw */
};

/* A server that inquires for at most MAX_LEN octets.  */
static eva_conn *
open_inquiry (unsigned int flags, size_t max_len, bool wants_raw) {
  struct eva_conn_config config = {
    .role = EVA_ROLE_SERVER, .flags = flags, .alloc = give, .release = take_back
  };
  struct eva_event ev;
  eva_conn *c;
  size_t room;

  assert_int_equal (eva_conn_new (&config, &c), 0);
  assert_int_equal (eva_conn_ok (c, NULL), 0);
  memcpy (eva_conn_inbuf (c, &room), "TAKE\n", 5);
  eva_conn_fed (c, 5);
  assert_int_equal (eva_conn_next (c, &ev), 1);
  assert_int_equal (eva_conn_inquire (c, "DATA", max_len), 0);
  if (wants_raw) eva__conn_want_raw (c);
  eva_conn_sent (c, SIZE_MAX);
  return c;
}

static void
add (eva_conn *c, const struct eva_event *ev, struct answer *ret) {
  assert_true (ret->len + ev->text_len <= MAX_DATA);
  if (eva__conn_gave_raw (c)) {
    ret->n_raw++;
    ret->len += eva__conn_unescape (c, ev, ret->data + ret->len);
    return;
  }
  memcpy (ret->data + ret->len, ev->text, ev->text_len);
  ret->len += ev->text_len;
}

/* Hears what is there.  Returns false at the end of the answer.  */
static bool
hear (eva_conn *c, struct answer *ret) {
  struct eva_event ev;

  while (eva_conn_next (c, &ev) > 0) {
    if (ev.type != EVA_EVENT_DATA) {
      ret->end = ev.type;
      return false;
    }
    add (c, &ev, ret);
  }
  return true;
}

/* Feeds TEXT in pieces of at most PIECE octets.  */
static void
take_answer (eva_conn *c, const char *text, size_t piece, struct answer *ret) {
  *ret = (struct answer) { 0 };
  for (size_t left = strlen (text); left;) {
    size_t room, len = left < piece ? left : piece;
    char *buf = eva_conn_inbuf (c, &room);

    if (len > room) len = room;
    memcpy (buf, text, len);
    assert_int_equal (eva_conn_fed (c, len), 0);
    text += len;
    left -= len;
    if (!hear (c, ret)) return;
  }
  fail_msg ("the answer has no end");
}

/* Compares the answer TEXT both ways, with the limit MAX_LEN.  Returns how many lines came raw.  */
static size_t
compare (const char *text, size_t max_len, size_t piece) {
  static struct answer raw, plain;
  eva_conn *c = open_inquiry (0, max_len, true), *d = open_inquiry (0, max_len, false);

  take_answer (c, text, piece, &raw);
  take_answer (d, text, piece, &plain);
  assert_int_equal (plain.n_raw, 0);
  assert_int_equal (raw.end, plain.end);
  assert_int_equal (raw.len, plain.len);
  assert_memory_equal (raw.data, plain.data, plain.len);
  assert_int_equal (eva_conn_get_state (c), eva_conn_get_state (d));
  eva_conn_free (c);
  eva_conn_free (d);
  return raw.n_raw;
}

/* Lines of every length, with escapes.  */
static char *
make_text (size_t n_lines, uint64_t *seed) {
  char *text = malloc (n_lines * EVA_LINE_SIZE + 5), *at = text;

  assert_non_null (text);
  for (size_t i = 0; i < n_lines; i++) {
    size_t len = random_below (seed, 980);
    memcpy (at, "D ", 2);
    at += 2;
    for (size_t k = 0; k < len; k++)
      *at++ = "abc%25xyz%0Adefghijklmnopqrstuvwxyz%"[random_below (seed, 36)];
    *at++ = '\n';
  }
  memcpy (at, "END\n", 5);
  return text;
}

static void
test_same_data (void **state) {
  uint64_t seed = 1;

  (void) state;
  for (int i = 0; i < 40; i++) {
    char *text = make_text (40, &seed);
    assert_in_range (compare (text, 0, SIZE_MAX), 30, 40);
    compare (text, 0, 1 + random_below (&seed, 3000));
    free (text);
  }
}

/* At every limit around what there is.  */
static void
test_same_limit (void **state) {
  static const char text[] = "D 12%3345\nD 67%41%42\nD %\nEND\n";

  (void) state;
  for (size_t max_len = 1; max_len < 40; max_len++)
    compare (text, max_len, SIZE_MAX);
  assert_int_equal (compare (text, 9, SIZE_MAX), 1);
  assert_int_equal (compare (text, 40, SIZE_MAX), 3);
}

static void
test_strict_is_never_raw (void **state) {
  static struct answer answer;
  eva_conn *c = open_inquiry (EVA_CONN_STRICT, 0, true);

  (void) state;
  take_answer (c, "D 1%32\nEND\n", SIZE_MAX, &answer);
  assert_int_equal (answer.n_raw, 0);
  assert_int_equal (answer.len, 2);
  eva_conn_free (c);
}

/* Only this inquiry was meant.  */
static void
test_next_inquiry_is_not_raw (void **state) {
  static struct answer answer;
  eva_conn *c = open_inquiry (0, 0, true);

  (void) state;
  take_answer (c, "D 1%32\nEND\n", SIZE_MAX, &answer);
  assert_int_equal (answer.n_raw, 1);
  assert_int_equal (eva_conn_inquire (c, "DATA", 0), 0);
  assert_false (eva__conn_gave_raw (c));
  take_answer (c, "D 1%32\nEND\n", SIZE_MAX, &answer);
  assert_int_equal (answer.n_raw, 0);
  assert_memory_equal (answer.data, "12", 2);
  eva_conn_free (c);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_same_data),
    cmocka_unit_test (test_same_limit),
    cmocka_unit_test (test_strict_is_never_raw),
    cmocka_unit_test (test_next_inquiry_is_not_raw),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
