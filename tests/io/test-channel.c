/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-channel.c - octets through pipes and sockets with the default functions: waiting and not
   waiting on every kind of descriptor, ends of file, peers that leave.  */

#include "fixture.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "io/channel.h"

static struct eva__io_sys sys;

/* A channel and the test's end of it.  */
struct link {
  struct eva__io_channel ch;
  int in, out; /* the test reads and writes here */
};

static void
link_by_pipes (struct link *link) {
  int to[2], from[2];

  fds_pipe (to, 0);
  fds_pipe (from, 0);
  eva__io_sys_init (&sys, NULL, NULL);
  eva__io_channel_init (&link->ch, &sys, to[0], from[1], false);
  link->in = from[0];
  link->out = to[1];
}

static void
link_by_socket (struct link *link) {
  int fd[2];

  fds_socketpair (fd, 0);
  eva__io_sys_init (&sys, NULL, NULL);
  eva__io_channel_init (&link->ch, &sys, fd[0], fd[0], false);
  link->in = link->out = fd[1];
}

static void
link_by_known_socket (struct link *link) {
  int fd[2];

  fds_socketpair (fd, 0);
  eva__io_sys_init (&sys, NULL, NULL);
  memset (&link->ch, 0x55, sizeof link->ch);
  eva__io_channel_init_socket (&link->ch, &sys, fd[0], false);
  link->in = link->out = fd[1];
}

static void
unlink_all (struct link *link) {
  eva__io_channel_close (&link->ch);
  assert_int_equal (link->ch.in_fd, ASSUAN_INVALID_FD);
  assert_int_equal (link->ch.out_fd, ASSUAN_INVALID_FD);
  close (link->in);
  if (link->out != link->in) close (link->out);
}

typedef void (*linker_t) (struct link *);
static const linker_t linkers[] = { link_by_pipes, link_by_socket, link_by_known_socket };
#define N_LINKERS 3

/* Goes on to the next link, twice to each: I is -1 before the first one, and odd at the second
   time.  Returns false behind the last one.  */
static bool
next_link (struct link *link, int *i) {
  if (*i >= 0) unlink_all (link);
  if (++*i == 2 * N_LINKERS) return false;
  linkers[*i / 2](link);
  return true;
}

static ssize_t
say (struct link *link, const char *text, bool wait) {
  struct iovec iov = { .iov_base = (char *) (uintptr_t) text, .iov_len = strlen (text) };

  return eva__io_channel_write (&link->ch, &iov, 1, NULL, 0, wait);
}

/* The same by the call for a single piece.  */
static ssize_t
say_piece (struct link *link, const char *text, bool wait) {
  return eva__io_channel_write_piece (&link->ch, text, strlen (text), wait);
}

/* --- What a channel is ------------------------------------------------------------------------ */

static void
test_kinds (void **state) {
  struct eva__io_channel ch;
  int fd[2], tcp;

  (void) state;
  eva__io_sys_init (&sys, NULL, NULL);
  fds_pipe (fd, 0);
  eva__io_channel_init (&ch, &sys, fd[0], fd[1], true);
  assert_false (ch.is_socket);
  assert_false (ch.passes_fds);
  eva__io_channel_close (&ch);
  fds_socketpair (fd, 0);
  eva__io_channel_init (&ch, &sys, fd[0], fd[0], false);
  assert_true (ch.is_socket);
  assert_false (ch.passes_fds);
  eva__io_channel_init (&ch, &sys, fd[0], fd[0], true);
  assert_true (ch.passes_fds);
  eva__io_channel_close (&ch);
  close (fd[1]);
  tcp = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_true (tcp >= 0);
  eva__io_channel_init (&ch, &sys, tcp, tcp, true);
  assert_true (ch.is_socket);
  assert_false (ch.passes_fds);
  eva__io_channel_close (&ch);
}

/* Of a socket that is known nothing is asked, neither at first nor later: so a number is
   enough.  */
static void
test_known_socket (void **state) {
  struct eva__io_channel ch;

  (void) state;
  eva__io_sys_init (&sys, NULL, NULL);
  eva__io_channel_init_socket (&ch, &sys, 4711, true);
  assert_true (ch.is_socket && ch.passes_fds);
  eva__io_channel_check (&ch);
  assert_true (ch.in_fd == 4711 && ch.out_fd == 4711);
  eva__io_channel_init_socket (&ch, &sys, 4711, false);
  assert_true (ch.is_socket);
  assert_false (ch.passes_fds);
}

