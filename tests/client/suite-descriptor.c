/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-descriptor.c - descriptors that are passed along with a call: they come with its command,
   or not at all, and none is left behind.  */

#include "kit.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A call that takes FD along.  */
static struct rec *
call_with (assuan_context_t ctx, const char *name, int fd, unsigned int flags) {
  const struct rec like = { .name = name, .cb.has_fd = true, .cb.fd = fd, .cb.flags = flags };

  return kit_call_like (ctx, &like, name);
}

static assuan_context_t
open_passing (struct peer *p) {
  assuan_context_t ctx;

  kit_config.flags = EVA_CONNECT_FDPASSING;
  ctx = kit_open (p);
  p->most = 1; /* what is read at a time belongs together */
  return ctx;
}

/* Returns true if IN is the reading end of the pipe that FD writes to.  */
static bool
is_pipe_of (int in, int fd) {
  char c = 0;

  assert_int_equal (write (fd, "x", 1), 1);
  return read (in, &c, 1) == 1 && c == 'x';
}

static void
test_one (void **state) {
  assuan_context_t ctx;
  struct peer p;
  int fd[2];

  (void) state;
  ctx = open_passing (&p);
  fds_pipe (fd, O_NONBLOCK);
  call_with (ctx, "a", fd[0], 0);
  close (fd[0]); /* it was duplicated */
  peer_hears (&p, "a\n");
  assert_int_equal (p.n_fds, 1);
  assert_int_equal (p.fd_at[0], 0);
  assert_true (is_pipe_of (p.fds[0], fd[1]));
  kit_exchange (&p, NULL, "OK\n", "a.done 0\n");
  close (fd[1]);
  kit_close (ctx, &p);
}

/* Each comes with the first octet of its own command.  */
static void
test_ahead (void **state) {
  int first[2], second[2];
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = open_passing (&p);
  fds_pipe (first, O_NONBLOCK);
  fds_pipe (second, O_NONBLOCK);
  kit_call_like (ctx, &(struct rec) { .name = "a" }, "ONE");
  kit_call_like (ctx, &(struct rec) { .name = "b", .cb.flags = EVA_CALL_AHEAD }, "TWO");
  call_with (ctx, "c", first[0], EVA_CALL_AHEAD);
  kit_call_like (ctx, &(struct rec) { .name = "d", .cb.flags = EVA_CALL_AHEAD }, "THREE");
  call_with (ctx, "e", second[0], EVA_CALL_AHEAD);
  peer_hears (&p, "ONE\nTWO\nc\nTHREE\ne\n");
  assert_int_equal (p.n_fds, 2);
  assert_int_equal (p.fd_at[0], 8);
  assert_int_equal (p.fd_at[1], 16);
  assert_true (is_pipe_of (p.fds[0], first[1]));
  assert_true (is_pipe_of (p.fds[1], second[1]));
  kit_exchange (&p, NULL, "OK\nOK\nOK\nOK\nOK\n",
                "a.done 0\nb.done 0\nc.done 0\nd.done 0\ne.done 0\n");
  fds_close_pair (first);
  fds_close_pair (second);
  kit_close (ctx, &p);
}

/* Many that wait for the greeting.  */
static void
test_many (void **state) {
  enum { N = 250 };
  unsigned int tries = 0;
  assuan_context_t ctx;
  struct peer p;
  int fd[2];

  (void) state;
  kit_config.flags = EVA_CONNECT_FDPASSING;
  ctx = kit_dial_peer (&p);
  p.most = 1;
  fds_pipe (fd, O_NONBLOCK);
  for (int i = 0; i < N; i++)
    call_with (ctx, "a", fd[0], EVA_CALL_AHEAD);
  peer_say (&p, "OK\n");
  for (; p.in.len < 2 * N; peer_take (&p))
    kit_turn (&tries);
  assert_int_equal (p.n_fds, N);
  for (size_t i = 0; i < N; i++) {
    assert_int_equal (p.fd_at[i], 2 * i);
    peer_say (&p, "OK\n");
  }
  kit_await_end ("a.done 0\n");
  kit_settle ();
  kit_call (ctx, "z", "NEXT");
  text_free (&p.in);
  peer_answers (&p, "NEXT\n", "OK\n");
  kit_await_end ("z.done 0\n");
  fds_close_pair (fd);
  kit_close (ctx, &p);
}

