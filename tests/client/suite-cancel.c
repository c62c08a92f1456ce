/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-cancel.c - calls that are given up: what the server hears of it, and that the
   connection stays usable.  */

#include "kit.h"

#include <stdlib.h>
#include <string.h>

/* The next call gets its own answer.  */
static void
go_on (assuan_context_t ctx, struct peer *p) {
  kit_call (ctx, "z", "NEXT");
  kit_exchange (p, "NEXT\n", "D next\nOK z\n", "z.data next\nz.done 0 z\n");
  kit_close (ctx, p);
}

/* Its done callback has run when eva_call_cancel returns.  */
static void
cancel (struct rec *rec) {
  eva_call_cancel (rec->call);
  assert_int_equal (rec->n_done, 1);
  assert_error (rec->err, "CANCELED");
}

static void
test_unsent (void **state) {
  struct rec *b, *c, *d;
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  kit_call (ctx, "a", "A");
  b = kit_call (ctx, "b", "B");
  c = kit_call (ctx, "c", "C");
  d = kit_call (ctx, "d", "D");
  peer_hears (&p, "A\n");
  cancel (b);
  cancel (d);
  kit_expect ("b.done CANCELED\nd.done CANCELED\n");
  peer_say (&p, "OK\n");
  kit_exchange (&p, "C\n", "OK\n", "a.done 0\nc.done 0\n");
  assert_int_equal (c->n_done, 1);
  go_on (ctx, &p);
}

/* Before anything was sent at all.  */
static void
test_before_greeting (void **state) {
  struct rec *a, *b;
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = kit_dial_peer (&p);
  a = kit_call (ctx, "a", "A");
  kit_settle ();
  b = kit_call (ctx, "b", "B");
  cancel (a);
  cancel (b);
  kit_expect ("a.done CANCELED\nb.done CANCELED\n");
  peer_say (&p, "OK\n");
  peer_hears_nothing (&p);
  kit_await ("ready\n");
  go_on (ctx, &p);
}

/* In the turn in which it was made: it never leaves.  */
static void
test_at_once (void **state) {
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  cancel (kit_call (ctx, "a", "A"));
  kit_expect ("a.done CANCELED\n");
  peer_hears_nothing (&p);
  go_on (ctx, &p);
}

/* The reply comes later, or some of it has come: BEFORE and BEHIND the cancelling, and what the
   server HEARS behind.  */
static void
cancel_between (const char *before, const char *told, const char *behind, const char *hears) {
  assuan_context_t ctx;
  struct rec *rec;
  struct peer p;

  ctx = kit_open (&p);
  rec = kit_call (ctx, "a", "A");
  kit_exchange (&p, "A\n", before, told);
  cancel (rec);
  kit_expect ("a.done CANCELED\n");
  peer_say (&p, behind);
  peer_hears (&p, hears);
  go_on (ctx, &p);
}

static void
test_sent (void **state) {
  static const char all[] = "S x\n# y\nD z\nEND\nD z\nOK a\n";

  (void) state;
  cancel_between ("", "", "OK\n", "");
  cancel_between ("", "", "ERR 9\n", "");
  cancel_between ("", "", all, "");
  cancel_between ("S x\nD y\n", "a.status x\na.data y\n", all, "");
  cancel_between ("D x", "", "y\nS z\nERR 9 no\n", "");
  cancel_between ("D x\nO", "a.data x\n", "K\n", "");
}

static void
test_inquiries (void **state) {
  (void) state;
  cancel_between ("", "", "INQUIRE X\nERR 9\n", "CAN\n");
  cancel_between ("", "", "INQUIRE X\nS y\nINQUIRE Y\nD z\nOK\n", "CAN\nCAN\n");
  cancel_between ("INQUIRE X\n", "a.inquire X\n", "ERR 9\n", "CAN\n");
  cancel_between ("INQUIRE X\n", "a.inquire X\n", "INQUIRE Y\nOK\n", "CAN\nCAN\n");
}

