/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* assuan_pipe_connect: what the child gets, how the two talk, and how the child ends.  The child
 * is the program pipe-child beside this one.  */

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"

/* Run CHECK in both modes.  */
static void
in_both_modes (void (*check) (unsigned int flags)) {
  check (MODE_PIPES);
  check (MODE_FDPASSING);
  check (MODE_PIPES | ASSUAN_PIPE_CONNECT_DETACHED);
}

static void
check_environment (unsigned int flags) {
  assuan_context_t ctx;
  char pid[20];

  /* A value of our own must not lead the child astray, and stay ours.  */
  setenv ("_assuan_connection_fd", "77", 1);
  ctx = start_child (flags, NULL);
  assert_string_equal (getenv ("_assuan_connection_fd"), "77");
  assert_null (getenv ("_assuan_pipe_connect_pid"));
  unsetenv ("_assuan_connection_fd");
  snprintf (pid, sizeof pid, "%d", (int) getpid ());
  assert_string_equal (ask_child (ctx, "ENV _assuan_pipe_connect_pid"), pid);
  if (flags & MODE_FDPASSING) {
    int fd = atoi (ask_child (ctx, "ENV _assuan_connection_fd"));

    assert_true (fd > 2);
    assert_int_not_equal (fd, 77);
  } else {
    assert_string_equal (ask_child (ctx, "ENV _assuan_connection_fd"), "unset");
  }
  end_child (ctx, flags);
}

static void
test_environment (void **state) {
  (void) state;
  in_both_modes (check_environment);
}

static void
check_arguments (unsigned int flags) {
  const char *argv[] = { "name", "", "two words", "%", NULL };
  assuan_context_t ctx = new_context ();

  assert_err (assuan_pipe_connect (ctx, child_program (), argv, NULL, NULL, NULL, flags), 0);
  assert_string_equal (ask_child (ctx, "ARGS"), "[name][][two words][%]");
  end_child (ctx, flags);
}

static void
test_arguments (void **state) {
  (void) state;
  in_both_modes (check_arguments);
}

static void
check_pids (unsigned int flags) {
  assuan_context_t ctx = start_child (flags, NULL);
  int child, parent, client;

  assert_int_equal (sscanf (ask_child (ctx, "PIDS"), "%d %d %d", &child, &parent, &client), 3);
  assert_int_equal (parent, getpid ());
  assert_int_equal (client, getpid ());
  /* deviation: socketpair child unknown and unreaped | fixed */
  if (on_oracle () && flags & MODE_FDPASSING)
    assert_int_equal (assuan_get_pid (ctx), -1);
  else
    assert_int_equal (assuan_get_pid (ctx), child);
  end_child (ctx, flags);
}

static void
test_pids (void **state) {
  (void) state;
  in_both_modes (check_pids);
}

/* The kernel does not tell the process at the other end of a pipe.  */
static void
test_no_credentials (void **state) {
  assuan_context_t ctx = start_child (MODE_PIPES, NULL);
  assuan_peercred_t cred = NULL;

  (void) state;
  assert_err (assuan_get_peercred (ctx, &cred), ERR (GPG_ERR_ASS_GENERAL));
  assert_null (cred);
  end_child (ctx, MODE_PIPES);
}

/* Descriptors that are not listed stay behind, whether they are close-on-exec or not.  */
static void
test_fds (void **state) {
  int leak = open ("/dev/zero", O_RDONLY);
  assuan_context_t ctx;
  char expected[100];

  (void) state;
  ctx = start_child (MODE_PIPES, NULL);
  assert_string_equal (ask_child (ctx, "FDS"), "0:pipe 1:pipe 2:null");
  end_child (ctx, MODE_PIPES);
  ctx = start_child (MODE_FDPASSING, NULL);
  snprintf (expected, sizeof expected, "0:null 1:null 2:null %d:socket",
            atoi (ask_child (ctx, "ENV _assuan_connection_fd")));
  assert_string_equal (ask_child (ctx, "FDS"), expected);
  end_child (ctx, MODE_FDPASSING);
  close (leak);
}

/* A listed descriptor keeps its number, close-on-exec must be off, and works.  */
static void
check_fd_list (unsigned int flags) {
  struct start start = { 0 };
  char command[50], expected[50];
  assuan_fd_t list[3] = { -1, -1, ASSUAN_INVALID_FD };
  assuan_context_t ctx;
  int fds[2];

  assert_int_equal (pipe (fds), 0);
  list[0] = list[1] = fds[1];
  start.fds = list;
  ctx = start_child (flags, &start);
  assert_int_equal (list[0], fds[1]);
  assert_int_equal (list[2], ASSUAN_INVALID_FD);
  snprintf (expected, sizeof expected, " %d:pipe", fds[1]);
  assert_non_null (strstr (ask_child (ctx, "FDS"), expected));
  snprintf (expected, sizeof expected, " %d:pipe", fds[0]);
  assert_null (strstr (ask_child (ctx, "FDS"), expected));
  snprintf (command, sizeof command, "WRITE %d through", fds[1]);
  assert_err (tell_child (ctx, command), 0);
  close (fds[1]);
  peer_expect (fds[0], "through");
  end_child (ctx, flags);
  peer_expect_eof (fds[0]);
  close (fds[0]);
}

