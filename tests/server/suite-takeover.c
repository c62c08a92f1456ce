/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-takeover.c - servers that follow one another at one address, and what becomes of the
   clients that come meanwhile.  */

#include "suite.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "children.h"

#define N_SUCCESSORS 20
#define N_CLIENTS    2

static const char *
path (void) {
  return tmpdir_path ("s");
}

static const char *
address (void) {
  static char text[200];

  snprintf (text, sizeof text, "unix:%s", path ());
  return text;
}

static eva_server *
new_server (void) {
  eva_server *server;

  assert_int_equal (eva_server_new (kit.loop.loop, &service_offer, &kit, &server), 0);
  return server;
}

static unsigned int n_drained;

static void
free_drained (eva_server *server, void *arg) {
  (void) arg;
  n_drained++;
  eva_server_free (server);
}

static void
drain (eva_server *server) {
  assert_int_equal (eva_server_drain (server, 100000, free_drained, NULL), 0);
}

static ino_t
inode (void) {
  struct stat st;

  assert_int_equal (lstat (path (), &st), 0);
  return st.st_ino;
}

/* --- Clients that come all the time ----------------------------------------------------------- */

/* What the clients, which are processes of their own, share with the test.  */
struct crowd {
  atomic_bool stop;
  atomic_uint n_served, n_failed, n_left;
  pid_t pid[N_CLIENTS];
};

/* One client with one command.  Returns true if it was answered.  */
static bool
visit (const char *socket_path) {
  struct sockaddr_un addr = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  char line[200];
  bool is_served = false;

  strcpy (addr.sun_path, socket_path);
  if (!connect (fd, (struct sockaddr *) &addr, sizeof addr) && read (fd, line, sizeof line) > 3
      && !memcmp (line, "OK ", 3) && send (fd, "NOP\n", 4, MSG_NOSIGNAL) == 4)
    is_served = read (fd, line, sizeof line) == 3 && !memcmp (line, "OK\n", 3);
  close (fd);
  return is_served;
}

