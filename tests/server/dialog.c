/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dialog.c - callbacks that run the loop again.  See dialog.h.  */

#include "dialog.h"

/* A loop that has nothing to do makes few turns in this time.  */
#define WHILE_MS 30
#define FEW      20

void (*dialog_what) (assuan_context_t ctx);
struct peer *dialog_asker;
unsigned int dialog_n_open, dialog_n_closed;

void
dialog_run (assuan_context_t ctx) {
  dialog_n_open++;
  dialog_what (ctx);
  dialog_n_closed++;
}

gpg_error_t
dialog_open (assuan_context_t ctx, char *line) {
  (void) line;
  dialog_run (ctx);
  return 0;
}

/* The result of the command comes late.  */
gpg_error_t
dialog_open_job (assuan_context_t ctx, char *line) {
  gpg_error_t err = service_defer (ctx);

  (void) line;
  if (err) return err;
  dialog_run (ctx);
  if (!service.jobs->n_cancelled) service_finish (0);
  return 0;
}

struct peer *
dialog_connect (void) {
  unsigned int n_guests = service.n_guests;
  char address[100];
  struct peer *p;

  snprintf (address, sizeof address, "unix:%s", tmpdir_path ("s"));
  if (!eva_server_get_address (kit.server, 0))
    assert_int_equal (eva_server_listen (kit.server, address, 0), 0);
  p = peer_connect (0);
  peer_expect_greeting (p);
  assert_int_equal (service.n_guests, n_guests + 1);
  p->guest = service.guests;
  return p;
}

void
dialog_begin (void (*what) (assuan_context_t ctx),
              gpg_error_t (*run) (assuan_context_t ctx, char *line)) {
  dialog_what = what;
  service.run = run;
  dialog_n_open = dialog_n_closed = 0;
  dialog_asker = dialog_connect ();
}

void
dialog_ask (const char *text) {
  peer_say (dialog_asker, text);
  kit_until (dialog_n_closed);
}

void
dialog_expect_rest (void) {
  assert_in_range (kit_idle (WHILE_MS), 0, FEW);
}

void
dialog_say_next (assuan_context_t ctx) {
  (void) ctx;
  peer_say (dialog_asker, "ECHO a\n");
  dialog_expect_rest ();
  peer_expect_nothing (dialog_asker);
  peer_say (dialog_asker, "ECHO b\n");
  dialog_expect_rest ();
  peer_expect_nothing (dialog_asker);
}
