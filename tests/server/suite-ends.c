/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-ends.c - the ways in which connections end.  That each is told once is seen to by the books
   of the service.  */

#include "suite.h"

#include <sys/socket.h>

static void
begin_job (struct peer *p) {
  struct job *old = service.jobs;

  peer_say (p, "WAIT\n");
  kit_until (service.jobs != old);
  kit_settle ();
}

/* Waits for the end of P's connection.  */
static void
await_close (struct peer *p, gpg_err_code_t reason) {
  kit_until (p->guest->n_closed);
  assert_int_equal (p->guest->reason, reason);
}

/* --- The client leaves ------------------------------------------------------------------------ */

static void
test_leaves_while_idle (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  peer_close (p);
  await_close (p, GPG_ERR_EOF);
  assert_int_equal (kit_stats ().n_connections, 0);
  assert_int_equal (kit_stats ().most_connections, 1);
}

static void
test_leaves_before_greeting (void **state) {
  gpg_error_t err;
  struct peer *p = peer_adopt (0, &err);

  (void) state;
  assert_int_equal (err, 0);
  peer_close (p);
  await_close (p, GPG_ERR_EPIPE);
}

static void
test_leaves_in_command (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  begin_job (p);
  peer_close (p);
  await_close (p, GPG_ERR_EPIPE);
  assert_int_equal (service.jobs->n_cancelled, 1);
  assert_int_equal (service.jobs->reason, GPG_ERR_EPIPE);
  assert_int_equal (kit_stats ().n_cancelled, 1);
  assert_int_equal (kit_stats ().n_commands, 0);
  assert_int_equal (kit_stats ().n_open_commands, 0);
}

/* What it had asked for behind that is not begun any more.  */
static void
test_leaves_with_requests_ahead (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  peer_say (p, "WAIT\nRUN\nRUN\n");
  peer_close (p);
  await_close (p, GPG_ERR_EPIPE);
  assert_int_equal (service.n_runs, 0);
  assert_int_equal (service.jobs->n_cancelled, 1);
}

/* Without a command all that was asked for is done, though no client hears of it.  */
static void
test_leaves_after_requests (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  peer_say (p, "RUN\nRUN\nRUN\n");
  peer_close (p);
  await_close (p, GPG_ERR_EPIPE);
  assert_int_equal (service.n_runs, 3);
}

static void
test_leaves_with_output_queued (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  peer_say (p, "DATA 1000000\nNOP\n");
  kit_settle ();
  assert_true (eva_get_queued_len (p->guest->ctx) > 0);
  peer_close (p);
  await_close (p, GPG_ERR_EPIPE);
}

/* In a command that has said more than the client took.  */
static gpg_error_t
fill_and_defer (assuan_context_t ctx, char *line) {
  static char much[500000];

  (void) line;
  assert_int_equal (assuan_send_data (ctx, much, sizeof much), 0);
  return service_defer (ctx);
}

static void
test_leaves_in_command_with_output_queued (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  service.run = fill_and_defer;
  peer_say (p, "RUN\n");
  kit_settle ();
  peer_close (p);
  kit_until (p->guest->n_closed);
  assert_int_equal (service.jobs->n_cancelled, 1);
}

/* Unread octets make its leaving a reset.  */
static void
test_reset_while_idle (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  peer_say (p, "NOP\n");
  kit_settle ();
  peer_close (p);
  await_close (p, GPG_ERR_EPIPE);
}

static void
test_reset_in_command (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  peer_say (p, "ECHO unread\nWAIT\n");
  kit_until (service.jobs);
  kit_settle ();
  peer_close (p);
  await_close (p, GPG_ERR_EPIPE);
  assert_int_equal (service.jobs->reason, GPG_ERR_EPIPE);
}

/* --- It has only finished sending
   ---------------------------------------------------------------  */

static void
test_half_closed (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  peer_say (p, "ECHO a\nSTATUS 1\nDATA 300000\n");
  peer_shut (p);
  peer_expect (p, "D a\nOK\nS COUNT 0\nOK\n");
  peer_expect_data (p, 300000);
  peer_expect_end (p);
  await_close (p, GPG_ERR_EOF);
}

static void
test_half_closed_in_command (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  peer_say (p, "WAIT\nECHO a\nWAIT\nECHO b\n");
  peer_shut (p);
  kit_until (service.jobs);
  peer_expect_nothing (p);
  assert_int_equal (service.jobs->n_cancelled, 0);
  service_finish (0);
  peer_expect (p, "OK\nD a\nOK\n");
  peer_expect_nothing (p);
  service_finish (0);
  peer_expect (p, "OK\nD b\nOK\n");
  peer_expect_end (p);
  await_close (p, GPG_ERR_EOF);
}

/* A client that is half closed costs nothing while its command goes on.  */
static void
test_half_closed_is_quiet (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  begin_job (p);
  peer_shut (p);
  kit_settle ();
  assert_true (kit_idle (100) < 30);
  service_finish (0);
  peer_expect (p, "OK\n");
  peer_expect_end (p);
}

