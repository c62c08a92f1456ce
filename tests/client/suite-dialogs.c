/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-dialogs.c - callbacks of clients that run the loop again, as modal dialogs do, on loops
   that allow that.  */

#include "kit.h"

#include <string.h>

#include "loop/loop.h"

/* A loop that has nothing to do makes few turns in this time.  */
#define WHILE_MS 30
#define FEW      20
#define SHORT_MS 20

/* The dialog: what it does while it is open, in the callback with this name, once.  */
static struct {
  void (*what) (assuan_context_t ctx);
  const char *when;
  struct peer peer;
  unsigned int n_open, n_closed;
} dialog;

static gpg_error_t
hook (struct rec *rec, const char *what) {
  if (!dialog.what || strcmp (what, dialog.when) != 0) return 0;
  if (dialog.n_open++) return 0;
  dialog.what (rec->ctx);
  dialog.n_closed++;
  return 0;
}

static struct rec *
call_for (assuan_context_t ctx, const char *name, unsigned int timeout_ms) {
  const struct rec like = { .name = name, .cb.timeout_ms = timeout_ms, .hook = hook };

  return kit_call_like (ctx, &like, name);
}

/* A client of which the callback WHEN does WHAT.  */
static assuan_context_t
begin (void (*what) (assuan_context_t ctx), const char *when) {
  memset (&dialog, 0, sizeof dialog);
  dialog.what = what;
  dialog.when = when;
  return kit_open (&dialog.peer);
}

static void
until_closed (void) {
  for (unsigned int tries = 0; !dialog.n_closed;)
    kit_turn (&tries);
}

static void
set_flag (void *arg) {
  *(bool *) arg = true;
}

static unsigned int
idle (unsigned int ms) {
  bool over = false;
  eva_source *timer = eva_loop_add_timer (kit_loop.loop, ms, set_flag, &over);
  unsigned int n = 0;

  assert_non_null (timer);
  for (; !*(volatile bool *) &over; n++)
    test_loop_turn (&kit_loop, true);
  eva_source_free (timer);
  return n;
}

static void
expect_rest (void) {
  assert_in_range (idle (WHILE_MS), 0, FEW);
}

/* A call of NAME, which is answered with REPLY, and what is TOLD of that.  */
static void
ask (assuan_context_t ctx, const char *name, const char *reply, const char *told) {
  call_for (ctx, name, 0);
  kit_exchange (&dialog.peer, kit_format ("%s\n", name), reply, told);
}

/* A call `a`, whose callback opens the dialog because of REPLY; until that is closed.  */
static void
open_by (assuan_context_t ctx, unsigned int timeout_ms, const char *reply) {
  call_for (ctx, "a", timeout_ms);
  peer_answers (&dialog.peer, "a\n", reply);
  until_closed ();
}

/* --- In done: other calls go on --------------------------------------------------------------- */

static void
call_another (assuan_context_t ctx) {
  kit_expect ("a.done 0 text\n");
  ask (ctx, "b", "S STATUS\nD data\nOK b\n", "b.status STATUS\nb.data data\nb.done 0 b\n");
  expect_rest ();
  call_for (ctx, "c", SHORT_MS);
  peer_hears (&dialog.peer, "c\n");
  kit_await ("c.done TIMEOUT\n");
  expect_rest ();
}

static void
test_call_in_done (void **state) {
  assuan_context_t ctx = begin (call_another, "done");

  (void) state;
  open_by (ctx, 0, "OK text\n");
  peer_say (&dialog.peer, "OK late\n");
  ask (ctx, "d", "OK d\n", "d.done 0 d\n");
  kit_close (ctx, &dialog.peer);
}

/* The reply to a call that was given up follows the one whose callback opens the dialog.  */
static void
call_behind_given_up (assuan_context_t ctx) {
  kit_expect ("a.done 0 text\n");
  ask (ctx, "b", "OK b\n", "b.done 0 b\n");
  expect_rest ();
}

