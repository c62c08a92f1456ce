/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* membuf.c - octets that grow.

   They may be secrets: outgrown memory is wiped, so realloc, which leaves copies behind, is of no
   use.  In an event loop they are buffers of the connection, and count as held, until they are
   taken.  What a peer announces takes no memory: only what came does.  */

#include "assuan/membuf.h"

#include "assuan/drive.h"
#include "assuan/error.h"
#include "assuan/memory.h"
#include "wire/wipe.h"

#include <string.h>

#define FIRST_SIZE 512

/* No buffer grows beyond this, so that no sum below overflows.  */
#define MAX_LEN (SIZE_MAX / 32)

/* Returns SIZE, or what all of MB needs at most, if that is less.  */
static size_t
cap (const struct eva__membuf *mb, size_t size) {
  return mb->max_len && mb->max_len < size ? mb->max_len + 1 : size;
}

/* Returns the size to grow to, so that NEED octets fit.  Memory of the C library that nothing has
   touched costs nothing, but each move touches the new memory and wipes the old: so such a buffer
   moves seldom.  Programs ask for powers of two, and a page more than one lets those fit.  The
   memory of a program's own allocator may be scarce.  */
static size_t
next_size (assuan_context_t ctx, const struct eva__membuf *mb, size_t need) {
  size_t size = 2 * mb->size;

  if (!mb->size)
    size = FIRST_SIZE;
  else if (eva__ctx_has_libc_memory (ctx))
    size = 8 * mb->size + 4096;
  size = cap (mb, size);
  return size > need ? size : need;
}

/* Moves the data to SIZE octets of new memory.  */
static bool
move (assuan_context_t ctx, struct eva__membuf *mb, size_t size) {
  unsigned char *data = eva__ctx_malloc_pages (ctx, size);

  if (!data) return false;
  if (mb->len) memcpy (data, mb->data, mb->len);
  eva__wire_wipe (mb->data, mb->len);
  eva__ctx_free (ctx, mb->data);
  mb->data = data;
  mb->size = size;
  return true;
}

/* Makes room for NEED octets in all.  Where there is no memory for much, there may be for less.  */
static gpg_error_t
reserve (assuan_context_t ctx, struct eva__membuf *mb, size_t need) {
  if (need <= mb->size) return 0;
  if (move (ctx, mb, next_size (ctx, mb, need))) return 0;
  if (mb->size && move (ctx, mb, need + need / 8)) return 0;
  return eva__ctx_error (ctx, GPG_ERR_ENOMEM);
}

/* Counts NEED octets as held, and as many more: memory that is not used yet costs nothing.  */
static gpg_error_t
hold (assuan_context_t ctx, struct eva__membuf *mb, size_t need) {
  size_t len = 2 * need > FIRST_SIZE ? 2 * need : FIRST_SIZE;

  if (!ctx->drive || need <= mb->held_len) return 0;
  len = cap (mb, len);
  if (len < need) len = need;
  if (!eva__drive_hold (ctx->drive, len - mb->held_len))
    return eva__ctx_error (ctx, GPG_ERR_TOO_LARGE);
  mb->held_len = len;
  return 0;
}

gpg_error_t
eva__membuf_add (assuan_context_t ctx, struct eva__membuf *mb, const void *data, size_t len) {
  size_t need = mb->len + len + 1; /* with the NUL behind the data */
  gpg_error_t err;

  if (len >= MAX_LEN - mb->len) return eva__ctx_error (ctx, GPG_ERR_ENOMEM);
  err = hold (ctx, mb, need);
  if (!err) err = reserve (ctx, mb, need);
  if (err) return err;
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
  if (ctx->drive) eva__drive_unhold (ctx->drive, mb->held_len);
  *mb = (struct eva__membuf) { 0 };
  return data;
}

void
eva__membuf_free (assuan_context_t ctx, struct eva__membuf *mb) {
  eva__wire_wipe (mb->data, mb->len);
  eva__ctx_free (ctx, mb->data);
  if (ctx->drive) eva__drive_unhold (ctx->drive, mb->held_len);
  *mb = (struct eva__membuf) { 0 };
}
