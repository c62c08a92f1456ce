/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* inquire.c - asking the client for data, waiting for them or not.

   The continuation of assuan_inquire_ext runs exactly once: with the data, or with the reason
   why there are none.  */

#include "assuan/inquire.h"

#include "assuan/connection.h"
#include "assuan/drive.h"
#include "assuan/error.h"
#include "assuan/lifetime.h"
#include "assuan/membuf.h"
#include "assuan/memory.h"
#include "assuan/say.h"
#include "conn/conn.h"
#include "wire/wipe.h"

#include <string.h>

/* Returns why CTX cannot inquire now.  The state tells whether an answer is awaited: an answer that
   was given up is no obstacle.  */
static gpg_error_t
check (assuan_context_t ctx, const char *keyword) {
  enum eva_conn_state state;

  if (!keyword) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  if (ctx->kind != EVA__CTX_SERVER || !ctx->conn)
    return eva__ctx_error (ctx, GPG_ERR_ASS_NOT_A_SERVER);
  state = eva__conn_get_state (ctx->conn);
  if (eva__ctx_inquiry (ctx) || state == EVA_STATE_INQUIRY || state == EVA_STATE_OVERFLOW)
    return eva__ctx_error (ctx, GPG_ERR_ASS_NESTED_COMMANDS);
  /* Nothing would ever report that there is no answer: the end is reported once.  */
  if ((ctx->drive || ctx->is_external) && eva__conn_at_eof (ctx->conn)
      && !eva__conn_input_len (ctx->conn))
    return eva__ctx_error (ctx, GPG_ERR_EOF);
  return eva__ctx_may_say (ctx);
}

void
eva__ctx_give_up_answer (assuan_context_t ctx) {
  if (ctx->conn && ctx->kind == EVA__CTX_SERVER) eva_conn_drain (ctx->conn);
}

/* Returns how long the answer to an inquiry may be for which a program allows MAXLEN octets, or 0
   if it may have any length.  */
static size_t
limit_answer (assuan_context_t ctx, size_t maxlen) {
  size_t limit = ctx->drive ? ctx->drive->class->limits->max_inquiry_len : EVA_NO_LIMIT_LEN;

  return limit != EVA_NO_LIMIT_LEN && (!maxlen || maxlen > limit) ? limit : maxlen;
}

gpg_error_t
eva__ctx_inquire (assuan_context_t ctx, const char *keyword, size_t maxlen) {
  char buf[EVA_LINE_SIZE];
  gpg_error_t err = check (ctx, keyword);
  int rc;

  if (err) return err;
  if (strlen (keyword) > EVA_LINE_MAX - strlen ("INQUIRE "))
    return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  maxlen = limit_answer (ctx, maxlen);
  if (ctx->drive) ctx->drive->restarted = true;
  ctx->answer_secret =
      ctx->flags.confidential || (ctx->answer_secret && eva__conn_is_owed (ctx->conn));
  ctx->answer_redacted =
      ctx->is_redacted || (ctx->answer_redacted && eva__conn_is_owed (ctx->conn));
  buf[0] = 0;
  keyword = eva__ctx_cut (ctx, keyword, 8, buf);
  rc = eva_conn_inquire (ctx->conn, keyword, maxlen);
  if (eva__ctx_made_room (ctx, rc)) rc = eva_conn_inquire (ctx->conn, keyword, maxlen);
  eva__wire_wipe (buf, strlen (buf));
  err = eva__ctx_said (ctx, rc);
  if (err && !rc) eva__ctx_give_up_answer (ctx);
  return err;
}

gpg_error_t
eva__ctx_answer_error (assuan_context_t ctx, const struct eva_event *ev) {
  switch (ev->type) {
  case EVA_EVENT_CANCEL:
    return eva__ctx_error (ctx, GPG_ERR_ASS_CANCELED);
  case EVA_EVENT_OVERFLOW:
    return eva__ctx_error (ctx, GPG_ERR_ASS_TOO_MUCH_DATA);
  case EVA_EVENT_UNEXPECTED:
    return eva__ctx_error (ctx, GPG_ERR_ASS_UNEXPECTED_CMD);
  case EVA_EVENT_EOF:
    return eva__ctx_error (ctx, GPG_ERR_EOF);
  default:
    return 0;
  }
}

/* Lets the data of an inquiry that MB collects come raw.  They take some more memory, and that of a
   program's own allocator may be scarce.  */
static void
want_raw (assuan_context_t ctx) {
  if (eva__ctx_has_libc_memory (ctx)) eva__conn_want_raw (ctx->conn);
}

gpg_error_t
eva__ctx_add_answer (assuan_context_t ctx, struct eva__membuf *mb, const struct eva_event *ev) {
  gpg_error_t err;

  if (!eva__conn_gave_raw (ctx->conn)) return eva__membuf_add (ctx, mb, ev->text, ev->text_len);
  err = eva__membuf_reserve (ctx, mb, ev->text_len);
  if (!err) mb->len += eva__conn_unescape (ctx->conn, ev, (char *) mb->data + mb->len);
  return err;
}

/* --- Waiting ---------------------------------------------------------------------------------- */

