/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-ahead.c - lines that pile up after a command, in buffers that grow up to max_input_len.

   A client sends numbered requests, a server takes them now and then.  Whatever the pieces, each is
   handed out once, in order; what was used is wiped; the buffer keeps within its limits, and moving
   what waits costs no more than a few octets for each that came.  */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../wire/random.h"
#include "conn/state.h"
#include "conversation.h"

#define MAX_LEN ((size_t) 100000)

/* --- An owner --------------------------------------------------------------------------------- */

struct owner {
  eva_conn *conn;
  size_t live_len;
  size_t n_allocs;
  size_t fails_at; /* this one, from 1; 0: none */
  bool just_failed;
  bool is_dirty; /* memory came back that was not wiped */

  /* The stream.  */
  size_t n_sent;  /* octets that the client sent */
  size_t n_taken; /* requests that were handed out */
  size_t n_moved; /* octets that were moved to make room */
};

static void *
give (void *arg, size_t len) {
  struct owner *o = arg;

  o->just_failed = ++o->n_allocs == o->fails_at;
  if (o->just_failed) return NULL;
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

static void
owner_init (struct owner *o, size_t max_input_len) {
  struct eva_conn_config config = { .role = EVA_ROLE_SERVER,
                                    .alloc = give,
                                    .release = take_back,
                                    .arg = o,
                                    .max_input_len = max_input_len };

  *o = (struct owner) { 0 };
  assert_int_equal (eva_conn_new (&config, &o->conn), 0);
  assert_int_equal (eva_conn_ok (o->conn, NULL), 0);
  eva_conn_sent (o->conn, SIZE_MAX);
}

static void
owner_deinit (struct owner *o) {
  eva_conn_free (o->conn);
  assert_int_equal (o->live_len, 0);
  assert_false (o->is_dirty);
}

/* --- The stream ------------------------------------------------------------------------------- */

/* Every request has the same length, some 9 octets, but for every 50th, which is long.  */
#define GROUP_LEN (49 * 9 + 900)

static char
octet_at (size_t at) {
  static char group[GROUP_LEN + 1];
  size_t n = at / GROUP_LEN * 50, i = at % GROUP_LEN;
  static size_t last = SIZE_MAX;
  static char text[20];

  if (!*group) {
    for (size_t k = 0; k < 49; k++)
      memcpy (group + 9 * k, "N 000000\n", 9);
    memset (group + sizeof group - 901, 'x', 900);
    memcpy (group + sizeof group - 901, "N 000000 ", 9);
    group[GROUP_LEN - 1] = '\n';
  }
  n += i / 9 < 49 ? i / 9 : 49;
  i -= (i / 9 < 49 ? i / 9 : 49) * 9;
  if (i < 2 || i > 7) return group[at % GROUP_LEN];
  if (n != last) snprintf (text, sizeof text, "%06zu", n % 1000000);
  last = n;
  return text[i - 2];
}

static void
look_inside (const struct owner *o) {
  const struct eva__wire_lines *l = &o->conn->in;
  size_t max = o->conn->owner.config->max_input_len;

  if (!l->base) return;
  assert_true (l->size <= (max > EVA_INPUT_SIZE ? 2 * max : EVA_INPUT_SIZE));
  assert_true (l->tail - l->head <= max);
  for (size_t i = 0; i < l->head; i++)
    if (l->base[i]) fail_msg ("octet %zu of what was used is left", i);
  for (size_t i = l->tail; i < l->size; i++)
    if (l->base[i]) fail_msg ("octet %zu behind what waits is left", i);
}

/* Lends, as often as memory is short on purpose, and counts what that moves.  */
static char *
lend (struct owner *o, size_t *ret_room) {
  size_t head = o->conn->in.head;
  const char *old = o->conn->in.base;
  char *buf;

  do {
    buf = eva_conn_inbuf (o->conn, ret_room);
    if (!buf && *ret_room) assert_true (o->just_failed);
  } while (!buf && *ret_room);
  if (old && (o->conn->in.base != old || o->conn->in.head < head))
    o->n_moved += o->conn->in.tail - o->conn->in.head;
  return buf;
}

/* Feeds at most LEN octets.  Returns how many there was room for.  */
static size_t
feed (struct owner *o, size_t len) {
  bool wants = eva_conn_wants_input (o->conn);
  size_t room;
  char *buf = lend (o, &room);

  assert_int_equal (!buf, !room);
  assert_int_equal (wants, room > 0);
  if (!buf) return 0;
  if (len > room) len = room;
  assert_int_equal (eva_conn_fed (o->conn, room + 1), EVA_E_LIMIT);
  for (size_t i = 0; i < len; i++)
    buf[i] = octet_at (o->n_sent++);
  assert_int_equal (eva_conn_fed (o->conn, len), 0);
  return len;
}

/* Takes the next request.  Returns false if there is none; else it is under way.  */
static bool
take (struct owner *o) {
  struct eva_event ev;
  char number[20];

  if (!eva_conn_next (o->conn, &ev)) return false;
  assert_int_equal (ev.type, EVA_EVENT_COMMAND);
  snprintf (number, sizeof number, "%06zu", o->n_taken++ % 1000000);
  assert_memory_equal (ev.text, number, 6);
  assert_int_equal (ev.text_len, o->n_taken % 50 ? 6 : 897);
  return true;
}

/* Says OK, as often as memory is short on purpose.  */
static void
finish (struct owner *o) {
  while (eva_conn_ok (o->conn, NULL))
    assert_true (o->just_failed);
  eva_conn_sent (o->conn, SIZE_MAX);
}

static void
take_all (struct owner *o) {
  while (take (o))
    finish (o);
}

/* --- Tests ------------------------------------------------------------------------------------ */

/* As much as the limit says waits, and not an octet more.  */
static void
test_limit (void **state) {
  static const size_t limits[] = {
    0, 1, EVA_INPUT_SIZE, EVA_INPUT_SIZE + 1, 100000, 131072, 1 << 20
  };

  (void) state;
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
    size_t max = limits[i] < EVA_INPUT_SIZE ? EVA_INPUT_SIZE : limits[i];
    struct owner o;

    owner_init (&o, limits[i]);
    feed (&o, 9);
    assert_true (take (&o));
    while (feed (&o, 1000000))
      look_inside (&o);
    assert_int_equal (eva_conn_input_len (o.conn), max);
    assert_false (take (&o));
    finish (&o);
    take_all (&o);
    assert_true (o.n_taken >= max / GROUP_LEN * 50);
    assert_true (eva_conn_wants_input (o.conn));
    while (o.n_sent % GROUP_LEN)
      feed (&o, 1);
    take_all (&o);
    assert_null (o.conn->in.base);
    owner_deinit (&o);
  }
}

