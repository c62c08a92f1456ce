/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-forks.c - servers in children of fork: helpers that end, and daemons that go on.  */

#include "suite.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

/* --- Clients in every state ------------------------------------------------------------------- */

static struct peer *idle, *in_line, *in_command, *asked, *pumping;
static int pump_pipe[2];

static void
listen_at (const char *name) {
  char address[400];

  snprintf (address, sizeof address, "unix:%s", tmpdir_path (name));
  assert_int_equal (eva_server_listen (kit.server, address, 0), 0);
}

static void
pumped (assuan_context_t ctx, void *arg, gpg_error_t err, uint64_t n_pumped) {
  (void) n_pumped;
  ++*(unsigned int *) arg;
  assuan_process_done (ctx, err);
}

static unsigned int n_pumped;

static gpg_error_t
pump_out (assuan_context_t ctx, char *line) {
  struct eva_pump_config config = { .from_fd = pump_pipe[0],
                                    .to_fd = EVA_PUMP_CONNECTION,
                                    .progress_what = "out",
                                    .progress_interval_ms = 3600000,
                                    .done = pumped,
                                    .arg = &n_pumped };

  (void) line;
  return eva_pump (ctx, &config);
}

static void
prepare (void) {
  n_pumped = 0;
  assert_int_equal (pipe2 (pump_pipe, O_CLOEXEC), 0);
  listen_at ("socket");
  idle = peer_connect (0);
  peer_expect_greeting (idle);
  in_line = peer_new ();
  in_command = peer_new ();
  asked = peer_new ();
  pumping = peer_new ();
  service.run = pump_out;
  peer_say (in_line, "ECHO x");
  peer_say (in_command, "WAIT\n");
  peer_say (asked, "ASK\n");
  peer_say (pumping, "RUN\n");
  kit_until (service.jobs && service.inquiries && service.n_runs);
  peer_expect (asked, "INQUIRE ASKED\n");
  kit_settle ();
}

/* All of them go on as if nothing had happened.  */
static void
check_clients (void) {
  struct peer *p;

  peer_expect_nothing (idle);
  peer_expect_nothing (in_line);
  peer_expect_nothing (in_command);
  peer_expect_nothing (asked);
  peer_expect_nothing (pumping);
  assert_true (fcntl (pump_pipe[0], F_GETFL) & O_NONBLOCK);
  peer_ask (idle, "ECHO y\n", "D y\nOK\n");
  peer_ask (in_line, "z\n", "D xz\nOK\n");
  service_finish (0);
  peer_expect (in_command, "OK\n");
  peer_ask (asked, "D w\nEND\n", "D w\nOK\n");
  assert_int_equal (write (pump_pipe[1], "v", 1), 1);
  close (pump_pipe[1]);
  peer_expect (pumping, "D v\nS PROGRESS out ? 1 0\nOK\n");
  close (pump_pipe[0]);
  p = peer_connect (0);
  peer_expect_greeting (p);
  peer_ask (p, "NOP\n", "OK\n");
  kit_idle (2);
}

/* Returns true if no callback ran.  */
static bool
is_untold (void) {
  for (struct guest *g = service.guests; g; g = g->next)
    if (g->n_closed) return false;
  return !service.jobs->n_cancelled && !service.inquiries->n_continued && !n_pumped;
}

/* --- Helpers ---------------------------------------------------------------------------------- */

static int
free_all (void) {
  eva_server_free (kit.server);
  eva_loop_free (kit.loop.loop);
  CHILD_ASSERT (is_untold ());
  return 0;
}

static int
release_and_free (void) {
  struct guest *next;

  for (struct guest *g = service.guests; g; g = next) {
    next = g->next;
    assuan_release (g->ctx);
  }
  return free_all ();
}

static int
close_and_free (void) {
  for (struct guest *g = service.guests; g; g = g->next)
    eva_close (g->ctx);
  return free_all ();
}

static void
test_helper (void **state) {
  (void) state;
  prepare ();
  assert_int_equal (test_loop_in_child (free_all), 0);
  assert_int_equal (test_loop_in_child (release_and_free), 0);
  assert_int_equal (test_loop_in_child (close_and_free), 0);
  check_clients ();
}

/* One that was forked by a handler ends there.  */
static gpg_error_t
fork_in_handler (assuan_context_t ctx, char *line) {
  (void) line;
  return assuan_set_okay_line (ctx, test_loop_in_child (free_all) ? "bad" : "good");
}