/* A second close finds nothing to close: the number may be another descriptor's by then.  */
static void
test_close_twice (void **state) {
  struct link link;
  int again;

  (void) state;
  link_by_socket (&link);
  eva__io_channel_close (&link.ch);
  again = dup (link.in);
  eva__io_channel_close (&link.ch);
  assert_true (fds_is_open (again));
  close (again);
  unlink_all (&link);
}

/* --- Octets ----------------------------------------------------------------------------------- */

static void
test_there_and_back (void **state) {
  struct eva__io_fds fds;
  struct link link;
  char buf[64];

  (void) state;
  for (int i = -1; next_link (&link, &i);) {
    bool wait = i % 2;
    assert_int_equal (say (&link, "hello\n", wait), 6);
    read_all (link.in, buf, 6);
    assert_memory_equal (buf, "hello\n", 6);
    assert_int_equal (say_piece (&link, "piece\n", wait), 6);
    read_all (link.in, buf, 6);
    assert_memory_equal (buf, "piece\n", 6);
    write_all (link.out, "a\0b", 3);
    assert_int_equal (eva__io_channel_read (&link.ch, buf, sizeof buf, wait, NULL), 3);
    assert_memory_equal (buf, "a\0b", 3);
    fds = (struct eva__io_fds) { .max = 1, .n = 1, .truncated = true };
    write_all (link.out, "c", 1);
    assert_int_equal (eva__io_channel_read (&link.ch, buf, sizeof buf, wait, &fds), 1);
    assert_true (!fds.n && !fds.truncated);
  }
}

/* All elements leave in one call, the empty ones do no harm.  */
static void
test_gathers (void **state) {
  struct link link;
  struct iovec iov[] = { PIECE (""), PIECE ("one "), PIECE (""), PIECE ("two "), PIECE ("three") };
  char buf[64];

  (void) state;
  for (int i = -1; next_link (&link, &i);) {
    bool wait = i % 2;
    assert_int_equal (eva__io_channel_write (&link.ch, iov, 5, NULL, 0, wait), 13);
    read_all (link.in, buf, 13);
    assert_memory_equal (buf, "one two three", 13);
    assert_int_equal (eva__io_channel_write (&link.ch, iov, 1, NULL, 0, wait), 0);
    assert_int_equal (eva__io_channel_write (&link.ch, iov, 0, NULL, 0, wait), 0);
  }
}

/* More elements than one call may have.  */
static void
test_many_elements (void **state) {
  size_t n = IOV_MAX + 100;
  struct iovec *iov = calloc (n, sizeof *iov);

  (void) state;
  assert_non_null (iov);
  for (size_t i = 0; i < n; i++)
    iov[i] = (struct iovec) PIECE ("x");
  for (size_t i = 0; i < N_LINKERS; i++) {
    struct link link;
    linkers[i](&link);
    assert_int_equal (eva__io_channel_write (&link.ch, iov, n, NULL, 0, true), IOV_MAX);
    unlink_all (&link);
  }
  free (iov);
}

static void
test_end_of_file (void **state) {
  char buf[8];

  (void) state;
  for (size_t i = 0; i < N_LINKERS; i++) {
    for (int wait = 0; wait < 2; wait++) {
      struct link link;
      linkers[i](&link);
      write_all (link.out, "last", 4);
      if (link.in == link.out)
        shutdown (link.out, SHUT_WR);
      else
        close (link.out);
      assert_int_equal (eva__io_channel_read (&link.ch, buf, sizeof buf, wait, NULL), 4);
      assert_int_equal (eva__io_channel_read (&link.ch, buf, sizeof buf, wait, NULL), 0);
      assert_int_equal (eva__io_channel_read (&link.ch, buf, sizeof buf, wait, NULL), 0);
      eva__io_channel_close (&link.ch);
      close (link.in);
    }
  }
}

/* --- Not waiting ------------------------------------------------------------------------------ */

/* Neither on blocking nor on non-blocking descriptors; a call that waited would hang the test.  */
static void
test_reading_does_not_wait (void **state) {
  struct link link;
  char buf[8];

  (void) state;
  for (int i = -1; next_link (&link, &i);) {
    bool nonblocking = i % 2;
    if (nonblocking) set_nonblocking (link.ch.in_fd);
    assert_fails (eva__io_channel_read (&link.ch, buf, sizeof buf, false, NULL), EAGAIN);
    write_all (link.out, "now", 3);
    assert_int_equal (eva__io_channel_read (&link.ch, buf, sizeof buf, false, NULL), 3);
    assert_fails (eva__io_channel_read (&link.ch, buf, sizeof buf, false, NULL), EAGAIN);
  }
}

