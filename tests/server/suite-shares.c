/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-shares.c - how the descriptors that the process may have are shared: among the users whose
   clients come, and with the program.  */

#include "suite.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

/* What the process may have in these tests, and what comes of it: see struct eva_server_limits.  */
#define N_FDS         320u
#define N_CONNECTIONS 200u
#define N_PASSED      80u
#define N_LEFT        40u

static struct rlimit before;
static int fillers[N_FDS];
static size_t n_fillers;

static void
set_limit (rlim_t n) {
  struct rlimit limit = before;

  limit.rlim_cur = n;
  assert_int_equal (setrlimit (RLIMIT_NOFILE, &limit), 0);
}

static int
setup (void **state) {
  char address[100];
  int rc = kit_setup (state);

  assert_int_equal (getrlimit (RLIMIT_NOFILE, &before), 0);
  set_limit (N_FDS);
  snprintf (address, sizeof address, "unix:@eva-shares-%d", (int) getpid ());
  assert_int_equal (eva_server_listen (kit.server, address, EVA_LISTEN_FDPASSING), 0);
  return rc;
}

static void
drop_fillers (void) {
  while (n_fillers)
    close (fillers[--n_fillers]);
}

static int
teardown (void **state) {
  drop_fillers ();
  set_limit (before.rlim_cur);
  return kit_teardown (state);
}

#define share_test(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

/* The program opens files until number MAX is taken, or there is none left.  Returns how many.  */
static size_t
fill (int max) {
  size_t n = 0;

  while (n_fillers < N_FDS) {
    int fd = open ("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd < 0) break;
    fillers[n_fillers++] = fd;
    n++;
    if (fd >= max) break;
  }
  return n;
}

/* --- Crowds ----------------------------------------------------------------------------------- */

/* Clients of one user, in a process of their own, which is there until it is told to leave.  */
struct crowd {
  pid_t pid;
  int report, stay;
};

/* What became of them.  */
struct report {
  unsigned int n_greeted, n_refused, n_served, n_lost;
};

static bool
says_ok (int fd) {
  char buf[200];

  return read (fd, buf, sizeof buf) >= 3 && !memcmp (buf, "OK", 2);
}

/* Passes N descriptors, at most 16, with a NOP.  Returns true if that is answered with OK.  */
static bool
pass_from (int fd, unsigned int n) {
  int fds[16], null = open ("/dev/null", O_RDONLY);
  struct peer peer = { .in_fd = fd, .out_fd = fd };

  for (size_t i = 0; i < N_ELEMENTS (fds); i++)
    fds[i] = null;
  peer_send_fds (&peer, "NOP\n", fds, n);
  close (null);
  return says_ok (fd);
}

static int
connect_to (const char *name) {
  struct sockaddr_un addr = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM, 0);

  strcpy (addr.sun_path + 1, name);
  if (fd < 0
      || connect (fd, (struct sockaddr *) &addr,
                  (socklen_t) (offsetof (struct sockaddr_un, sun_path) + 1 + strlen (name))))
    _exit (9);
  return fd;
}

/* N_CLIENTS come, and each that is greeted passes N_PASSED descriptors, unless that is 0.  */
static struct report
run_crowd (const char *name, unsigned int n_clients, unsigned int n_passed) {
  struct report report = { 0 };

  for (unsigned int i = 0; i < n_clients; i++) {
    int fd = connect_to (name);
    bool greeted = says_ok (fd);
    report.n_greeted += greeted;
    report.n_refused += !greeted;
    if (greeted && n_passed) {
      bool served = pass_from (fd, n_passed);
      report.n_served += served;
      report.n_lost += !served;
    }
  }
  return report;
}

