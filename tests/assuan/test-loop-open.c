/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a connection in an external loop is opened: by the manual's flow, which has no
 * assuan_accept, by assuan_accept first as some programs do, or by the first
 * assuan_process_next.  One greeting, whichever comes first.  */

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "loop.h"

static bool
is_socket (enum conn_kind kind) {
  return kind != CONN_PIPE;
}

/* The flow exactly as the manual has it.  */
static void
check_manual (enum conn_kind kind) {
  struct conn c;
  assuan_fd_t fds[2] = { -1, -1 };
  int fd;

  conn_make (&c, kind);
  fd = c.fd;
  assert_int_equal (assuan_get_active_fds (c.ctx, 0, fds, 2), 1);
  assert_int_equal (fds[0], fd);
  assert_int_equal (fds[1], -1);
  conn_expect_greeting (&c);
  conn_ask (&c, "DONE a\n", "OK\n");
  assert_err (c.rc, 0);
  assert_false (c.done);
  assert_int_equal (assuan_get_active_fds (c.ctx, 0, fds, 2), 1);
  conn_expect_silence (&c);
  conn_expect_notes (&c, "DONE(a)");
  conn_half_close (&c);
  conn_turns (&c);
  assert_err (c.rc, 0);
  assert_true (c.done);
  conn_free (&c);
}

/* deviation: the flow as the manual has it.  The reference library has no descriptor to offer
 * before assuan_accept, and the servers on pipes never greet.  */
static void
check_manual_on_oracle (enum conn_kind kind) {
  struct conn c;
  assuan_fd_t fds[2] = { -1, -1 };

  conn_make (&c, kind);
  assert_int_equal (assuan_get_active_fds (c.ctx, 0, fds, 2), is_socket (kind) ? 0 : 1);
  conn_expect_silence (&c);
  conn_release (&c);
  if (is_socket (kind)) close (c.fd);
  conn_free (&c);
}

static void
test_manual_flow (void **state) {
  (void) state;
  for (int kind = 0; kind < N_CONN_KINDS; kind++) {
    if (!on_oracle ())
      check_manual ((enum conn_kind) kind);
    else if (kind != CONN_SPAWNED)
      check_manual_on_oracle ((enum conn_kind) kind);
  }
}

/* Some programs send the greeting with assuan_accept before they ask for descriptors.  */
static void
test_accept_first (void **state) {
  (void) state;
  for (int kind = 0; kind < N_CONN_KINDS; kind++) {
    struct conn c;
    assuan_fd_t fds[2];

    conn_make (&c, (enum conn_kind) kind);
    assert_err (assuan_accept (c.ctx), 0);
    conn_expect_greeting (&c);
    assert_int_equal (assuan_get_active_fds (c.ctx, 0, fds, 2), 1);
    assert_int_equal (fds[0], c.fd);
    conn_expect_silence (&c);
    conn_ask (&c, "DONE a\nDONE b\n", "OK\nOK\n");
    conn_expect_silence (&c);
    conn_free (&c);
  }
}

/* The first process_next opens as well; it is called only when the client spoke before it was
 * greeted.  */
static void
test_next_first (void **state) {
  (void) state;
  /* deviation: the flow as the manual has it.  */
  if (on_oracle ()) skip ();
  for (int kind = 0; kind < N_CONN_KINDS; kind++) {
    struct conn c;

    conn_make (&c, (enum conn_kind) kind);
    peer_say (c.out, "DONE early\n");
    assert_err (conn_next (&c), 0);
    assert_false (c.done);
    conn_expect_greeting (&c);
    peer_expect (c.in, "OK\n");
    conn_expect_notes (&c, "DONE(early)");
    assert_err (assuan_accept (c.ctx), 0);
    conn_expect_silence (&c);
    conn_free (&c);
  }
}

/* Called before the client spoke it greets, and does not wait.  */
static void
test_next_first_without_input (void **state) {
  struct conn c;

  (void) state;
  if (on_oracle ()) skip ();
  conn_make (&c, CONN_SOCKET);
  assert_err (conn_next (&c), 0);
  assert_false (c.done);
  conn_expect_greeting (&c);
  conn_ask (&c, "DONE a\n", "OK\n");
  conn_free (&c);
}

/* A program that starts in the documented flow and calls assuan_accept later finds the
 * connection as it is; the next call says that there is no other one.  */
