/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-sys.c - the default system functions, which programs call too, and the table of hooks.  */

#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/sys.h"

/* --- The table -------------------------------------------------------------------------------- */

static assuan_context_t given_ctx;
static unsigned int given_us[32];
static int n_naps;
static int wake_fd = -1; /* gets an octet in the third nap */

static void
nap (assuan_context_t ctx, unsigned int usec) {
  given_ctx = ctx;
  if (n_naps < 32) given_us[n_naps] = usec;
  if (++n_naps == 3 && wake_fd >= 0) write_all (wake_fd, "x", 1);
}

static int
no_socket (assuan_context_t ctx, int domain, int style, int protocol) {
  (void) ctx;
  (void) domain;
  (void) style;
  (void) protocol;
  errno = EPERM;
  return -1;
}

static void
test_default_table (void **state) {
  struct eva__io_sys sys;

  (void) state;
  eva__io_sys_init (&sys, (assuan_context_t) (void *) &sys, NULL);
  assert_memory_equal (&sys.hooks, eva__io_sys_default (), sizeof sys.hooks);
  assert_int_equal (sys.hooks.version, 2);
  assert_ptr_equal (sys.ctx, &sys);
  assert_true (eva__io_sys_is_own (&sys));
}

/* A program of before version 2 has a shorter struct: nothing behind it is looked at.  */
static void
test_short_table (void **state) {
  size_t size = offsetof (struct assuan_system_hooks, socket);
  struct assuan_system_hooks full = *eva__io_sys_default ();
  void *hooks = malloc (size);
  struct eva__io_sys sys;

  (void) state;
  assert_non_null (hooks);
  full.version = 1;
  full.usleep = nap;
  memcpy (hooks, &full, size);
  eva__io_sys_init (&sys, NULL, hooks);
  free (hooks);
  assert_int_equal (sys.hooks.version, 2);
  assert_ptr_equal (sys.hooks.usleep, nap);
  assert_ptr_equal (sys.hooks.socket, __assuan_socket);
  assert_ptr_equal (sys.hooks.connect, __assuan_connect);
}

static void
test_holes_are_filled (void **state) {
  struct assuan_system_hooks hooks = { .version = 2, .socket = no_socket };
  struct eva__io_sys sys;

  (void) state;
  eva__io_sys_init (&sys, NULL, &hooks);
  assert_ptr_equal (sys.hooks.socket, no_socket);
  hooks = sys.hooks;
  hooks.socket = __assuan_socket;
  assert_memory_equal (&hooks, eva__io_sys_default (), sizeof hooks);
}

/* Only those that move octets, or sleep, make a table foreign.  */
static void
test_is_own (void **state) {
  struct assuan_system_hooks hooks = *eva__io_sys_default ();
  struct eva__io_sys sys;

  (void) state;
  hooks.socket = no_socket;
  eva__io_sys_init (&sys, NULL, &hooks);
  assert_true (eva__io_sys_is_own (&sys));
  hooks.usleep = nap;
  eva__io_sys_init (&sys, NULL, &hooks);
  assert_false (eva__io_sys_is_own (&sys));
}

static void
test_close (void **state) {
  struct eva__io_sys sys;
  int fd = dup (0);

  (void) state;
  eva__io_sys_init (&sys, NULL, NULL);
  errno = EXDEV;
  eva__io_sys_close (&sys, ASSUAN_INVALID_FD);
  eva__io_sys_close (&sys, fd);
  assert_int_equal (errno, EXDEV);
  assert_false (fds_is_open (fd));
  errno = EXDEV;
  eva__io_sys_close (&sys, fd);
  assert_int_equal (errno, EXDEV);
}

/* --- Waiting ---------------------------------------------------------------------------------- */

static void
test_is_ready (void **state) {
  int fd[2];

  (void) state;
  fds_pipe (fd, 0);
  assert_false (eva__io_sys_is_ready (fd[0], POLLIN));
  assert_true (eva__io_sys_is_ready (fd[1], POLLOUT));
  close (fd[1]);
  assert_true (eva__io_sys_is_ready (fd[0], POLLIN));
  close (fd[0]);
  /* The call that follows tells what is wrong.  */
  assert_true (eva__io_sys_is_ready (fd[0], POLLIN));
  assert_true (eva__io_sys_is_ready (-1, POLLIN));
}

/* The default functions, but with nap.  */
static void
init_napping (struct eva__io_sys *sys, assuan_context_t ctx) {
  struct assuan_system_hooks hooks = *eva__io_sys_default ();

  hooks.usleep = nap;
  eva__io_sys_init (sys, ctx, &hooks);
}

