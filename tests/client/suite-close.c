/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-close.c - the end of connections: eva_close and assuan_release in every stage and within
   every callback, and servers that leave.  What is told then is told once.  */

#include "kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- eva_close -------------------------------------------------------------------------------- */

static void
close_and_check (assuan_context_t ctx, struct peer *p, const char *hears, const char *told) {
  eva_close (ctx);
  assert_error (eva_call (ctx, "NOP", NULL, NULL, NULL), "EPIPE");
  eva_close (ctx);
  kit_await (told);
  eva_close (ctx);
  assert_error (eva_call (ctx, "NOP", NULL, NULL, NULL), "EPIPE");
  peer_hears (p, hears);
  kit_settle ();
  kit_expect ("");
  kit_close (ctx, p);
}

static void
test_close_before_greeting (void **state) {
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = kit_dial_peer (&p);
  close_and_check (ctx, &p, "", "closed CANCELED\n");
  ctx = kit_dial_peer (&p);
  kit_call (ctx, "a", "A");
  kit_settle ();
  peer_say (&p, "# half a greet");
  kit_settle ();
  close_and_check (ctx, &p, "", "a.done CANCELED\nclosed CANCELED\n");
}

/* With so many calls, of which the first is answered so far with SAYS.  */
static void
test_close_with_calls (void **state) {
  static const struct {
    unsigned int n_calls;
    const char *says, *told, *ends;
  } stages[] = {
    { 0, NULL, NULL, "closed CANCELED\n" },
    { 2, NULL, NULL, "a.done CANCELED\nb.done CANCELED\nclosed CANCELED\n" },
    { 2, "S x\nD half", "a.status x\n", "a.done CANCELED\nb.done CANCELED\nclosed CANCELED\n" },
  };

  (void) state;
  for (size_t i = 0; i < N_ELEMENTS (stages); i++) {
    struct peer p;
    assuan_context_t ctx = kit_open (&p);
    for (unsigned int k = 0; k < stages[i].n_calls; k++)
      kit_call (ctx, k ? "b" : "a", k ? "B" : "A");
    if (stages[i].says) kit_exchange (&p, "A\n", stages[i].says, stages[i].told);
    close_and_check (ctx, &p, "BYE\n", stages[i].ends);
  }
}

static void
test_close_in_inquiry (void **state) {
  assuan_context_t ctx;
  struct rec *rec;
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  rec = kit_call (ctx, "a", "A");
  kit_exchange (&p, "A\n", "INQUIRE x\n", "a.inquire x\n");
  assert_error (eva_answer_data (rec->call, "begun", 5), "0");
  close_and_check (ctx, &p, "D begun\nCAN\nBYE\n", "a.done CANCELED\nclosed CANCELED\n");
}

/* What is queued is still sent, as far as the server takes it within its time.  */
static void
test_close_with_output (void **state) {
  char *big = calloc (1, 1 << 20);
  assuan_context_t ctx;
  struct rec *rec;
  struct peer p;

  (void) state;
  assert_non_null (big);
  for (int reads = 0; reads < 2; reads++) {
    kit_config.limits.close_timeout_ms = reads ? EVA_NO_LIMIT : 20;
    ctx = kit_open (&p);
    rec = kit_call (ctx, "a", "A");
    kit_exchange (&p, "A\n", "INQUIRE x\n", "a.inquire x\n");
    assert_error (eva_answer_data (rec->call, big, 1 << 20), "0");
    eva_close (ctx);
    for (unsigned int tries = 0; reads; peer_take (&p)) {
      kit_turn (&tries);
      if (p.in.len > 9 && !memcmp (p.in.data + p.in.len - 9, "\nCAN\nBYE\n", 9)) break;
    }
    kit_await (reads ? "a.done CANCELED\nclosed CANCELED\n" : "a.done CANCELED\nclosed TIMEOUT\n");
    kit_close (ctx, &p);
  }
  free (big);
}

/* A program that tries again whatever happens must not keep the end from coming.  */
static gpg_error_t
try_again (struct rec *rec, const char *what) {
  struct rec again = { .name = "n" };

  if (!strcmp (what, "done")) assert_error (kit_try_call (rec->ctx, &again, "AGAIN"), "EPIPE");
  return 0;
}