static void
test_accept_afterwards (void **state) {
  struct conn c;

  (void) state;
  /* deviation: the flow as the manual has it.  */
  if (on_oracle ()) skip ();
  for (int kind = 0; kind < N_CONN_KINDS; kind++) {
    conn_open (&c, (enum conn_kind) kind);
    assert_err (assuan_accept (c.ctx), 0);
    conn_expect_silence (&c);
    conn_ask (&c, "DONE a\n", "OK\n");
    /* A bare -1, which no gpg_error_t is.  */
    assert_true (assuan_accept (c.ctx) == (gpg_error_t) -1);
    conn_expect_notes (&c, "DONE(a)");
    conn_free (&c);
  }
}

static void
test_accept_twice (void **state) {
  struct conn c;

  (void) state;
  conn_make (&c, CONN_SOCKET);
  assert_err (assuan_accept (c.ctx), 0);
  conn_expect_greeting (&c);
  assert_true (assuan_accept (c.ctx) == (gpg_error_t) -1);
  conn_free (&c);
}

/* What programs with arrays of any size get.  */
static void
test_active_fds (void **state) {
  struct conn c;
  assuan_fd_t fds[4] = { -1, -1, -1, -1 };

  (void) state;
  for (int kind = 0; kind < N_CONN_KINDS; kind++) {
    conn_open (&c, (enum conn_kind) kind);
    assert_int_equal (assuan_get_active_fds (c.ctx, 0, fds, 4), 1);
    assert_int_equal (fds[0], c.fd);
    assert_int_equal (assuan_get_active_fds (c.ctx, 1, fds, 4), 1);
    assert_int_equal (fds[0], c.fd_out);
    assert_int_equal (assuan_get_active_fds (c.ctx, 1, fds, 2), 1);
    assert_int_equal (assuan_get_active_fds (c.ctx, 2, fds, 4), -1);
    assert_int_equal (assuan_get_active_fds (c.ctx, -1, fds, 4), -1);
    assert_int_equal (assuan_get_active_fds (c.ctx, 0, fds, -1), -1);
    assert_int_equal (assuan_get_active_fds (c.ctx, 0, fds, 0), -1);
    /* There must be room for two.  */
    assert_int_equal (assuan_get_active_fds (c.ctx, 0, fds, 1), -1);
    assert_int_equal (assuan_get_active_fds (c.ctx, 1, fds, 1), -1);
    conn_free (&c);
  }
  assert_int_equal (assuan_get_active_fds (NULL, 0, fds, 4), -1);
}

/* A context that is no server and no client yet has none; one whose client said BYE has none
 * any more.  */
static void
test_active_fds_without_connection (void **state) {
  assuan_context_t ctx = new_context ();
  struct conn c;
  assuan_fd_t fds[2];

  (void) state;
  assert_int_equal (assuan_get_active_fds (ctx, 0, fds, 2), 0);
  assert_int_equal (assuan_get_active_fds (ctx, 1, fds, 2), 0);
  assuan_release (ctx);
  conn_open (&c, CONN_SOCKET);
  conn_ask (&c, "BYE\n", "OK closing connection\n");
  assert_int_equal (assuan_get_active_fds (c.ctx, 0, fds, 2), 0);
  assert_int_equal (assuan_get_active_fds (c.ctx, 1, fds, 2), 0);
  conn_free (&c);
}

static void
test_active_fds_of_client (void **state) {
  assuan_context_t client;
  assuan_fd_t fds[2];
  int sv[2];

  (void) state;
  fds_socketpair (sv, 0);
  peer_say (sv[0], "OK hello\n");
  client = new_client (sv[1], 0);
  assert_int_equal (assuan_get_active_fds (client, 0, fds, 2), 1);
  assert_int_equal (fds[0], sv[1]);
  assert_int_equal (assuan_get_active_fds (client, 1, fds, 2), 1);
  assert_int_equal (fds[0], sv[1]);
  assuan_release (client);
  close (sv[0]);
}

/* The notifier may watch a duplicate.  */
static void
test_duplicate (void **state) {
  struct conn c;
  int fd;

  (void) state;
  conn_open (&c, CONN_SOCKET);
  fd = c.fd;
  c.fd = dup (fd);
  conn_ask (&c, "DONE a\n", "OK\n");
  conn_ask (&c, "DONE b\n", "OK\n");
  conn_half_close (&c);
  conn_turns (&c);
  assert_true (c.done);
  close (c.fd);
  c.fd = fd;
  conn_free (&c);
}

