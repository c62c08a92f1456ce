/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* assuan_socket_connect and assuan_socket_connect_fd: names, greetings, and the peer.  */

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "client.h"

/* A server for one client in a thread of its own: it greets, then reads to the end of file.  */
struct listener {
  int fd;
  int port; /* TCP */
  pthread_t thread;
  char got[200]; /* what the client said; valid after listener_stop */
};

static void *
greet_one (void *arg) {
  struct listener *l = arg;
  int fd = accept4 (l->fd, NULL, NULL, SOCK_CLOEXEC);
  size_t len = 0;
  ssize_t n;

  if (fd == -1) return NULL;
  if (write (fd, "OK hello\n", 9) == 9)
    while (len < sizeof l->got - 1 && (n = read (fd, l->got + len, sizeof l->got - 1 - len)) > 0)
      len += (size_t) n;
  close (fd);
  return NULL;
}

static void
listener_start (struct listener *l, const struct sockaddr *addr, socklen_t addr_len) {
  struct sockaddr_storage bound;
  socklen_t bound_len = sizeof bound;

  memset (l, 0, sizeof *l);
  l->fd = socket (addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_not_equal (l->fd, -1);
  assert_int_equal (bind (l->fd, addr, addr_len), 0);
  assert_int_equal (listen (l->fd, 1), 0);
  assert_int_equal (getsockname (l->fd, (struct sockaddr *) &bound, &bound_len), 0);
  /* Both kinds have it at the same place.  */
  if (addr->sa_family != AF_UNIX) l->port = ntohs (((struct sockaddr_in *) &bound)->sin_port);
  assert_int_equal (pthread_create (&l->thread, NULL, greet_one, l), 0);
}

/* LEN: of a path that fills sun_path without a NUL, or begins with one.  */
static void
listener_start_unix (struct listener *l, const char *path, size_t len) {
  struct sockaddr_un addr = { .sun_family = AF_UNIX };

  memcpy (addr.sun_path, path, len);
  listener_start (l, (struct sockaddr *) &addr,
                  (socklen_t) (offsetof (struct sockaddr_un, sun_path) + len));
}

/* Wait for the client's end; it must have said BYE.  If no client came, do not wait.  */
static void
listener_stop (struct listener *l, bool client_came) {
  shutdown (l->fd, SHUT_RDWR);
  pthread_join (l->thread, NULL);
  close (l->fd);
  assert_string_equal (l->got, client_came ? "BYE\n" : "");
}

/* Connect to NAME, which must work, and release.  */
static void
check_connect (const char *name) {
  assuan_context_t ctx = new_context ();

  assert_err (assuan_socket_connect (ctx, name, ASSUAN_INVALID_PID, 0), 0);
  assuan_release (ctx);
}

static void
check_connect_fails (const char *name, gpg_err_code_t code) {
  assuan_context_t ctx = new_context ();
  assuan_fd_t fds[2];

  assert_err (assuan_socket_connect (ctx, name, ASSUAN_INVALID_PID, 0), ERR (code));
  assert_int_equal (assuan_get_active_fds (ctx, 0, fds, 2), 0);
  assuan_release (ctx);
}

static void
test_path (void **state) {
  const char *path = tmpdir_path ("S");
  struct listener l;
  char name[200];

  (void) state;
  listener_start_unix (&l, path, strlen (path));
  check_connect (path);
  listener_stop (&l, true);
  unlink (path);
  listener_start_unix (&l, path, strlen (path));
  snprintf (name, sizeof name, "file://%s", path);
  check_connect (name);
  listener_stop (&l, true);
}

/* Behind file:// a path may be relative.  */
static void
test_relative_path (void **state) {
  struct listener l;
  int cwd = open (".", O_PATH | O_CLOEXEC);

  (void) state;
  assert_int_equal (chdir (tmpdir_get ()), 0);
  listener_start_unix (&l, "S", 1);
  check_connect ("file://S");
  check_connect_fails ("S", GPG_ERR_ASS_INV_VALUE);
  listener_stop (&l, true);
  assert_int_equal (fchdir (cwd), 0);
  close (cwd);
}

static void
test_redirection (void **state) {
  const char *path = tmpdir_path ("S"), *file = tmpdir_path ("R");
  FILE *fp = fopen (file, "w");
  struct listener l;

  (void) state;
  fprintf (fp, "%%Assuan%%\nsocket=%s\n", path);
  fclose (fp);
  listener_start_unix (&l, path, strlen (path));
  check_connect (file);
  listener_stop (&l, true);
}

static void
test_tcp (void **state) {
  struct sockaddr_in addr = { .sin_family = AF_INET };
  struct listener l;
  char name[60];

  (void) state;
  addr.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  listener_start (&l, (struct sockaddr *) &addr, sizeof addr);
  snprintf (name, sizeof name, "assuan://127.0.0.1:%d", l.port);
  check_connect (name);
  listener_stop (&l, true);
  check_connect_fails (name, GPG_ERR_ASS_CONNECT_FAILED);
}

static bool
has_ipv6 (void) {
  struct sockaddr_in6 addr = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
  int fd = socket (AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool yes = fd != -1 && !bind (fd, (struct sockaddr *) &addr, sizeof addr);

  if (fd != -1) close (fd);
  return yes;
}

static void
test_tcp6 (void **state) {
  struct sockaddr_in6 addr = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
  struct listener l;
  char name[60];

  (void) state;
  if (!has_ipv6 ()) skip ();
  listener_start (&l, (struct sockaddr *) &addr, sizeof addr);
  snprintf (name, sizeof name, "assuan://[::1]:%d", l.port);
  check_connect (name);
  listener_stop (&l, true);
}

static void
test_bad_names (void **state) {
  static const char *const names[] = {
    "",        "relative", "./relative", "file://",          "assuan://",
    "file:/x", "http://x", "FILE:///",   "ASSUAN://[::1]:1", "C:\\socket",
  };
  assuan_context_t ctx = new_context ();

  (void) state;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    check_connect_fails (names[i], GPG_ERR_ASS_INV_VALUE);
  assert_err (assuan_socket_connect (ctx, NULL, ASSUAN_INVALID_PID, 0),
              ERR (GPG_ERR_ASS_INV_VALUE));
  assert_err (assuan_socket_connect (NULL, "/x", ASSUAN_INVALID_PID, 0),
              gpg_err_make (GPG_ERR_SOURCE_ASSUAN, GPG_ERR_ASS_INV_VALUE));
  assuan_release (ctx);
}

static void
test_bad_addresses (void **state) {
  static const char *const names[] = {
    "assuan://127.0.0.1",
    "assuan://127.0.0.1:",
    "assuan://127.0.0.1:0",
    "assuan://127.0.0.1:99999",
    "assuan://127.0.0.1:abc",
    "assuan://127.0.0.1:1x",
    "assuan://localhost:1",
    "assuan://[::1]",
    "assuan://[::1",
    "assuan://[::1]x:1",
    "assuan://:1",
    "assuan://1.2.3:5",
    "assuan://999.1.1.1:5",
  };

  (void) state;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    check_connect_fails (names[i], GPG_ERR_BAD_URI);
}

static void
test_nobody_there (void **state) {
  const char *path = tmpdir_path ("S"), *file = tmpdir_path ("F");
  struct listener l;

  (void) state;
  check_connect_fails (path, GPG_ERR_ASS_CONNECT_FAILED);
  check_connect_fails (tmpdir_get (), GPG_ERR_ASS_CONNECT_FAILED);
  check_connect_fails ("/dev/null", GPG_ERR_ASS_CONNECT_FAILED);
  close (open (file, O_CREAT | O_WRONLY, 0600));
  check_connect_fails (file, GPG_ERR_ASS_CONNECT_FAILED);
  listener_start_unix (&l, path, strlen (path));
  listener_stop (&l, false);
  check_connect_fails (path, GPG_ERR_ASS_CONNECT_FAILED);
}

/* A path of LEN octets in the temporary directory.  */
static const char *
long_path (size_t len) {
  static char path[120];
  size_t dir_len = (size_t) snprintf (path, sizeof path, "%s/", tmpdir_get ());

  memset (path + dir_len, 'p', sizeof path - dir_len);
  path[len] = 0;
  return path;
}

/* deviation: paths over 106 octets | 107 octets */
static void
test_path_length (void **state) {
  struct listener l;

  (void) state;
  listener_start_unix (&l, long_path (106), 106);
  check_connect (long_path (106));
  listener_stop (&l, true);
  listener_start_unix (&l, long_path (107), 107);
  if (on_oracle ())
    check_connect_fails (long_path (107), GPG_ERR_ENAMETOOLONG);
  else
    check_connect (long_path (107));
  listener_stop (&l, !on_oracle ());
  check_connect_fails (long_path (108), GPG_ERR_ENAMETOOLONG);
  check_connect_fails (long_path (119), GPG_ERR_ENAMETOOLONG);
}

/* deviation: abstract names | `@name` where an address string is taken */
static void
test_abstract (void **state) {
  struct listener l;
  char name[100];
  int len = snprintf (name, sizeof name, "@evassuan-test-%d", (int) getpid ());

  (void) state;
  if (on_oracle ()) {
    check_connect_fails (name, GPG_ERR_ASS_INV_VALUE);
    return;
  }
  *name = 0;
  listener_start_unix (&l, name, (size_t) len);
  *name = '@';
  check_connect (name);
  listener_stop (&l, true);
}

/* Greetings, and what becomes of the descriptor.  */
static const struct {
  const char *octets;
  gpg_err_code_t code;
} greetings[] = {
  { "OK\n", 0 },
  { "OK with text\r\n", 0 },
  { "# one\n\n# two\nOK x\n", 0 },
  { "OK a\nOK b\n", 0 },
  { "ERR 99 canceled\n", GPG_ERR_ASS_CONNECT_FAILED },
  { "ERR\n", GPG_ERR_ASS_CONNECT_FAILED },
  { "S FOO\nOK\n", GPG_ERR_ASS_CONNECT_FAILED },
  { "D\nOK\n", GPG_ERR_ASS_INV_RESPONSE },
  { "D abc\nOK\n", GPG_ERR_ASS_CONNECT_FAILED },
  { "END\nOK\n", GPG_ERR_ASS_CONNECT_FAILED },
  { "INQUIRE X\nOK\n", GPG_ERR_ASS_CONNECT_FAILED },
  { "SSH-2.0-x\n", GPG_ERR_ASS_INV_RESPONSE },
  { "OKX\n", GPG_ERR_ASS_INV_RESPONSE },
  { "", GPG_ERR_EOF },
  { "# only\n", GPG_ERR_EOF },
  { "OK", GPG_ERR_ASS_INCOMPLETE_LINE },
};

/* What a server sees of a client that did not like its greeting, or was refused by it.  */
static void
expect_hang_up (int peer) {
  peer_expect (peer, "BYE\n");
  peer_expect_eof (peer);
}

static void
check_greetings (unsigned int flags) {
  for (size_t i = 0; i < sizeof greetings / sizeof *greetings; i++) {
    assuan_context_t ctx = new_context ();
    assuan_fd_t active[2];
    int fds[2];

    fds_socketpair (fds, 0);
    peer_say (fds[1], greetings[i].octets);
    shutdown (fds[1], SHUT_WR);
    assert_err (assuan_socket_connect_fd (ctx, fds[0], flags),
                greetings[i].code ? ERR (greetings[i].code) : 0);
    if (greetings[i].code) {
      assert_int_equal (assuan_get_active_fds (ctx, 0, active, 2), 0);
      /* The descriptor was the context's, so it is closed at once.  */
      expect_hang_up (fds[1]);
    } else {
      assert_int_equal (assuan_get_active_fds (ctx, 0, active, 2), 1);
      assert_int_equal (active[0], fds[0]);
    }
    assuan_release (ctx);
    if (!greetings[i].code) peer_expect (fds[1], "BYE\n");
    peer_expect_eof (fds[1]);
    close (fds[1]);
  }
}

static void
test_greetings (void **state) {
  (void) state;
  check_greetings (0);
  check_greetings (ASSUAN_SOCKET_CONNECT_FDPASSING);
}

static void
test_greeting_too_long (void **state) {
  assuan_context_t ctx = new_context ();
  char line[1200];
  int fds[2];

  (void) state;
  memset (line, '#', sizeof line);
  strcpy (line + 1100, "\nOK\n");
  fds_socketpair (fds, 0);
  peer_say (fds[1], line);
  assert_err (assuan_socket_connect_fd (ctx, fds[0], 0), ERR (GPG_ERR_ASS_LINE_TOO_LONG));
  expect_hang_up (fds[1]);
  assuan_release (ctx);
  close (fds[1]);
}

/* A context whose attempt failed serves for another one.  */
static void
test_second_attempt (void **state) {
  assuan_context_t ctx = new_context ();
  int fds[2];

  (void) state;
  fds_socketpair (fds, 0);
  peer_say (fds[1], "ERR 99 canceled\nOK not for you\n");
  assert_err (assuan_socket_connect_fd (ctx, fds[0], 0), ERR (GPG_ERR_ASS_CONNECT_FAILED));
  close (fds[1]);
  assert_err (assuan_socket_connect (ctx, tmpdir_path ("none"), ASSUAN_INVALID_PID, 0),
              ERR (GPG_ERR_ASS_CONNECT_FAILED));
  /* On the reference library what the first server said is still there.  */
  if (!on_oracle ()) {
    fds_socketpair (fds, 0);
    peer_say (fds[1], "OK\n");
    assert_err (assuan_socket_connect_fd (ctx, fds[0], 0), 0);
    assert_int_equal (assuan_pending_line (ctx), 0);
    close (fds[1]);
  }
  assuan_release (ctx);
}

static void
test_bad_fds (void **state) {
  assuan_context_t ctx = new_context ();
  int fd = open ("/dev/null", O_RDWR | O_CLOEXEC);

  (void) state;
  assert_err (assuan_socket_connect_fd (ctx, -1, 0), GPG_ERR_INV_ARG);
  assert_err (assuan_socket_connect_fd (NULL, fd, 0), GPG_ERR_INV_ARG);
  assert_err (assuan_socket_connect_fd (ctx, 9999, 0), ERR (GPG_ERR_EBADF));
  assert_err (assuan_socket_connect_fd (ctx, fd, 0), ERR (GPG_ERR_EOF));
  assert_int_equal (fcntl (fd, F_GETFD), -1);
  assuan_release (ctx);
}

static void
check_peer (assuan_context_t ctx, pid_t pid) {
  assuan_peercred_t cred = NULL;

  assert_int_equal (assuan_get_pid (ctx), pid);
  assert_err (assuan_get_peercred (ctx, &cred), ERR (GPG_ERR_ASS_GENERAL));
  assert_null (cred);
}

static void
test_peer (void **state) {
  const char *path = tmpdir_path ("S");
  assuan_context_t ctx = new_context ();
  struct listener l;

  (void) state;
  assert_int_equal (assuan_get_pid (ctx), -1);
  listener_start_unix (&l, path, strlen (path));
  assert_err (assuan_socket_connect (ctx, path, ASSUAN_INVALID_PID, 0), 0);
  /* deviation: a server at a socket has no pid | the kernel knows it */
  check_peer (ctx, on_oracle () ? -1 : getpid ());
  assuan_release (ctx);
  listener_stop (&l, true);
  assert_int_equal (assuan_get_pid (NULL), -1);
  assert_err (assuan_get_peercred (NULL, NULL),
              gpg_err_make (GPG_ERR_SOURCE_ASSUAN, GPG_ERR_ASS_INV_VALUE));
}

/* The descriptor is a real, blocking one, for programs that look at it.
 * deviation: received and created ones close-on-exec */
static void
test_descriptor (void **state) {
  const char *path = tmpdir_path ("S");
  struct listener l;

  (void) state;
  for (unsigned int flags = 0; flags <= ASSUAN_SOCKET_CONNECT_FDPASSING; flags++) {
    assuan_context_t ctx = new_context ();
    assuan_fd_t fds[2];

    unlink (path);
    listener_start_unix (&l, path, strlen (path));
    assert_err (assuan_socket_connect (ctx, path, ASSUAN_INVALID_PID, flags), 0);
    assert_int_equal (assuan_get_active_fds (ctx, 0, fds, 2), 1);
    assert_int_equal (fcntl (fds[0], F_GETFL) & O_NONBLOCK, 0);
    assert_int_equal (fcntl (fds[0], F_GETFD), on_oracle () ? 0 : FD_CLOEXEC);
    assuan_release (ctx);
    listener_stop (&l, true);
  }
}

/* The default server and client of the library, through a real socket.  */
static void *
serve_clients (void *arg) {
  assuan_context_t ctx = arg;

  for (int i = 0; i < 2; i++)
    if (assuan_accept (ctx) || assuan_process (ctx)) break;
  return NULL;
}

static void
test_both_ends (void **state) {
  struct sockaddr_un addr = { .sun_family = AF_UNIX };
  const char *path = tmpdir_path ("S");
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assuan_context_t server = new_context ();
  pthread_t thread;

  (void) state;
  strcpy (addr.sun_path, path);
  assert_int_equal (bind (fd, (struct sockaddr *) &addr, sizeof addr), 0);
  assert_int_equal (listen (fd, 2), 0);
  assert_err (assuan_init_socket_server (server, fd, 0), 0);
  assert_int_equal (pthread_create (&thread, NULL, serve_clients, server), 0);
  for (int i = 0; i < 2; i++) {
    assuan_context_t ctx = new_context ();

    assert_err (assuan_socket_connect (ctx, path, ASSUAN_INVALID_PID, 0), 0);
    assert_err (assuan_transact (ctx, "NOP", NULL, NULL, NULL, NULL, NULL, NULL), 0);
    assert_err (assuan_transact (ctx, "FOO", NULL, NULL, NULL, NULL, NULL, NULL),
                ERR (GPG_ERR_ASS_UNKNOWN_CMD));
    assuan_release (ctx);
  }
  pthread_join (thread, NULL);
  assuan_release (server);
  close (fd);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    suite_test (test_path),           suite_test (test_relative_path),
    suite_test (test_redirection),    suite_test (test_tcp),
    suite_test (test_tcp6),           suite_test (test_bad_names),
    suite_test (test_bad_addresses),  suite_test (test_nobody_there),
    suite_test (test_path_length),    suite_test (test_abstract),
    suite_test (test_greetings),      suite_test (test_greeting_too_long),
    suite_test (test_second_attempt), suite_test (test_bad_fds),
    suite_test (test_peer),           suite_test (test_descriptor),
    suite_test (test_both_ends),
  };

  return suite_run (tests);
}
