/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-listener.c - listening on every kind of address, and accepting.  What becomes of the files
   of Unix sockets is in test-listener-file.c.  */

#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/net.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io/dial.h"
#include "io/listener.h"

/* --- Both sides ------------------------------------------------------------------------------- */

static int
listen_on (const char *text, struct eva__io_listener *listener) {
  struct eva__io_endpoint ep;

  assert_int_equal (eva__io_endpoint_parse (text, &ep), 0);
  return eva__io_listener_open (&ep, false, listener);
}

static const char *
address_of (int fd) {
  static char buf[EVA__IO_ENDPOINT_SIZE];

  assert_int_equal (eva__io_endpoint_format (fd, buf), 0);
  return buf;
}

static int
socket_option (int fd, int level, int option) {
  socklen_t len = sizeof (int);
  int value = 0;

  assert_int_equal (getsockopt (fd, level, option, &value, &len), 0);
  return value;
}

static bool
is_nonblocking (int fd) {
  return fcntl (fd, F_GETFL) & O_NONBLOCK;
}

/* Connects to the address TEXT.  */
static int
dial (const char *text) {
  struct eva__io_endpoint ep;
  int fd = -1, rc;

  assert_int_equal (eva__io_endpoint_parse (text, &ep), 0);
  rc = eva__io_dial (&ep, &fd);
  assert_true (rc == EVA__IO_DIAL_CONNECTED || rc == EVA__IO_DIAL_PENDING);
  return fd;
}

static void
wait_readable (int fd) {
  struct pollfd p = { .fd = fd, .events = POLLIN };

  assert_int_equal (poll (&p, 1, 60000), 1);
}

/* A client can connect to LISTENER, and its octets arrive.  */
static void
assert_serves (const struct eva__io_listener *listener) {
  int client, fd;
  char octet = 0;

  assert_fails (eva__io_listener_accept (listener), EAGAIN);
  client = dial (address_of (listener->fd));
  wait_readable (listener->fd);
  fd = eva__io_listener_accept (listener);
  assert_true (fd >= 0);
  assert_true (is_cloexec (fd) && is_nonblocking (fd));
  assert_int_equal (read (fd, &octet, 1), -1);
  assert_int_equal (errno, EAGAIN);
  write_all (client, "x", 1);
  wait_readable (fd);
  read_all (fd, &octet, 1);
  assert_int_equal (octet, 'x');
  if (!listener->is_unix) assert_true (socket_option (fd, IPPROTO_TCP, TCP_NODELAY));
  assert_fails (eva__io_listener_accept (listener), EAGAIN);
  close (fd);
  close (client);
}

static void
assert_good_listener (const struct eva__io_listener *listener) {
  assert_true (is_cloexec (listener->fd) && is_nonblocking (listener->fd));
  assert_serves (listener);
}

/* --- Opening ---------------------------------------------------------------------------------- */

static void
test_path (void **state) {
  struct eva__io_listener listener;
  char text[400];

  (void) state;
  snprintf (text, sizeof text, "unix:%s", tmpdir_path ("s"));
  assert_int_equal (listen_on (text, &listener), 0);
  assert_true (listener.is_unix);
  assert_string_equal (address_of (listener.fd), text);
  assert_good_listener (&listener);
  eva__io_listener_close (&listener);
  assert_int_equal (listener.fd, -1);
}

static void
test_abstract (void **state) {
  struct eva__io_listener listener, second = EVA__IO_LISTENER_NONE;
  char text[64];

  (void) state;
  snprintf (text, sizeof text, "unix:@eva-test-listener-%d", (int) getpid ());
  assert_int_equal (listen_on (text, &listener), 0);
  assert_true (listener.is_unix);
  assert_string_equal (address_of (listener.fd), text);
  assert_good_listener (&listener);
  assert_fails (listen_on (text, &second), EADDRINUSE);
  assert_int_equal (second.fd, -1);
  eva__io_listener_close (&listener);
  assert_int_equal (listen_on (text, &listener), 0);
  eva__io_listener_close (&listener);
}

static void
test_internet (void **state) {
  struct eva__io_listener listener, second = EVA__IO_LISTENER_NONE;
  char text[EVA__IO_ENDPOINT_SIZE];

  (void) state;
  assert_int_equal (listen_on ("tcp:127.0.0.1:0", &listener), 0);
  assert_false (listener.is_unix);
  assert_true (listener.is_loopback);
  strcpy (text, address_of (listener.fd));
  assert_int_equal (strncmp (text, "tcp:127.0.0.1:", 14), 0);
  assert_string_not_equal (text, "tcp:127.0.0.1:0");
  assert_good_listener (&listener);
  assert_fails (listen_on (text, &second), EADDRINUSE);
  eva__io_listener_close (&listener);
}

