/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-output.c - what handlers say: when it leaves, and in which order.  */

#include "suite.h"

/* --- Without the peer's doing ----------------------------------------------------------------- */

static void
say_status (void *arg) {
  assert_int_equal (assuan_write_status (arg, "PROGRESS", "now"), 0);
}

/* A status line out of a timer leaves at once, though the peer does nothing.  */
static void
test_status_from_timer (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  peer_say (p, "WAIT\n");
  kit_until (service.jobs);
  for (int i = 0; i < 3; i++) {
    kit_after (1, say_status, p->guest->ctx);
    peer_expect (p, "S PROGRESS now\n");
  }
  say_status (p->guest->ctx);
  peer_expect (p, "S PROGRESS now\n");
  service_finish (0);
  peer_expect (p, "OK\n");
}

static void
send_some (void *arg) {
  assert_int_equal (assuan_send_data (arg, "some", 4), 0);
}

/* A data line that is not full leaves with the turn, too.  */
static void
test_data_from_timer (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  peer_say (p, "WAIT\n");
  kit_until (service.jobs);
  kit_after (0, send_some, p->guest->ctx);
  peer_expect (p, "D some\n");
  send_some (p->guest->ctx);
  send_some (p->guest->ctx);
  peer_expect (p, "D somesome\n");
  service_finish (0);
  peer_expect (p, "OK\n");
}

/* A comment while no command is under way.  */
static void
test_said_while_idle (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  assert_int_equal (assuan_write_line (p->guest->ctx, "# by the way"), 0);
  peer_expect (p, "# by the way\n");
  peer_ask (p, "NOP\n", "OK\n");
}

/* --- Order ------------------------------------------------------------------------------------ */

static gpg_error_t
say_all (assuan_context_t ctx, char *line) {
  (void) line;
  assert_int_equal (assuan_send_data (ctx, "one", 3), 0);
  assert_int_equal (assuan_write_status (ctx, "TWO", NULL), 0);
  assert_int_equal (assuan_send_data (ctx, "thr", 3), 0);
  assert_int_equal (assuan_send_data (ctx, "ee", 2), 0);
  assert_int_equal (assuan_write_line (ctx, "# four"), 0);
  assert_int_equal (assuan_send_data (ctx, "five%\n", 6), 0);
  assert_int_equal (assuan_send_data (ctx, NULL, 0), 0);
  assert_int_equal (assuan_write_line (ctx, "END"), 0);
  assert_int_equal (assuan_send_data (ctx, "six", 3), 0);
  assert_int_equal (assuan_write_status (ctx, "SEVEN", "seven"), 0);
  return assuan_set_okay_line (ctx, "eight");
}

#define ALL "D one\nS TWO\nD three\n# four\nD five%25%0A\nEND\nD six\nS SEVEN seven\nOK eight\n"

static void
test_order (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  service.run = say_all;
  peer_ask (p, "RUN\nRUN\nNOP\n", ALL ALL "OK\n");
}

static gpg_error_t
say_with_stream (assuan_context_t ctx, char *line) {
  FILE *fp = assuan_get_data_fp (ctx);

  (void) line;
  assert_non_null (fp);
  fputs ("stream", fp);
  assert_int_equal (assuan_write_status (ctx, "AFTER", NULL), 0);
  fprintf (fp, "%d", 42);
  return 0;
}

static void
test_data_stream (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  service.run = say_with_stream;
  peer_ask (p, "RUN\nRUN\n", "D stream\nS AFTER\nD 42\nOK\nD stream\nS AFTER\nD 42\nOK\n");
}

/* What one turn says leaves in one piece: the peer never sees the beginning only.  */
static void
test_one_write_a_turn (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  service.run = say_all;
  peer_say (p, "RUN\nRUN\nRUN\n");
  kit_until ((peer_take (p, 1), p->len));
  peer_take (p, 10000);
  peer_expect (p, ALL ALL ALL);
}

/* --- More than the peer takes at once
   -----------------------------------------------------------  */

static void
test_data_of_all_lengths (void **state) {
  struct peer *p = peer_new ();
  char text[40];

  (void) state;
  for (size_t len = 990; len < 1003; len++) {
    snprintf (text, sizeof text, "DATA %zu\n", len);
    peer_say (p, text);
    peer_expect_data (p, len);
  }
}

/* The queue goes on as the peer takes, piece by piece.  */
static void
test_much_data (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  peer_say (p, "DATA 2000000\nDATA 5\n");
  kit_settle ();
  assert_true (eva_get_queued_len (p->guest->ctx) > 1000000);
  peer_expect_data (p, 2000000);
  peer_expect_data (p, 5);
  assert_int_equal (eva_get_queued_len (p->guest->ctx), 0);
}

/* --- Waiting for room ------------------------------------------------------------------------- */

static unsigned int n_writable;
static size_t n_left;

static void
on_writable (assuan_context_t ctx, void *arg) {
  assert_ptr_equal (arg, &n_left);
  assert_true (eva_get_queued_len (ctx) <= EVA_DEFAULT_HIGH_WATER_LEN);
  n_writable++;
  if (!n_left) service_finish (0);
  if (!n_left) return;
  n_left--;
  for (int i = 0; i < 100; i++)
    assert_int_equal (assuan_send_data (ctx, &"abcdefghijklmnopqrstuvw"[i % 23], 1), 0);
  assert_int_equal (eva_set_writable (ctx, on_writable, arg), 0);
}

