/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which function greets the client, and when: a program that has something to serve with the
   descriptors, any
 * other with assuan_accept or the first assuan_process_next.  And clients that left before.  */

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "loop.h"

/* What a program may set before it asks for descriptors.  */

static gpg_error_t
any_handler (assuan_context_t ctx, char *line) {
  (void) ctx;
  (void) line;
  return 0;
}

static gpg_error_t
any_name (assuan_context_t ctx, const char *name) {
  (void) ctx;
  (void) name;
  return 0;
}

static void
any_end (assuan_context_t ctx, gpg_error_t rc) {
  (void) ctx;
  (void) rc;
}

static gpg_error_t
any_option (assuan_context_t ctx, const char *name, const char *value) {
  (void) ctx;
  (void) name;
  (void) value;
  return 0;
}

#define N_SETTINGS 11

/* Sets the one with NUMBER; with ON false takes it back, which says nothing.  */
static gpg_error_t
set (assuan_context_t ctx, int number, bool on) {
  assuan_handler_t handler = on ? any_handler : NULL;

  switch (number) {
  case 0:
    return on ? assuan_register_command (ctx, "X", any_handler, NULL) : 0;
  case 1:
    return on ? assuan_register_command (ctx, "INPUT", NULL, NULL) : 0;
  case 2:
    return assuan_register_pre_cmd_notify (ctx, on ? any_name : NULL);
  case 3:
    return assuan_register_post_cmd_notify (ctx, on ? any_end : NULL);
  case 4:
    return assuan_register_bye_notify (ctx, handler);
  case 5:
    return assuan_register_reset_notify (ctx, handler);
  case 6:
    return assuan_register_cancel_notify (ctx, handler);
  case 7:
    return assuan_register_input_notify (ctx, handler);
  case 8:
    return assuan_register_output_notify (ctx, handler);
  case 9:
    return assuan_register_option_handler (ctx, on ? any_option : NULL);
  default:
    return assuan_set_hello_line (ctx, on ? "hi" : NULL);
  }
}

/* A program that has something to serve greets with the descriptors, also if it asked for them
 * before it had.  */
static void
test_greeting_of_furnished (void **state) {
  (void) state;
  /* deviation: the flow as the manual has it.  */
  if (on_oracle ()) skip ();
  for (int i = 0; i < N_SETTINGS; i++)
    for (int late = 0; late < 2; late++) {
      assuan_fd_t fds[2];
      struct conn c;

      conn_make_bare (&c, CONN_SOCKET);
      if (late) assert_int_equal (assuan_get_active_fds (c.ctx, 0, fds, 2), 1);
      conn_expect_silence (&c);
      assert_err (set (c.ctx, i, true), 0);
      assert_int_equal (assuan_get_active_fds (c.ctx, 0, fds, 2), 1);
      if (i == N_SETTINGS - 1)
        peer_expect (c.in, with_pid ("OK hi%P\n"));
      else
        conn_expect_greeting (&c);
      assert_err (assuan_accept (c.ctx), 0);
      conn_expect_silence (&c);
      conn_ask (&c, "NOP\n", "OK\n");
      conn_free (&c);
    }
}

/* Opened, but not greeted: what does not tell what the server is does not count.  */
static void
test_no_greeting_of_bare (void **state) {
  assuan_peercred_t cred;

  (void) state;
  /* deviation: the flow as the manual has it.  */
  if (on_oracle ()) skip ();
  for (int kind = 0; kind < N_CONN_KINDS; kind++) {
    assuan_fd_t fds[2];
    struct conn c;

    conn_make_bare (&c, (enum conn_kind) kind);
    assuan_set_flag (c.ctx, ASSUAN_NO_LOGGING, 1);
    assuan_set_log_stream (c.ctx, NULL);
    assuan_set_io_monitor (c.ctx, NULL, NULL);
    for (int i = 0; i < N_SETTINGS; i++)
      assert_err (set (c.ctx, i, false), 0);
    for (int i = 0; i < 3; i++)
      assert_int_equal (assuan_get_active_fds (c.ctx, i % 2, fds, 2), 1);
    conn_expect_silence (&c);
    if (kind == CONN_SOCKET) assert_err (assuan_get_peercred (c.ctx, &cred), 0);
    assert_err (assuan_accept (c.ctx), 0);
    conn_expect_greeting (&c);
    conn_ask (&c, "NOP\n", "OK\n");
    conn_free (&c);
  }
}

/* A client that speaks before it is greeted, or leaves, wakes the loop, which greets, too.  */
static void
test_bare_next (void **state) {
  (void) state;
  /* deviation: the flow as the manual has it.  */
  if (on_oracle ()) skip ();
  for (int kind = 0; kind < N_CONN_KINDS; kind++) {
    assuan_fd_t fds[2];
    struct conn c;

    conn_make_bare (&c, (enum conn_kind) kind);
    assert_int_equal (assuan_get_active_fds (c.ctx, 0, fds, 2), 1);
    peer_say (c.out, "NOP\n");
    conn_half_close (&c);
    conn_turns (&c);
    conn_expect_greeting (&c);
    peer_expect (c.in, "OK\n");
    assert_err (c.rc, 0);
    assert_true (c.done);
    conn_free (&c);
  }
}

