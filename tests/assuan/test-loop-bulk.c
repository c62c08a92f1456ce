/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bulk in an external loop: descriptors that the client passes and the program's loop serves,
 * and replies larger than any socket's buffer.  */

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "loop.h"

/* Descriptors.  */

static gpg_error_t
cmd_copy (assuan_context_t ctx, char *line) {
  struct conn *c = assuan_get_pointer (ctx);
  int in = assuan_get_input_fd (ctx), out = assuan_get_output_fd (ctx);

  (void) line;
  if (in == -1) return assuan_process_done (ctx, ERR (GPG_ERR_ASS_NO_INPUT));
  if (out == -1) return assuan_process_done (ctx, ERR (GPG_ERR_ASS_NO_OUTPUT));
  /* A program registers them with its loop here.  */
  c->pending = true;
  return 0;
}

/* What the program's loop does when the input is readable; true at its end.  */
static bool
copy_some (struct conn *c) {
  char buf[5];
  ssize_t n = read (assuan_get_input_fd (c->ctx), buf, sizeof buf);

  assert_true (n >= 0);
  if (n) assert_int_equal (write (assuan_get_output_fd (c->ctx), buf, (size_t) n), n);
  return !n;
}

static void
test_copy (void **state) {
  struct conn c;
  int in[2], out[2];
  char buf[100];

  (void) state;
  fds_pipe (in, 0);
  fds_pipe (out, 0);
  conn_open (&c, CONN_FDPASSING);
  assert_err (assuan_register_command (c.ctx, "INPUT", NULL, NULL), 0);
  assert_err (assuan_register_command (c.ctx, "OUTPUT", NULL, NULL), 0);
  assert_err (assuan_register_command (c.ctx, "COPY", cmd_copy, NULL), 0);
  conn_ask (&c, "COPY\n", "");
  peer_expect_err (c.in, ERR (GPG_ERR_ASS_NO_INPUT), NULL);
  peer_send_fd (c.out, "INPUT FD\n", in[0]);
  conn_turns (&c);
  peer_send_fd (c.out, "OUTPUT FD\n", out[1]);
  conn_turns (&c);
  peer_expect (c.in, "OK\nOK\n");
  close (in[0]);
  close (out[1]);
  conn_ask (&c, "COPY\n", "");
  assert_true (c.pending);
  peer_say (in[1], "hello, world");
  close (in[1]);
  while (!copy_some (&c))
    conn_expect_silence (&c);
  assert_err (assuan_close_input_fd (c.ctx), 0);
  assert_err (assuan_close_output_fd (c.ctx), 0);
  conn_finish (&c, 0);
  peer_expect (c.in, "OK\n");
  assert_int_equal (peer_read_all (out[0], buf, sizeof buf), 12);
  assert_memory_equal (buf, "hello, world", 12);
  close (out[0]);
  conn_free (&c);
}

/* RESET forgets them.  */
static void
test_reset (void **state) {
  struct conn c;
  int out[2];

  (void) state;
  fds_pipe (out, 0);
  conn_open (&c, CONN_FDPASSING);
  assert_err (assuan_register_command (c.ctx, "OUTPUT", NULL, NULL), 0);
  peer_send_fd (c.out, "OUTPUT FD\n", out[1]);
  conn_turns (&c);
  close (out[1]);
  conn_ask (&c, "RESET\n", "OK\nOK\n");
  assert_int_equal (assuan_get_output_fd (c.ctx), -1);
  peer_expect_eof (out[0]);
  close (out[0]);
  conn_free (&c);
}

static gpg_error_t
cmd_take (assuan_context_t ctx, char *line) {
  assuan_fd_t fd = -1;
  gpg_error_t rc = assuan_receivefd (ctx, &fd);
  ssize_t n = 0;

  if (!rc) {
    n = write (fd, line, strlen (line));
    close (fd);
  }
  return assuan_process_done (ctx, n < 0 ? ERR (GPG_ERR_EIO) : rc);
}