/* --- None is left behind ---------------------------------------------------------------------- */

/* When it has left the library has no copy: who waits for the end of a pipe gets it as soon as the
   server closes its own, be the command answered or not.  */
static void
test_no_copy (void **state) {
  unsigned int tries = 0;
  assuan_context_t ctx;
  struct peer p;
  int fd[2];
  char c;

  (void) state;
  ctx = open_passing (&p);
  fds_pipe (fd, O_NONBLOCK);
  call_with (ctx, "a", fd[1], 0);
  close (fd[1]);
  peer_hears (&p, "a\n");
  assert_int_equal (p.n_fds, 1);
  close (p.fds[--p.n_fds]);
  while (read (fd[0], &c, 1) != 0)
    kit_turn (&tries);
  kit_exchange (&p, NULL, "OK\n", "a.done 0\n");
  close (fd[0]);
  kit_close (ctx, &p);
}

/* Returns true if no process has the writing end of the pipe any more.  */
static bool
is_at_end (int fd) {
  char c;

  return read (fd, &c, 1) == 0;
}

static void
test_cancelled (void **state) {
  assuan_context_t ctx;
  struct rec *rec;
  struct peer p;
  int fd[2];

  (void) state;
  ctx = open_passing (&p);
  fds_pipe (fd, O_NONBLOCK);
  kit_call (ctx, "a", "FIRST");
  rec = call_with (ctx, "b", fd[1], 0);
  close (fd[1]);
  peer_hears (&p, "FIRST\n");
  assert_false (is_at_end (fd[0]));
  eva_call_cancel (rec->call);
  assert_true (is_at_end (fd[0]));
  kit_expect ("b.done CANCELED\n");
  peer_say (&p, "OK\n");
  kit_call (ctx, "c", "SECOND");
  peer_hears (&p, "SECOND\n");
  assert_int_equal (p.n_fds, 0);
  kit_exchange (&p, NULL, "OK\n", "a.done 0\nc.done 0\n");
  close (fd[0]);
  kit_close (ctx, &p);
}

/* Given up before it left, but after it was queued: it goes along with its command.  */
static gpg_error_t
cancel_other (struct rec *rec, const char *what) {
  struct rec *other = rec->arg;

  if (!strcmp (what, "done")) eva_call_cancel (other->call);
  return 0;
}

static void
test_cancelled_late (void **state) {
  static const struct rec like = { .name = "a", .hook = cancel_other };
  assuan_context_t ctx;
  struct rec *rec;
  struct peer p;
  int fd[2];

  (void) state;
  ctx = open_passing (&p);
  fds_pipe (fd, O_NONBLOCK);
  rec = kit_call_like (ctx, &like, "FIRST");
  rec->arg = call_with (ctx, "b", fd[1], EVA_CALL_AHEAD);
  close (fd[1]);
  peer_hears (&p, "FIRST\nb\n");
  assert_int_equal (p.n_fds, 1);
  kit_exchange (&p, NULL, "OK\nOK\n", "a.done 0\nb.done CANCELED\n");
  close (p.fds[--p.n_fds]);
  assert_true (is_at_end (fd[0]));
  close (fd[0]);
  kit_close (ctx, &p);
}

/* The context goes away, in every stage.  */
static void
test_released (void **state) {
  assuan_context_t ctx;
  struct peer p;
  int fd[2];

  (void) state;
  for (int stage = 0; stage < 4; stage++) {
    kit_config.flags = EVA_CONNECT_FDPASSING;
    ctx = stage ? kit_open (&p) : kit_dial_peer (&p);
    fds_pipe (fd, O_NONBLOCK);
    call_with (ctx, "a", fd[1], EVA_CALL_AHEAD);
    call_with (ctx, "a", fd[1], EVA_CALL_AHEAD);
    close (fd[1]);
    if (stage == 2) kit_settle ();
    if (stage == 3) eva_close (ctx);
    if (stage == 3) kit_await ("a.done CANCELED\na.done CANCELED\nclosed CANCELED\n");
    assuan_release (ctx);
    if (stage < 3) kit_expect ("a.done CANCELED\na.done CANCELED\n");
    peer_close (&p);
    assert_true (is_at_end (fd[0]));
    close (fd[0]);
  }
}

