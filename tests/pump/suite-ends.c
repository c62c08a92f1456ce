/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-ends.c - all the ways in which pumps end: once, whatever happens.  */

#include "pump.h"

#include <errno.h>
#include <sys/socket.h>

#define KIB ((size_t) 1024)

/* --- Pumps that wait -------------------------------------------------------------------------- */

/* What a pump waits for: octets to read, a client that takes them, an answer, a reader
   of that, octets to move, a reader of those.  */
enum wait { FOR_FROM, FOR_CLIENT, FOR_ANSWER, FOR_TO, FOR_MOVE_FROM, FOR_MOVE_TO };
#define N_WAITS 6

static int from[2], to[2];

/* Makes a pump that waits for WHAT, and can do nothing else.  */
static struct peer *
wait_for (enum wait what) {
  static const struct {
    bool has_from, has_to, feeds, answers;
  } ends[N_WAITS] = {
    { true, false, false, false }, { true, false, true, false }, { false, true, false, false },
    { false, true, false, true },  { true, true, false, false }, { true, true, true, false },
  };
  size_t at = 0;
  struct peer *p;

  pump_pipe (from);
  pump_pipe (to);
  pumping.config.inquiry = NULL;
  p = pump_run (ends[what].has_from ? from[0] : EVA_PUMP_CONNECTION,
                ends[what].has_to ? to[1] : EVA_PUMP_CONNECTION);
  for (int i = 0; i < 60; i++) {
    if (ends[what].feeds) pump_feed (from[1], &at, 2048 * KIB);
    if (ends[what].answers) pump_answer (p, &at, 2048 * KIB);
    kit_turn ();
  }
  assert_false (pump_has_ended ());
  return p;
}

/* --- Cancelled -------------------------------------------------------------------------------- */

static void
close_pair (int fds[2]) {
  for (int i = 0; i < 2; i++)
    if (pump_is_open (fds[i])) pump_close (fds[i]);
}

static void
leave (struct peer *p) {
  peer_close (p);
}

static void
drain (struct peer *p) {
  (void) p;
  assert_int_equal (eva_server_drain (kit.server, 1, NULL, NULL), 0);
}

static void
finish (struct peer *p) {
  assert_int_equal (assuan_process_done (p->guest->ctx, 0), 0);
}

static void
renew_server (void) {
  kit_free_server ();
  assert_int_equal (eva_server_new (kit.loop.loop, &service_offer, &kit, &kit.server), 0);
}

static void
leave_open (struct pump *pump) {
  (void) pump;
}

/* Does WHAT to a pump in each state, which ends it with CODE, or with CODE_OF_ANSWER if it
   waits for that.  The function for cancelling runs N_CANCELS times behind done, unless that
   finishes the command.  */
static void
end_all (void (*what) (struct peer *p), gpg_err_code_t code, gpg_err_code_t code_of_answer,
         unsigned int n_cancels) {
  for (int i = 0; i < 2 * N_WAITS; i++) {
    enum wait wait = (enum wait) (i / 2);
    struct peer *p;
    if (i % 2 && !kit_tells_hangup ()) continue; /* there it would be found out a second later */
    pumping.at_end = i % 2 ? leave_open : NULL;
    pumping.n_cancels = 0;
    pumping.before = pump_set_cancel;
    p = wait_for (wait);
    what (p);
    pump_await_end (wait == FOR_ANSWER ? code_of_answer : code);
    pump_expect_untouched (from[0], to[1]);
    if (i % 2) kit_until (pumping.n_cancels >= n_cancels);
    kit_settle ();
    assert_int_equal (pumping.n_cancels, i % 2 ? n_cancels : 0);
    renew_server ();
  }
}

static void
test_client_leaves (void **state) {
  (void) state;
  end_all (leave, GPG_ERR_EPIPE, GPG_ERR_EOF, 1);
}

