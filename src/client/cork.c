/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* cork.c - blocking contexts whose data wait for more.  */

#include "assuan/connection.h"
#include "assuan/context.h"
#include "assuan/error.h"
#include "assuan/lifetime.h"
#include "eva.h"

gpg_error_t
eva_cork (assuan_context_t ctx) {
  if (!ctx) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  if (!ctx->conn) return eva__ctx_error (ctx, GPG_ERR_EPIPE);
  ctx->is_corked = true;
  return 0;
}

gpg_error_t
eva_uncork (assuan_context_t ctx) {
  if (!ctx) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  if (!ctx->is_corked) return 0;
  ctx->is_corked = false;
  if (ctx->drive) return 0;
  eva__ctx_enter (ctx);
  return eva__ctx_leave_with (ctx, eva__ctx_flush (ctx));
}
