/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* suite-release.c - contexts that are released, closed, or lose their server, within every
   callback: each action at each place.  */

#include "suite.h"

#include <fcntl.h>

/* Two clients: something is done to the first one, or to the second one by the first.  */
static struct peer *first, *second;
static struct place *place;

static unsigned int n_acts, n_drained;

struct place {
  const char *name;
  void (*go) (void); /* makes the callback come */
  bool has_no_guest; /* the first client is not let in */
  bool is_gone;      /* the first client has left */
};

/* Does in the callback, once, what the test is about.  */
static void (*action) (assuan_context_t ctx);

static void
act (assuan_context_t ctx) {
  if (!n_acts++) action (ctx);
}

/* --- Places ----------------------------------------------------------------------------------- */

static gpg_error_t
in_handler (assuan_context_t ctx, char *line) {
  (void) line;
  act (ctx);
  return 0;
}

static void
go_handler (void) {
  service.run = in_handler;
  peer_say (first, "ECHO x\nRUN\nNOP\n");
}

static gpg_error_t
in_deferring_handler (assuan_context_t ctx, char *line) {
  gpg_error_t err = service_defer (ctx);

  (void) line;
  act (ctx);
  return err;
}

static void
go_deferring_handler (void) {
  service.run = in_deferring_handler;
  peer_say (first, "RUN\nNOP\n");
}

static gpg_error_t
in_asking_handler (assuan_context_t ctx, char *line) {
  gpg_error_t err = service_ask (ctx, 0);

  (void) line;
  act (ctx);
  return err;
}

static void
go_asking_handler (void) {
  service.run = in_asking_handler;
  peer_say (first, "RUN\nNOP\n");
}

static gpg_error_t
in_continuation (struct inquiry *i) {
  act (i->ctx);
  return i->err;
}

static void
go_continuation (void) {
  service.answered = in_continuation;
  peer_say (first, "ASK\nD x\nEND\nNOP\n");
}

static void
go_failed_continuation (void) {
  service.answered = in_continuation;
  peer_say (first, "ASK\nD x\nCAN\nNOP\n");
}

static void
go_truncated_continuation (void) {
  service.answered = in_continuation;
  peer_say (first, "ASK\nD x\n");
  peer_shut (first);
}

static void
go_closing_continuation (void) {
  service.answered = in_continuation;
  peer_ask (first, "ASK\n", "INQUIRE ASKED\n");
  eva_close (first->guest->ctx);
}

static void
in_cancel (assuan_context_t ctx, gpg_error_t reason) {
  (void) reason;
  act (ctx);
}

static void
begin_job (void) {
  service.cancel = in_cancel;
  peer_say (first, "WAIT\nNOP\n");
  kit_until (service.jobs);
}

static void
go_cancel (void) {
  begin_job ();
  peer_close (first);
}

static void
go_closing_cancel (void) {
  begin_job ();
  eva_close (first->guest->ctx);
}

static void
go_releasing_cancel (void) {
  begin_job ();
  assuan_release (first->guest->ctx);
}

static void
in_close (assuan_context_t ctx, gpg_error_t reason) {
  (void) reason;
  act (ctx);
}

static void
go_close (void) {
  service.close = in_close;
  peer_close (first);
}

static void
go_bye (void) {
  service.close = in_close;
  peer_say (first, "BYE\n");
}

static void
go_releasing_close (void) {
  service.close = in_close;
  assuan_release (first->guest->ctx);
}

static gpg_error_t
in_option (assuan_context_t ctx, const char *name, const char *value) {
  (void) name;
  (void) value;
  act (ctx);
  return 0;
}

static void
go_option (void) {
  service.option = in_option;
  peer_say (first, "OPTION a=b\nNOP\n");
}

static void
go_reset (void) {
  service.reset = in_handler;
  peer_say (first, "RESET\nNOP\n");
}

/* The second descriptor takes the place of the first one.  */
static void
pass_two (const char *command) {
  int fd = open ("/dev/null", O_RDONLY | O_CLOEXEC);

  peer_send_fds (first, command, &fd, 1);
  peer_expect (first, "OK\n");
  service.input = service.output = in_handler;
  peer_send_fds (first, command, &fd, 1);
  close (fd);
}