static void
test_fd_list (void **state) {
  (void) state;
  in_both_modes (check_fd_list);
}

static void
check_stderr (unsigned int flags) {
  assuan_fd_t list[] = { 2, ASSUAN_INVALID_FD };
  struct start start = { .fds = list };
  int fds[2], saved = dup (2);
  assuan_context_t ctx;

  fds_pipe (fds, 0);
  dup2 (fds[1], 2);
  close (fds[1]);
  ctx = start_child (flags, &start);
  dup2 (saved, 2);
  close (saved);
  assert_err (tell_child (ctx, "WRITE 2 to stderr"), 0);
  peer_expect (fds[0], "to stderr");
  end_child (ctx, flags);
  close (fds[0]);
}

static void
test_stderr (void **state) {
  (void) state;
  in_both_modes (check_stderr);
}

/* What atfork tells the parent, through a descriptor that the child does not keep.  */
struct fork_note {
  pid_t pid;
  int reserved;
  int fd;
};

static void
at_fork (void *opaque, int reserved) {
  struct fork_note *value = opaque;
  struct fork_note found = { getpid (), reserved, 0 };

  if (write (value->fd, &found, sizeof found) < 0) _exit (9);
}

static void
check_atfork (unsigned int flags) {
  struct fork_note value = { 0 }, found;
  struct start start = { .atfork = at_fork, .atfork_value = &value };
  assuan_context_t ctx;
  int fds[2];

  fds_pipe (fds, 0);
  value.fd = fds[1];
  ctx = start_child (flags, &start);
  close (fds[1]);
  assert_int_equal (read (fds[0], &found, sizeof found), sizeof found);
  assert_int_equal (found.pid, atoi (ask_child (ctx, "PIDS")));
  assert_int_equal (found.reserved, 0);
  /* Once, and the child has it no more.  */
  peer_expect_eof (fds[0]);
  end_child (ctx, flags);
  close (fds[0]);
}

static void
test_atfork (void **state) {
  (void) state;
  in_both_modes (check_atfork);
}

/* Signals are as the caller has them; the library's own doings with SIGPIPE are no business of
 * the child's.  */
static void
test_signals (void **state) {
  assuan_context_t ctx;
  char expected[50];
  sigset_t set;

  (void) state;
  sigemptyset (&set);
  sigaddset (&set, SIGUSR1);
  sigprocmask (SIG_BLOCK, &set, NULL);
  ctx = start_child (MODE_PIPES, NULL);
  sigprocmask (SIG_UNBLOCK, &set, NULL);
  snprintf (expected, sizeof expected, "blocked %d ignored %d", SIGUSR1, SIGPIPE);
  assert_string_equal (ask_child (ctx, "SIGNALS"), expected);
  end_child (ctx, MODE_PIPES);
}

static void
test_no_waitpid (void **state) {
  assuan_context_t ctx = start_child (MODE_PIPES, NULL);
  pid_t pid = assuan_get_pid (ctx);
  int status;

  (void) state;
  assuan_set_flag (ctx, ASSUAN_NO_WAITPID, 1);
  assuan_release (ctx);
  assert_int_equal (waitpid (pid, &status, 0), pid);
  assert_int_equal (status, 0);
}

static void
check_large_data (unsigned int flags) {
  assuan_context_t ctx = start_child (flags, NULL);
  size_t n_octets = 0;

  assert_err (
      assuan_transact (ctx, "ECHO", suite_count_data, &n_octets, suite_send_large, ctx, NULL, NULL),
      0);
  assert_int_equal (n_octets, SUITE_LARGE_LEN);
  end_child (ctx, flags);
}

static void
test_large_data (void **state) {
  (void) state;
  in_both_modes (check_large_data);
}

/* A child must not hold the ends of another child's connection, or releasing that one would
 * wait for an end of file that never comes.  */
