/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-begin.c - how pumps begin: when, in which contexts, and what is refused.  */

#include "pump.h"

#include <errno.h>
#include <limits.h>
#include <sys/socket.h>

static int from[2], to[2];

/* --- The handler ------------------------------------------------------------------------------ */

static gpg_error_t
fail_after (struct pump *pump) {
  assert_int_equal (pump->begun, 0);
  return ERR (GPG_ERR_BAD_DATA);
}

static gpg_error_t
finish_after (struct pump *pump) {
  return assuan_process_done (pump->ctx, 0);
}

static gpg_error_t
release_after (struct pump *pump) {
  assuan_release (pump->ctx);
  return 0;
}

/* A handler that thinks better of it.  */
static void
test_handler_fails (void **state) {
  struct peer *p;

  (void) state;
  pump_pipe (from);
  pumping.after = fail_after;
  p = pump_run (from[0], EVA_PUMP_CONNECTION);
  peer_expect_err (p, GPG_ERR_BAD_DATA, NULL);
  pump_await_end (GPG_ERR_CANCELED);
  pumping.after = finish_after;
  p = pump_run (from[0], EVA_PUMP_CONNECTION);
  peer_expect (p, "OK\n");
  pump_await_end (GPG_ERR_CANCELED);
  pumping.after = release_after;
  p = pump_run (from[0], EVA_PUMP_CONNECTION);
  peer_expect_end (p);
  pump_await_end (GPG_ERR_CANCELED);
}

/* A pump may begin when the handler has long returned.  */
static void
test_begin_later (void **state) {
  struct peer *p = peer_new ();

  (void) state;
  pump_pipe (from);
  peer_say (p, "WAIT\n");
  kit_until (service.jobs);
  assert_int_equal (eva_set_cancel (p->guest->ctx, NULL, NULL), 0);
  service.jobs->n_finished = 1; /* by the pump */
  pumping.config.from_fd = from[0];
  assert_int_equal (pump_begin (p->guest->ctx), 0);
  assert_int_equal (write (from[1], "data", 4), 4);
  peer_expect (p, "D data\n");
  pump_close (from[1]);
  peer_expect (p, "OK\n");
}

/* --- What is refused -------------------------------------------------------------------------- */

static void
expect_refusal (gpg_err_code_t code) {
  struct peer *p = peer_new ();

  peer_say (p, "RUN\n");
  peer_expect_err (p, code, NULL);
  assert_code (pumping.pumps->begun, code);
  peer_ask (p, "NOP\n", "OK\n");
}

static void
test_senseless (void **state) {
  char inquiry[1001];

  (void) state;
  pump_pipe (from);
  pump_pipe (to);
  expect_refusal (GPG_ERR_ASS_INV_VALUE); /* the connection at both ends */
  pumping.config.to_fd = to[1];
  expect_refusal (GPG_ERR_ASS_INV_VALUE); /* no inquiry */
  pumping.config.inquiry = "";
  expect_refusal (GPG_ERR_ASS_INV_VALUE);
  pumping.config.inquiry = "TWO\nLINES";
  expect_refusal (GPG_ERR_ASS_INV_VALUE);
  memset (inquiry, 'x', 1000);
  inquiry[1000] = 0;
  pumping.config.inquiry = inquiry;
  expect_refusal (GPG_ERR_ASS_INV_VALUE); /* too long */
  pumping.config.inquiry = "BULK";
  pumping.config.flags = EVA_PUMP_CLOSE_FROM;
  expect_refusal (GPG_ERR_ASS_INV_VALUE);
  pumping.config.flags = 0;
  pumping.config.from_fd = from[0];
  expect_refusal (GPG_ERR_ASS_INV_VALUE); /* no inquiry to send */
  pumping.config.inquiry = NULL;
  pumping.config.flags = 4;
  expect_refusal (GPG_ERR_ASS_INV_VALUE);
  pumping.config.flags = EVA_PUMP_CLOSE_TO;
  pumping.config.to_fd = EVA_PUMP_CONNECTION;
  expect_refusal (GPG_ERR_ASS_INV_VALUE);
  pump_expect_untouched (from[0], to[1]);
}

static void
take_own_fd (assuan_context_t ctx) {
  assert_int_equal (assuan_get_active_fds (ctx, 0, &pumping.config.from_fd, 2), 1);
}

static void
test_own_descriptor (void **state) {
  (void) state;
  pumping.before = take_own_fd;
  expect_refusal (GPG_ERR_ASS_INV_VALUE);
}

/* Closed, or not open in this direction.  Nothing is closed or changed then.  */
static void
test_bad_descriptors (void **state) {
  (void) state;
  pump_pipe (from);
  pump_pipe (to);
  pumping.config.flags = EVA_PUMP_CLOSE_FROM;
  pumping.config.from_fd = 999999;
  expect_refusal (GPG_ERR_EBADF);
  pumping.config.from_fd = from[1];
  expect_refusal (GPG_ERR_EBADF);
  pumping.config.from_fd = from[0];
  pumping.config.to_fd = to[0];
  expect_refusal (GPG_ERR_EBADF);
  pump_expect_untouched (from[0], to[1]);
  assert_true (pump_is_open (from[1]) && pump_is_open (to[0]));
}

/* What a call that failed returned, or assuan_get_input_fd of a command without INPUT, is not the
   connection: a program that forgot to look must not stream from it or to it.  */
