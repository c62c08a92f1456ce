/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* host.c - the server of a party.  */

#include "party.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PUMP_LEN 20000

static gpg_error_t
some_error (void) {
  return party_random (5) ? 0 : gpg_error (GPG_ERR_USER_1);
}

static gpg_error_t
on_open (assuan_context_t ctx) {
  struct seat *seat;

  if (party_is_over || !party_random (20)) return gpg_error (GPG_ERR_USER_2);
  seat = party_add_seat (ctx, true);
  assuan_set_pointer (ctx, seat);
  return 0;
}

static void
on_close (assuan_context_t ctx, gpg_error_t reason) {
  struct seat *seat = assuan_get_pointer (ctx);

  assert_int_not_equal (reason, 0);
  assert_ptr_equal (seat->ctx, ctx);
  party_leave (seat);
  party_act (NULL);
}

/* What every handler does: the next one of its connection waits for it.  */
static struct seat *
enter (assuan_context_t ctx) {
  struct seat *seat = assuan_get_pointer (ctx);

  assert_ptr_equal (seat->ctx, ctx);
  assert_int_equal (seat->depth, 0);
  party_act (seat);
  return seat;
}

static gpg_error_t
leave (struct seat *seat, gpg_error_t err) {
  if (seat->ctx) party_act (seat);
  return err;
}

static gpg_error_t
on_option (assuan_context_t ctx, const char *name, const char *value) {
  (void) name;
  (void) value;
  enter (ctx);
  return some_error ();
}

static gpg_error_t
on_reset (assuan_context_t ctx, char *line) {
  (void) line;
  enter (ctx);
  return 0;
}

static gpg_error_t
cmd_echo (assuan_context_t ctx, char *line) {
  struct seat *seat = enter (ctx);

  if (seat->ctx) assuan_send_data (ctx, line, strlen (line));
  return leave (seat, some_error ());
}

static gpg_error_t
cmd_status (assuan_context_t ctx, char *line) {
  struct seat *seat = enter (ctx);

  for (int i = 0, n = atoi (line); i < n && seat->ctx; i++) {
    assuan_write_status (ctx, "STATUS", "text");
    if (!party_random (5)) party_act (seat);
  }
  return leave (seat, some_error ());
}

static gpg_error_t
cmd_data (assuan_context_t ctx, char *line) {
  static const char octets[100000];
  struct seat *seat = enter (ctx);

  (void) line;
  if (seat->ctx) assuan_send_data (ctx, octets, party_random (sizeof octets));
  return leave (seat, some_error ());
}

/* --- Jobs ------------------------------------------------------------------------------------- */

static void
on_cancel (assuan_context_t ctx, void *arg, gpg_error_t reason) {
  struct seat *seat = party_end_deed (arg);

  assert_int_not_equal (reason, 0);
  assert_ptr_equal (seat->ctx, ctx);
  party_act (seat);
}

void
host_finish (struct deed *deed) {
  if (deed->has_ended || !deed->seat->ctx) return;
  party_end_deed (deed);
  assuan_process_done (deed->seat->ctx, some_error ());
}

static gpg_error_t
cmd_wait (assuan_context_t ctx, char *line) {
  struct seat *seat = enter (ctx);
  struct deed *deed;

  (void) line;
  if (!seat->ctx) return 0;
  deed = party_add_deed (seat, JOB);
  if (eva_set_cancel (ctx, on_cancel, deed)) party_end_deed (deed);
  if (deed->has_ended) return 0;
  party_act (seat);
  if (deed->has_ended || party_random (4)) return eva_defer (ctx);
  party_end_deed (deed);
  return some_error ();
}

/* --- Inquiries -------------------------------------------------------------------------------- */

static gpg_error_t
on_answer (void *arg, gpg_error_t err, unsigned char *buf, size_t len) {
  struct seat *seat = party_end_deed (arg);

  (void) err;
  (void) len;
  free (buf);
  party_act (seat);
  return some_error ();
}

