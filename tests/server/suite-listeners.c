/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-listeners.c - the addresses at which servers listen.  */

#include "suite.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

static gpg_error_t
listen_at (const char *address) {
  return eva_server_listen (kit.server, address, 0);
}

static const char *
unix_address (const char *name) {
  static char address[200];

  snprintf (address, sizeof address, "unix:%s", tmpdir_path (name));
  return address;
}

static const char *
abstract_address (const char *name) {
  static char address[100];

  snprintf (address, sizeof address, "unix:@eva-test-%d-%s", (int) getpid (), name);
  return address;
}

static void
check_door (size_t index) {
  struct peer *p = peer_connect (index);

  kit_until (peer_has_line (p));
  assert_memory_equal (peer_line (p), "OK Pleased to meet you", 22);
  peer_ask (p, "ECHO a\n", "D a\nOK\n");
}

/* --- Unix sockets ----------------------------------------------------------------------------- */

static void
test_path (void **state) {
  const char *address = unix_address ("s");
  struct stat st;

  (void) state;
  assert_int_equal (listen_at (address), 0);
  assert_string_equal (eva_server_get_address (kit.server, 0), address);
  assert_null (eva_server_get_address (kit.server, 1));
  assert_int_equal (lstat (tmpdir_path ("s"), &st), 0);
  assert_true (S_ISSOCK (st.st_mode));
  assert_int_equal (st.st_mode & 07777, 0600);
  check_door (0);
  kit_free_server ();
  assert_int_equal (lstat (tmpdir_path ("s"), &st), -1);
}

static void
test_path_in_use (void **state) {
  eva_server *other;

  (void) state;
  assert_int_equal (listen_at (unix_address ("s")), 0);
  assert_code (listen_at (unix_address ("s")), GPG_ERR_EADDRINUSE);
  assert_int_equal (eva_server_new (kit.loop.loop, &service_offer, NULL, &other), 0);
  assert_code (eva_server_listen (other, unix_address ("s"), 0), GPG_ERR_EADDRINUSE);
  eva_server_free (other);
  check_door (0);
}

/* A socket's file that was left.  */
static void
leave_socket (const char *path) {
  struct sockaddr_un addr = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  strcpy (addr.sun_path, path);
  assert_int_equal (bind (fd, (struct sockaddr *) &addr, sizeof addr), 0);
  close (fd);
}

static void
test_stale_path (void **state) {
  (void) state;
  leave_socket (tmpdir_path ("s"));
  assert_int_equal (listen_at (unix_address ("s")), 0);
  check_door (0);
}