/* The server leaves with descriptors in its queue.  */
static void
test_server_leaves (void **state) {
  assuan_context_t ctx;
  struct peer p;
  int fd[2];

  (void) state;
  ctx = open_passing (&p);
  fds_pipe (fd, O_NONBLOCK);
  kit_call (ctx, "a", "FIRST");
  call_with (ctx, "b", fd[1], EVA_CALL_AHEAD);
  call_with (ctx, "c", fd[1], 0);
  close (fd[1]);
  peer_close (&p);
  kit_await_end ("closed EPIPE\n");
  assert_true (is_at_end (fd[0]));
  close (fd[0]);
  kit_close (ctx, &p);
}

/* --- What cannot be passed -------------------------------------------------------------------- */

static void
refuse (assuan_context_t ctx, int fd, const char *error) {
  struct rec rec = { .name = "x", .cb.has_fd = true, .cb.fd = fd };

  assert_error (kit_try_call (ctx, &rec, "X"), error);
  assert_null (rec.call);
}

static void
test_not_asked_for (void **state) {
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = kit_dial_peer (&p);
  refuse (ctx, 0, "NOT_SUPPORTED");
  kit_exchange (&p, NULL, "OK\n", "ready\n");
  refuse (ctx, 0, "NOT_SUPPORTED");
  peer_hears_nothing (&p);
  kit_close (ctx, &p);
}

static void
test_wrong_descriptors (void **state) {
  assuan_context_t ctx;
  struct peer p;

  (void) state;
  ctx = open_passing (&p);
  refuse (ctx, -1, "EBADF");
  refuse (ctx, 10000, "EBADF");
  peer_hears_nothing (&p);
  kit_close (ctx, &p);
}

/* There no descriptor can be passed, whatever was asked for.  */
static void
test_tcp (void **state) {
  assuan_context_t ctx;
  unsigned int port;
  int listener = peer_listen ("tcp:127.0.0.1", 5, &port);
  struct peer p;

  (void) state;
  kit_config.flags = EVA_CONNECT_FDPASSING;
  ctx = kit_dial (kit_format ("tcp:127.0.0.1:%u", port));
  refuse (ctx, 0, "NOT_SUPPORTED");
  peer_accept (&p, listener);
  kit_exchange (&p, NULL, "OK\n", "ready\n");
  refuse (ctx, 0, "NOT_SUPPORTED");
  kit_call (ctx, "a", "A");
  kit_exchange (&p, "A\n", "OK\n", "a.done 0\n");
  kit_close (ctx, &p);
  close (listener);
}

static void
test_tcp_fd (void **state) {
  assuan_context_t ctx;
  unsigned int port;
  int listener = peer_listen ("tcp:127.0.0.1", 5, &port), fd;
  struct sockaddr_storage addr;
  socklen_t len = sizeof addr;
  struct peer p;

  (void) state;
  assert_int_equal (getsockname (listener, (struct sockaddr *) &addr, &len), 0);
  fd = socket (addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal (connect (fd, (struct sockaddr *) &addr, len), 0);
  peer_accept (&p, listener);
  kit_config.flags = EVA_CONNECT_FDPASSING;
  ctx = kit_dial (kit_format ("fd:%d", fd));
  refuse (ctx, 0, "NOT_SUPPORTED");
  kit_close (ctx, &p);
  close (listener);
}

static const struct CMUnitTest tests[] = {
  kit_test (test_one),           kit_test (test_ahead),
  kit_test (test_many),          kit_test (test_no_copy),
  kit_test (test_cancelled),     kit_test (test_cancelled_late),
  kit_test (test_released),      kit_test (test_server_leaves),
  kit_test (test_not_asked_for), kit_test (test_wrong_descriptors),
  kit_test (test_tcp),           kit_test (test_tcp_fd),
};

const struct suite descriptor_suite = { "descriptor", tests, N_ELEMENTS (tests) };