static void
call_behind_given_up_inquiry (assuan_context_t ctx) {
  peer_hears (&dialog.peer, "CAN\n");
  call_behind_given_up (ctx);
}

static void
give_up_behind (void (*what) (assuan_context_t ctx), const char *replies) {
  const struct rec ahead = { .name = "g", .cb.flags = EVA_CALL_AHEAD };
  assuan_context_t ctx = begin (what, "done");
  struct rec *given_up;

  call_for (ctx, "a", 0);
  given_up = kit_call_like (ctx, &ahead, "g");
  peer_hears (&dialog.peer, "a\ng\n");
  eva_call_cancel (given_up->call);
  kit_await ("g.done CANCELED\n");
  peer_say (&dialog.peer, replies);
  until_closed ();
  kit_close (ctx, &dialog.peer);
}

static void
test_call_behind_given_up (void **state) {
  (void) state;
  give_up_behind (call_behind_given_up, "OK text\nOK g\n");
  give_up_behind (call_behind_given_up, "OK text\nD x\nOK g\n");
  give_up_behind (call_behind_given_up_inquiry, "OK text\nINQUIRE x\nOK g\n");
}

static void
call_while_late (assuan_context_t ctx) {
  kit_expect ("a.done TIMEOUT\n");
  peer_say (&dialog.peer, "OK a\n");
  call_for (ctx, "b", 0);
  peer_hears (&dialog.peer, "b\n");
  expect_rest ();
  peer_say (&dialog.peer, "OK b\n");
  kit_await ("b.done 0 b\n");
}

/* The callback comes from a timer.  */
static void
test_call_in_late_done (void **state) {
  assuan_context_t ctx = begin (call_while_late, "done");

  (void) state;
  call_for (ctx, "a", SHORT_MS);
  peer_hears (&dialog.peer, "a\n");
  until_closed ();
  kit_close (ctx, &dialog.peer);
}

static void
call_while_cancelled (assuan_context_t ctx) {
  kit_expect ("a.done CANCELED\n");
  peer_say (&dialog.peer, "OK a\n");
  ask (ctx, "b", "OK b\n", "b.done 0 b\n");
  expect_rest ();
}

/* It comes from a call of the program's own.  */
static void
test_call_in_cancelled_done (void **state) {
  assuan_context_t ctx = begin (call_while_cancelled, "done");
  struct rec *rec = call_for (ctx, "a", 0);

  (void) state;
  peer_hears (&dialog.peer, "a\n");
  eva_call_cancel (rec->call);
  assert_int_equal (dialog.n_closed, 1);
  kit_close (ctx, &dialog.peer);
}

#define LONG_TEXT "a text that is longer than what is said in the dialog"

static unsigned int n_checked;

static void
until_checked (void) {
  for (unsigned int tries = 0; !n_checked;)
    kit_turn (&tries);
}

static void
check_text (void *arg, gpg_error_t err, const char *text) {
  assuan_context_t ctx = arg;

  assert_error (err, "0");
  assert_string_equal (text, LONG_TEXT);
  for (int i = 0; i < 3; i++) {
    ask (ctx, "b", "S STATUS\nOK another one\n", "b.status STATUS\nb.done 0 another one\n");
  }
  assert_string_equal (text, LONG_TEXT);
  n_checked++;
}

/* The text of an answer stays while others come.  */
static void
test_text_of_done (void **state) {
  const struct eva_callbacks callbacks = { .done = check_text };
  assuan_context_t ctx = begin (NULL, NULL);

  (void) state;
  n_checked = 0;
  assert_error (eva_call (ctx, "A", &callbacks, ctx, NULL), "0");
  peer_hears (&dialog.peer, "A\n");
  peer_say (&dialog.peer, "OK " LONG_TEXT "\n");
  until_checked ();
  kit_close (ctx, &dialog.peer);
}