/* The descriptors are the context's by then, greeted or not.  */
static void
test_bare_release (void **state) {
  (void) state;
  /* deviation: the flow as the manual has it.  */
  if (on_oracle ()) skip ();
  for (int kind = 0; kind < N_CONN_KINDS; kind++) {
    assuan_fd_t fds[2];
    struct conn c;

    conn_make_bare (&c, (enum conn_kind) kind);
    assert_int_equal (assuan_get_active_fds (c.ctx, 0, fds, 2), 1);
    conn_release (&c);
    assert_int_equal (fcntl (fds[0], F_GETFD), -1);
    peer_expect_eof (c.in);
    conn_free (&c);
  }
}

/* A server of blocking calls that looks at its descriptors first.  */
static void
test_bare_process (void **state) {
  assuan_fd_t fds[2];
  struct conn c;

  (void) state;
  /* deviation: the flow as the manual has it.  */
  if (on_oracle ()) skip ();
  conn_make_bare (&c, CONN_SOCKET);
  assert_int_equal (assuan_get_active_fds (c.ctx, 0, fds, 2), 1);
  peer_say (c.out, "NOP\nBYE\n");
  assert_err (assuan_process (c.ctx), 0);
  conn_expect_greeting (&c);
  peer_expect (c.in, "OK\nOK closing connection\n");
  conn_free (&c);
}

/* The client left before it was greeted: the loop hears of it by the usual ways, not by a
 * signal.  */
static void
test_gone_before_greeting (void **state) {
  (void) state;
  /* deviation: SIGPIPE can end the process.  */
  if (on_oracle ()) skip ();
  signal (SIGPIPE, SIG_DFL);
  for (int kind = 0; kind < N_CONN_KINDS; kind++) {
    struct conn c;
    assuan_fd_t fds[2];

    conn_make (&c, (enum conn_kind) kind);
    conn_hang_up (&c);
    assuan_get_active_fds (c.ctx, 0, fds, 2);
    assert_err (conn_next (&c), 0);
    assert_true (c.done);
    conn_free (&c);
  }
  signal (SIGPIPE, SIG_IGN);
}

/* The same for a program that accepts, and is told.  The descriptor that it closes may be another
 * client's before it comes to the next turn.  */
static void
test_gone_before_accept (void **state) {
  char line[20];

  (void) state;
  for (int kind = 0; kind < N_CONN_KINDS; kind++) {
    int fd, other[2];
    struct conn c;

    conn_make (&c, (enum conn_kind) kind);
    fd = c.fd;
    peer_say (c.out, "DONE a\n");
    conn_hang_up (&c);
    assert_code (assuan_accept (c.ctx), GPG_ERR_EPIPE);
    fds_socketpair (other, 0);
    peer_say (other[0], "DONE b\n");
    assert_int_equal (dup2 (other[1], fd), fd);
    /* deviation: it is read and run, though no client was greeted.  */
    for (int i = 0; i < 3 && !on_oracle (); i++) {
      assert_err (conn_next (&c), 0);
      assert_true (c.done);
    }
    conn_expect_notes (&c, "");
    /* deviation: a descriptor is closed only if it still is the file that it was.  */
    if (!on_oracle ()) {
      conn_release (&c);
      peer_read_line (fd, line, sizeof line);
      assert_string_equal (line, "DONE b");
      close (fd);
    }
    fds_close_pair (other);
    conn_free (&c);
  }
}

/* A client that says something and reads nothing any more is not served.  */
static void
test_reader_gone_before_greeting (void **state) {
  struct conn c;

  (void) state;
  conn_make (&c, CONN_PIPE);
  close (c.in);
  c.in = -1;
  assert_code (assuan_accept (c.ctx), GPG_ERR_EPIPE);
  peer_say (c.out, "DONE a\nDONE b\n");
  assert_code (conn_next (&c), on_oracle () ? GPG_ERR_EPIPE : 0);
  /* deviation: it is read and run, though no client was greeted.  */
  assert_true (c.done != on_oracle ());
  conn_expect_notes (&c, on_oracle () ? "DONE(a)" : "");
  conn_free (&c);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    loop_test (test_gone_before_greeting), loop_test (test_greeting_of_furnished),
    loop_test (test_no_greeting_of_bare),  loop_test (test_bare_next),
    loop_test (test_bare_release),         loop_test (test_bare_process),
    loop_test (test_gone_before_accept),   loop_test (test_reader_gone_before_greeting),
  };

  return suite_run (tests);
}
