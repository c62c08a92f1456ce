/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-confidential.c - which lines of the output are confidential: those that hold an octet that
   was queued while the owner said so, whenever they are shown, and whatever was sent or removed
   before them.  */

#include <stdlib.h>
#include <string.h>

#include "conn/conn.h"
#include "conversation.h"

static void *
give (void *arg, size_t len) {
  (void) arg;
  return malloc (len);
}

static void
take_back (void *arg, void *ptr, size_t len) {
  (void) arg;
  (void) len;
  free (ptr);
}

/* A server in the middle of a command.  */
static eva_conn *
new_conn (void) {
  struct eva_conn_config config = {
    .role = EVA_ROLE_SERVER, .flags = EVA_CONN_RAW, .alloc = give, .release = take_back
  };
  eva_conn *c;

  assert_int_equal (eva_conn_new (&config, &c), 0);
  return c;
}

/* Queues TEXT as data, confidential where it is in brackets; `|` ends the line.  */
static void
say_data (eva_conn *c, const char *text) {
  for (; *text; text++) {
    size_t taken;
    if (*text == '[' || *text == ']') {
      eva__conn_set_confidential (c, *text == '[');
    } else if (*text == '|') {
      assert_int_equal (eva_conn_flush (c), 0);
    } else {
      assert_int_equal (eva_conn_data (c, text, 1, &taken), 0);
    }
  }
}

/* The next line is TEXT, and confidential or not.  */
static void
expect_line (eva_conn *c, const char *text, bool is_confidential) {
  const char *line;
  size_t len;

  assert_int_equal (eva_conn_inspect (c, &line, &len), 1);
  assert_int_equal (len, strlen (text));
  assert_memory_equal (line, text, len);
  assert_int_equal (eva__conn_shows_confidential (c), is_confidential);
}

static void
test_parts_of_lines (void **state) {
  eva_conn *c = new_conn ();

  (void) state;
  say_data (c, "a|[b]|c[d]e|f|");
  expect_line (c, "D a", false);
  expect_line (c, "D b", true);
  say_data (c, "g|");
  eva_conn_sent (c, SIZE_MAX);
  say_data (c, "h|[i]j|k|");
  expect_line (c, "D h", false);
  expect_line (c, "D ij", true);
  expect_line (c, "D k", false);
  eva_conn_free (c);
}

/* Lines that are said whole are like those of data.  */
static void
test_whole_lines (void **state) {
  eva_conn *c = new_conn ();

  (void) state;
  assert_int_equal (eva_conn_status (c, "KEY", "open"), 0);
  eva__conn_set_confidential (c, true);
  assert_int_equal (eva_conn_status (c, "KEY", "secret"), 0);
  assert_int_equal (eva_conn_line (c, "any", 3), 0);
  eva__conn_set_confidential (c, false);
  assert_int_equal (eva_conn_comment (c, "open"), 0);
  expect_line (c, "S KEY open", false);
  expect_line (c, "S KEY secret", true);
  expect_line (c, "any", true);
  expect_line (c, "# open", false);
  eva_conn_free (c);
}

/* An open line that got something confidential stays it.  */
static void
test_open_line (void **state) {
  const char *line;
  eva_conn *c = new_conn ();
  size_t len;

  (void) state;
  say_data (c, "a|b[c]");
  expect_line (c, "D a", false);
  assert_int_equal (eva_conn_inspect (c, &line, &len), 0);
  say_data (c, "d");
  assert_int_equal (eva_conn_line (c, "x", 1), 0);
  expect_line (c, "D bcd", true);
  expect_line (c, "x", false);
  eva_conn_free (c);
}

/* A line whose first octets have left is not shown; what stands behind it is what it was.  */
static void
test_partly_sent (void **state) {
  eva_conn *c = new_conn ();

  (void) state;
  say_data (c, "[a]bcdef|ghi|");
  eva_conn_sent (c, 4);
  expect_line (c, "D ghi", false);
  eva_conn_free (c);
}

static void
test_removed (void **state) {
  eva_conn *c = new_conn ();

  (void) state;
  say_data (c, "a|[b]|c|d|[e]|f[g]");
  expect_line (c, "D a", false);
  eva_conn_discard (c);
  expect_line (c, "D b", true);
  eva_conn_discard (c);
  eva_conn_sent (c, 4);
  say_data (c, "h|i|");
  eva_conn_sent (c, 4);
  expect_line (c, "D e", true);
  eva_conn_discard (c);
  expect_line (c, "D fgh", true);
  expect_line (c, "D i", false);
  eva_conn_free (c);
}

/* --- Any order -------------------------------------------------------------------------------- */

#define MAX_LINES 4000

struct model {
  uint32_t seed;
  bool is_secret[MAX_LINES];
  unsigned int n_said, n_shown;
};

static uint32_t
pick (struct model *m, uint32_t limit) {
  m->seed = m->seed * 1664525u + 1013904223u;
  return (m->seed >> 8) % limit;
}

/* A line of data in some pieces, some of them confidential.  */
static void
say_some (struct model *m, eva_conn *c) {
  char text[300];
  bool is_secret = false;
  size_t taken;

  memset (text, 'x', sizeof text);
  for (uint32_t n = 1 + pick (m, 3); n; n--) {
    bool secret = !pick (m, 4);
    eva__conn_set_confidential (c, secret);
    assert_int_equal (eva_conn_data (c, text, 1 + pick (m, sizeof text), &taken), 0);
    is_secret |= secret;
  }
  eva__conn_set_confidential (c, false);
  assert_int_equal (eva_conn_flush (c), 0);
  m->is_secret[m->n_said++] = is_secret;
}

/* Shows up to N lines, and removes some of them.  Where each was shown before the next was said,
   those are confidential that should be; else these at least.  */
static void
show_some (struct model *m, eva_conn *c, uint32_t n, bool exactly) {
  const char *line;
  size_t len;

  for (; n && eva_conn_inspect (c, &line, &len); n--) {
    bool is_secret = m->is_secret[m->n_shown++];
    if (is_secret || exactly) assert_int_equal (eva__conn_shows_confidential (c), is_secret);
    if (!pick (m, 5)) eva_conn_discard (c);
  }
}

static void
test_any_order (void **state) {
  static struct model m;

  (void) state;
  for (uint32_t seed = 1; seed < 50; seed++) {
    eva_conn *c = new_conn ();
    bool exactly = seed & 1;
    m = (struct model) { .seed = seed };
    while (m.n_said < MAX_LINES - 2) {
      say_some (&m, c);
      if (exactly || !pick (&m, 4)) show_some (&m, c, exactly ? 1 : pick (&m, 20), exactly);
      /* Only what was shown: the model counts lines.  */
      if (m.n_said == m.n_shown && pick (&m, 2)) eva_conn_sent (c, pick (&m, 900));
    }
    eva_conn_free (c);
  }
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_parts_of_lines), cmocka_unit_test (test_whole_lines),
    cmocka_unit_test (test_open_line),      cmocka_unit_test (test_partly_sent),
    cmocka_unit_test (test_removed),        cmocka_unit_test (test_any_order),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
