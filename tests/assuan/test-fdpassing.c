/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Descriptors over a Unix domain socket: assuan_sendfd and assuan_receivefd, and what stands on
 * the wire.  The test is the raw peer.  */

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client.h"

#define MAX_FDS 100

/* A message with descriptors, or room for one.  */
struct message {
  struct iovec iov;
  struct msghdr msg;
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE (MAX_FDS * sizeof (int))];
  } control;
};

static void
message_init (struct message *m, void *octets, size_t len, size_t control_len) {
  memset (m, 0, sizeof *m);
  m->iov.iov_base = octets;
  m->iov.iov_len = len;
  m->msg.msg_iov = &m->iov;
  m->msg.msg_iovlen = 1;
  m->msg.msg_control = m->control.space;
  m->msg.msg_controllen = control_len;
}

/* Receive TEXT and exactly one descriptor with it, which is returned.  */
static int
peer_expect_fd (int sock, const char *text) {
  struct message m;
  char octets[200];
  ssize_t n;
  int fd;

  message_init (&m, octets, sizeof octets - 1, sizeof m.control.space);
  n = recvmsg (sock, &m.msg, MSG_CMSG_CLOEXEC);
  octets[n > 0 ? n : 0] = 0;
  assert_string_equal (octets, text);
  assert_true (m.msg.msg_controllen >= CMSG_LEN (sizeof fd));
  assert_int_equal (m.control.header.cmsg_type, SCM_RIGHTS);
  assert_int_equal (m.control.header.cmsg_len, CMSG_LEN (sizeof fd));
  memcpy (&fd, CMSG_DATA (&m.control.header), sizeof fd);
  return fd;
}

static bool
is_same_file (int one, int two) {
  struct stat first, second;

  return !fstat (one, &first) && !fstat (two, &second) && first.st_dev == second.st_dev
         && first.st_ino == second.st_ino;
}

/* Take one descriptor, which must be that of FD's file.  */
static void
expect_fd (assuan_context_t ctx, int fd) {
  assuan_fd_t received = -1;

  assert_err (assuan_receivefd (ctx, &received), 0);
  assert_int_not_equal (received, fd);
  assert_true (is_same_file (received, fd));
  /* deviation: received and created ones close-on-exec */
  assert_int_equal (fcntl (received, F_GETFD), on_oracle () ? 0 : FD_CLOEXEC);
  close (received);
}

static void
expect_no_fd (assuan_context_t ctx) {
  assuan_fd_t received = -7;

  assert_err (assuan_receivefd (ctx, &received), ERR (GPG_ERR_ASS_GENERAL));
  assert_int_equal (received, -7);
}

static void
read_line (struct client *c, const char *expected) {
  char *line;
  size_t len;

  assert_err (assuan_read_line (c->ctx, &line, &len), 0);
  assert_string_equal (line, expected);
}

/* A comment, so that a peer may see the line in any state; the number is the sender's.  */
static void
test_send (void **state) {
  char expected[60];
  struct client c;
  int fds[2], received;

  (void) state;
  fds_pipe (fds, 0);
  client_open (&c, ASSUAN_SOCKET_CONNECT_FDPASSING);
  assert_err (assuan_sendfd (c.ctx, fds[1]), 0);
  snprintf (expected, sizeof expected, "# descriptor %d is in flight\n", fds[1]);
  /* What was sent stays with the sender, who may close it.  */
  assert_int_equal (close (fds[1]), 0);
  received = peer_expect_fd (c.peer, expected);
  peer_say (received, "x");
  close (received);
  peer_expect (fds[0], "x");
  peer_expect_eof (fds[0]);
  client_close (&c);
  close (fds[0]);
}

/* The descriptor comes with its own octets, before what is written later.  */
static void
test_send_then_command (void **state) {
  char expected[60];
  struct client c;
  int received;

  (void) state;
  client_open (&c, ASSUAN_SOCKET_CONNECT_FDPASSING);
  assert_err (assuan_sendfd (c.ctx, 0), 0);
  assert_err (assuan_sendfd (c.ctx, 1), 0);
  assert_err (client_try (&c, "INPUT FD", "OK\n"), 0);
  received = peer_expect_fd (c.peer, "# descriptor 0 is in flight\n");
  assert_true (is_same_file (received, 0));
  close (received);
  snprintf (expected, sizeof expected, "# descriptor 1 is in flight\n");
  received = peer_expect_fd (c.peer, expected);
  assert_true (is_same_file (received, 1));
  close (received);
  peer_expect (c.peer, "INPUT FD\n");
  client_close (&c);
}

