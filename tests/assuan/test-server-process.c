/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The process of a pipe server: assuan_pipe_wait_server_termination and
   assuan_pipe_kill_server.  */

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "children.h"

/* A server that lives for its input ends when that ends.  */
static void
end_input (assuan_context_t ctx) {
  assert_err (assuan_write_line (ctx, "BYE"), 0);
}

static void
test_wait (void **state) {
  assuan_context_t ctx = start_child (MODE_PIPES, NULL);
  pid_t pid = assuan_get_pid (ctx);
  int status = -1;

  (void) state;
  assert_err (assuan_pipe_wait_server_termination (ctx, &status, 1), ERR (GPG_ERR_TIMEOUT));
  assert_int_equal (status, -1);
  end_input (ctx);
  assert_err (assuan_pipe_wait_server_termination (ctx, &status, 0), 0);
  assert_true (WIFEXITED (status));
  assert_int_equal (WEXITSTATUS (status), 0);
  assert_int_equal (assuan_get_pid (ctx), pid);
  status = -1;
  assert_err (assuan_pipe_wait_server_termination (ctx, &status, 0), ERR (GPG_ERR_ECHILD));
  assert_err (assuan_pipe_wait_server_termination (ctx, NULL, 1), ERR (GPG_ERR_ECHILD));
  assert_int_equal (status, -1);
  assuan_release (ctx);
}

static void
test_status_not_asked (void **state) {
  assuan_context_t ctx = start_child (MODE_PIPES, NULL);

  (void) state;
  end_input (ctx);
  assert_err (assuan_pipe_wait_server_termination (ctx, NULL, 0), 0);
  assuan_release (ctx);
}

/* SIGINT, and nothing else: the connection is the program's to end.  */
static void
test_kill (void **state) {
  assuan_context_t ctx = start_child (MODE_PIPES, NULL);
  int status = -1;

  (void) state;
  assert_err (assuan_pipe_kill_server (ctx), 0);
  assert_err (assuan_pipe_wait_server_termination (ctx, &status, 0), 0);
  assert_true (WIFSIGNALED (status));
  assert_int_equal (WTERMSIG (status), SIGINT);
  assert_err (assuan_pipe_kill_server (ctx), 0);
  assuan_release (ctx);
}

static void
note_alarm (int signum) {
  (void) signum;
}

/* The program may want to do something else meanwhile; it can wait on.  */
static void
test_interrupted (void **state) {
  struct sigaction action = { .sa_handler = note_alarm }, old;
  assuan_context_t ctx = start_child (MODE_PIPES, NULL);
  int status = -1;

  (void) state;
  sigaction (SIGALRM, &action, &old);
  ualarm (20000, 20000);
  assert_err (assuan_pipe_wait_server_termination (ctx, &status, 0), ERR (GPG_ERR_EINTR));
  ualarm (0, 0);
  sigaction (SIGALRM, &old, NULL);
  assert_int_equal (status, -1);
  end_input (ctx);
  assert_err (assuan_pipe_wait_server_termination (ctx, &status, 0), 0);
  assuan_release (ctx);
}

/* Another part of the program waited for it.  */
static void
test_reaped_elsewhere (void **state) {
  assuan_context_t ctx = start_child (MODE_PIPES, NULL);
  pid_t pid = assuan_get_pid (ctx);

  (void) state;
  end_input (ctx);
  assert_int_equal (waitpid (pid, NULL, 0), pid);
  assert_err (assuan_pipe_wait_server_termination (ctx, NULL, 0), ERR (GPG_ERR_ECHILD));
  assert_err (assuan_pipe_kill_server (ctx), 0);
  assuan_release (ctx);
}

static pid_t number_that_is_not_its_own;

/* deviation: the number is signalled though its process was waited for | it is not
 * A number is used again only after 30,000 others, so another process takes its place by hand.  */
static pid_t
wait_for_another (assuan_context_t ctx, pid_t pid, int action, int *status, int options) {
  (void) ctx;
  (void) options;
  if (action) return 0;
  number_that_is_not_its_own = pid;
  *status = 0;
  return pid;
}