/* Beyond the most there is, the most counts: nothing wraps around.  */
static void
test_most (void **state) {
  struct owner o;

  (void) state;
  owner_init (&o, SIZE_MAX);
  assert_int_equal (o.conn->owner.config->max_input_len, EVA_MOST_INPUT);
  feed (&o, 9);
  assert_true (take (&o));
  while (o.n_sent < 3000000)
    feed (&o, 1000000);
  look_inside (&o);
  owner_deinit (&o);
}

/* Any pieces, any moment to take something, also with memory that is short now and then.  */
static void
run (uint64_t seed) {
  uint64_t random = seed;
  struct owner o;

  owner_init (&o, MAX_LEN);
  o.fails_at = seed % 3 ? 0 : (size_t) (2 + seed % 12);
  for (int i = 0; i < 400; i++) {
    static const size_t lens[] = { 1, 10, 500, 5000, 60000 };
    size_t n = random_below (&random, 4) ? 0 : random_below (&random, 2000);

    feed (&o, (size_t) (1 + random_below (&random, lens[random_below (&random, 5)])));
    while (n-- && take (&o))
      if (n) finish (&o);
    if (eva_conn_get_state (o.conn) == EVA_STATE_COMMAND && !random_below (&random, 3)) finish (&o);
    if (!random_below (&random, 20)) look_inside (&o);
  }
  if (eva_conn_get_state (o.conn) == EVA_STATE_COMMAND) finish (&o);
  take_all (&o);
  assert_true (o.n_moved <= 3 * o.n_sent);
  owner_deinit (&o);
}

static void
test_random (void **state) {
  (void) state;
  for (uint64_t seed = 0; seed < 30; seed++)
    run (seed);
}

/* The worst for who moves what waits: it always is all that may, and one request is taken at a
   time.  */
static void
test_full_all_the_time (void **state) {
  struct owner o;

  (void) state;
  owner_init (&o, MAX_LEN);
  while (feed (&o, 100000))
    ;
  for (int i = 0; i < 50000; i++) {
    assert_true (take (&o));
    feed (&o, 100000);
    finish (&o);
  }
  assert_true (o.n_moved <= 3 * o.n_sent);
  look_inside (&o);
  owner_deinit (&o);
}

/* A descriptor stays with its line when that moves to another buffer.  */
static void
test_descriptor (void **state) {
  struct owner o;
  int fd = -1;

  (void) state;
  owner_init (&o, MAX_LEN);
  feed (&o, 9);
  assert_true (take (&o));
  feed (&o, 9 * 9);
  assert_int_equal (eva_conn_fed_fd (o.conn, 7), 0);
  while (feed (&o, 30000))
    ;
  for (int i = 0; i < 9; i++) {
    finish (&o);
    assert_int_equal (eva_conn_take_fd (o.conn, &fd), 0);
    assert_true (take (&o));
  }
  finish (&o);
  assert_true (take (&o));
  assert_int_equal (eva_conn_take_fd (o.conn, &fd), 1);
  assert_int_equal (fd, 7);
  owner_deinit (&o);
}

int
main (void) {
  static const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_limit),      cmocka_unit_test (test_most),
    cmocka_unit_test (test_random),     cmocka_unit_test (test_full_all_the_time),
    cmocka_unit_test (test_descriptor),
  };

  return cmocka_run_group_tests_name ("ahead", tests, NULL, NULL);
}