static void
test_send_bad (void **state) {
  struct client c;

  (void) state;
  client_open (&c, ASSUAN_SOCKET_CONNECT_FDPASSING);
  assert_err (assuan_sendfd (c.ctx, -1), ERR (GPG_ERR_EBADF));
  assert_err (assuan_sendfd (c.ctx, 9999), ERR (GPG_ERR_EBADF));
  expect_silence (c.peer);
  assert_err (client_try (&c, "A", "OK\n"), 0);
  peer_expect (c.peer, "A\n");
  client_close (&c);
}

static void
test_send_to_dead_peer (void **state) {
  struct client c;

  (void) state;
  client_open (&c, ASSUAN_SOCKET_CONNECT_FDPASSING);
  close (c.peer);
  c.peer = -1;
  assert_err (assuan_sendfd (c.ctx, 0), ERR (GPG_ERR_EPIPE));
  client_drop (&c);
}

static void
test_receive (void **state) {
  struct client c;
  int fds[2];

  (void) state;
  fds_pipe (fds, 0);
  client_open (&c, ASSUAN_SOCKET_CONNECT_FDPASSING);
  expect_no_fd (c.ctx);
  peer_send_fd (c.peer, "# one\n", fds[0]);
  peer_send_fd (c.peer, "# two\n", fds[1]);
  /* It belongs to its line: until that is read there is none.  */
  expect_no_fd (c.ctx);
  read_line (&c, "# one");
  read_line (&c, "# two");
  expect_fd (c.ctx, fds[0]);
  expect_fd (c.ctx, fds[1]);
  expect_no_fd (c.ctx);
  client_close (&c);
  fds_close_pair (fds);
}

/* In the middle of a reply, with the comment line that assuan_transact does not show.  */
static void
test_receive_in_reply (void **state) {
  struct client c;

  (void) state;
  client_open (&c, ASSUAN_SOCKET_CONNECT_FDPASSING);
  peer_say (c.peer, "S a\n");
  peer_send_fd (c.peer, "# descriptor 5 is in flight\n", 0);
  client_check (&c, "A", "S b\nOK\n", 0, "S[a] S[b]");
  expect_fd (c.ctx, 0);
  expect_no_fd (c.ctx);
  peer_expect (c.peer, "A\n");
  client_close (&c);
}

/* The kernel hands the descriptor out with the first octet of its message, which may be the
 * first of a line.  */
static void
test_receive_with_half_line (void **state) {
  struct client c;

  (void) state;
  client_open (&c, ASSUAN_SOCKET_CONNECT_FDPASSING);
  peer_send_fd (c.peer, "# ha", 0);
  peer_say (c.peer, "lf\n");
  read_line (&c, "# half");
  expect_fd (c.ctx, 0);
  client_close (&c);
}

/* deviation: fixed tables: ... one descriptor per message | all descriptors of a message taken */
static void
test_receive_several (void **state) {
  struct client c;
  int fds[3];

  (void) state;
  /* The reference library loses track of them.  */
  if (on_oracle ()) skip ();
  fds_pipe (fds, 0);
  fds[2] = open ("/dev/zero", O_RDONLY | O_CLOEXEC);
  client_open (&c, ASSUAN_SOCKET_CONNECT_FDPASSING);
  peer_send_fds (c.peer, "# x\n", fds, 3);
  read_line (&c, "# x");
  for (size_t i = 0; i < 3; i++) {
    expect_fd (c.ctx, fds[i]);
    close (fds[i]);
  }
  expect_no_fd (c.ctx);
  client_close (&c);
}

/* deviation: fixed tables: ... pending descriptors | a settable limit */
static void
test_many_pending (void **state) {
  struct client c;

  (void) state;
  client_open (&c, ASSUAN_SOCKET_CONNECT_FDPASSING);
  for (int i = 0; i < 20; i++) {
    peer_send_fd (c.peer, "# x\n", i % 2);
    read_line (&c, "# x");
  }
  for (int i = 0; i < (on_oracle () ? 5 : 20); i++)
    expect_fd (c.ctx, i % 2);
  expect_no_fd (c.ctx);
  client_close (&c);
}

/* ... and an error above it.  A peer that floods us with descriptors neither gets away with it
 * nor takes ours away.  */
static void
test_too_many_pending (void **state) {
  gpg_error_t rc = 0;
  struct client c;
  unsigned int before = fds_count ();
  int fds[10];

  (void) state;
  if (on_oracle ()) skip ();
  memset (fds, 0, sizeof fds);
  client_open (&c, ASSUAN_SOCKET_CONNECT_FDPASSING);
  for (int i = 0; i < 50 && !rc; i++) {
    char *line;
    size_t len;

    peer_send_fds (c.peer, "# x\n", fds, 10);
    rc = assuan_read_line (c.ctx, &line, &len);
  }
  assert_int_not_equal (gpg_err_code (rc), 0);
  assert_true (fds_count () < before + 300);
  client_drop (&c);
}

