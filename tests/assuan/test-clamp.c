/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The syscall clamp: functions that a program gives to libgpg-error, and that the library calls
   around
 * system calls that may wait.  */

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "child.h"

static int n_pre, n_post, n_hooks;
static bool is_in_call, was_nested;

static void
pre (void) {
  if (is_in_call) was_nested = true;
  is_in_call = true;
  n_pre++;
}

static void
post (void) {
  is_in_call = false;
  n_post++;
  if (!on_oracle ()) errno = ELOOP; /* deviation: errno is lost | it is kept */
}

static void
set_clamp (void (*before) (void), void (*after) (void)) {
  gpgrt_set_syscall_clamp (before, after);
  assert_err (assuan_control (ASSUAN_CONTROL_REINIT_SYSCALL_CLAMP, NULL), 0);
  n_pre = n_post = n_hooks = 0;
  is_in_call = was_nested = false;
}

static void
check_counts (bool wanted) {
  assert_int_equal (n_pre, n_post);
  assert_int_equal (n_pre > 0, wanted);
  assert_false (was_nested);
  assert_false (is_in_call);
  n_pre = n_post = 0;
}

/* A dialogue over a socket, of a client that has CTX.  */
static void
talk (assuan_context_t ctx) {
  int fds[2];

  fds_socketpair (fds, 0);
  peer_say (fds[1], "OK hello\nOK\n");
  assert_err (assuan_socket_connect_fd (ctx, fds[0], 0), 0);
  assert_err (assuan_transact (ctx, "NOP", NULL, NULL, NULL, NULL, NULL, NULL), 0);
  peer_expect (fds[1], "NOP\n");
  assuan_release (ctx);
  close (fds[1]);
}

static void
test_default_hooks (void **state) {
  (void) state;
  set_clamp (pre, post);
  talk (new_context ());
  check_counts (true);
  set_clamp (NULL, NULL);
  talk (new_context ());
  check_counts (false);
}

/* It is asked for once; what is set later is seen after assuan_control.  */
static void
test_set_later (void **state) {
  assuan_context_t ctx;

  (void) state;
  set_clamp (NULL, NULL);
  ctx = new_context ();
  talk (new_context ());
  gpgrt_set_syscall_clamp (pre, post);
  talk (new_context ());
  check_counts (false);
  assert_err (assuan_control (ASSUAN_CONTROL_NOP, NULL), 0);
  talk (new_context ());
  check_counts (false);
  assert_err (assuan_control (ASSUAN_CONTROL_REINIT_SYSCALL_CLAMP, NULL), 0);
  talk (ctx); /* that existed before */
  check_counts (true);
  assert_err (assuan_control ((enum assuan_ctl_cmds) 4711, NULL), 0);
  set_clamp (NULL, NULL);
}

static ssize_t
hooked_read (assuan_context_t ctx, assuan_fd_t fd, void *buffer, size_t size) {
  n_hooks++;
  return __assuan_read (ctx, fd, buffer, size);
}

/* A program that brings hooks knows how to wait; even if they are the library's own functions.  */
static void
test_foreign_hooks (void **state) {
  struct assuan_system_hooks hooks = suite_hooks ();
  assuan_context_t ctx;

  (void) state;
  set_clamp (pre, post);
  ctx = new_context ();
  hooks.read = hooked_read;
  assuan_ctx_set_system_hooks (ctx, &hooks);
  talk (ctx);
  assert_true (n_hooks > 0);
  check_counts (false);
  hooks.read = __assuan_read;
  ctx = new_context ();
  assuan_ctx_set_system_hooks (ctx, &hooks);
  talk (ctx);
  check_counts (false);
  set_clamp (NULL, NULL);
}

/* In API 3 ASSUAN_SYSTEM_NPTH is NULL: a program that sets it as before leaves all to the
   clamp.  */
static void
test_null_hooks (void **state) {
  assuan_context_t ctx;

  (void) state;
  /* deviation: a context cannot be given no hooks */
  if (on_oracle ()) skip ();
  set_clamp (pre, post);
  assuan_set_system_hooks (NULL);
  ctx = new_context ();
  assuan_ctx_set_system_hooks (ctx, NULL);
  talk (ctx);
  check_counts (true);
  set_clamp (NULL, NULL);
}