/* Foreign hooks: with the program's sleep only, in growing steps.  */
static void
test_wait_with_naps (void **state) {
  struct eva__io_sys sys;
  int fd[2];

  (void) state;
  init_napping (&sys, (assuan_context_t) (void *) fd);
  fds_pipe (fd, 0);
  n_naps = 0;
  wake_fd = fd[1];
  eva__io_sys_wait (&sys, fd[0], POLLIN);
  wake_fd = -1;
  assert_int_equal (n_naps, 3);
  assert_int_equal (given_us[0], 1000);
  assert_int_equal (given_us[1], 2000);
  assert_int_equal (given_us[2], 4000);
  assert_ptr_equal (given_ctx, fd);
  fds_close_pair (fd);
}

static void
test_wait_for (void **state) {
  struct eva__io_sys sys;
  int fd[2];

  (void) state;
  fds_pipe (fd, 0);
  eva__io_sys_init (&sys, NULL, NULL);
  assert_false (eva__io_sys_wait_for (&sys, fd[0], POLLIN, 1));
  assert_true (eva__io_sys_wait_for (&sys, fd[1], POLLOUT, 1));
  init_napping (&sys, NULL);
  n_naps = 0;
  assert_false (eva__io_sys_wait_for (&sys, fd[0], POLLIN, 70));
  /* 1 2 4 8 16 20 make 51 ms, so there is one more.  */
  assert_int_equal (n_naps, 7);
  assert_true (eva__io_sys_wait_for (&sys, fd[1], POLLOUT, 70));
  fds_close_pair (fd);
}

/* --- The functions ---------------------------------------------------------------------------- */

static void
test_pipe (void **state) {
  (void) state;
  for (int index = -1; index < 3; index++) {
    int fd[2];
    assert_int_equal (__assuan_pipe (NULL, fd, index), 0);
    for (int i = 0; i < 2; i++)
      assert_int_equal (is_cloexec (fd[i]), i != index);
    write_all (fd[1], "x", 1);
    assert_int_equal (__assuan_close (NULL, fd[0]), 0);
    assert_int_equal (__assuan_close (NULL, fd[1]), 0);
    assert_fails (__assuan_close (NULL, fd[1]), EBADF);
  }
}

static void
test_sockets (void **state) {
  int fd[2], one = __assuan_socket (NULL, AF_UNIX, SOCK_STREAM, 0);

  (void) state;
  assert_true (is_cloexec (one));
  close (one);
  assert_int_equal (__assuan_socketpair (NULL, AF_UNIX, SOCK_STREAM, 0, fd), 0);
  assert_true (is_cloexec (fd[0]) && is_cloexec (fd[1]));
  fds_close_pair (fd);
  skip_if_emulated ("has another error");
  assert_fails (__assuan_socket (NULL, AF_UNIX, 999, 0), EINVAL);
}

static void
test_writing_to_nobody (void **state) {
  struct iovec iov = { (char[]) { 'x' }, 1 };
  struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
  int pipe_fd[2], socket_fd[2];

  (void) state;
  signal (SIGPIPE, SIG_DFL);
  fds_pipe (pipe_fd, 0);
  fds_socketpair (socket_fd, 0);
  close (pipe_fd[0]);
  close (socket_fd[0]);
  assert_fails (__assuan_write (NULL, pipe_fd[1], "x", 1), EPIPE);
  assert_fails (__assuan_write (NULL, socket_fd[1], "x", 1), EPIPE);
  assert_fails (__assuan_sendmsg (NULL, socket_fd[1], &msg, 0), EPIPE);
  close (pipe_fd[1]);
  close (socket_fd[1]);
}

static void
test_messages (void **state) {
  char in[4], out[] = "ping";
  struct iovec in_iov = { in, 4 }, out_iov = { out, 4 };
  union {
    struct cmsghdr align;
    char octets[CMSG_SPACE (sizeof (int))];
  } control = { .align = { .cmsg_level = SOL_SOCKET,
                           .cmsg_type = SCM_RIGHTS,
                           .cmsg_len = CMSG_LEN (sizeof (int)) } };
  struct msghdr msg = {
    .msg_iov = &out_iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
  };
  int fd[2], got;

  (void) state;
  fds_socketpair (fd, 0);
  memcpy (CMSG_DATA (&control.align), &fd[0], sizeof (int));
  assert_int_equal (__assuan_sendmsg (NULL, fd[0], &msg, 0), 4);
  msg.msg_iov = &in_iov;
  assert_int_equal (__assuan_recvmsg (NULL, fd[1], &msg, 0), 4);
  assert_memory_equal (in, "ping", 4);
  memcpy (&got, CMSG_DATA (&control.align), sizeof got);
  assert_true (is_cloexec (got));
  close (got);
  assert_fails (__assuan_recvmsg (NULL, fd[1], &msg, MSG_DONTWAIT), EAGAIN);
  fds_close_pair (fd);
}