static void
run_child (uid_t uid, const int fds[2], unsigned int n_clients, unsigned int n_passed) {
  const char *name = strchr (eva_server_get_address (kit.server, 0), '@') + 1;
  struct report report;
  char c;

  if (dup2 (fds[0], 3) < 0 || dup2 (fds[1], 4) < 0) _exit (8);
  closefrom (5);
  set_limit (before.rlim_max);
  if (uid != geteuid () && (setgroups (0, NULL) || setgid (uid) || setuid (uid))) _exit (7);
  report = run_crowd (name, n_clients, n_passed);
  if (write (4, &report, sizeof report) < 0) _exit (6);
  (void) !read (3, &c, 1);
  _exit (0);
}

/* Lets the crowd come, and tells what became of it; it stays.  */
static struct report
send_crowd (struct crowd *crowd, uid_t uid, unsigned int n_clients, unsigned int n_passed) {
  int to[2], from[2];
  struct report report;

  fds_pipe (to, O_NONBLOCK);
  fds_pipe (from, O_NONBLOCK);
  fcntl (to[0], F_SETFL, 0);
  crowd->pid = fork ();
  assert_true (crowd->pid >= 0);
  if (!crowd->pid) run_child (uid, (int[]) { to[0], from[1] }, n_clients, n_passed);
  close (to[0]);
  close (from[1]);
  crowd->stay = to[1];
  kit_until (read (from[0], &report, sizeof report) >= 0);
  close (from[0]);
  return report;
}

static void
send_home (struct crowd *crowd) {
  int status;

  close (crowd->stay);
  assert_int_equal (waitpid (crowd->pid, &status, 0), crowd->pid);
  assert_true (WIFEXITED (status));
  assert_int_equal (WEXITSTATUS (status), 0);
}

/* --- Connections ------------------------------------------------------------------------------ */

/* One user may have nearly all, but the program does not run out of descriptors.  */
static void
test_own_user (void **state) {
  struct crowd crowd;
  struct report r;

  (void) state;
  r = send_crowd (&crowd, geteuid (), N_CONNECTIONS + 10, 0);
  assert_int_equal (r.n_greeted, N_CONNECTIONS);
  assert_int_equal (r.n_refused, 10);
  assert_int_equal (kit_stats ().n_accept_pauses, 0);
  assert_in_range (fill (N_FDS), N_LEFT, N_FDS);
  drop_fillers ();
  send_home (&crowd);
}

/* A process that is given more takes more.  */
static void
test_limit_changes (void **state) {
  struct crowd crowd, more;

  (void) state;
  if (before.rlim_cur < 2 * N_FDS) return;
  send_crowd (&crowd, geteuid (), N_CONNECTIONS, 0);
  assert_int_equal (send_crowd (&more, geteuid (), 1, 0).n_refused, 1);
  send_home (&more);
  set_limit (2 * N_FDS);
  assert_int_equal (send_crowd (&more, geteuid (), 10, 0).n_greeted, 10);
  send_home (&more);
  send_home (&crowd);
}

/* From now on the process may have so few that N more clients come in, but no more.  */
static void
leave_room_for (int n) {
  int next = dup (STDERR_FILENO);
  rlim_t limit = 8;

  assert_true (next >= 0);
  close (next);
  while (limit - limit / 8 < (rlim_t) (next + n))
    limit++;
  set_limit (limit);
}

/* Clients of this process.  They are all there before the server looks.  */
static void
connect_all (eva_server *server, int *fds, size_t n) {
  for (size_t i = 0; i < n; i++)
    fds[i] = connect_to (strchr (eva_server_get_address (server, 0), '@') + 1);
}

/* Returns how many of the N at FDS, which then leave, were greeted.  */
static unsigned int
count_greeted (const int *fds, size_t n) {
  unsigned int n_greeted = 0;
  char buf[200];

  kit_settle ();
  for (size_t i = 0; i < n; i++) {
    n_greeted += recv (fds[i], buf, sizeof buf, MSG_DONTWAIT) > 2 && !memcmp (buf, "OK", 2);
    close (fds[i]);
  }
  return n_greeted;
}