static void
test_server_is_freed (void **state) {
  (void) state;
  end_all (peer_lose_server, GPG_ERR_CANCELED, GPG_ERR_CANCELED, 1);
}

static void
test_connection_is_closed (void **state) {
  (void) state;
  end_all (peer_close_guest, GPG_ERR_CANCELED, GPG_ERR_CANCELED, 1);
}

static void
test_context_is_released (void **state) {
  (void) state;
  end_all (peer_release_guest, GPG_ERR_CANCELED, GPG_ERR_CANCELED, 1);
}

static void
test_drain (void **state) {
  (void) state;
  end_all (drain, GPG_ERR_CANCELED, GPG_ERR_CANCELED, 1);
}

static void
test_command_is_finished (void **state) {
  (void) state;
  end_all (finish, GPG_ERR_CANCELED, GPG_ERR_CANCELED, 0);
}

static unsigned int n_others;

static void
note_other (assuan_context_t ctx, void *arg, gpg_error_t reason) {
  (void) ctx;
  assert_ptr_equal (arg, &n_others);
  assert_code (reason, GPG_ERR_EPIPE);
  n_others++;
}

static void
exchange_cancel (struct pump *pump) {
  assert_int_equal (eva_set_cancel (pump->ctx, note_other, &n_others), 0);
}

static void
take_cancel_back (struct pump *pump) {
  assert_int_equal (eva_set_cancel (pump->ctx, NULL, NULL), 0);
}

/* It is done that says last what is to run behind it.  */
static void
test_cancel_is_exchanged (void **state) {
  (void) state;
  n_others = 0;
  pumping.before = pump_set_cancel;
  pumping.at_end = exchange_cancel;
  leave (wait_for (FOR_FROM));
  kit_until (n_others);
  pumping.at_end = take_cancel_back;
  leave (wait_for (FOR_FROM));
  pump_await_end (GPG_ERR_EPIPE);
  kit_settle ();
  assert_int_equal (n_others, 1);
  assert_int_equal (pumping.n_cancels, 0);
}

/* The same without a done function.  */
static void
test_silent_ones (void **state) {
  static void (*const whats[]) (struct peer *p) = {
    leave, peer_lose_server, peer_close_guest, peer_release_guest, drain, finish
  };

  (void) state;
  pumping.is_silent = true;
  for (size_t i = 0; i < N_ELEMENTS (whats); i++)
    for (enum wait wait = 0; wait < N_WAITS; wait++) {
      struct peer *p = wait_for (wait);
      whats[i](p);
      kit_until (!pump_is_nonblocking (from[0]) && !pump_is_nonblocking (to[1]));
      kit_settle ();
      renew_server ();
    }
}

/* A command that takes too long is answered with that, and the connection goes on.  On a busy machine
   a pump may take long until it waits.  */
static void
test_command_takes_too_long (void **state) {
  static const enum wait waits[] = { FOR_FROM, FOR_TO, FOR_MOVE_FROM, FOR_MOVE_TO };
  struct eva_limits limits = { .command_timeout_ms = 700 };

  (void) state;
  kit_set_connection_limits (&limits);
  for (size_t i = 0; i < N_ELEMENTS (waits); i++) {
    struct haul haul = { 0 };
    struct peer *p;
    pumping.before = pump_set_cancel;
    pumping.at_end = leave_open;
    p = wait_for (waits[i]);
    pump_await_end (GPG_ERR_TIMEOUT);
    pump_expect_untouched (from[0], to[1]);
    kit_until (haul_take (&haul, p, 1000));
    assert_int_equal (strncmp (haul.end, "ERR ", 4), 0);
    assert_int_equal (pumping.n_cancels, i + 1);
    if (waits[i] != FOR_TO) peer_ask (p, "NOP\n", "OK\n");
    haul_free (&haul);
  }
}

