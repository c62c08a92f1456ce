/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-life.c - making and freeing an eva_conn, what an owner may get wrong, and the default limit
   of queued output.  */

#include <stdlib.h>
#include <string.h>

#include "conversation.h"

/* --- An allocator that counts ----------------------------------------------------------------- */

struct memory {
  size_t n_allocs;
  size_t n_live;
  bool is_dirty; /* memory came back that was not wiped */
  bool fails;
};

static void *
give (void *arg, size_t len) {
  struct memory *m = arg;

  m->n_allocs++;
  if (m->fails) return NULL;
  m->n_live++;
  return calloc (1, len);
}

static void
take_back (void *arg, void *ptr, size_t len) {
  struct memory *m = arg;
  const char *octets = ptr;

  for (size_t i = 0; i < len; i++)
    m->is_dirty |= octets[i] != 0;
  m->n_live--;
  free (ptr);
}

static struct eva_conn_config
config_for (struct memory *m, enum eva_role role) {
  *m = (struct memory) { 0 };
  return (struct eva_conn_config) { .role = role, .alloc = give, .release = take_back, .arg = m };
}

static eva_conn *
new_conn (struct memory *m, enum eva_role role) {
  struct eva_conn_config config = config_for (m, role);
  eva_conn *c = NULL;

  assert_int_equal (eva_conn_new (&config, &c), 0);
  assert_non_null (c);
  assert_int_equal (m->n_live, 1);
  return c;
}

static void
free_conn (struct memory *m, eva_conn *c) {
  eva_conn_free (c);
  assert_int_equal (m->n_live, 0);
  assert_false (m->is_dirty);
}

static void
feed (eva_conn *c, const char *text) {
  size_t room;
  void *buf = eva_conn_inbuf (c, &room);

  assert_non_null (buf);
  assert_true (room >= strlen (text));
  memcpy (buf, text, strlen (text));
  assert_int_equal (eva_conn_fed (c, strlen (text)), 0);
}

/* --- Life ------------------------------------------------------------------------------------- */

static void
test_new (void **state) {
  struct memory m;
  struct eva_conn_config config = config_for (&m, EVA_ROLE_CLIENT);
  eva_conn *c = (eva_conn *) (void *) &m;

  (void) state;
  m.fails = true;
  assert_int_equal (eva_conn_new (&config, &c), EVA_E_NOMEM);
  assert_ptr_equal (c, &m);
  assert_int_equal (m.n_allocs, 1);

  config.role = (enum eva_role) 2;
  assert_int_equal (eva_conn_new (&config, &c), EVA_E_STATE);
  config.role = EVA_ROLE_SERVER;
  config.alloc = NULL;
  assert_int_equal (eva_conn_new (&config, &c), EVA_E_STATE);
  config.alloc = give;
  config.release = NULL;
  assert_int_equal (eva_conn_new (&config, &c), EVA_E_STATE);
  assert_ptr_equal (c, &m);
  assert_int_equal (m.n_allocs, 1);
}

static void
test_freed (void **state) {
  struct memory m;
  eva_conn *c;

  (void) state;
  eva_conn_free (NULL);
  c = new_conn (&m, EVA_ROLE_SERVER);
  assert_int_equal (eva_conn_get_state (c), EVA_STATE_GREETING);
  free_conn (&m, c);
}

/* Freed in the middle of everything: a line lent, others waiting, output in part sent, an open
   data line, descriptors both ways.  */
static void
test_free_in_use (void **state) {
  struct memory m;
  eva_conn *c = new_conn (&m, EVA_ROLE_SERVER);
  struct eva_event ev;
  size_t taken;

  (void) state;
  assert_int_equal (eva_conn_ok (c, "hello"), 0);
  assert_int_equal (eva_conn_fed_fd (c, 5), 0);
  feed (c, "SECRET 1\nSECRET 2\nSECR");
  assert_int_equal (eva_conn_next (c, &ev), 1);
  for (int i = 0; i < 100; i++)
    assert_int_equal (eva_conn_status (c, "SECRET", "of some length, to fill buffers"), 0);
  assert_int_equal (eva_conn_send_fd (c, 6), 0);
  assert_int_equal (eva_conn_data (c, "secret", 6, &taken), 0);
  eva_conn_sent (c, 20);
  assert_true (m.n_live > 4);
  free_conn (&m, c);
}

/* The configuration is copied.  */
static void
test_config_copied (void **state) {
  struct memory m;
  struct eva_conn_config config = config_for (&m, EVA_ROLE_SERVER);
  eva_conn *c;

  (void) state;
  assert_int_equal (eva_conn_new (&config, &c), 0);
  memset (&config, 0xff, sizeof config);
  assert_int_equal (eva_conn_ok (c, NULL), 0);
  free_conn (&m, c);
}

