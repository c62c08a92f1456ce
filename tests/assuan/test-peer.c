/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The credentials of the peer, and what becomes of a server whose peer has gone.  */

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "suite.h"

static void
credentials_of_a_socket_peer (void **state) {
  assuan_peercred_t cred = NULL;
  struct server s;

  (void) state;
  server_make (&s, SERVER_SOCKET);
  assert_err (assuan_accept (s.ctx), 0);
  assert_int_equal (assuan_get_pid (s.ctx), getpid ());
  assert_err (assuan_get_peercred (s.ctx, &cred), 0);
  assert_non_null (cred);
  assert_int_equal (cred->pid, getpid ());
  assert_int_equal (cred->uid, getuid ());
  assert_int_equal (cred->gid, getgid ());
  /* They are good until the release, also when the connection has ended.  */
  peer_say (s.out, "BYE\n");
  assert_err (assuan_process (s.ctx), 0);
  assert_int_equal (cred->pid, getpid ());
  assert_int_equal (cred->uid, getuid ());
  server_free (&s);
}

static gpg_error_t
cmd_who (assuan_context_t ctx, char *line) {
  struct notes *notes = assuan_get_pointer (ctx);
  assuan_peercred_t cred;
  gpg_error_t err = assuan_get_peercred (ctx, &cred);

  (void) line;
  note (notes, "%s %d", err_text (err), !err && cred->uid == getuid ());
  note (notes, "%d", assuan_get_pid (ctx) == getpid ());
  return 0;
}

static void
prepare_who (assuan_context_t ctx, void *arg) {
  (void) arg;
  assuan_register_command (ctx, "WHO", cmd_who, NULL);
}

static void
handlers_ask_for_the_peer (void **state) {
  struct notes notes = { 0 };
  struct server s;

  (void) state;
  server_start (&s, SERVER_FDPASSING, prepare_who, &notes);
  server_ask (&s, "WHO\n", "OK\n");
  server_stop_noting (&s, &notes, "0 1\n1\n");
}

static void
peer_of_a_pipe_is_unknown (void **state) {
  assuan_peercred_t cred = NULL;
  struct server s;

  (void) state;
  server_make (&s, SERVER_PIPE);
  assert_err (assuan_accept (s.ctx), 0);
  assert_int_equal (assuan_get_pid (s.ctx), ASSUAN_INVALID_PID);
  assert_err (assuan_get_peercred (s.ctx, &cred), ERR (GPG_ERR_ASS_GENERAL));
  server_free (&s);
}

/* Write in every way to a client that has gone, and note what each call says.  */
static gpg_error_t
cmd_talk (assuan_context_t ctx, char *line) {
  static char big[3000];
  struct notes *notes = assuan_get_pointer (ctx);

  (void) line;
  note (notes, "%s", err_text (assuan_write_status (ctx, "KEY", "one")));
  note (notes, "%s", err_text (assuan_write_status (ctx, "KEY", "two")));
  note (notes, "%s", err_text (assuan_write_line (ctx, "# three")));
  note (notes, "%d", assuan_send_data (ctx, big, sizeof big) != 0);
  note (notes, "%d", assuan_send_data (ctx, NULL, 0) != 0);
  return 0;
}

static void
prepare_talk (assuan_context_t ctx, void *arg) {
  (void) arg;
  assuan_register_command (ctx, "TALK", cmd_talk, NULL);
}

static void
check_gone (enum server_kind kind) {
  struct notes notes = { 0 };
  struct server s;

  server_make (&s, kind);
  assuan_set_pointer (s.ctx, &notes);
  prepare_talk (s.ctx, NULL);
  assert_err (assuan_accept (s.ctx), 0);
  server_expect_greeting (&s);
  peer_say (s.out, "TALK\nTALK\n");
  close (s.in);
  if (s.out == s.in) s.out = -1;
  s.in = -1;
  assert_err (assuan_process (s.ctx), ERR (GPG_ERR_EPIPE));
  assert_int_equal ((int) assuan_accept (s.ctx), -1);
  server_free (&s);
  /* Every write says so, which is how dirmngr learns it; the second command is not run.  */
  assert_string_equal (notes.text, "32877/33\n32877/33\n32877/33\n1\n1\n");
}

static void
writes_to_a_vanished_peer_fail (void **state) {
  (void) state;
  check_gone (SERVER_SOCKET);
  check_gone (SERVER_FDPASSING);
  check_gone (SERVER_PIPE);
}

/* The same in a process that leaves SIGPIPE as it is: it must not be killed by it.  In a child, in
 * which no assertion can be reported: the exit status tells.  */
static int
child_without_handler (enum server_kind kind) {
  struct notes notes = { 0 };
  struct server s;

  server_make (&s, kind);
  assuan_set_pointer (s.ctx, &notes);
  prepare_talk (s.ctx, NULL);
  if (assuan_accept (s.ctx)) return 2;
  peer_say (s.out, "TALK\n");
  close (s.in);
  signal (SIGPIPE, SIG_DFL);
  if (gpg_err_code (assuan_process (s.ctx)) != GPG_ERR_EPIPE) return 3;
  if (signal (SIGPIPE, SIG_DFL) != SIG_DFL) return 4;
  return strcmp (notes.text, "32877/33\n32877/33\n32877/33\n1\n1\n") ? 5 : 0;
}

static void
no_signal_kills_the_server (void **state) {
  (void) state;
  for (int kind = SERVER_SOCKET; kind <= SERVER_PIPE; kind++) {
    pid_t pid = fork ();
    int status;

    assert_int_not_equal (pid, -1);
    if (!pid) _exit (child_without_handler ((enum server_kind) kind));
    assert_int_equal (waitpid (pid, &status, 0), pid);
    /* deviation: SIGPIPE can end the process */
    if (on_oracle ()) {
      assert_true (WIFSIGNALED (status));
      assert_int_equal (WTERMSIG (status), SIGPIPE);
    } else {
      assert_true (WIFEXITED (status));
      assert_int_equal (WEXITSTATUS (status), 0);
    }
  }
}

/* Someone else's pending SIGPIPE must survive our writes.  */
static int
child_with_blocked_signal (void) {
  sigset_t set, pending;

  sigemptyset (&set);
  sigaddset (&set, SIGPIPE);
  signal (SIGPIPE, SIG_DFL);
  sigprocmask (SIG_BLOCK, &set, NULL);
  raise (SIGPIPE);
  if (child_without_handler (SERVER_PIPE)) return 6;
  sigpending (&pending);
  if (!sigismember (&pending, SIGPIPE)) return 7;
  sigprocmask (SIG_BLOCK, NULL, &set);
  return sigismember (&set, SIGPIPE) ? 0 : 8;
}

static void
pending_signal_is_left_alone (void **state) {
  pid_t pid;
  int status;

  (void) state;
  pid = fork ();
  assert_int_not_equal (pid, -1);
  if (!pid) _exit (child_with_blocked_signal ());
  assert_int_equal (waitpid (pid, &status, 0), pid);
  assert_true (WIFEXITED (status));
  assert_int_equal (WEXITSTATUS (status), 0);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    suite_test (credentials_of_a_socket_peer), suite_test (handlers_ask_for_the_peer),
    suite_test (peer_of_a_pipe_is_unknown),    suite_test (writes_to_a_vanished_peer_fail),
    suite_test (no_signal_kills_the_server),   suite_test (pending_signal_is_left_alone),
  };

  return suite_run (tests);
}