static void
on_ready (assuan_context_t ctx) {
  if (dialog.n_open++) return;
  kit_expect ("ready\n");
  ask (ctx, "a", "OK a\n", "a.done 0 a\n");
  expect_rest ();
  dialog.n_closed++;
}

static void
test_ready (void **state) {
  assuan_context_t ctx;

  (void) state;
  memset (&dialog, 0, sizeof dialog);
  kit_on_ready = on_ready;
  ctx = kit_dial_peer (&dialog.peer);
  peer_say (&dialog.peer, "OK\n");
  until_closed ();
  kit_close (ctx, &dialog.peer);
}

/* --- The end, while done runs ----------------------------------------------------------------- */

static void
be_left (assuan_context_t ctx) {
  kit_expect ("a.done 0\n");
  call_for (ctx, "b", 0);
  call_for (ctx, "c", 0);
  peer_hears (&dialog.peer, "b\n");
  peer_close (&dialog.peer);
  kit_await ("b.done EOF\nc.done EOF\n");
  expect_rest ();
  assert_error (eva_call (ctx, "D", NULL, NULL, NULL), "EPIPE");
  kit_expect ("");
}

/* The calls that wait in the dialog learn of it there; the connection is told to be closed behind
   it.  */
static void
test_left (void **state) {
  assuan_context_t ctx = begin (be_left, "done");

  (void) state;
  open_by (ctx, 0, "OK\n");
  kit_await ("closed EPIPE\n");
  assuan_release (ctx);
}

static void
be_left_while_cancelled (assuan_context_t ctx) {
  kit_expect ("a.done CANCELED\n");
  call_for (ctx, "b", 0);
  peer_close (&dialog.peer);
  kit_await ("b.done EOF\n");
  expect_rest ();
}

/* The same in a call of the program's own.  */
static void
test_left_while_cancelled (void **state) {
  assuan_context_t ctx = begin (be_left_while_cancelled, "done");
  struct rec *rec = call_for (ctx, "a", 0);

  (void) state;
  peer_hears (&dialog.peer, "a\n");
  eva_call_cancel (rec->call);
  kit_await ("closed EPIPE\n");
  assuan_release (ctx);
}

static void
be_left_at_end (assuan_context_t ctx) {
  kit_await ("a.done EOF\nb.done EOF\n");
  assert_error (eva_call (ctx, "D", NULL, NULL, NULL), "EPIPE");
  expect_rest ();
}

/* It is the end that done tells of: the others do not wait for the first callback.  */
static void
test_done_of_end (void **state) {
  assuan_context_t ctx = begin (be_left_at_end, "done");

  (void) state;
  call_for (ctx, "a", 0);
  call_for (ctx, "b", 0);
  peer_hears (&dialog.peer, "a\n");
  peer_close (&dialog.peer);
  until_closed ();
  kit_await ("closed EPIPE\n");
  assuan_release (ctx);
}

static assuan_context_t to_end;

static void
release_it (void *arg) {
  (void) arg;
  assuan_release (to_end);
}

static void
close_it (void *arg) {
  (void) arg;
  eva_close (to_end);
}

static void
end_meanwhile (assuan_context_t ctx, void (*cb) (void *arg)) {
  eva_source *timer;

  to_end = ctx;
  kit_expect ("a.done 0\n");
  call_for (ctx, "b", 0);
  peer_hears (&dialog.peer, "b\n");
  timer = eva_loop_add_timer (kit_loop.loop, 1, cb, NULL);
  kit_await ("b.done CANCELED\n");
  expect_rest ();
  eva_source_free (timer);
}

static void
be_released (assuan_context_t ctx) {
  end_meanwhile (ctx, release_it);
}

static void
be_closed (assuan_context_t ctx) {
  end_meanwhile (ctx, close_it);
}

static void
test_released (void **state) {
  assuan_context_t ctx = begin (be_released, "done");

  (void) state;
  open_by (ctx, 0, "OK\n");
  peer_hears (&dialog.peer, "BYE\n");
  peer_hears_end (&dialog.peer);
  peer_close (&dialog.peer);
}