/* The next call waits until the rest was dropped, though it may be sent ahead.  */
static void
test_next_waits (void **state) {
  const struct rec ahead = { .name = "b", .cb.flags = EVA_CALL_AHEAD };
  assuan_context_t ctx;
  struct rec *rec;
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  rec = kit_call (ctx, "a", "A");
  kit_exchange (&p, "A\n", "INQUIRE X\n", "a.inquire X\n");
  kit_call_like (ctx, &ahead, "B");
  peer_hears_nothing (&p);
  assert_error (eva_answer_data (rec->call, NULL, 5), "ASS_INV_VALUE");
  assert_error (eva_answer_data (rec->call, "begun", 5), "0");
  cancel (rec);
  kit_expect ("a.done CANCELED\n");
  peer_answers (&p, "D begun\nCAN\n", "S x\n");
  peer_hears_nothing (&p);
  peer_say (&p, "ERR 9\n");
  kit_exchange (&p, "B\n", "OK\n", "b.done 0\n");
  go_on (ctx, &p);
}

/* When it was answered already nothing is owed.  */
static void
test_answered (void **state) {
  assuan_context_t ctx;
  struct rec *rec;
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  rec = kit_call (ctx, "a", "A");
  kit_exchange (&p, "A\n", "INQUIRE X\n", "a.inquire X\n");
  assert_error (eva_answer_end (rec->call), "0");
  cancel (rec);
  kit_expect ("a.done CANCELED\n");
  peer_answers (&p, "END\n", "D x\nOK\n");
  go_on (ctx, &p);
}

/* --- Calls that were sent ahead --------------------------------------------------------------- */

#define N_AHEAD 4

/* Cancels those of SET; the others get their answers.  EARLY: before the first reply began, else in
   the middle of it.  */
static void
cancel_set (unsigned int set, bool early) {
  static const char *const names[N_AHEAD] = { "a", "b", "c", "d" };
  struct rec *recs[N_AHEAD];
  assuan_context_t ctx;
  struct peer p;

  ctx = kit_open (&p);
  for (int i = 0; i < N_AHEAD; i++) {
    const struct rec like = { .name = names[i], .cb.flags = EVA_CALL_AHEAD };
    recs[i] = kit_call_like (ctx, &like, kit_format ("CALL %d", i));
  }
  peer_hears (&p, "CALL 0\nCALL 1\nCALL 2\nCALL 3\n");
  if (!early) peer_say (&p, "D 0\n");
  if (!early) kit_await ("a.data 0\n");
  for (int i = 0; i < N_AHEAD; i++)
    if (set >> i & 1) {
      cancel (recs[i]);
      kit_expect (kit_format ("%s.done CANCELED\n", names[i]));
    }
  for (int i = 0; i < N_AHEAD; i++) {
    bool is_cancelled = set >> i & 1;
    const char *name = names[i];
    kit_exchange (&p, NULL, kit_format ("S %d\nD %d\nINQUIRE %d\n", i, i, i),
                  is_cancelled ? ""
                               : kit_format ("%s.status %d\n%s.data %d\n%s.inquire %d\n", name, i,
                                             name, i, name, i));
    if (!is_cancelled) assert_error (eva_answer_end (recs[i]->call), "0");
    kit_exchange (&p, is_cancelled ? "CAN\n" : "END\n", kit_format ("OK %d\n", i),
                  is_cancelled ? "" : kit_format ("%s.done 0 %d\n", name, i));
  }
  go_on (ctx, &p);
}

static void
test_ahead (void **state) {
  (void) state;
  for (unsigned int set = 1; set < 1u << N_AHEAD; set++) {
    cancel_set (set, true);
    cancel_set (set, false);
  }
}

/* The one in front of it, which was given up too, is not answered yet.  */
static void
test_ahead_one_by_one (void **state) {
  const struct rec like = { .name = "a", .cb.flags = EVA_CALL_AHEAD };
  struct rec *recs[50];
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  for (size_t i = 0; i < N_ELEMENTS (recs); i++)
    recs[i] = kit_call_like (ctx, &like, "A");
  kit_settle ();
  for (size_t i = 0; i < N_ELEMENTS (recs); i += 2)
    cancel (recs[i]);
  peer_take (&p);
  text_free (&p.in);
  for (size_t i = 0; i < N_ELEMENTS (recs); i++) {
    peer_say (&p, "D x\nO");
    kit_settle ();
    if (i + 3 < N_ELEMENTS (recs) && i % 4 == 0) cancel (recs[i + 3]);
    peer_say (&p, "K\n");
    kit_settle ();
  }
  for (size_t i = 0; i < N_ELEMENTS (recs); i++)
    assert_error (recs[i]->err, i % 2 == 0 || i % 4 == 3 ? "CANCELED" : "0");
  kit_await_end ("a.done 0\n");
  go_on (ctx, &p);
}

