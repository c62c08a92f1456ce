/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-drain.c - servers that end gently.  */

#include "suite.h"

#include <errno.h>
#include <sys/socket.h>

static unsigned int n_drained;

static void
on_drained (eva_server *server, void *arg) {
  assert_ptr_equal (server, kit.server);
  assert_ptr_equal (arg, &n_drained);
  assert_int_equal (kit_stats ().n_connections, 0);
  n_drained++;
}

static void
drain (unsigned int timeout_ms) {
  n_drained = 0;
  assert_int_equal (eva_server_drain (kit.server, timeout_ms, on_drained, &n_drained), 0);
  assert_int_equal (n_drained, 0); /* out of the loop only */
}

static void
begin_job (struct peer *p) {
  struct job *old = service.jobs;

  peer_say (p, "WAIT\n");
  kit_until (service.jobs != old);
}

static void
test_nobody_there (void **state) {
  (void) state;
  drain (1000);
  kit_until (n_drained);
  kit_settle ();
  assert_int_equal (n_drained, 1);
}

static void
test_without_callback (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  assert_int_equal (eva_server_drain (kit.server, 0, NULL, NULL), 0);
  peer_expect_end (p);
}

static void
test_idle_ones (void **state) {
  struct peer *p = peer_new (), *q = peer_new ();

  (void) state;
  peer_say (q, "ECHO hal");
  kit_settle ();
  drain (100000);
  peer_expect_end (p);
  peer_expect_end (q);
  kit_until (n_drained);
  assert_int_equal (p->guest->reason, GPG_ERR_CANCELED);
  assert_int_equal (n_drained, 1);
}

static void
test_commands_finish (void **state) {
  struct peer *p = peer_new (), *q = peer_new ();

  (void) state;
  begin_job (p);
  peer_ask (q, "ASK\n", "INQUIRE ASKED\n");
  drain (100000);
  kit_settle ();
  assert_int_equal (n_drained, 0);
  peer_ask (q, "D data\nEND\n", "D data\nOK\n");
  peer_expect_end (q);
  peer_expect_nothing (p);
  service_finish (0);
  peer_expect (p, "OK\n");
  peer_expect_end (p);
  kit_until (n_drained);
  assert_int_equal (kit_stats ().n_commands, 2);
  assert_int_equal (kit_stats ().n_cancelled, 0);
}

/* What waits after the open command is not begun.  */
static void
test_requests_ahead (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  peer_say (p, "WAIT\nRUN\nRUN\n");
  kit_until (service.jobs);
  drain (100000);
  service_finish (0);
  peer_expect (p, "OK\n");
  peer_expect_end (p);
  assert_int_equal (service.n_runs, 0);
}

static void
test_time_is_over (void **state) {
  struct peer *p = peer_new (), *q = peer_new ();

  (void) state;
  begin_job (p);
  peer_ask (q, "ASK\n", "INQUIRE ASKED\n");
  drain (20);
  peer_expect_err (p, GPG_ERR_CANCELED, "[closing connection]");
  peer_expect_end (p);
  peer_expect_err (q, GPG_ERR_CANCELED, "[closing connection]");
  peer_expect_end (q);
  kit_until (n_drained);
  assert_int_equal (service.jobs->reason, GPG_ERR_CANCELED);
  assert_code (service.inquiries->err, GPG_ERR_CANCELED);
  assert_int_equal (kit_stats ().n_cancelled, 2);
}

static uint64_t drained_from_ns;

static gpg_error_t
work_and_drain (assuan_context_t ctx, char *line) {
  (void) ctx;
  (void) line;
  usleep (30 * 1000);
  drained_from_ns = eva_now ();
  drain (20);
  return 0;
}

/* The time counts from the call, whatever the callback did before.  */
static void
test_after_work (void **state) {
  struct peer *p = peer_new (), *q = peer_new ();

  (void) state;
  begin_job (p);
  service.run = work_and_drain;
  peer_ask (q, "RUN\n", "OK\n");
  kit_until (service.jobs->n_cancelled);
  assert_true (eva_now () - drained_from_ns >= 20 * UINT64_C (1000000));
  peer_expect_err (p, GPG_ERR_CANCELED, "[closing connection]");
  kit_until (n_drained);
}

