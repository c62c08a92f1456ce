/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-timeouts-begin.c - eva_set_timeouts: how long connecting and greeting may take, and what
   becomes of a program that was started.  */

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "children.h"
#include "fds.h"
#include "io/address.h"
#include "tmpdir.h"
#include "ways.h"

/* --- Waits for the greeting
   --------------------------------------------------------------------  */

static void
wait_greeting (void) {
  assuan_context_t ctx = new_context (&all_short);
  int fds[2];

  fds_socketpair (fds, 0);
  assert_code (assuan_socket_connect_fd (ctx, fds[0], 0), GPG_ERR_TIMEOUT);
  expect_over (ctx);
  expect_last (fds[1], "");
  close (fds[1]);
  /* The context is as good as new.  */
  fds_socketpair (fds, 0);
  say (fds[1], "OK\nOK\n");
  assert_code (assuan_socket_connect_fd (ctx, fds[0], 0), 0);
  assert_code (ask (ctx), 0);
  assuan_release (ctx);
  expect_last (fds[1], "NOP\nBYE\n");
  close (fds[1]);
}
ROW (greeting)

/* --- Waits for a connection ------------------------------------------------------------------- */

/* Fills the queue of the listener at ADDR.  Returns how many sockets at FDS did it.  */
static size_t
fill_queue (const struct sockaddr *addr, socklen_t len, int *fds, size_t max) {
  for (size_t n = 0; n < max; n++) {
    fds[n] = socket (addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connect (fds[n], addr, len) < 0 && errno == EAGAIN) {
      close (fds[n]);
      return n;
    }
  }
  return max;
}

static void
close_all (const int *fds, size_t n) {
  while (n)
    close (fds[--n]);
}

static int
new_busy_listener (struct sockaddr_un *addr, int *fds, size_t max, size_t *ret_n) {
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  *addr = (struct sockaddr_un) { .sun_family = AF_UNIX };
  snprintf (addr->sun_path, sizeof addr->sun_path, "%s", tmpdir_path ("S"));
  unlink (addr->sun_path);
  assert_int_equal (bind (fd, (struct sockaddr *) addr, sizeof *addr), 0);
  assert_int_equal (listen (fd, 0), 0);
  *ret_n = fill_queue ((struct sockaddr *) addr, sizeof *addr, fds, max);
  assert_true (*ret_n < max);
  return fd;
}

static void
write_redirection (const char *path, const char *target) {
  FILE *fp = fopen (path, "w");

  fprintf (fp, "%%Assuan%%\nsocket=%s\n", target);
  fclose (fp);
}

static void
wait_queue (void) {
  assuan_context_t ctx = new_context (&all_short);
  struct sockaddr_un addr;
  int fds[16], listener, peer;
  size_t n;

  listener = new_busy_listener (&addr, fds, N_ELEMENTS (fds), &n);
  assert_code (assuan_socket_connect (ctx, addr.sun_path, 0, 0), GPG_ERR_TIMEOUT);
  write_redirection (tmpdir_path ("R"), addr.sun_path);
  assert_code (assuan_socket_connect (ctx, tmpdir_path ("R"), 0, 0), GPG_ERR_TIMEOUT);
  close_all (fds, n);
  while (n--)
    close (accept (listener, NULL, NULL));
  /* There is room, but no greeting comes.  */
  assert_code (assuan_socket_connect (ctx, addr.sun_path, 0, 0), GPG_ERR_TIMEOUT);
  peer = accept (listener, NULL, NULL);
  expect_last (peer, "");
  close (peer);
  close (listener);
  assert_code (assuan_socket_connect (ctx, addr.sun_path, 0, 0), GPG_ERR_ASS_CONNECT_FAILED);
  assuan_release (ctx);
}
ROW (queue)

static int
listen_tcp (struct sockaddr_in *addr, int backlog) {
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  socklen_t len = sizeof *addr;

  *addr = (struct sockaddr_in) { .sin_family = AF_INET, .sin_addr = { htonl (INADDR_LOOPBACK) } };
  assert_int_equal (bind (fd, (struct sockaddr *) addr, sizeof *addr), 0);
  assert_int_equal (listen (fd, backlog), 0);
  assert_int_equal (getsockname (fd, (struct sockaddr *) addr, &len), 0);
  return fd;
}

/* A host that does not answer: the kernel drops what comes to a port whose queue is full.  */
static void
wait_tcp (void) {
  assuan_context_t ctx = new_context (&all_short);
  struct sockaddr_in addr;
  int listener = listen_tcp (&addr, 0), fds[8];
  size_t n = fill_queue ((struct sockaddr *) &addr, sizeof addr, fds, N_ELEMENTS (fds));
  char name[64];

  snprintf (name, sizeof name, "assuan://127.0.0.1:%d", ntohs (addr.sin_port));
  assert_code (assuan_socket_connect (ctx, name, 0, 0), GPG_ERR_TIMEOUT);
  close_all (fds, n);
  close (listener);
  assert_code (assuan_socket_connect (ctx, name, 0, 0), GPG_ERR_ASS_CONNECT_FAILED);
  assuan_release (ctx);
}
ROW (tcp)

