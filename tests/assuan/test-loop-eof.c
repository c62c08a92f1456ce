/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The end of a connection in an external loop: end of file with and without a command
 * pending, BYE, a reset.  */

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop.h"

static void
test_eof (void **state) {
  (void) state;
  for (int kind = 0; kind < N_CONN_KINDS; kind++) {
    struct conn c;

    conn_open (&c, (enum conn_kind) kind);
    conn_half_close (&c);
    /* As often as one asks.  */
    for (int i = 0; i < 3; i++) {
      assert_err (conn_next (&c), 0);
      assert_true (c.done);
    }
    conn_expect_silence (&c);
    conn_free (&c);
  }
}

/* What came before the end is handled before it.  */
static void
test_lines_before_eof (void **state) {
  (void) state;
  for (int kind = 0; kind < N_CONN_KINDS; kind++) {
    struct conn c;

    conn_open (&c, (enum conn_kind) kind);
    peer_say (c.out, "DONE a\nDONE b\n");
    conn_half_close (&c);
    conn_turns (&c);
    assert_err (c.rc, 0);
    assert_true (c.done);
    peer_expect (c.in, "OK\nOK\n");
    conn_expect_notes (&c, "DONE(a) DONE(b)");
    conn_free (&c);
  }
}

/* A line that the client did not finish is none.  */
static void
test_half_line_before_eof (void **state) {
  struct conn c;

  (void) state;
  conn_open (&c, CONN_SOCKET);
  peer_say (c.out, "DONE a\nDONE b");
  conn_half_close (&c);
  conn_turns (&c);
  assert_err (c.rc, 0);
  assert_true (c.done);
  peer_expect (c.in, "OK\n");
  conn_expect_silence (&c);
  conn_expect_notes (&c, "DONE(a)");
  assert_err (conn_next (&c), 0);
  assert_true (c.done);
  conn_free (&c);
}

/* The peer gets "OK", perhaps with a text, for the command that was pending at the end of file.  */
static void
expect_ok (struct conn *c) {
  char line[100];

  peer_read_line (c->in, line, sizeof line);
  if (strcmp (line, "OK") && strcmp (line, "OK closing connection"))
    fail_msg ("\"%s\" is no OK", line);
}

/* The client half-closed and waits for its reply: the loop is told of the end, the reply is
 * sent.  */
static void
test_eof_while_pending (void **state) {
  (void) state;
  for (int kind = 0; kind < N_CONN_KINDS; kind++) {
    struct conn c;

    conn_open (&c, (enum conn_kind) kind);
    conn_say (&c, "ASYNC a\n");
    conn_half_close (&c);
    for (int i = 0; i < 2; i++) {
      assert_err (conn_next (&c), 0);
      assert_true (c.done);
    }
    conn_expect_silence (&c);
    assert_err (assuan_write_status (c.ctx, "PROGRESS", "1"), 0);
    conn_finish (&c, 0);
    peer_expect (c.in, "S PROGRESS 1\n");
    expect_ok (&c);
    assert_err (conn_next (&c), 0);
    assert_true (c.done);
    conn_free (&c);
  }
}

static void
test_eof_then_cancelled (void **state) {
  struct conn c;

  (void) state;
  conn_open (&c, CONN_SOCKET);
  peer_say (c.out, "ASYNC a\n");
  conn_half_close (&c);
  conn_turns (&c);
  assert_true (c.done);
  conn_finish (&c, ERR (GPG_ERR_CANCELED));
  peer_expect_err (c.in, ERR (GPG_ERR_CANCELED), NULL);
  assert_err (conn_next (&c), 0);
  assert_true (c.done);
  conn_free (&c);
}

/* The end is told at once, the lines before it are not forgotten.  */
static void
test_eof_behind_kept_lines (void **state) {
  struct conn c;

  (void) state;
  /* deviation: lines that arrive while a command is pending are discarded.  */
  if (on_oracle ()) skip ();
  conn_open (&c, CONN_SOCKET);
  peer_say (c.out, "ASYNC 1\nDONE 2\nASYNC 3\nDONE 4\nDON");
  conn_half_close (&c);
  conn_turns (&c);
  assert_err (c.rc, 0);
  assert_true (c.done);
  conn_expect_notes (&c, "ASYNC(1)");
  conn_finish (&c, 0);
  expect_ok (&c);
  assert_true (assuan_pending_line (c.ctx));
  assert_err (conn_next (&c), 0);
  assert_true (c.done);
  conn_expect_notes (&c, "DONE(2) ASYNC(3)");
  expect_ok (&c);
  conn_finish (&c, 0);
  expect_ok (&c);
  assert_err (conn_next (&c), 0);
  assert_true (c.done);
  expect_ok (&c);
  conn_expect_notes (&c, "DONE(4)");
  assert_false (assuan_pending_line (c.ctx));
  conn_free (&c);
}

