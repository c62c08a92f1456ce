/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a server's connection begins: init, accept, greeting; and how accept ends the loop.  */

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "suite.h"

static void
second_accept_ends_the_loop (void **state) {
  struct server s;

  (void) state;
  for (int kind = SERVER_SOCKET; kind <= SERVER_PIPE; kind++) {
    server_start (&s, (enum server_kind) kind, NULL, NULL);
    server_shut (&s);
    server_join (&s);
    assert_err (s.accept_rc, 0);
    assert_err (s.process_rc, 0);
    assert_int_equal (s.n_rounds, 1);
    assert_int_equal ((int) s.last_rc, -1);
    server_free (&s);
  }
}

/* It takes the credentials and writes the greeting, but waits for nothing.  */
static void
accept_does_not_wait (void **state) {
  struct server s;

  (void) state;
  for (int kind = SERVER_SOCKET; kind <= SERVER_PIPE; kind++) {
    server_make (&s, (enum server_kind) kind);
    assert_err (assuan_accept (s.ctx), 0);
    assert_int_equal ((int) assuan_accept (s.ctx), -1);
    server_expect_greeting (&s);
    server_free (&s);
  }
}

static void
check_hello (const char *hello, const char *greeting) {
  struct server s;

  server_make (&s, SERVER_SOCKET);
  assert_err (assuan_set_hello_line (s.ctx, "replaced by the next one"), 0);
  assert_err (assuan_set_hello_line (s.ctx, hello), 0);
  assert_err (assuan_accept (s.ctx), 0);
  if (greeting)
    peer_expect (s.in, with_pid (greeting));
  else
    server_expect_greeting (&s);
  peer_say (s.out, "NOP\nBYE\n");
  assert_err (assuan_process (s.ctx), 0);
  peer_expect (s.in, "OK\nOK closing connection\n");
  server_free (&s);
}

static void
hello_line_replaces_the_greeting (void **state) {
  (void) state;
  check_hello ("hello", "OK hello%P\n");
  check_hello (" two  words ", "OK  two  words %P\n");
  check_hello ("100%\t\xc3\xa4", "OK 100%\t\xc3\xa4%P\n");
  check_hello ("", "OK %P\n");
  check_hello (NULL, NULL);
}

/* All lines but the last one are comments.  */
static void
hello_of_several_lines (void **state) {
  (void) state;
  check_hello ("one\ntwo", "# one\nOK two%P\n");
  check_hello ("one\ntwo\nthree", "# one\n# two\nOK three%P\n");
  check_hello ("one\n\nthree", "# one\n# \nOK three%P\n");
  check_hello ("one\n", "# one\nOK %P\n");
  check_hello ("\none", "# \nOK one%P\n");
}

static void
hello_line_is_copied (void **state) {
  char text[] = "hello";
  struct server s;

  (void) state;
  server_make (&s, SERVER_SOCKET);
  assert_err (assuan_set_hello_line (s.ctx, text), 0);
  memset (text, 'X', sizeof text - 1);
  assert_err (assuan_accept (s.ctx), 0);
  peer_expect (s.in, with_pid ("OK hello%P\n"));
  server_free (&s);
}

/* deviation: libassuan 3 cuts the whole line to 255 octets, the pid with it | The text is cut, at
 * the limit of a line, and the pid is whole  */
static void
check_long_hello (void) {
  char text[1200], pid[32], expected[1300];

  memset (text, 'h', sizeof text);
  snprintf (pid, sizeof pid, ", process %d", (int) getpid ());
  text[200] = 0;
  snprintf (expected, sizeof expected, "OK %s%s\n", text, pid);
  check_hello (text, expected);
  if (on_oracle ()) return;
  text[200] = 'h';
  text[1100] = 0;
  snprintf (expected, sizeof expected, "OK %.*s%s\n", (int) (996 - strlen (pid)), text, pid);
  check_hello (text, expected);
}

