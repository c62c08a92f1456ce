/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Raw lines on a client: assuan_read_line, assuan_pending_line, assuan_write_line, and the
 * descriptors that a program watches, as GPGME uses them.  */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"

/* Read a line and compare it; its address.  */
static char *
expect_line (struct client *c, const char *expected) {
  char *line = NULL;
  size_t len = 999;

  assert_err (assuan_read_line (c->ctx, &line, &len), 0);
  assert_string_equal (line, expected);
  assert_int_equal (len, strlen (expected));
  return line;
}

static void
test_read_line (void **state) {
  static const char *const rows[][2] = {
    { "OK text\n", "OK text" },
    { "OK\r\n", "OK" },
    { "\n", "" },
    { "\r\n", "" },
    { "# comment\n", "# comment" },
    { " blanks \n", " blanks " },
    { "a\rb\n", "a\rb" },
    { "D %41%0A%zz%\n", "D %41%0A%zz%" },
    { "nonsense\n", "nonsense" },
  };
  struct client c;

  (void) state;
  client_open (&c, 0);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char *line;

    peer_say (c.peer, rows[i][0]);
    line = expect_line (&c, rows[i][1]);
    /* It belongs to the caller until the next read.  */
    memset (line, 'x', strlen (line) + 1);
  }
  client_close (&c);
}

static void
test_read_line_with_nul (void **state) {
  struct client c;
  char *line;
  size_t len;

  (void) state;
  client_open (&c, 0);
  peer_send (c.peer, "D a\0b\n", 6);
  assert_err (assuan_read_line (c.ctx, &line, &len), 0);
  assert_int_equal (len, 5);
  assert_memory_equal (line, "D a\0b", 6);
  client_close (&c);
}

/* Exactly whole lines count, and changing a line leaves the next one alone.  */
static void
test_pending (void **state) {
  struct client c;
  char *line;

  (void) state;
  client_open (&c, 0);
  assert_int_equal (assuan_pending_line (c.ctx), 0);
  peer_say (c.peer, "one\ntwo\nthr");
  /* What has not been read is not buffered.  */
  assert_int_equal (assuan_pending_line (c.ctx), 0);
  line = expect_line (&c, "one");
  memset (line, 'x', 4);
  assert_int_equal (assuan_pending_line (c.ctx), 1);
  expect_line (&c, "two");
  assert_int_equal (assuan_pending_line (c.ctx), 0);
  peer_say (c.peer, "ee\nfour\n");
  assert_int_equal (assuan_pending_line (c.ctx), 0);
  expect_line (&c, "three");
  /* Whether the next one was read as well depends on the size of the reads.  */
  expect_line (&c, "four");
  assert_int_equal (assuan_pending_line (c.ctx), 0);
  client_close (&c);
}

/* What came with the greeting is not lost.  */
static void
test_pending_behind_greeting (void **state) {
  int fds[2];
  struct client c = { .peer = -1 };

  (void) state;
  fds_socketpair (fds, 0);
  c.peer = fds[1];
  peer_say (c.peer, "# one\nOK hello\nS two\nS thr");
  c.ctx = new_client (fds[0], 0);
  assert_int_equal (assuan_pending_line (c.ctx), 1);
  expect_line (&c, "S two");
  assert_int_equal (assuan_pending_line (c.ctx), 0);
  peer_say (c.peer, "ee\n");
  expect_line (&c, "S three");
  client_close (&c);
}

/* The loop of an event-driven client: a duplicate of the descriptor is watched, and after each
 * wake-up lines are read until none is pending.  */
static void
test_watch (void **state) {
  static const char *const pieces[] = { "S one\nS two\n", "S three\n", "S fo", "ur\nOK\n" };
  assuan_fd_t fds[2] = { -1, -1 };
  int n_lines = 0, watched;
  struct client c;

  (void) state;
  client_open (&c, 0);
  assert_int_equal (assuan_get_active_fds (c.ctx, 0, fds, 2), 1);
  watched = dup (fds[0]);
  for (size_t i = 0; i < 4; i++) {
    struct pollfd pfd = { .fd = watched, .events = POLLIN };

    peer_say (c.peer, pieces[i]);
    /* The reference library would sleep for the rest of the line: let it come.  */
    if (i == 2) continue;
    assert_int_equal (poll (&pfd, 1, SUITE_TIMEOUT_MS), 1);
    do {
      char *line;
      size_t len;

      assert_err (assuan_read_line (c.ctx, &line, &len), 0);
      n_lines++;
    } while (assuan_pending_line (c.ctx));
  }
  assert_int_equal (n_lines, 5);
  close (watched);
  client_close (&c);
}

static void *
say_second_half (void *arg) {
  const int *peer = arg;

  peer_say (*peer, "lf\n");
  return NULL;
}

/* deviation: a read that would block sleeps 100 ms | blocking calls wait with poll.  What a test
 * can see is that half a line on a non-blocking descriptor is neither lost nor an error.  */