/* nPth's macros call them where the lock is already open.  */
static void
test_exported_functions (void **state) {
  int fds[2];
  char c;

  (void) state;
  set_clamp (pre, post);
  assert_int_equal (__assuan_pipe (NULL, fds, 2), 0);
  assert_int_equal (__assuan_write (NULL, fds[1], "x", 1), 1);
  assert_int_equal (__assuan_read (NULL, fds[0], &c, 1), 1);
  __assuan_usleep (NULL, 10);
  assert_int_equal (__assuan_waitpid (NULL, 1, 0, NULL, 0), -1);
  assert_int_equal (__assuan_close (NULL, fds[0]), 0);
  assert_int_equal (__assuan_close (NULL, fds[1]), 0);
  check_counts (false);
  set_clamp (NULL, NULL);
}

static int
new_listener (void) {
  struct sockaddr_un addr = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  snprintf (addr.sun_path, sizeof addr.sun_path, "%s", tmpdir_path ("S"));
  unlink (addr.sun_path);
  assert_int_equal (assuan_sock_bind (fd, (struct sockaddr *) &addr, sizeof addr), 0);
  assert_int_equal (listen (fd, 5), 0);
  return fd;
}

static int
reach (void) {
  struct sockaddr_un addr = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  snprintf (addr.sun_path, sizeof addr.sun_path, "%s", tmpdir_path ("S"));
  assert_int_equal (connect (fd, (struct sockaddr *) &addr, sizeof addr), 0);
  return fd;
}

static void
test_sock_accept (void **state) {
  int listener = new_listener (), client = reach (), fd;
  struct sockaddr_un from;
  socklen_t len = sizeof from;

  (void) state;
  set_clamp (pre, post);
  fd = assuan_sock_accept (listener, (struct sockaddr *) &from, &len);
  assert_true (fd >= 0);
  assert_int_equal (from.sun_family, AF_UNIX);
  check_counts (true);
  assert_int_equal (fcntl (fd, F_GETFL) & O_NONBLOCK, 0);
  assert_int_equal (fcntl (fd, F_GETFD) & FD_CLOEXEC, 0);
  peer_say (client, "x");
  peer_expect (fd, "x");
  close (fd);
  close (client);
  fcntl (listener, F_SETFL, O_NONBLOCK);
  assert_int_equal (assuan_sock_accept (listener, NULL, NULL), -1);
  if (!on_oracle ()) assert_int_equal (errno, EAGAIN);
  assert_int_equal (assuan_sock_accept (-1, NULL, NULL), -1);
  if (!on_oracle ()) assert_int_equal (errno, EBADF);
  check_counts (true);
  set_clamp (NULL, NULL);
  close (listener);
}

/* deviation: all threads stop while assuan_accept waits | it is clamped  */
static void
test_accept (void **state) {
  int listener = new_listener (), client = reach ();
  assuan_context_t ctx;

  (void) state;
  set_clamp (pre, post);
  ctx = new_context ();
  assert_err (assuan_init_socket_server (ctx, listener, 0), 0);
  assert_err (assuan_accept (ctx), 0);
  check_counts (true);
  assuan_release (ctx);
  set_clamp (NULL, NULL);
  close (client);
  close (listener);
}