static void
test_close_and_try_again (void **state) {
  const struct rec like = { .name = "a", .hook = try_again };
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  kit_call_like (ctx, &like, "A");
  kit_settle ();
  kit_call_like (ctx, &like, "B");
  close_and_check (ctx, &p, "A\nBYE\n", "a.done CANCELED\na.done CANCELED\nclosed CANCELED\n");
  ctx = kit_dial_peer (&p);
  kit_call_like (ctx, &like, "A");
  close_and_check (ctx, &p, "", "a.done CANCELED\nclosed CANCELED\n");
  ctx = kit_open (&p);
  kit_call_like (ctx, &like, "A");
  assuan_release (ctx);
  kit_expect ("a.done CANCELED\n");
  peer_close (&p);
}

/* --- In callbacks ----------------------------------------------------------------------------- */

static void (*end_context) (assuan_context_t ctx);

static gpg_error_t
end_in (struct rec *rec, const char *what) {
  if (!strcmp (what, rec->arg)) end_context (rec->ctx);
  return 0;
}

/* Ends the context in the callback WHAT of a call that is answered with REPLY, with others behind
   it; what is TOLD is the same but for the end.  */
static void
end_in_callback (const char *what, const char *reply, const char *told) {
  const struct rec ahead = { .name = "b", .cb.flags = EVA_CALL_AHEAD };
  struct rec like = { .name = "a", .hook = end_in };
  assuan_context_t ctx;
  struct peer p;

  like.arg = (void *) (uintptr_t) what;
  for (int releases = 0; releases < 2; releases++) {
    end_context = releases ? assuan_release : eva_close;
    ctx = kit_open (&p);
    kit_call_like (ctx, &like, "A");
    kit_call_like (ctx, &ahead, "B");
    kit_call (ctx, "c", "C");
    kit_exchange (&p, "A\nB\n", reply,
                  kit_format ("%sb.done CANCELED\nc.done CANCELED\n%s", told,
                              releases ? "" : "closed CANCELED\n"));
    if (!releases) assuan_release (ctx);
    peer_hears_end (&p);
    peer_close (&p);
  }
}

static void
test_in_callbacks (void **state) {
  (void) state;
  end_in_callback ("data", "D x\nD y\nOK\nOK\n", "a.data x\na.done CANCELED\n");
  end_in_callback ("end", "END\nD y\nOK\n", "a.end\na.done CANCELED\n");
  end_in_callback ("status", "S x\nS y\nERR 9\n", "a.status x\na.done CANCELED\n");
  end_in_callback ("inquire", "INQUIRE x\n", "a.inquire x\na.done CANCELED\n");
  end_in_callback ("inquire", "INQUIRE x\nINQUIRE y\nOK\n", "a.inquire x\na.done CANCELED\n");
  end_in_callback ("done", "OK x\nOK y\nOK z\n", "a.done 0 x\n");
  end_in_callback ("done", "OK x\nD y\n", "a.done 0 x\n");
}

static void
test_in_ready (void **state) {
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  kit_on_ready = assuan_release;
  ctx = kit_dial_peer (&p);
  kit_call (ctx, "a", "A");
  kit_exchange (&p, NULL, "OK\nS x\n", "ready\na.done CANCELED\n");
  peer_hears_end (&p);
  peer_close (&p);
  kit_on_ready = eva_close;
  ctx = kit_dial_peer (&p);
  kit_call (ctx, "a", "A");
  kit_exchange (&p, NULL, "OK\nS x\n", "ready\na.done CANCELED\nclosed CANCELED\n");
  peer_hears (&p, "BYE\n");
  kit_close (ctx, &p);
}

static void
release_closed (assuan_context_t ctx, gpg_error_t err) {
  (void) err;
  assuan_release (ctx);
}

static void
close_closed (assuan_context_t ctx, gpg_error_t err) {
  (void) err;
  eva_close (ctx);
  assert_error (eva_call (ctx, "NOP", NULL, NULL, NULL), "EPIPE");
  assert_error (eva_set_writable (ctx, NULL, NULL), "0");
}

