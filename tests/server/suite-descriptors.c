/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-descriptors.c - descriptors that are passed along with lines, in both directions.  */

#include "suite.h"

#include <fcntl.h>
#include <sys/stat.h>

/* Passes FD with TEXT, and closes it.  */
static void
pass (struct peer *p, const char *text, int fd) {
  peer_send_fds (p, text, &fd, 1);
  close (fd);
}

static bool
is_same_file (int a, int b) {
  struct stat x, y;

  assert_int_equal (fstat (a, &x), 0);
  assert_int_equal (fstat (b, &y), 0);
  return x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* --- From the client -------------------------------------------------------------------------- */

/* Copies from INPUT to OUTPUT.  */
static gpg_error_t
copy (assuan_context_t ctx, char *line) {
  char buf[100];
  ssize_t n = read (assuan_get_input_fd (ctx), buf, sizeof buf);

  (void) line;
  assert_true (n >= 0);
  assert_int_equal (write (assuan_get_output_fd (ctx), buf, (size_t) n), n);
  assuan_close_input_fd (ctx);
  assuan_close_output_fd (ctx);
  return 0;
}

static void
test_input_and_output (void **state) {
  struct peer *p = peer_new_passing ();
  int in[2], out[2];
  char buf[100];

  (void) state;
  service.run = copy;
  fds_pipe (in, O_NONBLOCK);
  fds_pipe (out, O_NONBLOCK);
  assert_int_equal (write (in[1], "bulk", 4), 4);
  close (in[1]);
  pass (p, "INPUT FD\n", in[0]);
  pass (p, "OUTPUT FD\nRUN\n", out[1]);
  peer_expect (p, "OK\nOK\nOK\n");
  assert_int_equal (read (out[0], buf, sizeof buf), 4);
  assert_memory_equal (buf, "bulk", 4);
  assert_int_equal (read (out[0], buf, sizeof buf), 0); /* the last copy was closed */
  close (out[0]);
}

/* Two in one message, for two commands.  */
static void
test_two_at_once (void **state) {
  struct peer *p = peer_new_passing ();
  int in[2], out[2], both[2];
  char buf[100];

  (void) state;
  service.run = copy;
  fds_pipe (in, O_NONBLOCK);
  fds_pipe (out, O_NONBLOCK);
  assert_int_equal (write (in[1], "bulk", 4), 4);
  both[0] = in[0];
  both[1] = out[1];
  peer_send_fds (p, "INPUT FD\nOUTPUT FD\nRUN\n", both, 2);
  peer_expect (p, "OK\nOK\nOK\n");
  assert_int_equal (read (out[0], buf, sizeof buf), 4);
  fds_close_pair (in);
  fds_close_pair (out);
}

/* Cut anywhere, a descriptor comes with its line: here after an open command.  */
static void
test_behind_open_command (void **state) {
  struct peer *p = peer_new_passing ();
  int fds[2];

  (void) state;
  fds_pipe (fds, O_NONBLOCK);
  peer_say (p, "WAIT\nNOP\nINP");
  kit_until (service.jobs);
  pass (p, "UT ", fds[0]);
  kit_settle ();
  peer_say (p, "FD\n");
  kit_settle ();
  service_finish (0);
  peer_expect (p, "OK\nOK\nOK\n");
  assert_int_not_equal (assuan_get_input_fd (p->guest->ctx), -1);
  assert_true (is_same_file (assuan_get_input_fd (p->guest->ctx), fds[1]));
  close (fds[1]);
}

static void
test_closed_with_reset (void **state) {
  struct peer *p = peer_new_passing ();
  unsigned int n = fds_count ();

  (void) state;
  pass (p, "INPUT FD\n", open ("/dev/null", O_RDONLY | O_CLOEXEC));
  pass (p, "INPUT FD\n", open ("/dev/null", O_RDONLY | O_CLOEXEC));
  pass (p, "OUTPUT FD\n", open ("/dev/null", O_WRONLY | O_CLOEXEC));
  peer_expect (p, "OK\nOK\nOK\n");
  assert_int_equal (fds_count (), n + 2);
  peer_ask (p, "RESET\n", "OK\n");
  assert_int_equal (fds_count (), n);
  assert_int_equal (assuan_get_input_fd (p->guest->ctx), ASSUAN_INVALID_FD);
}

/* Teardown counts those that were not taken.  */
static void
test_never_taken (void **state) {
  struct peer *p = peer_new_passing (), *q = peer_new_passing ();

  (void) state;
  pass (p, "NOP\n", open ("/dev/null", O_RDONLY | O_CLOEXEC));
  pass (p, "INPUT FD\nWAI", open ("/dev/null", O_RDONLY | O_CLOEXEC));
  peer_expect (p, "OK\nOK\n");
  pass (q, "WAIT\nINPUT FD\n", open ("/dev/null", O_RDONLY | O_CLOEXEC));
  kit_until (service.jobs);
  kit_settle ();
  peer_close (q);
}

static gpg_error_t
receive (assuan_context_t ctx, char *line) {
  assuan_fd_t fd;
  gpg_error_t err = assuan_receivefd (ctx, &fd);

  (void) line;
  if (err) return err;
  assert_true (fcntl (fd, F_GETFD) & FD_CLOEXEC);
  close (fd);
  return 0;
}

static void
test_receive (void **state) {
  struct peer *p = peer_new_passing ();

  (void) state;
  service.run = receive;
  pass (p, "RUN\nRUN\n", open ("/dev/null", O_RDONLY | O_CLOEXEC));
  peer_expect (p, "OK\n");
  peer_expect_err (p, GPG_ERR_ASS_GENERAL, NULL);
  peer_say (p, "INPUT FD\n");
  peer_expect_err (p, GPG_ERR_ASS_GENERAL, NULL);
}

/* --- Refused ---------------------------------------------------------------------------------- */

#define NO_PASSING "server does not support sending and receiving of file descriptors"

static void
test_not_allowed (void **state) {
  struct peer *p = peer_new ();
  unsigned int n = fds_count ();

  (void) state;
  pass (p, "INPUT FD\n", open ("/dev/null", O_RDONLY | O_CLOEXEC));
  peer_expect_err (p, GPG_ERR_NOT_IMPLEMENTED, NO_PASSING);
  assert_int_equal (fds_count (), n);
}

static void
test_number (void **state) {
  struct peer *p = peer_new_passing ();

  (void) state;
  peer_say (p, "INPUT FD=0\n");
  peer_expect_err (p, GPG_ERR_ASS_PARAMETER,
                   "a number means nothing over a socket: send the descriptor");
  peer_say (p, "INPUT nonsense\n");
  peer_expect_err (p, GPG_ERR_ASS_SYNTAX, "FD[=<n>] expected");
}

static gpg_error_t
refuse (assuan_context_t ctx, char *line) {
  (void) ctx;
  (void) line;
  return ERR (GPG_ERR_FORBIDDEN);
}

static void
test_notification_refuses (void **state) {
  struct peer *p = peer_new_passing ();
  unsigned int n = fds_count ();

  (void) state;
  service.input = service.output = refuse;
  pass (p, "INPUT FD\n", open ("/dev/null", O_RDONLY | O_CLOEXEC));
  peer_expect_err (p, GPG_ERR_FORBIDDEN, NULL);
  pass (p, "OUTPUT FD\n", open ("/dev/null", O_RDONLY | O_CLOEXEC));
  peer_expect_err (p, GPG_ERR_FORBIDDEN, NULL);
  assert_int_equal (fds_count (), n);
}

/* --- To the client ---------------------------------------------------------------------------- */

/* Sends one that it closes at once.  Another file gets its number.  */
static gpg_error_t
send_and_close (assuan_context_t ctx, char *line) {
  int fds[2], other;
  gpg_error_t err;

  (void) line;
  fds_pipe (fds, O_NONBLOCK);
  assert_int_equal (write (fds[1], "sent", 4), 4);
  close (fds[1]);
  err = assuan_sendfd (ctx, fds[0]);
  close (fds[0]);
  other = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  kit_settle ();
  close (other);
  return err;
}

static void
check_sent (int fd) {
  char buf[10];

  assert_int_equal (read (fd, buf, sizeof buf), 4);
  assert_memory_equal (buf, "sent", 4);
  assert_int_equal (read (fd, buf, sizeof buf), 0);
}

/* The comment that a descriptor travels with.  */
static void
expect_flight (struct peer *p) {
  kit_until (peer_has_line (p));
  assert_memory_equal (peer_line (p), "# descriptor ", 13);
}

static void
send_later (void *arg) {
  assert_int_equal (send_and_close (arg, NULL), 0);
  service_finish (0);
}

static void
test_send (void **state) {
  struct peer *p = peer_new_passing ();

  (void) state;
  peer_say (p, "WAIT\n");
  kit_until (service.jobs);
  send_later (p->guest->ctx);
  expect_flight (p);
  peer_expect (p, "OK\n");
  assert_int_equal (p->n_fds, 1);
  check_sent (p->fds[0]);
}

static gpg_error_t
send_behind_data (assuan_context_t ctx, char *line) {
  static char much[400000];
  int fds[2];

  (void) line;
  memset (much, 'x', sizeof much);
  assert_int_equal (assuan_send_data (ctx, much, sizeof much), 0);
  fds_pipe (fds, O_NONBLOCK);
  assert_int_equal (write (fds[1], "sent", 4), 4);
  close (fds[1]);
  assert_int_equal (assuan_sendfd (ctx, fds[0]), 0);
  close (fds[0]);
  assert_int_equal (assuan_send_data (ctx, "end", 3), 0);
  return 0;
}

/* It waits behind octets that the client does not take yet: the caller may close it all the
   same.  */
static void
test_send_behind_data (void **state) {
  struct peer *p = peer_new_passing ();
  int other;

  (void) state;
  service.run = send_behind_data;
  peer_say (p, "RUN\n");
  kit_settle ();
  other = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  do
    kit_until (peer_has_line (p));
  while (!strncmp (peer_line (p), "D ", 2));
  peer_expect (p, "D end\nOK\n");
  assert_int_equal (p->n_fds, 1);
  check_sent (p->fds[0]);
  close (other);
}

/* Nor is it lost with the connection.  */
static void
test_send_to_the_gone (void **state) {
  struct peer *p = peer_new_passing (), *q = peer_new_passing ();

  (void) state;
  service.run = send_behind_data;
  peer_say (p, "RUN\n");
  peer_say (q, "RUN\n");
  kit_settle ();
  peer_close (p);
  kit_until (p->guest->n_closed);
  assuan_release (q->guest->ctx);
}

static gpg_error_t
try_to_send (assuan_context_t ctx, char *line) {
  (void) line;
  return assuan_sendfd (ctx, 0);
}

static void
test_send_not_allowed (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  service.run = try_to_send;
  peer_say (p, "RUN\n");
  peer_expect_err (p, GPG_ERR_NOT_IMPLEMENTED, NO_PASSING);
  assert_int_equal (assuan_sendfd (NULL, ASSUAN_INVALID_FD), 0);
}

static const struct CMUnitTest tests[] = {
  kit_test (test_input_and_output),     kit_test (test_two_at_once),
  kit_test (test_behind_open_command),  kit_test (test_closed_with_reset),
  kit_test (test_never_taken),          kit_test (test_receive),
  kit_test (test_not_allowed),          kit_test (test_number),
  kit_test (test_notification_refuses), kit_test (test_send),
  kit_test (test_send_behind_data),     kit_test (test_send_to_the_gone),
  kit_test (test_send_not_allowed),
};

SUITE (descriptors);