/* A client that half-closes still gets everything.  */
static void
test_half_close (void **state) {
  struct peer *p = wait_for (FOR_FROM);

  (void) state;
  peer_shut (p);
  kit_settle ();
  assert_int_equal (write (from[1], "data", 4), 4);
  peer_expect (p, "D data\n");
  pump_close (from[1]);
  peer_expect (p, "OK\n");
  peer_expect_end (p);
  pump_await_end (0);
}

/* --- Within done ------------------------------------------------------------------------------ */

static void
release_at_end (struct pump *pump) {
  assuan_release (pump->ctx);
}

static void
free_server_at_end (struct pump *pump) {
  (void) pump;
  kit_free_server ();
}

static void
close_at_end (struct pump *pump) {
  eva_close (pump->ctx);
}

/* Whatever ends it, done may end everything.  */
static void
test_done_ends_all (void **state) {
  static void (*const at_ends[]) (struct pump *pump) = { release_at_end, free_server_at_end,
                                                         close_at_end };
  static void (*const whats[]) (struct peer *p) = {
    leave, peer_lose_server, peer_close_guest, peer_release_guest, drain, finish, NULL
  };

  (void) state;
  for (size_t i = 0; i < N_ELEMENTS (at_ends); i++)
    for (size_t k = 0; k < N_ELEMENTS (whats); k++)
      for (enum wait wait = 0; wait < N_WAITS; wait++) {
        struct peer *p;
        pumping.at_end = at_ends[i];
        p = wait_for (wait);
        if (whats[k]) {
          whats[k](p);
        } else {
          pump_close (from[1]); /* by itself */
          pump_close (to[0]);
          if (wait == FOR_ANSWER) peer_say (p, "END\n");
        }
        kit_until ((wait == FOR_CLIENT && p->in_fd >= 0 ? peer_take (p, 1 << 20) : (void) 0,
                    pump_has_ended ()));
        pump_expect_untouched (from[0], to[1]);
        kit_settle ();
        renew_server ();
        close_pair (from);
        close_pair (to);
      }
}

static void
begin_next (struct pump *pump) {
  assert_int_equal (pump->err, 0);
  pumping.at_end = NULL;
  pumping.config.inquiry = NULL;
  pumping.config.from_fd = to[0];
  pumping.config.to_fd = EVA_PUMP_CONNECTION;
  assert_int_equal (pump_begin (pump->ctx), 0);
}

/* One pump after the other in one command.  */
static void
test_next_pump (void **state) {
  struct peer *p;

  (void) state;
  pumping.at_end = begin_next;
  p = wait_for (FOR_ANSWER);
  peer_expect (p, "INQUIRE BULK\n");
  peer_say (p, "D data\nEND\n");
  peer_expect (p, "D data\n");
  peer_expect_nothing (p);
  pump_close (to[1]);
  peer_expect (p, "OK\n");
  peer_ask (p, "NOP\n", "OK\n");
}

/* Done does not have to finish the command.  */
static void
test_command_goes_on (void **state) {
  struct peer *p;

  (void) state;
  pumping.at_end = pump_say_done;
  p = wait_for (FOR_FROM);
  pump_close (from[1]);
  peer_expect (p, "S DONE\n");
  peer_say (p, "NOP\n");
  peer_expect_nothing (p);
  assert_int_equal (assuan_process_done (p->guest->ctx, 0), 0);
  peer_expect (p, "OK\nOK\n");
}

/* --- Descriptors that are given away ---------------------------------------------------------- */

static void
check_closed (struct pump *pump) {
  assert_true (pump->was_closed);
  assuan_process_done (pump->ctx, pump->err);
}

