/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-hand-server.c - servers of assuan.h that are driven by hand.  */

#include "hand.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- Servers ---------------------------------------------------------------------------------- */

static void
test_server (void **state) {
  assuan_context_t ctx;
  struct hand h;
  struct peer p;

  (void) state;
  ctx = hand_serve (&h, &p);
  assert_int_equal (eva_get_fd (ctx, EVA_READABLE), eva_get_fd (ctx, EVA_WRITABLE));
  assert_int_equal (eva_get_events (ctx), EVA_READABLE);
  peer_say (&p, "ECHO hello\nFAIL x\nNOP\n");
  peer_hears (&p, kit_format ("D hello\nOK\nERR %d %s <%s>\nOK\n", GPG_ERR_USER_1,
                              gpg_strerror (GPG_ERR_USER_1), gpg_strsource (0)));
  kit_expect ("ECHO hello\nFAIL x\n");
  peer_say (&p, "LATER 1\nECHO behind\n");
  peer_hears_nothing (&p);
  kit_expect ("LATER 1\n");
  assert_error (assuan_write_status (ctx, "WORKING", NULL), "0");
  assert_int_equal (eva_get_deadline (ctx), 0);
  peer_hears (&p, "S WORKING\n");
  assert_error (assuan_process_done (ctx, 0), "0");
  peer_hears (&p, "OK\nD behind\nOK\n");
  kit_expect ("ECHO behind\n");
  hand_end (ctx, &p);
}