/* A proxy that accepts, and says nothing.  */
static void
wait_proxy (void) {
  assuan_context_t ctx = new_context (&all_short);
  struct sockaddr_in addr;
  int listener = listen_tcp (&addr, 5), peer;

  eva__io_address_set_proxy (ntohs (addr.sin_port));
  assert_code (assuan_socket_connect (ctx, "assuan://192.0.2.1:7", 0, 0), GPG_ERR_TIMEOUT);
  eva__io_address_set_proxy (0);
  peer = accept (listener, NULL, NULL);
  expect_last (peer, "\5\1");
  close (peer);
  close (listener);
  assuan_release (ctx);
}
ROW (proxy)

/* --- Programs --------------------------------------------------------------------------------- */

/* It does not greet, or not answer, and neither hears signals nor sees the end of its input.  The
   library ends it.  */
static void
wait_program (void) {
  const char *argv[] = { "sh", "-c", "trap '' TERM; exec sleep 1000", NULL };

  for (unsigned int flags = 0; flags <= ASSUAN_PIPE_CONNECT_FDPASSING; flags++) {
    assuan_context_t ctx = new_context (&all_short);
    assert_code (assuan_pipe_connect (ctx, "/bin/sh", argv, NULL, NULL, NULL, flags),
                 GPG_ERR_TIMEOUT);
    children_expect_none ();
    assert_code (ask (ctx), GPG_ERR_EPIPE);
    assuan_release (ctx);
  }
}
ROW (program)

static void
wait_program_reply (void) {
  const char *argv[] = { "sh", "-c", "trap '' TERM; echo OK; exec sleep 1000", NULL };
  assuan_context_t ctx = new_context (&calls_short);

  assert_code (assuan_pipe_connect (ctx, "/bin/sh", argv, NULL, NULL, NULL, 0), 0);
  assert_code (ask (ctx), GPG_ERR_TIMEOUT);
  assuan_release (ctx);
  children_expect_none ();
}
ROW (program_reply)

/* A program that wants to wait itself finds its child as it was.  */
static void
wait_no_waitpid (void) {
  const char *argv[] = { "sh", "-c", "echo OK; read x; read y; exit 7", NULL };
  assuan_context_t ctx = new_context (&calls_short);
  pid_t pid;

  assuan_set_flag (ctx, ASSUAN_NO_WAITPID, 1);
  assert_code (assuan_pipe_connect (ctx, "/bin/sh", argv, NULL, NULL, NULL, 0), 0);
  pid = assuan_get_pid (ctx);
  assert_code (ask (ctx), GPG_ERR_TIMEOUT);
  assuan_release (ctx);
  assert_int_equal (child_exit_code (pid), 7);
}
ROW (no_waitpid)

static pid_t stranger, program;

static int
spawn_for_stranger (assuan_context_t ctx, pid_t *r_pid, const char *name, const char **argv,
                    assuan_fd_t fd_in, assuan_fd_t fd_out, assuan_fd_t *fd_child_list,
                    void (*atfork) (void *opaque, int reserved), void *atforkvalue,
                    unsigned int flags) {
  int rc = __assuan_spawn (ctx, &program, name, argv, fd_in, fd_out, fd_child_list, atfork,
                           atforkvalue, flags);

  *r_pid = stranger;
  return rc;
}

/* Another part of the program waited for the server, and its number is another process by now, to
   which nothing happens.  */
static void
test_stranger (void **state) {
  const char *argv[] = { "sh", "-c", "echo OK; read x; read y", NULL };
  struct assuan_system_hooks hooks = {
    .version = ASSUAN_SYSTEM_HOOKS_VERSION,
    .spawn = spawn_for_stranger,
  };
  assuan_context_t ctx = new_context (&calls_short);
  int fd;

  (void) state;
  stranger = stranger_start (&fd);
  assuan_ctx_set_system_hooks (ctx, &hooks);
  assert_code (assuan_pipe_connect (ctx, "/bin/sh", argv, NULL, NULL, NULL, 0), 0);
  assert_code (ask (ctx), GPG_ERR_TIMEOUT);
  assuan_release (ctx);
  assert_true (stranger_lives (fd));
  child_exit_code (program);
  close (fd);
}

/* --- All -------------------------------------------------------------------------------------- */

int
main (void) {
  const struct CMUnitTest tests[] = {
    way_test (test_greeting),   way_test (test_queue),    way_test (test_tcp),
    way_test (test_proxy),      way_test (test_program),  way_test (test_program_reply),
    way_test (test_no_waitpid), way_test (test_stranger),
  };

  signal (SIGPIPE, SIG_IGN);
  return cmocka_run_group_tests_name ("timeouts-begin", tests, NULL, NULL);
}
