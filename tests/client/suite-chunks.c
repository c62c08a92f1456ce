/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-chunks.c - how the server's octets come makes no difference: one by one, in two pieces, in
   pieces of any length.  */

#include "kit.h"

#include <string.h>

/* What the server says, and what it hears then.  */
struct step {
  const char *say;
  const char *hear;
};

static const struct step steps[] = {
  { "# Welcome\r\n\nOK Pleased to meet you\r\n", "ONE\nTWO\nTHREE\n" },
  { "S PROGRESS x\nD a%25b%0D%", "" },
  { "0Ac\nD \nEND\n# comment\n\nD more\nOK one\n", "" },
  { "ERR 536871936 two <User 1>\n", "" },
  { "S THREE begins\nINQUIRE KEY a b\n", "D 100%25\nEND\n" },
  { "INQUIRE OTHER\n", "CAN\n" },
  { "D d\nINQUIRE UNWANTED\r\n", "CAN\n" },
  { "S dropped\nD dropped\nINQUIRE DROPPED\n", "CAN\n" },
  { "D dropped%0A\nERR 99 dropped\nS BETWEEN\n", "FOUR\n" },
  { "OK four\n", "FIVE\n" },
  { "S x\nOK\n", "" },
};

static const char expected[] =
    "ready\n"
    "a.status PROGRESS x\na.data a%b\\0d\\0ac\na.data\na.end\na.data more\na.done 0 one\n"
    "b.done USER_1 two <User 1>\n"
    "c.status THREE begins\nc.inquire KEY a b\nc.inquire OTHER\nc.data d\nc.inquire UNWANTED\n"
    "c.done CANCELED\n"
    "d.status BETWEEN\nd.done 0 four\ne.status x\ne.done 0\n";

/* Answers the first inquiry, refuses the second, and gives the call up in the third.  */
static gpg_error_t
reply (struct rec *rec, const char *what) {
  uintptr_t *n = rec->arg;

  if (strcmp (what, "inquire")) return 0;
  if (++*n == 2) return eva_answer_cancel (rec->call);
  if (*n == 3) {
    eva_call_cancel (rec->call);
    return 0;
  }
  assert_error (eva_answer_data (rec->call, "100%", 4), "0");
  return eva_answer_end (rec->call);
}

static assuan_context_t
begin (struct peer *p, uintptr_t *n_inquiries) {
  const struct rec ahead = { .name = "b", .cb.flags = EVA_CALL_AHEAD };
  struct rec asks = { .name = "c", .cb.flags = EVA_CALL_AHEAD, .hook = reply };
  assuan_context_t ctx;

  asks.arg = n_inquiries;
  ctx = kit_dial_peer (p);
  kit_call (ctx, "a", "ONE");
  kit_call_like (ctx, &ahead, "TWO");
  kit_call_like (ctx, &asks, "THREE");
  kit_call (ctx, "d", "FOUR");
  kit_call (ctx, "e", "FIVE");
  return ctx;
}

/* How the pieces are cut.  */
struct cut {
  size_t first;     /* of each step; 0: none */
  uint32_t longest; /* random pieces up to this length; 0: the rest at once */
};

static size_t
next_piece (const struct cut *cut, size_t done, size_t left) {
  size_t len = left;

  if (!done && cut->first) len = cut->first;
  if (cut->longest) len = 1 + kit_random (cut->longest);
  return len < left ? len : left;
}

/* Between two pieces the client gets turns enough to read the first.  */
static void
say_in_pieces (struct peer *p, const char *text, const struct cut *cut) {
  size_t len = strlen (text), piece;

  for (size_t done = 0; done < len; done += piece) {
    piece = next_piece (cut, done, len - done);
    peer_write (p, text + done, piece);
    for (int i = 0; i < 4; i++)
      test_loop_turn (&kit_loop, false);
  }
}

static void
play (const struct cut *cut) {
  uintptr_t n_inquiries = 0;
  assuan_context_t ctx;
  struct peer p;

  ctx = begin (&p, &n_inquiries);
  for (size_t i = 0; i < N_ELEMENTS (steps); i++) {
    say_in_pieces (&p, steps[i].say, cut);
    peer_hears (&p, steps[i].hear);
  }
  kit_await (expected);
  kit_close (ctx, &p);
}

static void
test_whole (void **state) {
  (void) state;
  play (&(struct cut) { 0 });
}

static void
test_octets (void **state) {
  (void) state;
  play (&(struct cut) { .longest = 1 });
}

static void
test_two_pieces (void **state) {
  (void) state;
  for (size_t first = 1; first < 50; first++)
    play (&(struct cut) { .first = first });
}

static void
test_random_pieces (void **state) {
  (void) state;
  for (uint32_t seed = 1; seed <= 100; seed++) {
    kit_seed = seed;
    play (&(struct cut) { .longest = 2 + seed % 20 });
  }
}

/* Many replies in one piece: the client takes them turn by turn.  */
static void
test_flood (void **state) {
  const struct rec ahead = { .name = "a", .cb.flags = EVA_CALL_AHEAD };
  struct text all = { 0 }, told = { 0 };
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  for (int i = 0; i < 500; i++) {
    const char *line = kit_format ("S N %d\nD %d\nOK %d\n", i, i, i);
    const char *note = kit_format ("a.status N %d\na.data %d\na.done 0 %d\n", i, i, i);
    kit_call_like (ctx, &ahead, "ASK");
    text_add (&all, line, strlen (line));
    text_add (&told, note, strlen (note));
  }
  kit_settle ();
  peer_take (&p);
  assert_int_equal (p.in.len, 500 * 4);
  text_free (&p.in);
  peer_write (&p, all.data, all.len);
  kit_await (told.data);
  text_free (&all);
  text_free (&told);
  kit_close (ctx, &p);
}

static const struct CMUnitTest tests[] = {
  kit_test (test_whole),         kit_test (test_octets), kit_test (test_two_pieces),
  kit_test (test_random_pieces), kit_test (test_flood),
};

const struct suite chunks_suite = { "chunks", tests, N_ELEMENTS (tests) };