static gpg_error_t
count_call (void *arg, gpg_error_t rc, unsigned char *buf, size_t len) {
  (void) rc;
  (void) len;
  free (buf);
  ++*(int *) arg;
  return 0;
}

/* The client has finished sending before it is asked: nothing would ever tell the callback, so
   there
 * is none.  */
static void
test_asked_behind_eof (void **state) {
  (void) state;
  for (int kind = 0; kind < N_CONN_KINDS; kind++) {
    struct conn c;
    int n_calls = 0;

    conn_open (&c, (enum conn_kind) kind);
    conn_say (&c, "ASYNC\n");
    conn_half_close (&c);
    conn_turns (&c);
    assert_true (c.done);
    /* deviation: inquire_ext's callback may never run.  */
    assert_code (assuan_inquire_ext (c.ctx, "KEYDATA", 0, count_call, &n_calls),
                 on_oracle () ? 0 : GPG_ERR_EOF);
    conn_next (&c);
    if (!on_oracle ()) {
      conn_finish (&c, ERR (GPG_ERR_NO_DATA));
      peer_expect_err (c.in, ERR (GPG_ERR_NO_DATA), NULL);
    }
    conn_free (&c);
    assert_int_equal (n_calls, 0);
  }
}

/* The same for a request that was kept.  */
static void
test_kept_inquiry_behind_eof (void **state) {
  struct conn c;

  (void) state;
  /* deviation: lines that arrive while a command is pending are discarded.  */
  if (on_oracle ()) skip ();
  conn_open (&c, CONN_SOCKET);
  peer_say (c.out, "ASYNC\nINQ\n");
  conn_half_close (&c);
  conn_turns (&c);
  conn_finish (&c, 0);
  peer_expect (c.in, "OK\n");
  assert_true (assuan_pending_line (c.ctx));
  conn_next (&c);
  assert_code (c.inquiry.ext_rc, GPG_ERR_EOF);
  conn_expect_silence (&c);
  conn_finish (&c, c.inquiry.ext_rc);
  peer_expect_err (c.in, ERR (GPG_ERR_EOF), NULL);
  conn_free (&c);
  assert_int_equal (c.inquiry.n_calls, 0);
}

/* A program that hears of the end and does not need the rest may release at once.  */
static void
test_release_with_kept_lines (void **state) {
  struct conn c;

  (void) state;
  conn_open (&c, CONN_SOCKET);
  peer_say (c.out, "ASYNC 1\nDONE 2\nDONE 3\n");
  conn_half_close (&c);
  conn_turns (&c);
  assert_true (c.done);
  conn_release (&c);
  peer_expect_eof (c.in);
  conn_expect_notes (&c, "ASYNC(1)");
  conn_free (&c);
}

/* The client is gone altogether.  */
static void
test_gone_while_pending (void **state) {
  (void) state;
  /* deviation: SIGPIPE can end the process.  */
  if (!on_oracle ()) signal (SIGPIPE, SIG_DFL);
  for (int kind = 0; kind < N_CONN_KINDS; kind++) {
    struct conn c;

    conn_open (&c, (enum conn_kind) kind);
    conn_say (&c, "ASYNC a\n");
    conn_hang_up (&c);
    conn_turns (&c);
    assert_err (c.rc, 0);
    assert_true (c.done);
    /* It is no error: a program that takes this for a fatal error must not die of it.  */
    assert_err (assuan_process_done (c.ctx, 0), 0);
    assert_err (assuan_process_done (c.ctx, 0), ERR (GPG_ERR_ASS_GENERAL));
    assert_err (conn_next (&c), 0);
    assert_true (c.done);
    conn_free (&c);
  }
  signal (SIGPIPE, SIG_IGN);
}