static void
test_closed (void **state) {
  assuan_context_t ctx = begin (be_closed, "done");

  (void) state;
  open_by (ctx, 0, "OK\n");
  kit_await ("closed CANCELED\n");
  assuan_release (ctx);
  peer_hears (&dialog.peer, "BYE\n");
  peer_close (&dialog.peer);
}

static void
on_closed (assuan_context_t ctx, gpg_error_t err) {
  (void) err;
  expect_rest ();
  assuan_release (ctx);
  expect_rest ();
  dialog.n_closed++;
}

static void
test_dialog_of_closed (void **state) {
  (void) begin (NULL, NULL);
  (void) state;
  kit_on_closed = on_closed;
  peer_close (&dialog.peer);
  until_closed ();
  kit_expect ("closed EOF\n");
}

/* --- In a line: what follows it waits --------------------------------------------------------- */

static void
hold_data (assuan_context_t ctx) {
  kit_expect ("a.data first\n");
  call_for (ctx, "b", SHORT_MS);
  peer_say (&dialog.peer, "S STATUS\nD second\nOK a\n");
  kit_await ("b.done TIMEOUT\n");
  expect_rest ();
  kit_expect ("");
}

/* Lines wait, and the call that they belong to; the deadlines of other calls do not.  What has come
   when the callback is through came in time.  */
static void
hold_line (const char *when, const char *line) {
  assuan_context_t ctx = begin (hold_data, when);

  open_by (ctx, SHORT_MS, line);
  kit_await ("a.status STATUS\na.data second\na.done 0 a\n");
  ask (ctx, "c", "OK\n", "c.done 0\n");
  kit_close (ctx, &dialog.peer);
}

static void
test_data (void **state) {
  (void) state;
  hold_line ("data", "D first\n");
}

static void
stay_open (assuan_context_t ctx) {
  (void) ctx;
  kit_expect ("a.status STATUS\n");
  assert_in_range (idle (2 * SHORT_MS), 0, FEW);
  kit_expect ("");
}

/* The call's own time is over after the callback, if nothing came.  */
static void
test_own_deadline (void **state) {
  assuan_context_t ctx = begin (stay_open, "status");

  (void) state;
  open_by (ctx, SHORT_MS, "S STATUS\n");
  kit_await ("a.done TIMEOUT\n");
  kit_close (ctx, &dialog.peer);
}

#define DATA "data that no other line takes the place of"

static gpg_error_t
check_data (void *arg, const void *buf, size_t len) {
  assert_int_equal (len, strlen (DATA));
  peer_say (&dialog.peer, "D other data that is much longer than what there is in the callback\n");
  expect_rest ();
  assert_memory_equal (buf, DATA, len);
  n_checked++;
  (void) arg;
  return gpg_error (GPG_ERR_USER_1);
}

static void
test_octets_of_data (void **state) {
  const struct eva_callbacks callbacks = { .data = check_data };
  assuan_context_t ctx = begin (NULL, NULL);

  (void) state;
  n_checked = 0;
  assert_error (eva_call (ctx, "A", &callbacks, NULL, NULL), "0");
  peer_hears (&dialog.peer, "A\n");
  peer_say (&dialog.peer, "D " DATA "\n");
  until_checked ();
  kit_close (ctx, &dialog.peer);
}

static gpg_error_t
answer_inquiry (struct rec *rec, const char *what) {
  if (strcmp (what, "inquire") != 0) return 0;
  kit_expect ("a.inquire KEYWORD\n");
  assert_error (eva_answer_data (rec->call, "answer", 6), "0");
  assert_error (eva_answer_end (rec->call), "0");
  peer_hears (&dialog.peer, "D answer\nEND\n");
  peer_say (&dialog.peer, "OK thanks\n");
  expect_rest ();
  kit_expect ("");
  dialog.n_closed++;
  return 0;
}