static void
test_nonblocking (void **state) {
  assuan_fd_t fds[2];
  struct client c;
  pthread_t thread;

  (void) state;
  client_open (&c, 0);
  assert_int_equal (assuan_get_active_fds (c.ctx, 0, fds, 2), 1);
  assert_int_equal (fcntl (fds[0], F_SETFL, fcntl (fds[0], F_GETFL) | O_NONBLOCK), 0);
  peer_say (c.peer, "S ha");
  assert_int_equal (pthread_create (&thread, NULL, say_second_half, &c.peer), 0);
  expect_line (&c, "S half");
  pthread_join (thread, NULL);
  client_close (&c);
}

static void
test_eof (void **state) {
  struct client c;
  char *line;
  size_t len;

  (void) state;
  client_open (&c, 0);
  peer_say (c.peer, "last\n");
  shutdown (c.peer, SHUT_WR);
  expect_line (&c, "last");
  for (int i = 0; i < 3; i++) {
    assert_err (assuan_read_line (c.ctx, &line, &len), ERR (GPG_ERR_EOF));
    assert_int_equal (assuan_pending_line (c.ctx), 0);
  }
  client_drop (&c);
}

static void
test_eof_in_line (void **state) {
  struct client c;
  char *line;
  size_t len;

  (void) state;
  client_open (&c, 0);
  peer_say (c.peer, "half");
  shutdown (c.peer, SHUT_WR);
  assert_err (assuan_read_line (c.ctx, &line, &len), ERR (GPG_ERR_ASS_INCOMPLETE_LINE));
  assert_err (assuan_read_line (c.ctx, &line, &len), ERR (GPG_ERR_EOF));
  client_drop (&c);
}

/* deviation: the rest of an over-long line is run as a command | skipped to LF;
 * `ASS_LINE_TOO_LONG` */
static void
test_too_long (void **state) {
  char text[3200];
  struct client c;
  char *line;
  size_t len;

  (void) state;
  memset (text, 'x', sizeof text);
  strcpy (text + 3000, "\nnext\n");
  client_open (&c, 0);
  peer_say (c.peer, text);
  assert_err (assuan_read_line (c.ctx, &line, &len), ERR (GPG_ERR_ASS_LINE_TOO_LONG));
  if (on_oracle ()) {
    assert_err (assuan_read_line (c.ctx, &line, &len), ERR (GPG_ERR_ASS_LINE_TOO_LONG));
    assert_err (assuan_read_line (c.ctx, &line, &len), 0);
    assert_int_equal (line[0], 'x');
  }
  expect_line (&c, "next");
  client_close (&c);
}

static void
test_write_line (void **state) {
  static const char *const rows[][2] = {
    { "FOO bar", "FOO bar\n" }, { "", "\n" },   { "# x", "# x\n" },
    { "a\nb", "a\n" },          { "\n", "\n" }, { "a\r", "a\r\n" },
    { "D raw", "D raw\n" },
  };
  struct client c;

  (void) state;
  client_open (&c, 0);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    assert_err (assuan_write_line (c.ctx, rows[i][0]), 0);
    peer_expect (c.peer, rows[i][1]);
  }
  client_close (&c);
}

static void
test_write_long_line (void **state) {
  static const size_t lens[][2] = { { 1000, 1000 }, { 1001, 999 }, { 1900, 999 } };
  struct client c;
  char line[2000];

  (void) state;
  client_open (&c, 0);
  for (size_t i = 0; i < 3; i++) {
    memset (line, 'x', sizeof line);
    line[lens[i][0]] = 0;
    assert_err (assuan_write_line (c.ctx, line), 0);
    strcpy (line + lens[i][1], "\n");
    peer_expect (c.peer, line);
  }
  client_close (&c);
}

/* Fill the socket to the brim: the next octet does not fit.  Returns how many went in.  */
static size_t
fill (int fd) {
  char lines[100];
  size_t n_octets = 0;
  ssize_t n;

  memset (lines, '\n', sizeof lines);
  while ((n = send (fd, lines, sizeof lines, MSG_DONTWAIT)) > 0)
    n_octets += (size_t) n;
  assert_int_equal (errno, EAGAIN);
  return n_octets;
}

/* Reads until the end of file; the sum of what is no LF.  */
static void *
count_octets (void *arg) {
  const int *fd = arg;
  char buf[4096];
  uintptr_t n_octets = 0;
  ssize_t n;

  while ((n = read (*fd, buf, sizeof buf)) > 0)
    for (ssize_t i = 0; i < n; i++)
      n_octets += buf[i] != '\n';
  return (void *) n_octets;
}

