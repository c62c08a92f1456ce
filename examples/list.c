/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* list.c - LIST: an answer of any length, said piece by piece as the client takes it.

   What a command says is queued and sent when there is room.  One that says too much at once fills
   memory up to its limit, and a client that does not read is dropped then.  So LIST says a piece
   and asks to be called again when the client has taken most of it (eva_set_writable).  A client
   that does not read costs no more than that piece.  */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "service.h"

#define PIECE_LINES 64

struct list {
  uint64_t i, n;
};

static void
cancelled (assuan_context_t ctx, void *arg, gpg_error_t reason) {
  (void) ctx;
  (void) reason;
  free (arg);
}

/* Says one line.  Without the second call the library would fill each data line up to 1000
   octets.  */
static gpg_error_t
say (assuan_context_t ctx, uint64_t number) {
  char text[32];
  int len = snprintf (text, sizeof text, "%" PRIu64 "\n", number);
  gpg_error_t err = assuan_send_data (ctx, text, (size_t) len);

  return err ? err : assuan_send_data (ctx, NULL, 0);
}

static void
say_piece (assuan_context_t ctx, void *arg) {
  struct list *list = arg;
  gpg_error_t err = 0;

  for (int k = 0; !err && k < PIECE_LINES && list->i < list->n; k++)
    err = say (ctx, ++list->i);
  if (!err && list->i < list->n) {
    err = eva_set_writable (ctx, say_piece, list);
    if (!err) return;
  }
  free (list);
  assuan_process_done (ctx, err);
}

gpg_error_t
cmd_list (assuan_context_t ctx, char *line) {
  struct list *list;
  uint64_t n;
  gpg_error_t err = service_parse_number (ctx, line, &n);

  if (err || !n) return err;
  list = calloc (1, sizeof *list);
  if (!list) return gpg_error_from_syserror ();
  list->n = n;
  err = eva_set_cancel (ctx, cancelled, list);
  if (!err) err = eva_set_writable (ctx, say_piece, list);
  if (!err) return eva_defer (ctx);
  free (list);
  return err;
}
