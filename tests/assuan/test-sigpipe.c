/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SIGPIPE: what happens when the peer is dead, and whose business the signal's disposition is.
 *
 * deviation: SIGPIPE can end the process; `pipe_connect` changes its disposition | `MSG_NOSIGNAL`
 * on sockets; pipes: the calling thread's mask around the write; dispositions untouched on our
 * own initiative */

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "client.h"

static volatile sig_atomic_t n_signals;

static void
count_signal (int signum) {
  (void) signum;
  n_signals++;
}

static void
catch_signal (void) {
  n_signals = 0;
  signal (SIGPIPE, count_signal);
}

/* The suite runs with the signal ignored.  */
static void
restore_signal (void) {
  signal (SIGPIPE, SIG_IGN);
}

static void
check_dead_socket (unsigned int flags) {
  struct client c;

  client_open (&c, flags);
  close (c.peer);
  c.peer = -1;
  catch_signal ();
  assert_code (assuan_write_line (c.ctx, "# x"), GPG_ERR_EPIPE);
  if (flags) assert_code (assuan_sendfd (c.ctx, 0), GPG_ERR_EPIPE);
  /* The BYE, too.  */
  client_drop (&c);
  restore_signal ();
  if (on_oracle ())
    assert_int_not_equal (n_signals, 0);
  else
    assert_int_equal (n_signals, 0);
}

static void
test_dead_socket (void **state) {
  (void) state;
  check_dead_socket (0);
  check_dead_socket (ASSUAN_SOCKET_CONNECT_FDPASSING);
}

/* A server on pipes whose client is gone.  */
static void
make_dead_pipe (struct server *s) {
  server_make (s, SERVER_PIPE);
  close (s->in);
  s->in = -1;
}

static void
test_dead_pipe (void **state) {
  struct server s;

  (void) state;
  make_dead_pipe (&s);
  catch_signal ();
  assert_code (assuan_accept (s.ctx), GPG_ERR_EPIPE);
  assert_code (assuan_write_status (s.ctx, "PROGRESS", "x"), GPG_ERR_EPIPE);
  server_free (&s);
  restore_signal ();
  if (on_oracle ())
    assert_int_not_equal (n_signals, 0);
  else
    assert_int_equal (n_signals, 0);
}

static bool
is_pending (void) {
  sigset_t pending;

  sigpending (&pending);
  return sigismember (&pending, SIGPIPE);
}

static bool
is_blocked (void) {
  sigset_t blocked;

  pthread_sigmask (SIG_BLOCK, NULL, &blocked);
  return sigismember (&blocked, SIGPIPE);
}

static void
block (int how) {
  sigset_t set;

  sigemptyset (&set);
  sigaddset (&set, SIGPIPE);
  pthread_sigmask (how, &set, NULL);
}

/* A thread that has the signal blocked does not find one that our write raised; one that it had
 * before is still there.  */
static void
check_pending (bool pending_before) {
  struct server s;

  make_dead_pipe (&s);
  catch_signal ();
  block (SIG_BLOCK);
  if (pending_before) pthread_kill (pthread_self (), SIGPIPE);
  assert_code (assuan_accept (s.ctx), GPG_ERR_EPIPE);
  assert_int_equal (is_pending (), pending_before || on_oracle ());
  assert_true (is_blocked ());
  server_free (&s);
  block (SIG_UNBLOCK);
  assert_int_equal (n_signals, pending_before || on_oracle ());
  restore_signal ();
}

static void
test_blocked (void **state) {
  (void) state;
  check_pending (false);
  check_pending (true);
}

static void
test_mask_restored (void **state) {
  struct server s;

  (void) state;
  make_dead_pipe (&s);
  assert_code (assuan_accept (s.ctx), GPG_ERR_EPIPE);
  assert_false (is_blocked ());
  server_free (&s);
}

/* Runs in a process of its own, where nothing has happened yet; its result is the status.  */
static int
in_process (int (*run) (unsigned int flags), unsigned int flags) {
  pid_t pid = fork ();
  int status;

  assert_int_not_equal (pid, -1);
  if (!pid) _exit (run (flags));
  assert_int_equal (waitpid (pid, &status, 0), pid);
  return status;
}