/* deviation: a write that would block is fatal in mid-line | blocking contexts wait for room */
static void
test_write_to_full_socket (void **state) {
  assuan_fd_t fds[2];
  pthread_t reader;
  struct client c;
  void *n_octets;

  (void) state;
  client_open (&c, 0);
  assert_int_equal (assuan_get_active_fds (c.ctx, 1, fds, 2), 1);
  assert_int_equal (fcntl (fds[0], F_SETFL, fcntl (fds[0], F_GETFL) | O_NONBLOCK), 0);
  fill (fds[0]);
  if (on_oracle ()) {
    assert_err (assuan_write_line (c.ctx, "0123456789"), ERR (GPG_ERR_EAGAIN));
    client_drop (&c);
    return;
  }
  assert_int_equal (pthread_create (&reader, NULL, count_octets, &c.peer), 0);
  for (int i = 0; i < 10000; i++)
    assert_err (assuan_write_line (c.ctx, "0123456789"), 0);
  assuan_release (c.ctx);
  pthread_join (reader, &n_octets);
  assert_int_equal ((uintptr_t) n_octets, 10 * 10000 + strlen ("BYE"));
  close (c.peer);
}

static void
test_active_fds (void **state) {
  assuan_fd_t fds[4] = { -7, -7, -7, -7 };
  struct client c;
  int fd;

  (void) state;
  client_open (&c, 0);
  assert_int_equal (assuan_get_active_fds (c.ctx, 0, fds, 4), 1);
  fd = fds[0];
  assert_int_equal (fds[1], -7);
  /* It is the real one: what is shut down there ends the connection.  */
  assert_int_equal (assuan_get_active_fds (c.ctx, 1, fds + 1, 2), 1);
  assert_int_equal (fds[1], fd);
  assert_int_equal (assuan_get_active_fds (c.ctx, 2, fds, 4), -1);
  /* The reference library crashes on this.  */
  if (!on_oracle ()) assert_int_equal (assuan_get_active_fds (c.ctx, 0, NULL, 4), -1);
  assert_int_equal (assuan_get_active_fds (c.ctx, 0, fds, 0), -1);
  assert_int_equal (assuan_get_active_fds (NULL, 0, fds, 4), -1);
  assert_int_equal (shutdown (fd, SHUT_RDWR), 0);
  peer_expect_eof (c.peer);
  assert_err (client_ask (&c, "A"), ERR (GPG_ERR_EPIPE));
  client_drop (&c);
}

static void
test_active_fds_unconnected (void **state) {
  assuan_context_t ctx = new_context ();
  assuan_fd_t fds[2] = { -7, -7 };

  (void) state;
  assert_int_equal (assuan_get_active_fds (ctx, 0, fds, 2), 0);
  assert_int_equal (assuan_get_active_fds (ctx, 1, fds, 2), 0);
  assert_int_equal (fds[0], -7);
  assert_int_equal (assuan_pending_line (ctx), 0);
  assuan_release (ctx);
}

/* The stream's own descriptor is nothing to be watched.
 * deviation: the data stream breaks `get_active_fds` | fixed */
static void
test_data_stream (void **state) {
  assuan_fd_t fds[4];
  struct client c;
  FILE *fp;

  (void) state;
  client_open (&c, 0);
  fp = assuan_get_data_fp (c.ctx);
  assert_non_null (fp);
  assert_ptr_equal (assuan_get_data_fp (c.ctx), fp);
  assert_int_equal (assuan_get_active_fds (c.ctx, 0, fds, 4), 1);
  assert_int_equal (assuan_get_active_fds (c.ctx, 1, fds, 4), on_oracle () ? 2 : 1);
  fputs ("ab%", fp);
  assert_int_equal (fflush (fp), 0);
  assert_err (assuan_send_data (c.ctx, NULL, 0), 0);
  peer_expect (c.peer, "D ab%25\nEND\n");
  client_close (&c);
}

static void
test_invalid (void **state) {
  gpg_error_t inv_value = gpg_err_make (GPG_ERR_SOURCE_ASSUAN, GPG_ERR_ASS_INV_VALUE);
  assuan_context_t ctx;
  char *line;
  size_t len;

  (void) state;
  assert_err (assuan_read_line (NULL, &line, &len), inv_value);
  assert_err (assuan_write_line (NULL, "x"), inv_value);
  assert_err (assuan_send_data (NULL, "x", 1), inv_value);
  /* The reference library crashes on a context that is not connected.  */
  if (on_oracle ()) return;
  ctx = new_context ();
  assert_int_not_equal (assuan_read_line (ctx, &line, &len), 0);
  assert_int_not_equal (assuan_write_line (ctx, "x"), 0);
  assuan_release (ctx);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    suite_test (test_read_line),
    suite_test (test_read_line_with_nul),
    suite_test (test_pending),
    suite_test (test_pending_behind_greeting),
    suite_test (test_watch),
    suite_test (test_nonblocking),
    suite_test (test_eof),
    suite_test (test_eof_in_line),
    suite_test (test_too_long),
    suite_test (test_write_line),
    suite_test (test_write_long_line),
    suite_test (test_write_to_full_socket),
    suite_test (test_active_fds),
    suite_test (test_active_fds_unconnected),
    suite_test (test_data_stream),
    suite_test (test_invalid),
  };

  return suite_run (tests);
}