/* Behind one that was given up nothing is sent ahead: the server may inquire there, and takes
   what comes next for the answer.  */
static void
test_ahead_of_given_up (void **state) {
  const struct rec ahead = { .name = "b", .cb.flags = EVA_CALL_AHEAD };
  assuan_context_t ctx;
  struct rec *rec;
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  kit_call (ctx, "a", "A");
  rec = kit_call_like (ctx, &ahead, "B");
  peer_hears (&p, "A\nB\n");
  cancel (rec);
  kit_expect ("b.done CANCELED\n");
  kit_call_like (ctx, &ahead, "C");
  peer_hears_nothing (&p);
  peer_say (&p, "OK\n");
  peer_hears_nothing (&p);
  peer_say (&p, "INQUIRE x\n");
  peer_answers (&p, "CAN\n", "ERR 9\n");
  kit_exchange (&p, "C\n", "OK\n", "a.done 0\nb.done 0\n");
  go_on (ctx, &p);
}

/* --- In callbacks ----------------------------------------------------------------------------- */

/* Gives its own call up in the callback that ARG names.  */
static gpg_error_t
cancel_self (struct rec *rec, const char *what) {
  if (!strcmp (what, rec->arg)) cancel (rec);
  return 0;
}

/* The same, and fails besides: the call has ended already.  */
static gpg_error_t
cancel_self_and_fail (struct rec *rec, const char *what) {
  cancel_self (rec, what);
  return strcmp (what, rec->arg) ? 0 : gpg_error (GPG_ERR_USER_1);
}

static void
cancel_in (const char *what, const char *reply, const char *hears, const char *told) {
  assuan_context_t ctx;
  struct peer p;

  for (int fails = 0; fails < 2; fails++) {
    struct rec like = { .name = "a", .hook = fails ? cancel_self_and_fail : cancel_self };
    like.arg = (void *) (uintptr_t) what;
    ctx = kit_open (&p);
    kit_call_like (ctx, &like, "A");
    kit_call (ctx, "b", "B");
    peer_answers (&p, "A\n", reply);
    kit_exchange (&p, kit_format ("%sB\n", hears), "OK b\n",
                  kit_format ("%sa.done CANCELED\nb.done 0 b\n", told));
    go_on (ctx, &p);
  }
}

static void
test_in_own_callbacks (void **state) {
  static const char inquiring[] = "INQUIRE I\nS more\nINQUIRE I\nERR 9\n";

  (void) state;
  cancel_in ("data", "D 1\nD 2\nS 3\nOK\n", "", "a.data 1\n");
  cancel_in ("end", "D 1\nEND\nEND\nERR 9\n", "", "a.data 1\na.end\n");
  cancel_in ("status", "S 1\nS 2\nOK\n", "", "a.status 1\n");
  cancel_in ("inquire", "INQUIRE I\nERR 9\n", "CAN\n", "a.inquire I\n");
  cancel_in ("inquire", inquiring, "CAN\nCAN\n", "a.inquire I\n");
}

/* Gives all others up, in whatever callback comes first.  */
static gpg_error_t
cancel_others (struct rec *rec, const char *what) {
  struct rec **others = rec->arg;

  (void) what;
  for (; *others; others++)
    if ((*others)->call) cancel (*others);
  return 0;
}

static void
cancel_others_in (const char *reply, const char *hears, const char *told) {
  const struct rec ahead = { .name = "b", .cb.flags = EVA_CALL_AHEAD };
  struct rec *others[4] = { NULL };
  struct rec like = { .name = "a", .hook = cancel_others, .arg = others };
  assuan_context_t ctx;
  struct peer p;

  ctx = kit_open (&p);
  kit_call_like (ctx, &like, "A");
  others[0] = kit_call_like (ctx, &ahead, "B"); /* sent */
  others[1] = kit_call (ctx, "c", "C");
  others[2] = kit_call (ctx, "d", "D");
  peer_answers (&p, "A\nB\n", reply);
  peer_hears (&p, hears);
  kit_expect (told);
  peer_say (&p, "D b\nOK b\n");
  go_on (ctx, &p);
}

