/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-launch.c - servers that their clients start by a command: one of them does, whatever they
   are and however many, and all come in.  */

#include "kit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "children.h"

/* Longer than any test takes.  */
#define LONG_MS 3600000u

/* The command, and where it is noted that it runs.  */
static char program[PATH_MAX + 20], address_text[200], socket_path[150], starts_path[150];
static const char *command[] = { program, "daemon", socket_path, starts_path, NULL, NULL };

static const char *
address (void) {
  return address_text;
}

static const char *
lock_path (void) {
  return kit_format ("%s.start-lock", socket_path);
}

/* Clients start the daemon that behaves like HOW.  */
static void
use_daemon (const char *how) {
  snprintf (program, sizeof program, "%s/client-child", kit_program_dir ());
  snprintf (socket_path, sizeof socket_path, "%s", tmpdir_path ("s"));
  snprintf (starts_path, sizeof starts_path, "%s", tmpdir_path ("starts"));
  snprintf (address_text, sizeof address_text, "unix:%s", socket_path);
  command[4] = how;
  kit_config.start_argv = command;
  kit_config.retry_ms = LONG_MS;
}

static void
expect_starts (long n) {
  struct stat st = { .st_size = 0 };

  assert_int_equal (stat (starts_path, &st) ? -1 : 0, n ? 0 : -1);
  assert_int_equal (st.st_size, n);
}

/* Returns true if a server listens.  */
static bool
is_listening (void) {
  struct sockaddr_un addr = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), rc;

  assert_true (fd >= 0);
  memcpy (addr.sun_path, socket_path, strlen (socket_path) + 1);
  rc = connect (fd, (struct sockaddr *) &addr, sizeof addr);
  close (fd);
  return !rc;
}

/* Ends the daemon, which a client of its own tells to, and all that is left of it.  */
static void
end_daemon (void) {
  assuan_context_t ctx;
  unsigned int tries = 0;

  kit_config.start_argv = NULL;
  ctx = kit_dial (address ());
  kit_call (ctx, "e", "END");
  kit_await ("ready\ne.done 0\n");
  assuan_release (ctx);
  while (is_listening ())
    kit_turn (&tries);
  kit_await_reaping ();
  assert_int_equal (access (lock_path (), F_OK), -1);
}

/* --- It starts -------------------------------------------------------------------------------- */

static void
start_and_talk (const char *how) {
  assuan_context_t ctx;

  use_daemon (how);
  ctx = kit_dial (address ());
  kit_call (ctx, "a", "ECHO hello");
  kit_call (ctx, "b", "HOLDS");
  kit_call (ctx, "c", "GETENV _assuan_pipe_connect_pid");
  kit_await ("ready\na.data hello\na.done 0\nb.done 0 0 leads\nc.done 0 (unset)\n");
  assuan_release (ctx);
  ctx = kit_dial (address ()); /* it is there already */
  kit_await ("ready\n");
  assuan_release (ctx);
  expect_starts (1);
  end_daemon ();
  unlink (starts_path);
}

/* A command that is the daemon, and one that leaves a daemon behind.  */
static void
test_stays (void **state) {
  (void) state;
  start_and_talk ("stay");
}

static void
test_forks (void **state) {
  (void) state;
  start_and_talk ("fork");
}

