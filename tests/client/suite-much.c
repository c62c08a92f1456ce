/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-much.c - much data, in either direction, and servers that take their time to read.  */

#include "kit.h"

#include <stdlib.h>
#include <string.h>

#define BIG_LEN   ((size_t) 3 << 20)
#define PIECE_LEN ((size_t) 10000)

static const struct rec plain = { .name = "a" };

/* A client whose call `a` is in an inquiry.  */
static assuan_context_t
inquire (struct peer *p, struct rec **ret_rec) {
  assuan_context_t ctx = kit_open (p);

  *ret_rec = kit_call_like (ctx, &plain, "ASK");
  kit_exchange (p, "ASK\n", "INQUIRE MUCH\n", "a.inquire MUCH\n");
  return ctx;
}

/* --- Answers ---------------------------------------------------------------------------------- */

/* An answer that is given piece by piece, as long as there is room.  */
struct source {
  struct rec *rec;
  size_t len;  /* given so far */
  size_t most; /* octets that waited at one time */
  unsigned int n_times;
};

/* Octets of which some have to be escaped.  */
static char
octet_at (size_t i) {
  return (char) (i * 7 % 251);
}

static void
give_piece (struct source *s) {
  size_t len = BIG_LEN - s->len < PIECE_LEN ? BIG_LEN - s->len : PIECE_LEN;
  char piece[PIECE_LEN];

  for (size_t i = 0; i < len; i++)
    piece[i] = octet_at (s->len + i);
  assert_error (eva_answer_data (s->rec->call, piece, len), "0");
  s->len += len;
}

static void
produce (assuan_context_t ctx, void *arg) {
  struct source *s = arg;

  s->n_times++;
  while (s->len < BIG_LEN && eva_get_queued_len (ctx) < EVA_DEFAULT_HIGH_WATER_LEN) {
    give_piece (s);
    if (eva_get_queued_len (ctx) > s->most) s->most = eva_get_queued_len (ctx);
  }
  if (s->len < BIG_LEN)
    assert_error (eva_set_writable (ctx, produce, s), "0");
  else
    assert_error (eva_answer_end (s->rec->call), "0");
}

/* Undoes the escapes of the data lines of T and compares.  Returns the number of octets.  */
static size_t
check_answer (const struct text *t) {
  const char *p = t->data, *end = t->data + t->len;
  size_t n = 0;

  while (end - p > 4) {
    assert_memory_equal (p, "D ", 2);
    for (p += 2; *p != '\n'; p++, n++) {
      char c = *p;
      if (c == '%') {
        c = (char) strtoul ((char[3]) { p[1], p[2], 0 }, NULL, 16);
        p += 2;
      }
      assert_int_equal (c, octet_at (n));
    }
    p++;
  }
  assert_memory_equal (p, "END\n", 4);
  return n;
}

/* Reads until the answer has ended.  */
static void
read_answer (struct peer *p) {
  for (unsigned int tries = 0; p->in.len < 4 || memcmp (p->in.data + p->in.len - 4, "END\n", 4);) {
    size_t before = p->in.len;
    peer_take (p);
    if (p->in.len == before)
      kit_turn (&tries);
    else
      tries = 0;
  }
}

static void
read_and_check (assuan_context_t ctx, struct peer *p) {
  read_answer (p);
  assert_int_equal (check_answer (&p->in), BIG_LEN);
  text_free (&p->in);
  assert_int_equal (eva_get_queued_len (ctx), 0);
  kit_exchange (p, NULL, "OK\n", "a.done 0\n");
  kit_close (ctx, p);
}

/* The program gives no more than there is room for, and what waits stays small.  */
static void
test_answer_in_pieces (void **state) {
  struct source s = { 0 };
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = inquire (&p, &s.rec);
  produce (ctx, &s);
  kit_settle ();
  assert_true (s.len < BIG_LEN);
  read_and_check (ctx, &p);
  assert_true (s.n_times > 2);
  assert_true (s.most < EVA_DEFAULT_HIGH_WATER_LEN + 3 * PIECE_LEN);
}

