/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-dialogs.c - what goes on and what waits while a callback runs the loop.  */

#include "dialog.h"

#define SHORT_MS 50
#define FEW      20

/* --- Clients that leave ----------------------------------------------------------------------- */

/* What waits in the dialog learns of it there; the connection ends after the dialog.  */
static void
leave (assuan_context_t ctx) {
  struct job *job = service.jobs;

  peer_close (dialog_asker);
  kit_until (job->n_cancelled);
  assert_int_equal (job->reason, GPG_ERR_EPIPE);
  dialog_expect_rest ();
  assert_int_equal (job->guest->n_closed, 0);
  assert_code (assuan_write_status (ctx, "LATE", NULL), GPG_ERR_EPIPE);
}

static void
test_leaving (void **state) {
  (void) state;
  dialog_begin (leave, dialog_open_job);
  dialog_ask ("RUN\n");
  kit_until (!kit_stats ().n_connections);
  assert_int_equal (service.guests->reason, GPG_ERR_EPIPE);
  assert_int_equal (kit_stats ().n_cancelled, 1);
  assert_int_equal (kit_stats ().n_commands, 0);
}

/* The handler is run by a task, because it stands behind many others.  */
static void
test_leaving_in_task (void **state) {
  char lines[100 * 4 + 5] = "";

  (void) state;
  dialog_begin (leave, dialog_open_job);
  for (int i = 0; i < 100; i++)
    strcat (lines, "NOP\n");
  strcat (lines, "RUN\n");
  dialog_ask (lines);
  kit_until (!kit_stats ().n_connections);
  assert_int_equal (kit_stats ().n_commands, 100);
}

static void
leave_idly (assuan_context_t ctx) {
  struct guest *guest = service_guest_of (ctx);

  assert_int_equal (assuan_process_done (ctx, 0), 0);
  peer_expect (dialog_asker, "OK\n");
  peer_say (dialog_asker, "NOP\n");
  dialog_expect_rest ();
  peer_close (dialog_asker);
  dialog_expect_rest ();
  assert_int_equal (guest->n_closed, 0);
}

/* Nothing waits: the end comes after the dialog, and what was said before it counts.  */
static void
test_leaving_without_command (void **state) {
  (void) state;
  dialog_begin (leave_idly, dialog_open);
  dialog_ask ("RUN\n");
  kit_until (!kit_stats ().n_connections);
  assert_int_equal (kit_stats ().n_commands, 2);
}

static void
ask_and_leave (assuan_context_t ctx) {
  assert_int_equal (service_ask (ctx, 0), 0);
  peer_expect (dialog_asker, "INQUIRE ASKED\n");
  peer_say (dialog_asker, "D data\nEND\n");
  peer_close (dialog_asker);
  dialog_expect_rest ();
  assert_int_equal (service.inquiries->n_continued, 0);
}

/* What it answered before it left is taken.  */
static void
test_leaving_in_inquiry (void **state) {
  (void) state;
  dialog_begin (ask_and_leave, dialog_open);
  dialog_ask ("RUN\n");
  kit_until (!kit_stats ().n_connections);
  assert_int_equal (service.inquiries->err, 0);
  assert_string_equal (service.inquiries->data, "data");
}

/* --- What goes on ----------------------------------------------------------------------------- */

static void
say_later (void *ctx) {
  assert_int_equal (assuan_write_status (ctx, "TIMER", NULL), 0);
}

static void
say_things (assuan_context_t ctx) {
  assert_int_equal (assuan_write_status (ctx, "OPEN", NULL), 0);
  peer_expect (dialog_asker, "S OPEN\n");
  kit_after (1, say_later, ctx);
  peer_expect (dialog_asker, "S TIMER\n");
  assert_int_equal (assuan_send_data (ctx, "data", 4), 0);
  peer_expect (dialog_asker, "D data\n");
  dialog_expect_rest ();
}

