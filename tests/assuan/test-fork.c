/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Contexts in children of fork: helpers that only release what they have inherited, and servers and
 * clients that were made before the fork and are used behind it.
 *
 * deviation: a release in another process takes leave of the peer | only the process that read or
 * wrote last does */

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "client.h"

static assuan_context_t ctx;

/* Runs BODY in a child and returns its exit status.  */
static int
in_child (int (*body) (void)) {
  pid_t pid = fork ();
  int status;

  assert_true (pid >= 0);
  if (!pid) {
    alarm (SUITE_TIMEOUT_MS / 1000);
    _exit (body ());
  }
  assert_int_equal (waitpid (pid, &status, 0), pid);
  assert_true (WIFEXITED (status));
  return WEXITSTATUS (status);
}

static int
release (void) {
  assuan_release (ctx);
  return 0;
}

static void
expect_nothing (int fd) {
  char octet;

  assert_int_equal (recv (fd, &octet, 1, MSG_DONTWAIT), -1);
  assert_int_equal (errno, EAGAIN);
}

/* --- Clients ---------------------------------------------------------------------------------- */

static void
client_released_by_a_helper (void **state) {
  struct client c;

  (void) state;
  client_open (&c, 0);
  ctx = c.ctx;
  assert_int_equal (in_child (release), 0);
  /* deviation: a release in another process takes leave of the peer.  */
  if (on_oracle ())
    peer_expect (c.peer, "BYE\n");
  else
    expect_nothing (c.peer);
  peer_say (c.peer, "OK\n");
  assert_code (assuan_transact (ctx, "NOP", NULL, NULL, NULL, NULL, NULL, NULL), 0);
  peer_expect (c.peer, "NOP\n");
  client_close (&c);
}

static int
ask_and_release (void) {
  gpg_error_t err = assuan_transact (ctx, "NOP", NULL, NULL, NULL, NULL, NULL, NULL);

  assuan_release (ctx);
  return err != 0;
}

static void
client_used_by_a_child (void **state) {
  struct client c;

  (void) state;
  client_open (&c, 0);
  ctx = c.ctx;
  peer_say (c.peer, "OK\n");
  assert_int_equal (in_child (ask_and_release), 0);
  peer_expect (c.peer, "NOP\nBYE\n");
  client_drop (&c);
}

/* A child that connects anew does not end what it has inherited.  */
static int
connect_anew (void) {
  int fd[2];

  if (socketpair (AF_UNIX, SOCK_STREAM, 0, fd)) return 1;
  if (write (fd[1], "OK\n", 3) != 3) return 2;
  if (assuan_socket_connect_fd (ctx, fd[0], 0)) return 3;
  assuan_release (ctx);
  return 0;
}

static void
client_connected_anew_by_a_child (void **state) {
  struct client c;

  (void) state;
  client_open (&c, 0);
  ctx = c.ctx;
  assert_int_equal (in_child (connect_anew), 0);
  expect_nothing (c.peer);
  client_close (&c);
}

/* --- Servers that were started ---------------------------------------------------------------- */

static void
check_started (unsigned int flags) {
  ctx = start_child (flags, NULL);
  assert_int_equal (in_child (release), 0);
  assert_code (tell_child (ctx, "NOP"), 0);
  assert_code (tell_child (ctx, "NOP"), 0);
  end_child (ctx, flags);
}

static void
started_server_released_by_a_helper (void **state) {
  (void) state;
  /* deviation: a release in another process takes leave of the peer.  */
  if (on_oracle ()) skip ();
  check_started (MODE_PIPES);
  check_started (MODE_FDPASSING);
}

/* --- Servers ---------------------------------------------------------------------------------- */

static int sock[2];

static gpg_error_t
cmd_where (assuan_context_t c, char *line) {
  const pid_t *parent = assuan_get_pointer (c);

  (void) line;
  return assuan_set_okay_line (c, *parent == getpid () ? "parent" : "child");
}

static pid_t test_pid;

static void
make_server (int fd, unsigned int flags) {
  test_pid = getpid ();
  ctx = new_context ();
  assert_code (assuan_init_socket_server (ctx, fd, flags), 0);
  assert_code (assuan_register_command (ctx, "WHERE", cmd_where, NULL), 0);
  assert_code (assuan_set_hello_line (ctx, "hi"), 0);
  assuan_set_pointer (ctx, &test_pid);
}