static void
test_others_in_callbacks (void **state) {
  static const char inquiry[] = "a.inquire x\nb.done CANCELED\nc.done CANCELED\nd.done CANCELED\n"
                                "a.done ASS_INV_VALUE y\n";

  (void) state;
  cancel_others_in ("D x\nOK y\n", "",
                    "a.data x\nb.done CANCELED\nc.done CANCELED\nd.done CANCELED\na.done 0 y\n");
  cancel_others_in ("S x\nOK y\n", "",
                    "a.status x\nb.done CANCELED\nc.done CANCELED\nd.done CANCELED\na.done 0 y\n");
  cancel_others_in ("OK y\n", "",
                    "a.done 0 y\nb.done CANCELED\nc.done CANCELED\nd.done CANCELED\n");
  cancel_others_in (kit_format ("INQUIRE x\nERR %d y\n", GPG_ERR_ASS_INV_VALUE), "", inquiry);
}

/* A chain: each one's end gives the next one up.  */
static gpg_error_t
cancel_next (struct rec *rec, const char *what) {
  struct rec *next = rec->arg;

  if (!strcmp (what, "done") && next) cancel (next);
  return 0;
}

static void
test_chain (void **state) {
  const struct rec ahead = { .name = "a", .cb.flags = EVA_CALL_AHEAD, .hook = cancel_next };
  const struct rec waits = { .name = "a", .hook = cancel_next };
  struct rec *first, *last = NULL;
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  first = last = kit_call_like (ctx, &ahead, "A");
  for (int i = 1; i < 20; i++)
    last = last->arg = kit_call_like (ctx, i < 10 ? &ahead : &waits, "A");
  kit_settle ();
  cancel (first);
  assert_int_equal (last->n_done, 1);
  kit_await_end ("a.done CANCELED\n");
  peer_hears (&p, "A\nA\nA\nA\nA\nA\nA\nA\nA\nA\n");
  for (int i = 0; i < 10; i++)
    peer_say (&p, "S x\nOK y\n");
  go_on (ctx, &p);
}

/* A new call in the done callback of one that was given up: it comes behind the rest.  */
static gpg_error_t
call_when_done (struct rec *rec, const char *what) {
  if (!strcmp (what, "done")) kit_call (rec->ctx, "n", "NEW");
  return 0;
}

static void
test_call_again (void **state) {
  const struct rec like = { .name = "a", .hook = call_when_done };
  assuan_context_t ctx;
  struct rec *rec;
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  rec = kit_call_like (ctx, &like, "A");
  kit_exchange (&p, "A\n", "INQUIRE X\n", "a.inquire X\n");
  cancel (rec);
  peer_answers (&p, "CAN\n", "ERR 9\n");
  kit_exchange (&p, "NEW\n", "OK new\n", "a.done CANCELED\nn.done 0 new\n");
  go_on (ctx, &p);
}

/* The server goes away with a rest that was given up, also if the client owes it a CAN.  */
static void
test_end_of_server (void **state) {
  static const char *const rests[] = { "", "S x", "D x\n", "INQUIRE X\n" };
  assuan_context_t ctx;
  struct rec *rec;
  struct peer p;

  (void) state;
  for (size_t i = 0; i < N_ELEMENTS (rests); i++) {
    ctx = kit_open (&p);
    rec = kit_call (ctx, "a", "A");
    kit_call (ctx, "b", "B");
    peer_hears (&p, "A\n");
    cancel (rec);
    kit_expect ("a.done CANCELED\n");
    peer_say (&p, rests[i]);
    peer_close (&p);
    kit_await ("b.done EOF\nclosed EPIPE\n");
    kit_close (ctx, &p);
  }
}

static void
test_null (void **state) {
  (void) state;
  eva_call_cancel (NULL);
}

static const struct CMUnitTest tests[] = {
  kit_test (test_unsent),
  kit_test (test_before_greeting),
  kit_test (test_at_once),
  kit_test (test_sent),
  kit_test (test_inquiries),
  kit_test (test_next_waits),
  kit_test (test_answered),
  kit_test (test_ahead),
  kit_test (test_ahead_one_by_one),
  kit_test (test_ahead_of_given_up),
  kit_test (test_in_own_callbacks),
  kit_test (test_others_in_callbacks),
  kit_test (test_chain),
  kit_test (test_call_again),
  kit_test (test_end_of_server),
  kit_test (test_null),
};

const struct suite cancel_suite = { "cancel", tests, N_ELEMENTS (tests) };