/* What is said, in the dialog or by others meanwhile, leaves.  */
static void
test_saying (void **state) {
  (void) state;
  dialog_begin (say_things, dialog_open);
  assert_int_equal (assuan_write_status (dialog_asker->guest->ctx, "BEFORE", NULL), 0);
  peer_expect (dialog_asker, "S BEFORE\n");
  dialog_ask ("RUN\n");
  peer_expect (dialog_asker, "OK\n");
}

#define MUCH 600000

static void
say_much (assuan_context_t ctx) {
  static const char octets[MUCH];

  assert_int_equal (assuan_send_data (ctx, octets, sizeof octets), 0);
  assert_int_equal (assuan_send_data (ctx, NULL, 0), 0);
  while (eva_get_queued_len (ctx)) {
    peer_take (dialog_asker, 10000);
    kit_turn ();
  }
  peer_take (dialog_asker, 2 * MUCH);
  assert_true (dialog_asker->len > MUCH);
  dialog_asker->len = 0;
}

/* As far as the client takes it.  */
static void
test_saying_much (void **state) {
  (void) state;
  dialog_begin (say_much, dialog_open);
  dialog_ask ("RUN\n");
  peer_expect (dialog_asker, "OK\n");
}

static unsigned int n_writable;

static void
on_writable (assuan_context_t ctx, void *arg) {
  n_writable++;
  if (n_writable == 3) return;
  assert_int_equal (eva_set_writable (ctx, on_writable, arg), 0);
  dialog_expect_rest ();
  assert_int_equal (n_writable, *(unsigned int *) arg);
  ++*(unsigned int *) arg;
}

static void
want_writable (assuan_context_t ctx) {
  assert_int_equal (eva_set_writable (ctx, on_writable, NULL), 0);
  dialog_expect_rest ();
}

/* A callback of the connection waits for another one of it, and for itself.  */
static void
test_writable (void **state) {
  unsigned int n_expected = 1;

  (void) state;
  n_writable = 0;
  dialog_begin (want_writable, dialog_open);
  dialog_ask ("RUN\n");
  peer_expect (dialog_asker, "OK\n");
  kit_settle ();
  assert_int_equal (n_writable, 0); /* it went with its command */
  assert_int_equal (eva_set_writable (dialog_asker->guest->ctx, on_writable, &n_expected), 0);
  kit_until (n_writable == 3);
}

static unsigned int n_pumped;

static void
pumped (assuan_context_t ctx, void *arg, gpg_error_t err, uint64_t n) {
  (void) arg;
  assert_int_equal (err, 0);
  assert_int_equal (n, 200000);
  n_pumped++;
  assert_int_equal (assuan_process_done (ctx, 0), 0);
}

static void
pump (assuan_context_t ctx) {
  struct eva_pump_config config = { .to_fd = EVA_PUMP_CONNECTION, .done = pumped };
  static const char octets[200000];
  size_t len = 0;
  int fds[2];

  n_pumped = 0;
  fds_pipe (fds, O_NONBLOCK);
  config.from_fd = fds[0];
  config.flags = EVA_PUMP_CLOSE_FROM;
  assert_int_equal (eva_pump (ctx, &config), 0);
  while (!n_pumped) {
    ssize_t n = len < sizeof octets ? write (fds[1], octets, sizeof octets - len) : 0;
    if (n > 0) len += (size_t) n;
    if (len == sizeof octets && fds[1] >= 0) {
      close (fds[1]);
      fds[1] = -1;
    }
    peer_take (dialog_asker, 100000);
    dialog_asker->len = 0;
    kit_turn ();
  }
  dialog_expect_rest ();
}

