/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* error.h - errors of the core and of the system as gpg_error_t.  */

#ifndef EVA__ASSUAN_ERROR_H
#define EVA__ASSUAN_ERROR_H

#include "assuan/context.h"

/* The most octets of libgpg-error's description of an error, and of its source, in an ERR; and
   those of both, as `description <source>`, with a NUL.  */
#define EVA__STRERROR_MAX  50
#define EVA__STRSOURCE_MAX 30
#define EVA__ERROR_SIZE    (EVA__STRERROR_MAX + EVA__STRSOURCE_MAX + sizeof " <>")

/* Returns CODE with the error source of CTX, which may be NULL.  Errors are rare, and the compiler
   keeps what leads to them out of the way of everything else.  */
gpg_error_t eva__ctx_error (assuan_context_t ctx, gpg_err_code_t code) __attribute__ ((cold));

/* The same for what is no failure: how connections end as a rule.  */
static inline gpg_error_t
eva__ctx_end_reason (assuan_context_t ctx, gpg_err_code_t code) {
  return gpg_err_make (ctx->err_source, code);
}

/* Returns the error of the system call that just failed, from errno.  */
gpg_error_t eva__ctx_syserror (assuan_context_t ctx) __attribute__ ((cold));

/* Returns the error for RC, which an eva_conn function returned: 0 or more is 0.  */
gpg_error_t eva__ctx_conn_error (assuan_context_t ctx, int rc);

/* Writes what ERR means to BUF, `description <source>`, as an ERR has it.  Returns its length.  */
size_t eva__ctx_describe_error (gpg_error_t err, char buf[EVA__ERROR_SIZE]);

/* Forgets what assuan_set_okay_line and assuan_set_error set.  */
void eva__ctx_forget_texts (assuan_context_t ctx);

#endif /* EVA__ASSUAN_ERROR_H */
