/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* In which of the library's waits the other threads of a program on nPth run: with the clamp, with
 * nPth's hooks, with both, with neither, and with the clamp and the hooks of API 3, which are NULL.
 * A thread that nPth does not know ends each wait.  */

#include <npth.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "child.h"

ASSUAN_SYSTEM_NPTH_IMPL;

#define MS 1000000

enum setting { NEITHER, CLAMP, HOOKS, BOTH, API_3, N_SETTINGS };

static enum setting setting;
static int n_pre, n_post;
static atomic_int n_turns; /* of the other thread */
static atomic_bool is_over;

static void
pre (void) {
  n_pre++;
  npth_unprotect ();
}

static void
post (void) {
  npth_protect ();
  n_post++;
}

static bool
has_clamp (void) {
  return setting == CLAMP || setting == BOTH || setting == API_3;
}

static bool
has_hooks (void) {
  return setting == HOOKS || setting == BOTH;
}

static assuan_context_t
context (void) {
  assuan_context_t ctx = new_context ();

  if (has_hooks ()) assuan_ctx_set_system_hooks (ctx, ASSUAN_SYSTEM_NPTH);
  if (setting == API_3) assuan_ctx_set_system_hooks (ctx, NULL);
  return ctx;
}

/* --- The other threads ------------------------------------------------------------------------ */

static void *
take_turns (void *arg) {
  while (!atomic_load (&is_over)) {
    atomic_fetch_add (&n_turns, 1);
    npth_usleep (500);
  }
  return arg;
}

/* How a wait ends.  */
struct end {
  void (*end) (int number);
  int number;
  bool expected; /* that the other thread runs meanwhile */
  bool ran;
  pthread_t thread;
};

static void
pause_a_moment (long ns) {
  struct timespec moment = { .tv_nsec = ns };

  nanosleep (&moment, NULL);
}

/* A thread that is to run has as long as it likes; one that is not gets a moment.  */
static void *
look_and_end (void *arg) {
  struct end *e = arg;
  int before = atomic_load (&n_turns);

  if (e->expected)
    for (int i = 0; i < 20000 && atomic_load (&n_turns) < before + 3; i++)
      pause_a_moment (MS);
  else
    pause_a_moment (30 * MS);
  e->ran = atomic_load (&n_turns) >= before + 3;
  if (e->end) e->end (e->number);
  return NULL;
}

static void
begin_wait (struct end *e, void (*end) (int number), int number, bool expected) {
  *e = (struct end) { .end = end, .number = number, .expected = expected };
  assert_int_equal (pthread_create (&e->thread, NULL, look_and_end, e), 0);
}

static void
end_wait (struct end *e) {
  pthread_join (e->thread, NULL);
  assert_int_equal (e->ran, e->expected);
  assert_int_equal (n_pre, n_post);
  if (!has_clamp ()) assert_int_equal (n_pre, 0);
}

/* --- The waits -------------------------------------------------------------------------------- */

static void
say_ok (int fd) {
  (void) !write (fd, "OK\n", 3);
}

static void
wait_for_reply (void) {
  assuan_context_t ctx = context ();
  struct end e;
  int fds[2];

  fds_socketpair (fds, 0);
  begin_wait (&e, say_ok, fds[1], setting != NEITHER);
  assert_err (assuan_socket_connect_fd (ctx, fds[0], 0), 0);
  end_wait (&e);
  begin_wait (&e, say_ok, fds[1], setting != NEITHER);
  assert_err (assuan_transact (ctx, "NOP", NULL, NULL, NULL, NULL, NULL, NULL), 0);
  end_wait (&e);
  assuan_release (ctx);
  close (fds[1]);
}

static void
kill_process (int pid) {
  kill (pid, SIGKILL);
}

static assuan_context_t
child_that_stays (void) {
  static const struct start plain;
  assuan_context_t ctx = context ();

  assert_err (try_child (ctx, MODE_PIPES, &plain), 0);
  kill (assuan_get_pid (ctx), SIGSTOP);
  return ctx;
}