static void
test_no_time_at_all (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  begin_job (p);
  drain (0);
  assert_int_equal (service.jobs->n_cancelled, 0);
  peer_expect_err (p, GPG_ERR_CANCELED, "[closing connection]");
  kit_until (n_drained);
}

static void
test_all_the_time (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  begin_job (p);
  drain (EVA_NO_LIMIT);
  kit_idle (50);
  assert_int_equal (service.jobs->n_cancelled, 0);
  service_finish (0);
  peer_expect (p, "OK\n");
  kit_until (n_drained);
}

/* What was said before is still sent.  */
static void
test_queued_output (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  peer_say (p, "DATA 1000000\n");
  kit_settle ();
  drain (1);
  kit_idle (20);
  assert_int_equal (n_drained, 0);
  peer_expect_data (p, 1000000);
  peer_expect_end (p);
  kit_until (n_drained);
}

/* A client that does not take it holds up none forever.  */
static void
test_queued_output_not_taken (void **state) {
  const struct eva_limits limits = { .close_timeout_ms = 30 };

  (void) state;
  kit_set_connection_limits (&limits);
  peer_say (peer_new (), "DATA 1000000\n");
  kit_settle ();
  drain (EVA_NO_LIMIT);
  kit_until (n_drained);
  assert_int_equal (kit_stats ().n_timed_out, 1);
}

static gpg_error_t
drain_within (assuan_context_t ctx, char *line) {
  (void) line;
  drain (100000);
  return assuan_set_okay_line (ctx, "going");
}

static void
test_out_of_handler (void **state) {
  struct peer *p = peer_new (), *q = peer_new ();

  (void) state;
  service.run = drain_within;
  peer_ask (p, "RUN\nNOP\n", "OK going\n");
  peer_expect_end (p);
  peer_expect_end (q);
  kit_until (n_drained);
}

static void
test_nobody_comes_in (void **state) {
  char address[100];
  struct peer *p;
  gpg_error_t err;

  (void) state;
  snprintf (address, sizeof address, "unix:%s", tmpdir_path ("s"));
  assert_int_equal (eva_server_listen (kit.server, address, 0), 0);
  p = peer_connect (0);
  kit_until (service.n_guests);
  begin_job (p);
  drain (100000);
  assert_null (eva_server_get_address (kit.server, 0));
  assert_int_equal (access (tmpdir_path ("s"), F_OK), -1);
  assert_null (peer_adopt (0, &err));
  assert_code (err, GPG_ERR_LIMIT_REACHED);
  assert_code (eva_server_listen (kit.server, address, 0), GPG_ERR_ASS_GENERAL);
  assert_code (eva_server_drain (kit.server, 0, on_drained, NULL), GPG_ERR_ASS_GENERAL);
  service_finish (0);
  kit_until (n_drained);
}

static void
drained_and_free (eva_server *server, void *arg) {
  assert_ptr_equal (server, kit.server);
  ++*(unsigned int *) arg;
  kit_free_server ();
}

static void
test_freed_when_done (void **state) {
  struct peer *p = peer_new ();
  unsigned int n = 0;

  (void) state;
  assert_int_equal (eva_server_drain (kit.server, 100000, drained_and_free, &n), 0);
  peer_expect_end (p);
  kit_until (n);
  kit_settle ();
  assert_int_equal (n, 1);
}

static void
test_freed_before (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  begin_job (p);
  drain (1);
  kit_free_server ();
  kit_idle (20);
  assert_int_equal (n_drained, 0);
  peer_drop_all (p);
}

/* Freed when the last one has left, and done is due.  */
static void
test_freed_when_due (void **state) {
  (void) state;
  drain (1);
  kit_free_server ();
  kit_idle (20);
  assert_int_equal (n_drained, 0);
}

static const struct CMUnitTest tests[] = {
  kit_test (test_nobody_there),    kit_test (test_without_callback),
  kit_test (test_idle_ones),       kit_test (test_commands_finish),
  kit_test (test_requests_ahead),  kit_test (test_time_is_over),
  kit_test (test_no_time_at_all),  kit_test (test_all_the_time),
  kit_test (test_queued_output),   kit_test (test_queued_output_not_taken),
  kit_test (test_out_of_handler),  kit_test (test_nobody_comes_in),
  kit_test (test_freed_when_done), kit_test (test_freed_before),
  kit_test (test_freed_when_due),  kit_test (test_after_work),
};

SUITE (drain);
