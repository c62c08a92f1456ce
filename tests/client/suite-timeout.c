/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-timeout.c - calls that take too long.  Nothing here depends on how fast anything is:
   what may time out does, and what must not has no limit.  */

#include "kit.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

/* The next call gets its own answer.  */
static void
go_on (assuan_context_t ctx, struct peer *p) {
  kit_call (ctx, "z", "NEXT");
  kit_exchange (p, "NEXT\n", "OK z\n", "z.done 0 z\n");
  kit_close (ctx, p);
}

static struct rec *
call_for (assuan_context_t ctx, const char *name, unsigned int timeout_ms) {
  const struct rec like = { .name = name, .cb.timeout_ms = timeout_ms };

  return kit_call_like (ctx, &like, name);
}

static void
test_unsent (void **state) {
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  call_for (ctx, "a", 0);
  call_for (ctx, "b", 10);
  call_for (ctx, "c", 0);
  peer_hears (&p, "a\n");
  kit_await ("b.done TIMEOUT\n");
  peer_say (&p, "OK\n");
  kit_exchange (&p, "c\n", "OK\n", "a.done 0\nc.done 0\n");
  go_on (ctx, &p);
}

/* The server answers, and LEAVES then or not; the loop looks when the time is over.  */
static void
answer_in_time (bool leaves) {
  const struct timespec delay = { 0, 40000000 };
  struct peer p;
  assuan_context_t ctx = kit_open (&p);

  call_for (ctx, "a", 20);
  peer_answers (&p, "a\n", "OK\n");
  if (leaves) peer_close (&p);
  nanosleep (&delay, NULL);
  kit_await (leaves ? "a.done 0\nclosed EOF\n" : "a.done 0\n");
  if (leaves)
    assuan_release (ctx);
  else
    kit_close (ctx, &p);
}

/* What came in time counts.  */
static void
test_answered_in_time (void **state) {
  (void) state;
  answer_in_time (false);
  answer_in_time (true);
}

/* So does a connection that was made in time.  */
static void
test_connected_in_time (void **state) {
  const struct timespec delay = { 0, 40000000 };
  assuan_context_t ctx;
  unsigned int port;
  struct peer p;
  int listener;

  (void) state;
  listener = peer_listen ("tcp:127.0.0.1", 1, &port);
  kit_config.connect_timeout_ms = 20;
  ctx = kit_dial (kit_format ("tcp:127.0.0.1:%u", port));
  nanosleep (&delay, NULL);
  peer_accept (&p, listener);
  kit_exchange (&p, NULL, "OK\n", "ready\n");
  kit_close (ctx, &p);
  close (listener);
}

static void
test_before_greeting (void **state) {
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = kit_dial_peer (&p);
  call_for (ctx, "a", 10);
  call_for (ctx, "b", 0);
  kit_await ("a.done TIMEOUT\n");
  peer_say (&p, "OK\n");
  kit_exchange (&p, "b\n", "OK\n", "ready\nb.done 0\n");
  go_on (ctx, &p);
}

static void
test_while_dialling (void **state) {
  const char *address = kit_format ("unix:%s", tmpdir_path ("s"));
  int listener = peer_listen (address, 0, NULL);
  assuan_context_t first = kit_dial (address), ctx = kit_dial (address);
  struct peer p, q;

  (void) state;
  call_for (ctx, "a", 10);
  call_for (ctx, "b", 0);
  kit_await ("a.done TIMEOUT\n");
  peer_accept (&p, listener);
  peer_accept (&q, listener);
  peer_say (&q, "OK\n");
  kit_exchange (&q, "b\n", "OK\n", "ready\nb.done 0\n");
  go_on (ctx, &q);
  kit_close (first, &p);
  close (listener);
}