static void
go_input (void) {
  pass_two ("INPUT FD\n");
}

static void
go_output (void) {
  pass_two ("OUTPUT FD\n");
}

static void
in_writable (assuan_context_t ctx, void *arg) {
  (void) arg;
  act (ctx);
}

static void
go_writable (void) {
  assert_int_equal (eva_set_writable (first->guest->ctx, in_writable, NULL), 0);
}

static gpg_error_t
wait_for_room (assuan_context_t ctx, char *line) {
  static char much[300000];

  (void) line;
  assert_int_equal (assuan_send_data (ctx, much, sizeof much), 0);
  assert_int_equal (eva_set_writable (ctx, in_writable, NULL), 0);
  return service_defer (ctx);
}

static void
go_writable_in_command (void) {
  service.run = wait_for_room;
  peer_say (first, "RUN\n");
  kit_until ((peer_take (first, 5000), n_acts));
}

static void
in_post_cmd (assuan_context_t ctx, gpg_error_t err) {
  (void) err;
  act (ctx);
}

static void
go_post_cmd (void) {
  assert_int_equal (assuan_register_post_cmd_notify (first->guest->ctx, in_post_cmd), 0);
  peer_say (first, "ECHO a\nNOP\n");
}

static gpg_error_t
in_pre_cmd (assuan_context_t ctx, const char *cmd) {
  (void) cmd;
  act (ctx);
  return 0;
}

static void
go_pre_cmd (void) {
  assert_int_equal (assuan_register_pre_cmd_notify (first->guest->ctx, in_pre_cmd), 0);
  peer_say (first, "ECHO a\nNOP\n");
}

static void
in_timer (void *arg) {
  act (arg);
}

static void
go_timer (void) {
  kit_after (0, in_timer, first->guest->ctx);
}

static void
go_timer_in_command (void) {
  peer_say (first, "WAIT\nNOP\n");
  kit_until (service.jobs);
  kit_after (0, in_timer, first->guest->ctx);
}

static void
go_timer_in_inquiry (void) {
  peer_ask (first, "ASK\n", "INQUIRE ASKED\n");
  kit_after (0, in_timer, first->guest->ctx);
}

static void
go_timer_with_output (void) {
  peer_say (first, "DATA 500000\nNOP\n");
  kit_settle ();
  kit_after (0, in_timer, first->guest->ctx);
}

/* The second one's handler does it to the first one.  */
static gpg_error_t
in_neighbour (assuan_context_t ctx, char *line) {
  (void) line;
  assert_ptr_equal (ctx, second->guest->ctx);
  act (first->guest->ctx);
  return 0;
}

static void
go_neighbour (void) {
  service.run = in_neighbour;
  peer_say (second, "RUN\n");
}

/* Both are ready in the same turn.  */
static void
go_neighbour_with_request (void) {
  service.run = in_neighbour;
  peer_say (second, "RUN\n");
  peer_say (first, "ECHO a\nWAIT\n");
}

static void
in_each (assuan_context_t ctx, void *arg) {
  (void) arg;
  if (ctx == first->guest->ctx) act (ctx);
}

static void
go_each (void) {
  eva_server_each (kit.server, in_each, NULL);
}

static gpg_error_t
in_open (assuan_context_t ctx) {
  if (n_acts) return 0;
  act (ctx);
  return ERR (GPG_ERR_NO_DATA);
}

static void
go_open (void) {
  gpg_error_t err;

  service.open = in_open;
  peer_adopt (0, &err);
  assert_true (err);
}

static void
listen_and_connect (void) {
  char address[100];

  snprintf (address, sizeof address, "unix:%s", tmpdir_path ("s"));
  assert_int_equal (eva_server_listen (kit.server, address, 0), 0);
  peer_connect (0);
}

static void
go_open_at_accept (void) {
  service.open = in_open;
  listen_and_connect ();
}

static void
in_timeout_cancel (assuan_context_t ctx, gpg_error_t reason) {
  assert_code (reason, GPG_ERR_TIMEOUT);
  act (ctx);
}

static void
go_timeout (void) {
  service.cancel = in_timeout_cancel;
  peer_say (first, "WAIT\nNOP\n");
}