/* Collects the answer in MB.  NO_DATA: none is expected.  */
static gpg_error_t
collect_events (assuan_context_t ctx, struct eva__membuf *mb, bool no_data) {
  bool too_much = false;

  for (;;) {
    struct eva_event ev;
    gpg_error_t err = eva__ctx_wait_event (ctx, &ev);
    if (err) return err;
    /* An answer that is too long is read on to its end, unless something else ends it.  */
    if (ev.type == EVA_EVENT_OVERFLOW) too_much = true;
    if (ev.type == EVA_EVENT_OVERFLOW) continue;
    if (ev.type == EVA_EVENT_END)
      return too_much ? eva__ctx_error (ctx, GPG_ERR_ASS_TOO_MUCH_DATA) : 0;
    err = eva__ctx_answer_error (ctx, &ev);
    if (err) return err;
    if (ev.type == EVA_EVENT_DATA && no_data)
      return eva__ctx_error (ctx, GPG_ERR_ASS_UNEXPECTED_CMD);
    if (ev.type == EVA_EVENT_DATA) err = eva__ctx_add_answer (ctx, mb, &ev);
    if (err) return err;
  }
}

/* The same, for a limited time.  */
static gpg_error_t
collect (assuan_context_t ctx, struct eva__membuf *mb, bool no_data) {
  struct eva__timeouts *timeouts = &ctx->shared->timeouts;
  struct eva__step outer = eva__timeouts_begin_step (timeouts, timeouts->set.call_timeout_ms);
  gpg_error_t err = collect_events (ctx, mb, no_data);

  eva__timeouts_end_step (timeouts, outer);
  return err;
}

/* R_BUFFER NULL: no data is expected.  */
static gpg_error_t
inquire (assuan_context_t ctx, const char *keyword, unsigned char **r_buffer, size_t *r_length,
         size_t maxlen) {
  gpg_error_t err = eva__drive_may_wait (ctx);
  struct eva__membuf mb = { .max_len = maxlen };

  if (!err) err = eva__ctx_inquire (ctx, keyword, maxlen);
  if (!err) {
    want_raw (ctx);
    err = collect (ctx, &mb, !r_buffer);
    if (err) eva__ctx_give_up_answer (ctx);
  }
  if (!err && r_buffer) {
    *r_buffer = eva__membuf_take (ctx, &mb, r_length);
    if (!*r_buffer) err = eva__ctx_error (ctx, GPG_ERR_ENOMEM);
  }
  eva__membuf_free (ctx, &mb);
  return err;
}

gpg_error_t
assuan_inquire (assuan_context_t ctx, const char *keyword, unsigned char **r_buffer,
                size_t *r_length, size_t maxlen) {
  bool no_data = !r_buffer && !r_length && !maxlen;

  if (!ctx || !keyword || (!no_data && (!r_buffer || !r_length)))
    return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  if (r_buffer) *r_buffer = NULL;
  if (r_length) *r_length = 0;
  eva__ctx_enter (ctx);
  return eva__ctx_leave_with (ctx, inquire (ctx, keyword, r_buffer, r_length, maxlen));
}

/* --- Not waiting ------------------------------------------------------------------------------ */

/* Takes the memory for CONTINUATION first: nothing may fail after the line is queued.  */
static gpg_error_t
inquire_ext (assuan_context_t ctx, const char *keyword, size_t maxlen,
             const struct eva__inquiry *continuation) {
  struct eva__extra *extra = eva__ctx_get_extra (ctx);
  struct eva__inquiry *inquiry = extra ? eva__ctx_malloc (ctx, sizeof *inquiry) : NULL;
  gpg_error_t err;

  if (!inquiry) return eva__ctx_error (ctx, GPG_ERR_ENOMEM);
  /* Without a command there is nothing that the continuation could finish.  */
  err = check (ctx, keyword);
  if (!err && !eva__ctx_is_busy (ctx)) err = eva__ctx_error (ctx, GPG_ERR_ASS_GENERAL);
  if (!err) err = eva__ctx_inquire (ctx, keyword, maxlen);
  if (!err && ctx->released) err = eva__ctx_error (ctx, GPG_ERR_CANCELED); /* by a monitor */
  if (err) {
    eva__ctx_free (ctx, inquiry);
    return err;
  }
  want_raw (ctx);
  *inquiry = *continuation;
  inquiry->data.max_len = limit_answer (ctx, maxlen);
  extra->inquiry = inquiry;
  return 0;
}

gpg_error_t
assuan_inquire_ext (assuan_context_t ctx, const char *keyword, size_t maxlen,
                    gpg_error_t (*cb) (void *cb_data, gpg_error_t rc, unsigned char *buf,
                                       size_t buf_len),
                    void *cb_data) {
  const struct eva__inquiry continuation = { .cb = cb, .cb_data = cb_data };

  if (!ctx || !cb) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  eva__ctx_enter (ctx);
  return eva__ctx_leave_with (ctx, inquire_ext (ctx, keyword, maxlen, &continuation));
}

gpg_error_t
eva__ctx_end_inquiry (assuan_context_t ctx, gpg_error_t rc) {
  struct eva__inquiry inquiry;
  unsigned char *buf = NULL;
  size_t len = 0;

  if (!eva__ctx_inquiry (ctx)) return 0;
  /* Takes it off first: the continuation may inquire again, or release the context.  */
  inquiry = *ctx->extra->inquiry;
  eva__ctx_free (ctx, ctx->extra->inquiry);
  ctx->extra->inquiry = NULL;
  eva__ctx_give_up_answer (ctx); /* if it has not ended */
  if (!rc) {
    buf = eva__membuf_take (ctx, &inquiry.data, &len);
    if (!buf) rc = eva__ctx_error (ctx, GPG_ERR_ENOMEM);
  }
  eva__membuf_free (ctx, &inquiry.data);
  if (ctx->drive) ctx->drive->deferred = false; /* what CB returns decides now */
  if (!eva__ctx_is_ours (ctx)) return 0;
  return inquiry.cb (inquiry.cb_data, rc, buf, len);
}