static void
test_half_closed_then_closed (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  begin_job (p);
  peer_shut (p);
  kit_settle ();
  assert_int_equal (service.jobs->n_cancelled, 0);
  peer_close (p);
  if (kit_tells_hangup ()) {
    kit_settle ();
    assert_int_equal (service.jobs->n_cancelled, 1);
  }
  await_close (p, GPG_ERR_EPIPE);
  assert_int_equal (service.jobs->reason, GPG_ERR_EPIPE);
}

/* A whole buffer of requests waits, so that nothing more is read: the leaving is told all the
   same.  */
static void
test_leaves_with_full_buffer (void **state) {
  static char requests[40000];
  struct peer *p = peer_new ();

  (void) state;
  memset (requests, '\n', sizeof requests);
  memcpy (requests, "WAIT\nNOP\n", 9);
  for (size_t i = 9; i + 4 <= sizeof requests; i += 4)
    memcpy (requests + i, "NOP\n", 4);
  peer_send (p, requests, sizeof requests);
  kit_until (service.jobs);
  kit_settle ();
  assert_in_range (kit_idle (300), 0, 100);
  peer_close (p);
  if (kit_tells_hangup ()) {
    kit_settle ();
    assert_int_equal (service.jobs->n_cancelled, 1);
  }
  await_close (p, GPG_ERR_EPIPE);
}

/* --- The server closes ------------------------------------------------------------------------ */

static gpg_error_t
close_within (assuan_context_t ctx, char *line) {
  if (*line) assert_int_equal (assuan_send_data (ctx, line, strlen (line)), 0);
  eva_close (ctx);
  eva_close (ctx);
  return 0;
}

static void
test_close_in_handler (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  service.run = close_within;
  peer_ask (p, "RUN text\nRUN\n", "D text\n");
  peer_expect_err (p, GPG_ERR_CANCELED, "[closing connection]");
  peer_expect_end (p);
  await_close (p, GPG_ERR_CANCELED);
  assert_int_equal (service.n_runs, 1);
}

static void
close_ctx (void *arg) {
  eva_close (arg);
}

static void
test_close_while_idle (void **state) {
  struct peer *p = peer_new (), *q = peer_new ();

  (void) state;
  kit_after (0, close_ctx, p->guest->ctx);
  peer_expect_end (p);
  await_close (p, GPG_ERR_CANCELED);
  eva_close (q->guest->ctx);
  assert_int_equal (q->guest->n_closed, 0); /* out of the loop only */
  peer_expect_end (q);
  await_close (q, GPG_ERR_CANCELED);
}

static void
test_close_in_command (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  begin_job (p);
  peer_say (p, "ECHO never\n");
  kit_after (0, close_ctx, p->guest->ctx);
  peer_expect_err (p, GPG_ERR_CANCELED, "[closing connection]");
  peer_expect_end (p);
  await_close (p, GPG_ERR_CANCELED);
  assert_int_equal (service.jobs->reason, GPG_ERR_CANCELED);
  assert_int_equal (kit_stats ().n_cancelled, 1);
  assert_int_equal (kit_stats ().n_commands, 0);
}

static void
test_close_in_inquiry (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  peer_ask (p, "ASK\n", "INQUIRE ASKED\n");
  eva_close (p->guest->ctx);
  assert_code (service.inquiries->err, GPG_ERR_CANCELED);
  peer_expect_err (p, GPG_ERR_CANCELED, "[closing connection]");
  peer_expect_end (p);
  await_close (p, GPG_ERR_CANCELED);
}

static void
cancel_and_close (assuan_context_t ctx, gpg_error_t reason) {
  (void) reason;
  eva_close (ctx);
}

static void
test_close_in_cancel (void **state) {
  struct peer *p = peer_new (), *q = peer_new ();

  (void) state;
  service.cancel = cancel_and_close;
  begin_job (p);
  eva_close (p->guest->ctx);
  peer_expect_err (p, GPG_ERR_CANCELED, "[closing connection]");
  peer_expect_end (p);
  begin_job (q);
  peer_close (q);
  kit_until (q->guest->n_closed);
  assert_int_equal (kit_stats ().n_cancelled, 2);
}

/* The cancel callback may answer the command itself.  */
static void
cancel_and_finish (assuan_context_t ctx, gpg_error_t reason) {
  (void) reason;
  assuan_process_done (ctx, ERR (GPG_ERR_NO_DATA));
}

static void
test_finish_in_cancel (void **state) {
  struct peer *p = peer_new (), *q = peer_new ();

  (void) state;
  service.cancel = cancel_and_finish;
  begin_job (p);
  eva_close (p->guest->ctx);
  peer_expect_err (p, GPG_ERR_NO_DATA, NULL);
  peer_expect_end (p);
  await_close (p, GPG_ERR_CANCELED);
  begin_job (q);
  peer_close (q);
  kit_until (q->guest->n_closed);
}

/* What is queued is still sent, however slowly it is taken.  */
static void
test_close_with_output_queued (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  peer_say (p, "DATA 1000000\n");
  kit_settle ();
  eva_close (p->guest->ctx);
  kit_settle ();
  assert_int_equal (p->guest->n_closed, 0);
  peer_expect_data (p, 1000000);
  peer_expect_end (p);
  await_close (p, GPG_ERR_CANCELED);
}

