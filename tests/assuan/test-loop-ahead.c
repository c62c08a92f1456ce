/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A client that says much ahead of a command that is pending, and may leave: a loop that watches
 * its descriptor, level-triggered as poll is, comes to rest and hears of the end; nothing is lost,
 * and memory has a bound.  */

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "loop.h"

/* What may wait.  */
#define BOUND ((size_t) 1 << 20)

/* More than one read takes, and than the kernel keeps.  */
#define MUCH ((size_t) 700000)

/* Requests are of this many octets, so that the answers to all of them fit into the kernel's
 * buffer.  */
#define REQUEST_LEN 100

/* LEN octets of numbered requests, the last line a comment.  */
static char *
make_text (size_t len) {
  char *text = malloc (len + 2 * REQUEST_LEN);
  size_t n = len / REQUEST_LEN - 1;

  assert_non_null (text);
  for (size_t i = 0; i < n; i++)
    sprintf (text + i * REQUEST_LEN, "NEXT %0*zu\n", REQUEST_LEN - 6, i);
  memset (text + n * REQUEST_LEN, '#', len - n * REQUEST_LEN - 1);
  strcpy (text + len - 1, "\n");
  return text;
}

static size_t n_requests;

static gpg_error_t
cmd_next (assuan_context_t ctx, char *line) {
  if (strtoul (line, NULL, 10) != n_requests++) return ERR (GPG_ERR_BUG);
  return assuan_process_done (ctx, 0);
}

/* A connection with a command that is pending.  */
static void
begin (struct conn *c, enum conn_kind kind) {
  conn_open (c, kind);
  conn_nonblock (c);
  n_requests = 0;
  assert_err (assuan_register_command (c->ctx, "NEXT", cmd_next, NULL), 0);
  conn_say (c, "ASYNC\n");
  assert_true (c->pending);
}

/* Says LEN octets of TEXT, while the loop takes what comes.  Returns how many went.  */
static size_t
pour (struct conn *c, const char *text, size_t len) {
  size_t done = 0;

  while (done < len && !c->rc && !c->done) {
    done += conn_pour (c, text + done, len - done);
    conn_turns (c);
  }
  return done;
}

/* Finishes the command, and lets what was kept be run.  */
static void
finish (struct conn *c) {
  conn_finish (c, 0);
  while (assuan_pending_line (c->ctx) && !conn_next (c))
    ;
}

/* Takes what was answered, which is OK all the time, and returns how often.  */
static size_t
count_ok (const struct conn *c) {
  static char buf[100000];
  size_t n = 0;

  conn_take (c, buf, sizeof buf);
  for (const char *p = buf; *p; p += 3, n++)
    if (strncmp (p, "OK\n", 3)) fail_msg ("\"%.60s\" is no OK", p);
  return n;
}

/* Nothing is left to be told, so the loop waits; then the client's end is.  */
static void
test_rest_and_end (void **state) {
  char *text = make_text (MUCH);

  (void) state;
  for (int kind = 0; kind < N_CONN_KINDS; kind++)
    for (int half = 0; half < 2; half++) {
      struct conn c;

      begin (&c, (enum conn_kind) kind);
      assert_int_equal (pour (&c, text, MUCH), MUCH);
      assert_err (c.rc, 0);
      assert_false (c.done);
      assert_false (conn_readable (&c));
      conn_expect_silence (&c);
      if (half)
        conn_half_close (&c);
      else
        conn_hang_up (&c);
      assert_true (conn_readable (&c));
      conn_turns (&c);
      assert_err (c.rc, 0);
      assert_true (c.done);
      if (!half) assert_err (assuan_process_done (c.ctx, 0), 0);
      conn_free (&c);
    }
  free (text);
}

/* Whatever is kept, up to the bound, is answered in order once the command is finished, and the end
 * behind it is told in time.  */
static void
test_all_is_kept (void **state) {
  static const size_t lens[] = { 1000, 16384, 16385, 100000, MUCH, BOUND - 1, BOUND };

  (void) state;
  /* deviation: lines that arrive while a command is pending are discarded.  */
  if (on_oracle ()) skip ();
  for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
    char *text = make_text (lens[i]);
    struct conn c;

    begin (&c, (enum conn_kind) (i % N_CONN_KINDS));
    assert_int_equal (pour (&c, text, lens[i]), lens[i]);
    assert_err (c.rc, 0);
    conn_half_close (&c);
    conn_turns (&c);
    assert_err (c.rc, 0);
    assert_true (c.done);
    conn_expect_silence (&c);
    finish (&c);
    assert_err (c.rc, 0);
    assert_true (c.done);
    assert_int_equal (n_requests, lens[i] / REQUEST_LEN - 1);
    assert_int_equal (count_ok (&c), n_requests + 1);
    conn_free (&c);
    free (text);
  }
}

