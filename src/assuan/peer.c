/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* peer.c - who is at the other end.  */

#include "assuan/context.h"

pid_t
assuan_get_pid (assuan_context_t ctx) {
  return ctx ? ctx->pid : ASSUAN_INVALID_PID;
}

gpg_error_t
assuan_get_peercred (assuan_context_t ctx, assuan_peercred_t *peercred) {
  if (!ctx || !peercred) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  if (!ctx->has_peercred) return eva__ctx_error (ctx, GPG_ERR_ASS_GENERAL);
  *peercred = &ctx->peercred;
  return 0;
}