/* Leave this process as few numbers for descriptors as it has open, and give them back.  */
static void
set_numbers (bool few) {
  static struct rlimit before;
  struct rlimit limit;

  if (few) {
    assert_int_equal (getrlimit (RLIMIT_NOFILE, &before), 0);
    limit = before;
    limit.rlim_cur = (rlim_t) dup (0);
    close ((int) limit.rlim_cur);
    assert_int_equal (setrlimit (RLIMIT_NOFILE, &limit), 0);
  } else {
    assert_int_equal (setrlimit (RLIMIT_NOFILE, &before), 0);
  }
}

/* deviation: Descriptors for which the process has no numbers left are missing silently |
   EMFILE  */
static void
test_no_numbers (void **state) {
  int fds[3] = { 0, 0, 0 };
  struct client c;
  char *line;
  size_t len;
  gpg_error_t rc;

  (void) state;
  client_open (&c, ASSUAN_SOCKET_CONNECT_FDPASSING);
  peer_send_fds (c.peer, "# x\n", fds, 3);
  set_numbers (true);
  rc = assuan_read_line (c.ctx, &line, &len);
  set_numbers (false);
  assert_code (rc, on_oracle () ? 0 : GPG_ERR_EMFILE);
  expect_no_fd (c.ctx);
  /* The line itself is there.  */
  if (rc) read_line (&c, "# x");
  client_drop (&c);
}

static void
test_pending_at_release (void **state) {
  struct client c;

  (void) state;
  client_open (&c, ASSUAN_SOCKET_CONNECT_FDPASSING);
  for (int i = 0; i < 3; i++)
    peer_send_fd (c.peer, "# x\n", 0);
  read_line (&c, "# x");
  read_line (&c, "# x");
  /* The teardown counts.  */
  client_close (&c);
}

/* --- The line that they belong to ------------------------------------------------------------- */

static gpg_error_t
cmd_take (assuan_context_t ctx, char *line) {
  assuan_fd_t fd;
  gpg_error_t err = assuan_receivefd (ctx, &fd);

  (void) line;
  if (!err) close (fd);
  return err;
}

/* What is sent before the server reads anything: octets, a number of comments, and octets with a
 * descriptor; and the replies, O for OK and E for ERR.  */
static const struct {
  const char *before;
  int n_comments;
  const char *with_fd;
  const char *replies, *oracle_replies;
} queues[] = {
  { "RESET\n", 30, "TAKE\n", "OO", "OO" },
  { "NOP\n", 0, "NOP\nRESET\nTAKE\n", "OOOE", "OOOE" },
  { "NOP\nTA", 0, "KE\nTAKE\n", "OOE", "OOE" },
  /* deviation: a descriptor may come with a line that was sent before it */
  { "TAKE\n", 0, "TAKE\nTAKE\n", "EOE", "OEE" },
  { "TAKE\nRESET\n", 1, "# in flight\nTAKE\n", "EOO", "OOE" },
};

/* All of it is there when the server reads for the first time, and the kernel glues it.  */
static void
check_queue (size_t i) {
  char text[1000], replies[10] = "";
  struct server s;

  server_make (&s, SERVER_FDPASSING);
  assert_err (assuan_register_command (s.ctx, "TAKE", cmd_take, NULL), 0);
  peer_say (s.out, queues[i].before);
  memset (text, '#', 100);
  text[99] = '\n';
  for (int n = 0; n < queues[i].n_comments; n++)
    peer_send (s.out, text, 100);
  peer_send_fd (s.out, queues[i].with_fd, 0);
  assert_err (assuan_accept (s.ctx), 0);
  server_expect_greeting (&s);
  server_shut (&s);
  assert_err (assuan_process (s.ctx), 0);
  assuan_release (s.ctx);
  s.ctx = NULL;
  text[peer_read_all (s.in, text, sizeof text - 1)] = 0;
  for (char *line = strtok (text, "\n"); line; line = strtok (NULL, "\n"))
    strncat (replies, line, 1);
  assert_string_equal (replies, on_oracle () ? queues[i].oracle_replies : queues[i].replies);
  server_free (&s);
}

/* Each descriptor comes with the line in which its message begins, whatever was sent before it.  */
static void
test_with_their_line (void **state) {
  (void) state;
  for (size_t i = 0; i < sizeof queues / sizeof *queues; i++)
    check_queue (i);
}

