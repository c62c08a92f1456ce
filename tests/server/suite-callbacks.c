/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-callbacks.c - callbacks of all kinds that run the loop, and what the server and others do
   meanwhile.  */

#include "dialog.h"

/* --- The server's own decision ---------------------------------------------------------------- */

static void
close_later (void *ctx) {
  eva_close (ctx);
}

static void
be_closed (assuan_context_t ctx) {
  struct guest *guest = service_guest_of (ctx);

  kit_after (1, close_later, ctx);
  kit_until (service.jobs->n_cancelled);
  assert_int_equal (service.jobs->reason, GPG_ERR_CANCELED);
  peer_expect_err (dialog_asker, GPG_ERR_CANCELED, "[closing connection]");
  dialog_expect_rest ();
  assert_int_equal (guest->n_closed, 0);
}

static void
test_close (void **state) {
  (void) state;
  dialog_begin (be_closed, dialog_open_job);
  dialog_ask ("RUN\n");
  peer_expect_end (dialog_asker);
  assert_int_equal (service.guests->reason, GPG_ERR_CANCELED);
}

static void
be_drained (assuan_context_t ctx) {
  (void) ctx;
  assert_int_equal (eva_server_drain (kit.server, 1, NULL, NULL), 0);
  kit_until (service.jobs->n_cancelled);
  dialog_expect_rest ();
}

static void
test_drain (void **state) {
  (void) state;
  dialog_begin (be_drained, dialog_open_job);
  dialog_ask ("RUN\n");
  peer_expect_err (dialog_asker, GPG_ERR_CANCELED, "[closing connection]");
  peer_expect_end (dialog_asker);
}

static void
release_first (assuan_context_t ctx) {
  assuan_release (ctx);
  kit_settle ();
  dialog_expect_rest ();
}

static void
free_server_first (assuan_context_t ctx) {
  (void) ctx;
  kit_free_server ();
  kit_settle ();
  dialog_expect_rest ();
}

static void
free_server_later (void *arg) {
  (void) arg;
  kit_free_server ();
}

static void
free_server_meanwhile (assuan_context_t ctx) {
  kit_after (1, free_server_later, NULL);
  kit_until (!kit.server);
  kit_settle ();
  dialog_expect_rest ();
  assert_code (assuan_write_status (ctx, "LATE", NULL), GPG_ERR_EPIPE);
}

static void
test_release (void **state) {
  (void) state;
  dialog_begin (release_first, dialog_open);
  dialog_ask ("RUN\nNOP\n");
  peer_expect_end (dialog_asker);
}

static void
test_free_server (void **state) {
  (void) state;
  dialog_begin (free_server_first, dialog_open);
  dialog_ask ("RUN\nNOP\n");
  peer_expect_end (dialog_asker);
}

static void
test_free_server_meanwhile (void **state) {
  (void) state;
  dialog_begin (free_server_meanwhile, dialog_open);
  dialog_ask ("RUN\nNOP\n");
  peer_expect_end (dialog_asker);
}

/* --- Others ----------------------------------------------------------------------------------- */

#define N_OTHERS 5

static struct peer *others[N_OTHERS];

static void
serve_others (assuan_context_t ctx) {
  struct peer *p;

  (void) ctx;
  for (size_t i = 0; i < N_OTHERS; i++)
    peer_expect (others[i], "OK closing connection\n");
  for (size_t i = 0; i < N_OTHERS; i++)
    peer_expect_end (others[i]);
  p = peer_connect (0);
  peer_expect_greeting (p);
  peer_ask (p, "ECHO a\n", "D a\nOK\n");
}

static void
listen_here (void) {
  char address[100];

  snprintf (address, sizeof address, "unix:%s", tmpdir_path ("s"));
  assert_int_equal (eva_server_listen (kit.server, address, 0), 0);
}

/* Some are served, leave and come meanwhile; some of them in the batch of the same turn.  */
static void
test_others (void **state) {
  (void) state;
  dialog_begin (serve_others, dialog_open);
  for (size_t i = 0; i < N_OTHERS; i++)
    others[i] = dialog_connect ();
  peer_say (dialog_asker, "RUN\n");
  for (size_t i = 0; i < N_OTHERS; i++)
    peer_say (others[i], "BYE\n");
  kit_until (dialog_n_closed);
  peer_expect (dialog_asker, "OK\n");
}

static void
let_others_in (assuan_context_t ctx) {
  (void) ctx;
  others[1] = peer_connect (0);
  peer_expect_greeting (others[1]);
  peer_ask (others[1], "ECHO a\n", "D a\nOK\n");
  dialog_expect_rest ();
}

static gpg_error_t
open_with_dialog (assuan_context_t ctx) {
  if (!dialog_n_open) dialog_run (ctx);
  return 0;
}

/* Also if it is the open function that has a dialog.  */
static void
test_door (void **state) {
  (void) state;
  listen_here ();
  dialog_what = let_others_in;
  dialog_n_open = dialog_n_closed = 0;
  service.open = open_with_dialog;
  others[0] = peer_connect (0);
  kit_until (dialog_n_closed);
  peer_expect_greeting (others[0]);
  peer_ask (others[0], "ECHO b\n", "D b\nOK\n");
}

static gpg_error_t
open_and_free (assuan_context_t ctx) {
  (void) ctx;
  kit_after (1, free_server_later, NULL);
  kit_until (!kit.server);
  kit_settle ();
  return ERR (GPG_ERR_CANCELED);
}