static void
test_internet6 (void **state) {
  struct eva__io_listener listener;

  (void) state;
  if (listen_on ("tcp:[::1]:0", &listener) < 0) {
    assert_true (errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT);
    skip ();
  }
  assert_true (listener.is_loopback);
  assert_int_equal (strncmp (address_of (listener.fd), "tcp:[::1]:", 10), 0);
  assert_good_listener (&listener);
  eva__io_listener_close (&listener);
  /* An IPv6 address is never one of IPv4 as well.  */
  assert_fails (listen_on ("tcp:[::ffff:127.0.0.1]:0", &listener), EINVAL);
}

/* A server that is started again gets its port, although connections that it had closed itself
   still lie on it.  */
static void
test_same_port_again (void **state) {
  struct eva__io_listener listener;
  char text[EVA__IO_ENDPOINT_SIZE], octet;
  int client, fd;

  (void) state;
  assert_int_equal (listen_on ("tcp:127.0.0.1:0", &listener), 0);
  strcpy (text, address_of (listener.fd));
  client = dial (text);
  wait_readable (listener.fd);
  fd = eva__io_listener_accept (&listener);
  close (fd);
  wait_readable (client);
  assert_int_equal (read (client, &octet, 1), 0);
  close (client);
  eva__io_listener_close (&listener);

  assert_int_equal (listen_on (text, &listener), 0);
  assert_string_equal (address_of (listener.fd), text);
  assert_serves (&listener);
  eva__io_listener_close (&listener);
}

static void
test_not_to_listen (void **state) {
  struct eva__io_listener listener = EVA__IO_LISTENER_NONE;

  (void) state;
  assert_fails (listen_on ("systemd:", &listener), EINVAL);
  assert_fails (listen_on ("exec:true", &listener), EINVAL);
  assert_fails (listen_on (tmpdir_path ("s"), &listener), EINVAL);
  assert_fails (listen_on ("@name", &listener), EINVAL);
  assert_fails (listen_on ("assuan://127.0.0.1:1", &listener), EINVAL);
  assert_fails (access (tmpdir_path ("s"), F_OK), ENOENT);
  assert_fails (listen_on ("tcp:192.0.2.1:0", &listener), EADDRNOTAVAIL);
  assert_int_equal (listener.fd, -1);
}

/* --- Taking ----------------------------------------------------------------------------------- */

static int
listen_on_fd (int fd, struct eva__io_listener *listener) {
  char text[32];

  snprintf (text, sizeof text, "fd:%d", fd);
  return listen_on (text, listener);
}