static void
test_waitpid (void **state) {
  int status = 0;
  pid_t pid = fork ();

  (void) state;
  if (!pid) _exit (7);
  /* Another part of the program will wait for it.  */
  assert_int_equal (__assuan_waitpid (NULL, pid, 1, &status, 0), 0);
  assert_int_equal (__assuan_waitpid (NULL, pid, 0, &status, 0), pid);
  assert_int_equal (WEXITSTATUS (status), 7);
  assert_fails (__assuan_waitpid (NULL, pid, 0, &status, 0), ECHILD);
}

static void
test_usleep (void **state) {
  (void) state;
  __assuan_usleep (NULL, 0);
  __assuan_usleep (NULL, 1);
  __assuan_usleep (NULL, 999999 / 1000);
}

/* --- Interrupted calls ------------------------------------------------------------------------ */

static int listener = -1, accepted = -1, n_alarms;

/* The third signal makes room for the connection.  */
static void
on_alarm (int sig) {
  int saved = errno;

  (void) sig;
  if (++n_alarms == 3) accepted = accept (listener, NULL, NULL);
  errno = saved;
}

static void
set_alarms (bool on) {
  struct sigaction action = { .sa_handler = on ? on_alarm : SIG_DFL };
  struct itimerval interval = { { 0, on ? 5000 : 0 }, { 0, on ? 5000 : 0 } };

  if (on) sigaction (SIGALRM, &action, NULL);
  setitimer (ITIMER_REAL, &interval, NULL);
  if (!on) sigaction (SIGALRM, &action, NULL);
}

/* connect to a socket whose queue is full waits, and signals come in the meantime.  */
static void
test_interrupted_connect (void **state) {
  struct sockaddr_un addr = { .sun_family = AF_UNIX };
  int first = __assuan_socket (NULL, AF_UNIX, SOCK_STREAM, 0);
  int second = __assuan_socket (NULL, AF_UNIX, SOCK_STREAM, 0);
  char octet;

  (void) state;
  listener = __assuan_socket (NULL, AF_UNIX, SOCK_STREAM, 0);
  strcpy (addr.sun_path, tmpdir_path ("S"));
  assert_int_equal (bind (listener, (struct sockaddr *) &addr, sizeof addr), 0);
  assert_int_equal (listen (listener, 0), 0);
  assert_int_equal (__assuan_connect (NULL, first, (struct sockaddr *) &addr, sizeof addr), 0);
  n_alarms = 0;
  set_alarms (true);
  assert_int_equal (__assuan_connect (NULL, second, (struct sockaddr *) &addr, sizeof addr), 0);
  set_alarms (false);
  assert_true (n_alarms >= 3);
  close (accepted);
  accepted = accept (listener, NULL, NULL);
  write_all (second, "x", 1);
  read_all (accepted, &octet, 1);
  close (accepted);
  close (listener);
  close (first);
  close (second);
}

static void
test_failing_connect (void **state) {
  struct sockaddr_un addr = { .sun_family = AF_UNIX };
  int fd = __assuan_socket (NULL, AF_UNIX, SOCK_STREAM, 0);

  (void) state;
  strcpy (addr.sun_path, tmpdir_path ("nobody"));
  assert_fails (__assuan_connect (NULL, fd, (struct sockaddr *) &addr, sizeof addr), ENOENT);
  close (fd);
  assert_fails (__assuan_connect (NULL, fd, (struct sockaddr *) &addr, sizeof addr), EBADF);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    fixture_test (test_default_table),
    fixture_test (test_short_table),
    fixture_test (test_holes_are_filled),
    fixture_test (test_is_own),
    fixture_test (test_close),
    fixture_test (test_is_ready),
    fixture_test (test_wait_with_naps),
    fixture_test (test_wait_for),
    fixture_test (test_pipe),
    fixture_test (test_sockets),
    fixture_test (test_writing_to_nobody),
    fixture_test (test_messages),
    fixture_test (test_waitpid),
    fixture_test (test_usleep),
    fixture_test (test_interrupted_connect),
    fixture_test (test_failing_connect),
  };

  return cmocka_run_group_tests_name ("sys", tests, NULL, NULL);
}