/* A pump needs nothing of the callback that began it.  */
static void
test_pump (void **state) {
  (void) state;
  dialog_begin (pump, dialog_open);
  peer_say (dialog_asker, "RUN\nECHO a\n");
  kit_until (dialog_n_closed);
  kit_until ((peer_take (dialog_asker, 100000),
              dialog_asker->len >= 7
                  && !memcmp (dialog_asker->data + dialog_asker->start + dialog_asker->len - 7,
                              "D a\nOK\n", 7)));
  dialog_asker->len = 0;
  assert_int_equal (kit_stats ().n_commands, 2);
}

/* --- What waits ------------------------------------------------------------------------------- */

static void
test_next_command (void **state) {
  (void) state;
  dialog_begin (dialog_say_next, dialog_open);
  peer_say (dialog_asker, "RUN\nECHO c\n");
  kit_until (dialog_n_closed);
  peer_expect (dialog_asker, "OK\nD c\nOK\nD a\nOK\nD b\nOK\n");
}

static void
finish_and_say_next (assuan_context_t ctx) {
  assert_int_equal (assuan_process_done (ctx, 0), 0);
  peer_expect (dialog_asker, "OK\n");
  dialog_say_next (ctx);
}

/* Also if the command that opened the dialog is over.  */
static void
test_next_command_of_finished (void **state) {
  (void) state;
  dialog_begin (finish_and_say_next, dialog_open);
  dialog_ask ("RUN\n");
  peer_expect (dialog_asker, "D a\nOK\nD b\nOK\n");
}

static void
answer_in_dialog (assuan_context_t ctx) {
  assert_int_equal (service_ask (ctx, 0), 0);
  peer_expect (dialog_asker, "INQUIRE ASKED\n");
  peer_say (dialog_asker, "D data\nEND\n");
  assert_in_range (kit_idle (3 * SHORT_MS), 0, FEW);
  assert_int_equal (service.inquiries->n_continued, 0);
}

/* An answer waits, and with it the time that the client has for it; the next one has its own.  */
static void
test_answer (void **state) {
  const struct eva_limits limits = { .inquiry_timeout_ms = SHORT_MS };

  (void) state;
  kit_set_connection_limits (&limits);
  dialog_begin (answer_in_dialog, dialog_open);
  dialog_ask ("RUN\n");
  kit_until (service.inquiries->n_continued);
  assert_int_equal (service.inquiries->err, 0);
  peer_expect (dialog_asker, "D data\nOK\n");
  peer_ask (dialog_asker, "ASK\n", "INQUIRE ASKED\n");
  peer_expect_err (dialog_asker, GPG_ERR_TIMEOUT, NULL);
}

static void
be_idle (assuan_context_t ctx) {
  assert_int_equal (assuan_process_done (ctx, 0), 0);
  peer_expect (dialog_asker, "OK\n");
  assert_in_range (kit_idle (3 * SHORT_MS), 0, FEW);
  peer_push (dialog_asker, "EC", 2);
  assert_in_range (kit_idle (3 * SHORT_MS), 0, FEW);
}

/* A client is not idle, nor does it linger over a line, while it is us who do not listen.  */
static void
test_idle (void **state) {
  const struct eva_limits limits = { .idle_timeout_ms = SHORT_MS, .line_timeout_ms = SHORT_MS };

  (void) state;
  kit_set_connection_limits (&limits);
  dialog_begin (be_idle, dialog_open);
  dialog_ask ("RUN\n");
  peer_ask (dialog_asker, "HO a\n", "D a\nOK\n");
  assert_int_equal (kit_stats ().n_timed_out, 0);
  peer_expect_err (dialog_asker, GPG_ERR_TIMEOUT, "[closing connection]");
}

/* --- Commands that take too long -------------------------------------------------------------- */

static const struct eva_limits command_limit = { .command_timeout_ms = SHORT_MS };

static void
be_late (assuan_context_t ctx) {
  kit_until (service.jobs->n_cancelled);
  assert_int_equal (service.jobs->reason, GPG_ERR_TIMEOUT);
  dialog_expect_rest ();
  peer_expect_nothing (dialog_asker);
  assert_int_equal (assuan_write_status (ctx, "LATE", NULL), 0);
  peer_expect (dialog_asker, "S LATE\n");
}