static void
test_helper_in_handler (void **state) {
  struct peer *p;

  (void) state;
  prepare ();
  p = peer_new ();
  service.run = fork_in_handler;
  peer_ask (p, "RUN\nRUN\nNOP\n", "OK good\nOK good\nOK\n");
  check_clients ();
}

/* The same by exit, which runs what the program has left for that.  */
static int wanted_status;

static void
at_exit (void) {
  if (free_all ()) _exit (1);
}

static int
leave_by_exit (void) {
  atexit (at_exit);
  exit (wanted_status);
}

static gpg_error_t
exit_in_handler (assuan_context_t ctx, char *line) {
  (void) line;
  wanted_status = 7;
  return assuan_set_okay_line (ctx, WEXITSTATUS (test_loop_in_child (leave_by_exit)) == 7 ? "good"
                                                                                          : "bad");
}

static void
test_exit_in_handler (void **state) {
  struct peer *p;

  (void) state;
  prepare ();
  p = peer_new ();
  service.run = exit_in_handler;
  peer_ask (p, "RUN\n", "OK good\n");
  check_clients ();
}

/* The file of the socket stays, whatever the server does with it.  */
static void
test_socket_file (void **state) {
  struct stat before, after;

  (void) state;
  prepare ();
  assert_int_equal (stat (tmpdir_path ("socket"), &before), 0);
  assert_int_equal (test_loop_in_child (free_all), 0);
  assert_int_equal (stat (tmpdir_path ("socket"), &after), 0);
  assert_true (before.st_ino == after.st_ino);
  check_clients ();
  kit_free_server ();
  assert_int_equal (stat (tmpdir_path ("socket"), &after), -1);
}

/* What is queued is the parent's to send.  */
static int
free_queued (void) {
  eva_server_free (kit.server);
  eva_loop_free (kit.loop.loop);
  CHILD_ASSERT (!service.guests->n_closed);
  return 0;
}

static void
test_queued (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  peer_say (p, "DATA 1000000\n");
  kit_settle ();
  assert_true (eva_get_queued_len (p->guest->ctx) > 0);
  assert_int_equal (test_loop_in_child (free_queued), 0);
  peer_expect_data (p, 1000000);
}

/* --- Daemons ---------------------------------------------------------------------------------- */

/* The test is the client here, while its own loop stands still.  */
static void
say (int fd, const char *text) {
  assert_int_equal (send (fd, text, strlen (text), MSG_NOSIGNAL), strlen (text));
}

static void
hear (int fd, const char *text) {
  char buf[200];
  size_t len = strlen (text), n = 0;

  fcntl (fd, F_SETFL, fcntl (fd, F_GETFL) & ~O_NONBLOCK);
  while (n < len) {
    ssize_t got = recv (fd, buf + n, len - n, 0);
    assert_true (got > 0);
    n += (size_t) got;
  }
  fcntl (fd, F_SETFL, fcntl (fd, F_GETFL) | O_NONBLOCK);
  assert_memory_equal (buf, text, len);
}

static int
connect_to (const char *name) {
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_un addr = { .sun_family = AF_UNIX };
  char greeting[100];
  size_t n = 0;

  assert_true (fd >= 0);
  snprintf (addr.sun_path, sizeof addr.sun_path, "%s", tmpdir_path (name));
  assert_int_equal (connect (fd, (void *) &addr, sizeof addr), 0);
  do
    assert_int_equal (recv (fd, greeting + n, 1, 0), 1);
  while (greeting[n++] != '\n');
  assert_memory_equal (greeting, "OK ", 3);
  return fd;
}

static volatile bool is_quitting;

static gpg_error_t
quit (assuan_context_t ctx, char *line) {
  (void) ctx;
  (void) line;
  is_quitting = true;
  return 0;
}

/* Serves until RUN.  */
static int
serve (void) {
  if (!test_loop_forked (&kit.loop)) return 0;
  service.run = quit;
  while (!is_quitting)
    test_loop_turn (&kit.loop, true);
  eva_server_free (kit.server);
  CHILD_ASSERT (service.n_guests == 4);
  for (struct guest *g = service.guests; g; g = g->next)
    CHILD_ASSERT (g->n_closed == 1);
  CHILD_ASSERT (service.jobs->n_cancelled == 1);
  test_loop_deinit (&kit.loop);
  return 0;
}

static pid_t
start_daemon (void) {
  pid_t pid = fork ();

  assert_true (pid >= 0);
  if (pid) return pid;
  alarm (100);
  _exit (serve ());
}

static bool
can_go_on (void) {
  return strcmp (test_loop_name, "sd-event") != 0;
}