/* A client that goes on after that gets what it asks for.  */
static void
test_goes_on (void **state) {
  char *text = make_text (BOUND);
  struct conn c;

  (void) state;
  if (on_oracle ()) skip ();
  begin (&c, CONN_SOCKET);
  for (int i = 0; i < 3; i++) {
    pour (&c, text, BOUND);
    finish (&c);
    assert_err (c.rc, 0);
    assert_int_equal (count_ok (&c), n_requests + 1);
    n_requests = 0;
    conn_ask (&c, "NOP\n", "OK\n");
    conn_say (&c, "ASYNC\n");
  }
  conn_free (&c);
  free (text);
}

/* One octet more is the end of the connection, with an error, once.  Nothing more is read, and what
 * came before is still served: the program may have finished the command in the meantime.  */
static void
test_too_much (void **state) {
  char *text = make_text (BOUND);

  (void) state;
  /* deviation: lines that arrive while a command is pending are discarded.  */
  if (on_oracle ()) skip ();
  for (int kind = 0; kind < N_CONN_KINDS; kind++)
    for (int more = 1; more < 100000; more += 99998) {
      struct conn c;

      begin (&c, (enum conn_kind) kind);
      pour (&c, text, BOUND);
      /* Calls that nothing came for change nothing.  */
      for (int i = 0; i < 3; i++) {
        assert_err (conn_next (&c), 0);
        assert_false (c.done);
      }
      while (!c.rc && !c.done)
        pour (&c, text, (size_t) more);
      assert_err (c.rc, ERR (GPG_ERR_TOO_LARGE));
      assert_true (c.done);
      c.n_reads = 0;
      for (int i = 0; i < 3; i++) {
        assert_err (conn_next (&c), 0);
        assert_true (c.done);
      }
      assert_int_equal (c.n_reads, 0);
      finish (&c);
      assert_int_equal (n_requests, BOUND / REQUEST_LEN - 1);
      assert_int_equal (count_ok (&c), n_requests + 1);
      conn_free (&c);
    }
  free (text);
}

/* A line without an end.  */
static void
test_endless_line (void **state) {
  char *text = malloc (BOUND);

  (void) state;
  /* deviation: lines that arrive while a command is pending are discarded.  */
  if (on_oracle ()) skip ();
  assert_non_null (text);
  memset (text, 'x', BOUND);
  for (int all = 0; all < 2; all++) {
    struct conn c;

    begin (&c, CONN_SOCKET);
    pour (&c, text, all ? BOUND : MUCH);
    assert_err (c.rc, 0);
    finish (&c);
    peer_say (c.out, "xx\nDONE a\n");
    assert_err (conn_next (&c), ERR (GPG_ERR_ASS_LINE_TOO_LONG));
    conn_turns (&c);
    assert_err (c.rc, all ? 0 : ERR (GPG_ERR_ASS_LINE_TOO_LONG));
    assert_int_equal (count_ok (&c), 2);
    conn_expect_notes (&c, "ASYNC() DONE(a)");
    conn_free (&c);
  }
  free (text);
}

/* Memory is taken as octets come, and given back when they are used.  */
static void
test_memory (void **state) {
  size_t before, most, after;
  char *text = make_text (BOUND);
  struct conn c;

  (void) state;
  /* deviation: lines that arrive while a command is pending are discarded.  */
  if (on_oracle ()) skip ();
  begin (&c, CONN_SOCKET);
  before = mallinfo2 ().uordblks + mallinfo2 ().hblkhd;
  pour (&c, text, 20000);
  most = mallinfo2 ().uordblks + mallinfo2 ().hblkhd;
  assert_true (most < before + 50000);
  pour (&c, text + 20000, BOUND - 20000);
  most = mallinfo2 ().uordblks + mallinfo2 ().hblkhd;
  assert_true (most < before + 2 * BOUND + 50000);
  finish (&c);
  after = mallinfo2 ().uordblks + mallinfo2 ().hblkhd;
  assert_true (after < before + 1000);
  conn_free (&c);
  free (text);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    loop_test (test_rest_and_end), loop_test (test_all_is_kept),  loop_test (test_goes_on),
    loop_test (test_too_much),     loop_test (test_endless_line), loop_test (test_memory),
  };

  return suite_run (tests);
}
