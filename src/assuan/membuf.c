/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* membuf.c - octets that grow.

   They may be secrets: outgrown memory is wiped, so realloc, which leaves copies behind, is of no
   use.  In an event loop they are buffers of the connection, and count as held, until they are
   taken.  */

#include "assuan/membuf.h"

#include "assuan/drive.h"
#include "assuan/error.h"
#include "assuan/memory.h"
#include "wire/wipe.h"

#include <string.h>

#define FIRST_SIZE 512

/* Moves the data to SIZE octets of new memory.  */
static gpg_error_t
grow (assuan_context_t ctx, struct eva__membuf *mb, size_t size) {
  struct eva__membuf old = *mb;
  unsigned char *data;

  if (ctx->drive && !eva__drive_hold (ctx->drive, size))
    return eva__ctx_error (ctx, GPG_ERR_TOO_LARGE);
  data = eva__ctx_malloc (ctx, size);
  if (!data) {
    if (ctx->drive) eva__drive_unhold (ctx->drive, size);
    return eva__ctx_error (ctx, GPG_ERR_ENOMEM);
  }
  if (old.data) memcpy (data, old.data, old.len);
  eva__membuf_free (ctx, &old);
  mb->data = data;
  mb->size = size;
  return 0;
}

gpg_error_t
eva__membuf_add (assuan_context_t ctx, struct eva__membuf *mb, const void *data, size_t len) {
  /* One octet more than the data, for the NUL behind them.  */
  if (len >= SIZE_MAX / 2 - mb->len) return eva__ctx_error (ctx, GPG_ERR_ENOMEM);
  if (!mb->data || mb->len + len + 1 > mb->size) {
    size_t size = mb->size ? 2 * mb->size : FIRST_SIZE;
    gpg_error_t err = grow (ctx, mb, size > mb->len + len ? size : mb->len + len + 1);
    if (err) return err;
  }
  if (len) memcpy (mb->data + mb->len, data, len);
  mb->len += len;
  return 0;
}

unsigned char *
eva__membuf_take (assuan_context_t ctx, struct eva__membuf *mb, size_t *ret_len) {
  unsigned char *data;

  if (eva__membuf_add (ctx, mb, NULL, 0)) return NULL;
  data = mb->data;
  data[mb->len] = 0;
  *ret_len = mb->len;
  if (ctx->drive) eva__drive_unhold (ctx->drive, mb->size);
  *mb = (struct eva__membuf) { 0 };
  return data;
}

void
eva__membuf_free (assuan_context_t ctx, struct eva__membuf *mb) {
  eva__wire_wipe (mb->data, mb->len);
  eva__ctx_free (ctx, mb->data);
  if (ctx->drive) eva__drive_unhold (ctx->drive, mb->size);
  *mb = (struct eva__membuf) { 0 };
}
