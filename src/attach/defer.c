/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* defer.c - commands that take their time.  */

#include "assuan/drive.h"
#include "assuan/error.h"

/* Returns the drive of CTX if a command of it is under way, else NULL.  */
static struct eva__drive *
busy_drive (assuan_context_t ctx) {
  return ctx && ctx->drive && eva__ctx_is_busy (ctx) ? ctx->drive : NULL;
}

/* Works also in a continuation that learns that its context is released: the function for
   cancelling runs after it.  */
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
