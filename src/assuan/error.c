/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* error.c - errors of the core and of the system as gpg_error_t, and texts that explain them.  */

#include "assuan/error.h"

#include "assuan/memory.h"

#include <stdio.h>

/* The one table that translates enum eva_conn_error.  The index is the negated error.  */
static const gpg_err_code_t conn_errors[] = {
  [-EVA_E_NOMEM] = GPG_ERR_ENOMEM,
  [-EVA_E_STATE] = GPG_ERR_ASS_GENERAL,
  [-EVA_E_LINE_TOO_LONG] = GPG_ERR_ASS_LINE_TOO_LONG,
  [-EVA_E_TEXT] = GPG_ERR_ASS_INV_VALUE,
  [-EVA_E_LIMIT] = GPG_ERR_TOO_LARGE,
  [-EVA_E_SYNTAX] = GPG_ERR_ASS_INV_RESPONSE,
  [-EVA_E_TRUNCATED] = GPG_ERR_ASS_INCOMPLETE_LINE,
  [-EVA_E_ESCAPE] = GPG_ERR_BAD_DATA,
  [-EVA_E_CLOSED] = GPG_ERR_EPIPE,
};

gpg_error_t
eva__ctx_error (assuan_context_t ctx, gpg_err_code_t code) {
  return gpg_err_make (ctx ? ctx->err_source : GPG_ERR_SOURCE_ASSUAN, code);
}

gpg_error_t
eva__ctx_syserror (assuan_context_t ctx) {
  return eva__ctx_error (ctx, gpg_err_code_from_syserror ());
}

gpg_error_t
eva__ctx_conn_error (assuan_context_t ctx, int rc) {
  return rc < 0 ? eva__ctx_error (ctx, conn_errors[-rc]) : 0;
}

size_t
eva__ctx_describe_error (gpg_error_t err, char buf[EVA__ERROR_SIZE]) {
  char text[EVA__STRERROR_MAX + 1];

  gpg_strerror_r (err, text, sizeof text);
  return (size_t) snprintf (buf, EVA__ERROR_SIZE, "%s <%.*s>", text, EVA__STRSOURCE_MAX,
                            gpg_strsource (err));
}

gpg_error_t
assuan_set_error (assuan_context_t ctx, gpg_error_t err, const char *text) {
  struct eva__extra *extra;

  if (!ctx) return err;
  extra = eva__ctx_get_extra (ctx);
  /* Returns ERR in any case: without memory it just stays unexplained.  */
  if (!extra) return err;
  extra->err_no = err;
  if (eva__ctx_set_string (ctx, &extra->err_text, text))
    eva__ctx_set_string (ctx, &extra->err_text, NULL);
  ctx->err_secret = ctx->flags.confidential;
  return err;
}

void
eva__ctx_forget_texts (assuan_context_t ctx) {
  struct eva__extra *extra = ctx->extra;

  if (EVA__MOSTLY (!extra)) return;
  if (extra->okay_line) eva__ctx_set_string (ctx, &extra->okay_line, NULL);
  if (extra->err_text) eva__ctx_set_string (ctx, &extra->err_text, NULL);
}
