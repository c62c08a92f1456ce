/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-bulk.c - data that come faster than a buffer holds get a larger one, where the owner has it.

   A stream of numbered data lines is fed as fast as there is room.  Whatever the buffers, each line
   comes once, in order, and every buffer comes back wiped.  */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conn/conn.h"
#include "conversation.h"

#define N_LINES  3000
#define LINE_LEN 100

struct owner {
  struct eva_conn_config config;
  eva_conn *conn;
  bool is_short;    /* of memory for large buffers */
  size_t max_len;   /* the longest buffer that it has, if not 0 */
  size_t n_refused; /* of those */
  size_t most_len;  /* the longest buffer that it gave */
  size_t live_len;
  bool is_dirty; /* memory came back that was not wiped */
  size_t n_fed;
  size_t n_heard; /* lines of data */
};

static void *
give (void *arg, size_t len) {
  struct owner *o = arg;

  if ((o->is_short && len > EVA_INPUT_SIZE) || (o->max_len && len > o->max_len)) {
    o->n_refused++;
    return NULL;
  }
  if (len > o->most_len) o->most_len = len;
  o->live_len += len;
  return calloc (1, len);
}

static void
take_back (void *arg, void *ptr, size_t len) {
  struct owner *o = arg;
  const char *octets = ptr;

  for (size_t i = 0; i < len; i++)
    o->is_dirty |= octets[i] != 0;
  o->live_len -= len;
  free (ptr);
}

/* An eva_conn of ROLE that shares its configuration, which has FLAGS.  */
static void
owner_init (struct owner *o, enum eva_role role, unsigned int flags) {
  *o = (struct owner) { 0 };
  o->config = (struct eva_conn_config) {
    .role = role, .flags = flags, .alloc = give, .release = take_back
  };
  eva__conn_complete_config (&o->config);
  o->conn = calloc (1, sizeof *o->conn);
  assert_non_null (o->conn);
  eva__conn_init_shared (o->conn, &o->config, o);
}

static void
owner_deinit (struct owner *o) {
  eva__conn_deinit (o->conn);
  free (o->conn);
  assert_int_equal (o->live_len, 0);
  assert_false (o->is_dirty);
}

static void
feed_text (struct owner *o, const char *text) {
  size_t room;
  char *buf = eva_conn_inbuf (o->conn, &room);

  assert_true (buf && room >= strlen (text));
  memcpy (buf, text, strlen (text));
  assert_int_equal (eva_conn_fed (o->conn, strlen (text)), 0);
}

static void
hear (struct owner *o, enum eva_event_type type) {
  struct eva_event ev;

  assert_int_equal (eva_conn_next (o->conn, &ev), 1);
  assert_int_equal (ev.type, type);
}

/* A server that inquires.  */
static void
server_init (struct owner *o, unsigned int flags) {
  owner_init (o, EVA_ROLE_SERVER, flags);
  assert_int_equal (eva_conn_ok (o->conn, NULL), 0);
  feed_text (o, "TAKE\n");
  hear (o, EVA_EVENT_COMMAND);
  assert_int_equal (eva_conn_inquire (o->conn, "DATA", 0), 0);
  eva__conn_want_raw (o->conn);
  eva_conn_sent (o->conn, SIZE_MAX);
}

/* A client that waits for a reply.  */
static void
client_init (struct owner *o, unsigned int flags) {
  owner_init (o, EVA_ROLE_CLIENT, flags);
  feed_text (o, "OK\n");
  hear (o, EVA_EVENT_OK);
  assert_int_equal (eva_conn_command (o->conn, "GO"), 0);
  eva_conn_sent (o->conn, SIZE_MAX);
}

static unsigned int
number (size_t n) {
  return (unsigned int) n % 1000000;
}

static char
octet_at (size_t at) {
  static char line[LINE_LEN + 1];
  size_t i = at % LINE_LEN;

  if (!i) snprintf (line, sizeof line, "D %06u%%30%088u\n", number (at / LINE_LEN), 7u);
  return line[i];
}

static void
check_data (struct owner *o, const struct eva_event *ev) {
  char data[LINE_LEN + EVA__CONN_RAW_ROOM], expected[LINE_LEN];
  bool is_raw = eva__conn_gave_raw (o->conn);
  size_t len = is_raw ? eva__conn_unescape (o->conn, ev, data) : ev->text_len;

  assert_int_equal (ev->type, EVA_EVENT_DATA);
  snprintf (expected, sizeof expected, "%06u0%088u", number (o->n_heard), 7u);
  assert_int_equal (len, strlen (expected));
  assert_memory_equal (is_raw ? data : ev->text, expected, len);
  if (!is_raw) assert_int_equal (ev->text[len], 0);
  o->n_heard++;
}