static void
expect_late (void) {
  peer_expect_err (dialog_asker, GPG_ERR_TIMEOUT, NULL);
  peer_expect (dialog_asker, "D a\nOK\n");
  assert_int_equal (kit_stats ().n_timed_out, 1);
  assert_int_equal (kit_stats ().n_cancelled, 1);
  assert_int_equal (kit_stats ().n_commands, 1);
}

/* What waits in the dialog hears at once; the client gets its reply after what is still said.  */
static void
test_late (void **state) {
  (void) state;
  kit_set_connection_limits (&command_limit);
  dialog_begin (be_late, dialog_open_job);
  dialog_ask ("RUN\nECHO a\n");
  expect_late ();
}

static gpg_error_t
defer_late (assuan_context_t ctx, char *line) {
  gpg_error_t err = dialog_open_job (ctx, line);

  return err ? err : eva_defer (ctx);
}

/* The reply does not wait for who goes on although the time is over.  */
static void
test_late_and_deferred (void **state) {
  (void) state;
  kit_set_connection_limits (&command_limit);
  dialog_begin (be_late, defer_late);
  dialog_ask ("RUN\nECHO a\n");
  expect_late ();
}

static void
be_late_twice (assuan_context_t ctx) {
  be_late (ctx);
  assert_int_equal (assuan_process_done (ctx, 0), 0);
  peer_expect_err (dialog_asker, GPG_ERR_TIMEOUT, NULL);
  dialog_expect_rest ();
}

/* Nor does it become another one.  */
static void
test_late_and_finished (void **state) {
  (void) state;
  kit_set_connection_limits (&command_limit);
  dialog_begin (be_late_twice, dialog_open_job);
  dialog_ask ("RUN\nECHO a\n");
  peer_expect (dialog_asker, "D a\nOK\n");
  assert_int_equal (kit_stats ().n_cancelled, 1);
}

static void
dialog_of_cancel (assuan_context_t ctx, gpg_error_t reason) {
  assert_code (reason, GPG_ERR_TIMEOUT);
  dialog_run (ctx);
}

static void
say_next_and_leave (assuan_context_t ctx) {
  dialog_say_next (ctx);
  peer_close (dialog_asker);
  dialog_expect_rest ();
  assert_int_equal (service.guests->n_closed, 0);
}

/* The dialog says that the command took too long: the callback comes from a timer.  */
static void
test_dialog_of_cancel (void **state) {
  (void) state;
  kit_set_connection_limits (&command_limit);
  dialog_begin (dialog_say_next, NULL);
  service.cancel = dialog_of_cancel;
  peer_say (dialog_asker, "WAIT\n");
  kit_until (dialog_n_closed);
  peer_expect_err (dialog_asker, GPG_ERR_TIMEOUT, NULL);
  peer_expect (dialog_asker, "D a\nOK\nD b\nOK\n");
  dialog_what = say_next_and_leave;
  peer_say (dialog_asker, "WAIT\n");
  kit_until (dialog_n_closed == 2);
  kit_until (!kit_stats ().n_connections);
}

static const struct CMUnitTest tests[] = {
  kit_test (test_leaving),
  kit_test (test_leaving_in_task),
  kit_test (test_leaving_without_command),
  kit_test (test_leaving_in_inquiry),
  kit_test (test_saying),
  kit_test (test_saying_much),
  kit_test (test_writable),
  kit_test (test_pump),
  kit_test (test_next_command),
  kit_test (test_next_command_of_finished),
  kit_test (test_answer),
  kit_test (test_idle),
  kit_test (test_late),
  kit_test (test_late_and_deferred),
  kit_test (test_late_and_finished),
  kit_test (test_dialog_of_cancel),
};

SUITE (dialogs);
