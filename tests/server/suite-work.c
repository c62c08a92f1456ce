/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-work.c - limits of time where handlers work for longer than these.  Each time begins when
   what it limits does, not when the turn began in which a handler worked.  */

#include "suite.h"

#define SHORT_MS 50

static const struct eva_limits idle_limit = { .idle_timeout_ms = SHORT_MS };
static const struct eva_limits line_limit = { .line_timeout_ms = SHORT_MS };
static const struct eva_limits command_limit = { .command_timeout_ms = SHORT_MS };
static const struct eva_limits inquiry_limit = { .inquiry_timeout_ms = SHORT_MS };
static const struct eva_limits close_limit = { .close_timeout_ms = SHORT_MS };

/* When the last handler that worked was through; what that was when a job began.  */
static uint64_t begin_ns, job_begin_ns;

/* Asserts that the short time is over since begin_ns.  */
static void
assert_time (void) {
  assert_true (eva_now () - begin_ns >= SHORT_MS * UINT64_C (1000000));
}

static gpg_error_t (*after_work) (assuan_context_t ctx);

/* RUN defer: a job at once; else it works first.  */
static gpg_error_t
work (assuan_context_t ctx, char *line) {
  gpg_error_t err = 0;

  if (!strcmp (line, "defer")) {
    job_begin_ns = begin_ns;
    return service_defer (ctx);
  }
  usleep (2 * SHORT_MS * 1000);
  if (after_work && *line == 'a') err = after_work (ctx);
  begin_ns = eva_now ();
  return err;
}

static struct peer *
make_worker (const struct eva_limits *limits) {
  service.run = work;
  after_work = NULL;
  kit_set_connection_limits (limits);
  return peer_new ();
}

static void
test_idle_after_work (void **state) {
  struct peer *p = make_worker (&idle_limit);

  (void) state;
  peer_ask (p, "RUN\n", "OK\n");
  peer_expect_err (p, GPG_ERR_TIMEOUT, "[closing connection]");
  assert_time ();
}

static void
test_line_after_work (void **state) {
  struct peer *p = make_worker (&line_limit);

  (void) state;
  peer_ask (p, "RUN\nECHO hal", "OK\n");
  peer_expect_err (p, GPG_ERR_TIMEOUT, "[closing connection]");
  assert_time ();
}

static void
test_command_after_work (void **state) {
  struct peer *p = make_worker (&command_limit);

  (void) state;
  peer_ask (p, "RUN\nRUN defer\n", "OK\n");
  peer_expect_err (p, GPG_ERR_TIMEOUT, NULL);
  assert_time ();
}

/* A handler of another client may work in the same turn of the loop, before a command begins.  */
static void
test_after_work_for_others (void **state) {
  struct peer *p = make_worker (&command_limit), *q = peer_new ();

  (void) state;
  for (int i = 0; i < 2; i++) {
    struct peer *worker = i ? p : q, *other = i ? q : p;
    struct job *old = service.jobs;
    begin_ns = 0;
    peer_say (worker, "RUN\n");
    peer_say (other, "RUN defer\n");
    kit_until (service.jobs != old && service.jobs->n_cancelled);
    begin_ns = job_begin_ns;
    assert_time ();
    peer_expect (worker, "OK\n");
    peer_expect_err (other, GPG_ERR_TIMEOUT, NULL);
  }
}

static gpg_error_t
ask_and_work (assuan_context_t ctx) {
  gpg_error_t err = service_ask (ctx, 0);

  usleep (2 * SHORT_MS * 1000);
  return err;
}

static void
test_inquiry_after_work (void **state) {
  struct peer *p = make_worker (&inquiry_limit);

  (void) state;
  after_work = ask_and_work;
  peer_ask (p, "RUN and ask\n", "INQUIRE ASKED\n");
  peer_expect_err (p, GPG_ERR_TIMEOUT, NULL);
  assert_time ();
}

static gpg_error_t
send_and_work (assuan_context_t ctx) {
  static const char octets[1000000];
  gpg_error_t err = assuan_send_data (ctx, octets, sizeof octets);

  usleep (2 * SHORT_MS * 1000);
  return err;
}

static void
test_stuck_after_work (void **state) {
  struct peer *p = make_worker (&idle_limit);

  (void) state;
  after_work = send_and_work;
  peer_say (p, "RUN and send\n");
  kit_until (p->guest->n_closed);
  assert_int_equal (p->guest->reason, GPG_ERR_TIMEOUT);
  assert_time ();
}

static gpg_error_t
send_and_close (assuan_context_t ctx) {
  static const char octets[1000000];
  gpg_error_t err = assuan_send_data (ctx, octets, sizeof octets);

  eva_close (ctx);
  usleep (2 * SHORT_MS * 1000);
  return err;
}

static void
test_close_after_work (void **state) {
  struct peer *p = make_worker (&close_limit);

  (void) state;
  after_work = send_and_close;
  peer_say (p, "RUN and close\n");
  kit_until (p->guest->n_closed);
  assert_int_equal (p->guest->reason, GPG_ERR_TIMEOUT);
  assert_time ();
}

/* A limit where there was none counts from when it is set.  */
static void
test_limit_in_between (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  usleep (2 * SHORT_MS * 1000);
  begin_ns = eva_now ();
  assert_int_equal (eva_set_limits (p->guest->ctx, &idle_limit), 0);
  peer_expect_err (p, GPG_ERR_TIMEOUT, "[closing connection]");
  assert_time ();
}

static const struct CMUnitTest tests[] = {
  kit_test (test_idle_after_work),    kit_test (test_line_after_work),
  kit_test (test_command_after_work), kit_test (test_after_work_for_others),
  kit_test (test_inquiry_after_work), kit_test (test_stuck_after_work),
  kit_test (test_close_after_work),   kit_test (test_limit_in_between),
};

SUITE (work);
