/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* client.c - commands and their replies.

   A reply is read to its OK or ERR.  When a callback fails in the middle, the rest must not answer
   the next command: it is given up (eva_conn_drain), and dropped before the next command is sent.
   After an inquiry the server is known to be about to answer, so there the rest is dropped at once.

   After a line that is none of the protocol, the end of the reply is unknown: no further command is
   sent.  */

#include "assuan/client.h"

#include "assuan/connection.h"
#include "assuan/drive.h"
#include "assuan/error.h"
#include "assuan/lifetime.h"
#include "assuan/log.h"
#include "assuan/say.h"
#include "wire/escape.h"
#include "wire/message.h"
#include "wire/wipe.h"

#include <string.h>

/* The callbacks of a caller of assuan_transact.  */
struct callbacks {
  gpg_error_t (*data) (void *, const void *, size_t);
  void *data_arg;
  gpg_error_t (*inquire) (void *, const char *);
  void *inquire_arg;
  gpg_error_t (*status) (void *, const char *);
  void *status_arg;
};

/* --- Responses by hand ------------------------------------------------------------------------ */

/* Waits for a line that is not empty, for the time of one call.  */
static gpg_error_t
wait_response (assuan_context_t ctx, char **ret_line, size_t *ret_len) {
  struct eva__timeouts *timeouts = &ctx->shared->timeouts;
  struct eva__step outer = eva__timeouts_begin_step (timeouts, timeouts->set.call_timeout_ms);
  gpg_error_t err;

  do
    err = eva__ctx_wait_line (ctx, ret_line, ret_len);
  while (!err && !*ret_len);
  eva__timeouts_end_step (timeouts, outer);
  return err;
}

static gpg_error_t
read_response (assuan_context_t ctx, char **line_r, int *linelen_r) {
  char *line;
  size_t len;
  gpg_error_t err = wait_response (ctx, &line, &len);

  if (err) return err;
  if (len >= 2 && line[0] == 'D' && line[1] == ' ') {
    eva__wire_unescape (line + 2, len - 2, false, &len);
    len += 2;
    line[len] = 0;
  }
  *line_r = line;
  *linelen_r = (int) len;
  return 0;
}

gpg_error_t
assuan_client_read_response (assuan_context_t ctx, char **line_r, int *linelen_r) {
  if (!ctx || !line_r || !linelen_r) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  *line_r = NULL;
  *linelen_r = 0;
  eva__ctx_enter (ctx);
  return eva__ctx_leave_with (ctx, read_response (ctx, line_r, linelen_r));
}

/* Returns what a keyword means to programs.  */
static assuan_response_t
response_of (enum eva__wire_kind kind) {
  switch (kind) {
  case EVA__WIRE_OK:
    return ASSUAN_RESPONSE_OK;
  case EVA__WIRE_STATUS:
    return ASSUAN_RESPONSE_STATUS;
  case EVA__WIRE_END:
    return ASSUAN_RESPONSE_END;
  case EVA__WIRE_INQUIRE:
    return ASSUAN_RESPONSE_INQUIRE;
  default:
    return ASSUAN_RESPONSE_ERROR;
  }
}

gpg_error_t
assuan_client_parse_response (assuan_context_t ctx, char *line, int linelen,
                              assuan_response_t *response, int *off) {
  enum eva__wire_kind kind;
  size_t word_len;

  *response = ASSUAN_RESPONSE_ERROR;
  *off = 0;
  if (linelen >= 1 && line[0] == '#') {
    *response = ASSUAN_RESPONSE_COMMENT;
    *off = 1;
    return 0;
  }
  if (linelen >= 2 && line[0] == 'D' && line[1] == ' ') {
    *response = ASSUAN_RESPONSE_DATA;
    *off = 2; /* further blanks are data */
    return 0;
  }
  if (linelen < 0) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_RESPONSE);
  kind = eva__wire_find_keyword (line, (size_t) linelen, &word_len);
  if (kind == EVA__WIRE_INVALID) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_RESPONSE);
  *response = response_of (kind);
  *off = (int) word_len;
  if (*response == ASSUAN_RESPONSE_END) return 0;
  while (*off < linelen && line[*off] == ' ')
    ++*off;
  return 0;
}

/* --- Giving up -------------------------------------------------------------------------------- */

/* Drops what is left of a reply that was given up.  */
static gpg_error_t
drain (assuan_context_t ctx) {
  /* A server that waits for a CAN which cannot be sent would never answer.  */
  if (ctx->write_error) return ctx->write_error;
  while (eva__ctx_is_connected (ctx) && eva__conn_get_state (ctx->conn) == EVA_STATE_DRAINING) {
    struct eva_event ev;
    gpg_error_t err = eva__ctx_wait_event (ctx, &ev);
    if (err) return err;
  }
  return 0;
}

/* Gives up the reply under way because of ERR, which is returned.  */
static gpg_error_t
give_up (assuan_context_t ctx, gpg_error_t err) {
  if (!eva__ctx_is_connected (ctx) || eva_conn_drain (ctx->conn)) return err;
  ctx->rest_secret = ctx->flags.confidential;
  eva__ctx_said (ctx, 0);
  return err;
}