static void
test_in_closed (void **state) {
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  kit_on_closed = release_closed;
  ctx = kit_open (&p);
  peer_close (&p);
  kit_await ("closed EOF\n");
  ctx = kit_open (&p);
  eva_close (ctx);
  kit_await ("closed CANCELED\n");
  peer_close (&p);
  ctx = kit_dial_peer (&p);
  peer_say (&p, "ERR 1\n");
  kit_await_end ("\n");
  peer_close (&p);
  kit_on_closed = close_closed;
  ctx = kit_open (&p);
  peer_close (&p);
  kit_await ("closed EOF\n");
  kit_close (ctx, &p);
}

/* The end of the last call ends its context, too.  */
static gpg_error_t
release_when_done (struct rec *rec, const char *what) {
  if (!strcmp (what, "done")) assuan_release (rec->ctx);
  return 0;
}

static void
test_release_in_last_words (void **state) {
  const struct rec like = { .name = "a", .hook = release_when_done };
  enum { LEFT, CLOSED, CANCELLED, RELEASED, N_ENDS };

  (void) state;
  for (int end = 0; end < N_ENDS; end++) {
    struct peer p;
    assuan_context_t ctx = kit_open (&p);
    struct rec *rec = kit_call_like (ctx, &like, "A");
    if (end == LEFT) peer_close (&p);
    if (end == CLOSED) eva_close (ctx);
    if (end == CANCELLED) eva_call_cancel (rec->call);
    if (end == RELEASED) assuan_release (ctx);
    kit_await (end == LEFT ? "a.done EOF\n" : "a.done CANCELED\n");
    peer_close (&p);
  }
}

static void
release_writable (assuan_context_t ctx, void *arg) {
  (void) arg;
  assuan_release (ctx);
}

static void
test_release_when_writable (void **state) {
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  kit_call (ctx, "a", "A");
  assert_error (eva_set_writable (ctx, release_writable, NULL), "0");
  kit_await ("a.done CANCELED\n");
  peer_hears_end (&p);
  peer_close (&p);
}

/* One client's callback releases another one, which has something to say at the same time.  */
static gpg_error_t
release_other (struct rec *rec, const char *what) {
  assuan_context_t *other = rec->arg;

  if (strcmp (what, "status") || !*other) return 0;
  assuan_release (*other);
  *other = NULL;
  return 0;
}

static void
test_release_another (void **state) {
  struct rec like = { .name = "a", .hook = release_other };
  assuan_context_t a, b, *other[2] = { &b, &a };
  struct peer p, q;

  (void) state;
  for (int first = 0; first < 2; first++) {
    a = kit_open (&p);
    b = kit_open (&q);
    like.arg = other[0];
    kit_call_like (a, &like, "A");
    like.arg = other[1];
    kit_call_like (b, &like, "B");
    peer_hears (&p, "A\n");
    peer_hears (&q, "B\n");
    peer_say (first ? &p : &q, "S x\n");
    peer_say (first ? &q : &p, "S x\n");
    kit_await_end ("a.done CANCELED\n");
    assert_true (!a != !b);
    kit_settle ();
    assuan_release (a ? a : b);
    kit_expect ("a.done CANCELED\n");
    peer_close (&p);
    peer_close (&q);
  }
}

/* --- assuan_release, outside of callbacks ----------------------------------------------------- */

/* Only the calls hear of it.  */
static void
release_at (int stage, const char *told) {
  assuan_context_t ctx;
  struct peer p;

  ctx = stage ? kit_open (&p) : kit_dial_peer (&p);
  if (stage > 1) kit_call (ctx, "a", "A");
  if (stage > 2) peer_hears (&p, "A\n");
  if (stage == 4) peer_say (&p, "S x\nD half");
  if (stage == 5) peer_say (&p, "INQUIRE x\n");
  if (stage == 6) eva_close (ctx);
  if (stage == 7) peer_close (&p);
  if (stage > 3 && stage < 6) kit_settle ();
  assuan_release (ctx);
  kit_expect (told);
  if (p.fd >= 0) peer_hears_end (&p);
  peer_close (&p);
  kit_settle ();
  kit_expect ("");
}

static void
test_release (void **state) {
  (void) state;
  release_at (0, "");
  release_at (1, "");
  release_at (2, "a.done CANCELED\n");
  release_at (3, "a.done CANCELED\n");
  release_at (4, "a.status x\na.done CANCELED\n");
  release_at (5, "a.inquire x\na.done CANCELED\n");
  release_at (6, "a.done CANCELED\n");
  release_at (7, "a.done CANCELED\n");
}

