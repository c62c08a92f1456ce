/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* line.c - lines that programs read and write themselves.  */

#include "assuan/connection.h"
#include "assuan/error.h"
#include "assuan/lifetime.h"
#include "assuan/say.h"

/* A server has all the time in the world for the next request, but not for lines within a
   command.  */
static gpg_error_t
read_line (assuan_context_t ctx, char **ret_line, size_t *ret_len) {
  struct eva__timeouts *timeouts = &ctx->shared->timeouts;
  bool is_limited = ctx->kind == EVA__CTX_CLIENT || eva__ctx_is_busy (ctx);
  struct eva__step outer =
      eva__timeouts_begin_step (timeouts, is_limited ? timeouts->set.call_timeout_ms : 0);
  gpg_error_t err = eva__ctx_wait_line (ctx, ret_line, ret_len);

  eva__timeouts_end_step (timeouts, outer);
  return err;
}

gpg_error_t
assuan_read_line (assuan_context_t ctx, char **line, size_t *linelen) {
  if (!ctx || !line || !linelen) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  eva__ctx_enter (ctx);
  return eva__ctx_leave_with (ctx, read_line (ctx, line, linelen));
}

int
assuan_pending_line (assuan_context_t ctx) {
  if (!ctx || !ctx->conn) return 0;
  /* A loop that goes on while lines are there must not spin on those that a pending command holds
     back, or that will not be run any more.  */
  if (!ctx->depth && ctx->is_external
      && (ctx->write_error || eva__conn_get_state (ctx->conn) == EVA_STATE_COMMAND))
    return 0;
  return eva_conn_has_line (ctx->conn);
}

static gpg_error_t
write_line (assuan_context_t ctx, const char *line) {
  gpg_error_t err = eva__ctx_may_say (ctx);

  if (!err) err = eva__ctx_queue_line (ctx, line, NULL);
  return err ? err : eva__ctx_said (ctx, 0);
}

gpg_error_t
assuan_write_line (assuan_context_t ctx, const char *line) {
  if (!ctx || !line) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  eva__ctx_enter (ctx);
  return eva__ctx_leave_with (ctx, write_line (ctx, line));
}