/* --- Transactions ----------------------------------------------------------------------------- */

/* Data, or the END that a server may put between them, which is handed over as no data.  */
static gpg_error_t
on_data (assuan_context_t ctx, const struct callbacks *cb, const struct eva_event *ev) {
  const char *data = ev->type == EVA_EVENT_END ? NULL : ev->text;
  size_t len = ev->type == EVA_EVENT_END ? 0 : ev->text_len;

  if (!cb->data) return eva__ctx_error (ctx, GPG_ERR_ASS_NO_DATA_CB);
  return cb->data (cb->data_arg, data, len);
}

/* Hands on status lines, if there is a callback; comments too, if the flag asks for them.  */
static gpg_error_t
on_status (const struct callbacks *cb, const char *text) {
  return cb->status ? cb->status (cb->status_arg, text) : 0;
}

/* A failed command.  Number 0 stands for an ERR whose number could not be read.  */
static gpg_error_t
on_error (assuan_context_t ctx, const struct eva_event *ev) {
  return ev->code ? ev->code : eva__ctx_error (ctx, GPG_ERR_ASS_INV_RESPONSE);
}

/* One read that does not wait.  Returns true if something came, or the end.  */
static bool
read_what_came (assuan_context_t ctx) {
  size_t before = eva__conn_input_len (ctx->conn);

  if (eva__conn_at_eof (ctx->conn) || eva__ctx_read (ctx, false)) return false;
  return eva__conn_at_eof (ctx->conn) || eva__conn_input_len (ctx->conn) > before;
}

/* Nothing can be said to the server any more, because of ERR.  The server may have said ERR before
   it left; that tells more, and is returned then.  */
static gpg_error_t
hear_last_words (assuan_context_t ctx, gpg_error_t err) {
  while (eva__ctx_is_connected (ctx)) {
    struct eva_event ev;
    int rc = eva__ctx_next (ctx, &ev);
    if (rc < 0 || ctx->released) break;
    if (rc && ev.type == EVA_EVENT_INQUIRE) break; /* it wanted more than can be said now */
    if (rc && ev.type == EVA_EVENT_ERR) return on_error (ctx, &ev);
    if (!rc && !read_what_came (ctx)) break;
  }
  return err;
}

/* Answers an inquiry.  On failure it drops the rest of the reply, which is due now.  Without a
   callback there is nothing to refuse: the server gets no data.  */
static gpg_error_t
on_inquire (assuan_context_t ctx, const struct callbacks *cb, const struct eva_event *ev) {
  gpg_error_t err = eva__ctx_error (ctx, GPG_ERR_ASS_NO_INQUIRE_CB);
  gpg_error_t said = 0;

  if (cb->inquire) err = cb->inquire (cb->inquire_arg, ev->text);
  eva__timeouts_renew_step (&ctx->shared->timeouts);
  if (ctx->released) return err;
  if (!err || !cb->inquire) said = assuan_send_data (ctx, NULL, 0);
  if (!err) err = said;
  if (!err || ctx->released) return err;
  if (ctx->write_error) return cb->inquire ? hear_last_words (ctx, err) : err;
  give_up (ctx, err);
  drain (ctx);
  return err;
}

/* Handles an event of a reply.  Stores at RET_DONE whether it was the last.  */
static gpg_error_t
on_event (assuan_context_t ctx, const struct callbacks *cb, const struct eva_event *ev,
          bool *ret_done) {
  *ret_done = false;
  switch (ev->type) {
  case EVA_EVENT_OK:
    *ret_done = true;
    return 0;
  case EVA_EVENT_ERR:
    *ret_done = true;
    return on_error (ctx, ev);
  case EVA_EVENT_DATA:
  case EVA_EVENT_END:
    return on_data (ctx, cb, ev);
  case EVA_EVENT_INQUIRE:
    return on_inquire (ctx, cb, ev);
  case EVA_EVENT_STATUS:
    return on_status (cb, ev->text);
  case EVA_EVENT_COMMENT:
    return ctx->flags.convey_comments ? on_status (cb, ev->text) : 0;
  default:
    return 0;
  }
}

/* Gives up a reply in which ERR came instead of an event, not from a callback.  At the end of the
   stream there is no rest to wait for.  After an over-long line, and after an error of the system,
   the reply still goes on.  */
static gpg_error_t
fail_reply (assuan_context_t ctx, gpg_error_t err) {
  switch (gpg_err_code (err)) {
  case GPG_ERR_ASS_INV_RESPONSE:
  case GPG_ERR_ASS_GENERAL:
    ctx->out_of_step = true;
    break;
  case GPG_ERR_EOF:
  case GPG_ERR_ASS_INCOMPLETE_LINE:
    break;
  default:
    return give_up (ctx, err);
  }
  if (ctx->conn) eva_conn_forget (ctx->conn);
  return err;
}