static void
test_close (void **state) {
  (void) state;
  pumping.at_end = check_closed;
  for (enum wait wait = 0; wait < N_WAITS; wait++) {
    struct peer *p;
    pumping.config.flags = (wait == FOR_ANSWER || wait == FOR_TO ? 0 : EVA_PUMP_CLOSE_FROM)
                           | (wait == FOR_FROM || wait == FOR_CLIENT ? 0 : EVA_PUMP_CLOSE_TO);
    p = wait_for (wait);
    eva_close (p->guest->ctx);
    kit_until (pump_has_ended ());
    if (pumping.config.flags & EVA_PUMP_CLOSE_FROM) pump_forget (from[0]);
    if (pumping.config.flags & EVA_PUMP_CLOSE_TO) pump_forget (to[1]);
    assert_int_equal (pump_is_open (from[0]), !(pumping.config.flags & EVA_PUMP_CLOSE_FROM));
    assert_int_equal (pump_is_open (to[1]), !(pumping.config.flags & EVA_PUMP_CLOSE_TO));
  }
}

/* One descriptor for both ends is closed once.  */
static void
test_close_one (void **state) {
  struct peer *p;

  (void) state;
  pump_socketpair (from);
  pumping.config.flags = EVA_PUMP_CLOSE_FROM | EVA_PUMP_CLOSE_TO;
  pumping.at_end = check_closed;
  p = pump_run (from[0], from[0]);
  pump_close (from[1]);
  peer_expect (p, "OK\n");
  pump_forget (from[0]);
  assert_false (pump_is_open (from[0]));
}

static void
take_input_and_output (assuan_context_t ctx) {
  pumping.config.from_fd = assuan_get_input_fd (ctx);
  pumping.config.to_fd = assuan_get_output_fd (ctx);
}

/* INPUT and OUTPUT, and what becomes of their descriptors.  */
static void
test_input_and_output (void **state) {
  (void) state;
  pumping.before = take_input_and_output;
  for (int is_given = 0; is_given < 2; is_given++) {
    struct peer *p;
    gpg_error_t err;
    int own[2];
    pump_pipe (from);
    pump_pipe (to);
    p = peer_adopt (EVA_LISTEN_FDPASSING, &err);
    peer_expect_greeting (p);
    peer_send_fds (p, "INPUT FD\n", &from[0], 1);
    peer_expect (p, "OK\n");
    peer_send_fds (p, "OUTPUT FD\n", &to[1], 1);
    peer_expect (p, "OK\n");
    own[0] = assuan_get_input_fd (p->guest->ctx);
    own[1] = assuan_get_output_fd (p->guest->ctx);
    pumping.config.flags = is_given ? EVA_PUMP_CLOSE_FROM | EVA_PUMP_CLOSE_TO : 0;
    assert_int_equal (write (from[1], pump_octets (5), 5), 5);
    pump_close (from[1]);
    pump_close (to[1]);
    peer_ask (p, "RUN\n", "OK\n");
    assert_int_equal (assuan_get_input_fd (p->guest->ctx), is_given ? -1 : own[0]);
    assert_int_equal (assuan_get_output_fd (p->guest->ctx), is_given ? -1 : own[1]);
    assert_int_equal (pump_is_open (own[0]), !is_given);
    peer_ask (p, "RESET\n", "OK\n");
    assert_false (pump_is_open (own[0]) || pump_is_open (own[1]));
    pump_expect_octets (to[0], 5);
  }
}

static const struct CMUnitTest tests[] = {
  pump_test (test_client_leaves),
  pump_test (test_server_is_freed),
  pump_test (test_connection_is_closed),
  pump_test (test_context_is_released),
  pump_test (test_drain),
  pump_test (test_command_is_finished),
  pump_test (test_cancel_is_exchanged),
  pump_test (test_silent_ones),
  pump_test (test_command_takes_too_long),
  pump_test (test_half_close),
  pump_test (test_done_ends_all),
  pump_test (test_next_pump),
  pump_test (test_command_goes_on),
  pump_test (test_close),
  pump_test (test_close_one),
  pump_test (test_input_and_output),
};

const struct suite suite_ends = { "ends", tests, N_ELEMENTS (tests) };
