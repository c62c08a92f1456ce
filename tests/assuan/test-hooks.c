/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* System hooks of a client: which ones are called for what, and what becomes of their errors.
 * GPGME keeps its table of descriptors by them, nPth switches threads in them.  */

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "recorder.h"

#define FDPASSING ASSUAN_SOCKET_CONNECT_FDPASSING

static gpg_error_t
ask (assuan_context_t ctx, const char *command) {
  return assuan_transact (ctx, command, NULL, NULL, NULL, NULL, NULL, NULL);
}

/* A client with recording hooks; the peer is at *RET_PEER.  */
static assuan_context_t
open_client (unsigned int flags, int *ret_peer) {
  assuan_context_t ctx = recorder_context ();
  int fds[2];

  fds_socketpair (fds, 0);
  peer_say (fds[1], "OK\n");
  assert_err (assuan_socket_connect_fd (ctx, fds[0], flags), 0);
  *ret_peer = fds[1];
  return ctx;
}

static void
close_client (assuan_context_t ctx, int peer) {
  recorder_reset ();
  assuan_release (ctx);
  close (peer);
}

static void
test_pipes (void **state) {
  assuan_context_t ctx = recorder_context ();
  static const struct start plain;

  (void) state;
  assert_err (try_child (ctx, MODE_PIPES, &plain), 0);
  recorder_expect ("pipe(1) pipe(0) spawn close close read");
  assert_ptr_equal (recorder.ctx, ctx);
  assert_err (ask (ctx, "NOP"), 0);
  recorder_expect ("write read");
  end_child (ctx, MODE_PIPES);
  recorder_expect ("write close close waitpid(0)");
}

static void
test_socketpair (void **state) {
  assuan_context_t ctx = recorder_context ();
  static const struct start plain;

  (void) state;
  assert_err (try_child (ctx, MODE_FDPASSING, &plain), 0);
  recorder_expect ("socketpair spawn close recvmsg");
  assert_err (ask (ctx, "NOP"), 0);
  recorder_expect ("sendmsg recvmsg");
  end_child (ctx, MODE_FDPASSING);
  /* deviation: socketpair child unknown and unreaped | fixed */
  recorder_expect (on_oracle () ? "sendmsg close" : "sendmsg close waitpid(0)");
}

/* A program with a table of processes must still hear that this one is forgotten.  */
static void
test_no_waitpid (void **state) {
  assuan_context_t ctx = recorder_context ();
  static const struct start plain;
  pid_t pid;

  (void) state;
  assuan_set_flag (ctx, ASSUAN_NO_WAITPID, 1);
  assert_err (try_child (ctx, MODE_PIPES, &plain), 0);
  recorder_expect ("pipe(1) pipe(0) spawn close close read");
  pid = assuan_get_pid (ctx);
  assuan_release (ctx);
  recorder_expect ("write close close waitpid(1)");
  assert_int_equal (waitpid (pid, NULL, 0), pid);
}

static void
test_pipes_fail (void **state) {
  struct start start = { .mode = "garbage" };
  assuan_context_t ctx = recorder_context ();

  (void) state;
  assert_err (try_child (ctx, MODE_PIPES, &start), ERR (GPG_ERR_ASS_INV_RESPONSE));
  recorder_expect ("pipe(1) pipe(0) spawn close close read write close close waitpid(0)");
  end_child (ctx, MODE_PIPES);
  recorder_expect ("");
}

static void *
greet (void *arg) {
  const int *listener = arg;
  intptr_t fd = accept4 (*listener, NULL, NULL, SOCK_CLOEXEC);

  if (fd != -1 && write ((int) fd, "OK\n", 3) != 3) close ((int) fd);
  return (void *) fd;
}