/* It outlives the client, the loop, and the lock of a process that was killed.  */
static void
test_stale_lock (void **state) {
  int fd;

  (void) state;
  use_daemon ("fork");
  fd = open (lock_path (), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  assert_true (fd >= 0);
  close (fd);
  start_and_talk ("fork");
}

/* A lock that another process has, which then leaves without having started anything.  */
static void
test_owner_leaves (void **state) {
  assuan_context_t ctx;
  int fd;

  (void) state;
  use_daemon ("fork");
  fd = open (lock_path (), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  assert_int_equal (flock (fd, LOCK_EX | LOCK_NB), 0);
  ctx = kit_dial (address ());
  kit_settle ();
  kit_expect ("");
  expect_starts (0);
  close (fd);
  kit_await ("ready\n");
  assuan_release (ctx);
  expect_starts (1);
  end_daemon ();
}

/* --- Many ------------------------------------------------------------------------------------- */

static void
test_many_clients (void **state) {
  assuan_context_t ctx[20];

  (void) state;
  use_daemon ("stay");
  for (size_t i = 0; i < N_ELEMENTS (ctx); i++)
    ctx[i] = kit_dial (address ());
  kit_await ("ready\nready\nready\nready\nready\nready\nready\nready\nready\nready\n"
             "ready\nready\nready\nready\nready\nready\nready\nready\nready\nready\n");
  for (size_t i = 0; i < N_ELEMENTS (ctx); i++)
    assuan_release (ctx[i]);
  expect_starts (1);
  end_daemon ();
}

/* A process with a loop and a client of its own.  Does not return.  */
static void
note_ready (assuan_context_t ctx, void *arg) {
  (void) ctx;
  *(int *) arg = 0;
}

static void
note_closed (assuan_context_t ctx, void *arg, gpg_error_t err) {
  (void) ctx;
  (void) err;
  *(int *) arg = 1;
}

static _Noreturn void
be_client (void) {
  struct eva_connect_config config = {
    .ready = note_ready, .closed = note_closed, .start_argv = command, .retry_ms = LONG_MS
  };
  struct test_loop loop;
  assuan_context_t ctx;
  int result = -1;

  config.arg = &result;
  alarm (100);
  test_loop_init (&loop);
  if (eva_connect (loop.loop, address (), &config, &ctx)) _exit (2);
  while (result < 0)
    test_loop_turn (&loop, true);
  assuan_release (ctx);
  _exit (result);
}

static void
test_many_processes (void **state) {
  pid_t pids[20];

  (void) state;
  for (int round = 0; round < 3; round++) {
    use_daemon ("fork");
    for (size_t i = 0; i < N_ELEMENTS (pids); i++) {
      pids[i] = fork ();
      assert_true (pids[i] >= 0);
      if (!pids[i]) be_client ();
    }
    for (size_t i = 0; i < N_ELEMENTS (pids); i++)
      assert_int_equal (child_exit_code (pids[i]), 0);
    expect_starts (1);
    end_daemon ();
    unlink (starts_path);
  }
}

/* --- It does not start ------------------------------------------------------------------------ */

/* The client hears TOLD.  */
static void
fail_to_start (const char *told) {
  assuan_context_t ctx;

  kit_on_closed = kit_note_reason;
  ctx = kit_dial (address ());
  kit_call (ctx, "a", "NOP");
  kit_await (told);
  assuan_release (ctx);
  kit_await_reaping ();
  assert_int_equal (access (lock_path (), F_OK), -1);
}

static void
test_fails (void **state) {
  (void) state;
  use_daemon ("7");
  fail_to_start (kit_format ("a.done ASS_SERVER_START\nclosed ASS_SERVER_START\n"
                             "reason %s failed with exit status 7\n",
                             program));
  expect_starts (1);
}

static void
test_no_command (void **state) {
  static const char *const missing[] = { "/nonexistent/x", NULL };
  static const char *const killed[] = { "sh", "-c", "kill -9 $$", NULL };

  (void) state;
  use_daemon ("fork");
  kit_config.start_argv = missing;
  fail_to_start (
      "a.done ENOENT\nclosed ENOENT\nreason /nonexistent/x: No such file or directory\n");
  kit_config.start_argv = killed;
  fail_to_start (
      "a.done ASS_SERVER_START\nclosed ASS_SERVER_START\nreason sh was ended by signal 9\n");
}

/* The command ends well, but nothing listens.  */
static void
test_no_server (void **state) {
  (void) state;
  use_daemon ("0");
  kit_config.retry_ms = 50;
  fail_to_start (kit_format ("a.done ASS_CONNECT_FAILED\nclosed ASS_CONNECT_FAILED\n"
                             "reason %s has started, but no server listens\n",
                             program));
  kit_await_reaping ();
  expect_starts (1);
}

/* The lock stays taken, or cannot be had at all.  */
static void
test_no_lock (void **state) {
  int fd;

  (void) state;
  use_daemon ("fork");
  kit_config.retry_ms = 50;
  assert_int_equal (mkdir (lock_path (), 0700), 0);
  kit_on_closed = NULL;
  {
    assuan_context_t ctx = NULL;
    assert_error (eva_connect (kit_loop.loop, address (), &kit_config, &ctx),
                  kit_error (gpg_error_from_errno (EISDIR)));
    assert_null (ctx);
  }
  assert_int_equal (rmdir (lock_path ()), 0);
  fd = open (lock_path (), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  assert_int_equal (flock (fd, LOCK_EX | LOCK_NB), 0);
  kit_on_closed = kit_note_reason;
  kit_config.flags |= EVA_CONNECT_LATE_ERRORS;
  {
    assuan_context_t ctx = kit_dial (address ());
    kit_await (kit_format (
        "closed ASS_CONNECT_FAILED\nreason %s: another client starts the server\n", lock_path ()));
    assuan_release (ctx);
  }
  close (fd);
  assert_int_equal (unlink (lock_path ()), 0);
  expect_starts (0);
}

/* What cannot be started so.  */
static void
test_refused (void **state) {
  static const char *const none[] = { NULL };
  static const char *const odd[][2] = { { "", NULL }, { "=x", NULL } };
  static const char *const others[] = { "tcp:127.0.0.1:1", "unix:@x", "fd:0", "exec:sh" };
  assuan_context_t ctx;

  (void) state;
  use_daemon ("fork");
  for (size_t i = 0; i < N_ELEMENTS (others); i++)
    assert_error (eva_connect (kit_loop.loop, others[i], &kit_config, &ctx), "INV_ARG");
  kit_config.argv = command;
  assert_error (eva_connect (kit_loop.loop, "exec:", &kit_config, &ctx), "INV_ARG");
  kit_config.argv = NULL;
  for (size_t i = 0; i < N_ELEMENTS (odd); i++) {
    kit_config.environment = odd[i];
    assert_error (eva_connect (kit_loop.loop, address (), &kit_config, &ctx), "INV_ARG");
  }
  kit_config.environment = NULL;
  kit_config.start_argv = none;
  assert_error (eva_connect (kit_loop.loop, address (), &kit_config, &ctx), "INV_ARG");
}

/* --- It is not wanted any more ---------------------------------------------------------------- */

/* Given up while the command runs: the next client finds the server.  */
static void
test_release (void **state) {
  assuan_context_t ctx;

  (void) state;
  use_daemon ("stay");
  ctx = kit_dial (address ());
  for (unsigned int tries = 0; access (starts_path, F_OK);)
    kit_turn (&tries);
  assuan_release (ctx);
  assert_int_equal (access (lock_path (), F_OK), -1);
  kit_settle ();
  kit_config.start_argv = NULL;
  ctx = kit_dial (address ());
  kit_await ("ready\n");
  assuan_release (ctx);
  expect_starts (1);
  end_daemon ();
}

/* What the program passed is not used later.  */
static void
test_copies (void **state) {
  const char *words[] = { program, "daemon", socket_path, starts_path, "fork", NULL };
  const char *environment[] = { "EVA_TEST=a b", "HOME", NULL };
  char directory[] = "/usr";
  assuan_context_t ctx;

  (void) state;
  use_daemon ("fork");
  kit_config.start_argv = words;
  kit_config.environment = environment;
  kit_config.directory = directory;
  ctx = kit_dial (address ());
  words[0] = words[4] = environment[0] = "gone";
  directory[1] = 0;
  kit_config.environment = NULL;
  kit_config.directory = NULL;
  kit_call (ctx, "a", "GETENV EVA_TEST");
  kit_call (ctx, "b", "GETENV HOME");
  kit_call (ctx, "c", "WHERE");
  kit_await ("ready\na.done 0 a b\nb.done 0 (unset)\nc.done 0 /usr\n");
  assuan_release (ctx);
  end_daemon ();
}

static const struct CMUnitTest tests[] = {
  kit_test (test_stays),        kit_test (test_forks),        kit_test (test_stale_lock),
  kit_test (test_owner_leaves), kit_test (test_many_clients), kit_test (test_many_processes),
  kit_test (test_fails),        kit_test (test_no_command),   kit_test (test_no_server),
  kit_test (test_no_lock),      kit_test (test_refused),      kit_test (test_release),
  kit_test (test_copies),
};

const struct suite launch_suite = { "launch", tests, N_ELEMENTS (tests) };