static void
test_kill_after_wait (void **state) {
  struct assuan_system_hooks hooks = suite_hooks ();
  assuan_context_t ctx = new_context ();
  static const struct start plain;
  int status;

  (void) state;
  hooks.waitpid = wait_for_another;
  assuan_ctx_set_system_hooks (ctx, &hooks);
  assert_err (try_child (ctx, MODE_PIPES, &plain), 0);
  assert_err (assuan_pipe_wait_server_termination (ctx, &status, 0), 0);
  assert_err (assuan_pipe_kill_server (ctx), 0);
  if (!on_oracle ()) assert_err (tell_child (ctx, "NOP"), 0); /* it lives */
  assuan_release (ctx);
  waitpid (number_that_is_not_its_own, &status, 0);
  if (!on_oracle ()) assert_true (WIFEXITED (status));
}

static pid_t stranger;

static int
spawn_for_stranger (assuan_context_t ctx, pid_t *r_pid, const char *name, const char **argv,
                    assuan_fd_t fd_in, assuan_fd_t fd_out, assuan_fd_t *fd_child_list,
                    void (*atfork) (void *opaque, int reserved), void *atforkvalue,
                    unsigned int flags) {
  int rc = __assuan_spawn (ctx, &number_that_is_not_its_own, name, argv, fd_in, fd_out,
                           fd_child_list, atfork, atforkvalue, flags);

  *r_pid = stranger;
  return rc;
}

/* deviation: a process is signalled that is no child of this one | it is not
 * Another part of the program waited for the server, and its number is another process by now.  */
static void
test_kill_after_wait_elsewhere (void **state) {
  struct assuan_system_hooks hooks = suite_hooks ();
  assuan_context_t ctx = new_context ();
  static const struct start plain;
  int fd;

  (void) state;
  stranger = stranger_start (&fd);
  hooks.spawn = spawn_for_stranger;
  assuan_ctx_set_system_hooks (ctx, &hooks);
  assert_err (try_child (ctx, MODE_PIPES, &plain), 0);
  assert_err (assuan_pipe_kill_server (ctx), 0);
  if (!on_oracle ()) assert_true (stranger_lives (fd));
  assuan_release (ctx);
  if (!on_oracle ()) assert_true (stranger_lives (fd));
  assert_int_equal (child_exit_code (number_that_is_not_its_own), 0);
  close (fd);
}

static void
test_no_server (void **state) {
  assuan_context_t ctx = new_context ();
  struct server s;
  int fds[2];

  (void) state;
  assert_err (assuan_pipe_wait_server_termination (ctx, NULL, 0), ERR (GPG_ERR_NO_SERVICE));
  assert_err (assuan_pipe_kill_server (ctx), 0);
  assuan_release (ctx);
  server_make (&s, SERVER_PIPE);
  assert_err (assuan_pipe_wait_server_termination (s.ctx, NULL, 0), ERR (GPG_ERR_NO_SERVICE));
  assert_err (assuan_pipe_kill_server (s.ctx), 0);
  server_free (&s);
  fds_socketpair (fds, 0);
  peer_say (fds[1], "OK\n");
  ctx = new_client (fds[0], 0);
  assert_err (assuan_pipe_wait_server_termination (ctx, NULL, 0), ERR (GPG_ERR_NO_SERVICE));
  assuan_release (ctx);
  close (fds[1]);
  /* deviation: crashes.  */
  if (on_oracle ()) return;
  assert_code (assuan_pipe_wait_server_termination (NULL, NULL, 0), GPG_ERR_ASS_INV_VALUE);
  assert_code (assuan_pipe_kill_server (NULL), GPG_ERR_ASS_INV_VALUE);
}

/* deviation: a server on a socket pair is not known | it is waited for like any other  */
static void
test_socket_pair (void **state) {
  assuan_context_t ctx = start_child (MODE_FDPASSING, NULL);

  (void) state;
  if (on_oracle ()) {
    assert_err (assuan_pipe_wait_server_termination (ctx, NULL, 1), ERR (GPG_ERR_NO_SERVICE));
  } else {
    assert_err (assuan_pipe_wait_server_termination (ctx, NULL, 1), ERR (GPG_ERR_TIMEOUT));
    assert_err (assuan_pipe_kill_server (ctx), 0);
    assert_err (assuan_pipe_wait_server_termination (ctx, NULL, 0), 0);
  }
  assuan_release (ctx);
  reap_for_oracle (MODE_FDPASSING);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    suite_test (test_wait),
    suite_test (test_status_not_asked),
    suite_test (test_kill),
    suite_test (test_interrupted),
    suite_test (test_reaped_elsewhere),
    suite_test (test_kill_after_wait),
    suite_test (test_kill_after_wait_elsewhere),
    suite_test (test_no_server),
    suite_test (test_socket_pair),
  };

  return suite_run (tests);
}