/* The same, seen when the command is finished only.  */
static void
test_gone_unseen (void **state) {
  (void) state;
  if (!on_oracle ()) signal (SIGPIPE, SIG_DFL);
  for (int kind = 0; kind < N_CONN_KINDS; kind++)
    for (int has_unread = 0; has_unread < 2; has_unread++) {
      struct conn c;

      conn_open (&c, (enum conn_kind) kind);
      conn_say (&c, "ASYNC a\n");
      /* What the client did not read makes its leaving a reset.  */
      if (has_unread) assert_err (assuan_write_status (c.ctx, "PROGRESS", "1"), 0);
      conn_hang_up (&c);
      /* deviation: that the client left is no error of process_done.  */
      if (on_oracle ())
        assert_true (assuan_process_done (c.ctx, 0));
      else
        assert_err (assuan_process_done (c.ctx, 0), 0);
      for (int i = 0; !on_oracle () && i < 3; i++) {
        assert_err (conn_next (&c), 0);
        assert_true (c.done);
      }
      conn_free (&c);
    }
  signal (SIGPIPE, SIG_IGN);
}

/* Behind that nothing is read: the program may have closed the descriptor, and its number may be
 * another client's.  */
static void
test_nothing_read_behind_failed_write (void **state) {
  char line[20] = "";

  (void) state;
  /* deviation: that the client left is no error of process_done.  */
  if (on_oracle ()) skip ();
  for (int kind = 0; kind < N_CONN_KINDS; kind++) {
    int fd, other[2];
    struct conn c;

    conn_open (&c, (enum conn_kind) kind);
    conn_say (&c, "ASYNC a\n");
    conn_hang_up (&c);
    assert_err (assuan_process_done (c.ctx, 0), 0);
    fd = c.fd;
    fds_socketpair (other, 0);
    peer_say (other[0], "DONE b\n");
    assert_int_equal (dup2 (other[1], fd), fd);
    c.n_reads = 0;
    for (int i = 0; i < 3; i++) {
      assert_err (conn_next (&c), 0);
      assert_true (c.done);
    }
    assert_int_equal (c.n_reads, 0);
    conn_expect_notes (&c, "ASYNC(a)");
    conn_release (&c);
    peer_read_line (fd, line, sizeof line);
    assert_string_equal (line, "DONE b");
    close (fd);
    fds_close_pair (other);
    conn_free (&c);
  }
}

/* Notes why there is no answer, and does to the connection what is left to do.  */
static gpg_error_t
give_up (void *arg, gpg_error_t rc, unsigned char *buf, size_t len) {
  struct conn *c = arg;

  (void) len;
  free (buf);
  conn_note (c, "NONE(%d)", gpg_err_code (rc) == GPG_ERR_EOF);
  if (c->pending) return assuan_process_done (c->ctx, rc);
  conn_release (c);
  return rc;
}

/* That the client left shows in a status line, in the middle of an inquiry: its callback is told,
   and
 * finishes the command, or releases the context.  */
static void
test_asked_whom_nobody_writes_to (void **state) {
  (void) state;
  /* deviation: inquire_ext's callback may never run.  */
  if (on_oracle ()) skip ();
  for (int kind = 0; kind < N_CONN_KINDS; kind++)
    for (int releases = 0; releases < 2; releases++) {
      int done = 0;
      struct conn c;

      conn_open (&c, (enum conn_kind) kind);
      conn_say (&c, "ASYNC\n");
      assert_err (assuan_inquire_ext (c.ctx, "KEYDATA", 0, give_up, &c), 0);
      c.pending = !releases;
      peer_say (c.out, "D abc\nEND\n");
      conn_hang_up (&c);
      assert_code (assuan_write_status (c.ctx, "PROGRESS", "1"), GPG_ERR_EPIPE);
      conn_expect_notes (&c, "ASYNC()");
      assert_err (assuan_process_next (c.ctx, &done), 0);
      assert_true (done);
      conn_expect_notes (&c, "NONE(1)");
      if (!releases) assert_err (assuan_process_done (c.ctx, 0), ERR (GPG_ERR_ASS_GENERAL));
      conn_free (&c);
    }
}

static gpg_error_t
note_bye (assuan_context_t ctx, char *line) {
  conn_note (assuan_get_pointer (ctx), "BYE(%s)", line);
  return 0;
}

/* BYE closes; what was said behind it is not heard.  */
static void
test_bye (void **state) {
  (void) state;
  for (int kind = 0; kind < N_CONN_KINDS; kind++) {
    struct conn c;

    conn_open (&c, (enum conn_kind) kind);
    assert_err (assuan_register_bye_notify (c.ctx, note_bye), 0);
    conn_note_commands (&c);
    peer_say (c.out, "NOP\nBYE and thanks\nDONE a\nDONE b\n");
    assert_err (conn_next (&c), 0);
    assert_true (c.done);
    peer_expect (c.in, "OK\nOK closing connection\n");
    peer_expect_eof (c.in);
    conn_expect_notes (&c, "PRE(NOP) POST(0,NOP) PRE(BYE) BYE(and thanks) POST(0,BYE)");
    conn_free (&c);
  }
}