static struct crowd *
begin_crowd (void) {
  struct crowd *crowd =
      mmap (NULL, sizeof *crowd, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  const char *at = path ();

  assert_ptr_not_equal (crowd, MAP_FAILED);
  for (int i = 0; i < N_CLIENTS; i++) {
    pid_t pid = fork ();
    assert_true (pid >= 0);
    if (pid) crowd->pid[i] = pid;
    if (pid) continue;
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    while (!atomic_load (&crowd->stop))
      atomic_fetch_add (visit (at) ? &crowd->n_served : &crowd->n_failed, 1);
    atomic_fetch_add (&crowd->n_left, 1);
    _exit (0);
  }
  return crowd;
}

/* Goes on until some more were served, or one was not.  */
static void
go_on (struct crowd *crowd) {
  unsigned int n = atomic_load (&crowd->n_served) + 5;

  kit_until (atomic_load (&crowd->n_served) >= n || atomic_load (&crowd->n_failed));
}

/* Not one client failed.  */
static void
end_crowd (struct crowd *crowd) {
  atomic_store (&crowd->stop, true);
  kit_until (atomic_load (&crowd->n_left) == N_CLIENTS);
  for (int i = 0; i < N_CLIENTS; i++)
    assert_int_equal (child_exit_code (crowd->pid[i]), 0);
  assert_int_equal (atomic_load (&crowd->n_failed), 0);
  munmap (crowd, sizeof *crowd);
}

/* Servers take over from each other with FOLLOW.  */
static void
play (void (*follow) (eva_server *next)) {
  struct crowd *crowd;

  n_drained = 0;
  assert_int_equal (eva_server_listen (kit.server, address (), 0), 0);
  crowd = begin_crowd ();
  for (unsigned int i = 1; i <= N_SUCCESSORS; i++) {
    eva_server *next = new_server ();
    go_on (crowd);
    follow (next);
    drain (kit.server);
    kit.server = next;
    go_on (crowd);
    kit_until (n_drained == i);
    assert_int_equal (access (path (), F_OK), 0);
  }
  end_crowd (crowd);
}

static void
replace_file (eva_server *next) {
  assert_int_equal (eva_server_listen (next, address (), EVA_LISTEN_TAKE_OVER), 0);
}

static void
test_by_path (void **state) {
  (void) state;
  play (replace_file);
  kit_free_server ();
  assert_int_equal (access (path (), F_OK), -1);
}

static void
hand_over (eva_server *next) {
  char text[20];
  int fd;

  assert_int_equal (eva_server_hand_over (kit.server, 0, &fd), 0);
  assert_true (fcntl (fd, F_GETFD) & FD_CLOEXEC);
  snprintf (text, sizeof text, "fd:%d", fd);
  assert_int_equal (eva_server_listen (next, text, 0), 0);
  close (fd);
}

static void
test_by_descriptor (void **state) {
  (void) state;
  play (hand_over);
  kit_free_server ();
  assert_int_equal (access (path (), F_OK), 0); /* it is no server's */
  unlink (path ());
}

/* --- By path ---------------------------------------------------------------------------------- */

static void
test_only_if_wanted (void **state) {
  eva_server *next = new_server ();
  ino_t before;

  (void) state;
  assert_int_equal (eva_server_listen (kit.server, address (), 0), 0);
  before = inode ();
  assert_code (eva_server_listen (next, address (), 0), GPG_ERR_EADDRINUSE);
  assert_true (inode () == before);
  replace_file (next);
  assert_false (inode () == before);
  assert_string_equal (eva_server_get_address (next, 0), address ());
  kit_free_server ();
  assert_int_equal (access (path (), F_OK), 0);
  kit.server = next;
  peer_expect_greeting (peer_connect (0));
}

/* Nothing but a socket is replaced, and nothing is left beside it.  */
static void
test_no_socket_there (void **state) {
  struct stat st;
  int fd = open (path (), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

  (void) state;
  close (fd);
  assert_code (eva_server_listen (kit.server, address (), EVA_LISTEN_TAKE_OVER),
               GPG_ERR_EADDRINUSE);
  assert_int_equal (lstat (path (), &st), 0);
  assert_true (S_ISREG (st.st_mode));
  assert_int_equal (unlink (path ()), 0);
  assert_int_equal (symlink ("other", path ()), 0);
  assert_code (eva_server_listen (kit.server, address (), EVA_LISTEN_TAKE_OVER),
               GPG_ERR_EADDRINUSE);
  assert_int_equal (unlink (path ()), 0);
  replace_file (kit.server);
  assert_int_equal (lstat (path (), &st), 0);
  assert_int_equal (st.st_mode, S_IFSOCK | 0600);
  kit_free_server ();
  assert_int_equal (rmdir (tmpdir_get ()), 0);
  assert_int_equal (mkdir (tmpdir_get (), 0700), 0);
}

static void
test_no_directory (void **state) {
  char text[300];

  (void) state;
  snprintf (text, sizeof text, "unix:%s", tmpdir_path ("none/s"));
  assert_code (eva_server_listen (kit.server, text, EVA_LISTEN_TAKE_OVER), GPG_ERR_ENOENT);
}

/* --- Clients that wait at the socket ---------------------------------------------------------- */

static struct peer *
come (void) {
  return peer_connect (0);
}

/* Each has its first command, and the drain waits for that.  */
static void
check_waiting (struct peer *p) {
  peer_expect_greeting (p);
  peer_ask (p, "ECHO a\n", "D a\nOK\n");
  peer_expect_end (p);
}

static void
drain_with_waiting (const char *at) {
  struct peer *peers[30];

  n_drained = 0;
  assert_int_equal (eva_server_listen (kit.server, at, 0), 0);
  for (size_t i = 0; i < N_ELEMENTS (peers); i++)
    peers[i] = come ();
  drain (kit.server);
  for (size_t i = 0; i < N_ELEMENTS (peers); i++)
    check_waiting (peers[i]);
  kit_until (n_drained);
  kit.server = NULL;
}

static void
test_waiting_at_path (void **state) {
  (void) state;
  drain_with_waiting (address ());
  assert_int_equal (access (path (), F_OK), -1);
}

static void
test_waiting_at_name (void **state) {
  char text[100];

  (void) state;
  snprintf (text, sizeof text, "unix:@eva-test-%d-takeover", (int) getpid ());
  drain_with_waiting (text);
}

/* One that says nothing does not hold up the drain for long.  */
static void
test_silent_one (void **state) {
  struct peer *p;

  (void) state;
  n_drained = 0;
  assert_int_equal (eva_server_listen (kit.server, address (), 0), 0);
  p = come ();
  drain (kit.server);
  peer_expect_greeting (p);
  peer_expect_end (p);
  kit_until (n_drained);
  kit.server = NULL;
}

/* Nor for longer than the program allows.  */
static void
test_no_time (void **state) {
  struct peer *p;

  (void) state;
  n_drained = 0;
  assert_int_equal (eva_server_listen (kit.server, address (), 0), 0);
  p = come ();
  kit_settle ();
  assert_int_equal (eva_server_drain (kit.server, 0, free_drained, NULL), 0);
  peer_drop_all (p);
  kit_until (n_drained);
  kit.server = NULL;
}

static eva_server *freed;

static gpg_error_t
free_within (assuan_context_t ctx) {
  (void) ctx;
  eva_server_free (freed);
  freed = kit.server = NULL;
  return ERR (GPG_ERR_CANCELED);
}

/* The service may free the server when it sees the first of those.  */
static void
test_freed_within (void **state) {
  char text[100];
  struct peer *p;

  (void) state;
  snprintf (text, sizeof text, "unix:@eva-test-%d-takeover", (int) getpid ());
  assert_int_equal (eva_server_listen (kit.server, text, 0), 0);
  p = come ();
  come ();
  freed = kit.server;
  service.open = free_within;
  assert_int_equal (eva_server_drain (kit.server, 1000, NULL, NULL), 0);
  assert_null (freed);
  peer_drop_all (p);
}

/* --- Without a drain -------------------------------------------------------------------------- */

static void
test_stop_listening (void **state) {
  struct peer *p, *q;

  (void) state;
  assert_int_equal (eva_server_listen (kit.server, address (), 0), 0);
  p = come ();
  peer_expect_greeting (p);
  q = come ();
  eva_server_stop_listening (kit.server);
  assert_int_equal (access (path (), F_OK), -1);
  assert_null (eva_server_get_address (kit.server, 0));
  peer_expect_greeting (q);
  for (int i = 0; i < 3; i++) {
    peer_ask (p, "NOP\n", "OK\n");
    peer_ask (q, "NOP\n", "OK\n");
  }
  eva_server_stop_listening (kit.server);
  eva_server_stop_listening (NULL);
  assert_int_equal (eva_server_listen (kit.server, address (), 0), 0);
  kit_idle (50);
  p = come ();
  peer_expect_greeting (p);
  peer_ask (p, "NOP\n", "OK\n");
}

static void
test_hand_over_errors (void **state) {
  int fd;

  (void) state;
  assert_code (eva_server_hand_over (kit.server, 0, &fd), GPG_ERR_ASS_INV_VALUE);
  assert_code (eva_server_hand_over (NULL, 0, &fd), GPG_ERR_ASS_INV_VALUE);
  assert_int_equal (eva_server_listen (kit.server, address (), 0), 0);
  assert_code (eva_server_hand_over (kit.server, 1, &fd), GPG_ERR_ASS_INV_VALUE);
  assert_code (eva_server_hand_over (kit.server, 0, NULL), GPG_ERR_ASS_INV_VALUE);
}

static const struct CMUnitTest tests[] = {
  kit_test (test_by_path),         kit_test (test_by_descriptor),  kit_test (test_only_if_wanted),
  kit_test (test_no_socket_there), kit_test (test_no_directory),   kit_test (test_waiting_at_path),
  kit_test (test_waiting_at_name), kit_test (test_silent_one),     kit_test (test_no_time),
  kit_test (test_freed_within),    kit_test (test_stop_listening), kit_test (test_hand_over_errors),
};

SUITE (takeover);
