/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* reply.c - the end of a command: its reply, the notification, and what it leaves behind.

       OK [text]
       ERR number description <source> [- text]  */

#include "assuan/reply.h"

#include "assuan/connection.h"
#include "assuan/descriptor.h"
#include "assuan/drive.h"
#include "assuan/error.h"
#include "assuan/inquire.h"
#include "assuan/lifetime.h"
#include "assuan/memory.h"
#include "assuan/say.h"
#include "assuan/stream.h"
#include "wire/seldom.h"
#include "wire/wipe.h"

#include <string.h>

gpg_error_t
assuan_set_okay_line (assuan_context_t ctx, const char *line) {
  struct eva__extra *extra;
  gpg_error_t err;

  if (!ctx) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  extra = eva__ctx_get_extra (ctx);
  if (!extra) return eva__ctx_error (ctx, GPG_ERR_ENOMEM);
  err = eva__ctx_set_string (ctx, &extra->okay_line, line);
  if (!err) ctx->okay_secret = ctx->flags.confidential;
  return err;
}

/* Returns the text that explains RC, or NULL.  */
static const char *
get_explanation (assuan_context_t ctx, gpg_error_t rc) {
  return ctx->extra && rc == ctx->extra->err_no ? ctx->extra->err_text : NULL;
}

/* Returns the text of the next OK, or NULL.  */
static const char *
get_okay_line (assuan_context_t ctx) {
  return EVA__SELDOM (ctx->extra) ? ctx->extra->okay_line : NULL;
}

/* Adds TEXT to the LEN octets in BUF, of an ERR whose number is still to come: up to its first LF,
   and to where the line is full, but not within a UTF-8 character.  */
static void
add_explanation (assuan_context_t ctx, const char *text, char buf[EVA_LINE_SIZE], size_t len) {
  size_t room = EVA_LINE_MAX - strlen ("ERR 4294967295 ") - len;
  size_t text_len = strcspn (text, "\n");
  bool has_lf = text[text_len], too_long = text_len > room;

  if (too_long) {
    text_len = room;
    while (text_len && (text[text_len] & 0xc0) == 0x80)
      text_len--;
  }
  memcpy (buf + len, text, text_len);
  buf[len + text_len] = 0;
  eva__ctx_log_cut (ctx, has_lf, too_long);
}

/* Writes what follows the number of an ERR for RC to BUF.  */
static void
format_error (assuan_context_t ctx, gpg_error_t rc, char buf[EVA_LINE_SIZE]) {
  const char *text = get_explanation (ctx, rc);
  size_t len = eva__ctx_describe_error (rc, buf);

  if (ctx->closing) text = "[closing connection]";
  if (!text) return;
  memcpy (buf + len, " - ", 3);
  add_explanation (ctx, text, buf, len + 3);
}

/* Returns true if the reply RC has a text that was confidential when it was set.  */
static bool
is_reply_secret (assuan_context_t ctx, gpg_error_t rc) {
  if (ctx->closing) return false;
  return rc ? get_explanation (ctx, rc) && ctx->err_secret
            : get_okay_line (ctx) && ctx->okay_secret;
}

static int
queue_err (assuan_context_t ctx, gpg_error_t err) {
  char buf[EVA_LINE_SIZE];
  int rc;

  format_error (ctx, err, buf);
  rc = eva_conn_err (ctx->conn, err, buf);
  eva__wire_wipe (buf, strlen (buf));
  return rc;
}

/* Queues a reply that has a text.  A data line before it, which ends with it, does not become
   confidential because the reply is.  */
static __attribute__ ((noinline)) int
queue_text (assuan_context_t ctx, gpg_error_t rc, const char *text) {
  int conn_rc;

  eva_conn_flush (ctx->conn);
  eva__ctx_mark_output (ctx, is_reply_secret (ctx, rc));
  conn_rc = rc ? queue_err (ctx, rc) : eva__ctx_queue_ok (ctx, text);
  eva__ctx_mark_output (ctx, false);
  return conn_rc;
}

/* Queues the reply.  Nearly every one is a mere OK.  */
static inline int
queue_reply (assuan_context_t ctx, gpg_error_t rc) {
  const char *text = EVA__SELDOM (ctx->closing) ? "closing connection" : get_okay_line (ctx);

  return EVA__SELDOM (rc || text) ? queue_text (ctx, rc, text) : eva_conn_ok (ctx->conn, NULL);
}

/* The reply could not be queued, because of CONN_RC: tries once more if there is room by now.  A
   client must not wait for a reply for which there is no memory.  */
static __attribute__ ((cold, noinline)) int
queue_again (assuan_context_t ctx, gpg_error_t rc, int conn_rc) {
  if (eva__ctx_made_room (ctx, conn_rc)) conn_rc = queue_reply (ctx, rc);
  if (conn_rc) ctx->closing = true;
  return conn_rc;
}