/* libassuan 3 adds the process.  */
static void
expect_hi (int fd) {
  char line[100];

  peer_read_line (fd, line, sizeof line);
  assert_memory_equal (line, "OK hi", 5);
}

static int
serve (void) {
  gpg_error_t err = assuan_accept (ctx);

  if (!err) err = assuan_process (ctx);
  assuan_release (ctx);
  return err != 0;
}

/* A daemon: made before the fork, used in the child.  */
static void
server_used_by_a_child (void **state) {
  (void) state;
  fds_socketpair (sock, 0);
  make_server (sock[0], ASSUAN_SOCKET_SERVER_ACCEPTED);
  peer_say (sock[1], "WHERE\nBYE\n");
  assert_int_equal (in_child (serve), 0);
  expect_hi (sock[1]);
  peer_expect (sock[1], "OK child\nOK closing connection\n");
  assuan_release (ctx);
  fds_close_pair (sock);
}

static int
process (void) {
  gpg_error_t err = assuan_process (ctx);

  assuan_release (ctx);
  return err != 0;
}

static int
listen_at (struct sockaddr_un *addr) {
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  *addr = (struct sockaddr_un) { .sun_family = AF_UNIX };
  strcpy (addr->sun_path, tmpdir_path ("socket"));
  assert_int_equal (bind (fd, (void *) addr, sizeof *addr), 0);
  assert_int_equal (listen (fd, 5), 0);
  return fd;
}

static int
connect_to (const struct sockaddr_un *addr) {
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  assert_int_equal (connect (fd, (const void *) addr, sizeof *addr), 0);
  return fd;
}

/* A process for each client, which the parent has accepted.  */
static void
server_that_forks_for_each_client (void **state) {
  struct sockaddr_un addr;
  int listener, fd;

  (void) state;
  listener = listen_at (&addr);
  make_server (listener, 0);
  for (int i = 0; i < 3; i++) {
    fd = connect_to (&addr);
    assert_code (assuan_accept (ctx), 0);
    expect_hi (fd);
    peer_say (fd, "WHERE\nBYE\n");
    assert_int_equal (in_child (process), 0);
    peer_expect (fd, "OK child\nOK closing connection\n");
    close (fd);
  }
  assuan_release (ctx);
  close (listener);
}

/* What waits is neither cancelled nor answered.  */
static int n_continued;

static gpg_error_t
continued (void *arg, gpg_error_t rc, unsigned char *data, size_t len) {
  (void) rc;
  (void) len;
  n_continued++;
  assuan_free (arg, data);
  return assuan_process_done (arg, 0);
}

static gpg_error_t
cmd_ask (assuan_context_t c, char *line) {
  (void) line;
  return assuan_inquire_ext (c, "DATA", 0, continued, c);
}

static int
release_and_count (void) {
  assuan_release (ctx);
  return n_continued;
}

static void
inquiry_released_by_a_helper (void **state) {
  assuan_fd_t fds[2];
  int done = 0;

  (void) state;
  /* deviation: assuan_inquire_ext's callback does not always run.  */
  if (on_oracle ()) skip ();
  n_continued = 0;
  fds_socketpair (sock, 0);
  make_server (sock[0], ASSUAN_SOCKET_SERVER_ACCEPTED);
  assert_code (assuan_register_command (ctx, "ASK", cmd_ask, NULL), 0);
  assert_int_equal (assuan_get_active_fds (ctx, 0, fds, 2), 1);
  expect_hi (sock[1]);
  peer_say (sock[1], "ASK\n");
  assert_code (assuan_process_next (ctx, &done), 0);
  peer_expect (sock[1], "INQUIRE DATA\n");
  assert_int_equal (in_child (release_and_count), 0);
  expect_nothing (sock[1]);
  peer_say (sock[1], "D x\nEND\n");
  assert_code (assuan_process_next (ctx, &done), 0);
  assert_int_equal (n_continued, 1);
  peer_expect (sock[1], "OK\n");
  assuan_release (ctx);
  close (sock[1]);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    suite_test (client_released_by_a_helper),      suite_test (client_used_by_a_child),
    suite_test (client_connected_anew_by_a_child), suite_test (started_server_released_by_a_helper),
    suite_test (server_used_by_a_child),           suite_test (server_that_forks_for_each_client),
    suite_test (inquiry_released_by_a_helper),
  };

  return suite_run (tests);
}