/* What is answered leaves; what the server says to that waits.  */
static void
test_inquiry (void **state) {
  const struct rec like = { .name = "a", .hook = answer_inquiry };
  assuan_context_t ctx = begin (NULL, NULL);

  (void) state;
  kit_call_like (ctx, &like, "A");
  peer_hears (&dialog.peer, "A\n");
  peer_say (&dialog.peer, "INQUIRE KEYWORD\n");
  until_closed ();
  kit_await ("a.done 0 thanks\n");
  kit_close (ctx, &dialog.peer);
}

static void
be_left_in_line (assuan_context_t ctx) {
  kit_expect ("a.status STATUS\n");
  call_for (ctx, "b", 0);
  peer_say (&dialog.peer, "D data\n");
  peer_close (&dialog.peer);
  expect_rest ();
  kit_expect ("");
}

/* The end waits, too: something may stand before it.  */
static void
test_left_in_line (void **state) {
  assuan_context_t ctx = begin (be_left_in_line, "status");

  (void) state;
  open_by (ctx, 0, "S STATUS\n");
  kit_await ("a.data data\na.done EOF\nb.done EOF\nclosed EPIPE\n");
  assuan_release (ctx);
}

static void
end_in_line (assuan_context_t ctx) {
  eva_source *timer = eva_loop_add_timer (kit_loop.loop, 1, to_end ? release_it : close_it, NULL);

  to_end = ctx;
  kit_expect ("a.status STATUS\n");
  kit_await ("a.done CANCELED\n");
  expect_rest ();
  eva_source_free (timer);
}

/* The program's own end does not wait.  */
static void
test_ended_in_line (void **state) {
  (void) state;
  for (int i = 0; i < 2; i++) {
    assuan_context_t ctx = begin (end_in_line, "status");
    to_end = i ? ctx : NULL;
    open_by (ctx, 0, "S STATUS\n");
    kit_await (i ? "" : "closed CANCELED\n");
    if (!i) assuan_release (ctx);
    peer_hears (&dialog.peer, "BYE\n");
    peer_close (&dialog.peer);
  }
}

static unsigned int n_writable;

static void
on_writable (assuan_context_t ctx, void *arg) {
  unsigned int n = ++n_writable;

  (void) arg;
  if (n == 3) return;
  assert_error (eva_set_writable (ctx, on_writable, NULL), "0");
  ask (ctx, "a", "OK\n", "a.done 0\n");
  expect_rest ();
  assert_int_equal (n_writable, n);
}

/* The function of eva_set_writable does not run within itself; calls go on.  */
static void
test_writable (void **state) {
  assuan_context_t ctx = begin (NULL, NULL);

  (void) state;
  n_writable = 0;
  assert_error (eva_set_writable (ctx, on_writable, NULL), "0");
  for (unsigned int tries = 0; n_writable < 3;)
    kit_turn (&tries);
  kit_close (ctx, &dialog.peer);
}

static const struct CMUnitTest tests[] = {
  kit_test (test_call_in_done),
  kit_test (test_call_behind_given_up),
  kit_test (test_call_in_late_done),
  kit_test (test_call_in_cancelled_done),
  kit_test (test_text_of_done),
  kit_test (test_ready),
  kit_test (test_left),
  kit_test (test_left_while_cancelled),
  kit_test (test_done_of_end),
  kit_test (test_released),
  kit_test (test_closed),
  kit_test (test_dialog_of_closed),
  kit_test (test_data),
  kit_test (test_own_deadline),
  kit_test (test_octets_of_data),
  kit_test (test_inquiry),
  kit_test (test_left_in_line),
  kit_test (test_ended_in_line),
  kit_test (test_writable),
};

/* None where callbacks may not run the loop.  */
const struct suite dialog_suite = { "dialog", tests, N_ELEMENTS (tests) };
