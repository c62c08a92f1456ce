/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-events.c - what descriptors are ready for, as long as they are.  */

#include "suite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void
test_readable (void **state) {
  struct probe p;
  int fd[2];

  (void) state;
  make_pipe (fd);
  probe_init (&p, fd[0], EVA_READABLE, probe_read);
  suite_settle ();
  assert_int_equal (p.n, 0);
  put_octet (fd[1]);
  suite_until (&p.n, 1);
  assert_int_equal (p.revents, EVA_READABLE);
  suite_settle ();
  assert_int_equal (p.n, 1);
  probe_free (&p);
  close_pair (fd);
}

/* Descriptor 0 is one like any other: a daemon without standard input has a socket there.  */
static void
test_descriptor_zero (void **state) {
  int fd[2], before = dup (STDIN_FILENO);
  struct probe p;

  (void) state;
  make_pipe (fd);
  assert_int_equal (dup2 (fd[0], STDIN_FILENO), STDIN_FILENO);
  probe_init (&p, STDIN_FILENO, EVA_READABLE, probe_read);
  put_octet (fd[1]);
  suite_until (&p.n, 1);
  probe_free (&p);
  suite_settle (); /* a foreign loop may look at it for a while */
  close (STDIN_FILENO);
  if (before >= 0) {
    assert_int_equal (dup2 (before, STDIN_FILENO), STDIN_FILENO);
    close (before);
  }
  close_pair (fd);
}

static void
test_writable (void **state) {
  struct probe p;
  int fd[2];

  (void) state;
  make_socketpair (fd);
  fill (fd[0]);
  probe_init (&p, fd[0], EVA_WRITABLE, NULL);
  suite_settle ();
  assert_int_equal (p.n, 0);
  drain (fd[1]);
  suite_until (&p.n, 1);
  assert_int_equal (p.revents, EVA_WRITABLE);
  probe_free (&p);
  close_pair (fd);
}

/* What is not taken is reported again and again.  */
static void
test_level (void **state) {
  struct probe p;
  int fd[2];

  (void) state;
  make_socketpair (fd);
  put_octet (fd[1]);
  probe_init (&p, fd[0], EVA_READABLE, NULL);
  suite_until (&p.n, 5);
  take_octet (fd[0]);
  p.n = 0;
  suite_settle ();
  assert_int_equal (p.n, 0);
  assert_int_equal (p.revents, EVA_READABLE);
  probe_free (&p);
  close_pair (fd);
}

static void
test_both (void **state) {
  struct probe p;
  int fd[2];

  (void) state;
  make_socketpair (fd);
  put_octet (fd[1]);
  probe_init (&p, fd[0], EVA_READABLE | EVA_WRITABLE, NULL);
  suite_until (&p.n, 2);
  assert_int_equal (p.revents, EVA_READABLE | EVA_WRITABLE);
  take_octet (fd[0]);
  p.revents = 0;
  suite_until (&p.n, 4);
  assert_int_equal (p.revents, EVA_WRITABLE);
  probe_free (&p);
  close_pair (fd);
}

/* --- Ends and errors -------------------------------------------------------------------------- */

/* A pipe's end is a hang-up or something to read, as the kernel and the loop like it.  */
static void
test_end_of_pipe (void **state) {
  struct probe p;
  int fd[2];
  char c;

  (void) state;
  make_pipe (fd);
  probe_init (&p, fd[0], EVA_READABLE, NULL);
  put_octet (fd[1]);
  close (fd[1]);
  suite_until (&p.n, 1);
  assert_true (p.last & EVA_READABLE);
  take_octet (fd[0]);
  p.revents = 0;
  suite_until (&p.n, 4);
  assert_true (p.revents & (EVA_READABLE | EVA_HANGUP));
  assert_int_equal (read (fd[0], &c, 1), 0);
  probe_free (&p);
  close (fd[0]);
}

/* A peer that has only finished sending is still there: it waits for the answer.  */
static void
test_half_close (void **state) {
  struct probe p, idle;
  int fd[2], other[2];
  char c;

  (void) state;
  make_socketpair (fd);
  make_socketpair (other);
  probe_init (&p, fd[0], EVA_READABLE | EVA_WRITABLE, NULL);
  probe_init (&idle, other[0], 0, NULL);
  shutdown (fd[1], SHUT_WR);
  shutdown (other[1], SHUT_WR);
  suite_until (&p.n, 5);
  suite_settle ();
  assert_int_equal (p.revents, EVA_READABLE | EVA_WRITABLE);
  assert_int_equal (idle.n, 0);
  assert_int_equal (read (fd[0], &c, 1), 0);
  put_octet (fd[0]);
  probe_free (&p);
  probe_free (&idle);
  close_pair (fd);
  close_pair (other);
}

/* What the peer had sent can still be read.  */
static void
test_close (void **state) {
  struct probe p;
  int fd[2];
  char c;

  (void) state;
  make_socketpair (fd);
  put_octet (fd[1]);
  close (fd[1]);
  probe_init (&p, fd[0], EVA_READABLE, NULL);
  suite_until (&p.n, 3);
  assert_true (p.revents & EVA_READABLE);
  if (suite_tells_hangup ()) assert_true (p.revents & EVA_HANGUP);
  take_octet (fd[0]);
  suite_until (&p.n, 6);
  assert_int_equal (read (fd[0], &c, 1), 0);
  probe_free (&p);
  close (fd[0]);
}

static void
test_hangup_alone (void **state) {
  struct probe p;
  int fd[2];

  (void) state;
  if (!suite_tells_hangup ()) return;
  make_socketpair (fd);
  probe_init (&p, fd[0], 0, NULL);
  put_octet (fd[1]);
  suite_settle ();
  assert_int_equal (p.n, 0);
  close (fd[1]);
  suite_until (&p.n, 3);
  assert_int_equal (p.revents, EVA_HANGUP);
  probe_free (&p);
  close (fd[0]);
}

