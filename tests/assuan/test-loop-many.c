/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Many connections in one thread, and much from one of them: no connection waits for another,
 * nothing is lost, and memory stays bounded.  */

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop.h"

#define N_MANY 200

static struct conn many[N_MANY];

/* Two descriptors a connection, and a few for the rest.  */
static void
allow_descriptors (void) {
  struct rlimit limit;

  assert_int_equal (getrlimit (RLIMIT_NOFILE, &limit), 0);
  if (limit.rlim_cur >= 2 * N_MANY + 50) return;
  limit.rlim_cur = 2 * N_MANY + 50;
  assert_int_equal (setrlimit (RLIMIT_NOFILE, &limit), 0);
}

static void
open_many (void) {
  allow_descriptors ();
  for (size_t i = 0; i < N_MANY; i++)
    conn_open (&many[i], CONN_SOCKET);
}

static void
free_many (void) {
  for (size_t i = 0; i < N_MANY; i++)
    conn_free (&many[i]);
}

/* Interleaved: each says its line in two pieces, all first halves before all second ones.  */
static void
test_interleaved (void **state) {
  char text[32];

  (void) state;
  /* deviation: a read that would block sleeps, 200 times in a turn here.  */
  if (on_oracle () && !loop_hooked ()) skip ();
  open_many ();
  for (int round = 0; round < 3; round++) {
    for (size_t i = 0; i < N_MANY; i++)
      peer_say (many[i].out, "ECHO num");
    loop_run (many, N_MANY);
    for (size_t i = N_MANY; i-- > 0;) {
      snprintf (text, sizeof text, "ber %zu\n", i);
      peer_say (many[i].out, text);
    }
    loop_run (many, N_MANY);
    for (size_t i = 0; i < N_MANY; i++) {
      snprintf (text, sizeof text, "D number %zu\nOK\n", i);
      peer_expect (many[i].in, text);
      assert_int_equal (many[i].n_turns, 2 * (round + 1));
    }
  }
  free_many ();
}

/* Every third waits for an answer, every third for a timer, and one is stalled in the middle
 * of a line forever.  */
static void
test_mixed (void **state) {
  (void) state;
  open_many ();
  peer_say (many[7].out, "DONE sta");
  if (on_oracle ()) many[7].done = true; /* deviation: half a line holds or slows the loop.  */
  for (size_t i = 0; i < N_MANY; i++)
    if (i != 7) peer_say (many[i].out, i % 3 == 0 ? "ASYNC\n" : i % 3 == 1 ? "INQ\n" : "DONE\n");
  loop_run (many, N_MANY);
  for (size_t i = 0; i < N_MANY; i++) {
    if (i != 7 && i % 3 == 0) conn_finish (&many[i], 0);
    if (i != 7 && i % 3 == 1) peer_say (many[i].out, "D abc\nEND\n");
  }
  loop_run (many, N_MANY);
  for (size_t i = 0; i < N_MANY; i++) {
    if (i == 7)
      conn_expect_silence (&many[i]);
    else
      peer_expect (many[i].in, i % 3 == 1 ? "INQUIRE KEYDATA\nOK\n" : "OK\n");
    assert_int_equal (many[i].inquiry.n_calls, i % 3 == 1 && i != 7 ? 1 : 0);
  }
  free_many ();
}

/* A command of one connection finishes that of another, as timers and shared work do.  */
static gpg_error_t
cmd_release_other (assuan_context_t ctx, char *line) {
  struct conn *other = &many[strtoul (line, NULL, 10)];

  if (other->pending) {
    other->pending = false;
    assuan_process_done (other->ctx, 0);
  }
  return assuan_process_done (ctx, 0);
}

static void
test_one_finishes_another (void **state) {
  (void) state;
  for (size_t i = 0; i < 2; i++)
    conn_open (&many[i], CONN_SOCKET);
  assert_err (assuan_register_command (many[1].ctx, "FINISH", cmd_release_other, NULL), 0);
  peer_say (many[0].out, "ASYNC\n");
  loop_run (many, 2);
  peer_say (many[1].out, "FINISH 0\n");
  loop_run (many, 2);
  peer_expect (many[0].in, "OK\n");
  peer_expect (many[1].in, "OK\n");
  for (size_t i = 0; i < 2; i++)
    conn_free (&many[i]);
}

/* The flood.  */

struct flood {
  char *text; /* what the client says, N numbered commands */
  size_t text_len;
  size_t sent;
  size_t n_answers; /* right ones so far */
  char rest[64];    /* an unfinished line of the replies */
  size_t rest_len;
};

static void
flood_make (struct flood *f, size_t n) {
  memset (f, 0, sizeof *f);
  f->text = malloc (n * 16);
  assert_non_null (f->text);
  for (size_t i = 0; i < n; i++)
    f->text_len += (size_t) sprintf (f->text + f->text_len, "ECHO %zu\n", i);
}

/* The replies must come in order, "D number" and "OK" in turn.  */
static void
flood_check_line (struct flood *f, const char *line) {
  char expected[32];

  if (f->n_answers % 2)
    strcpy (expected, "OK");
  else
    snprintf (expected, sizeof expected, "D %zu", f->n_answers / 2);
  assert_string_equal (line, expected);
  f->n_answers++;
}