static void
check_socket (unsigned int flags, const char *expected) {
  const char *path = tmpdir_path ("S");
  assuan_context_t ctx = recorder_context ();
  int listener;
  pthread_t thread;
  void *peer;

  unlink (path);
  listener = fds_listen_at (path);
  assert_int_equal (pthread_create (&thread, NULL, greet, &listener), 0);
  assert_err (assuan_socket_connect (ctx, path, ASSUAN_INVALID_PID, flags), 0);
  recorder_expect (expected);
  assert_true (recorder.addr_len >= offsetof (struct sockaddr_un, sun_path) + strlen (path));
  assert_true (recorder.addr_len <= sizeof (struct sockaddr_un));
  assuan_release (ctx);
  recorder_expect (flags ? "sendmsg close" : "write close");
  pthread_join (thread, &peer);
  close ((int) (intptr_t) peer);
  close (listener);
}

static void
test_socket (void **state) {
  (void) state;
  check_socket (0, "socket(unix) connect read");
  check_socket (FDPASSING, "socket(unix) connect recvmsg");
}

static void
test_socket_fails (void **state) {
  assuan_context_t ctx = recorder_context ();

  (void) state;
  assert_err (assuan_socket_connect (ctx, tmpdir_path ("none"), ASSUAN_INVALID_PID, 0),
              ERR (GPG_ERR_ASS_CONNECT_FAILED));
  recorder_expect ("socket(unix) connect close");
  assuan_release (ctx);
  recorder_expect ("");
}

/* The plain calls for a plain connection, the message calls for one that passes descriptors: a
 * program may hook either.  */
static void
test_connected (void **state) {
  static const char *const expected[2][3] = { { "read", "write read", "write close" },
                                              { "recvmsg", "sendmsg recvmsg", "sendmsg close" } };

  (void) state;
  for (unsigned int flags = 0; flags <= FDPASSING; flags++) {
    assuan_context_t ctx;
    int peer;

    ctx = open_client (flags, &peer);
    recorder_expect (expected[flags][0]);
    assert_ptr_equal (recorder.ctx, ctx);
    peer_say (peer, "OK\n");
    assert_err (ask (ctx, "A"), 0);
    recorder_expect (expected[flags][1]);
    assuan_release (ctx);
    recorder_expect (expected[flags][2]);
    close (peer);
  }
}

static void
test_pass_fds (void **state) {
  assuan_context_t ctx;
  int peer;

  (void) state;
  ctx = open_client (FDPASSING, &peer);
  recorder_expect ("recvmsg");
  assert_true (recorder.control_size >= CMSG_SPACE (sizeof (int)));
  assert_err (assuan_sendfd (ctx, 0), 0);
  recorder_expect ("sendmsg(fd)");
  peer_send_fd (peer, "# x\nOK\n", 0);
  assert_err (ask (ctx, "A"), 0);
  recorder_expect ("sendmsg recvmsg");
  /* What was not taken is closed, like the connection.  */
  recorder.n_closed = 0;
  assuan_release (ctx);
  recorder_expect ("sendmsg close close");
  assert_int_equal (recorder.n_closed, 2);
  close (peer);
}

/* deviation: two or three writes a line, reads of 1002 octets | one write a line or a batch of
 * data lines; reads of 16 KiB and more, or where descriptors may come, of what is there */
static void
check_batches (unsigned int flags) {
  char data[10000];
  assuan_context_t ctx;
  int peer;

  ctx = open_client (flags, &peer);
  if (on_oracle ())
    assert_int_equal (recorder.read_size, ASSUAN_LINELENGTH);
  else if (flags != FDPASSING)
    assert_true (recorder.read_size >= 16384);
  recorder.n_writes = 0;
  assert_err (assuan_write_line (ctx, "# x"), 0);
  assert_int_equal (recorder.n_writes, on_oracle () ? 2 : 1);
  memset (data, 'x', sizeof data);
  recorder.n_writes = 0;
  assert_err (assuan_send_data (ctx, data, sizeof data), 0);
  assert_err (assuan_send_data (ctx, NULL, 0), 0);
  /* These are eleven data lines and END.  */
  if (on_oracle ())
    assert_true (recorder.n_writes > 11);
  else
    assert_true (recorder.n_writes <= 3);
  close_client (ctx, peer);
}

static void
test_batches (void **state) {
  (void) state;
  check_batches (0);
  check_batches (FDPASSING);
}

