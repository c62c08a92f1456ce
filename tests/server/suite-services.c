/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-services.c - what a service hears: before and after each command, BYE and CANCEL.

   The books of service.c check in every test of every suite that each command which before let pass
   has one after, and that before the connection's close.  */

#include "suite.h"

/* --- Names, results --------------------------------------------------------------------------- */

static void
test_names (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  peer_ask (p, "echo x\n", "D x\nOK\n");
  assert_string_equal (p->guest->last_command, "ECHO");
  peer_ask (p, "nop\n", "OK\n");
  assert_string_equal (p->guest->last_command, "NOP");
  assert_int_equal (p->guest->n_commands, 2);
}

static void
test_no_command (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  peer_say (p, "NOSUCH\n");
  peer_expect_err (p, GPG_ERR_ASS_UNKNOWN_CMD, NULL);
  peer_say (p, "D stray\n NOP\n# comment\n\n");
  peer_expect_err (p, GPG_ERR_NOT_IMPLEMENTED, NULL);
  peer_expect_err (p, GPG_ERR_ASS_SYNTAX, "leading white-space");
  peer_ask (p, "NOP\n", "OK\n");
  assert_int_equal (p->guest->n_commands, 1);
}

static void
test_results (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  peer_say (p, "FAIL 99\n");
  peer_expect_err (p, 99, NULL);
  assert_int_equal (p->guest->last_result, 99);
  peer_ask (p, "RUN\n", "OK\n");
  assert_int_equal (p->guest->last_result, 0);
  peer_say (p, "CANCEL\n");
  peer_expect_err (p, GPG_ERR_NOT_IMPLEMENTED, NULL);
  assert_int_equal (p->guest->last_result, GPG_ERR_NOT_IMPLEMENTED);
}

/* The answer is said by then, and what after says does not get in between.  */
static void
say_status (assuan_context_t ctx, const char *name, gpg_error_t result) {
  (void) result;
  if (!strcmp (name, "RUN")) assert_int_equal (assuan_write_status (ctx, "AFTER", NULL), 0);
  assert_code (assuan_process_done (ctx, 0), GPG_ERR_ASS_GENERAL);
}

static void
test_order (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  service.after = say_status;
  peer_ask (p, "RUN\nNOP\n", "OK\nS AFTER\nOK\n");
}

/* --- Refusing --------------------------------------------------------------------------------- */

static gpg_error_t
refuse_run (assuan_context_t ctx, const char *name) {
  assuan_peercred_t peer;

  assert_int_equal (assuan_get_peercred (ctx, &peer), 0);
  if (peer->uid != geteuid () || strcmp (name, "RUN") != 0) return 0;
  return assuan_set_error (ctx, ERR (GPG_ERR_FORBIDDEN), "not for you");
}

static void
test_refusing (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  service.before = refuse_run;
  peer_say (p, "RUN\nNOP\nrun\n");
  peer_expect_err (p, GPG_ERR_FORBIDDEN, "not for you");
  peer_expect (p, "OK\n");
  peer_expect_err (p, GPG_ERR_FORBIDDEN, "not for you");
  assert_int_equal (service.n_runs, 0);
  assert_int_equal (p->guest->n_commands, 1);
}

static gpg_error_t
finish_in_before (assuan_context_t ctx, const char *name) {
  (void) name;
  assert_int_equal (assuan_process_done (ctx, 0), 0);
  return 0;
}

static void
test_finished_before (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  service.before = finish_in_before;
  service.before_finishes = true;
  peer_ask (p, "RUN\nRUN\n", "OK\nOK\n");
  assert_int_equal (service.n_runs, 0);
}

/* A connection may have notifications of its own besides: before lets pass what these refuse.  */
static gpg_error_t
refuse_all (assuan_context_t ctx, const char *name) {
  (void) ctx;
  (void) name;
  return ERR (GPG_ERR_FORBIDDEN);
}

static gpg_error_t
open_with_own (assuan_context_t ctx) {
  return assuan_register_pre_cmd_notify (ctx, refuse_all);
}

static void
test_own_notification (void **state) {
  struct peer *p;

  (void) state;
  service.open = open_with_own;
  p = peer_new ();
  peer_say (p, "RUN\n");
  peer_expect_err (p, GPG_ERR_FORBIDDEN, NULL);
  assert_int_equal (p->guest->n_commands, 1);
  assert_int_equal (p->guest->last_result, GPG_ERR_FORBIDDEN);
}

/* --- Commands that take their time ------------------------------------------------------------ */

static void
test_deferred (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  peer_say (p, "WAIT\nNOP\n");
  kit_until (service.jobs);
  peer_expect_nothing (p);
  assert_non_null (p->guest->command);
  service_finish (ERR (GPG_ERR_NO_DATA));
  assert_string_equal (p->guest->last_command, "WAIT");
  assert_int_equal (p->guest->last_result, GPG_ERR_NO_DATA);
  peer_expect_err (p, GPG_ERR_NO_DATA, NULL);
  peer_expect (p, "OK\n");
}

static void
test_inquiry (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  peer_ask (p, "ASK\n", "INQUIRE ASKED\n");
  assert_non_null (p->guest->command);
  peer_say (p, "CAN\n");
  peer_expect_err (p, GPG_ERR_ASS_CANCELED, NULL);
  assert_int_equal (p->guest->last_result, GPG_ERR_ASS_CANCELED);
}