static void
test_hello_line (void **state) {
  struct conn c;
  assuan_fd_t fds[2];

  (void) state;
  conn_make (&c, CONN_SOCKET);
  assert_err (assuan_set_hello_line (c.ctx, "one\ntwo\nthree"), 0);
  /* deviation: the flow as the manual has it.  */
  if (on_oracle ()) assert_err (assuan_accept (c.ctx), 0);
  assert_int_equal (assuan_get_active_fds (c.ctx, 0, fds, 2), 1);
  peer_expect (c.in, with_pid ("# one\n# two\nOK three%P\n"));
  conn_expect_silence (&c);
  conn_free (&c);
}

/* The credentials of the client are known from when the connection is open.  */
static void
test_credentials (void **state) {
  struct conn c;
  assuan_peercred_t cred = NULL;

  (void) state;
  conn_make (&c, CONN_SOCKET);
  assert_err (assuan_get_peercred (c.ctx, &cred), ERR (GPG_ERR_ASS_GENERAL));
  assert_int_equal (assuan_get_pid (c.ctx), ASSUAN_INVALID_PID);
  assert_err (assuan_accept (c.ctx), 0);
  conn_free (&c);

  conn_open (&c, CONN_SOCKET);
  assert_err (assuan_get_peercred (c.ctx, &cred), 0);
  assert_int_equal (cred->pid, getpid ());
  assert_int_equal (cred->uid, getuid ());
  assert_int_equal (cred->gid, getgid ());
  assert_int_equal (assuan_get_pid (c.ctx), getpid ());
  conn_free (&c);
}

static gpg_error_t
cmd_take (assuan_context_t ctx, char *line) {
  assuan_fd_t fd = ASSUAN_INVALID_FD;
  gpg_error_t rc = assuan_receivefd (ctx, &fd);
  ssize_t n = 0;

  (void) line;
  if (!rc) {
    n = write (fd, "x", 1);
    close (fd);
  }
  return assuan_process_done (ctx, n == 1 ? rc : ERR (GPG_ERR_EBADF));
}

/* Descriptors that come with the octets are there when the handler runs.  */
static void
test_descriptor_passing (void **state) {
  struct conn c;
  int pipe_fds[2];
  char octet = 0;

  (void) state;
  fds_pipe (pipe_fds, 0);
  conn_open (&c, CONN_FDPASSING);
  assert_err (assuan_register_command (c.ctx, "TAKE", cmd_take, NULL), 0);
  peer_send_fd (c.out, "# here it comes\n", pipe_fds[1]);
  conn_ask (&c, "TAKE\n", "OK\n");
  close (pipe_fds[1]);
  assert_int_equal (read (pipe_fds[0], &octet, 1), 1);
  assert_int_equal (octet, 'x');
  close (pipe_fds[0]);
  conn_free (&c);
}

/* A context that never was a connection takes the descriptors of a pipe with it; a socket may
 * stay the caller's.  */
static void
test_release_unopened (void **state) {
  (void) state;
  for (int kind = 0; kind < N_CONN_KINDS; kind++) {
    struct conn c;

    conn_make (&c, (enum conn_kind) kind);
    conn_release (&c);
    if (kind == CONN_PIPE) {
      assert_int_equal (fcntl (c.fd, F_GETFD), -1);
      assert_int_equal (fcntl (c.fd_out, F_GETFD), -1);
    } else if (fcntl (c.fd, F_GETFD) != -1) {
      close (c.fd);
    }
    peer_expect_eof (c.in);
    conn_free (&c);
  }
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    loop_test (test_manual_flow),          loop_test (test_accept_first),
    loop_test (test_next_first),           loop_test (test_next_first_without_input),
    loop_test (test_accept_afterwards),    loop_test (test_accept_twice),
    loop_test (test_active_fds),           loop_test (test_active_fds_without_connection),
    loop_test (test_active_fds_of_client), loop_test (test_duplicate),
    loop_test (test_hello_line),           loop_test (test_credentials),
    loop_test (test_descriptor_passing),   loop_test (test_release_unopened),
  };

  return suite_run (tests);
}