/* Feeds the stream, as much at a time as there is room for but at most MOST octets, and hears what
   is there after each.  */
static void
stream (struct owner *o, size_t most) {
  while (o->n_heard < N_LINES) {
    size_t room, len = N_LINES * LINE_LEN - o->n_fed;
    char *buf = eva_conn_inbuf (o->conn, &room);
    struct eva_event ev;

    assert_non_null (buf);
    if (len > room) len = room;
    if (len > most) len = most;
    for (size_t i = 0; i < len; i++)
      buf[i] = octet_at (o->n_fed++);
    assert_int_equal (eva_conn_fed (o->conn, len), 0);
    while (eva_conn_next (o->conn, &ev) > 0)
      check_data (o, &ev);
  }
}

/* --- Where the buffer ends -------------------------------------------------------------------- */

#define LONG_LEN ((size_t) 500)

/* Writes a data line of LEN octets to DST, with an escape at the beginning, and one in front of the
   last N_BEHIND octets.  */
static void
put_line (char *dst, size_t len, size_t n_behind) {
  memset (dst, 'z', len);
  memcpy (dst, "D %41", 5);
  memcpy (dst + len - 1 - n_behind - 3, "%42", 3);
  dst[len - 1] = '\n';
}

/* Feeds such lines, of which the last one ends LEFT octets in front of the end of the buffer.
   Returns how long that one is.  */
static size_t
feed_lines (struct owner *o, size_t left, size_t n_behind) {
  size_t at = 0, room, len;
  char *buf = eva_conn_inbuf (o->conn, &room);

  assert_true (buf && room == EVA_INPUT_SIZE);
  len = room - left;
  for (; len - at >= 2 * LONG_LEN; at += LONG_LEN)
    put_line (buf + at, LONG_LEN, n_behind);
  put_line (buf + at, len - at, n_behind);
  assert_int_equal (eva_conn_fed (o->conn, len), 0);
  return len - at;
}

static void
check_lines (struct owner *o, size_t left, size_t n_behind) {
  size_t last_len = feed_lines (o, left, n_behind), len = 0;
  char data[EVA_LINE_SIZE + EVA__CONN_RAW_ROOM], *text;
  struct eva_event ev;

  while (eva_conn_next (o->conn, &ev) > 0) {
    bool is_raw = eva__conn_gave_raw (o->conn);
    assert_int_equal (ev.type, EVA_EVENT_DATA);
    text = is_raw ? data : ev.text;
    len = is_raw ? eva__conn_unescape (o->conn, &ev, data) : ev.text_len;
    assert_int_equal (text[0], 'A');
    assert_int_equal (text[len - n_behind - 1], 'B');
    for (size_t i = 1; i < len; i++)
      assert_true (text[i] == 'z' || i == len - n_behind - 1);
  }
  assert_int_equal (len, last_len - strlen ("D \n") - 2 * strlen ("41"));
}

/* Escapes are undone many octets at a time where there is room behind the line; a sanitizer sees
   what is read too far.  */
static void
test_end_of_buffer (void **state) {
  static const size_t n_behind[] = { 0, 1, 40, 100 };

  (void) state;
  for (size_t left = 0; left < 140; left++)
    for (size_t i = 0; i < 3 * sizeof n_behind / sizeof *n_behind; i++) {
      struct owner o;
      if (i % 3)
        server_init (&o, 0);
      else
        client_init (&o, 0);
      if (i % 3 == 2) o.conn->wants_raw = false;
      check_lines (&o, left, n_behind[i / 3]);
      owner_deinit (&o);
    }
}

/* --- Larger buffers ---------------------------------------------------------------------------- */

static void
test_server_gets_larger_buffer (void **state) {
  struct owner o;

  (void) state;
  server_init (&o, EVA__CONN_BULK);
  stream (&o, SIZE_MAX);
  assert_int_equal (o.most_len, EVA__BULK_SIZE);
  feed_text (&o, "END\n");
  hear (&o, EVA_EVENT_END);
  owner_deinit (&o);
}

static void
test_client_gets_larger_buffer (void **state) {
  struct owner o;

  (void) state;
  client_init (&o, EVA__CONN_BULK);
  stream (&o, SIZE_MAX);
  assert_int_equal (o.most_len, EVA__BULK_SIZE);
  feed_text (&o, "OK\n");
  hear (&o, EVA_EVENT_OK);
  owner_deinit (&o);
}