/* The same where something was watched for before.  */
static void
test_hangup_later (void **state) {
  struct probe p;
  int fd[2];

  (void) state;
  if (!suite_tells_hangup ()) return;
  make_socketpair (fd);
  put_octet (fd[1]);
  probe_init (&p, fd[0], EVA_READABLE, NULL);
  suite_until (&p.n, 1);
  assert_int_equal (eva_source_set_events (p.source, 0), 0);
  p.n = p.revents = 0;
  close (fd[1]);
  suite_until (&p.n, 2);
  assert_int_equal (p.revents, EVA_HANGUP);
  probe_free (&p);
  close (fd[0]);
}

#define N_GONE 30

/* Many left, and nothing takes them out: none is passed over, and no one that is still there.  */
static void
test_many_hangups (void **state) {
  struct probe gone[N_GONE], there;
  int fds[N_GONE], fd[2];

  (void) state;
  if (!suite_tells_hangup ()) return;
  for (size_t i = 0; i < N_GONE; i++) {
    make_socketpair (fd);
    fds[i] = fd[0];
    probe_init (&gone[i], fd[0], EVA_READABLE, NULL);
    close (fd[1]);
  }
  make_socketpair (fd);
  put_octet (fd[1]);
  probe_init (&there, fd[0], EVA_READABLE, NULL);
  suite_until (&there.n, 2);
  for (size_t i = 0; i < N_GONE; i++) {
    suite_until (&gone[i].n, 2);
    probe_free (&gone[i]);
    close (fds[i]);
  }
  probe_free (&there);
  close_pair (fd);
}

/* The peer does not read any more: that is not lost, although some loops stop watching what is in
   error.  */
static void
test_broken_pipe (void **state) {
  struct probe p;
  int fd[2];

  (void) state;
  make_pipe (fd);
  fill (fd[1]);
  probe_init (&p, fd[1], EVA_WRITABLE, NULL);
  suite_settle ();
  assert_int_equal (p.n, 0);
  close (fd[0]);
  suite_until (&p.n, 5);
  assert_true (p.revents & (EVA_WRITABLE | EVA_HANGUP));
  assert_int_equal (write (fd[1], "x", 1), -1);
  assert_int_equal (errno, EPIPE);
  probe_free (&p);
  close (fd[1]);
}

/* The peer leaves with something unread: the error comes once, then the end.  */
static void
test_reset (void **state) {
  struct probe p;
  int fd[2];
  char c;

  (void) state;
  make_socketpair (fd);
  put_octet (fd[0]);
  probe_init (&p, fd[0], EVA_READABLE, NULL);
  close (fd[1]);
  suite_until (&p.n, 3);
  assert_int_equal (read (fd[0], &c, 1), -1);
  assert_int_equal (errno, ECONNRESET);
  suite_until (&p.n, 6);
  assert_int_equal (read (fd[0], &c, 1), 0);
  probe_free (&p);
  close (fd[0]);
}

/* --- Descriptors of other kinds --------------------------------------------------------------- */

static void
ignore (void *arg, unsigned int revents) {
  (void) arg;
  (void) revents;
}

/* A file is always ready: a loop refuses to watch it, or says so.  */
static void
test_file (void **state) {
  char name[] = "/tmp/eva-XXXXXX";
  int fd = mkostemp (name, O_CLOEXEC);
  eva_source *source;

  (void) state;
  assert_true (fd >= 0);
  unlink (name);
  errno = 0;
  source = eva_loop_add_fd (suite_loop.loop, fd, EVA_READABLE, ignore, NULL);
  if (!source) assert_int_equal (errno, EPERM);
  if (suite_is_embedded ()) assert_null (source);
  eva_source_free (source);
  close (fd);
}

static void
test_no_descriptor (void **state) {
  int fd[2];

  (void) state;
  errno = 0;
  assert_null (eva_loop_add_fd (suite_loop.loop, -1, EVA_READABLE, ignore, NULL));
  assert_int_equal (errno, EBADF);
  if (!suite_is_embedded ()) return;
  make_pipe (fd);
  close_pair (fd);
  assert_null (eva_loop_add_fd (suite_loop.loop, fd[0], EVA_READABLE, ignore, NULL));
  assert_int_equal (errno, EBADF);
}

/* Closing a descriptor that is watched is a mistake.  Loops that cannot help noticing say so,
   instead of running in circles.  */
static void
test_closed (void **state) {
  struct probe p;
  int fd[2];

  (void) state;
  if (strcmp (test_loop_name, "poll")) return; /* epoll forgets it */
  make_pipe (fd);
  probe_init (&p, fd[0], EVA_READABLE, NULL);
  close_pair (fd);
  suite_until (&p.n, 1);
  assert_int_equal (p.revents, EVA_HANGUP);
  probe_free (&p);
}

static const struct CMUnitTest tests[] = {
  suite_test (test_readable),     suite_test (test_writable),
  suite_test (test_level),        suite_test (test_both),
  suite_test (test_end_of_pipe),  suite_test (test_half_close),
  suite_test (test_close),        suite_test (test_hangup_alone),
  suite_test (test_hangup_later), suite_test (test_many_hangups),
  suite_test (test_broken_pipe),  suite_test (test_reset),
  suite_test (test_file),         suite_test (test_no_descriptor),
  suite_test (test_closed),       suite_test (test_descriptor_zero),
};

const struct suite event_suite = { "event", tests, N_ELEMENTS (tests) };