static void
flood_take (struct flood *f, const struct conn *c) {
  static char buf[300000];
  size_t len;
  char *line = buf, *eol;

  memcpy (buf, f->rest, f->rest_len);
  len = f->rest_len + conn_take (c, buf + f->rest_len, sizeof buf - f->rest_len);
  while ((eol = memchr (line, '\n', (size_t) (buf + len - line)))) {
    *eol = 0;
    flood_check_line (f, line);
    line = eol + 1;
  }
  f->rest_len = (size_t) (buf + len - line);
  assert_true (f->rest_len < sizeof f->rest);
  memcpy (f->rest, line, f->rest_len);
}

/* Pour and let the server read until neither makes progress, or the server has had enough.  */
static void
flood_fill (struct flood *f, struct conn *c) {
  for (int n_idle = 0; n_idle < 3;) {
    size_t n = conn_pour (c, f->text + f->sent, f->text_len - f->sent);

    f->sent += n;
    n_idle = n ? 0 : n_idle + 1;
    if (conn_next (c)) return;
    assert_false (c->done);
  }
}

/* Let the server work until all is said and answered.  */
static void
flood_drain (struct flood *f, struct conn *c, size_t n) {
  for (size_t i = 0; i < 100 * n && f->n_answers < 2 * n; i++) {
    f->sent += conn_pour (c, f->text + f->sent, f->text_len - f->sent);
    if (conn_readable (c) || assuan_pending_line (c->ctx)) assert_err (conn_next (c), 0);
    flood_take (f, c);
  }
  assert_int_equal (f->n_answers, 2 * n);
  assert_int_equal (f->sent, f->text_len);
}

static void
test_flood (void **state) {
  const size_t n = 10000;
  struct flood f;
  struct conn c;

  (void) state;
  /* deviation: lines that arrive while a command is pending are discarded.  */
  if (on_oracle ()) skip ();
  flood_make (&f, n);
  conn_open (&c, CONN_SOCKET);
  conn_say (&c, "ASYNC\n");
  flood_fill (&f, &c);
  assert_err (c.rc, 0);
  conn_expect_silence (&c);
  conn_finish (&c, 0);
  peer_expect (c.in, "OK\n");
  flood_drain (&f, &c, n);
  conn_expect_silence (&c);
  conn_free (&c);
  free (f.text);
}

/* A client that never stops talking while its command is pending is not kept in memory: that is the
 * end of it.  */
static void
test_flood_is_bounded (void **state) {
  const size_t n = 1000000;
  struct flood f;
  struct conn c;
  size_t before, after;

  (void) state;
  if (on_oracle ()) skip ();
  flood_make (&f, n);
  conn_open (&c, CONN_SOCKET);
  conn_say (&c, "ASYNC\n");
  before = mallinfo2 ().uordblks + mallinfo2 ().hblkhd;
  flood_fill (&f, &c);
  after = mallinfo2 ().uordblks + mallinfo2 ().hblkhd;
  /* Some ten megabytes were there to be said.  */
  assert_true (f.text_len > 10 << 20);
  if (after > before + (2 << 20)) fail_msg ("%zu octets are kept", after - before);
  assert_true (f.sent < f.text_len);
  assert_err (c.rc, ERR (GPG_ERR_TOO_LARGE));
  assert_true (c.done);
  conn_free (&c);
  free (f.text);
}

/* Nor does one client's flood keep the others from their turns: a call handles what one read
 * brought.  */
static void
test_flood_and_others (void **state) {
  const size_t n = 20000;
  struct flood f;

  (void) state;
  flood_make (&f, n);
  for (size_t i = 0; i < 2; i++)
    conn_open (&many[i], CONN_SOCKET);
  while (f.n_answers < 2 * n) {
    size_t left = f.text_len - f.sent;

    f.sent += conn_pour (&many[0], f.text + f.sent, left < 500 ? left : 500);
    peer_say (many[1].out, "DONE\n");
    assert_err (conn_next (&many[0]), 0);
    assert_err (conn_next (&many[1]), 0);
    peer_expect (many[1].in, "OK\n");
    conn_expect_notes (&many[1], "DONE()");
    flood_take (&f, &many[0]);
  }
  for (size_t i = 0; i < 2; i++)
    conn_free (&many[i]);
  free (f.text);
}

/* A connection that comes and goes leaves nothing behind.  */
static void
test_no_growth (void **state) {
  size_t before = 0, after;

  (void) state;
  for (int i = 0; i < 300; i++) {
    struct conn c;

    if (i == 100) before = mallinfo2 ().uordblks;
    conn_open (&c, i % 2 ? CONN_SOCKET : CONN_PIPE);
    conn_ask (&c, "INQ\nD abc\nEND\nECHO a\nFAIL\nASYNC\n", "INQUIRE KEYDATA\nOK\nD a\nOK\n");
    conn_free (&c);
  }
  after = mallinfo2 ().uordblks;
  if (after > before + 20000) fail_msg ("%zu octets more after 200 connections", after - before);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    loop_test (test_interleaved),
    loop_test (test_mixed),
    loop_test (test_one_finishes_another),
    loop_test (test_flood),
    loop_test (test_flood_is_bounded),
    loop_test (test_flood_and_others),
    loop_test (test_no_growth),
  };

  return suite_run (tests);
}