/* Sends the reply.  A client that said BYE, or is thrown out, does not have to wait for it.  */
static gpg_error_t
send_reply (assuan_context_t ctx, gpg_error_t rc) {
  int conn_rc = queue_reply (ctx, rc);
  gpg_error_t err;

  if (EVA__SELDOM (conn_rc)) conn_rc = queue_again (ctx, rc, conn_rc);
  if (conn_rc) return eva__ctx_not_said (ctx, conn_rc);
  if (EVA__SELDOM (ctx->write_error)) eva_conn_sent (ctx->conn, SIZE_MAX);
  if (EVA__SELDOM (ctx->write_error)) return ctx->write_error;
  err = eva__ctx_said (ctx, 0);
  if (EVA__MOSTLY (!ctx->closing)) return err;
  err = eva__ctx_flush (ctx);
  return gpg_err_code (err) == GPG_ERR_EPIPE ? 0 : err;
}

/* Closes the connection after its last reply, so that the client sees its end at once.  In an event
   loop that reply may still have to be sent; if there was no memory for it, only the end is left to
   do.  */
static __attribute__ ((cold, noinline)) void
close_connection (assuan_context_t ctx) {
  eva__ctx_close_fds (ctx);
  eva_conn_close (ctx->conn);
  if (ctx->drive)
    eva__drive_wake (ctx->drive);
  else
    eva__io_channel_close (&ctx->channel);
}

void
eva__ctx_tell_after (assuan_context_t ctx, gpg_error_t result) {
  const char *name = ctx->drive ? ctx->drive->begun : NULL;

  if (EVA__MOSTLY (!name)) return;
  ctx->drive->begun = NULL;
  if (eva__ctx_is_ours (ctx)) ctx->table->notify.after (ctx, name, result);
}

/* The command of a drive is about to be answered with RC.  Returns what it is answered with.  A
   monitor of the reply may release the context.  */
static gpg_error_t
end_driven (struct eva__drive *drive, gpg_error_t rc) {
  eva__drive_count_command (drive);
  eva__drive_forget_callbacks (drive);
  return drive->late ? eva__ctx_error (drive->ctx, GPG_ERR_TIMEOUT) : rc;
}

/* A program that takes a failure to finish a command for fatal must not end because a client left:
   the next assuan_process_next reports that.  */
__attribute__ ((flatten, hot)) gpg_error_t
eva__ctx_finish_command (assuan_context_t ctx, gpg_error_t rc) {
  gpg_error_t err;

  eva__ctx_close_data_stream (ctx);
  if (EVA__SELDOM (ctx->flags.force_close)) ctx->closing = true;
  if (ctx->drive) rc = end_driven (ctx->drive, rc);
  err = send_reply (ctx, rc);
  if (EVA__MOSTLY (!err)) ctx->is_redacted = false;
  /* The notification may try to finish the command, or release the context.  */
  if (ctx->drive) eva__drive_forget_command (ctx->drive);
  if (EVA__SELDOM (ctx->released)) return err && eva__ctx_is_left (ctx, err) ? 0 : err;
  eva__ctx_forget_texts (ctx);
  if (EVA__SELDOM (ctx->closing)) close_connection (ctx);
  if (EVA__SELDOM (ctx->table->notify.post_cmd)) ctx->table->notify.post_cmd (ctx, err);
  if (EVA__MOSTLY (!ctx->released)) eva__ctx_tell_after (ctx, rc);
  if (EVA__SELDOM (ctx->flags.confidential))
    ctx->answer_secret = true; /* one that is still to come */
  if (EVA__MOSTLY (!ctx->released)) eva__ctx_set_confidential (ctx, false);
  return err && eva__ctx_is_left (ctx, err) ? 0 : err;
}

gpg_error_t
eva__ctx_process_done (assuan_context_t ctx, gpg_error_t rc) {
  gpg_error_t err = eva__ctx_finish_command (ctx, rc);

  /* Data that were asked for cannot be delivered any more.  */
  if (eva__ctx_inquiry (ctx))
    eva__ctx_end_inquiry (ctx, eva__ctx_error (ctx, GPG_ERR_ASS_CANCELED));
  return err;
}

gpg_error_t
assuan_process_done (assuan_context_t ctx, gpg_error_t rc) {
  if (!ctx) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  if (!eva__ctx_is_busy (ctx)) {
    if (ctx->drive) eva__drive_forget_callbacks (ctx->drive); /* it ends with its context */
    return eva__ctx_error (ctx, GPG_ERR_ASS_GENERAL);
  }
  eva__ctx_enter (ctx);
  return eva__ctx_leave_with (ctx, eva__ctx_process_done (ctx, rc));
}