/* Every way to fail has as many of one as of the other.  */
static void
test_errors (void **state) {
  struct sockaddr_un addr = { .sun_family = AF_UNIX };
  int fds[2], fd;
  assuan_context_t ctx;
  char *line;
  size_t len;

  (void) state;
  set_clamp (pre, post);
  assert_err (assuan_sock_init (), 0);
  fd = assuan_sock_new (AF_UNIX, SOCK_STREAM, 0);
  snprintf (addr.sun_path, sizeof addr.sun_path, "%s", tmpdir_path ("none"));
  assert_int_equal (assuan_sock_connect (fd, (struct sockaddr *) &addr, sizeof addr), -1);
  if (!on_oracle ()) assert_int_equal (errno, ENOENT);
  assert_int_equal (assuan_sock_close (fd), 0);
  check_counts (true);
  fds_socketpair (fds, 0);
  peer_say (fds[1], "OK\n");
  ctx = new_client (fds[0], 0);
  close (fds[1]);
  assert_err (assuan_read_line (ctx, &line, &len), ERR (GPG_ERR_EOF));
  assert_code (assuan_write_line (ctx, "x"), GPG_ERR_EPIPE);
  assuan_release (ctx);
  check_counts (true);
  assuan_sock_deinit ();
  set_clamp (NULL, NULL);
}

static void
test_no_server (void **state) {
  const char *argv[] = { "none", NULL };
  assuan_context_t ctx;

  (void) state;
  set_clamp (pre, post);
  ctx = new_context ();
  assert_code (assuan_socket_connect (ctx, tmpdir_path ("none"), 0, 0), GPG_ERR_ASS_CONNECT_FAILED);
  assuan_release (ctx);
  check_counts (true);
  ctx = new_context ();
  assert_int_not_equal (assuan_pipe_connect (ctx, "/nonexistent", argv, NULL, NULL, NULL, 0), 0);
  assuan_release (ctx);
  check_counts (true);
  set_clamp (NULL, NULL);
}

/* The peer leaves without an answer, and there was no descriptor.  */
static void
test_peer_leaves (void **state) {
  assuan_context_t ctx;
  assuan_fd_t fd;
  int fds[2];

  (void) state;
  set_clamp (pre, post);
  fds_socketpair (fds, 0);
  peer_say (fds[1], "OK\nS half");
  ctx = new_client (fds[0], ASSUAN_SOCKET_CONNECT_FDPASSING);
  assert_code (assuan_receivefd (ctx, &fd), GPG_ERR_ASS_GENERAL);
  close (fds[1]);
  assert_int_not_equal (assuan_sendfd (ctx, 0), 0);
  assert_int_not_equal (assuan_transact (ctx, "NOP", NULL, NULL, NULL, NULL, NULL, NULL), 0);
  assuan_release (ctx);
  check_counts (true);
  set_clamp (NULL, NULL);
}

static void
test_child_errors (void **state) {
  assuan_context_t ctx;

  (void) state;
  set_clamp (pre, post);
  ctx = start_child (MODE_PIPES, NULL);
  n_pre = n_post = 0;
  assert_code (assuan_pipe_wait_server_termination (ctx, NULL, 1), GPG_ERR_TIMEOUT);
  check_counts (true);
  assert_err (assuan_write_line (ctx, "BYE"), 0);
  assert_err (assuan_pipe_wait_server_termination (ctx, NULL, 0), 0);
  check_counts (true);
  assert_code (assuan_pipe_wait_server_termination (ctx, NULL, 0), GPG_ERR_ECHILD);
  assert_int_equal (n_pre, n_post);
  assuan_release (ctx);
  check_counts (true);
  set_clamp (NULL, NULL);
}

static void
test_child (void **state) {
  assuan_context_t ctx;

  (void) state;
  set_clamp (pre, post);
  ctx = start_child (MODE_PIPES, NULL);
  check_counts (true);
  assert_err (assuan_write_line (ctx, "BYE"), 0);
  n_pre = n_post = 0;
  assert_err (assuan_pipe_wait_server_termination (ctx, NULL, 0), 0);
  assert_int_equal (n_pre, 1);
  check_counts (true);
  assuan_release (ctx);
  check_counts (true);
  set_clamp (NULL, NULL);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    suite_test (test_default_hooks),
    suite_test (test_set_later),
    suite_test (test_foreign_hooks),
    suite_test (test_null_hooks),
    suite_test (test_exported_functions),
    suite_test (test_sock_accept),
    suite_test (test_accept),
    suite_test (test_errors),
    suite_test (test_child),
    suite_test (test_no_server),
    suite_test (test_peer_leaves),
    suite_test (test_child_errors),
  };

  return suite_run (tests);
}
