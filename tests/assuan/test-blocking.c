/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a blocking server reads and writes: descriptors that are set non-blocking, the number and
 * size of the system calls.  */

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "suite.h"

#define BULK 1000000

static gpg_error_t
cmd_bulk (assuan_context_t ctx, char *line) {
  static char octets[BULK];
  gpg_error_t *err = assuan_get_pointer (ctx);

  (void) line;
  memset (octets, 'x', sizeof octets);
  *err = assuan_send_data (ctx, octets, sizeof octets);
  if (!*err) *err = assuan_send_data (ctx, NULL, 0);
  return *err;
}

static void
prepare_nonblocking (assuan_context_t ctx, void *arg) {
  assuan_fd_t fds[2];

  (void) arg;
  assuan_register_command (ctx, "BULK", cmd_bulk, NULL);
  /* Before the accept, after which a server's descriptors can be asked for.  */
  if (assuan_accept (ctx)) return;
  if (assuan_get_active_fds (ctx, 0, fds, 2) == 1) fcntl (fds[0], F_SETFL, O_NONBLOCK);
  if (assuan_get_active_fds (ctx, 1, fds, 2) == 1) fcntl (fds[0], F_SETFL, O_NONBLOCK);
}

/* The server's loop, after an accept that has been done already.  */
static void *
process_once (void *arg) {
  struct server *s = arg;

  s->process_rc = assuan_process (s->ctx);
  return NULL;
}

static void
start_nonblocking (struct server *s, enum server_kind kind, gpg_error_t *err) {
  server_make (s, kind);
  assuan_set_pointer (s->ctx, err);
  prepare_nonblocking (s->ctx, NULL);
  server_expect_greeting (s);
  assert_int_equal (pthread_create (&s->thread, NULL, process_once, s), 0);
  s->joined = false;
}

/* Someone else may have set the flag: the two ends of a terminal or of an inherited pipe share it.
 * A blocking server waits then.  */
static void
waits_for_input (void **state) {
  gpg_error_t err = 0;
  struct server s;

  (void) state;
  for (int kind = SERVER_SOCKET; kind <= SERVER_PIPE; kind++) {
    start_nonblocking (&s, (enum server_kind) kind, &err);
    server_ask (&s, "NOP\n", "OK\n");
    peer_say (s.out, "NO");
    peer_say (s.out, "P");
    server_ask (&s, "\n", "OK\n");
    server_stop (&s);
    assert_err (s.process_rc, 0);
  }
}

/* All data lines: 996 octets fill one.  */
static void
expect_bulk (struct server *s) {
  char *expected = malloc (BULK + BULK / 300);
  size_t len = 0;

  for (size_t left = BULK; left;) {
    size_t n = left < 996 ? left : 996;

    memcpy (expected + len, "D ", 2);
    memset (expected + len + 2, 'x', n);
    expected[len + 2 + n] = '\n';
    len += n + 3;
    left -= n;
  }
  peer_expect_octets (s->in, expected, len);
  free (expected);
  peer_expect (s->in, "OK\n");
}

static void
waits_for_room (void **state) {
  gpg_error_t err = 0;
  struct server s;

  (void) state;
  /* deviation: a write that would block is fatal in mid-line */
  if (on_oracle ()) skip ();
  for (int kind = SERVER_SOCKET; kind <= SERVER_PIPE; kind++) {
    start_nonblocking (&s, (enum server_kind) kind, &err);
    peer_say (s.out, "BULK\n");
    expect_bulk (&s);
    server_ask (&s, "NOP\n", "OK\n");
    server_stop (&s);
    assert_err (err, 0);
    assert_err (s.process_rc, 0);
  }
}

/* The same with blocking descriptors, where the kernel waits.  */
static void
bulk_through_blocking_descriptors (void **state) {
  gpg_error_t err = 0;
  struct server s;

  (void) state;
  for (int kind = SERVER_SOCKET; kind <= SERVER_PIPE; kind++) {
    server_make (&s, (enum server_kind) kind);
    assuan_set_pointer (s.ctx, &err);
    assuan_register_command (s.ctx, "BULK", cmd_bulk, NULL);
    assert_err (assuan_accept (s.ctx), 0);
    server_expect_greeting (&s);
    assert_int_equal (pthread_create (&s.thread, NULL, process_once, &s), 0);
    s.joined = false;
    peer_say (s.out, "BULK\n");
    expect_bulk (&s);
    server_stop (&s);
    assert_err (err, 0);
  }
}