static void
go_drain_cancel (void) {
  begin_job ();
  assert_int_equal (eva_server_drain (kit.server, 1, NULL, NULL), 0);
}

/* Acts when it is shown a line that begins like this.  */
static unsigned int
in_monitor (assuan_context_t ctx, void *begin, int direction, const char *line, size_t len) {
  (void) direction;
  if (len >= strlen (begin) && !memcmp (line, begin, strlen (begin))) act (ctx);
  return 0;
}

static void
watch_for (const char *begin) {
  assuan_set_io_monitor (first->guest->ctx, in_monitor, (void *) (uintptr_t) begin);
}

static void
go_shown_request (void) {
  watch_for ("ECHO x");
  peer_say (first, "ECHO x\nNOP\n");
}

static void
go_shown_answer (void) {
  watch_for ("D x");
  peer_say (first, "ECHO x\nNOP\n");
}

/* Said by the program, out of no callback of the connection.  */
static void
go_shown_status (void) {
  begin_job ();
  watch_for ("S KEY text");
  assuan_write_status (first->guest->ctx, "KEY", "text");
}

static gpg_error_t
open_watched (assuan_context_t ctx) {
  assuan_set_io_monitor (ctx, in_monitor, (void *) (uintptr_t) "OK hi");
  return assuan_set_hello_line (ctx, "hi");
}

static void
go_shown_greeting (void) {
  assuan_context_t ctx;
  int fds[2];

  service.open = open_watched;
  fds_socketpair (fds, O_NONBLOCK);
  assert_int_equal (eva_server_adopt (kit.server, fds[1], 0, &ctx), 0);
  peer_on (fds[0], fds[0]);
}

static void
go_shown_greeting_at_accept (void) {
  service.open = open_watched;
  listen_and_connect ();
}

/* --- Actions ---------------------------------------------------------------------------------- */

static void
do_release (assuan_context_t ctx) {
  struct guest *g = service_guest_of (ctx);

  assuan_release (ctx);
  if (g && place->go != go_releasing_cancel) assert_int_equal (g->n_closed, 1);
}

static void
do_close (assuan_context_t ctx) {
  eva_close (ctx);
}

static void
do_free_server (assuan_context_t ctx) {
  (void) ctx;
  kit_free_server ();
}

static void
do_release_second (assuan_context_t ctx) {
  (void) ctx;
  if (second->guest->ctx) assuan_release (second->guest->ctx);
  assert_int_equal (second->guest->n_closed, 1);
}

static void
do_release_both (assuan_context_t ctx) {
  assuan_release (ctx);
  do_release_second (ctx);
}

static void
on_drained (eva_server *server, void *arg) {
  assert_ptr_equal (server, kit.server);
  assert_ptr_equal (arg, &n_drained);
  n_drained++;
  kit_free_server ();
}

static void
do_drain (assuan_context_t ctx) {
  (void) ctx;
  eva_server_drain (kit.server, 0, on_drained, &n_drained);
}

/* --- Each action at each place ---------------------------------------------------------------- */

static struct place places[] = {
  { "handler", go_handler, false, false },
  { "deferring handler", go_deferring_handler, false, false },
  { "asking handler", go_asking_handler, false, false },
  { "continuation", go_continuation, false, false },
  { "failed continuation", go_failed_continuation, false, false },
  { "truncated continuation", go_truncated_continuation, false, false },
  { "closing continuation", go_closing_continuation, false, false },
  { "cancel", go_cancel, false, true },
  { "closing cancel", go_closing_cancel, false, false },
  { "releasing cancel", go_releasing_cancel, false, false },
  { "close", go_close, false, true },
  { "bye", go_bye, false, false },
  { "releasing close", go_releasing_close, false, false },
  { "option", go_option, false, false },
  { "reset", go_reset, false, false },
  { "input", go_input, false, false },
  { "output", go_output, false, false },
  { "writable", go_writable, false, false },
  { "writable in command", go_writable_in_command, false, false },
  { "post_cmd", go_post_cmd, false, false },
  { "pre_cmd", go_pre_cmd, false, false },
  { "timer", go_timer, false, false },
  { "timer in command", go_timer_in_command, false, false },
  { "timer in inquiry", go_timer_in_inquiry, false, false },
  { "timer with output", go_timer_with_output, false, false },
  { "neighbour", go_neighbour, false, false },
  { "neighbour with request", go_neighbour_with_request, false, false },
  { "each", go_each, false, false },
  { "open", go_open, true, false },
  { "open on accept", go_open_at_accept, true, false },
  { "shown request", go_shown_request, false, false },
  { "shown answer", go_shown_answer, false, false },
  { "shown status", go_shown_status, false, false },
  { "shown greeting", go_shown_greeting, true, false },
  { "shown greeting on accept", go_shown_greeting_at_accept, true, false },
  { "timeout", go_timeout, false, false },
  { "drain", go_drain_cancel, false, false },
};