/* The listening socket of another owner, which stays that.  */
static void
try_take (const char *text, bool is_unix, bool is_loopback) {
  struct eva__io_endpoint ep;
  struct eva__io_listener listener, second;
  int fd;

  assert_int_equal (eva__io_endpoint_parse (text, &ep), 0);
  fd = socket (ep.addr.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal (bind (fd, &ep.addr.any, ep.addr_len), 0);
  assert_int_equal (listen (fd, 5), 0);
  assert_int_equal (listen_on_fd (fd, &listener), 0);
  assert_int_equal (listen_on_fd (fd, &second), 0);
  assert_int_not_equal (listener.fd, fd);
  assert_int_equal (listener.is_unix, is_unix);
  assert_int_equal (listener.is_loopback, is_loopback);
  assert_good_listener (&listener);
  eva__io_listener_close (&listener);
  assert_serves (&second);
  eva__io_listener_close (&second);
  assert_true (fds_is_open (fd));
  if (ep.addr.un.sun_path[0] && is_unix) assert_int_equal (access (ep.addr.un.sun_path, F_OK), 0);
  close (fd);
}

static void
test_take (void **state) {
  char text[400];

  (void) state;
  snprintf (text, sizeof text, "unix:%s", tmpdir_path ("s"));
  try_take (text, true, false);
  snprintf (text, sizeof text, "unix:@eva-test-take-%d", (int) getpid ());
  try_take (text, true, false);
  try_take ("tcp:127.0.0.1:0", false, true);
}

static void
test_bad_take (void **state) {
  struct eva__io_listener listener = EVA__IO_LISTENER_NONE;
  int pair[2], fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  (void) state;
  assert_fails (listen_on_fd (fd, &listener), EINVAL);
  assert_false (is_nonblocking (fd));
  close (fd);
  assert_fails (listen_on_fd (fd, &listener), EBADF);
  fds_socketpair (pair, 0);
  assert_fails (listen_on_fd (pair[0], &listener), EINVAL);
  fds_close_pair (pair);
  fds_pipe (pair, 0);
  assert_fails (listen_on_fd (pair[0], &listener), ENOTSOCK);
  fds_close_pair (pair);
  assert_int_equal (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
  assert_fails (listen_on_fd (pair[0], &listener), EPROTOTYPE);
  fds_close_pair (pair);
  assert_int_equal (listener.fd, -1);
}

/* --- Accepting -------------------------------------------------------------------------------- */

/* A client that left again was a client: what it said is there, then the end.  */
static void
test_accept_gone (void **state) {
  struct eva__io_listener listener;
  char text[400], octet;
  int client, fd;

  (void) state;
  snprintf (text, sizeof text, "unix:%s", tmpdir_path ("s"));
  assert_int_equal (listen_on (text, &listener), 0);
  client = dial (text);
  close (client);
  fd = eva__io_listener_accept (&listener);
  assert_true (fd >= 0);
  assert_int_equal (read (fd, &octet, 1), 0);
  close (fd);
  assert_fails (eva__io_listener_accept (&listener), EAGAIN);
  eva__io_listener_close (&listener);
}

/* Without descriptors the client waits, and is there when there are some.  */
static void
test_accept_exhausted (void **state) {
  struct eva__io_listener listener;
  struct rlimit limit, low;
  char text[400];
  int client, fd;

  (void) state;
  snprintf (text, sizeof text, "unix:%s", tmpdir_path ("s"));
  assert_int_equal (listen_on (text, &listener), 0);
  client = dial (text);
  assert_int_equal (getrlimit (RLIMIT_NOFILE, &limit), 0);
  low = limit;
  low.rlim_cur = 0;
  assert_int_equal (setrlimit (RLIMIT_NOFILE, &low), 0);
  errno = 0;
  fd = eva__io_listener_accept (&listener);
  assert_int_equal (setrlimit (RLIMIT_NOFILE, &limit), 0);
  assert_int_equal (fd, -1);
  assert_int_equal (errno, EMFILE);
  fd = eva__io_listener_accept (&listener);
  assert_true (fd >= 0);
  close (fd);
  close (client);
  eva__io_listener_close (&listener);
}

/* The kernel, or what stands for it, does not filter.  */
#define NO_FILTER 77

/* Where the lower half of a number of 64 bits at OFFSET is.  */
#define LOW_WORD(offset) ((offset) + (__BYTE_ORDER == __BIG_ENDIAN ? 4 : 0))

/* Lets accept4 fail with ERROR from now on.  */
static void
break_accept (int error) {
  struct sock_filter code[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
#ifdef SYS_socketcall /* older processors have one call for all of sockets, by number */
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_accept4, 3, 0),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_socketcall, 0, 3),
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, LOW_WORD (offsetof (struct seccomp_data, args))),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_ACCEPT4, 0, 1),
#else
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_accept4, 0, 1),
#endif
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned int) error),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog prog = { .len = sizeof code / sizeof *code, .filter = code };

  if (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0
      || prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0)
    _exit (NO_FILTER);
}

/* Returns what accepting gives where the kernel only ever says ERROR, or NO_FILTER.  */
static int
accept_with (const struct eva__io_listener *listener, int error) {
  pid_t pid = fork ();

  if (!pid) {
    break_accept (error);
    _exit (eva__io_listener_accept (listener) < 0 ? errno : 0);
  }
  return child_exit_code (pid);
}

/* Clients that leave before they are accepted do not keep the server busy forever.  */
static void
test_accept_errors (void **state) {
  static const int transient[] = { EINTR, ECONNABORTED, EPROTO, EHOSTUNREACH, EPERM };
  static const int told[] = { EMFILE, ENFILE, ENOBUFS, ENOMEM, EBADF };
  struct eva__io_listener listener;

  (void) state;
  assert_int_equal (listen_on ("tcp:127.0.0.1:0", &listener), 0);
  if (accept_with (&listener, EINTR) == NO_FILTER) {
    eva__io_listener_close (&listener);
    skip ();
  }
  for (size_t i = 0; i < sizeof transient / sizeof *transient; i++)
    assert_int_equal (accept_with (&listener, transient[i]), EAGAIN);
  for (size_t i = 0; i < sizeof told / sizeof *told; i++)
    assert_int_equal (accept_with (&listener, told[i]), told[i]);
  eva__io_listener_close (&listener);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    fixture_test (test_path),
    fixture_test (test_abstract),
    fixture_test (test_internet),
    fixture_test (test_internet6),
    fixture_test (test_same_port_again),
    fixture_test (test_not_to_listen),
    fixture_test (test_take),
    fixture_test (test_bad_take),
    fixture_test (test_accept_gone),
    fixture_test (test_accept_exhausted),
    fixture_test (test_accept_errors),
  };

  return cmocka_run_group_tests_name ("listener", tests, NULL, NULL);
}