/* Counting hooks, on top of the library's own functions.  */
static atomic_int n_writes, n_reads, n_other;
static atomic_size_t read_size;

static ssize_t
count_read (assuan_context_t ctx, assuan_fd_t fd, void *buffer, size_t size) {
  n_reads++;
  read_size = size;
  return __assuan_read (ctx, fd, buffer, size);
}

static ssize_t
count_write (assuan_context_t ctx, assuan_fd_t fd, const void *buffer, size_t size) {
  n_writes++;
  return __assuan_write (ctx, fd, buffer, size);
}

static int
count_recvmsg (assuan_context_t ctx, assuan_fd_t fd, assuan_msghdr_t msg, int flags) {
  n_other++;
  return __assuan_recvmsg (ctx, fd, msg, flags);
}

static int
count_sendmsg (assuan_context_t ctx, assuan_fd_t fd, const assuan_msghdr_t msg, int flags) {
  n_other++;
  return __assuan_sendmsg (ctx, fd, msg, flags);
}

static struct assuan_system_hooks hooks = { ASSUAN_SYSTEM_HOOKS_VERSION,
                                            __assuan_usleep,
                                            __assuan_pipe,
                                            __assuan_close,
                                            count_read,
                                            count_write,
                                            count_recvmsg,
                                            count_sendmsg,
                                            __assuan_spawn,
                                            __assuan_waitpid,
                                            __assuan_socketpair,
                                            __assuan_socket,
                                            __assuan_connect };

static gpg_error_t
cmd_status (assuan_context_t ctx, char *line) {
  int *n = assuan_get_pointer (ctx);

  (void) line;
  n_writes = 0;
  assuan_write_status (ctx, "PROGRESS", "1 of 2");
  *n = n_writes;
  return 0;
}

static void
one_write_a_line (void **state) {
  struct server s;
  int n = 0;

  (void) state;
  server_make (&s, SERVER_PIPE);
  assuan_ctx_set_system_hooks (s.ctx, &hooks);
  assuan_set_pointer (s.ctx, &n);
  assuan_register_command (s.ctx, "STATUS", cmd_status, NULL);
  n_reads = n_writes = n_other = 0;
  assert_err (assuan_accept (s.ctx), 0);
  server_expect_greeting (&s);
  /* deviation: two or three writes a line, reads of 1002 octets */
  assert_in_range (n_writes, on_oracle () ? 2 : 1, on_oracle () ? 3 : 1);
  peer_say (s.out, "STATUS\nBYE\n");
  assert_err (assuan_process (s.ctx), 0);
  peer_expect (s.in, "S PROGRESS 1 of 2\nOK\nOK closing connection\n");
  assert_in_range (n, on_oracle () ? 2 : 1, on_oracle () ? 3 : 1);
  if (on_oracle ())
    assert_in_range (read_size, 1, 1002);
  else
    assert_true (read_size >= 16384);
  assert_int_equal (n_other, 0);
  server_free (&s);
}

static gpg_error_t
cmd_batch (assuan_context_t ctx, char *line) {
  static char octets[20000];

  (void) line;
  n_writes = 0;
  memset (octets, 'x', sizeof octets);
  assuan_send_data (ctx, octets, sizeof octets);
  assuan_send_data (ctx, NULL, 0);
  return 0;
}

/* Twenty-one data lines.  */
static void
one_write_a_batch (void **state) {
  struct server s;

  (void) state;
  server_make (&s, SERVER_PIPE);
  assuan_ctx_set_system_hooks (s.ctx, &hooks);
  assuan_register_command (s.ctx, "BATCH", cmd_batch, NULL);
  assert_err (assuan_accept (s.ctx), 0);
  server_expect_greeting (&s);
  peer_say (s.out, "BATCH\n");
  server_shut (&s);
  assert_err (assuan_process (s.ctx), 0);
  if (on_oracle ())
    assert_true (n_writes > 20);
  else
    assert_in_range (n_writes, 1, 10);
  server_free (&s);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    suite_test (waits_for_input),
    suite_test (waits_for_room),
    suite_test (bulk_through_blocking_descriptors),
    suite_test (one_write_a_line),
    suite_test (one_write_a_batch),
  };

  return suite_run (tests);
}
