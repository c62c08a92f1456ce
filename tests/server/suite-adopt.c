/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-adopt.c - connections that were made elsewhere, and servers that were started by their
   client.  */

#include "suite.h"

#include <fcntl.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/socket.h>

/* --- Sockets ---------------------------------------------------------------------------------- */

static void
test_context (void **state) {
  assuan_context_t ctx = NULL;
  struct peer *p;
  int fds[2];

  (void) state;
  fds_socketpair (fds, O_NONBLOCK);
  assert_int_equal (eva_server_adopt (kit.server, fds[1], 0, &ctx), 0);
  assert_non_null (ctx);
  assert_ptr_equal (eva_get_server (ctx), kit.server);
  assert_ptr_equal (eva_get_userdata (ctx), &kit);
  assert_ptr_equal (eva_get_loop (ctx), kit.loop.loop);
  assert_null (eva_get_server (NULL));
  assert_null (eva_get_userdata (NULL));
  assert_null (eva_get_loop (NULL));
  p = peer_on (fds[0], fds[0]);
  peer_expect_greeting (p);
  fds_socketpair (fds, O_NONBLOCK);
  assert_int_equal (eva_server_adopt (kit.server, fds[1], 0, NULL), 0);
  p = peer_on (fds[0], fds[0]);
  peer_expect_greeting (p);
}

/* Those that wait may be handed over as well.  */
static void
test_blocking_socket (void **state) {
  struct peer *p;
  int fds[2];

  (void) state;
  assert_int_equal (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  assert_int_equal (eva_server_adopt (kit.server, fds[1], 0, NULL), 0);
  p = peer_on (fds[0], fds[0]);
  peer_expect_greeting (p);
  peer_say (p, "DATA 1000000\nNOP\n");
  kit_settle ();
  peer_expect_data (p, 1000000);
  peer_expect (p, "OK\n");
  peer_expect_nothing (p);
}

static void
test_bad_descriptors (void **state) {
  assuan_context_t ctx = (void *) &kit;
  int file = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  int fds[2];

  (void) state;
  assert_int_equal (socketpair (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds), 0);
  assert_code (eva_server_adopt (kit.server, file, 0, &ctx), GPG_ERR_ENOTSOCK);
  assert_code (eva_server_adopt (kit.server, fds[0], 0, &ctx), GPG_ERR_EPROTOTYPE);
  assert_code (eva_server_adopt (kit.server, -1, 0, &ctx), GPG_ERR_EBADF);
  assert_code (eva_server_adopt (NULL, fds[0], 0, &ctx), GPG_ERR_ASS_INV_VALUE);
  assert_code (eva_server_adopt (kit.server, fds[0], 128, &ctx), GPG_ERR_ASS_INV_VALUE);
  assert_code (eva_server_adopt_pipe (kit.server, file, -1, &ctx), GPG_ERR_EBADF);
  assert_code (eva_server_adopt_pipe (kit.server, -1, file, &ctx), GPG_ERR_EBADF);
  assert_code (eva_server_adopt_pipe (NULL, file, file, &ctx), GPG_ERR_ASS_INV_VALUE);
  assert_ptr_equal (ctx, &kit);
  assert_true (fcntl (file, F_GETFD) >= 0);
  close (file);
  fds_close_pair (fds);
}

/* An address of this machine that is not loopback.  Returns false if it has none.  */
static bool
find_far_address (struct sockaddr_in *ret) {
  struct ifaddrs *all, *i;
  bool found = false;

  assert_int_equal (getifaddrs (&all), 0);
  for (i = all; i && !found; i = i->ifa_next) {
    if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET) continue;
    memcpy (ret, i->ifa_addr, sizeof *ret);
    found = ntohl (ret->sin_addr.s_addr) >> 24 != 127;
  }
  freeifaddrs (all);
  return found;
}

/* A connection over TCP to ADDR: [0] is its client's end.  */
static void
tcp_pair (struct sockaddr_in addr, int fds[2]) {
  int listener = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  socklen_t len = sizeof addr;

  addr.sin_port = 0;
  assert_int_equal (bind (listener, (struct sockaddr *) &addr, len), 0);
  assert_int_equal (listen (listener, 1), 0);
  assert_int_equal (getsockname (listener, (struct sockaddr *) &addr, &len), 0);
  fds[0] = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal (connect (fds[0], (struct sockaddr *) &addr, len), 0);
  fds[1] = accept4 (listener, NULL, NULL, SOCK_CLOEXEC);
  assert_true (fds[1] >= 0);
  assert_int_equal (fcntl (fds[0], F_SETFL, O_NONBLOCK), 0);
  close (listener);
}

/* The kernel tells neither the user at the other end nor, beyond loopback, where it is: the program
   has to allow both.  */