static void
long_hello_is_cut (void **state) {
  char text[1200], expected[1100];

  (void) state;
  if (IS_GENERATION_3) {
    check_long_hello ();
    return;
  }
  memset (text, 'h', sizeof text);
  text[997] = 0;
  snprintf (expected, sizeof expected, "OK %.997s\n", text);
  check_hello (text, expected);
  text[997] = 'h';
  text[998] = 0;
  snprintf (expected, sizeof expected, "OK %.996s\n", text);
  check_hello (text, expected);
}

/* A server that accepts for itself, one client after the other.  */
static void
listening_server (void **state) {
  struct sockaddr_un addr = { .sun_family = AF_UNIX };
  assuan_context_t ctx = new_context ();
  int listener = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  char greeting[80];

  (void) state;
  snprintf (addr.sun_path, sizeof addr.sun_path, "%s", tmpdir_path ("S"));
  assert_int_equal (bind (listener, (struct sockaddr *) &addr, sizeof addr), 0);
  assert_int_equal (listen (listener, 5), 0);
  assert_err (assuan_init_socket_server (ctx, listener, 0), 0);
  snprintf (greeting, sizeof greeting, "OK Pleased to meet you, process %d\n", (int) getpid ());
  for (int i = 0; i < 3; i++) {
    int client = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal (connect (client, (struct sockaddr *) &addr, sizeof addr), 0);
    peer_say (client, i ? "NOP\nBYE\n" : "NOP\n");
    if (!i) shutdown (client, SHUT_WR);
    assert_err (assuan_accept (ctx), 0);
    assert_int_equal (assuan_get_pid (ctx), getpid ());
    assert_err (assuan_process (ctx), 0);
    peer_expect (client, greeting);
    peer_expect (client, i ? "OK\nOK closing connection\n" : "OK\n");
    close (client);
  }
  assuan_release (ctx);
  /* The listening descriptor remains the caller's.  */
  assert_int_equal (close (listener), 0);
}

static void
descriptors_that_are_none (void **state) {
  assuan_fd_t none[2] = { ASSUAN_INVALID_FD, ASSUAN_INVALID_FD };
  assuan_context_t ctx = new_context ();

  (void) state;
  assert_err (assuan_init_pipe_server (ctx, NULL), ERR (GPG_ERR_ASS_SERVER_START));
  assuan_release (ctx);
  ctx = new_context ();
  assert_err (assuan_init_pipe_server (ctx, none), ERR (GPG_ERR_ASS_SERVER_START));
  assuan_release (ctx);
  ctx = new_context ();
  assert_err (assuan_init_socket_server (ctx, ASSUAN_INVALID_FD, 0), 0);
  assert_err (assuan_accept (ctx), ERR (GPG_ERR_EBADF));
  assuan_release (ctx);
  ctx = new_context ();
  assert_err (assuan_init_socket_server (ctx, ASSUAN_INVALID_FD, ASSUAN_SOCKET_SERVER_ACCEPTED), 0);
  assert_err (assuan_accept (ctx), ERR (GPG_ERR_EBADF));
  assuan_release (ctx);
}

static void
peer_gone_before_the_greeting (void **state) {
  struct server s;

  (void) state;
  server_make (&s, SERVER_SOCKET);
  close (s.in);
  s.in = s.out = -1;
  assert_err (assuan_accept (s.ctx), ERR (GPG_ERR_EPIPE));
  assert_int_equal ((int) assuan_accept (s.ctx), -1);
  server_free (&s);
}

static void
set_environment (const char *name, int value) {
  char text[20];

  snprintf (text, sizeof text, "%d", value);
  assert_int_equal (setenv (name, text, 1), 0);
}