/* Reads the reply.  */
static gpg_error_t
read_reply (assuan_context_t ctx, const struct callbacks *cb) {
  for (;;) {
    struct eva_event ev;
    bool done;
    gpg_error_t err = eva__ctx_wait_event (ctx, &ev);
    if (err) return fail_reply (ctx, err);
    err = on_event (ctx, cb, &ev, &done);
    if (ctx->released || done) return err;
    if (err) return give_up (ctx, err);
  }
}

/* Sends COMMAND.  Stores at RET_SILENT whether it gets no reply.  */
static gpg_error_t
send_command (assuan_context_t ctx, const char *command, bool *ret_silent) {
  char buf[EVA_LINE_SIZE];
  gpg_error_t err;
  int rc;

  if (ctx->out_of_step) return eva__ctx_error (ctx, GPG_ERR_EPIPE);
  err = drain (ctx);
  if (!err) err = eva__ctx_may_say (ctx);
  if (err) return err;
  *ret_silent = !*command || *command == '#';
  if (eva__conn_get_state (ctx->conn) == EVA_STATE_ANSWERING)
    return eva__ctx_error (ctx, GPG_ERR_ASS_NESTED_COMMANDS);
  buf[0] = 0;
  rc = eva_conn_command (ctx->conn, eva__ctx_cut (ctx, command, 0, buf));
  eva__wire_wipe (buf, strlen (buf));
  err = eva__ctx_said (ctx, rc);
  if (!err || rc) return err;
  err = hear_last_words (ctx, err);
  if (ctx->conn) eva_conn_forget (ctx->conn);
  return err;
}

/* Sends COMMAND and reads its reply, in a step of its own.  */
static gpg_error_t
transact (assuan_context_t ctx, const char *command, const struct callbacks *cb) {
  struct eva__timeouts *timeouts = &ctx->shared->timeouts;
  struct eva__step outer = eva__timeouts_begin_step (timeouts, timeouts->set.call_timeout_ms);
  bool silent = false;
  gpg_error_t err = send_command (ctx, command, &silent);

  if (!err && !silent) err = read_reply (ctx, cb);
  eva__timeouts_end_step (timeouts, outer);
  return err;
}

gpg_error_t
assuan_transact (assuan_context_t ctx, const char *command,
                 gpg_error_t (*data_cb) (void *, const void *, size_t), void *data_cb_arg,
                 gpg_error_t (*inquire_cb) (void *, const char *), void *inquire_cb_arg,
                 gpg_error_t (*status_cb) (void *, const char *), void *status_cb_arg) {
  const struct callbacks cb = { data_cb,        data_cb_arg, inquire_cb,
                                inquire_cb_arg, status_cb,   status_cb_arg };
  gpg_error_t err;

  if (!ctx || !command) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  err = eva__drive_may_wait (ctx);
  if (err) return err;
  eva__ctx_enter (ctx);
  err = transact (ctx, command, &cb);
  eva__ctx_forget_line (ctx);
  return eva__ctx_leave_with (ctx, err);
}

/* --- Greeting --------------------------------------------------------------------------------- */

/* An ERR ends the dialogue, and the queue takes nothing more.  The server that refused may go on
   reading, so this writes the line past the queue.  It is the first one of this end, for which
   there is room.  */
static void
say_bye (assuan_context_t ctx) {
  char line[] = "BYE\n";
  struct iovec iov = { .iov_base = line, .iov_len = strlen (line) };

  if (eva__ctx_show_line (ctx, ASSUAN_IO_TO_PEER, line, iov.iov_len - 1, ctx->flags.confidential)
      && !ctx->released)
    eva__io_channel_write (&ctx->channel, &iov, 1, NULL, 0, false);
}

static gpg_error_t
hear_greeting (assuan_context_t ctx) {
  for (;;) {
    struct eva_event ev;
    gpg_error_t err = eva__ctx_wait_event (ctx, &ev);
    if (gpg_err_code (err) == GPG_ERR_ASS_GENERAL)
      return eva__ctx_error (ctx, GPG_ERR_ASS_CONNECT_FAILED); /* a reply, but no greeting */
    if (err || ev.type == EVA_EVENT_OK) return err;
    if (ev.type != EVA_EVENT_COMMENT && ev.type != EVA_EVENT_SKIPPED) {
      eva__ctx_log (ctx, ASSUAN_LOG_SYSIO, "can't connect server: `%s'",
                    ctx->flags.confidential ? EVA__LOG_HIDDEN : ev.text);
      if (ev.type == EVA_EVENT_ERR && !ctx->released) say_bye (ctx);
      return eva__ctx_error (ctx, GPG_ERR_ASS_CONNECT_FAILED);
    }
  }
}

gpg_error_t
eva__ctx_hear_greeting (assuan_context_t ctx) {
  struct eva__timeouts *timeouts = &ctx->shared->timeouts;
  struct eva__step outer = eva__timeouts_begin_step (timeouts, timeouts->set.greeting_timeout_ms);
  gpg_error_t err = hear_greeting (ctx);

  eva__timeouts_end_step (timeouts, outer);
  return err;
}
