/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* say.c - how lines are said.

   In a blocking context a line leaves before the call returns, in one write: the program may
   compute for minutes afterwards.  Only a data line that is not full waits for more.  In a turn of
   assuan_process_next the replies to requests that came together leave together.  */

#include "assuan/say.h"

#include "assuan/connection.h"
#include "assuan/drive.h"
#include "assuan/error.h"
#include "assuan/lifetime.h"
#include "assuan/log.h"
#include "wire/wipe.h"

#include <string.h>

/* The length to which a line of over EVA_LINE_MAX octets is cut.  */
#define CUT_LEN 999

/* Octets above which a batch of replies is sent.  */
#define BATCH_LEN 65536

void
eva__ctx_log_cut (assuan_context_t ctx, bool at_lf, bool at_end) {
  int fd = ctx->channel.in_fd;

  if (at_lf)
    eva__ctx_log (ctx, ASSUAN_LOG_CONTROL, "chan_%d -> [supplied line with LF - truncated]", fd);
  if (at_end)
    eva__ctx_log (ctx, ASSUAN_LOG_CONTROL, "chan_%d -> [supplied line too long - truncated]", fd);
}

const char *
eva__ctx_cut (assuan_context_t ctx, const char *text, size_t used, char buf[EVA_LINE_SIZE]) {
  size_t len = strcspn (text, "\n");
  bool has_lf = text[len], too_long = used + len > EVA_LINE_MAX;

  if (!has_lf && !too_long) return text;
  if (too_long) len = used < CUT_LEN ? CUT_LEN - used : 0;
  memcpy (buf, text, len);
  buf[len] = 0;
  eva__ctx_log_cut (ctx, has_lf, too_long);
  return buf;
}

int
eva__ctx_queue_ok (assuan_context_t ctx, const char *text) {
  char buf[EVA_LINE_SIZE];
  int rc;

  buf[0] = 0; /* a text that fits stays where it is */
  rc = eva_conn_ok (ctx->conn, eva__ctx_cut (ctx, text, strlen ("OK "), buf));
  eva__wire_wipe (buf, strlen (buf));
  return rc;
}

/* A line that is put together; what is behind a LF, or does not fit, is left out.  */
struct draft {
  char line[EVA_LINE_SIZE];
  size_t len;
  bool has_lf;
  bool too_long;
};

static void
add (struct draft *d, const char *text) {
  size_t len = strcspn (text, "\n");

  if (d->has_lf || d->too_long) return;
  d->has_lf = text[len];
  if (len > EVA_LINE_MAX - d->len) {
    d->too_long = true;
    len = EVA_LINE_MAX - d->len;
  }
  memcpy (d->line + d->len, text, len);
  d->len += len;
}

/* Begins a draft with WORD.  */
static void
begin (struct draft *d, const char *word) {
  d->len = 0;
  d->has_lf = d->too_long = false;
  add (d, word);
}

/* Queues a draft, and wipes it.  */
static gpg_error_t
queue (assuan_context_t ctx, struct draft *d) {
  size_t len = d->too_long ? CUT_LEN : d->len;
  int rc = eva_conn_line (ctx->conn, d->line, len);

  if (eva__ctx_made_room (ctx, rc)) rc = eva_conn_line (ctx->conn, d->line, len);
  eva__ctx_log_cut (ctx, d->has_lf, d->too_long);
  eva__wire_wipe (d->line, d->len);
  return rc ? eva__ctx_not_said (ctx, rc) : 0;
}

gpg_error_t
eva__ctx_queue_line (assuan_context_t ctx, const char *word, const char *text) {
  struct draft d;

  begin (&d, word);
  if (text) {
    add (&d, " ");
    add (&d, text);
  }
  return queue (ctx, &d);
}

gpg_error_t
eva__ctx_queue_comment (assuan_context_t ctx, const char *text, size_t len) {
  char line[EVA_LINE_SIZE]; /* what is too long is too long still */
  gpg_error_t err;

  if (len > sizeof line - 1) len = sizeof line - 1;
  memcpy (line, text, len);
  line[len] = 0;
  err = eva__ctx_queue_line (ctx, "#", line);
  eva__wire_wipe (line, len);
  eva__ctx_show_output (ctx); /* each one after the notice about it */
  return err;
}

/* Returns true if what was said may wait for more.  Within a turn of assuan_process_next whose
   input has further requests, only handlers that do not block stand between now and their replies,
   and a client that sends many at a time gets many answers in one write.  */
static bool
may_wait (assuan_context_t ctx) {
  return ctx->in_turn && EVA__SELDOM (eva__conn_input_len (ctx->conn))
         && eva_conn_has_line (ctx->conn) && eva__conn_output_len (ctx->conn) < BATCH_LEN;
}

gpg_error_t
eva__ctx_not_said (assuan_context_t ctx, int rc) {
  gpg_error_t err = eva__ctx_conn_error (ctx, rc);

  if (ctx->drive && rc == EVA_E_LIMIT) eva__drive_fail (ctx->drive, err);
  return err;
}

bool
eva__ctx_made_room (assuan_context_t ctx, int rc) {
  size_t before = eva__conn_output_len (ctx->conn);

  if (rc != EVA_E_LIMIT || !ctx->drive) return false;
  eva__ctx_show_output (ctx);
  eva__ctx_flush (ctx);
  return eva__conn_output_len (ctx->conn) < before;
}

/* In an event loop what is said leaves when the turn ends; if it is said outside of a turn, in a
   turn of its own that is due soon.  A long output leaves earlier, as far as the peer takes it.  */
static gpg_error_t
said_in_loop (assuan_context_t ctx) {
  eva__drive_wake (ctx->drive);
  return eva__conn_output_len (ctx->conn) > BATCH_LEN ? eva__ctx_flush (ctx) : 0;
}

gpg_error_t
eva__ctx_said (assuan_context_t ctx, int rc) {
  if (EVA__SELDOM (rc)) return eva__ctx_not_said (ctx, rc);
  eva__ctx_show_output (ctx);
  if (ctx->drive) return said_in_loop (ctx);
  return EVA__SELDOM (may_wait (ctx)) ? 0 : eva__ctx_flush (ctx);
}

static gpg_error_t
write_status (assuan_context_t ctx, const char *keyword, const char *text) {
  gpg_error_t err = eva__ctx_may_say (ctx);
  struct draft d;

  if (err) return err;
  begin (&d, "S ");
  add (&d, keyword);
  if (text && *text) {
    add (&d, " ");
    add (&d, text);
  }
  err = queue (ctx, &d);
  return err ? err : eva__ctx_said (ctx, 0);
}

gpg_error_t
assuan_write_status (assuan_context_t ctx, const char *keyword, const char *text) {
  if (!ctx || !keyword) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  eva__ctx_enter (ctx);
  return eva__ctx_leave_with (ctx, write_status (ctx, keyword, text));
}
