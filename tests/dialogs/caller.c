/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* caller.c - the clients of a party.  */

#include "party.h"

#include <string.h>

static void
on_ready (assuan_context_t ctx, void *arg) {
  struct seat *seat = arg;

  assert_ptr_equal (seat->ctx, ctx);
  party_act (seat);
}

static void
on_closed (assuan_context_t ctx, void *arg, gpg_error_t err) {
  struct seat *seat = arg;

  assert_int_not_equal (err, 0);
  assert_ptr_equal (seat->ctx, ctx);
  assert_int_equal (seat->depth, 0);
  party_leave (seat);
  party_act (NULL);
  assuan_release (ctx);
}

void
caller_connect (void) {
  struct eva_connect_config config = {
    .ready = on_ready, .closed = on_closed, .greeting_timeout_ms = 30, .limits.close_timeout_ms = 5
  };
  const char *address = eva_server_get_address (party_server, 0);
  struct seat *seat;

  if (!address) return;
  seat = party_add_seat (NULL, false);
  config.arg = seat;
  if (eva_connect (party_loop.loop, address, &config, &seat->ctx)) party_leave (seat);
}

/* --- Calls ------------------------------------------------------------------------------------ */

/* A callback of DEED: no other one of the same call runs meanwhile.  */
static gpg_error_t
tell (struct deed *deed) {
  assert_false (deed->has_ended);
  assert_int_equal (deed->depth, 0);
  deed->depth++;
  party_act (deed->seat);
  deed->depth--;
  return party_random (30) ? 0 : gpg_error (GPG_ERR_USER_3);
}

static gpg_error_t
on_data (void *arg, const void *buf, size_t len) {
  char copy[16];
  size_t n = len < sizeof copy ? len : sizeof copy;
  gpg_error_t err;

  if (n) memcpy (copy, buf, n);
  err = tell (arg);
  /* It is there as long as nothing else ends the connection.  */
  if (n && !((struct deed *) arg)->has_ended) assert_memory_equal (buf, copy, n);
  return err;
}

static gpg_error_t
on_status (void *arg, const char *text) {
  (void) text;
  return tell (arg);
}

static gpg_error_t
on_inquire (void *arg, struct eva_pending_call *call, const char *text) {
  struct deed *deed = arg;
  gpg_error_t err;

  (void) text;
  assert_ptr_equal (deed->call, call);
  deed->is_inquiring = true;
  err = tell (deed);
  if (!err && !party_random (2)) caller_answer (deed);
  return err;
}

void
caller_answer (struct deed *deed) {
  static const char octets[5000];

  if (deed->has_ended || !deed->is_inquiring) return;
  if (!party_random (5)) {
    deed->is_inquiring = false;
    eva_answer_cancel (deed->call);
    return;
  }
  eva_answer_data (deed->call, octets, party_random (sizeof octets));
  if (deed->has_ended || party_random (2)) return;
  deed->is_inquiring = false;
  eva_answer_end (deed->call);
}

static void
on_done (void *arg, gpg_error_t err, const char *text) {
  struct deed *deed = arg;
  struct seat *seat = party_end_deed (deed);

  if (!deed->is_given_up && !seat->is_ended) assert_int_equal (deed->depth, 0);
  assert_false (text && !err && strlen (text) > 1000);
  deed->call = NULL;
  party_act (seat);
}

void
caller_call (struct seat *seat) {
  static const char *const lines[] = { "NOP",        "ECHO text", "STATUS 3", "STATUS 20", "DATA",
                                       "WAIT",       "WAIT",      "ASK",      "OUT",       "IN",
                                       "OPTION a=b", "RESET",     "BYE",      "UNKNOWN",   "HELP" };
  struct eva_callbacks callbacks = {
    .data = on_data, .status = on_status, .inquire = on_inquire, .done = on_done
  };
  struct deed *deed;

  if (!party_random (10)) callbacks.inquire = NULL;
  callbacks.timeout_ms = party_random (6);
  callbacks.flags = party_random (2) ? EVA_CALL_AHEAD : 0;
  deed = party_add_deed (seat, CALL);
  if (eva_call (seat->ctx, lines[party_random (N_ELEMENTS (lines))], &callbacks, deed, &deed->call))
    party_end_deed (deed);
}