/* Reads that do not fill a buffer need no larger one.  */
static void
test_slow_peer (void **state) {
  struct owner o;

  (void) state;
  server_init (&o, EVA__CONN_BULK);
  stream (&o, 4000);
  assert_int_equal (o.most_len, EVA_INPUT_SIZE);
  owner_deinit (&o);
}

/* eva-conn.h promises its owners that no other lengths come.  */
static void
test_not_asked_for (void **state) {
  struct owner o;

  (void) state;
  client_init (&o, 0);
  stream (&o, SIZE_MAX);
  assert_int_equal (o.most_len, EVA_INPUT_SIZE);
  owner_deinit (&o);
}

static void
test_public_flag_means_nothing (void **state) {
  struct owner o;
  eva_conn *conn;

  (void) state;
  owner_init (&o, EVA_ROLE_SERVER, EVA__CONN_BULK);
  o.config.arg = &o;
  assert_int_equal (eva_conn_new (&o.config, &conn), 0);
  assert_false (conn->owner.config->flags & EVA__CONN_BULK);
  eva_conn_free (conn);
  owner_deinit (&o);
}

/* What an owner passes on piece by piece waits in one buffer when it cannot.  */
static void
test_not_collected (void **state) {
  struct owner o;

  (void) state;
  server_init (&o, EVA__CONN_BULK);
  o.conn->wants_raw = false;
  stream (&o, SIZE_MAX);
  assert_int_equal (o.most_len, EVA_INPUT_SIZE);
  owner_deinit (&o);
}

static void
test_goes_on_without_memory (void **state) {
  struct owner o;

  (void) state;
  server_init (&o, EVA__CONN_BULK);
  o.is_short = true;
  stream (&o, SIZE_MAX);
  assert_true (o.n_refused > 0);
  owner_deinit (&o);
}

/* Feeds data lines that fill the buffer to its end.  */
static void
fill_buffer (struct owner *o) {
  size_t room;
  char *buf = eva_conn_inbuf (o->conn, &room);

  assert_true (buf && room == EVA_INPUT_SIZE);
  for (size_t i = 0; i < room; i++)
    buf[i] = octet_at (o->n_fed++);
  assert_int_equal (eva_conn_fed (o->conn, room), 0);
}

/* A server whose client sends a whole buffer of data ahead of the inquiry.  More of them may
   wait.  */
static void
server_init_ahead (struct owner *o) {
  struct eva_event ev;

  owner_init (o, EVA_ROLE_SERVER, EVA__CONN_BULK);
  o->config.max_input_len = 1 << 20;
  assert_int_equal (eva_conn_ok (o->conn, NULL), 0);
  feed_text (o, "TAKE\n");
  hear (o, EVA_EVENT_COMMAND);
  assert_int_equal (eva_conn_next (o->conn, &ev), 0);
  fill_buffer (o);
  assert_int_equal (eva_conn_inquire (o->conn, "DATA", 0), 0);
  eva__conn_want_raw (o->conn);
  eva_conn_sent (o->conn, SIZE_MAX);
}

/* A buffer without room would look like the end of what the peer says.  */
static void
test_full_without_memory (void **state) {
  struct owner o;
  size_t room;

  (void) state;
  server_init_ahead (&o);
  o.is_short = true;
  assert_null (eva_conn_inbuf (o.conn, &room));
  assert_true (room > 0);
  o.is_short = false;
  stream (&o, SIZE_MAX);
  owner_deinit (&o);
}

/* An owner that has no larger buffer may still have one of twice the length.  */
static void
test_full_without_bulk (void **state) {
  struct owner o;

  (void) state;
  server_init_ahead (&o);
  o.max_len = 2 * EVA_INPUT_SIZE;
  stream (&o, SIZE_MAX);
  assert_int_equal (o.most_len, 2 * EVA_INPUT_SIZE);
  owner_deinit (&o);
}

/* Feeds TEXT and then N times MORE.  */
static void
feed_many (struct owner *o, const char *text, const char *more, size_t n) {
  feed_text (o, text);
  for (size_t i = 0; i < n; i++)
    feed_text (o, more);
}

/* A server whose answer is in a buffer for bulk data, but for the end of its last line.  */
static void
server_init_flooded (struct owner *o) {
  struct eva_event ev;

  server_init (o, EVA__CONN_BULK);
  fill_buffer (o);
  while (eva_conn_next (o->conn, &ev))
    assert_int_equal (ev.type, EVA_EVENT_DATA);
  feed_text (o, "half");
  assert_int_equal (o->conn->in.size, EVA__BULK_SIZE);
}