/* What a client that spawned us says of itself.  */
static void
pid_of_a_pipe_peer (void **state) {
  struct server s;

  (void) state;
  setenv ("_assuan_pipe_connect_pid", "4711", 1);
  server_make (&s, SERVER_PIPE);
  unsetenv ("_assuan_pipe_connect_pid");
  assert_err (assuan_accept (s.ctx), 0);
  peer_expect (s.in, IS_GENERATION_3 ? with_pid ("OK Pleased to meet you%P\n")
                                     : "OK Pleased to meet you, process 4711\n");
  assert_int_equal (assuan_get_pid (s.ctx), 4711);
  server_free (&s);
  setenv ("_assuan_pipe_connect_pid", "nonsense", 1);
  server_make (&s, SERVER_PIPE);
  unsetenv ("_assuan_pipe_connect_pid");
  assert_err (assuan_accept (s.ctx), 0);
  peer_expect (s.in, with_pid ("OK Pleased to meet you%P\n"));
  assert_int_equal (assuan_get_pid (s.ctx), ASSUAN_INVALID_PID);
  server_free (&s);
}

/* A spawned server with descriptor passing finds its socket in the environment and takes that
 * instead of the standard descriptors.  */
static void
socket_named_in_the_environment (void **state) {
  int socks[2], pipes[2];
  assuan_fd_t fds[2], active[2] = { -1, -1 };
  assuan_context_t ctx = new_context ();

  (void) state;
  fds_socketpair (socks, 0);
  fds_pipe (pipes, 0);
  fds[0] = pipes[0];
  fds[1] = pipes[1];
  set_environment ("_assuan_connection_fd", socks[1]);
  assert_err (assuan_init_pipe_server (ctx, fds), 0);
  unsetenv ("_assuan_connection_fd");
  assert_err (assuan_accept (ctx), 0);
  peer_expect (socks[0], with_pid ("OK Pleased to meet you%P\n"));
  assert_int_equal (assuan_get_active_fds (ctx, 0, active, 2), 1);
  assert_int_equal (active[0], socks[1]);
  peer_say (socks[0], "BYE\n");
  assert_err (assuan_process (ctx), 0);
  peer_expect (socks[0], "OK closing connection\n");
  assuan_release (ctx);
  close (socks[0]);
  fds_close_pair (pipes);
}

static void
something_else_named_in_the_environment (void **state) {
  int pipes[2];
  struct server s;

  (void) state;
  fds_pipe (pipes, 0);
  set_environment ("_assuan_connection_fd", pipes[0]);
  server_make (&s, SERVER_PIPE);
  unsetenv ("_assuan_connection_fd");
  assert_err (assuan_accept (s.ctx), 0);
  server_expect_greeting (&s);
  server_free (&s);
  assert_int_equal (close (pipes[0]), 0);
  assert_int_equal (close (pipes[1]), 0);
}

static void
active_descriptors (void **state) {
  assuan_fd_t fds[3] = { -7, -7, -7 };
  struct server s;

  (void) state;
  for (int kind = SERVER_SOCKET; kind <= SERVER_PIPE; kind++) {
    server_make (&s, (enum server_kind) kind);
    assert_err (assuan_accept (s.ctx), 0);
    assert_int_equal (assuan_get_active_fds (s.ctx, 0, fds, 2), 1);
    assert_true (fds[0] > 2);
    assert_int_equal (assuan_get_active_fds (s.ctx, 1, fds + 1, 2), 1);
    assert_true (fds[1] > 2);
    assert_int_equal (fds[0] == fds[1], kind != SERVER_PIPE);
    assert_int_equal (fds[2], -7);
    assert_int_equal (assuan_get_active_fds (s.ctx, 0, fds, 0), -1);
    assert_int_equal (assuan_get_active_fds (s.ctx, 2, fds, 2), -1);
    assert_int_equal (assuan_get_active_fds (s.ctx, -1, fds, 2), -1);
    server_free (&s);
  }
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    suite_test (second_accept_ends_the_loop),
    suite_test (accept_does_not_wait),
    suite_test (hello_line_replaces_the_greeting),
    suite_test (hello_of_several_lines),
    suite_test (hello_line_is_copied),
    suite_test (long_hello_is_cut),
    suite_test (listening_server),
    suite_test (descriptors_that_are_none),
    suite_test (peer_gone_before_the_greeting),
    suite_test (pid_of_a_pipe_peer),
    suite_test (socket_named_in_the_environment),
    suite_test (something_else_named_in_the_environment),
    suite_test (active_descriptors),
  };

  return suite_run (tests);
}