static void
test_tcp (void **state) {
  struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr = { htonl (INADDR_LOOPBACK) } };
  bool is_far;
  int fds[2];

  (void) state;
  tcp_pair (addr, fds);
  assert_code (eva_server_adopt (kit.server, fds[1], 0, NULL), GPG_ERR_EACCES);
  assert_int_equal (eva_server_allow_uid (kit.server, EVA_ANY_UID), 0);
  assert_int_equal (eva_server_adopt (kit.server, fds[1], 0, NULL), 0);
  peer_expect_greeting (peer_on (fds[0], fds[0]));
  is_far = find_far_address (&addr);
  if (!is_far) return;
  tcp_pair (addr, fds);
  assert_code (eva_server_adopt (kit.server, fds[1], 0, NULL), GPG_ERR_EACCES);
  assert_int_equal (kit_stats ().n_refused, 2);
  assert_int_equal (eva_server_adopt (kit.server, fds[1], EVA_LISTEN_ANY_ADDRESS, NULL), 0);
  peer_expect_greeting (peer_on (fds[0], fds[0]));
}

static gpg_error_t
refuse (assuan_context_t ctx) {
  (void) ctx;
  return ERR (GPG_ERR_FORBIDDEN);
}

static gpg_error_t
release (assuan_context_t ctx) {
  assuan_release (ctx);
  return ERR (GPG_ERR_FORBIDDEN);
}

/* On failure the descriptors stay the caller's.  */
static void
test_refused (void **state) {
  int fds[2], in[2], out[2];

  (void) state;
  fds_socketpair (fds, O_NONBLOCK);
  fds_pipe (in, O_NONBLOCK);
  fds_pipe (out, O_NONBLOCK);
  for (int i = 0; i < 2; i++) {
    service.open = i ? release : refuse;
    assert_true (eva_server_adopt (kit.server, fds[1], 0, NULL));
    assert_true (eva_server_adopt_pipe (kit.server, in[0], out[1], NULL));
    assert_true (fcntl (fds[1], F_GETFD) >= 0);
    assert_true (fcntl (in[0], F_GETFD) >= 0);
    assert_true (fcntl (out[1], F_GETFD) >= 0);
  }
  for (int i = 0; i < 2; i++) {
    close (fds[i]);
    close (in[i]);
    close (out[i]);
  }
}

/* --- Started by the client -------------------------------------------------------------------- */

static struct peer *
adopt_pipe (int in_fd, int out_fd, int read_fd, int write_fd) {
  assert_int_equal (eva_server_adopt_pipe (kit.server, in_fd, out_fd, NULL), 0);
  return peer_on (read_fd, write_fd);
}

static void
test_inherited_socket (void **state) {
  struct peer *p;
  char number[20];
  int fds[2], in[2], out[2], fd;

  (void) state;
  fds_socketpair (fds, O_NONBLOCK);
  fds_pipe (in, O_NONBLOCK);
  fds_pipe (out, O_NONBLOCK);
  snprintf (number, sizeof number, "%d", fds[1]);
  setenv ("_assuan_connection_fd", number, 1);
  setenv ("_assuan_pipe_connect_pid", "4711", 1);
  p = adopt_pipe (in[0], out[1], fds[0], fds[0]);
  unsetenv ("_assuan_connection_fd");
  unsetenv ("_assuan_pipe_connect_pid");
  peer_expect_greeting (p);
  fd = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  peer_send_fds (p, "INPUT FD\n", &fd, 1);
  close (fd);
  peer_ask (p, "BYE\n", "OK\nOK closing connection\n");
  peer_expect_end (p);
  for (int i = 0; i < 2; i++) {
    close (in[i]); /* were not touched */
    close (out[i]);
  }
}

/* As inetd does it: one socket for both.  */
static void
test_one_socket (void **state) {
  struct peer *p;
  int fds[2];

  (void) state;
  fds_socketpair (fds, O_NONBLOCK);
  p = adopt_pipe (fds[1], fds[1], fds[0], fds[0]);
  peer_expect_greeting (p);
  peer_ask (p, "ECHO a\n", "D a\nOK\n");
  peer_close (p);
  kit_until (service.guests->n_closed);
}

/* Or under two numbers.  */
static void
test_one_socket_twice (void **state) {
  struct peer *p;
  int fds[2];

  (void) state;
  fds_socketpair (fds, O_NONBLOCK);
  p = adopt_pipe (fds[1], fcntl (fds[1], F_DUPFD_CLOEXEC, 0), fds[0], fds[0]);
  peer_expect_greeting (p);
  peer_say (p, "DATA 500000\nWAIT\n");
  peer_expect_data (p, 500000);
  kit_until (service.jobs);
  service_finish (0);
  peer_expect (p, "OK\n");
  peer_shut (p);
  peer_expect_end (p);
}

/* Pipes without O_NONBLOCK: no call waits all the same.  */
static void
test_blocking_pipes (void **state) {
  int in[2], out[2];
  struct peer *p;

  (void) state;
  assert_int_equal (pipe2 (in, O_CLOEXEC), 0);
  assert_int_equal (pipe2 (out, O_CLOEXEC), 0);
  assert_int_equal (fcntl (out[0], F_SETFL, O_NONBLOCK), 0);
  p = adopt_pipe (in[0], out[1], out[0], in[1]);
  peer_expect_greeting (p);
  peer_expect_nothing (p);
  peer_say (p, "DATA 300000\nECHO a\n");
  kit_settle ();
  peer_expect_data (p, 300000);
  peer_expect (p, "D a\nOK\n");
}