/* All at once works too, below the hard limit.  */
static void
test_answer_at_once (void **state) {
  char *big = malloc (BIG_LEN);
  assuan_context_t ctx;
  struct rec *rec;
  struct peer p;

  (void) state;
  assert_non_null (big);
  for (size_t i = 0; i < BIG_LEN; i++)
    big[i] = octet_at (i);
  ctx = inquire (&p, &rec);
  assert_error (eva_answer_data (rec->call, big, BIG_LEN), "0");
  assert_error (eva_answer_end (rec->call), "0");
  assert_true (eva_get_queued_len (ctx) > BIG_LEN / 2);
  free (big);
  read_and_check (ctx, &p);
}

/* Above the hard limit the connection is over.  */
static void
test_too_much (void **state) {
  char *big = calloc (1, BIG_LEN);
  assuan_context_t ctx;
  struct rec *rec;
  struct peer p;

  (void) state;
  assert_non_null (big);
  kit_config.limits.max_queued_len = 100000;
  ctx = inquire (&p, &rec);
  assert_error (eva_answer_data (rec->call, big, BIG_LEN), "TOO_LARGE");
  kit_await ("a.done TOO_LARGE\nclosed TOO_LARGE\n");
  free (big);
  kit_close (ctx, &p);
}

/* Given up while much of the answer waits: it still has to go, and CAN behind it.  */
static void
test_cancel_in_answer (void **state) {
  struct source s = { 0 };
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = inquire (&p, &s.rec);
  for (int i = 0; i < 100; i++)
    give_piece (&s);
  kit_call (ctx, "z", "NEXT");
  eva_call_cancel (s.rec->call);
  kit_expect ("a.done CANCELED\n");
  for (unsigned int tries = 0; p.in.len < 5 || memcmp (p.in.data + p.in.len - 5, "\nCAN\n", 5);) {
    kit_turn (&tries);
    peer_take (&p);
  }
  text_free (&p.in);
  peer_say (&p, "S x\nERR 1\n");
  kit_exchange (&p, "NEXT\n", "OK\n", "z.done 0\n");
  kit_close (ctx, &p);
}

/* --- Commands --------------------------------------------------------------------------------- */

#define N_CALLS   3000
#define LINE_LEN  1000
#define REPLY_LEN 3000

/* Answers each line that came with much.  Returns how many there were.  */
static size_t
answer_lines (struct peer *p) {
  char status[REPLY_LEN + 4];
  size_t n = 0;

  memset (status, 'y', sizeof status);
  for (size_t i = 0; i < 3; i++) {
    memcpy (status + i * LINE_LEN, "S ", 2);
    status[(i + 1) * LINE_LEN - 1] = '\n';
  }
  memcpy (status + REPLY_LEN, "OK\n", 4);
  for (; p->in.len >= LINE_LEN; n++) {
    memmove (p->in.data, p->in.data + LINE_LEN, p->in.len -= LINE_LEN);
    peer_write (p, status, sizeof status - 1);
  }
  return n;
}

/* A server that says much for each command, and reads on only when that was taken, as eva_server
   does, meets a client that has much to say, too.  They must not wait for each other.  */
static void
test_both_are_full (void **state) {
  struct rec like = { .name = "c", .no_status = true, .cb.flags = EVA_CALL_AHEAD };
  unsigned int tries = 0;
  assuan_context_t ctx;
  char line[LINE_LEN];
  struct peer p;
  size_t n = 0;

  (void) state;
  memset (line, 'x', sizeof line);
  line[LINE_LEN - 1] = 0;
  ctx = kit_open (&p);
  p.is_stubborn = true;
  for (int i = 0; i < N_CALLS; i++) {
    if (i == N_CALLS - 1) like.name = "last";
    kit_call_like (ctx, &like, line);
  }
  while (n < N_CALLS) {
    size_t before = n;
    peer_take (&p);
    n += answer_lines (&p);
    if (n == before)
      kit_turn (&tries);
    else
      tries = 0;
  }
  kit_await_end ("last.done 0\n");
  kit_close (ctx, &p);
}

static const struct CMUnitTest tests[] = {
  kit_test (test_answer_in_pieces), kit_test (test_answer_at_once), kit_test (test_too_much),
  kit_test (test_cancel_in_answer), kit_test (test_both_are_full),
};

const struct suite much_suite = { "much", tests, N_ELEMENTS (tests) };