/* --- Servers that leave ----------------------------------------------------------------------- */

/* Leaves after REPLY: PENDING calls get the error, each once, and then the program.  */
static void
leave (const char *reply, const char *told) {
  const struct rec ahead = { .name = "b", .cb.flags = EVA_CALL_AHEAD };
  assuan_context_t ctx;
  struct peer p;

  ctx = kit_open (&p);
  kit_call (ctx, "a", "A");
  kit_call_like (ctx, &ahead, "B");
  kit_call (ctx, "c", "C");
  peer_answers (&p, "A\nB\n", reply);
  peer_close (&p);
  kit_await (told);
  assert_error (eva_call (ctx, "NOP", NULL, NULL, NULL), "EPIPE");
  kit_close (ctx, &p);
}

static void
test_server_leaves (void **state) {
  static const char all[] = "a.done EOF\nb.done EOF\nc.done EOF\nclosed EPIPE\n";

  (void) state;
  leave ("", all);
  leave ("S half", all);
  leave ("D x\n", kit_format ("a.data x\n%s", all));
  leave ("INQUIRE x\n", kit_format ("a.inquire x\n%s", all));
  leave ("S x\nOK", kit_format ("a.status x\n%s", all));
  leave ("OK x\n", kit_format ("a.done 0 x\n%s", all + strlen ("a.done EOF\n")));
  leave ("OK x\nD y\nOK z\n", "a.done 0 x\nb.data y\nb.done 0 z\nc.done EOF\nclosed EPIPE\n");
}

static void
test_server_leaves_at_rest (void **state) {
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  peer_close (&p);
  kit_await ("closed EOF\n");
  kit_close (ctx, &p);
}

/* It answered before it left, when the client was about to say more: the answer is not lost.  */
static void
test_last_answer (void **state) {
  const struct rec ahead = { .name = "b", .cb.flags = EVA_CALL_AHEAD };
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  kit_call (ctx, "a", "A");
  peer_answers (&p, "A\n", "D x\nOK y\n");
  peer_close (&p);
  kit_call_like (ctx, &ahead, "B");
  kit_await ("a.data x\na.done 0 y\nb.done EOF\nclosed EPIPE\n");
  kit_close (ctx, &p);
}

/* The same with more of an answer than one turn takes.  */
static void
test_long_last_answer (void **state) {
  const struct rec like = { .name = "a", .no_status = true };
  const struct rec ahead = { .name = "b", .cb.flags = EVA_CALL_AHEAD };
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  kit_call_like (ctx, &like, "A");
  peer_hears (&p, "A\n");
  for (int i = 0; i < 2000; i++)
    peer_say (&p, "S 0123456789012345678901234567890123456789\n");
  peer_say (&p, "OK y\n");
  peer_close (&p);
  kit_call_like (ctx, &ahead, "B");
  kit_await ("a.done 0 y\nb.done EOF\nclosed EPIPE\n");
  kit_close (ctx, &p);
}

/* It finishes sending, but goes on reading.  */
static void
test_half_close (void **state) {
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  kit_call (ctx, "a", "A");
  peer_answers (&p, "A\n", "OK\n");
  shutdown (p.fd, SHUT_WR);
  kit_await ("a.done 0\nclosed EOF\n");
  kit_close (ctx, &p);
}

/* It reads no more, but what it says is heard.  */
static void
test_deaf (void **state) {
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  kit_call (ctx, "a", "A");
  kit_exchange (&p, "A\n", "S x\n", "a.status x\n");
  shutdown (p.fd, SHUT_RD);
  kit_exchange (&p, NULL, "OK\n", "a.done 0\n");
  kit_call (ctx, "b", "B");
  kit_await ("b.done EPIPE\nclosed EPIPE\n");
  kit_close (ctx, &p);
}