/* --- What an owner may get wrong -------------------------------------------------------------- */

static void
test_fed_too_much (void **state) {
  struct memory m;
  eva_conn *c = new_conn (&m, EVA_ROLE_SERVER);
  size_t room;

  (void) state;
  assert_int_equal (eva_conn_fed (c, 1), EVA_E_LIMIT); /* nothing was lent */
  assert_non_null (eva_conn_inbuf (c, &room));
  assert_int_equal (room, EVA_INPUT_SIZE);
  assert_int_equal (eva_conn_fed (c, room + 1), EVA_E_LIMIT);
  assert_int_equal (eva_conn_fed (c, SIZE_MAX), EVA_E_LIMIT);
  assert_int_equal (eva_conn_fed (c, room), 0);
  assert_int_equal (eva_conn_fed (c, 1), EVA_E_LIMIT);
  free_conn (&m, c);
}

static void
test_fed_when_closed (void **state) {
  struct memory m;
  eva_conn *c = new_conn (&m, EVA_ROLE_SERVER);
  size_t room;
  char *buf = eva_conn_inbuf (c, &room);
  struct eva_event ev;

  (void) state;
  assert_non_null (buf);
  eva_conn_close (c);
  assert_int_equal (m.n_live, 1); /* the buffer that was lent is gone */
  assert_int_equal (eva_conn_fed (c, 3), 0);
  assert_int_equal (eva_conn_fed (c, 0), 0);
  assert_int_equal (eva_conn_next (c, &ev), 0);
  free_conn (&m, c);
}

/* Asking for room again and again is harmless, and gives the same.  */
static void
test_inbuf_again (void **state) {
  struct memory m;
  eva_conn *c = new_conn (&m, EVA_ROLE_SERVER);
  size_t room, room_again;
  void *buf = eva_conn_inbuf (c, &room);

  (void) state;
  assert_ptr_equal (eva_conn_inbuf (c, &room_again), buf);
  assert_int_equal (room_again, room);
  assert_int_equal (m.n_allocs, 2);
  free_conn (&m, c);
}

/* --- Limits ----------------------------------------------------------------------------------- */

static void
test_default_max_output (void **state) {
  struct memory m;
  eva_conn *c = new_conn (&m, EVA_ROLE_SERVER);
  char line[EVA_LINE_MAX];
  size_t n = 0;

  (void) state;
  memset (line, 'x', sizeof line);
  while (!eva_conn_line (c, line, sizeof line))
    n++;
  assert_int_equal (n, EVA_DEFAULT_MAX_OUTPUT / (sizeof line + 1));
  assert_int_equal (eva_conn_line (c, line, sizeof line), EVA_E_LIMIT);
  assert_int_equal (eva_conn_output_len (c), n * (sizeof line + 1));
  /* What is queued takes little more memory than its length.  */
  assert_true (m.n_live < EVA_DEFAULT_MAX_OUTPUT / EVA_OUTPUT_SIZE * 11 / 10);
  eva_conn_sent (c, sizeof line + 1);
  assert_int_equal (eva_conn_line (c, line, sizeof line), 0);
  eva_conn_sent (c, SIZE_MAX);
  assert_int_equal (m.n_live, 1);
  free_conn (&m, c);
}

/* One line is never in two pieces, so with one iovec at a time whole lines leave.  */
static void
test_pieces_are_lines (void **state) {
  struct memory m;
  eva_conn *c = new_conn (&m, EVA_ROLE_SERVER);
  char line[EVA_LINE_MAX];
  struct iovec iov;

  (void) state;
  memset (line, 'x', sizeof line);
  for (size_t i = 0; i < 100; i++)
    assert_int_equal (eva_conn_line (c, line, 100 + 9 * i), 0);
  while (eva_conn_output (c, &iov, 1)) {
    assert_int_equal (((char *) iov.iov_base)[iov.iov_len - 1], '\n');
    eva_conn_sent (c, iov.iov_len);
  }
  assert_int_equal (eva_conn_output_len (c), 0);
  free_conn (&m, c);
}

int
main (void) {
  static const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_new),
    cmocka_unit_test (test_freed),
    cmocka_unit_test (test_free_in_use),
    cmocka_unit_test (test_config_copied),
    cmocka_unit_test (test_fed_too_much),
    cmocka_unit_test (test_fed_when_closed),
    cmocka_unit_test (test_inbuf_again),
    cmocka_unit_test (test_default_max_output),
    cmocka_unit_test (test_pieces_are_lines),
  };

  return cmocka_run_group_tests_name ("life", tests, NULL, NULL);
}