/* The reply comes when no call waits for it any more; it is not the next one's.  */
static void
time_out (const char *reply, const char *hears) {
  assuan_context_t ctx;
  struct peer p;

  ctx = kit_open (&p);
  call_for (ctx, "a", 30);
  call_for (ctx, "b", 0);
  kit_await ("a.done TIMEOUT\n");
  peer_answers (&p, "a\n", reply);
  kit_exchange (&p, kit_format ("%sb\n", hears), "OK b\n", "b.done 0 b\n");
  go_on (ctx, &p);
}

static void
test_sent (void **state) {
  (void) state;
  time_out ("OK\n", "");
  time_out ("S x\nD y\nINQUIRE z\nERR 9\n", "CAN\n");
}

/* An inquiry that the program does not answer in time is refused: the limit is for all of the
   call.  */
static void
test_in_inquiry (void **state) {
  assuan_context_t ctx;
  struct rec *rec;
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  rec = call_for (ctx, "a", 500);
  kit_settle ();
  peer_say (&p, "INQUIRE X\n");
  kit_await_end ("a.done TIMEOUT\n");
  assert_int_equal (rec->n_done, 1);
  peer_answers (&p, "a\nCAN\n", "INQUIRE Y\n");
  peer_answers (&p, "CAN\n", "ERR 9\n");
  go_on (ctx, &p);
}

/* --- Many ------------------------------------------------------------------------------------- */

#define N_MANY 200

/* Every second one has a limit, the later the shorter: all of them are over before the server says
   anything; the others are answered.  */
static void
time_out_many (unsigned int flags) {
  unsigned int n_timeouts = 0, tries = 0;
  unsigned int least_ms = flags ? 1000 : 1; /* those that go ahead have to be sent before */
  struct rec *recs[N_MANY];
  assuan_context_t ctx;
  struct peer p;

  ctx = kit_open (&p);
  for (unsigned int i = 0; i < N_MANY; i++) {
    const struct rec like = { .name = "a",
                              .cb.flags = flags,
                              .cb.timeout_ms = i % 2 ? least_ms + (N_MANY - i) / 10 : 0 };
    recs[i] = kit_call_like (ctx, &like, "A");
  }
  while (n_timeouts < N_MANY / 2) {
    kit_turn (&tries);
    n_timeouts = 0;
    for (unsigned int i = 1; i < N_MANY; i += 2)
      n_timeouts += recs[i]->n_done;
  }
  for (unsigned int i = 0; i < N_MANY; i++)
    assert_error (recs[i]->n_done ? recs[i]->err : 0, i % 2 ? "TIMEOUT" : "0");
  for (unsigned int i = 0; i < N_MANY; i++) {
    if (!flags && i % 2) continue;
    for (tries = 0; p.in.len < 2; peer_take (&p))
      kit_turn (&tries);
    memmove (p.in.data, p.in.data + 2, p.in.len -= 2);
    peer_say (&p, "OK\n");
    kit_settle ();
    assert_int_equal (recs[i]->n_done, 1);
  }
  kit_await_end ("a.done 0\n");
  go_on (ctx, &p);
}

static void
test_many (void **state) {
  (void) state;
  time_out_many (0);
}

static void
test_many_ahead (void **state) {
  (void) state;
  time_out_many (EVA_CALL_AHEAD);
}

/* --- In callbacks ----------------------------------------------------------------------------- */

/* A callback that hears of the end of one gives all others up, whose time is over as well.  */
static gpg_error_t
cancel_all (struct rec *rec, const char *what) {
  struct rec **all = rec->arg;

  (void) what;
  for (; *all; all++)
    if ((*all)->call) eva_call_cancel ((*all)->call);
  return 0;
}

static void
test_cancel_in_callback (void **state) {
  struct rec *all[5] = { NULL };
  const struct rec like = { .name = "a", .cb.timeout_ms = 300, .hook = cancel_all, .arg = all };
  unsigned int n_timeouts = 0;
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  for (int i = 0; i < 4; i++)
    all[i] = kit_call_like (ctx, &like, "A");
  peer_hears (&p, "A\n"); /* of a call that ends unsent the server hears nothing */
  kit_await_end ("a.done CANCELED\n");
  for (int i = 0; i < 4; i++)
    n_timeouts += gpg_err_code (all[i]->err) == GPG_ERR_TIMEOUT;
  assert_int_equal (n_timeouts, 1);
  peer_say (&p, "OK\n");
  go_on (ctx, &p);
}