/* The end of the input is no leaving as long as a process reads the output.  */
static void
test_input_ends (void **state) {
  int in[2], out[2];
  struct peer *p;

  (void) state;
  fds_pipe (in, O_NONBLOCK);
  fds_pipe (out, O_NONBLOCK);
  p = adopt_pipe (in[0], out[1], out[0], in[1]);
  peer_say (p, "WAIT\nDATA 200000\n");
  peer_shut (p);
  kit_until (service.jobs);
  kit_settle ();
  assert_int_equal (service.jobs->n_cancelled, 0);
  assert_in_range (kit_idle (100), 0, 30);
  service_finish (0);
  peer_expect_greeting (p);
  peer_expect (p, "OK\n");
  peer_expect_data (p, 200000);
  peer_expect_end (p);
  kit_until (service.guests->n_closed);
  assert_int_equal (service.guests->reason, GPG_ERR_EOF);
}

/* A client on pipes may name descriptors that were inherited.  */
static void
test_inherited_number (void **state) {
  int in[2], out[2];
  struct peer *p;
  char line[40];

  (void) state;
  fds_pipe (in, O_NONBLOCK);
  fds_pipe (out, O_NONBLOCK);
  p = adopt_pipe (in[0], out[1], out[0], in[1]);
  peer_expect_greeting (p);
  snprintf (line, sizeof line, "INPUT FD=%d\n", open ("/dev/null", O_RDONLY | O_CLOEXEC));
  peer_ask (p, line, "OK\n");
}

/* --- Files ------------------------------------------------------------------------------------ */

/* A file with TEXT, N times; returns it open for reading.  */
static int
make_file (const char *text, unsigned int n) {
  int fd = open (tmpdir_path ("in"), O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);

  assert_true (fd >= 0);
  while (n--)
    assert_int_equal (write (fd, text, strlen (text)), (ssize_t) strlen (text));
  assert_int_equal (lseek (fd, 0, SEEK_SET), 0);
  return fd;
}

/* server < file  */
static void
test_input_from_file (void **state) {
  int out[2];
  struct peer *p;

  (void) state;
  fds_pipe (out, O_NONBLOCK);
  p = adopt_pipe (make_file ("ECHO a\nASK\nD x\nEND\nWAIT\nECHO b\n", 1), out[1], out[0], -1);
  peer_expect_greeting (p);
  peer_expect (p, "D a\nOK\nINQUIRE ASKED\nD x\nOK\n");
  peer_expect_nothing (p);
  assert_in_range (kit_idle (100), 0, 30);
  service_finish (0);
  peer_expect (p, "OK\nD b\nOK\n");
  peer_expect_end (p);
  kit_until (service.guests->n_closed);
  assert_int_equal (service.guests->reason, GPG_ERR_EOF);
}

/* A file is always ready: others are served meanwhile, and what is not taken is waited for.  */
static void
test_input_from_long_file (void **state) {
  struct peer *p, *q = peer_new ();
  int out[2];

  (void) state;
  fds_pipe (out, O_NONBLOCK);
  p = adopt_pipe (make_file ("DATA 100\n", 5000), out[1], out[0], -1);
  for (int i = 0; i < 20; i++) {
    peer_ask (q, "ECHO q\n", "D q\nOK\n");
    peer_take (p, 1000);
  }
  peer_expect_greeting (p);
  kit_settle ();
  assert_in_range (kit_idle (100), 0, 30);
  for (int i = 0; i < 5000; i++)
    peer_expect_data (p, 100);
  peer_expect_end (p);
}

/* server < file > file  */
static void
test_files_only (void **state) {
  int in = make_file ("ECHO a\nBYE\n", 1), out;
  struct peer *p;

  (void) state;
  out = open (tmpdir_path ("out"), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  p = adopt_pipe (in, out, -1, -1);
  kit_until (service.n_guests && service.guests->n_closed);
  p->in_fd = p->out_fd = open (tmpdir_path ("out"), O_RDONLY | O_CLOEXEC);
  peer_expect_greeting (p);
  peer_expect (p, "D a\nOK\nOK closing connection\n");
}

static void
test_nothing (void **state) {
  int in = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  int out = open ("/dev/null", O_WRONLY | O_CLOEXEC);

  (void) state;
  adopt_pipe (in, out, -1, -1);
  kit_until (service.guests->n_closed);
  assert_int_equal (service.guests->reason, GPG_ERR_EOF);
}

static const struct CMUnitTest tests[] = {
  kit_test (test_tcp),
  kit_test (test_context),
  kit_test (test_blocking_socket),
  kit_test (test_bad_descriptors),
  kit_test (test_refused),
  kit_test (test_inherited_socket),
  kit_test (test_one_socket),
  kit_test (test_one_socket_twice),
  kit_test (test_blocking_pipes),
  kit_test (test_input_ends),
  kit_test (test_inherited_number),
  kit_test (test_input_from_file),
  kit_test (test_input_from_long_file),
  kit_test (test_files_only),
  kit_test (test_nothing),
};

SUITE (adopt);