static void
test_no_descriptor (void **state) {
  static const int none[] = { ASSUAN_INVALID_FD, -3, INT_MIN };

  (void) state;
  pump_pipe (from);
  pump_pipe (to);
  for (size_t i = 0; i < N_ELEMENTS (none); i++) {
    pumping.config = (struct eva_pump_config) { .from_fd = from[0], .to_fd = none[i] };
    expect_refusal (GPG_ERR_EBADF);
    pumping.config = (struct eva_pump_config) { .from_fd = none[i], .to_fd = to[1] };
    expect_refusal (GPG_ERR_EBADF);
    pumping.config.inquiry = "BULK";
    expect_refusal (GPG_ERR_EBADF);
    pumping.config = (struct eva_pump_config) { .from_fd = none[i],
                                                .to_fd = EVA_PUMP_CONNECTION,
                                                .flags = EVA_PUMP_CLOSE_FROM };
    expect_refusal (GPG_ERR_EBADF);
    pumping.config = (struct eva_pump_config) { .from_fd = EVA_PUMP_CONNECTION,
                                                .to_fd = none[i],
                                                .inquiry = "BULK" };
    expect_refusal (GPG_ERR_EBADF);
  }
  pump_expect_untouched (from[0], to[1]);
}

static gpg_error_t
begin_another (struct pump *pump) {
  assert_code (eva_pump (pump->ctx, &pumping.config), GPG_ERR_ASS_NESTED_COMMANDS);
  assert_code (service_ask (pump->ctx, 0), GPG_ERR_ASS_NESTED_COMMANDS);
  return pump->begun;
}

static void
inquire_before (assuan_context_t ctx) {
  assert_int_equal (service_ask (ctx, 0), 0);
}

static void
test_nested (void **state) {
  struct peer *p;

  (void) state;
  pump_pipe (from);
  pump_pipe (to);
  pumping.after = begin_another;
  p = pump_run (EVA_PUMP_CONNECTION, to[1]);
  peer_ask (p, "END\n", "INQUIRE BULK\nOK\n");
  pumping.after = NULL;
  pumping.before = inquire_before;
  pumping.config.inquiry = NULL;
  p = pump_run (from[0], EVA_PUMP_CONNECTION);
  peer_expect (p, "INQUIRE ASKED\n");
  peer_expect_err (p, GPG_ERR_ASS_NESTED_COMMANDS, NULL);
  assert_code (eva_pump (p->guest->ctx, &pumping.config), GPG_ERR_ASS_GENERAL);
  assert_code (eva_pump (NULL, &pumping.config), GPG_ERR_ASS_INV_VALUE);
  assert_code (eva_pump (p->guest->ctx, NULL), GPG_ERR_ASS_INV_VALUE);
}

/* --- Contexts of the program ------------------------------------------------------------------ */

static gpg_error_t
begin (assuan_context_t ctx, char *line) {
  (void) line;
  return pump_begin (ctx);
}

/* A server of assuan.h's own.  */
static assuan_context_t
make_server (struct peer **ret_peer) {
  assuan_context_t ctx;
  int fds[2];

  fds_socketpair (fds, O_NONBLOCK);
  *ret_peer = peer_on (fds[0], fds[0]);
  assert_int_equal (assuan_new (&ctx), 0);
  assert_int_equal (assuan_init_socket_server (ctx, fds[1], ASSUAN_SOCKET_SERVER_ACCEPTED), 0);
  assert_int_equal (assuan_register_command (ctx, "RUN", begin, NULL), 0);
  return ctx;
}

/* Without a loop nothing watches descriptors.  */
static void
test_driven_by_hand (void **state) {
  assuan_context_t ctx;
  struct peer *p;

  (void) state;
  pump_pipe (from);
  pumping.config.from_fd = from[0];
  ctx = make_server (&p);
  assert_int_equal (eva_set_nonblocking (ctx), 0);
  peer_say (p, "RUN\n");
  assert_int_equal (eva_process (ctx, EVA_READABLE, eva_now ()), 0);
  peer_expect_greeting (p);
  peer_expect_err (p, GPG_ERR_NOT_SUPPORTED, NULL);
  assuan_release (ctx);
}

static void
test_attached (void **state) {
  assuan_context_t ctx;
  struct peer *p;

  (void) state;
  pump_pipe (from);
  pumping.config.from_fd = from[0];
  ctx = make_server (&p);
  assert_int_equal (eva_attach (ctx, kit.loop.loop, NULL, NULL), 0);
  peer_expect_greeting (p);
  peer_say (p, "RUN\n");
  kit_until (pumping.pumps);
  assert_int_equal (write (from[1], "data", 4), 4);
  peer_expect (p, "D data\n");
  pump_close (from[1]);
  peer_expect (p, "OK\n");
  assuan_release (ctx);
}

/* A loop that is left does not serve the pump any more; the command goes on by hand.  */
static void
test_detached (void **state) {
  assuan_context_t ctx;
  struct peer *p;

  (void) state;
  pump_pipe (from);
  pumping.config.from_fd = from[0];
  pumping.at_end = pump_say_done;
  ctx = make_server (&p);
  assert_int_equal (eva_attach (ctx, kit.loop.loop, NULL, NULL), 0);
  peer_expect_greeting (p);
  peer_say (p, "RUN\n");
  kit_until (pumping.pumps);
  kit_settle ();
  eva_detach (ctx);
  pump_await_end (GPG_ERR_CANCELED);
  assert_int_equal (assuan_process_done (ctx, 0), 0);
  assert_int_equal (eva_process (ctx, 0, eva_now ()), 0);
  peer_expect (p, "S DONE\nOK\n");
  assuan_release (ctx);
}

static const struct CMUnitTest tests[] = {
  pump_test (test_handler_fails),  pump_test (test_begin_later),     pump_test (test_senseless),
  pump_test (test_own_descriptor), pump_test (test_bad_descriptors), pump_test (test_no_descriptor),
  pump_test (test_nested),         pump_test (test_driven_by_hand),  pump_test (test_attached),
  pump_test (test_detached),
};

const struct suite suite_begin = { "begin", tests, N_ELEMENTS (tests) };
