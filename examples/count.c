/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* count.c - COUNT: a command that takes its time.

   Its handler starts a timer and returns eva_defer, which leaves the command open.  The timer then
   says how far it is, again and again, and ends the command with assuan_process_done.  If it does
   not come to that, because the client leaves, the cancel function frees what the command has.  */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "service.h"

#define TICK_MS 100

struct count {
  assuan_context_t ctx;
  eva_source *timer;
  uint64_t i, n;
};

static void
count_free (struct count *count) {
  eva_source_free (count->timer);
  free (count);
}

/* The client has left, or the server has to.  */
static void
cancelled (assuan_context_t ctx, void *arg, gpg_error_t reason) {
  (void) ctx;
  (void) reason;
  count_free (arg);
}

/* Says how far we are, in the form that GnuPG gives its PROGRESS lines: what, "?", now, in all.  */
static void
tick (void *arg) {
  struct count *count = arg;
  assuan_context_t ctx = count->ctx;
  gpg_error_t err;
  char text[64];

  snprintf (text, sizeof text, "COUNT ? %" PRIu64 " %" PRIu64, ++count->i, count->n);
  err = assuan_write_status (ctx, "PROGRESS", text);
  if (!err && count->i < count->n) {
    eva_source_set_delay (count->timer, TICK_MS);
    return;
  }
  count_free (count);
  assuan_process_done (ctx, err);
}

gpg_error_t
cmd_count (assuan_context_t ctx, char *line) {
  struct count *count;
  uint64_t n;
  gpg_error_t err = service_parse_number (ctx, line, &n);

  if (err || !n) return err;
  count = calloc (1, sizeof *count);
  if (!count) return gpg_error_from_syserror ();
  *count = (struct count) { .ctx = ctx, .n = n };
  count->timer = eva_loop_add_timer (eva_get_loop (ctx), TICK_MS, tick, count);
  if (!count->timer) err = gpg_error_from_syserror ();
  if (!err) err = eva_set_cancel (ctx, cancelled, count);
  if (!err) return eva_defer (ctx);
  count_free (count);
  return err;
}
