/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* lifetime.h - how long a context stays, and how it ends.

   Functions that may run callbacks stand between eva__ctx_enter and eva__ctx_leave: a callback may
   release the context, which then goes away in the outermost eva__ctx_leave and nowhere else.  That
   holds for monitors and the log, too, so for every exported function that can show a line or
   log.  */

#ifndef EVA__ASSUAN_LIFETIME_H
#define EVA__ASSUAN_LIFETIME_H

#include "assuan/context.h"

/* Between these CTX stays, whatever callbacks do.  After eva__ctx_leave it must not be touched.  */
static inline void
eva__ctx_enter (assuan_context_t ctx) {
  ctx->depth++;
}

/* The outermost eva__ctx_leave.  */
void eva__ctx_leave_last (assuan_context_t ctx);

static inline void
eva__ctx_leave (assuan_context_t ctx) {
  if (ctx->depth > 1)
    ctx->depth--;
  else
    eva__ctx_leave_last (ctx);
}

/* The latter, for a function that ends with it.  Returns ERR.  */
gpg_error_t eva__ctx_leave_with (assuan_context_t ctx, gpg_error_t err);

/* Ends a client's connection: says BYE, disconnects, and waits for the child, if there is one.  */
void eva__ctx_hang_up (assuan_context_t ctx);

#endif /* EVA__ASSUAN_LIFETIME_H */
