/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-inquire.c - inquiries: answered at once, later, in pieces; or not.  */

#include "kit.h"

#include <string.h>

/* The client of a test, its call `a`, and the server.  */
static assuan_context_t ctx;
static struct rec *rec;
static struct peer p;

/* The call is in an inquiry; the next one waits.  */
static void
inquire (const struct rec *like) {
  ctx = kit_open (&p);
  rec = kit_call_like (ctx, like, "ASK");
  kit_call (ctx, "z", "NEXT");
  kit_exchange (&p, "ASK\n", "INQUIRE KEY x\n", "a.inquire KEY x\n");
}

static void
answer (const char *text) {
  assert_error (eva_answer_data (rec->call, text, strlen (text)), "0");
}

/* The connection is usable: the next call gets its own answer.  */
static void
go_on (void) {
  kit_exchange (&p, "NEXT\n", "OK z\n", "z.done 0 z\n");
  kit_close (ctx, &p);
}

/* The answer ends, the server hears that behind what it HEARS, and is content.  */
static void
end_and_go_on (const char *hears) {
  assert_error (eva_answer_end (rec->call), "0");
  kit_exchange (&p, kit_format ("%sEND\n", hears), "OK\n", "a.done 0\n");
  go_on ();
}

/* The server is gone.  */
static void
leave (void) {
  peer_close (&p);
  kit_await ("a.done EOF\nz.done EOF\nclosed EPIPE\n");
  kit_close (ctx, &p);
}

static const struct rec plain = { .name = "a" };

static void
test_answer_later (void **state) {
  (void) state;
  inquire (&plain);
  peer_hears_nothing (&p);
  answer ("hello");
  peer_hears (&p, "D hello\n");
  assert_error (eva_answer_data (rec->call, " wor%\r\n", 7), "0");
  assert_error (eva_answer_data (rec->call, "ld\0", 3), "0");
  answer ("");
  assert_error (eva_answer_data (rec->call, NULL, 0), "0");
  assert_error (eva_answer_end (rec->call), "0");
  kit_settle ();
  peer_take (&p);
  assert_int_equal (p.in.len, strlen ("D  wor%25%0D%0Ald_\nEND\n"));
  assert_memory_equal (p.in.data, "D  wor%25%0D%0Ald\0\nEND\n", p.in.len);
  text_free (&p.in);
  kit_exchange (&p, NULL, "S seen\nOK a\n", "a.status seen\na.done 0 a\n");
  go_on ();
}

static gpg_error_t
answer_at_once (struct rec *call, const char *what) {
  if (strcmp (what, "inquire")) return 0;
  answer ("at once");
  assert_error (eva_answer_end (call->call), "0");
  assert_error (eva_answer_end (call->call), "ASS_GENERAL");
  assert_error (eva_answer_data (call->call, "x", 1), "ASS_GENERAL");
  assert_error (eva_answer_cancel (call->call), "ASS_GENERAL");
  return 0;
}

static void
test_answer_at_once (void **state) {
  static const struct rec like = { .name = "a", .hook = answer_at_once };

  (void) state;
  inquire (&like);
  peer_answers (&p, "D at once\nEND\n", "INQUIRE AGAIN\n");
  kit_exchange (&p, "D at once\nEND\n", "OK\n", "a.inquire AGAIN\na.done 0\n");
  go_on ();
}

static void
test_empty_answer (void **state) {
  (void) state;
  inquire (&plain);
  end_and_go_on ("");
}

/* The server decides what a refusal means.  */
static void
test_refuse (void **state) {
  (void) state;
  inquire (&plain);
  answer ("begun");
  assert_error (eva_answer_cancel (rec->call), "0");
  assert_error (eva_answer_end (rec->call), "ASS_GENERAL");
  kit_exchange (&p, "D begun\nCAN\n", "INQUIRE SURE\n", "a.inquire SURE\n");
  assert_error (eva_answer_cancel (rec->call), "0");
  kit_exchange (&p, "CAN\n", kit_format ("ERR %d no\n", GPG_ERR_USER_1), "a.done USER_1 no\n");
  go_on ();
}

