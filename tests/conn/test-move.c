/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-move.c - an eva_conn whose buffers move, at any time, says and hears the same.  */

#include <stdlib.h>
#include <string.h>

#include "conn/conn.h"
#include "conversation.h"

static bool is_dirty; /* a buffer came back, or was left, that was not wiped */

static void
check_wiped (const char *ptr, size_t len) {
  for (size_t i = 0; i < len; i++)
    is_dirty |= ptr[i] != 0;
}

static void *
give (void *arg, size_t len) {
  (void) arg;
  return calloc (1, len);
}

static void
take_back (void *arg, void *ptr, size_t len) {
  (void) arg;
  check_wiped (ptr, len);
  free (ptr);
}

static void
move_one (eva_conn *c, void *from, size_t len) {
  void *to = calloc (1, len);

  assert_non_null (to);
  eva__conn_move (c, from, to);
  take_back (NULL, from, len);
}

/* Moves every buffer of C, if IS_MOVED.  */
static void
move_all (eva_conn *c, bool is_moved) {
  if (!is_moved) return;
  if (c->in.base) move_one (c, c->in.base, c->in.size);
  for (struct eva__conn_chunk **chunk = &c->out.head; *chunk; chunk = &(*chunk)->next)
    move_one (c, *chunk, (*chunk)->size);
}

/* What came of a dialogue.  */
struct record {
  size_t len;
  char text[60000];
};

static void
record (struct record *r, const char *text, size_t len) {
  assert_true (r->len + len + 1 < sizeof r->text);
  memcpy (r->text + r->len, text, len);
  r->text[r->len + len] = '\n';
  r->len += len + 1;
}

/* Sends N octets of what C lends.  */
static void
send_some (eva_conn *c, struct record *r, size_t n) {
  struct iovec iov[1];

  if (!eva_conn_output (c, iov, 1)) return;
  if (n > iov->iov_len) n = iov->iov_len;
  record (r, iov->iov_base, n);
  eva_conn_sent (c, n);
}

static void
show_some (eva_conn *c, struct record *r) {
  const char *line;
  size_t len;

  if (eva_conn_inspect (c, &line, &len)) record (r, line, len);
}

/* Says some lines, one of them so long that it needs a chunk of its own, and leaves a data line
   open.  */
static void
answer (eva_conn *c, struct record *r, bool is_moved) {
  static const char data[3000];
  size_t taken;

  assert_int_equal (eva_conn_status (c, "KEY", "value"), 0);
  move_all (c, is_moved);
  show_some (c, r);
  move_all (c, is_moved);
  assert_int_equal (eva_conn_data (c, data, sizeof data, &taken), 0);
  move_all (c, is_moved);
  send_some (c, r, 3);
  move_all (c, is_moved);
  assert_int_equal (eva_conn_data (c, "end", 3, &taken), 0);
  move_all (c, is_moved);
  show_some (c, r);
  assert_int_equal (eva_conn_ok (c, NULL), 0);
}

static void
converse (struct record *r, bool is_moved) {
  static const char said[] = "ONE with text\nTWO\r\nTHREE";
  struct eva_conn_config config = { .role = EVA_ROLE_SERVER, .alloc = give, .release = take_back };
  struct eva_event ev;
  eva_conn *c;

  *r = (struct record) { 0 };
  assert_int_equal (eva_conn_new (&config, &c), 0);
  assert_int_equal (eva_conn_ok (c, "hello"), 0);
  move_all (c, is_moved);
  for (size_t i = 0; said[i]; i++) {
    size_t room;
    char *buf = eva_conn_inbuf (c, &room);
    assert_non_null (buf);
    *buf = said[i];
    assert_int_equal (eva_conn_fed (c, 1), 0);
    move_all (c, is_moved);
    if (i != 16 && i != 18) continue; /* line ends come with what is behind them, or alone */
    while (eva_conn_next (c, &ev) == 1) {
      record (r, ev.word, ev.word_len);
      record (r, ev.text, ev.text_len);
      answer (c, r, is_moved);
    }
    move_all (c, is_moved);
    send_some (c, r, 1500);
    move_all (c, is_moved);
  }
  for (int i = 0; i < 9; i++)
    send_some (c, r, 2000);
  assert_int_equal (eva_conn_output_len (c), 0);
  eva_conn_free (c);
}

static void
moved_buffers_change_nothing (void **state) {
  static struct record plain, moved;

  (void) state;
  converse (&plain, false);
  converse (&moved, true);
  assert_true (plain.len > 6000);
  assert_int_equal (plain.len, moved.len);
  assert_memory_equal (plain.text, moved.text, plain.len);
  assert_false (is_dirty);
}

int
main (void) {
  const struct CMUnitTest tests[] = { cmocka_unit_test (moved_buffers_change_nothing) };

  return cmocka_run_group_tests_name ("conn-move", tests, NULL, NULL);
}