static void
test_timeout (void **state) {
  const struct eva_limits limits = { .command_timeout_ms = 20 };
  struct peer *p;

  (void) state;
  kit_set_connection_limits (&limits);
  p = peer_new ();
  peer_say (p, "WAIT\n");
  peer_expect_err (p, GPG_ERR_TIMEOUT, NULL);
  assert_string_equal (p->guest->last_command, "WAIT");
  assert_int_equal (p->guest->last_result, GPG_ERR_TIMEOUT);
}

static void
test_leaving (void **state) {
  struct peer *p = peer_new (), *q = peer_new ();

  (void) state;
  peer_say (p, "WAIT\n");
  peer_say (q, "ASK\n");
  kit_until (service.jobs && service.inquiries);
  peer_close (p);
  peer_close (q);
  kit_until (p->guest->n_closed && q->guest->n_closed);
  assert_string_equal (p->guest->last_command, "WAIT");
  assert_int_equal (p->guest->last_result, GPG_ERR_EPIPE);
  assert_string_equal (q->guest->last_command, "ASK");
  assert_int_not_equal (q->guest->last_result, 0);
}

/* The server's own ends: each of them while a command is open.  */
static void
test_ends (void **state) {
  void (*const ends[]) (struct peer *) = { peer_close_guest, peer_release_guest, peer_lose_server };

  (void) state;
  for (size_t i = 0; i < N_ELEMENTS (ends); i++) {
    struct peer *p = peer_new ();
    struct job *before = service.jobs;
    peer_say (p, "WAIT\n");
    kit_until (service.jobs != before);
    ends[i](p);
    kit_until (p->guest->n_closed);
    assert_string_equal (p->guest->last_command, "WAIT");
    assert_int_equal (p->guest->last_result, GPG_ERR_CANCELED);
  }
}

/* --- BYE and CANCEL --------------------------------------------------------------------------- */

static char heard[64];

static gpg_error_t
hear (assuan_context_t ctx, char *line) {
  assert_false (service_guest_of (ctx)->n_closed);
  assert_non_null (service_guest_of (ctx)->command);
  snprintf (heard, sizeof heard, "%s", line);
  return ERR (GPG_ERR_NO_DATA); /* which is ignored */
}

static void
test_bye (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  service.bye = hear;
  peer_ask (p, "BYE for now\n", "OK closing connection\n");
  assert_string_equal (heard, "for now");
  peer_expect_end (p);
  assert_string_equal (p->guest->last_command, "BYE");
  assert_int_equal (p->guest->last_result, 0);
}

static void
test_cancel (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  service.cancel_command = hear;
  peer_say (p, "CANCEL it\n");
  peer_expect_err (p, GPG_ERR_NOT_IMPLEMENTED, NULL);
  assert_string_equal (heard, "it");
}

/* --- Releasing within them -------------------------------------------------------------------- */

static void (*end_it) (assuan_context_t ctx);

static void
free_server (assuan_context_t ctx) {
  (void) ctx;
  kit_free_server ();
}

static gpg_error_t
end_before (assuan_context_t ctx, const char *name) {
  (void) name;
  end_it (ctx);
  return 0;
}

static void
end_after (assuan_context_t ctx, const char *name, gpg_error_t result) {
  (void) name;
  (void) result;
  end_it (ctx);
}

static gpg_error_t
end_in_bye (assuan_context_t ctx, char *line) {
  (void) line;
  end_it (ctx);
  return 0;
}

static void
begin_again (void) {
  if (!kit.server)
    assert_int_equal (eva_server_new (kit.loop.loop, &service_offer, &kit, &kit.server), 0);
  service.before = NULL;
  service.after = NULL;
  service.bye = service.cancel_command = NULL;
}

static void
test_ending_within (void **state) {
  void (*const ends[]) (assuan_context_t) = { assuan_release, eva_close, free_server };

  (void) state;
  for (size_t i = 0; i < 4 * N_ELEMENTS (ends); i++) {
    struct peer *p = peer_new ();
    end_it = ends[i / 4];
    if (i % 4 == 0) service.before = end_before;
    /* eva_close in before answers the command, which no after follows.  */
    service.before_finishes = service.before && end_it == eva_close;
    if (i % 4 == 1) service.after = end_after;
    if (i % 4 == 2) service.bye = end_in_bye;
    if (i % 4 == 3) service.cancel_command = end_in_bye;
    peer_say (p, i % 4 == 2 ? "BYE\n" : "CANCEL\n");
    kit_until (p->guest->n_closed);
    service.before_finishes = false;
    begin_again ();
  }
}

/* A monitor that is shown the answer releases the context: the command had no other end yet.  */
static unsigned int
release_at_ok (assuan_context_t ctx, void *arg, int direction, const char *line, size_t len) {
  (void) arg;
  if (direction == ASSUAN_IO_TO_PEER && len == 2 && !memcmp (line, "OK", 2)) assuan_release (ctx);
  return 0;
}

static void
test_released_by_monitor (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  assuan_set_io_monitor (p->guest->ctx, release_at_ok, NULL);
  peer_say (p, "RUN\n");
  kit_until (p->guest->n_closed);
  assert_string_equal (p->guest->last_command, "RUN");
}

static const struct CMUnitTest tests[] = {
  kit_test (test_names),
  kit_test (test_no_command),
  kit_test (test_results),
  kit_test (test_order),
  kit_test (test_refusing),
  kit_test (test_finished_before),
  kit_test (test_own_notification),
  kit_test (test_deferred),
  kit_test (test_inquiry),
  kit_test (test_timeout),
  kit_test (test_leaving),
  kit_test (test_ends),
  kit_test (test_bye),
  kit_test (test_cancel),
  kit_test (test_ending_within),
  kit_test (test_released_by_monitor),
};

SUITE (services);