/* A call without an inquiry has no answer: nothing is sent.  */
static void
test_not_asked (void **state) {
  struct rec *other;

  (void) state;
  ctx = kit_open (&p);
  rec = kit_call (ctx, "a", "ASK");
  other = kit_call (ctx, "z", "NEXT");
  assert_error (eva_answer_data (rec->call, "x", 1), "ASS_GENERAL"); /* not sent yet */
  peer_hears (&p, "ASK\n");
  assert_error (eva_answer_data (rec->call, "x", 1), "ASS_GENERAL");
  assert_error (eva_answer_end (rec->call), "ASS_GENERAL");
  assert_error (eva_answer_cancel (rec->call), "ASS_GENERAL");
  kit_exchange (&p, NULL, "S X\nINQUIRE KEY\n", "a.status X\na.inquire KEY\n");
  assert_error (eva_answer_end (other->call), "ASS_GENERAL");
  peer_hears_nothing (&p);
  end_and_go_on ("");
}

/* A server that does not wait for the answer: the call has ended, and nothing is owed any more.  */
static void
test_impatient (void **state) {
  (void) state;
  inquire (&plain);
  kit_exchange (&p, NULL, kit_format ("S tired\nERR %d enough\n", GPG_ERR_USER_1),
                "a.status tired\na.done USER_1 enough\n");
  assert_null (rec->call);
  go_on ();
}

/* A server that inquires again, as it wants no more of the first answer: each gets an END of its
   own.  */
static void
test_asked_again (void **state) {
  (void) state;
  inquire (&plain);
  answer ("one");
  peer_say (&p, "INQUIRE AGAIN\nS soon\n");
  peer_hears (&p, "D one\n");
  kit_settle ();
  kit_expect ("");
  assert_error (eva_answer_end (rec->call), "0");
  kit_await ("a.inquire AGAIN\na.status soon\n");
  end_and_go_on ("END\n");
}

static void
test_asked_again_and_cancelled (void **state) {
  (void) state;
  inquire (&plain);
  peer_say (&p, "INQUIRE AGAIN\nOK\n");
  kit_settle ();
  eva_call_cancel (rec->call);
  kit_await ("a.done CANCELED\n");
  kit_exchange (&p, "CAN\nCAN\nNEXT\n", "OK z\n", "z.done 0 z\n");
  kit_close (ctx, &p);
}

static void
test_asked_again_and_left (void **state) {
  (void) state;
  inquire (&plain);
  peer_say (&p, "INQUIRE AGAIN\n");
  leave ();
}

/* While it waits for the answer it may say more.  */
static void
test_status_in_inquiry (void **state) {
  (void) state;
  inquire (&plain);
  answer ("one");
  kit_exchange (&p, NULL, "S WAITING\n# still\n", "a.status WAITING\n");
  answer ("two");
  end_and_go_on ("D one\nD two\n");
}

/* The connection ends meanwhile.  */
static void
test_end_in_inquiry (void **state) {
  (void) state;
  inquire (&plain);
  leave ();
}

/* The server has enough, says so and closes, in the middle of an answer that it does not read.  */
static void
test_last_words_in_inquiry (void **state) {
  static char much[500000];

  (void) state;
  inquire (&plain);
  assert_error (eva_answer_data (rec->call, much, sizeof much), "0");
  for (int i = 0; i < 10; i++)
    test_loop_turn (&kit_loop, false);
  p.is_stubborn = true;
  peer_say (&p, kit_format ("S tired\nERR %d enough\n", GPG_ERR_USER_1));
  peer_close (&p);
  for (unsigned int tries = 0; !kit_has_noted ("closed");)
    kit_turn (&tries);
  /* Whether the kernel tells of the peer's end in reading or in writing is its affair.  */
  kit_expect (kit_format ("a.status tired\na.done USER_1 enough\nz.done %s\nclosed EPIPE\n",
                          kit_has_noted ("z.done EPIPE") ? "EPIPE" : "EOF"));
  kit_close (ctx, &p);
}