/* The two clients, and others before and behind them in the lists.  */
static void
make_clients (void) {
  const struct eva_limits limits = { .command_timeout_ms = 20 };
  gpg_error_t err;

  peer_new ();
  second = peer_new ();
  if (place->go == go_timeout) kit_set_connection_limits (&limits);
  first = peer_adopt (EVA_LISTEN_FDPASSING, &err);
  assert_int_equal (err, 0);
  peer_expect_greeting (first);
  peer_new ();
}

/* Runs ACTION at place I, each in a world of its own.  */
static void
run_at (size_t i, void (*what) (assuan_context_t ctx)) {
  kit_teardown (NULL);
  kit_setup (NULL);
  n_acts = n_drained = 0;
  place = &places[i];
  action = what;
  make_clients ();
  place->go ();
  kit_until (n_acts);
  kit_settle ();
}

#define FOR_EACH_PLACE(what)                                                                       \
  for (size_t i = 0; print_place (i), i < N_ELEMENTS (places) && (run_at (i, what), true); i++)

/* So that one knows where a failure was.  */
static void
print_place (size_t i) {
  if (i < N_ELEMENTS (places) && getenv ("EVA_TEST_VERBOSE"))
    print_message ("# %s\n", places[i].name);
}

static void
expect_second_is_well (void) {
  kit_settle ();
  peer_take (second, 10000);
  second->start = second->len = 0;
  peer_ask (second, "ECHO well\n", "D well\nOK\n");
}

static void
test_release (void **state) {
  (void) state;
  FOR_EACH_PLACE (do_release) {
    if (!place->has_no_guest) {
      assert_int_equal (first->guest->n_closed, 1);
      if (!place->is_gone) peer_drop_all (first);
    }
    if (place->go != go_drain_cancel) expect_second_is_well ();
  }
}

static void
test_close (void **state) {
  (void) state;
  FOR_EACH_PLACE (do_close) {
    if (!place->has_no_guest && !place->is_gone) peer_drop_all (first);
    if (!place->has_no_guest) kit_until (first->guest->n_closed);
    if (place->go != go_drain_cancel) expect_second_is_well ();
  }
}

static void
test_free_server (void **state) {
  (void) state;
  FOR_EACH_PLACE (do_free_server) {
    assert_int_equal (second->guest->n_closed, 1);
    assert_int_equal (first->guest->n_closed, 1);
    peer_drop_all (second);
    if (!place->is_gone) peer_drop_all (first);
  }
}

static void
test_release_second (void **state) {
  (void) state;
  FOR_EACH_PLACE (do_release_second) peer_drop_all (second);
}

static void
test_release_both (void **state) {
  (void) state;
  FOR_EACH_PLACE (do_release_both) {
    peer_drop_all (second);
    if (!place->has_no_guest) assert_int_equal (first->guest->n_closed, 1);
  }
}

static void
test_drain (void **state) {
  (void) state;
  FOR_EACH_PLACE (do_drain) {
    if (place->go == go_drain_cancel) continue;
    peer_drop_all (second);
    if (!place->is_gone) peer_drop_all (first);
    kit_until (n_drained);
    assert_int_equal (n_drained, 1);
  }
}

static const struct CMUnitTest tests[] = {
  kit_test (test_release),        kit_test (test_close),        kit_test (test_free_server),
  kit_test (test_release_second), kit_test (test_release_both), kit_test (test_drain),
};

SUITE (release);