/* A peer that does not read: the octets that were taken are told, then EAGAIN; nothing is lost.  */
static void
test_writing_does_not_wait (void **state) {
  struct link link;
  static char block[100000];
  struct iovec iov[2] = { { block, 3 }, { block + 3, sizeof block - 3 } };

  (void) state;
  for (size_t i = 0; i < sizeof block; i++)
    block[i] = (char) i;
  for (int i = -1; next_link (&link, &i);) {
    bool nonblocking = i % 2;
    size_t sent = 0, n_calls = 0;
    ssize_t n, first = -1;
    char octet;
    if (nonblocking) set_nonblocking (link.ch.out_fd);
    while ((n = eva__io_channel_write (&link.ch, iov, 2, NULL, 0, false)) >= 0) {
      assert_true (n > 0);
      if (first < 0) first = n;
      sent += (size_t) n;
      n_calls++;
    }
    assert_int_equal (errno, EAGAIN);
    assert_true (sent >= PIPE_BUF);
    assert_true (n_calls < 10000);
    assert_true (first >= PIPE_BUF);
    for (size_t at = 0; at < (size_t) first; at++) {
      read_all (link.in, &octet, 1);
      assert_int_equal (octet, block[at]);
    }
    for (size_t at = (size_t) first; at < sent; at++)
      read_all (link.in, &octet, 1);
    assert_true (eva__io_channel_write (&link.ch, iov, 2, NULL, 0, false) > 0);
    while ((n = eva__io_channel_write_piece (&link.ch, block, sizeof block, false)) > 0)
      ;
    assert_true (n < 0 && errno == EAGAIN);
  }
}

/* --- Waiting ---------------------------------------------------------------------------------- */

/* Octets that another thread exchanges with the channel.  */
struct partner {
  struct link *link;
  size_t len;
};

static void *
write_late (void *arg) {
  struct partner *partner = arg;

  write_all (partner->link->out, "late", 4);
  return NULL;
}

static void *
read_slowly (void *arg) {
  struct partner *partner = arg;
  char buf[1000];

  while (partner->len) {
    size_t n = partner->len < sizeof buf ? partner->len : sizeof buf;
    read_all (partner->link->in, buf, n);
    partner->len -= n;
  }
  return NULL;
}

static void
test_reading_waits (void **state) {
  struct link link;
  char buf[8];

  (void) state;
  for (int i = -1; next_link (&link, &i);) {
    bool nonblocking = i % 2;
    struct partner partner = { .link = &link };
    pthread_t thread;
    if (nonblocking) set_nonblocking (link.ch.in_fd);
    assert_int_equal (pthread_create (&thread, NULL, write_late, &partner), 0);
    assert_int_equal (eva__io_channel_read (&link.ch, buf, sizeof buf, true, NULL), 4);
    pthread_join (thread, NULL);
  }
}

/* Far more than any buffer takes: only waiting for the reader gets it through.  Each part leaves in
   another way than the last one.  */
static void
test_writing_waits (void **state) {
  struct link link;
  static char block[1000000];

  (void) state;
  for (int i = -1; next_link (&link, &i);) {
    bool nonblocking = i % 2;
    struct partner partner = { .link = &link, .len = sizeof block };
    size_t sent = 0, part_len = sizeof block / 4;
    pthread_t thread;
    if (nonblocking) set_nonblocking (link.ch.out_fd);
    assert_int_equal (pthread_create (&thread, NULL, read_slowly, &partner), 0);
    while (sent < sizeof block) {
      struct iovec iov = { block + sent, part_len - sent % part_len };
      ssize_t n = sent / part_len % 2
                      ? eva__io_channel_write_piece (&link.ch, iov.iov_base, iov.iov_len, true)
                      : eva__io_channel_write (&link.ch, &iov, 1, NULL, 0, true);
      assert_true (n > 0);
      sent += (size_t) n;
    }
    pthread_join (thread, NULL);
  }
}

/* --- Peers that leave ------------------------------------------------------------------------- */

/* SIGPIPE has its default disposition here: one would end the test.  */
static void
test_writing_to_nobody (void **state) {
  char buf[8];

  (void) state;
  assert_ptr_not_equal (signal (SIGPIPE, SIG_DFL), SIG_ERR);
  for (size_t i = 0; i < N_LINKERS; i++) {
    for (int wait = 0; wait < 2; wait++) {
      struct link link;
      linkers[i](&link);
      close (link.in);
      assert_fails (say (&link, "anybody?", wait), EPIPE);
      assert_fails (say_piece (&link, "anybody?", wait), EPIPE);
      assert_false (is_sigpipe_pending ());
      if (link.in != link.out) {
        write_all (link.out, "still", 5);
        assert_int_equal (eva__io_channel_read (&link.ch, buf, sizeof buf, wait, NULL), 5);
        close (link.out);
      }
      eva__io_channel_close (&link.ch);
    }
  }
}