static void
wait_for_termination (void) {
  assuan_context_t ctx = child_that_stays ();
  struct end e;

  begin_wait (&e, kill_process, assuan_get_pid (ctx), setting != NEITHER);
  assert_err (assuan_pipe_wait_server_termination (ctx, NULL, 0), 0);
  end_wait (&e);
  assuan_release (ctx);
}

static void
wait_in_release (void) {
  assuan_context_t ctx = child_that_stays ();
  struct end e;

  begin_wait (&e, kill_process, assuan_get_pid (ctx), setting != NEITHER);
  assuan_release (ctx);
  end_wait (&e);
}

static struct sockaddr_un address = { .sun_family = AF_UNIX };
static int client;

static int
new_listener (void) {
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  snprintf (address.sun_path, sizeof address.sun_path, "%s", tmpdir_path ("S"));
  unlink (address.sun_path);
  assert_int_equal (bind (fd, (struct sockaddr *) &address, sizeof address), 0);
  assert_int_equal (listen (fd, 5), 0);
  return fd;
}

static void
reach (int unused) {
  (void) unused;
  client = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  connect (client, (struct sockaddr *) &address, sizeof address);
}

static void
wait_in_sock_accept (void) {
  int listener = new_listener (), fd;
  struct end e;

  begin_wait (&e, reach, 0, has_clamp ());
  fd = assuan_sock_accept (listener, NULL, NULL);
  end_wait (&e);
  assert_true (fd >= 0);
  close (fd);
  close (client);
  close (listener);
}

/* deviation: all threads stop while assuan_accept waits | the clamp, or the hooks, let them run  */
static void
wait_in_accept (void) {
  int listener = new_listener ();
  assuan_context_t ctx = context ();
  struct end e;

  assert_err (assuan_init_socket_server (ctx, listener, 0), 0);
  begin_wait (&e, reach, 0, setting != NEITHER && !on_oracle ());
  assert_err (assuan_accept (ctx), 0);
  end_wait (&e);
  assuan_release (ctx);
  close (client);
  close (listener);
}

/* nPth's macros call it where the lock is open already.  */
static void
wait_in_usleep (void) {
  struct end e;

  begin_wait (&e, NULL, 0, false);
  __assuan_usleep (NULL, 60000);
  end_wait (&e);
}

/* --- The table -------------------------------------------------------------------------------- */

static void
each_setting (void (*wait) (void)) {
  npth_attr_t attr;
  npth_t thread;

  npth_attr_init (&attr);
  atomic_store (&is_over, false);
  assert_int_equal (npth_create (&thread, &attr, take_turns, NULL), 0);
  npth_attr_destroy (&attr);
  /* deviation: a context cannot be given no hooks, which is the last setting */
  for (int i = 0; i < (on_oracle () ? API_3 : N_SETTINGS); i++) {
    setting = (enum setting) i;
    n_pre = n_post = 0;
    gpgrt_set_syscall_clamp (has_clamp () ? pre : NULL, has_clamp () ? post : NULL);
    assert_err (assuan_control (ASSUAN_CONTROL_REINIT_SYSCALL_CLAMP, NULL), 0);
    if (setting == API_3) assuan_set_system_hooks (NULL);
    wait ();
  }
  gpgrt_set_syscall_clamp (NULL, NULL);
  assert_err (assuan_control (ASSUAN_CONTROL_REINIT_SYSCALL_CLAMP, NULL), 0);
  atomic_store (&is_over, true);
  npth_join (thread, NULL);
}

#define ROW(name)                                                                                  \
  static void test_##name (void **state) {                                                         \
    (void) state;                                                                                  \
    each_setting (wait_##name);                                                                    \
  }

ROW (for_reply)
ROW (for_termination)
ROW (in_release)
ROW (in_sock_accept)
ROW (in_accept)
ROW (in_usleep)

int
main (void) {
  const struct CMUnitTest tests[] = {
    suite_test (test_for_reply),  suite_test (test_for_termination),
    suite_test (test_in_release), suite_test (test_in_sock_accept),
    suite_test (test_in_accept),  suite_test (test_in_usleep),
  };

  npth_init ();
  return suite_run (tests);
}