/* A client that did not ask for descriptors does not get any.  */
static void
test_without_flag (void **state) {
  struct client c;
  assuan_fd_t fd = -7;

  (void) state;
  client_open (&c, 0);
  assert_err (assuan_sendfd (c.ctx, 0), ERR (GPG_ERR_NOT_IMPLEMENTED));
  expect_silence (c.peer);
  peer_send_fd (c.peer, "# x\n", 0);
  read_line (&c, "# x");
  assert_err (assuan_receivefd (c.ctx, &fd), ERR (GPG_ERR_NOT_IMPLEMENTED));
  assert_int_equal (fd, -7);
  client_close (&c);
}

/* Programs ask this way whether descriptors can be passed at all.  */
static void
test_is_possible (void **state) {
  gpg_error_t inv_value = gpg_err_make (GPG_ERR_SOURCE_ASSUAN, GPG_ERR_ASS_INV_VALUE);
  assuan_fd_t fd;

  (void) state;
  assert_err (assuan_sendfd (NULL, ASSUAN_INVALID_FD), 0);
  assert_err (assuan_sendfd (NULL, 0), inv_value);
  assert_err (assuan_receivefd (NULL, &fd), inv_value);
}

static void
test_unconnected (void **state) {
  assuan_context_t ctx = new_context ();
  assuan_fd_t fd;

  (void) state;
  assert_err (assuan_sendfd (ctx, 0), ERR (GPG_ERR_NOT_IMPLEMENTED));
  assert_err (assuan_receivefd (ctx, &fd), ERR (GPG_ERR_NOT_IMPLEMENTED));
  assert_int_equal (assuan_get_input_fd (ctx), ASSUAN_INVALID_FD);
  assert_int_equal (assuan_get_output_fd (ctx), ASSUAN_INVALID_FD);
  assert_err (assuan_close_input_fd (ctx), ERR (GPG_ERR_ASS_INV_VALUE));
  assert_err (assuan_close_output_fd (ctx), ERR (GPG_ERR_ASS_INV_VALUE));
  assuan_release (ctx);
}

/* INPUT and OUTPUT with the library at both ends.  */
static gpg_error_t
cmd_copy (assuan_context_t ctx, char *line) {
  char buf[100];
  ssize_t n = read (assuan_get_input_fd (ctx), buf, sizeof buf);

  (void) line;
  if (n < 0 || write (assuan_get_output_fd (ctx), buf, (size_t) n) != n)
    return gpg_err_make (SUITE_SOURCE, GPG_ERR_EIO);
  assuan_close_input_fd (ctx);
  assuan_close_output_fd (ctx);
  return 0;
}

static void
prepare_copy (assuan_context_t ctx, void *arg) {
  (void) arg;
  assuan_register_command (ctx, "INPUT", NULL, NULL);
  assuan_register_command (ctx, "OUTPUT", NULL, NULL);
  assuan_register_command (ctx, "COPY", cmd_copy, NULL);
}

static gpg_error_t
say (assuan_context_t ctx, const char *command) {
  return assuan_transact (ctx, command, NULL, NULL, NULL, NULL, NULL, NULL);
}

static void
test_input_output (void **state) {
  struct server server;
  assuan_context_t ctx;
  int input[2], output[2];

  (void) state;
  fds_pipe (input, 0);
  fds_pipe (output, 0);
  server_start_raw (&server, SERVER_FDPASSING, prepare_copy, NULL);
  ctx = new_client (dup (server.in), ASSUAN_SOCKET_CONNECT_FDPASSING);
  assert_err (assuan_sendfd (ctx, input[0]), 0);
  assert_err (say (ctx, "INPUT FD"), 0);
  assert_err (assuan_sendfd (ctx, output[1]), 0);
  assert_err (say (ctx, "OUTPUT FD"), 0);
  close (input[0]);
  close (output[1]);
  peer_say (input[1], "some bulk data");
  assert_err (say (ctx, "COPY"), 0);
  peer_expect (output[0], "some bulk data");
  peer_expect_eof (output[0]);
  assert_err (say (ctx, "INPUT FD"), ERR (GPG_ERR_ASS_GENERAL));
  assuan_release (ctx);
  server_stop (&server);
  close (input[1]);
  close (output[0]);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    suite_test (test_send),
    suite_test (test_send_then_command),
    suite_test (test_send_bad),
    suite_test (test_send_to_dead_peer),
    suite_test (test_receive),
    suite_test (test_receive_in_reply),
    suite_test (test_receive_with_half_line),
    suite_test (test_receive_several),
    suite_test (test_many_pending),
    suite_test (test_too_many_pending),
    suite_test (test_no_numbers),
    suite_test (test_pending_at_release),
    suite_test (test_with_their_line),
    suite_test (test_without_flag),
    suite_test (test_is_possible),
    suite_test (test_unconnected),
    suite_test (test_input_output),
  };

  return suite_run (tests);
}