/* A program that has SIGPIPE blocked and one pending waits for it itself: it is not swallowed.  */
static void
test_pending_sigpipe_is_kept (void **state) {
  const struct timespec at_once = { 0, 0 };
  struct link link;
  sigset_t set, old;

  (void) state;
  link_by_pipes (&link);
  close (link.in);
  sigemptyset (&set);
  sigaddset (&set, SIGPIPE);
  pthread_sigmask (SIG_BLOCK, &set, &old);
  assert_fails (say (&link, "x", true), EPIPE);
  assert_false (is_sigpipe_pending ());
  raise (SIGPIPE);
  assert_fails (say (&link, "x", true), EPIPE);
  assert_true (is_sigpipe_pending ());
  assert_int_equal (sigtimedwait (&set, NULL, &at_once), SIGPIPE);
  pthread_sigmask (SIG_SETMASK, &old, NULL);
  eva__io_channel_close (&link.ch);
  close (link.out);
}

/* Octets that the peer did not read when it closed.  */
static void
test_connection_reset (void **state) {
  struct link link;
  char buf[8];

  (void) state;
  for (int wait = 0; wait < 2; wait++) {
    link_by_socket (&link);
    assert_int_equal (say (&link, "unread", true), 6);
    close (link.in);
    assert_fails (eva__io_channel_read (&link.ch, buf, sizeof buf, wait, NULL), ECONNRESET);
    eva__io_channel_close (&link.ch);
  }
}

/* Makes a connection by TCP, which the peer has reset.  */
static void
link_to_reset (struct link *link) {
  const struct linger at_once = { .l_onoff = 1 };
  struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t addr_len = sizeof addr;
  int listener = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), peer;
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  assert_true (listener >= 0 && fd >= 0);
  assert_int_equal (bind (listener, (struct sockaddr *) &addr, sizeof addr), 0);
  assert_int_equal (listen (listener, 1), 0);
  assert_int_equal (getsockname (listener, (struct sockaddr *) &addr, &addr_len), 0);
  assert_int_equal (connect (fd, (struct sockaddr *) &addr, sizeof addr), 0);
  peer = accept (listener, NULL, NULL);
  assert_true (peer >= 0);
  setsockopt (peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close (peer);
  close (listener);
  eva__io_sys_init (&sys, NULL, NULL);
  eva__io_channel_init (&link->ch, &sys, fd, fd, false);
  assert_true (eva__io_sys_wait_for (&sys, fd, POLLIN, 10000));
}

/* The kernel tells the reason once: after that it only says that there is no peer.  */
static void
test_write_to_reset (void **state) {
  struct link link;

  (void) state;
  for (int wait = 0; wait < 2; wait++) {
    link_to_reset (&link);
    assert_fails (say (&link, "anybody?", wait), ECONNRESET);
    assert_fails (say (&link, "anybody?", wait), EPIPE);
    eva__io_channel_close (&link.ch);
    link_to_reset (&link);
    assert_fails (say_piece (&link, "anybody?", wait), ECONNRESET);
    assert_fails (say_piece (&link, "anybody?", wait), EPIPE);
    eva__io_channel_close (&link.ch);
  }
}

static void
test_closed_channel (void **state) {
  struct link link;
  char buf[8];

  (void) state;
  for (size_t i = 0; i < N_LINKERS; i++) {
    linkers[i](&link);
    eva__io_channel_close (&link.ch);
    for (int wait = 0; wait < 2; wait++) {
      assert_fails (eva__io_channel_read (&link.ch, buf, sizeof buf, wait, NULL), EBADF);
      assert_fails (say (&link, "x", wait), EBADF);
      assert_fails (say_piece (&link, "x", wait), EBADF);
    }
    unlink_all (&link);
  }
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    fixture_test (test_kinds),
    fixture_test (test_known_socket),
    fixture_test (test_close_twice),
    fixture_test (test_there_and_back),
    fixture_test (test_gathers),
    fixture_test (test_many_elements),
    fixture_test (test_end_of_file),
    fixture_test (test_reading_does_not_wait),
    fixture_test (test_writing_does_not_wait),
    fixture_test (test_reading_waits),
    fixture_test (test_writing_waits),
    fixture_test (test_writing_to_nobody),
    fixture_test (test_pending_sigpipe_is_kept),
    fixture_test (test_connection_reset),
    fixture_test (test_write_to_reset),
    fixture_test (test_closed_channel),
  };

  return cmocka_run_group_tests_name ("channel", tests, NULL, NULL);
}