/* Interrupted calls are repeated at once; where there is nothing to read yet, the usleep hook
 * lets others run.  */
static void
check_read_again (unsigned int flags, int errnum) {
  assuan_context_t ctx;
  int peer;

  ctx = open_client (flags, &peer);
  recorder_reset ();
  recorder_fail (flags ? "recvmsg" : "read", errnum, 3);
  peer_say (peer, "OK\n");
  assert_err (ask (ctx, "A"), 0);
  assert_int_equal (recorder.n_fail, 0);
  assert_int_equal (recorder.n_sleeps, errnum == EAGAIN ? 3 : 0);
  close_client (ctx, peer);
}

static void
test_read_again (void **state) {
  (void) state;
  check_read_again (0, EINTR);
  check_read_again (FDPASSING, EINTR);
  check_read_again (0, EAGAIN);
  check_read_again (FDPASSING, EAGAIN);
}

static void
check_write_again (unsigned int flags, int errnum) {
  assuan_context_t ctx;
  int peer;

  ctx = open_client (flags, &peer);
  recorder_reset ();
  recorder_fail (flags ? "sendmsg" : "write", errnum, 3);
  assert_err (assuan_write_line (ctx, "ABC"), 0);
  peer_expect (peer, "ABC\n");
  assert_int_equal (recorder.n_fail, 0);
  close_client (ctx, peer);
}

static void
test_write_again (void **state) {
  (void) state;
  check_write_again (0, EINTR);
  check_write_again (FDPASSING, EINTR);
}

/* deviation: a write that would block is fatal in mid-line | blocking contexts wait for room */
static void
test_write_waits (void **state) {
  assuan_context_t ctx;
  int peer;

  (void) state;
  if (on_oracle ()) {
    ctx = open_client (0, &peer);
    recorder_fail ("write", EAGAIN, 1);
    assert_err (assuan_write_line (ctx, "ABC"), ERR (GPG_ERR_EAGAIN));
    close_client (ctx, peer);
    return;
  }
  check_write_again (0, EAGAIN);
  check_write_again (FDPASSING, EAGAIN);
}

/* Any other error is the result, with the context's source.  */
static void
check_fatal (unsigned int flags, const char *hook, int errnum) {
  assuan_context_t ctx;
  int peer;

  ctx = open_client (flags, &peer);
  recorder_fail (hook, errnum, -1);
  assert_err (ask (ctx, "A"), ERR (gpg_err_code_from_errno (errnum)));
  close_client (ctx, peer);
}

static void
test_fatal (void **state) {
  (void) state;
  check_fatal (0, "read", EIO);
  check_fatal (0, "read", ECONNRESET);
  check_fatal (0, "write", EIO);
  check_fatal (0, "write", EPIPE);
  check_fatal (FDPASSING, "recvmsg", EIO);
  check_fatal (FDPASSING, "sendmsg", EPIPE);
}

static void
check_short_calls (unsigned int flags) {
  assuan_context_t ctx;
  int peer;

  ctx = open_client (flags, &peer);
  for (size_t max_len = 1; max_len < 5; max_len++) {
    recorder_reset ();
    recorder.max_len = max_len;
    peer_say (peer, "S abc\r\n# def\nOK\n");
    assert_err (ask (ctx, "COMMAND arg"), 0);
    peer_expect (peer, "COMMAND arg\n");
    assert_true (recorder.n_reads > 16 / (int) max_len - 1);
  }
  close_client (ctx, peer);
}

static void
test_short_calls (void **state) {
  (void) state;
  check_short_calls (0);
  check_short_calls (FDPASSING);
}

/* Whatever step fails, nothing stays open and no child stays behind: the teardown counts.  */
static void
test_no_resources (void **state) {
  static const struct {
    const char *hook;
    unsigned int flags;
  } steps[] = { { "pipe", MODE_PIPES },
                { "spawn", MODE_PIPES },
                { "socketpair", MODE_FDPASSING },
                { "spawn", MODE_FDPASSING } };
  static const struct start plain;

  (void) state;
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
    assuan_context_t ctx = recorder_context ();

    recorder_fail (steps[i].hook, EMFILE, -1);
    assert_int_not_equal (gpg_err_code (try_child (ctx, steps[i].flags, &plain)), 0);
    assert_int_equal (assuan_get_pid (ctx), -1);
    assuan_release (ctx);
  }
}

