/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* command.c - commands that take their time, and what else a program says of a context in a
   loop.  */

#include "assuan/drive.h"

#include "assuan/connection.h"
#include "assuan/error.h"

/* Returns the drive of CTX if a command of it is under way, else NULL.  */
static struct eva__drive *
busy_drive (assuan_context_t ctx) {
  return ctx && ctx->drive && eva__ctx_is_busy (ctx) ? ctx->drive : NULL;
}

/* Also in a continuation that learns that its context is released: behind it the function for
   cancelling runs.  */
gpg_error_t
eva_defer (assuan_context_t ctx) {
  struct eva__drive *drive = ctx ? ctx->drive : NULL;

  if (!drive || ctx->kind != EVA__CTX_SERVER || !eva__ctx_has_command (ctx))
    return eva__ctx_error (ctx, GPG_ERR_ASS_GENERAL);
  drive->deferred = true;
  return 0;
}

gpg_error_t
eva_set_cancel (assuan_context_t ctx,
                void (*cb) (assuan_context_t ctx, void *arg, gpg_error_t reason), void *arg) {
  struct eva__drive *drive = busy_drive (ctx);
  struct eva__callbacks *callbacks;

  if (!drive) return eva__ctx_error (ctx, GPG_ERR_ASS_GENERAL);
  callbacks = eva__drive_get_callbacks (drive);
  if (!callbacks) return eva__ctx_error (ctx, GPG_ERR_ENOMEM);
  callbacks->cancel = cb;
  callbacks->cancel_arg = arg;
  return 0;
}

gpg_error_t
eva_set_writable (assuan_context_t ctx, void (*cb) (assuan_context_t ctx, void *arg), void *arg) {
  struct eva__callbacks *callbacks;

  if (!ctx || !ctx->drive) return eva__ctx_error (ctx, GPG_ERR_NOT_SUPPORTED);
  callbacks = eva__drive_get_callbacks (ctx->drive);
  if (!callbacks) return eva__ctx_error (ctx, GPG_ERR_ENOMEM);
  callbacks->writable = cb;
  callbacks->writable_arg = arg;
  callbacks->is_of_command = eva__ctx_is_busy (ctx);
  eva__drive_wake (ctx->drive);
  return 0;
}

gpg_error_t
eva_set_limits (assuan_context_t ctx, const struct eva_limits *limits) {
  gpg_error_t err;

  if (!ctx || !limits) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  if (!ctx->drive) return eva__ctx_error (ctx, GPG_ERR_NOT_SUPPORTED);
  err = ctx->drive->class->ops->set_limits (ctx->drive, limits);
  /* What is waited for, and how long, may be something else now.  */
  if (!err) eva__drive_wake (ctx->drive);
  return err;
}

eva_loop *
eva_get_loop (assuan_context_t ctx) {
  return ctx && ctx->drive ? ctx->drive->class->ops->get_loop (ctx->drive) : NULL;
}

size_t
eva_get_queued_len (assuan_context_t ctx) {
  return ctx && ctx->conn ? eva_conn_output_len (ctx->conn) : 0;
}

void
eva_close (assuan_context_t ctx) {
  if (ctx && eva__ctx_is_ours (ctx) && !ctx->released && ctx->drive && !ctx->drive->closing
      && ctx->drive->class->ops->close)
    ctx->drive->class->ops->close (ctx->drive);
}