static void
check_two_children (unsigned int flags) {
  assuan_context_t one = start_child (flags, NULL), two = start_child (flags, NULL);
  assuan_fd_t fds[2];

  if (!(flags & MODE_FDPASSING))
    assert_string_equal (ask_child (two, "FDS"), "0:pipe 1:pipe 2:null");
  /* deviation: created ones close-on-exec */
  for (int what = 0; what < 2; what++) {
    assert_int_equal (assuan_get_active_fds (one, what, fds, 2), 1);
    assert_int_equal (fcntl (fds[0], F_GETFD), on_oracle () ? 0 : FD_CLOEXEC);
  }
  assuan_release (one);
  reap_for_oracle (flags);
  assert_err (tell_child (two, "NOP"), 0);
  end_child (two, flags);
}

static void
test_two_children (void **state) {
  (void) state;
  in_both_modes (check_two_children);
}

static void
check_killed (unsigned int flags) {
  assuan_context_t ctx = start_child (flags, NULL);
  gpg_error_t rc;

  kill (atoi (ask_child (ctx, "PIDS")), SIGKILL);
  /* Whether the command can still be written is up to chance.  */
  rc = tell_child (ctx, "NOP");
  if (gpg_err_code (rc) != GPG_ERR_EPIPE && gpg_err_code (rc) != GPG_ERR_ECONNRESET)
    assert_err (rc, ERR (GPG_ERR_EOF));
  end_child (ctx, flags);
}

static void
test_killed (void **state) {
  (void) state;
  in_both_modes (check_killed);
}

/* Descriptors in both directions, with the child's help.  */
static void
test_pass_fds (void **state) {
  assuan_context_t ctx = start_child (MODE_FDPASSING, NULL);
  assuan_fd_t fd = -1;
  int fds[2];

  (void) state;
  fds_pipe (fds, 0);
  assert_err (assuan_sendfd (ctx, fds[1]), 0);
  assert_err (tell_child (ctx, "TAKE to the parent"), 0);
  close (fds[1]);
  peer_expect (fds[0], "to the parent");
  peer_expect_eof (fds[0]);
  close (fds[0]);
  assert_err (tell_child (ctx, "GIVE from the child"), 0);
  assert_err (assuan_receivefd (ctx, &fd), 0);
  peer_expect (fd, "from the child");
  peer_expect_eof (fd);
  close (fd);
  end_child (ctx, MODE_FDPASSING);
}

static void
test_pass_fds_over_pipes (void **state) {
  assuan_context_t ctx = start_child (MODE_PIPES, NULL);

  (void) state;
  assert_err (assuan_sendfd (ctx, 0), ERR (GPG_ERR_NOT_IMPLEMENTED));
  assert_err (tell_child (ctx, "NOP"), 0);
  end_child (ctx, MODE_PIPES);
}

/* Without a program the caller forks; ARGV[0] tells the two apart, whatever it was.  */
static void
check_fork (const char *arg) {
  assuan_context_t ctx = new_context ();
  const char *argv[] = { arg, NULL };
  struct fork_note value = { 0 }, found;
  gpg_error_t rc;
  int fds[2];

  fds_pipe (fds, 0);
  value.fd = fds[1];
  rc = assuan_pipe_connect (ctx, NULL, argv, NULL, at_fork, &value, MODE_FDPASSING);
  if (!rc && !strcmp (argv[0], "server")) {
    assuan_context_t server;
    assuan_fd_t none[2] = { ASSUAN_INVALID_FD, ASSUAN_INVALID_FD };

    if (assuan_new (&server) || assuan_init_pipe_server (server, none)) _exit (1);
    if (assuan_accept (server)) _exit (2);
    _exit (assuan_process (server) ? 3 : 0);
  }
  assert_err (rc, 0);
  assert_string_equal (argv[0], "client");
  close (fds[1]);
  assert_int_equal (read (fds[0], &found, sizeof found), sizeof found);
  peer_expect_eof (fds[0]);
  close (fds[0]);
  assert_err (tell_child (ctx, "NOP"), 0);
  end_child (ctx, MODE_FDPASSING);
}

static void
test_fork (void **state) {
  (void) state;
  check_fork ("undecided");
  check_fork (NULL);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    suite_test (test_environment),
    suite_test (test_arguments),
    suite_test (test_pids),
    suite_test (test_no_credentials),
    suite_test (test_fds),
    suite_test (test_fd_list),
    suite_test (test_stderr),
    suite_test (test_atfork),
    suite_test (test_signals),
    suite_test (test_no_waitpid),
    suite_test (test_large_data),
    suite_test (test_two_children),
    suite_test (test_killed),
    suite_test (test_pass_fds),
    suite_test (test_pass_fds_over_pipes),
    suite_test (test_fork),
  };

  /* nohup and others start their programs with ignored signals.  */
  for (int i = 1; i < NSIG; i++)
    signal (i, SIG_DFL);
  return suite_run (tests);
}