static void
test_no_socket (void **state) {
  assuan_context_t ctx = recorder_context ();

  (void) state;
  recorder_fail ("socket", EMFILE, -1);
  assert_int_not_equal (
      gpg_err_code (assuan_socket_connect (ctx, tmpdir_path ("S"), ASSUAN_INVALID_PID, 0)), 0);
  recorder_expect ("socket(unix)");
  assuan_release (ctx);
}

/* The first table had no socket and connect; what stands behind it is not to be touched.  */
static void
test_version_1 (void **state) {
  assuan_context_t ctx = new_context ();
  struct assuan_system_hooks hooks = *recorder_hooks ();

  (void) state;
  recorder_reset ();
  hooks.version = 1;
  hooks.socket = NULL;
  hooks.connect = NULL;
  assuan_ctx_set_system_hooks (ctx, &hooks);
  assert_err (assuan_socket_connect (ctx, tmpdir_path ("S"), ASSUAN_INVALID_PID, 0),
              ERR (GPG_ERR_ASS_CONNECT_FAILED));
  recorder_expect ("close");
  assuan_release (ctx);
}

/* The table may be gone when the call returns.  */
static void
test_copied (void **state) {
  assuan_context_t ctx = new_context ();
  struct assuan_system_hooks hooks = *recorder_hooks ();

  (void) state;
  recorder_reset ();
  assuan_ctx_set_system_hooks (ctx, &hooks);
  memset (&hooks, 0, sizeof hooks);
  assert_err (assuan_socket_connect (ctx, tmpdir_path ("S"), ASSUAN_INVALID_PID, 0),
              ERR (GPG_ERR_ASS_CONNECT_FAILED));
  recorder_expect ("socket(unix) connect close");
  assuan_release (ctx);
}

/* For all contexts that are made later.  There is no way back but to the default functions.  */
static void
test_default_hooks (void **state) {
  struct assuan_system_hooks defaults = {
    ASSUAN_SYSTEM_HOOKS_VERSION,
    __assuan_usleep,
    __assuan_pipe,
    __assuan_close,
    __assuan_read,
    __assuan_write,
    __assuan_recvmsg,
    __assuan_sendmsg,
    __assuan_spawn,
    __assuan_waitpid,
    __assuan_socketpair,
    __assuan_socket,
    __assuan_connect,
  };
  assuan_context_t before = new_context (), after;

  (void) state;
  recorder_reset ();
  assuan_set_system_hooks (recorder_hooks ());
  after = new_context ();
  assert_int_not_equal (assuan_socket_connect (before, "/nonexistent", ASSUAN_INVALID_PID, 0), 0);
  recorder_expect ("");
  assert_int_not_equal (assuan_socket_connect (after, "/nonexistent", ASSUAN_INVALID_PID, 0), 0);
  recorder_expect ("socket(unix) connect close");
  assert_ptr_equal (recorder.ctx, after);
  assuan_set_system_hooks (&defaults);
  assuan_release (after);
  after = new_context ();
  assert_int_not_equal (assuan_socket_connect (after, "/nonexistent", ASSUAN_INVALID_PID, 0), 0);
  recorder_expect ("");
  assuan_release (before);
  assuan_release (after);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    suite_test (test_pipes),         suite_test (test_socketpair),  suite_test (test_no_waitpid),
    suite_test (test_pipes_fail),    suite_test (test_socket),      suite_test (test_socket_fails),
    suite_test (test_connected),     suite_test (test_pass_fds),    suite_test (test_batches),
    suite_test (test_read_again),    suite_test (test_write_again), suite_test (test_write_waits),
    suite_test (test_fatal),         suite_test (test_short_calls), suite_test (test_no_resources),
    suite_test (test_no_socket),     suite_test (test_version_1),   suite_test (test_copied),
    suite_test (test_default_hooks),
  };

  return suite_run (tests);
}