static void
test_path_of_file (void **state) {
  int fd = open (tmpdir_path ("s"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

  (void) state;
  close (fd);
  assert_code (listen_at (unix_address ("s")), GPG_ERR_EADDRINUSE);
  assert_int_equal (access (tmpdir_path ("s"), F_OK), 0);
  assert_null (eva_server_get_address (kit.server, 0));
}

/* What took the place of our file is not ours to remove.  */
static void
test_path_taken_away (void **state) {
  int fd;

  (void) state;
  assert_int_equal (listen_at (unix_address ("s")), 0);
  assert_int_equal (unlink (tmpdir_path ("s")), 0);
  fd = open (tmpdir_path ("s"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  close (fd);
  kit_free_server ();
  assert_int_equal (access (tmpdir_path ("s"), F_OK), 0);
}

static void
test_abstract (void **state) {
  (void) state;
  assert_int_equal (listen_at (abstract_address ("a")), 0);
  assert_string_equal (eva_server_get_address (kit.server, 0), abstract_address ("a"));
  assert_code (listen_at (abstract_address ("a")), GPG_ERR_EADDRINUSE);
  check_door (0);
}

/* --- TCP -------------------------------------------------------------------------------------- */

static void
test_tcp_is_for_anybody (void **state) {
  (void) state;
  assert_code (listen_at ("tcp:127.0.0.1:0"), GPG_ERR_EACCES);
  assert_int_equal (eva_server_allow_uid (kit.server, 12345), 0);
  assert_code (listen_at ("tcp:127.0.0.1:0"), GPG_ERR_EACCES);
  assert_int_equal (eva_server_allow_uid (kit.server, EVA_ANY_UID), 0);
  assert_int_equal (listen_at ("tcp:127.0.0.1:0"), 0);
  check_door (0);
}

static void
test_tcp_port (void **state) {
  const char *address;

  (void) state;
  assert_int_equal (eva_server_allow_uid (kit.server, EVA_ANY_UID), 0);
  assert_int_equal (listen_at ("tcp:127.0.0.1:0"), 0);
  address = eva_server_get_address (kit.server, 0);
  assert_memory_equal (address, "tcp:127.0.0.1:", 14);
  assert_true (atoi (address + 14) > 0);
  assert_code (listen_at (address), GPG_ERR_EADDRINUSE);
}

static bool
has_ipv6 (void) {
  struct sockaddr_in6 addr = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
  int fd = socket (AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool works = fd >= 0 && !bind (fd, (struct sockaddr *) &addr, sizeof addr);

  if (fd >= 0) close (fd);
  return works;
}

static void
test_tcp6 (void **state) {
  (void) state;
  if (!has_ipv6 ()) return;
  assert_int_equal (eva_server_allow_uid (kit.server, EVA_ANY_UID), 0);
  assert_int_equal (listen_at ("tcp:[::1]:0"), 0);
  assert_memory_equal (eva_server_get_address (kit.server, 0), "tcp:[::1]:", 10);
  check_door (0);
}

static void
test_tcp_beyond_loopback (void **state) {
  (void) state;
  assert_int_equal (eva_server_allow_uid (kit.server, EVA_ANY_UID), 0);
  assert_code (listen_at ("tcp:0.0.0.0:0"), GPG_ERR_EACCES);
  assert_null (eva_server_get_address (kit.server, 0));
  assert_int_equal (eva_server_listen (kit.server, "tcp:0.0.0.0:0", EVA_LISTEN_ANY_ADDRESS), 0);
  assert_memory_equal (eva_server_get_address (kit.server, 0), "tcp:0.0.0.0:", 12);
}

/* --- Descriptors ------------------------------------------------------------------------------ */

static int
listening_socket (int family) {
  struct sockaddr_storage addr = { .ss_family = (sa_family_t) family };
  int fd = socket (family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  socklen_t len = family == AF_UNIX ? sizeof (sa_family_t) : sizeof (struct sockaddr_in);

  if (family == AF_INET) ((struct sockaddr_in *) &addr)->sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  assert_int_equal (bind (fd, (struct sockaddr *) &addr, len), 0);
  assert_int_equal (listen (fd, 10), 0);
  return fd;
}

static gpg_error_t
listen_on_fd (eva_server *server, int fd) {
  char address[20];

  snprintf (address, sizeof address, "fd:%d", fd);
  return eva_server_listen (server, address, 0);
}

/* The socket stays the caller's, and can be listened on by the next server.  */
static void
test_listening_fd (void **state) {
  int fd = listening_socket (AF_UNIX);
  eva_server *other;

  (void) state;
  assert_int_equal (listen_on_fd (kit.server, fd), 0);
  assert_memory_equal (eva_server_get_address (kit.server, 0), "unix:@", 6);
  check_door (0);
  kit_free_server ();
  assert_int_equal (eva_server_new (kit.loop.loop, &service_offer, &kit, &other), 0);
  kit.server = other;
  assert_int_equal (listen_on_fd (kit.server, fd), 0);
  check_door (0);
  close (fd);
  check_door (0);
}

/* Two servers on one socket: every client gets one.  */
static void
test_shared_fd (void **state) {
  const struct eva_service offer = { .hello = NULL };
  int fd = listening_socket (AF_UNIX);
  eva_server *other;

  (void) state;
  assert_int_equal (eva_server_new (kit.loop.loop, &offer, NULL, &other), 0);
  assert_int_equal (listen_on_fd (kit.server, fd), 0);
  assert_int_equal (listen_on_fd (other, fd), 0);
  close (fd);
  for (int i = 0; i < 20; i++) {
    struct peer *p = peer_connect (0);
    peer_expect_greeting (p);
    peer_ask (p, "NOP\n", "OK\n");
  }
  eva_server_free (other);
}

static void
test_listening_tcp_fd (void **state) {
  int fd = listening_socket (AF_INET);

  (void) state;
  assert_code (listen_on_fd (kit.server, fd), GPG_ERR_EACCES);
  assert_int_equal (eva_server_allow_uid (kit.server, EVA_ANY_UID), 0);
  assert_int_equal (listen_on_fd (kit.server, fd), 0);
  check_door (0);
  close (fd);
}

/* A connected one is served through a copy.  */
static void
test_connected_fd (void **state) {
  struct peer *p;
  int fds[2];

  (void) state;
  fds_socketpair (fds, O_NONBLOCK);
  assert_int_equal (listen_on_fd (kit.server, fds[1]), 0);
  close (fds[1]);
  assert_null (eva_server_get_address (kit.server, 0));
  p = peer_on (fds[0], fds[0]);
  peer_expect_greeting (p);
  peer_ask (p, "BYE\n", "OK closing connection\n");
  peer_expect_end (p);
}

static void
test_bad_fds (void **state) {
  int file = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  int datagrams = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

  (void) state;
  assert_code (listen_on_fd (kit.server, file), GPG_ERR_ENOTSOCK);
  assert_code (listen_on_fd (kit.server, datagrams), GPG_ERR_EPROTOTYPE);
  close (file);
  close (datagrams);
  assert_code (listen_on_fd (kit.server, file), GPG_ERR_EBADF);
}

/* --- Words ------------------------------------------------------------------------------------ */

static void
test_bad_addresses (void **state) {
  static const char *const bad[] = {
    "",
    "nonsense",
    "unix:",
    "unix:relative",
    "unix:@",
    "/path",
    "tcp:",
    "tcp:127.0.0.1",
    "tcp:localhost:80",
    "tcp:127.0.0.1:65536",
    "fd:",
    "fd:-1",
    "fd:x",
    "systemd:a:b",
    "exec:true",
    "assuan://127.0.0.1:80",
    "file:///tmp/x",
  };
  char address[500] = "unix:/tmp/";

  (void) state;
  assert_int_equal (eva_server_allow_uid (kit.server, EVA_ANY_UID), 0);
  for (size_t i = 0; i < N_ELEMENTS (bad); i++)
    assert_code (listen_at (bad[i]), GPG_ERR_INV_ARG);
  assert_code (eva_server_listen (kit.server, unix_address ("s"), 128), GPG_ERR_ASS_INV_VALUE);
  memset (address + 10, 'x', 300); /* no file has such a name */
  assert_code (listen_at (address), GPG_ERR_ENAMETOOLONG);
  assert_code (listen_at ("unix:/nonexistent/directory/s"), GPG_ERR_ENOENT);
  assert_code (listen_at ("systemd:"), GPG_ERR_ENOENT);
  assert_code (listen_at ("systemd:name"), GPG_ERR_ENOENT);
  assert_code (eva_server_listen (NULL, "fd:0", 0), GPG_ERR_ASS_INV_VALUE);
  assert_code (listen_at (NULL), GPG_ERR_ASS_INV_VALUE);
  assert_null (eva_server_get_address (kit.server, 0));
}

/* The descriptors that were passed are this process's own, which has others.  */
static void
pass_pair (const int fds[2]) {
  char names[1000] = "";

  for (int fd = 3; fd < 200; fd++)
    sprintf (names + strlen (names), "%s%s", fd > 3 ? ":" : "",
             fd == fds[0] || fd == fds[1] ? "eva" : "");
  setenv ("LISTEN_FDNAMES", names, 1);
  setenv ("LISTEN_FDS", "197", 1);
  sprintf (names, "%d", (int) getpid ());
  setenv ("LISTEN_PID", names, 1);
}

static unsigned int n_seen;

/* The service ends SERVER when it sees the first client of two: the other one stays.  */
static void
check_end_within (eva_server *server) {
  int pairs[2][2], passed[2];

  for (int i = 0; i < 2; i++) {
    fds_socketpair (pairs[i], O_NONBLOCK);
    passed[i] = pairs[i][1];
  }
  pass_pair (passed);
  n_seen = 0;
  assert_code (eva_server_listen (server, "systemd:eva", 0), GPG_ERR_ASS_GENERAL);
  assert_int_equal (n_seen, 1);
  unsetenv ("LISTEN_FDS");
  close (passed[0]);
  close (passed[1]);
  for (int i = 0; i < 2; i++)
    peer_drop_all (peer_on (pairs[i][0], pairs[i][0]));
}

static gpg_error_t
drain_in_open (assuan_context_t ctx) {
  n_seen++;
  return eva_server_drain (eva_get_server (ctx), 1000, NULL, NULL);
}

static void
test_drained_within (void **state) {
  (void) state;
  service.open = drain_in_open;
  check_end_within (kit.server);
}

static eva_server *own_server;

static gpg_error_t
free_in_take (void *userdata, int fd) {
  (void) userdata;
  n_seen++;
  eva_server_free (own_server);
  close (fd);
  return 0;
}

static void
test_freed_within (void **state) {
  static const struct eva_service own_service = { .take = free_in_take };

  (void) state;
  assert_int_equal (eva_server_new (kit.loop.loop, &own_service, NULL, &own_server), 0);
  check_end_within (own_server);
}

static void
test_several (void **state) {
  (void) state;
  assert_int_equal (eva_server_allow_uid (kit.server, EVA_ANY_UID), 0);
  assert_int_equal (listen_at (unix_address ("a")), 0);
  assert_int_equal (listen_at (abstract_address ("b")), 0);
  assert_int_equal (listen_at ("tcp:127.0.0.1:0"), 0);
  assert_string_equal (eva_server_get_address (kit.server, 1), abstract_address ("b"));
  for (size_t i = 3; i--;)
    check_door (i);
  for (size_t i = 0; i < 3; i++)
    check_door (i);
  assert_int_equal (kit_stats ().n_accepted, 6);
}

/* More clients than are let in in one turn, and than a short queue holds.  */
static void
test_many_at_a_listener (void **state) {
  struct peer *peers[100];

  (void) state;
  assert_int_equal (listen_at (unix_address ("s")), 0);
  for (size_t i = 0; i < 100; i++)
    peers[i] = peer_connect (0);
  for (size_t i = 0; i < 100; i++)
    peer_expect_greeting (peers[i]);
  for (size_t i = 0; i < 100; i++)
    peer_ask (peers[i], "NOP\n", "OK\n");
}

/* --- Users ------------------------------------------------------------------------------------ */

/* A client of the user `nobody` connects, says NOP, and tells what it heard.  */
static int
run_stranger (const char *name) {
  struct sockaddr_un addr = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM, 0);
  char buf[200];

  if (setgroups (0, NULL) || setgid (65534) || setuid (65534)) return 9;
  strcpy (addr.sun_path + 1, name);
  if (connect (fd, (struct sockaddr *) &addr,
               (socklen_t) (offsetof (struct sockaddr_un, sun_path) + 1 + strlen (name))))
    return 8;
  if (read (fd, buf, sizeof buf) < 4) return 7;
  return !memcmp (buf, "OK ", 3) ? 1 : !memcmp (buf, "ERR ", 4) ? 2 : 3;
}

static int
send_stranger (void) {
  const char *name = strchr (eva_server_get_address (kit.server, 0), '@') + 1;
  int status;
  pid_t pid = fork ();

  if (!pid) _exit (run_stranger (name));
  kit_until (waitpid (pid, &status, WNOHANG) == pid);
  assert_true (WIFEXITED (status));
  return WEXITSTATUS (status);
}

static void
test_strangers (void **state) {
  (void) state;
  if (geteuid ()) return; /* only root can be another user */
  assert_int_equal (listen_at (abstract_address ("u")), 0);
  assert_int_equal (send_stranger (), 2);
  assert_int_equal (kit_stats ().n_refused, 1);
  assert_int_equal (kit_stats ().n_accepted, 0);
  assert_int_equal (eva_server_allow_uid (kit.server, 65534), 0);
  assert_int_equal (send_stranger (), 1);
  assert_int_equal (kit_stats ().n_accepted, 1);
}

/* --- Clients that the program takes ------------------------------------------------------------
   */

static struct {
  int fd; /* of the client that was taken */
  gpg_error_t err;
} taken;

static gpg_error_t
take (void *userdata, int fd) {
  assert_ptr_equal (userdata, &taken);
  if (!taken.err) taken.fd = fd;
  return taken.err;
}

static const struct eva_service taking_service = { .take = take };

static void
test_taken (void **state) {
  assuan_context_t ctx = (void *) &kit;
  struct eva_stats stats;
  eva_server *server;
  struct peer *p;
  int fds[2], end[2];

  (void) state;
  taken.err = 0;
  assert_int_equal (eva_server_new (kit.loop.loop, &taking_service, &taken, &server), 0);
  fds_socketpair (fds, O_NONBLOCK);
  assert_int_equal (eva_server_adopt (server, fds[1], 0, &ctx), 0);
  assert_null (ctx);
  assert_int_equal (taken.fd, fds[1]);
  p = peer_on (fds[0], fds[0]);
  assert_int_equal (write (taken.fd, "x\n", 2), 2);
  peer_expect (p, "x\n");
  eva_server_get_stats (server, &stats);
  assert_int_equal (stats.n_accepted, 1);
  assert_int_equal (stats.n_connections, 0);
  taken.err = ERR (GPG_ERR_FORBIDDEN);
  fds_socketpair (end, O_NONBLOCK);
  assert_int_equal (eva_server_adopt (server, end[1], 0, NULL), taken.err);
  assert_int_equal (eva_server_adopt_pipe (server, end[0], end[1], NULL),
                    gpg_err_make (KIT_SOURCE, GPG_ERR_NOT_SUPPORTED));
  close (end[0]);
  close (end[1]);
  eva_server_free (server);
  assert_int_equal (write (taken.fd, "y\n", 2), 2);
  peer_expect (p, "y\n");
  close (taken.fd);
}

/* One that comes to a listener, and one that is refused there.  */
static void
test_taken_at_listener (void **state) {
  struct sockaddr_un addr = { .sun_family = AF_UNIX };
  eva_server *server;
  char line[100];
  ssize_t n;

  (void) state;
  assert_int_equal (eva_server_new (kit.loop.loop, &taking_service, &taken, &server), 0);
  assert_int_equal (eva_server_listen (server, unix_address ("t"), 0), 0);
  strcpy (addr.sun_path, tmpdir_path ("t"));
  for (int i = 0; i < 2; i++) {
    int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    taken.fd = -1;
    taken.err = i ? ERR (GPG_ERR_FORBIDDEN) : 0;
    assert_int_equal (connect (fd, (struct sockaddr *) &addr, sizeof addr), 0);
    kit_settle ();
    assert_true ((taken.fd >= 0) == !i);
    if (!i) assert_true (fcntl (taken.fd, F_GETFL) & O_NONBLOCK);
    if (!i) assert_int_equal (write (taken.fd, "OK mine\n", 8), 8);
    n = read (fd, line, sizeof line - 1);
    assert_true (n > 3);
    assert_memory_equal (line, i ? "ERR" : "OK ", 3);
    if (!i) close (taken.fd);
    close (fd);
  }
  eva_server_free (server);
}

static const struct CMUnitTest tests[] = {
  kit_test (test_taken),
  kit_test (test_taken_at_listener),
  kit_test (test_path),
  kit_test (test_path_in_use),
  kit_test (test_stale_path),
  kit_test (test_path_of_file),
  kit_test (test_path_taken_away),
  kit_test (test_abstract),
  kit_test (test_tcp_is_for_anybody),
  kit_test (test_tcp_port),
  kit_test (test_tcp6),
  kit_test (test_tcp_beyond_loopback),
  kit_test (test_listening_fd),
  kit_test (test_shared_fd),
  kit_test (test_listening_tcp_fd),
  kit_test (test_connected_fd),
  kit_test (test_bad_fds),
  kit_test (test_bad_addresses),
  kit_test (test_drained_within),
  kit_test (test_freed_within),
  kit_test (test_several),
  kit_test (test_many_at_a_listener),
  kit_test (test_strangers),
};

SUITE (listeners);
