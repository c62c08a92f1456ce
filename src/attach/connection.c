/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* connection.c - what a program sets and asks of a connection that does not wait.  */

#include "assuan/connection.h"
#include "assuan/drive.h"
#include "assuan/error.h"

gpg_error_t
eva_set_limits (assuan_context_t ctx, const struct eva_limits *limits) {
  gpg_error_t err;

  if (!ctx || !limits) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  if (!ctx->drive) return eva__ctx_error (ctx, GPG_ERR_NOT_SUPPORTED);
  err = ctx->drive->class->ops->set_limits (ctx->drive, limits);
  /* The context may wait for something else now, or for another time.  */
  if (!err) eva__drive_wake (ctx->drive);
  return err;
}

eva_loop *
eva_get_loop (assuan_context_t ctx) {
  return ctx && ctx->drive ? ctx->drive->class->ops->get_loop (ctx->drive) : NULL;
}

size_t
eva_get_queued_len (assuan_context_t ctx) {
  return ctx && ctx->conn ? eva__conn_output_len (ctx->conn) : 0;
}

void
eva_close (assuan_context_t ctx) {
  if (ctx && eva__ctx_is_ours (ctx) && !ctx->released && ctx->drive && !ctx->drive->closing
      && ctx->drive->class->ops->close)
    ctx->drive->class->ops->close (ctx->drive);
}