/* A new call with a limit of its own, forever, until it is answered.  */
static gpg_error_t
try_again (struct rec *rec, const char *what) {
  const struct rec like = { .name = "a", .cb.timeout_ms = 1, .hook = try_again, .arg = rec->arg };
  unsigned int *n = rec->arg;

  if (!strcmp (what, "done") && (*n)++ < 10) kit_call_like (rec->ctx, &like, "AGAIN");
  return 0;
}

static void
test_try_again (void **state) {
  unsigned int n = 0, tries = 0;
  const struct rec like = { .name = "a", .cb.timeout_ms = 1, .hook = try_again, .arg = &n };
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  kit_call (ctx, "b", "B");
  peer_hears (&p, "B\n");
  kit_call_like (ctx, &like, "AGAIN");
  while (n < 11)
    kit_turn (&tries);
  kit_await_end ("a.done TIMEOUT\n");
  peer_hears_nothing (&p);
  kit_exchange (&p, NULL, "OK\n", "b.done 0\n");
  go_on (ctx, &p);
}

static gpg_error_t
release_when_done (struct rec *rec, const char *what) {
  if (!strcmp (what, "done")) assuan_release (rec->ctx);
  return 0;
}

static void
test_release_in_callback (void **state) {
  const struct rec like = { .name = "a", .cb.timeout_ms = 1, .hook = release_when_done };
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  kit_call (ctx, "b", "B");
  kit_call_like (ctx, &like, "A");
  kit_await ("a.done TIMEOUT\nb.done CANCELED\n");
  peer_hears_end (&p);
  peer_close (&p);
}

/* The time for the reply begins when the command is sent: a call that was given up in front does
   not use it up.  */
static void
test_from_sending (void **state) {
  const struct rec like = { .name = "b", .cb.reply_timeout_ms = 20 };
  const struct timespec delay = { 0, 40000000 };
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  call_for (ctx, "a", 10);
  kit_call_like (ctx, &like, "b");
  peer_hears (&p, "a\n");
  kit_await ("a.done TIMEOUT\n");
  nanosleep (&delay, NULL);
  kit_settle ();
  kit_expect ("");
  peer_say (&p, "OK\n");
  peer_hears (&p, "b\n");
  kit_await ("b.done TIMEOUT\n");
  peer_say (&p, "OK\n");
  go_on (ctx, &p);
}

/* The earlier one counts, whichever that is.  */
static void
test_both_limits (void **state) {
  const struct rec all = { .name = "a", .cb.timeout_ms = 20, .cb.reply_timeout_ms = 1000000 };
  const struct rec reply = { .name = "b", .cb.timeout_ms = 1000000, .cb.reply_timeout_ms = 20 };
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = kit_open (&p);
  kit_call_like (ctx, &all, "a");
  peer_hears (&p, "a\n");
  kit_await ("a.done TIMEOUT\n");
  peer_say (&p, "OK\n");
  kit_call_like (ctx, &reply, "b");
  peer_hears (&p, "b\n");
  kit_await ("b.done TIMEOUT\n");
  peer_say (&p, "OK\n");
  go_on (ctx, &p);
}

static const struct CMUnitTest tests[] = {
  kit_test (test_from_sending),
  kit_test (test_both_limits),
  kit_test (test_unsent),
  kit_test (test_answered_in_time),
  kit_test (test_connected_in_time),
  kit_test (test_before_greeting),
  kit_test (test_while_dialling),
  kit_test (test_sent),
  kit_test (test_in_inquiry),
  kit_test (test_many),
  kit_test (test_many_ahead),
  kit_test (test_cancel_in_callback),
  kit_test (test_try_again),
  kit_test (test_release_in_callback),
};

const struct suite timeout_suite = { "timeout", tests, N_ELEMENTS (tests) };