static gpg_error_t
cmd_ask (assuan_context_t ctx, char *line) {
  struct seat *seat = enter (ctx);
  struct deed *deed;

  (void) line;
  if (!seat->ctx) return 0;
  deed = party_add_deed (seat, INQUIRY);
  if (assuan_inquire_ext (ctx, "QUESTION", 0, on_answer, deed)) party_end_deed (deed);
  return leave (seat, 0);
}

/* --- Pumps ------------------------------------------------------------------------------------ */

static void
on_pumped (assuan_context_t ctx, void *arg, gpg_error_t err, uint64_t n_pumped) {
  struct seat *seat = party_end_deed (arg);

  (void) err;
  assert_true (n_pumped <= PUMP_LEN);
  party_act (seat);
  if (seat->ctx) assuan_process_done (ctx, some_error ());
}

/* Returns the end of a pipe with so much in it, or of an empty one; or an end to write to.  */
static int
open_end (bool is_from) {
  static const char octets[PUMP_LEN];
  int fds[2];

  if (!is_from) return open ("/dev/null", O_WRONLY | O_CLOEXEC);
  assert_int_equal (pipe2 (fds, O_CLOEXEC | O_NONBLOCK), 0);
  assert_int_equal (write (fds[1], octets, PUMP_LEN), PUMP_LEN);
  close (fds[1]);
  return fds[0];
}

static gpg_error_t
pump (assuan_context_t ctx, bool is_in) {
  struct seat *seat = enter (ctx);
  struct eva_pump_config config = { .done = on_pumped };
  gpg_error_t err;
  int fd;

  if (!seat->ctx) return 0;
  fd = open_end (!is_in);
  config.from_fd = is_in ? EVA_PUMP_CONNECTION : fd;
  config.to_fd = is_in ? fd : EVA_PUMP_CONNECTION;
  config.inquiry = is_in ? "BULK" : NULL;
  config.flags = is_in ? EVA_PUMP_CLOSE_TO : EVA_PUMP_CLOSE_FROM;
  config.progress_what = party_random (2) ? "pump" : NULL;
  config.progress_interval_ms = 1;
  config.arg = party_add_deed (seat, PUMP);
  err = eva_pump (ctx, &config);
  if (err) close (fd);
  if (err) party_end_deed (config.arg);
  return leave (seat, err);
}

static gpg_error_t
cmd_out (assuan_context_t ctx, char *line) {
  (void) line;
  return pump (ctx, false);
}

static gpg_error_t
cmd_in (assuan_context_t ctx, char *line) {
  (void) line;
  return pump (ctx, true);
}

/* --- The server ------------------------------------------------------------------------------- */

static const struct eva_command commands[] = {
  { .name = "ECHO", .handler = cmd_echo }, { .name = "STATUS", .handler = cmd_status },
  { .name = "DATA", .handler = cmd_data }, { .name = "WAIT", .handler = cmd_wait },
  { .name = "ASK", .handler = cmd_ask },   { .name = "OUT", .handler = cmd_out },
  { .name = "IN", .handler = cmd_in },
};

static const struct eva_service service = { .commands = commands,
                                            .n_commands = N_ELEMENTS (commands),
                                            .open = on_open,
                                            .close = on_close,
                                            .option = on_option,
                                            .reset = on_reset };

void
host_begin (void) {
  static unsigned int n;
  struct eva_server_limits limits = { .connection.command_timeout_ms = 1 + party_random (8),
                                      .connection.inquiry_timeout_ms = 1 + party_random (8),
                                      .connection.idle_timeout_ms = 5 + party_random (50),
                                      .connection.close_timeout_ms = 5 };
  char address[100];

  snprintf (address, sizeof address, "unix:@eva-dialogs-%ld-%u", (long) getpid (), ++n);
  assert_int_equal (eva_server_new (party_loop.loop, &service, NULL, &party_server), 0);
  assert_int_equal (eva_server_set_limits (party_server, &limits), 0);
  assert_int_equal (eva_server_listen (party_server, address, 0), 0);
}