/* Descriptors that come while a command is pending wait with their lines.  */
static void
test_kept_descriptors (void **state) {
  struct conn c;
  char buf[20], text[20];

  (void) state;
  /* deviation: lines that arrive while a command is pending are discarded.  */
  if (on_oracle ()) skip ();
  conn_open (&c, CONN_FDPASSING);
  assert_err (assuan_register_command (c.ctx, "TAKE", cmd_take, NULL), 0);
  conn_say (&c, "ASYNC\n");
  for (int i = 0; i < 3; i++) {
    int fds[2];

    fds_pipe (fds, 0);
    snprintf (text, sizeof text, "TAKE %d", i);
    peer_send_fd (c.out, text, fds[1]);
    close (fds[1]);
    peer_say (c.out, "\n");
    /* Keep the reading end where the loop below finds it.  */
    assert_int_equal (dup2 (fds[0], 500 + i), 500 + i);
    close (fds[0]);
    conn_turns (&c);
  }
  conn_finish (&c, 0);
  conn_resume (&c);
  peer_expect (c.in, "OK\nOK\nOK\nOK\n");
  for (int i = 0; i < 3; i++) {
    assert_int_equal (peer_read_all (500 + i, buf, sizeof buf), 1);
    assert_int_equal (buf[0], '0' + i);
    close (500 + i);
  }
  conn_free (&c);
}

/* Descriptors that were not taken are closed with the connection.  */
static void
test_descriptors_left (void **state) {
  struct conn c;
  int fds[2];

  (void) state;
  fds_pipe (fds, 0);
  conn_open (&c, CONN_FDPASSING);
  conn_say (&c, "ASYNC\n");
  peer_send_fd (c.out, "NOP\n", fds[1]);
  close (fds[1]);
  conn_turns (&c);
  conn_release (&c);
  peer_expect_eof (fds[0]);
  close (fds[0]);
  conn_free (&c);
}

/* Replies larger than the kernel's buffers, to a client that reads at leisure.  */

#define LARGE 3000000

struct reader {
  int fd;
  size_t n_octets; /* of data lines, without the line ends */
  size_t n_lines;
  char last[8];
};

static void *
read_replies (void *arg) {
  struct reader *r = arg;
  FILE *stream = fdopen (dup (r->fd), "r");
  char *line = NULL;
  size_t size = 0;
  ssize_t n;

  while (stream && (n = getline (&line, &size, stream)) > 0) {
    r->n_lines++;
    if (!strncmp (line, "D ", 2)) r->n_octets += (size_t) n - 3;
    if (!strncmp (line, "OK", 2) || !strncmp (line, "ERR", 3)) {
      strncpy (r->last, line, sizeof r->last - 1);
      break;
    }
  }
  free (line);
  if (stream) fclose (stream);
  return NULL;
}

static gpg_error_t
cmd_large (assuan_context_t ctx, char *line) {
  static char block[LARGE / 10];
  gpg_error_t rc = 0;

  (void) line;
  memset (block, 'x', sizeof block);
  for (int i = 0; i < 10 && !rc; i++)
    rc = assuan_send_data (ctx, block, sizeof block);
  return assuan_process_done (ctx, rc);
}

static gpg_error_t
cmd_status (assuan_context_t ctx, char *line) {
  gpg_error_t rc = 0;

  (void) line;
  for (int i = 0; i < 20000 && !rc; i++)
    rc = assuan_write_status (ctx, "PROGRESS", "and so on and so forth");
  return assuan_process_done (ctx, rc);
}

static void
check_large (enum conn_kind kind, const char *command, bool nonblocking, struct reader *r) {
  struct conn c;
  pthread_t thread;

  conn_make (&c, kind);
  assert_err (assuan_accept (c.ctx), 0);
  conn_expect_greeting (&c);
  if (nonblocking) conn_nonblock (&c);
  assert_err (assuan_register_command (c.ctx, "LARGE", cmd_large, NULL), 0);
  assert_err (assuan_register_command (c.ctx, "STATUS", cmd_status, NULL), 0);
  memset (r, 0, sizeof *r);
  r->fd = c.in;
  peer_say (c.out, command);
  assert_int_equal (pthread_create (&thread, NULL, read_replies, r), 0);
  assert_err (conn_next (&c), 0);
  pthread_join (thread, NULL);
  conn_free (&c);
}

static void
test_large_replies (void **state) {
  (void) state;
  for (int nonblocking = 0; nonblocking < 2; nonblocking++) {
    /* deviation: a write that would block is fatal in mid-line.  */
    if (on_oracle () && nonblocking) continue;
    for (int kind = 0; kind < N_CONN_KINDS; kind++) {
      struct reader r;

      check_large ((enum conn_kind) kind, "LARGE\n", nonblocking, &r);
      assert_int_equal (r.n_octets, LARGE);
      assert_string_equal (r.last, "OK\n");
      check_large ((enum conn_kind) kind, "STATUS\n", nonblocking, &r);
      assert_int_equal (r.n_lines, 20001);
      assert_string_equal (r.last, "OK\n");
    }
  }
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    loop_test (test_copy),
    loop_test (test_reset),
    loop_test (test_kept_descriptors),
    loop_test (test_descriptors_left),
    loop_test (test_large_replies),
  };

  return suite_run (tests);
}