static void
test_freed_in_open (void **state) {
  struct peer *p;

  (void) state;
  listen_here ();
  service.open = open_and_free;
  p = peer_connect (0);
  kit_until (!kit.server);
  peer_drop_all (p);
}

/* --- Every callback --------------------------------------------------------------------------- */

static void
stay_open (assuan_context_t ctx) {
  (void) ctx;
  peer_push (dialog_asker, "NOP\n", 4);
  dialog_expect_rest ();
}

static void
dialog_of_close (assuan_context_t ctx, gpg_error_t reason) {
  (void) reason;
  dialog_run (ctx);
}

static gpg_error_t
dialog_of_option (assuan_context_t ctx, const char *name, const char *value) {
  (void) name;
  (void) value;
  dialog_run (ctx);
  return 0;
}

static gpg_error_t
dialog_of_answer (struct inquiry *i) {
  dialog_run (i->ctx);
  return 0;
}

static void
test_notifications (void **state) {
  (void) state;
  dialog_begin (stay_open, dialog_open);
  service.close = dialog_of_close;
  service.option = dialog_of_option;
  service.reset = dialog_open;
  service.answered = dialog_of_answer;
  dialog_ask ("OPTION a=b\n");
  peer_expect (dialog_asker, "OK\nOK\n");
  peer_ask (dialog_asker, "RESET\n", "OK\nOK\n");
  peer_ask (dialog_asker, "ASK\n", "INQUIRE ASKED\n");
  peer_ask (dialog_asker, "END\n", "OK\nOK\n");
  peer_say (dialog_asker, "ASK\nCAN\n");
  peer_expect (dialog_asker, "INQUIRE ASKED\n");
  peer_ask (dialog_asker, "BYE\n", "OK\n");
  kit_until (dialog_n_closed >= 5);
  assert_int_equal (dialog_n_open, 5);
  kit_until (!kit_stats ().n_connections);
}

static void
dialog_of_pump (assuan_context_t ctx, void *arg, gpg_error_t err, uint64_t n) {
  (void) arg;
  (void) err;
  (void) n;
  dialog_run (ctx);
  assuan_process_done (ctx, 0);
}

static gpg_error_t
pump_null (assuan_context_t ctx, char *line) {
  struct eva_pump_config config = { .done = dialog_of_pump };
  int fds[2];

  (void) line;
  fds_pipe (fds, O_NONBLOCK);
  config.from_fd = fds[0];
  config.to_fd = EVA_PUMP_CONNECTION;
  config.flags = EVA_PUMP_CLOSE_FROM;
  close (fds[1]);
  return eva_pump (ctx, &config);
}

/* A pump ends in a turn of the connection, or of its own.  */
static void
test_end_of_pump (void **state) {
  (void) state;
  dialog_begin (stay_open, pump_null);
  dialog_ask ("RUN\n");
  peer_expect (dialog_asker, "OK\nOK\n");
}

static void
finish_outside (void *ctx) {
  assert_int_equal (assuan_process_done (ctx, 0), 0);
}

static void
post_command (assuan_context_t ctx, gpg_error_t err) {
  assert_int_equal (err, 0);
  if (!dialog_n_open) dialog_run (ctx);
}

static gpg_error_t
notify (assuan_context_t ctx) {
  return assuan_register_post_cmd_notify (ctx, post_command);
}

/* The callback is not within a turn of the connection: its next command waits even so.  */
static void
test_post_command (void **state) {
  (void) state;
  service.open = notify;
  dialog_begin (dialog_say_next, NULL);
  peer_say (dialog_asker, "WAIT\n");
  kit_until (service.jobs);
  service.jobs->n_finished++;
  kit_after (1, finish_outside, dialog_asker->guest->ctx);
  dialog_what = stay_open;
  kit_until (dialog_n_closed);
  peer_expect (dialog_asker, "OK\nOK\n");
}

static unsigned int n_seen;

static unsigned int
see (assuan_context_t ctx, void *arg, int direction, const char *line, size_t len) {
  (void) ctx;
  (void) arg;
  (void) direction;
  (void) line;
  (void) len;
  if (n_seen++ < 4) stay_open (ctx);
  return 0;
}

static gpg_error_t
monitor (assuan_context_t ctx) {
  assuan_set_io_monitor (ctx, see, NULL);
  return 0;
}

/* A monitor is not supposed to run the loop, but nothing breaks.  */
static void
test_monitor (void **state) {
  (void) state;
  n_seen = UINT_MAX / 2;
  service.open = monitor;
  dialog_asker = peer_new ();
  n_seen = 0;
  peer_say (dialog_asker, "ECHO a\n");
  kit_until (n_seen >= 4);
  peer_expect (dialog_asker, "D a\nOK\n");
  while (n_seen < 3 + 4 * 2)
    kit_turn ();
}

static const struct CMUnitTest tests[] = {
  kit_test (test_close),
  kit_test (test_drain),
  kit_test (test_release),
  kit_test (test_free_server),
  kit_test (test_free_server_meanwhile),
  kit_test (test_others),
  kit_test (test_door),
  kit_test (test_freed_in_open),
  kit_test (test_notifications),
  kit_test (test_end_of_pump),
  kit_test (test_post_command),
  kit_test (test_monitor),
};

SUITE (callbacks);
