/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-hand-client.c - clients that are driven by hand, with eva_call.  */

#include "hand.h"

#include <string.h>

#define NS_PER_MS UINT64_C (1000000)

/* --- Clients ---------------------------------------------------------------------------------- */

static void
test_client (void **state) {
  const struct rec ahead = { .name = "b", .cb.flags = EVA_CALL_AHEAD };
  assuan_context_t ctx;
  struct rec *rec;
  struct hand h;
  struct peer p;

  (void) state;
  ctx = hand_connect (&h, &p);
  rec = kit_call (ctx, "a", "ONE");
  kit_call_like (ctx, &ahead, "TWO");
  kit_call (ctx, "c", "THREE");
  assert_int_equal (eva_get_deadline (ctx), 0);
  peer_hears (&p, "ONE\nTWO\n");
  assert_true (eva_get_deadline (ctx) == EVA_NO_DEADLINE);
  kit_exchange (&p, NULL, "S x\nINQUIRE y\n", "a.status x\na.inquire y\n");
  assert_error (eva_answer_data (rec->call, "answer", 6), "0");
  assert_error (eva_answer_end (rec->call), "0");
  peer_answers (&p, "D answer\nEND\n", "OK\nD z\nOK\n");
  peer_hears (&p, "THREE\n");
  kit_expect ("a.done 0\nb.data z\nb.done 0\n");
  peer_close (&p);
  kit_await ("c.done EOF\n");
  assert_error (h.err, "EPIPE");
  assert_error (eva_call (ctx, "NOP", NULL, NULL, NULL), "EPIPE");
  hand_end (ctx, &p);
}

static void
test_client_octets (void **state) {
  static const char reply[] = "S x\r\n\nD a%25b\nEND\n# c\nOK text\nERR 1024\nS late\n";
  const struct rec ahead = { .name = "b", .cb.flags = EVA_CALL_AHEAD };
  assuan_context_t ctx;
  struct hand h;
  struct peer p;

  (void) state;
  ctx = hand_connect (&h, &p);
  kit_call (ctx, "a", "A");
  kit_call_like (ctx, &ahead, "B");
  peer_hears (&p, "A\nB\n");
  for (const char *s = reply; *s; s++) {
    peer_write (&p, s, 1);
    hand_turn (&h);
  }
  kit_expect ("a.status x\na.data a%b\na.end\na.done 0 text\nb.done USER_1\n");
  hand_end (ctx, &p);
}

static void
test_client_timeouts (void **state) {
  const struct rec like = { .name = "a", .cb.timeout_ms = 1000 };
  assuan_context_t ctx;
  uint64_t deadline;
  struct hand h;
  struct peer p;

  (void) state;
  ctx = hand_connect (&h, &p);
  kit_call_like (ctx, &like, "A");
  kit_call (ctx, "b", "B");
  hand_settle (&h);
  deadline = eva_get_deadline (ctx);
  assert_true (deadline > eva_now () - 1000 * NS_PER_MS && deadline != EVA_NO_DEADLINE);
  hand_now_ns = deadline - 1;
  hand_settle (&h);
  assert_error (eva_process (ctx, 0, deadline - 1), "0");
  kit_expect ("");
  hand_now_ns = deadline;
  hand_settle (&h);
  kit_expect ("a.done TIMEOUT\n");
  assert_true (eva_get_deadline (ctx) == EVA_NO_DEADLINE);
  peer_answers (&p, "A\n", "OK\n");
  kit_exchange (&p, "B\n", "OK\n", "b.done 0\n");
  hand_end (ctx, &p);
}

static gpg_error_t
release_in (struct rec *rec, const char *what) {
  if (!strcmp (what, rec->arg)) assuan_release (rec->ctx);
  return 0;
}

static void
release_client_in (const char *what, const char *reply, const char *noted) {
  struct rec like = { .name = "a", .hook = release_in };
  assuan_context_t ctx;
  struct hand h;
  struct peer p;

  like.arg = (void *) (uintptr_t) what;
  ctx = hand_connect (&h, &p);
  kit_call_like (ctx, &like, "A");
  kit_exchange (&p, "A\n", reply, noted);
  assert_error (h.err, "EOF");
  hand_forget_all ();
  peer_close (&p);
}

static void
test_client_releases (void **state) {
  (void) state;
  release_client_in ("data", "D x\nD y\n", "a.data x\na.done CANCELED\n");
  release_client_in ("status", "S x\nD y\n", "a.status x\na.done CANCELED\n");
  release_client_in ("inquire", "INQUIRE x\n", "a.inquire x\na.done CANCELED\n");
  release_client_in ("done", "OK x\nOK y\n", "a.done 0 x\n");
}

static void
test_client_closes (void **state) {
  assuan_context_t ctx;
  struct hand h;
  struct peer p;

  (void) state;
  ctx = hand_connect (&h, &p);
  kit_call (ctx, "a", "A");
  peer_hears (&p, "A\n");
  eva_close (ctx);
  kit_expect ("a.done CANCELED\n");
  peer_hears (&p, "BYE\n");
  assert_error (h.err, "CANCELED");
  hand_end (ctx, &p);
}

/* A server and a client, both by hand, with a line between them that takes one octet at a time.  */
static void
relay (struct peer *from, struct peer *to) {
  peer_take (from);
  if (!from->in.len) return;
  peer_write (to, from->in.data, 1);
  memmove (from->in.data, from->in.data + 1, from->in.len--);
}

static void
test_both (void **state) {
  const struct rec ahead = { .name = "a", .cb.flags = EVA_CALL_AHEAD };
  assuan_context_t server, client;
  unsigned int tries = 0;
  struct hand h, g;
  struct peer p, q;
  struct rec *rec;

  (void) state;
  server = hand_new_server (&p, 0);
  client = hand_new_client (&q, 0);
  assert_error (eva_set_nonblocking (server), "0");
  assert_error (eva_set_nonblocking (client), "0");
  hand_drive (&h, server);
  hand_drive (&g, client);
  hand_is_quiet = true;
  peer_hears_hello (&p);
  kit_call (client, "a", "ECHO one");
  kit_call_like (client, &ahead, "SAY 2");
  rec = kit_call (client, "b", "ASK K");
  for (; !rec->n_done && tries < 10000; tries++) {
    hand_turn (&h);
    hand_turn (&g);
    relay (&p, &q);
    relay (&q, &p);
    if (kit_has_noted ("b.inquire K") && !rec->arg) {
      rec->arg = rec;
      assert_error (eva_answer_data (rec->call, "%\n", 2), "0");
      assert_error (eva_answer_end (rec->call), "0");
    }
  }
  kit_expect ("a.data one\na.done 0\na.status N 0\na.status N 1\na.done 0\nb.inquire K\n"
              "b.data %\\0a\nb.done 0\n");
  hand_forget_all ();
  assuan_release (client);
  assuan_release (server);
  peer_close (&p);
  peer_close (&q);
}

static const struct CMUnitTest tests[] = {
  kit_test (test_client),          kit_test (test_client_octets), kit_test (test_client_timeouts),
  kit_test (test_client_releases), kit_test (test_client_closes), kit_test (test_both),
};

const struct suite hand_client_suite = { "hand-client", tests, N_ELEMENTS (tests) };