/* With the default disposition the signal ends the process.  */
static int
write_to_dead_peer (unsigned int flags) {
  struct client c;

  client_open (&c, flags);
  close (c.peer);
  signal (SIGPIPE, SIG_DFL);
  if (!assuan_write_line (c.ctx, "# x")) return 1;
  assuan_release (c.ctx);
  return 0;
}

static void
test_default_disposition (void **state) {
  (void) state;
  assert_int_equal (in_process (write_to_dead_peer, 0), on_oracle () ? SIGPIPE : 0);
  assert_int_equal (in_process (write_to_dead_peer, ASSUAN_SOCKET_CONNECT_FDPASSING),
                    on_oracle () ? SIGPIPE : 0);
}

enum disposition { OTHER, DEFAULT, IGNORED, HANDLER };

static int
get_disposition (void) {
  struct sigaction action;

  if (sigaction (SIGPIPE, NULL, &action)) return OTHER;
  if (action.sa_handler == SIG_DFL) return DEFAULT;
  if (action.sa_handler == SIG_IGN) return IGNORED;
  return action.sa_handler == count_signal ? HANDLER : OTHER;
}

/* What a connection to a child makes of the signal; FLAGS as below.  */
#define NO_FIX       0x1000u
#define WITH_HANDLER 0x2000u
static int
connect_to_child (unsigned int flags) {
  static const struct start plain;
  assuan_context_t ctx;

  signal (SIGPIPE, flags & WITH_HANDLER ? count_signal : SIG_DFL);
  if (assuan_new (&ctx)) return 99;
  if (flags & NO_FIX) assuan_set_flag (ctx, ASSUAN_NO_FIXSIGNALS, 1);
  if (try_child (ctx, flags & MODE_FDPASSING, &plain)) return 98;
  assuan_release (ctx);
  return get_disposition ();
}

static void
check_disposition (unsigned int flags, enum disposition expected) {
  assert_int_equal (WEXITSTATUS (in_process (connect_to_child, flags)), expected);
}

static void
test_disposition (void **state) {
  enum disposition by_default = on_oracle () ? IGNORED : DEFAULT;

  (void) state;
  check_disposition (MODE_PIPES, by_default);
  check_disposition (MODE_FDPASSING, by_default);
  check_disposition (MODE_PIPES | NO_FIX, DEFAULT);
  check_disposition (MODE_PIPES | WITH_HANDLER, HANDLER);
}

static int
connect_to_socket (unsigned int flags) {
  struct client c;

  signal (SIGPIPE, SIG_DFL);
  client_open (&c, flags);
  client_close (&c);
  return get_disposition ();
}

static void
test_disposition_socket (void **state) {
  (void) state;
  assert_int_equal (WEXITSTATUS (in_process (connect_to_socket, 0)), DEFAULT);
}

/* A child that died, with the signal caught.  */
static void
check_dead_child (unsigned int flags) {
  assuan_context_t ctx = start_child (flags, NULL);
  gpg_error_t rc = 0;

  catch_signal ();
  kill (atoi (ask_child (ctx, "PIDS")), SIGKILL);
  for (int i = 0; i < 1000000 && !rc; i++)
    rc = assuan_write_line (ctx, "# x");
  assert_int_not_equal (gpg_err_code (rc), 0);
  end_child (ctx, flags);
  restore_signal ();
  if (!on_oracle ()) assert_int_equal (n_signals, 0);
}

static void
test_dead_child (void **state) {
  (void) state;
  check_dead_child (MODE_PIPES);
  check_dead_child (MODE_FDPASSING);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    suite_test (test_dead_socket),
    suite_test (test_dead_pipe),
    suite_test (test_blocked),
    suite_test (test_mask_restored),
    suite_test (test_default_disposition),
    suite_test (test_disposition),
    suite_test (test_disposition_socket),
    suite_test (test_dead_child),
  };

  return suite_run (tests);
}