static void
test_reset (void **state) {
  assuan_context_t ctx;
  unsigned int port;
  int listener = peer_listen ("tcp:127.0.0.1", 5, &port);
  struct peer p;

  (void) state;
  for (int stage = 0; stage < 3; stage++) {
    ctx = kit_dial (kit_format ("tcp:127.0.0.1:%u", port));
    peer_accept (&p, listener);
    if (stage) peer_say (&p, "OK\n");
    if (stage) kit_await ("ready\n");
    kit_call (ctx, "a", "A");
    if (stage == 2) peer_hears (&p, "A\n");
    if (!stage) kit_settle ();
    peer_reset (&p);
    kit_await ("a.done EOF\nclosed EPIPE\n");
    kit_close (ctx, &p);
  }
  close (listener);
}

/* As a server does it that was asked to.  */
static void
test_bye (void **state) {
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  kit_call (ctx, "a", "BYE");
  peer_answers (&p, "BYE\n", "OK closing connection\n");
  peer_close (&p);
  kit_await ("a.done 0 closing connection\nclosed EOF\n");
  kit_close (ctx, &p);
}

static void
note_order (assuan_context_t ctx, gpg_error_t err) {
  (void) ctx;
  kit_note (eva_is_orderly (err) ? "orderly" : "a failure");
}

/* A server that has greeted hears HEARS, says SAYS and leaves.  */
static void
leave_orderly (struct peer *p, const char *hears, const char *says, const char *told) {
  peer_answers (p, hears, says);
  peer_close (p);
  kit_await (told);
}

static void
test_orderly (void **state) {
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  kit_on_closed = note_order;
  for (int called = 0; called < 2; called++) {
    ctx = kit_open (&p);
    if (called) kit_call (ctx, "a", "A");
    if (called)
      leave_orderly (&p, "A\n", "OK\n", "a.done 0\nclosed EOF\norderly\n");
    else
      leave_orderly (&p, "", "S at rest\n", "closed EOF\norderly\n");
    assuan_release (ctx);
  }
  ctx = kit_open (&p);
  eva_close (ctx);
  kit_await ("closed CANCELED\norderly\n");
  kit_close (ctx, &p);
}

static void
call_and_cancel (assuan_context_t ctx, struct peer *p) {
  struct rec *rec = kit_call (ctx, "a", "A");

  peer_hears (p, "A\n");
  eva_call_cancel (rec->call);
}

/* What the server owes: a call that was not sent, one that waits, one that was given up, and the
   end of a line.  */
static void
test_not_orderly (void **state) {
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  kit_on_closed = note_order;
  ctx = kit_dial_peer (&p);
  leave_orderly (&p, "", "", "closed EPIPE\na failure\n");
  assuan_release (ctx);
  ctx = kit_open (&p);
  kit_call (ctx, "a", "A");
  leave_orderly (&p, "A\n", "D x\n", "a.data x\na.done EOF\nclosed EPIPE\na failure\n");
  assuan_release (ctx);
  ctx = kit_open (&p);
  eva_call_cancel (kit_call (ctx, "a", "A")->call); /* not sent, so nothing is owed */
  leave_orderly (&p, "", "", "a.done CANCELED\nclosed EOF\norderly\n");
  assuan_release (ctx);
  ctx = kit_open (&p);
  call_and_cancel (ctx, &p);
  leave_orderly (&p, "", "", "a.done CANCELED\nclosed EPIPE\na failure\n");
  assuan_release (ctx);
  ctx = kit_open (&p);
  leave_orderly (&p, "", "S at re", "closed EPIPE\na failure\n");
  assuan_release (ctx);
}

static const struct CMUnitTest tests[] = {
  kit_test (test_close_before_greeting),
  kit_test (test_close_with_calls),
  kit_test (test_close_in_inquiry),
  kit_test (test_close_with_output),
  kit_test (test_close_and_try_again),
  kit_test (test_in_callbacks),
  kit_test (test_in_ready),
  kit_test (test_in_closed),
  kit_test (test_release_in_last_words),
  kit_test (test_release_when_writable),
  kit_test (test_release_another),
  kit_test (test_release),
  kit_test (test_server_leaves),
  kit_test (test_server_leaves_at_rest),
  kit_test (test_last_answer),
  kit_test (test_long_last_answer),
  kit_test (test_half_close),
  kit_test (test_deaf),
  kit_test (test_reset),
  kit_test (test_bye),
  kit_test (test_orderly),
  kit_test (test_not_orderly),
};

const struct suite close_suite = { "close", tests, N_ELEMENTS (tests) };