static gpg_error_t
leave_room_for_two (assuan_context_t ctx) {
  (void) ctx;
  if (!service.n_guests) leave_room_for (2);
  return 0;
}

/* An open function changes what the process may have: so it is for the next client, though that
   came together with the first.  */
static void
test_limit_changes_in_open (void **state) {
  int fds[8];

  (void) state;
  service.open = leave_room_for_two;
  connect_all (kit.server, fds, N_ELEMENTS (fds));
  assert_int_equal (count_greeted (fds, N_ELEMENTS (fds)), 3);
  kit_until (!kit_stats ().n_connections);
}

/* A service without functions, whose clients are judged together: those that come later are judged
   anew.  */
static void
test_limit_changes_between (void **state) {
  static const struct eva_service nothing = { 0 };
  eva_server *server;
  char address[100];
  int fds[8];

  (void) state;
  snprintf (address, sizeof address, "unix:@eva-shares-2-%d", (int) getpid ());
  assert_int_equal (eva_server_new (kit.loop.loop, &nothing, NULL, &server), 0);
  assert_int_equal (eva_server_listen (server, address, 0), 0);
  connect_all (server, fds, 4);
  kit_settle ();
  connect_all (server, fds + 4, 4);
  leave_room_for (2);
  assert_int_equal (count_greeted (fds, N_ELEMENTS (fds)), 6);
  eva_server_free (server);
}

static eva_server *short_server;
static struct eva_service *short_service;

/* A service lives as long as its server, and no longer.  */
static gpg_error_t
take_and_free (void *userdata, int fd) {
  (void) userdata;
  close (fd);
  eva_server_free (short_server);
  short_server = NULL;
  assert_int_equal (munmap (short_service, sizeof *short_service), 0);
  return 0;
}