/* One that was looked at before it had anything to serve, and so was not greeted yet.  */
static void
test_server_is_greeted_late (void **state) {
  assuan_context_t ctx;
  assuan_fd_t fds[2];
  struct hand h;
  struct peer p;
  int fd[2];

  (void) state;
  assert_int_equal (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
  peer_init (&p, fd[1]);
  assert_error (assuan_new (&ctx), "0");
  assert_error (assuan_init_socket_server (ctx, fd[0], ASSUAN_SOCKET_SERVER_ACCEPTED), "0");
  assert_int_equal (assuan_get_active_fds (ctx, 0, fds, 2), 1);
  peer_hears_nothing (&p);
  hand_register (ctx);
  assert_error (assuan_set_hello_line (ctx, "hi"), "0");
  assert_error (eva_set_nonblocking (ctx), "0");
  hand_drive (&h, ctx);
  peer_hears_hello (&p);
  peer_say (&p, "ECHO x\n");
  peer_hears (&p, "D x\nOK\n");
  kit_expect ("ECHO x\n");
  hand_end (ctx, &p);
}

static void
test_server_inquires (void **state) {
  assuan_context_t ctx;
  struct hand h;
  struct peer p;

  (void) state;
  ctx = hand_serve (&h, &p);
  peer_say (&p, "ASK KEY\n");
  peer_answers (&p, "INQUIRE KEY\n", "D one\nD %25two\n");
  peer_hears_nothing (&p);
  peer_say (&p, "END\n");
  peer_hears (&p, "D one%25two\nOK\n");
  kit_expect ("ASK KEY\nanswer 0 one%two\n");
  kit_exchange (&p, NULL, "ASK KEY\nCAN\n", "ASK KEY\nanswer 277 (IPC call has been cancelled) \n");
  kit_settle ();
  peer_take (&p);
  text_free (&p.in);
  hand_end (ctx, &p);
}

/* One octet at a time: each of them is a turn.  */
static void
test_server_octets (void **state) {
  static const char requests[] = "ECHO hello\r\n\nSAY 2\n# x\nASK K\nD ab%25\nEND\nNOP\n";
  assuan_context_t ctx;
  struct hand h;
  struct peer p;

  (void) state;
  ctx = hand_serve (&h, &p);
  for (const char *s = requests; *s; s++) {
    peer_write (&p, s, 1);
    hand_turn (&h);
  }
  peer_hears (&p, "D hello\nOK\nS N 0\nS N 1\nOK\nINQUIRE K\nD ab%25\nOK\nOK\n");
  kit_expect ("ECHO hello\nSAY 2\nASK K\nanswer 0 ab%\n");
  hand_end (ctx, &p);
}

/* The peer leaves: after BYE, at rest, in the middle of a command, of an inquiry.  */
static void
leave (const char *last_words, const char *noted, const char *error) {
  assuan_context_t ctx;
  struct hand h;
  struct peer p;

  ctx = hand_serve (&h, &p);
  peer_say (&p, last_words);
  kit_settle ();
  if (strcmp (last_words, "BYE\n")) peer_close (&p);
  for (unsigned int tries = 0; !h.err;)
    kit_turn (&tries);
  kit_expect (noted);
  assert_error (h.err, error);
  assert_error (eva_process (ctx, EVA_READABLE, eva_now ()), error);
  assert_int_equal (eva_get_events (ctx), 0);
  assert_true (assuan_write_status (ctx, "X", NULL));
  hand_end (ctx, &p);
}

static void
test_server_is_left (void **state) {
  (void) state;
  leave ("BYE\n", "", "EOF");
  leave ("", "", "EOF");
  leave ("NOP\nEC", "", "EPIPE");
  leave ("LATER\n", "LATER \ncancel EPIPE\n", "EPIPE");
  leave ("ASK K\n", "ASK K\nanswer EOF \n", "EPIPE"); /* its answer could not be sent */
}

/* A half-closed client gets its answer.  */
static void
test_server_half_close (void **state) {
  assuan_context_t ctx;
  struct hand h;
  struct peer p;

  (void) state;
  ctx = hand_serve (&h, &p);
  peer_say (&p, "LATER\nECHO x\n");
  shutdown (p.fd, SHUT_WR);
  kit_settle ();
  kit_expect ("LATER \n");
  assert_error (h.err, "0");
  assert_error (assuan_process_done (ctx, 0), "0");
  peer_hears (&p, "OK\nD x\nOK\n");
  kit_expect ("ECHO x\n");
  assert_error (h.err, "EOF");
  hand_end (ctx, &p);
}

/* What the peer does not take waits, and so do its requests.  */
static void
test_server_backpressure (void **state) {
  assuan_context_t ctx;
  unsigned int tries = 0;
  struct hand h;
  struct peer p;

  (void) state;
  ctx = hand_serve (&h, &p);
  peer_say (&p, "BIG 2000000\nECHO x\n");
  kit_settle ();
  kit_expect ("BIG 2000000\n");
  assert_true (eva_get_queued_len (ctx) > 1000000);
  assert_int_equal (eva_get_events (ctx), EVA_WRITABLE);
  assert_true (h.n_calls < 10);
  for (; p.in.len < 2000000 || memcmp (p.in.data + p.in.len - 7, "D x\nOK\n", 7); peer_take (&p))
    kit_turn (&tries);
  kit_expect ("ECHO x\n");
  assert_int_equal (eva_get_events (ctx), EVA_READABLE);
  assert_int_equal (eva_get_queued_len (ctx), 0);
  hand_end (ctx, &p);
}

static void
test_server_pipes (void **state) {
  int to[2], from[2];
  assuan_context_t ctx;
  struct hand h;
  struct peer in, out;

  (void) state;
  assert_int_equal (pipe2 (to, O_CLOEXEC), 0);
  assert_int_equal (pipe2 (from, O_CLOEXEC), 0);
  peer_init (&in, to[1]);
  peer_init (&out, from[0]);
  assert_error (assuan_new (&ctx), "0");
  assert_error (assuan_init_pipe_server (ctx, (assuan_fd_t[2]) { to[0], from[1] }), "0");
  hand_register (ctx);
  assert_error (eva_set_nonblocking (ctx), "0");
  assert_int_equal (eva_get_fd (ctx, EVA_READABLE), to[0]);
  assert_int_equal (eva_get_fd (ctx, EVA_WRITABLE), from[1]);
  assert_int_equal (fcntl (to[0], F_GETFL) & O_NONBLOCK, 0);
  assert_int_equal (fcntl (from[1], F_GETFL) & O_NONBLOCK, 0);
  hand_drive (&h, ctx);
  peer_hears (&out, kit_format ("OK Pleased to meet you, process %d\n", (int) getpid ()));
  peer_say (&in, "ECHO x\nBIG 200000\n");
  kit_settle ();
  kit_expect ("ECHO x\nBIG 200000\n");
  assert_int_equal (eva_get_events (ctx) & EVA_WRITABLE, EVA_WRITABLE);
  for (unsigned int tries = 0; out.in.len < 200000; peer_take (&out))
    kit_turn (&tries);
  peer_close (&in);
  kit_settle ();
  assert_error (h.err, "EOF");
  peer_close (&out);
  hand_end (ctx, &in);
}

/* A server on two pipes, with a command that is not finished.  */
static assuan_context_t
work_on_pipes (struct hand *h, struct peer *in, struct peer *out) {
  int to[2], from[2];
  assuan_context_t ctx;

  assert_int_equal (pipe2 (to, O_CLOEXEC), 0);
  assert_int_equal (pipe2 (from, O_CLOEXEC), 0);
  peer_init (in, to[1]);
  peer_init (out, from[0]);
  assert_error (assuan_new (&ctx), "0");
  assert_error (assuan_init_pipe_server (ctx, (assuan_fd_t[2]) { to[0], from[1] }), "0");
  hand_register (ctx);
  assert_error (eva_set_nonblocking (ctx), "0");
  hand_drive (h, ctx);
  kit_exchange (in, NULL, "LATER\n", "LATER \n");
  return ctx;
}

/* The reader of a pipe leaves in mid-command.  */
static void
test_server_pipes_are_left (void **state) {
  assuan_context_t ctx;
  struct hand h;
  struct peer in, out;

  (void) state;
  ctx = work_on_pipes (&h, &in, &out);
  peer_close (&out);
  peer_close (&in);
  kit_await ("cancel EPIPE\n");
  assert_error (h.err, "EPIPE");
  hand_end (ctx, &in);
}

/* The same with a program that watches only what is wanted.  With MUCH, the client has said more
   than is read ahead of a command.  */
static void
leave_thrifty (bool much) {
  static const char nops[30001];
  assuan_context_t ctx;
  struct hand h;
  struct peer in, out;

  ctx = work_on_pipes (&h, &in, &out);
  h.is_thrifty = true;
  hand_now_ns = eva_now ();
  if (much) peer_write (&in, nops, sizeof nops);
  hand_settle (&h);
  if (!much) peer_close (&in);
  hand_settle (&h);
  assert_int_equal (eva_get_events (ctx), 0);
  assert_true (eva_get_deadline (ctx) > hand_now_ns);
  h.n_calls = 0;
  hand_settle (&h);
  assert_int_equal (h.n_calls, 0);
  hand_now_ns = eva_get_deadline (ctx);
  hand_settle (&h);
  assert_int_equal (h.n_calls, 1);
  peer_close (&in);
  peer_close (&out);
  hand_now_ns = eva_get_deadline (ctx);
  hand_turn (&h);
  assert_error (h.err, "EPIPE");
  kit_expect ("cancel EPIPE\n");
  hand_end (ctx, &in);
}

static void
test_server_pipes_are_left_unwatched (void **state) {
  (void) state;
  leave_thrifty (false);
  leave_thrifty (true);
}

/* What was said ahead is not lost, however much it is, and no turn is idle meanwhile.  */
static void
test_server_much_ahead (void **state) {
  static char nops[400000];
  assuan_context_t ctx;
  struct hand h;
  struct peer p;
  size_t n = 0;

  (void) state;
  for (size_t i = 0; i < sizeof nops; i += 4)
    memcpy (nops + i, "NOP\n", 4);
  ctx = hand_serve (&h, &p);
  kit_exchange (&p, NULL, "LATER\n", "LATER \n");
  for (ssize_t k = 1; k > 0; n += k > 0 ? (size_t) k : 0) {
    k = send (p.fd, nops + n, sizeof nops - n, MSG_DONTWAIT | MSG_NOSIGNAL);
    hand_settle (&h);
  }
  assert_true (n < sizeof nops);
  assert_int_equal (eva_get_events (ctx), 0);
  h.n_calls = 0;
  hand_settle (&h);
  assert_int_equal (h.n_calls, 0);
  assert_error (assuan_process_done (ctx, 0), "0");
  for (unsigned int tries = 0; p.in.len < 3 * (1 + sizeof nops / 4);) {
    ssize_t k = send (p.fd, nops + n, sizeof nops - n, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (k > 0) n += (size_t) k;
    kit_turn (&tries);
    peer_take (&p);
  }
  assert_int_equal (p.in.len, 3 * (1 + sizeof nops / 4));
  text_free (&p.in);
  hand_end (ctx, &p);
}

static void
test_server_ends_itself (void **state) {
  assuan_context_t ctx;
  struct hand h;
  struct peer p;

  (void) state;
  ctx = hand_serve (&h, &p);
  kit_exchange (&p, NULL, "SAY 1\nCLOSE\nSAY 1\n", "SAY 1\nCLOSE\n");
  assert_error (h.err, "CANCELED");
  hand_end (ctx, &p);
  hand_serve (&h, &p);
  peer_say (&p, "SAY 1\nRELEASE\nSAY 1\n");
  peer_hears_end (&p);
  kit_expect ("SAY 1\nRELEASE\n");
  assert_error (h.err, "EOF");
  hand_forget_all ();
  peer_close (&p);
}

static const struct CMUnitTest tests[] = {
  kit_test (test_server),
  kit_test (test_server_is_greeted_late),
  kit_test (test_server_inquires),
  kit_test (test_server_octets),
  kit_test (test_server_is_left),
  kit_test (test_server_half_close),
  kit_test (test_server_backpressure),
  kit_test (test_server_pipes),
  kit_test (test_server_pipes_are_left),
  kit_test (test_server_pipes_are_left_unwatched),
  kit_test (test_server_much_ahead),
  kit_test (test_server_ends_itself),
};

const struct suite hand_server_suite = { "hand-server", tests, N_ELEMENTS (tests) };