/* Its end shows in a callback that answers it: no other callback has to hear of it.  */
static gpg_error_t
answer_when_done (struct rec *call, const char *what) {
  struct rec *other = call->arg;

  if (strcmp (what, "done") || !other->call) return 0;
  assert_error (eva_answer_data (other->call, "late", 4), "ASS_GENERAL");
  assert_error (eva_answer_end (other->call), "ASS_GENERAL");
  return 0;
}

static void
test_answer_behind_the_end (void **state) {
  struct rec like = { .name = "a", .hook = answer_when_done };

  (void) state;
  ctx = kit_open (&p);
  rec = kit_call_like (ctx, &like, "ASK");
  rec->arg = kit_call (ctx, "b", "NEXT");
  kit_exchange (&p, "ASK\n", "INQUIRE X\n", "a.inquire X\n");
  peer_close (&p);
  kit_await ("a.done EOF\nb.done EOF\nclosed EPIPE\n");
  kit_close (ctx, &p);
}

/* --- Room ------------------------------------------------------------------------------------- */

static void
note_room (assuan_context_t client, void *arg) {
  (void) client;
  kit_note ("room %s", (const char *) arg);
}

static void
ask_for_room (assuan_context_t client, const char *name) {
  assert_error (eva_set_writable (client, note_room, (void *) (uintptr_t) name), "0");
}

static void
test_writable (void **state) {
  (void) state;
  ctx = kit_open (&p);
  ask_for_room (ctx, "one");
  kit_expect (""); /* out of the loop */
  kit_await ("room one\n");
  ask_for_room (ctx, "two");
  ask_for_room (ctx, "three");
  kit_await ("room three\n");
  ask_for_room (ctx, "four");
  assert_error (eva_set_writable (ctx, NULL, NULL), "0");
  kit_settle ();
  ask_for_room (ctx, "five");
  kit_close (ctx, &p);
}

/* Asked for within a callback, whose output fits.  */
static gpg_error_t
ask_in_callback (struct rec *call, const char *what) {
  ask_for_room (call->ctx, what);
  return 0;
}

static void
test_writable_in_callbacks (void **state) {
  static const struct rec like = { .name = "a", .hook = ask_in_callback };

  (void) state;
  ctx = kit_open (&p);
  rec = kit_call_like (ctx, &like, "ASK");
  kit_exchange (&p, "ASK\n", "D x\n", "a.data x\nroom data\n");
  kit_exchange (&p, NULL, "INQUIRE x\n", "a.inquire x\nroom inquire\n");
  assert_error (eva_answer_end (rec->call), "0");
  kit_exchange (&p, "END\n", "OK\n", "a.done 0\nroom done\n");
  kit_close (ctx, &p);
}

/* When the connection is over there is no room any more.  */
static void
test_writable_at_the_end (void **state) {
  (void) state;
  ctx = kit_open (&p);
  eva_close (ctx);
  ask_for_room (ctx, "never");
  kit_await ("closed CANCELED\n");
  ask_for_room (ctx, "never");
  kit_close (ctx, &p);
}

static const struct CMUnitTest tests[] = {
  kit_test (test_answer_later),
  kit_test (test_answer_at_once),
  kit_test (test_empty_answer),
  kit_test (test_refuse),
  kit_test (test_not_asked),
  kit_test (test_impatient),
  kit_test (test_asked_again),
  kit_test (test_asked_again_and_cancelled),
  kit_test (test_asked_again_and_left),
  kit_test (test_status_in_inquiry),
  kit_test (test_end_in_inquiry),
  kit_test (test_last_words_in_inquiry),
  kit_test (test_answer_behind_the_end),
  kit_test (test_writable),
  kit_test (test_writable_in_callbacks),
  kit_test (test_writable_at_the_end),
};

const struct suite inquire_suite = { "inquire", tests, N_ELEMENTS (tests) };