static gpg_error_t
force_close (assuan_context_t ctx, char *line) {
  assuan_set_flag (ctx, ASSUAN_FORCE_CLOSE, 1);
  return *line ? ERR (GPG_ERR_NO_DATA) : 0;
}

static void
test_force_close (void **state) {
  struct peer *p = peer_new (), *q = peer_new ();

  (void) state;
  service.run = force_close;
  peer_ask (p, "RUN\nNOP\n", "OK closing connection\n");
  peer_expect_end (p);
  await_close (p, GPG_ERR_CANCELED);
  peer_say (q, "RUN x\n");
  peer_expect_err (q, GPG_ERR_NO_DATA, "[closing connection]");
  peer_expect_end (q);
  await_close (q, GPG_ERR_CANCELED);
}

static void
force_each (assuan_context_t ctx, void *arg) {
  ++*(unsigned int *) arg;
  assuan_set_flag (ctx, ASSUAN_FORCE_CLOSE, 1);
}

/* Those that are at rest end with their next command, an open one with its reply.  */
static void
test_force_close_of_all (void **state) {
  struct peer *p = peer_new (), *q = peer_new ();
  unsigned int n = 0;

  (void) state;
  begin_job (q);
  eva_server_each (kit.server, force_each, &n);
  assert_int_equal (n, 2);
  peer_expect_nothing (p);
  service_finish (0);
  peer_expect (q, "OK closing connection\n");
  peer_expect_end (q);
  peer_ask (p, "ECHO last\n", "D last\nOK closing connection\n");
  peer_expect_end (p);
}

static void
close_each (assuan_context_t ctx, void *arg) {
  ++*(unsigned int *) arg;
  eva_close (ctx);
}

static void
test_close_of_all (void **state) {
  struct peer *peers[10];
  unsigned int n = 0;

  (void) state;
  for (size_t i = 0; i < 10; i++)
    peers[i] = peer_new ();
  begin_job (peers[5]);
  eva_server_each (kit.server, close_each, &n);
  assert_int_equal (n, 10);
  for (size_t i = 0; i < 10; i++) {
    if (i == 5) peer_expect_err (peers[i], GPG_ERR_CANCELED, "[closing connection]");
    peer_expect_end (peers[i]);
  }
  eva_server_each (kit.server, close_each, &n);
  assert_int_equal (n, 10);
}

/* --- Over TCP --------------------------------------------------------------------------------- */

static struct peer *
connect_tcp (void) {
  struct peer *p;

  if (!eva_server_get_address (kit.server, 0)) {
    assert_int_equal (eva_server_allow_uid (kit.server, EVA_ANY_UID), 0);
    assert_int_equal (eva_server_listen (kit.server, "tcp:127.0.0.1:0", 0), 0);
  }
  p = peer_connect (0);
  peer_expect_greeting (p);
  p->guest = service.guests;
  return p;
}

static void
test_tcp_half_closed (void **state) {
  struct peer *p = connect_tcp ();

  (void) state;
  peer_say (p, "WAIT\nECHO a\n");
  peer_shut (p);
  kit_until (service.jobs);
  kit_settle ();
  service_finish (0);
  peer_expect (p, "OK\nD a\nOK\n");
  peer_expect_end (p);
  await_close (p, GPG_ERR_EOF);
}

static void
test_tcp_reset (void **state) {
  const struct linger at_once = { .l_onoff = 1 };
  struct peer *p = connect_tcp (), *q = connect_tcp ();

  (void) state;
  begin_job (p);
  setsockopt (p->in_fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  peer_close (p);
  await_close (p, GPG_ERR_EPIPE);
  assert_int_equal (service.jobs->reason, GPG_ERR_EPIPE);
  setsockopt (q->in_fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  peer_close (q);
  await_close (q, GPG_ERR_EPIPE);
}

static const struct CMUnitTest tests[] = {
  kit_test (test_leaves_while_idle),
  kit_test (test_leaves_before_greeting),
  kit_test (test_leaves_in_command),
  kit_test (test_leaves_with_requests_ahead),
  kit_test (test_leaves_after_requests),
  kit_test (test_leaves_with_output_queued),
  kit_test (test_leaves_in_command_with_output_queued),
  kit_test (test_reset_while_idle),
  kit_test (test_reset_in_command),
  kit_test (test_half_closed),
  kit_test (test_half_closed_in_command),
  kit_test (test_half_closed_is_quiet),
  kit_test (test_half_closed_then_closed),
  kit_test (test_leaves_with_full_buffer),
  kit_test (test_close_in_handler),
  kit_test (test_close_while_idle),
  kit_test (test_close_in_command),
  kit_test (test_close_in_inquiry),
  kit_test (test_close_in_cancel),
  kit_test (test_finish_in_cancel),
  kit_test (test_close_with_output_queued),
  kit_test (test_force_close),
  kit_test (test_force_close_of_all),
  kit_test (test_close_of_all),
  kit_test (test_tcp_half_closed),
  kit_test (test_tcp_reset),
};

SUITE (ends);