/* The first of several clients that come together is the last that the server sees.  */
static void
test_freed_by_the_first (void **state) {
  char address[100];
  int fds[4];

  (void) state;
  short_service = mmap (NULL, sizeof *short_service, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_ptr_not_equal (short_service, MAP_FAILED);
  *short_service = (struct eva_service) { .take = take_and_free };
  snprintf (address, sizeof address, "unix:@eva-shares-3-%d", (int) getpid ());
  assert_int_equal (eva_server_new (kit.loop.loop, short_service, NULL, &short_server), 0);
  assert_int_equal (eva_server_listen (short_server, address, 0), 0);
  connect_all (short_server, fds, N_ELEMENTS (fds));
  kit_until (!short_server);
  assert_int_equal (count_greeted (fds, N_ELEMENTS (fds)), 0);
}

static size_t n_logged, n_logged_of_none;

static int
log_connections (assuan_context_t ctx, void *hook, unsigned int cat, const char *msg) {
  (void) hook;
  (void) msg;
  if (cat != ASSUAN_LOG_CONTROL) return 0;
  n_logged++;
  if (!eva_get_server (ctx)) n_logged_of_none++;
  return 0;
}

/* A log that hears of connections is a function of the program, too.  It is asked about connections
   alone: it may keep books of them, or free the server.  */
static void
test_log (void **state) {
  static const struct eva_service nothing = { 0 };
  eva_server *server;
  assuan_log_cb_t cb;
  char address[100];
  void *data;
  int fds[4];

  (void) state;
  assuan_get_log_cb (&cb, &data);
  assuan_set_log_cb (log_connections, NULL);
  snprintf (address, sizeof address, "unix:@eva-shares-4-%d", (int) getpid ());
  assert_int_equal (eva_server_new (kit.loop.loop, &nothing, NULL, &server), 0);
  assert_int_equal (eva_server_listen (server, address, 0), 0);
  n_logged = n_logged_of_none = 0;
  connect_all (server, fds, N_ELEMENTS (fds));
  assert_int_equal (count_greeted (fds, N_ELEMENTS (fds)), N_ELEMENTS (fds));
  assert_true (n_logged);
  assert_int_equal (n_logged_of_none, 0);
  eva_server_free (server);
  assuan_set_log_cb (cb, data);
}

/* No user takes the others' share, and all of them together not that of root.  */
static void
test_users (void **state) {
  struct crowd one, two, three, root;
  struct report r;

  (void) state;
  if (geteuid ()) return; /* only root can be another user */
  /* One user who may come and is no other says nothing of the rest.  */
  assert_int_equal (eva_server_allow_uid (kit.server, geteuid ()), 0);
  assert_int_equal (eva_server_allow_uid (kit.server, EVA_ANY_UID), 0);
  r = send_crowd (&one, 65534, N_CONNECTIONS, 0);
  assert_int_equal (r.n_greeted, N_CONNECTIONS / 4 * 3);
  r = send_crowd (&two, 65533, N_CONNECTIONS, 0);
  assert_int_equal (r.n_greeted, N_CONNECTIONS / 8);
  r = send_crowd (&three, 65532, 1, 0);
  assert_int_equal (r.n_greeted, 0);
  r = send_crowd (&root, 0, N_CONNECTIONS, 0);
  assert_int_equal (r.n_greeted, N_CONNECTIONS / 8);
  send_home (&one);
  send_home (&two);
  send_home (&three);
  send_home (&root);
}

/* What the program has open counts, too: its clients leave it some, and others leave root some.  */
static void
test_program_has_many (void **state) {
  struct crowd other, root;

  (void) state;
  assert_int_equal (eva_server_allow_uid (kit.server, EVA_ANY_UID), 0);
  fill (N_FDS - 2 * N_LEFT - 1);
  if (!geteuid ()) {
    assert_int_equal (send_crowd (&other, 65534, 1, 0).n_greeted, 0);
    send_home (&other);
  }
  assert_in_range (send_crowd (&root, geteuid (), N_LEFT, 0).n_greeted, N_LEFT / 2, N_LEFT);
  send_home (&root);
  kit_until (!kit_stats ().n_connections);
  fill (N_FDS - N_LEFT - 1);
  assert_int_equal (send_crowd (&root, geteuid (), 1, 0).n_greeted, 0);
  assert_int_equal (kit_stats ().n_accept_pauses, 0);
  send_home (&root);
}

/* --- Descriptors that are passed -------------------------------------------------------------- */

static void
test_passed (void **state) {
  struct crowd crowd, more;
  struct report r;

  (void) state;
  r = send_crowd (&crowd, geteuid (), 16, 15);
  assert_int_equal (r.n_greeted, 16);
  assert_int_equal (r.n_served, N_PASSED / 15);
  assert_int_equal (kit_stats ().n_passed_fds, N_PASSED / 15 * 15);
  assert_int_equal (kit_stats ().n_dropped, 16 - N_PASSED / 15);
  assert_int_equal (send_crowd (&more, geteuid (), 20, 0).n_greeted, 20);
  assert_in_range (fill (N_FDS), N_LEFT, N_FDS);
  drop_fillers ();
  send_home (&more);
  send_home (&crowd);
  kit_until (!kit_stats ().n_connections);
  assert_int_equal (kit_stats ().n_passed_fds, 0);
}

static void
test_passed_by_users (void **state) {
  struct crowd one, two;
  struct report r;

  (void) state;
  if (geteuid ()) return;
  assert_int_equal (eva_server_allow_uid (kit.server, EVA_ANY_UID), 0);
  r = send_crowd (&one, 65534, 16, 15);
  assert_int_equal (r.n_served, N_PASSED / 4 * 3 / 15);
  r = send_crowd (&two, 65533, 16, 15);
  assert_int_equal (r.n_served, N_PASSED / 4 / 15);
  send_home (&one);
  send_home (&two);
}

static gpg_error_t
receive (assuan_context_t ctx, char *line) {
  assuan_fd_t fd;
  gpg_error_t err = assuan_receivefd (ctx, &fd);

  (void) line;
  if (!err) close (fd);
  return err;
}

static void
pass (struct peer *p, const char *text, unsigned int n) {
  int fd = open ("/dev/null", O_RDWR | O_CLOEXEC);
  int fds[8];

  for (size_t i = 0; i < N_ELEMENTS (fds); i++)
    fds[i] = fd;
  peer_send_fds (p, text, fds, n);
  close (fd);
}

/* Those of INPUT and OUTPUT count as long as they are there; those that a command took do not.  */
static void
test_what_counts (void **state) {
  const struct eva_server_limits limits = { .max_passed_fds = 3 };
  struct peer *p = peer_new_passing (), *q = peer_new_passing ();

  (void) state;
  service.run = receive;
  kit_set_limits (&limits);
  pass (p, "INPUT FD\n", 1);
  peer_expect (p, "OK\n");
  pass (p, "OUTPUT FD\n", 1);
  peer_expect (p, "OK\n");
  pass (q, "NOP\n", 1);
  peer_expect (q, "OK\n");
  assert_int_equal (kit_stats ().n_passed_fds, 3);
  peer_ask (q, "RUN\n", "OK\n");
  assert_int_equal (kit_stats ().n_passed_fds, 2);
  peer_ask (p, "RESET\n", "OK\n");
  assert_int_equal (kit_stats ().n_passed_fds, 0);
  pass (q, "NOP\n", 3);
  peer_expect (q, "OK\n");
  pass (p, "INPUT FD\n", 1);
  peer_expect_err (p, GPG_ERR_TOO_LARGE, "[closing connection]");
  peer_expect_end (p);
  assert_int_equal (p->guest->reason, GPG_ERR_TOO_LARGE);
  assert_int_equal (kit_stats ().n_passed_fds, 3);
  peer_ask (q, "RUN\nRUN\n", "OK\nOK\n");
  assert_int_equal (kit_stats ().n_passed_fds, 1);
}

/* The kernel has no numbers left: a request is not served without its descriptors, and its client
   learns why.  */
static void
test_no_numbers (void **state) {
  const struct eva_server_limits limits = { .max_passed_fds = 1000 };
  struct peer *p = peer_new_passing (), *q = peer_new_passing ();

  (void) state;
  kit_set_limits (&limits);
  pass (p, "INPUT FD\n", 3);
  fill (N_FDS);
  close (fillers[--n_fillers]);
  close (fillers[--n_fillers]);
  peer_expect_err (p, GPG_ERR_EMFILE, "[closing connection]");
  peer_expect_end (p);
  assert_int_equal (p->guest->reason, GPG_ERR_EMFILE);
  assert_int_equal (kit_stats ().n_passed_fds, 0);
  peer_ask (q, "NOP\n", "OK\n");
}

/* The last numbers are the program's.  */
static void
test_last_numbers (void **state) {
  struct peer *p = peer_new_passing (), *q = peer_new_passing ();

  (void) state;
  pass (p, "INPUT FD\n", 1);
  fill (N_FDS - N_LEFT - 1);
  peer_expect_err (p, GPG_ERR_EMFILE, "[closing connection]");
  peer_expect_end (p);
  peer_ask (q, "NOP\n", "OK\n");
  assert_in_range (fill (N_FDS), N_LEFT, N_FDS);
}

static const struct CMUnitTest tests[] = {
  share_test (test_own_user),
  share_test (test_limit_changes),
  share_test (test_limit_changes_in_open),
  share_test (test_limit_changes_between),
  share_test (test_freed_by_the_first),
  share_test (test_log),
  share_test (test_users),
  share_test (test_program_has_many),
  share_test (test_passed),
  share_test (test_passed_by_users),
  share_test (test_what_counts),
  share_test (test_no_numbers),
  share_test (test_last_numbers),
};

SUITE (shares);