/* Called though nothing waits, and in each turn, once for each call.  */
static void
test_writable_at_once (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  n_writable = 0;
  n_left = 0;
  peer_say (p, "WAIT\n");
  kit_until (service.jobs);
  assert_int_equal (eva_set_writable (p->guest->ctx, on_writable, &n_left), 0);
  assert_int_equal (n_writable, 0);
  peer_expect (p, "OK\n");
  kit_settle ();
  assert_int_equal (n_writable, 1);
}

static gpg_error_t
send_when_writable (assuan_context_t ctx, char *line) {
  (void) line;
  assert_int_equal (eva_set_writable (ctx, on_writable, &n_left), 0);
  return service_defer (ctx);
}

static void
test_writable_within_handler (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  n_writable = 0;
  n_left = 300;
  service.run = send_when_writable;
  peer_say (p, "RUN\n");
  kit_until (n_writable == 301);
  kit_until ((peer_take (p, 1000000), p->len == 300 * 103 + 3));
  assert_string_equal (p->data + p->start + p->len - 4, "\nOK\n");
}

static gpg_error_t
fill_and_wait (assuan_context_t ctx, char *line) {
  static char much[200000];

  (void) line;
  assert_int_equal (assuan_send_data (ctx, much, sizeof much), 0);
  assert_int_equal (eva_set_writable (ctx, on_writable, &n_left), 0);
  return service_defer (ctx);
}

/* Above the high water, of a peer that takes everything at once or nothing yet.  */
static void
test_writable_after_much (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  n_writable = 0;
  n_left = 0;
  service.run = fill_and_wait;
  peer_say (p, "RUN\n");
  kit_until ((peer_take (p, 100000), n_writable == 1));
  peer_say (p, "RUN\n");
  kit_settle ();
  while (n_writable < 2) {
    peer_take (p, 1000);
    kit_turn ();
  }
}

/* More than the kernel takes before the peer does.  */
static gpg_error_t
fill (assuan_context_t ctx) {
  static char much[2000000];

  assert_int_equal (assuan_send_data (ctx, much, sizeof much), 0);
  return eva_set_writable (ctx, on_writable, &n_left);
}

static gpg_error_t
fill_and_finish (assuan_context_t ctx, char *line) {
  (void) line;
  return fill (ctx);
}

static gpg_error_t
fill_and_defer (assuan_context_t ctx, char *line) {
  gpg_error_t err = fill (ctx);

  (void) line;
  return err ? err : service_defer (ctx);
}

static gpg_error_t
fill_and_close (assuan_context_t ctx, char *line) {
  gpg_error_t err = fill_and_defer (ctx, line);

  eva_close (ctx);
  return err;
}

/* What a command wanted to be told is not told after it: the argument may be gone.  The handler
   ends it here, or another callback, while the peer takes nothing yet; or the server does.  */
static void
test_writable_ends_with_command (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  n_writable = 0;
  n_left = 0;
  service.run = fill_and_finish;
  peer_say (p, "RUN\nBYE\n");
  peer_drop_all (p);
  service.run = fill_and_defer;
  p = peer_new ();
  peer_say (p, "RUN\nBYE\n");
  kit_until (service.jobs);
  kit_settle ();
  service_finish (0);
  peer_drop_all (p);
  service.run = fill_and_close;
  p = peer_new ();
  peer_say (p, "RUN\n");
  peer_drop_all (p);
  assert_int_equal (n_writable, 0);
}

static void
note_writable (assuan_context_t ctx, void *arg) {
  (void) ctx;
  assert_ptr_equal (arg, &n_left);
  n_writable++;
}

/* Set outside of a command, it belongs to the connection.  */
static void
test_writable_without_command (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  n_writable = 0;
  peer_say (p, "DATA 2000000\n");
  kit_settle ();
  assert_int_equal (kit_stats ().n_open_commands, 0);
  assert_int_equal (eva_set_writable (p->guest->ctx, note_writable, &n_left), 0);
  kit_settle ();
  assert_int_equal (n_writable, 0);
  peer_expect_data (p, 2000000);
  assert_int_equal (n_writable, 1);
  peer_ask (p, "ECHO x\n", "D x\nOK\n");
  assert_int_equal (n_writable, 1);
}

/* --- A peer that is gone
   ------------------------------------------------------------------------  */

static gpg_error_t gone_err;

static void
say_in_vain (void *arg) {
  gone_err = assuan_write_status (arg, "X", NULL);
}

/* A program that has not heard that the peer left learns it by the write, or by the cancelling.  */
static void
test_writing_to_the_gone (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  peer_say (p, "WAIT\n");
  kit_until (service.jobs);
  peer_close (p);
  say_in_vain (p->guest->ctx);
  kit_until (p->guest->n_closed);
  assert_int_equal (service.jobs->n_cancelled, 1);
  assert_int_equal (service.jobs->reason, GPG_ERR_EPIPE);
}

static const struct CMUnitTest tests[] = {
  kit_test (test_status_from_timer),
  kit_test (test_data_from_timer),
  kit_test (test_said_while_idle),
  kit_test (test_order),
  kit_test (test_data_stream),
  kit_test (test_one_write_a_turn),
  kit_test (test_data_of_all_lengths),
  kit_test (test_much_data),
  kit_test (test_writable_at_once),
  kit_test (test_writable_within_handler),
  kit_test (test_writable_after_much),
  kit_test (test_writable_ends_with_command),
  kit_test (test_writable_without_command),
  kit_test (test_writing_to_the_gone),
};

SUITE (output);
