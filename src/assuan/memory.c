/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* memory.c - memory of a context, with the hooks of the program.  */

#include "assuan/memory.h"

#include "wire/wipe.h"

#include <string.h>

void *
eva__ctx_malloc (assuan_context_t ctx, size_t len) {
  return ctx->shared->malloc_hooks.malloc (len);
}

void
eva__ctx_free (assuan_context_t ctx, void *ptr) {
  if (ptr) ctx->shared->malloc_hooks.free (ptr);
}

gpg_error_t
eva__ctx_set_string (assuan_context_t ctx, char **ptr, const char *text) {
  char *copy = NULL;

  if (text) {
    size_t size = strlen (text) + 1;
    copy = eva__ctx_malloc (ctx, size);
    if (!copy) return gpg_err_make (ctx->err_source, GPG_ERR_ENOMEM);
    memcpy (copy, text, size);
  }
  if (*ptr) eva__wire_wipe (*ptr, strlen (*ptr));
  eva__ctx_free (ctx, *ptr);
  *ptr = copy;
  return 0;
}
