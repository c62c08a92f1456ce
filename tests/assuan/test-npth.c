/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The nPth macros of assuan.h.  Of nPth's threads only one runs at a time; a thread that waits for
   a
 * peer must let the others run, or the peer, one of them, can never answer.  A call that blocks
 * behind nPth's back shows as a hang.  */

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <npth.h>

#include "child.h"

ASSUAN_SYSTEM_NPTH_IMPL;

static assuan_context_t
npth_context (void) {
  assuan_context_t ctx = new_context ();

  assuan_ctx_set_system_hooks (ctx, ASSUAN_SYSTEM_NPTH);
  return ctx;
}

static void
start_thread (npth_t *thread, void *(*run) (void *), void *arg) {
  npth_attr_t attr;

  npth_attr_init (&attr);
  assert_int_equal (npth_create (thread, &attr, run, arg), 0);
  npth_attr_destroy (&attr);
}

/* A raw server in another thread; it answers piece by piece, so that the client waits for each.
 * Returns NULL if all went well.  */
static void *
answer_slowly (void *arg) {
  static const char *const pieces[] = { "OK", " hello\n", "S o", "ne\nINQUIRE KEY\n", "O", "K\n" };
  const int *peer = arg;
  char buf[50];
  ssize_t n;

  for (size_t i = 0; i < 6; i++) {
    npth_usleep (1000);
    if (npth_write (*peer, pieces[i], strlen (pieces[i])) < 0) return arg;
  }
  for (size_t len = 0; len < strlen ("COMMAND\nEND\nBYE\n"); len += (size_t) n)
    if ((n = npth_read (*peer, buf, sizeof buf)) <= 0) return arg;
  return NULL;
}

static gpg_error_t
on_anything (void *arg, const char *text) {
  int *n_calls = arg;

  (void) text;
  *n_calls += 1;
  return 0;
}

static void
check_client (unsigned int flags) {
  assuan_context_t ctx = npth_context ();
  int n_calls = 0, fds[2];
  npth_t thread;
  void *problem;

  fds_socketpair (fds, 0);
  start_thread (&thread, answer_slowly, &fds[1]);
  assert_err (assuan_socket_connect_fd (ctx, fds[0], flags), 0);
  assert_err (
      assuan_transact (ctx, "COMMAND", NULL, NULL, on_anything, &n_calls, on_anything, &n_calls),
      0);
  assert_int_equal (n_calls, 2);
  assuan_release (ctx);
  assert_int_equal (npth_join (thread, &problem), 0);
  assert_null (problem);
  close (fds[1]);
}

static void
test_client (void **state) {
  (void) state;
  check_client (0);
  check_client (ASSUAN_SOCKET_CONNECT_FDPASSING);
}

/* The library at both ends, each in a thread of its own.  */
static gpg_error_t
cmd_ask (assuan_context_t ctx, char *line) {
  unsigned char *value;
  size_t len;
  gpg_error_t rc = assuan_inquire (ctx, line, &value, &len, 0);

  if (!rc) {
    rc = assuan_send_data (ctx, value, len);
    assuan_free (ctx, value);
  }
  return rc;
}

static void *
serve (void *arg) {
  assuan_context_t ctx = arg;

  while (!assuan_accept (ctx))
    assuan_process (ctx);
  return NULL;
}

static void
check_both_ends (unsigned int client_flags, unsigned int server_flags) {
  assuan_context_t client = npth_context (), server = npth_context ();
  size_t n_octets = 0;
  npth_t thread;
  int fds[2];

  fds_socketpair (fds, 0);
  assert_err (
      assuan_init_socket_server (server, fds[1], server_flags | ASSUAN_SOCKET_SERVER_ACCEPTED), 0);
  assert_err (assuan_register_command (server, "ASK", cmd_ask, NULL), 0);
  start_thread (&thread, serve, server);
  assert_err (assuan_socket_connect_fd (client, fds[0], client_flags), 0);
  assert_err (assuan_transact (client, "ASK KEY", suite_count_data, &n_octets, suite_send_large,
                               client, NULL, NULL),
              0);
  assert_int_equal (n_octets, SUITE_LARGE_LEN);
  assuan_release (client);
  assert_int_equal (npth_join (thread, NULL), 0);
  assuan_release (server);
}

static void
test_both_ends (void **state) {
  (void) state;
  check_both_ends (0, 0);
  check_both_ends (ASSUAN_SOCKET_CONNECT_FDPASSING, ASSUAN_SOCKET_SERVER_FDPASSING);
}

/* Spawning, and waiting for the child.  */
static void
test_pipes (void **state) {
  static const struct start plain;
  assuan_context_t ctx = npth_context ();

  (void) state;
  assert_err (try_child (ctx, MODE_PIPES, &plain), 0);
  assert_err (tell_child (ctx, "NOP"), 0);
  end_child (ctx, MODE_PIPES);
}

/* A hook's errno is what the caller looks at; taking nPth's lock again must not disturb it.  */
static void
test_errno (void **state) {
  char octet;

  (void) state;
  errno = 0;
  assert_int_equal ((ASSUAN_SYSTEM_NPTH)->read (NULL, -1, &octet, 1), -1);
  assert_int_equal (errno, EBADF);
  errno = 0;
  assert_int_equal ((ASSUAN_SYSTEM_NPTH)->close (NULL, -1), -1);
  assert_int_equal (errno, EBADF);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    suite_test (test_client),
    suite_test (test_both_ends),
    suite_test (test_pipes),
    suite_test (test_errno),
  };

  npth_init ();
  return suite_run (tests);
}