/* Connections from before go on in the child, new ones come there.  The parent still listens, so
   the file of the socket is not removed by the child.  */
static void
test_daemon (void **state) {
  struct peer *old, *working;
  int fd, other, status;
  struct stat st;
  pid_t pid;

  (void) state;
  if (!can_go_on ()) return;
  listen_at ("socket");
  old = peer_new ();
  working = peer_new ();
  peer_say (working, "WAIT\n");
  kit_until (service.jobs);
  pid = start_daemon ();
  say (old->out_fd, "ECHO x\n");
  hear (old->in_fd, "D x\nOK\n");
  fd = connect_to ("socket");
  other = connect_to ("socket");
  say (fd, "ECHO y\n");
  hear (fd, "D y\nOK\n");
  say (other, "RUN\n");
  hear (other, "OK\n");
  assert_int_equal (waitpid (pid, &status, 0), pid);
  assert_int_equal (status, 0);
  close (fd);
  close (other);
  assert_int_equal (stat (tmpdir_path ("socket"), &st), 0);
  peer_ask (old, "ECHO z\n", "D z\nOK\n");
  service_finish (0);
  peer_expect (working, "OK\n");
  peer_expect_greeting (peer_connect (0));
}

/* Ends when the process has that holds the other end.  */
static void
await_end (int fd) {
  char octet;

  assert_int_equal (read (fd, &octet, 1), 0);
  close (fd);
}

static void
stop (void *arg) {
  char octet;

  is_quitting = !read (*(int *) arg, &octet, 1);
}

/* Serves until RUN, or until FD ends, which the loop's own means tell of.  */
static int
serve_until (int fd) {
  void *watch = test_loop_watch (&kit.loop, fd, stop, &fd);

  service.run = quit;
  while (!is_quitting)
    test_loop_turn (&kit.loop, true);
  test_loop_unwatch (&kit.loop, watch);
  eva_server_free (kit.server);
  test_loop_deinit (&kit.loop);
  return 0;
}

/* Makes the server and leaves, as the parent of a daemon does.  */
static int
serve_alone (int fd) {
  char address[400];
  pid_t pid;

  snprintf (address, sizeof address, "unix:%s", tmpdir_path ("daemon"));
  test_loop_init (&kit.loop);
  CHILD_ASSERT (!eva_server_new (kit.loop.loop, &service_offer, &kit, &kit.server));
  CHILD_ASSERT (!eva_server_listen (kit.server, address, 0));
  pid = fork ();
  CHILD_ASSERT (pid >= 0);
  if (pid) return 0;
  alarm (100);
  if (!test_loop_forked (&kit.loop)) return 1;
  return serve_until (fd);
}

/* Starts a daemon whose parent is gone.  What is closed of RET_LIFE ends it, and tells of its
   end.  */
static void
start_lone_daemon (int ret_life[2]) {
  int to[2], from[2];
  pid_t pid;

  tmpdir_get ();
  assert_int_equal (pipe2 (to, O_CLOEXEC) || pipe2 (from, O_CLOEXEC), 0);
  pid = fork ();
  assert_true (pid >= 0);
  if (!pid) {
    close (to[1]);
    close (from[0]);
    _exit (serve_alone (to[0]));
  }
  close (to[0]);
  close (from[1]);
  assert_int_equal (waitpid (pid, NULL, 0), pid);
  ret_life[0] = from[0];
  ret_life[1] = to[1];
}

/* The file is removed by the last one that listened there, whether a client came or not.  */
static void
test_daemon_alone (void **state) {
  int fd, life[2];
  struct stat st;

  (void) state;
  if (!can_go_on ()) return;
  for (unsigned int n_clients = 0; n_clients < 2; n_clients++) {
    start_lone_daemon (life);
    assert_int_equal (stat (tmpdir_path ("daemon"), &st), 0);
    fd = n_clients ? connect_to ("daemon") : -1;
    if (n_clients) say (fd, "RUN\n");
    if (n_clients) hear (fd, "OK\n");
    if (n_clients) close (fd);
    close (life[1]);
    await_end (life[0]);
    assert_int_equal (stat (tmpdir_path ("daemon"), &st), -1);
    assert_int_equal (errno, ENOENT);
  }
}

static const struct CMUnitTest tests[] = {
  kit_test (test_helper),          kit_test (test_helper_in_handler),
  kit_test (test_exit_in_handler), kit_test (test_socket_file),
  kit_test (test_queued),          kit_test (test_daemon),
  kit_test (test_daemon_alone),
};

SUITE (forks);