/* A loop that calls once more after that hears the same; the descriptor's number may be
 * another's by now.  */
static void
test_next_after_bye (void **state) {
  (void) state;
  /* deviation: lines after BYE are run, on a descriptor that is closed.  */
  if (on_oracle ()) skip ();
  for (int kind = 0; kind < N_CONN_KINDS; kind++) {
    struct conn c;
    int stranger;

    conn_open (&c, (enum conn_kind) kind);
    peer_say (c.out, "BYE\nDONE a\n");
    assert_err (conn_next (&c), 0);
    assert_true (c.done);
    peer_expect (c.in, "OK closing connection\n");
    stranger = open ("/dev/zero", O_RDWR | O_CLOEXEC);
    for (int i = 0; i < 3; i++) {
      assert_err (conn_next (&c), 0);
      assert_true (c.done);
    }
    conn_expect_notes (&c, "");
    if (loop_hooked ()) assert_int_equal (c.n_reads, 1);
    conn_release (&c);
    assert_int_not_equal (fcntl (stranger, F_GETFD), -1);
    close (stranger);
    conn_free (&c);
  }
}

/* A command that said good-bye to its client: the flag closes as BYE does.  */
static gpg_error_t
cmd_kick (assuan_context_t ctx, char *line) {
  (void) line;
  assuan_set_flag (ctx, ASSUAN_FORCE_CLOSE, 1);
  return assuan_process_done (ctx, ERR (GPG_ERR_FORBIDDEN));
}

static void
test_force_close (void **state) {
  struct conn c;

  (void) state;
  conn_open (&c, CONN_SOCKET);
  assert_err (assuan_register_command (c.ctx, "KICK", cmd_kick, NULL), 0);
  peer_say (c.out, "DONE a\nKICK\n");
  assert_err (conn_next (&c), 0);
  assert_true (c.done);
  peer_expect (c.in, "OK\n");
  peer_expect_err (c.in, ERR (GPG_ERR_FORBIDDEN), "[closing connection]");
  peer_expect_eof (c.in);
  conn_free (&c);
}

/* A client that leaves without reading what was sent resets the connection: it has left, and that
 * is all.  */
static void
test_reset (void **state) {
  struct conn c;

  (void) state;
  conn_open (&c, CONN_SOCKET);
  conn_say (&c, "DONE a\n");
  /* The OK was not read.  */
  conn_hang_up (&c);
  conn_next (&c);
  /* deviation: that the client left is no error of process_next.  */
  assert_code (c.rc, on_oracle () ? GPG_ERR_ECONNRESET : 0);
  assert_true (c.done != on_oracle ());
  conn_free (&c);
}

/* The whole loop comes to rest when all have left.  */
static void
test_loop_ends (void **state) {
  struct conn conns[4];

  (void) state;
  for (int kind = 0; kind < N_CONN_KINDS; kind++) {
    conn_open (&conns[kind], (enum conn_kind) kind);
    peer_say (conns[kind].out, kind % 2 ? "DONE a\nBYE\n" : "DONE a\n");
    conn_half_close (&conns[kind]);
  }
  loop_run (conns, 4);
  for (int i = 0; i < 4; i++) {
    assert_true (conns[i].done);
    assert_err (conns[i].rc, 0);
    conn_expect_notes (&conns[i], "DONE(a)");
    conn_free (&conns[i]);
  }
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    loop_test (test_eof),
    loop_test (test_lines_before_eof),
    loop_test (test_half_line_before_eof),
    loop_test (test_eof_while_pending),
    loop_test (test_eof_then_cancelled),
    loop_test (test_eof_behind_kept_lines),
    loop_test (test_asked_behind_eof),
    loop_test (test_kept_inquiry_behind_eof),
    loop_test (test_release_with_kept_lines),
    loop_test (test_gone_while_pending),
    loop_test (test_gone_unseen),
    loop_test (test_nothing_read_behind_failed_write),
    loop_test (test_asked_whom_nobody_writes_to),
    loop_test (test_bye),
    loop_test (test_next_after_bye),
    loop_test (test_force_close),
    loop_test (test_reset),
    loop_test (test_loop_ends),
  };

  return suite_run (tests);
}