/* Hears the answer to its end, and replies.  */
static void
hear_answer (struct owner *o) {
  struct eva_event ev;

  do
    assert_int_equal (eva_conn_next (o->conn, &ev), 1);
  while (ev.type == EVA_EVENT_DATA);
  assert_int_equal (ev.type, EVA_EVENT_END);
  assert_int_equal (eva_conn_ok (o->conn, NULL), 0);
  eva_conn_sent (o->conn, SIZE_MAX);
}

/* Half a request does not keep the buffer that the answer had.  */
static void
test_half_a_request (void **state) {
  struct owner o;
  struct eva_event ev;

  (void) state;
  server_init_flooded (&o);
  feed_text (&o, "\nEND\nNO");
  hear_answer (&o);
  assert_int_equal (eva_conn_next (o.conn, &ev), 0);
  assert_int_equal (o.conn->in.size, EVA_INPUT_SIZE);
  feed_text (&o, "P\n");
  hear (&o, EVA_EVENT_COMMAND);
  owner_deinit (&o);
}

/* Requests behind the answer wait in the buffer that it had, until they fit into an ordinary one;
   no more come before.  */
static void
test_requests_behind (void **state) {
  const size_t n = 30000 / 5;
  struct owner o;
  size_t n_heard = 0;

  (void) state;
  server_init_flooded (&o);
  feed_many (&o, "\nEND\n", "DONE\n", n);
  hear_answer (&o);
  while (n_heard < n) {
    struct eva_event ev;
    hear (&o, EVA_EVENT_COMMAND);
    n_heard++;
    assert_int_equal (eva_conn_next (o.conn, &ev), 0);
    assert_int_equal (eva_conn_wants_input (o.conn), (n - n_heard) * 5 < EVA_INPUT_SIZE);
    assert_true (o.conn->in.size <= EVA_INPUT_SIZE || (n - n_heard) * 5 > EVA_INPUT_SIZE);
    assert_int_equal (eva_conn_ok (o.conn, NULL), 0);
    eva_conn_sent (o.conn, SIZE_MAX);
  }
  owner_deinit (&o);
}

/* Without memory for an ordinary buffer the larger one stays, and nothing is lost.  */
static void
test_keeps_without_memory (void **state) {
  struct owner o;
  struct eva_event ev;

  (void) state;
  server_init_flooded (&o);
  feed_text (&o, "\nEND\nNO");
  hear_answer (&o);
  o.max_len = 1;
  assert_int_equal (eva_conn_next (o.conn, &ev), 0);
  assert_int_equal (o.conn->in.size, EVA__BULK_SIZE);
  feed_text (&o, "P\n");
  assert_int_equal (eva_conn_next (o.conn, &ev), 1);
  assert_string_equal (ev.word, "NOP");
  owner_deinit (&o);
}

/* Requests that are sent ahead are no data: they wait in one buffer, and hold up the peer.  */
static void
test_requests_ahead (void **state) {
  struct owner o;
  size_t room;

  (void) state;
  owner_init (&o, EVA_ROLE_SERVER, EVA__CONN_BULK);
  assert_int_equal (eva_conn_ok (o.conn, NULL), 0);
  feed_text (&o, "FIRST\n");
  hear (&o, EVA_EVENT_COMMAND);
  for (size_t i = 0; i < 8 * EVA_INPUT_SIZE; i += 4) {
    char *buf = eva_conn_inbuf (o.conn, &room);
    if (!buf) break;
    memcpy (buf, "NOP\n", room < 4 ? room : 4);
    assert_int_equal (eva_conn_fed (o.conn, room < 4 ? room : 4), 0);
  }
  assert_int_equal (room, 0);
  assert_int_equal (o.most_len, EVA_INPUT_SIZE);
  owner_deinit (&o);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_end_of_buffer),
    cmocka_unit_test (test_server_gets_larger_buffer),
    cmocka_unit_test (test_client_gets_larger_buffer),
    cmocka_unit_test (test_slow_peer),
    cmocka_unit_test (test_not_asked_for),
    cmocka_unit_test (test_public_flag_means_nothing),
    cmocka_unit_test (test_not_collected),
    cmocka_unit_test (test_goes_on_without_memory),
    cmocka_unit_test (test_full_without_memory),
    cmocka_unit_test (test_full_without_bulk),
    cmocka_unit_test (test_half_a_request),
    cmocka_unit_test (test_requests_behind),
    cmocka_unit_test (test_keeps_without_memory),
    cmocka_unit_test (test_requests_ahead),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
