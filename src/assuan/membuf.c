/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* membuf.c - octets that grow.

   They may be secrets: outgrown memory is wiped, so realloc, which leaves copies behind, is of no
   use.  In an event loop they are buffers of the connection, and count as held, until they are
   taken.  What a peer announces takes no memory: only what came does.  */

#include "assuan/membuf.h"

#include "assuan/drive.h"
#include "assuan/error.h"
#include "assuan/memory.h"
#include "conn/conn.h"
#include "wire/wipe.h"

#include <string.h>

#define FIRST_SIZE 512
#define LARGE_SIZE ((size_t) 64 << 10)

/* No buffer grows beyond this, so that no sum below overflows.  */
#define MAX_LEN (SIZE_MAX / 32)

/* What there is room for besides data: the NUL behind them, and if they come raw, the rest of a
   line whose escapes are undone here, and what that writes beyond its end.  */
#define EXTRA     ((size_t) 1)
#define RAW_EXTRA (EXTRA + EVA_LINE_SIZE + EVA__CONN_RAW_ROOM)

/* Returns SIZE, or what all of MB needs at most, if that is less.  Data come raw only into memory
   of the C library.  A program may allow any length, so the sum may overflow.  */
static size_t
cap (assuan_context_t ctx, const struct eva__membuf *mb, size_t size) {
  size_t extra = eva__ctx_has_libc_memory (ctx) ? RAW_EXTRA : EXTRA;

  if (!mb->max_len || mb->max_len > SIZE_MAX - extra) return size;
  return mb->max_len + extra < size ? mb->max_len + extra : size;
}

/* Memory of the C library that nothing has touched costs nothing, but each move touches the new
   memory and wipes the old: so such a buffer moves seldom.  Programs ask for powers of two, and a
   page more than one lets those fit.  Large memory comes in whole huge pages, which makes a move
   more expensive, and address space cheap.  */
static size_t
next_libc_size (size_t need) {
  size_t size = FIRST_SIZE;

  while (size < need)
    size = (size < LARGE_SIZE ? 8 : 16) * size + 4096;
  return size;
}

/* Returns the size to grow to, so that NEED octets fit.  The memory of a program's own allocator
   may be scarce.  */
static size_t
next_size (assuan_context_t ctx, const struct eva__membuf *mb, size_t need) {
  size_t size = mb->size ? 2 * mb->size : FIRST_SIZE;

  if (eva__ctx_has_libc_memory (ctx)) size = next_libc_size (need);
  size = cap (ctx, mb, size);
  return size > need ? size : need;
}

/* Wipes the data, and what is behind them.  */
static void
wipe (struct eva__membuf *mb) {
  size_t len = mb->len + EVA__CONN_RAW_ROOM;

  eva__wire_wipe (mb->data, len < mb->size ? len : mb->size);
}

/* Moves the data to SIZE octets of new memory.  */
static bool
move (assuan_context_t ctx, struct eva__membuf *mb, size_t size) {
  unsigned char *data = eva__ctx_malloc_pages (ctx, size);

  if (!data) return false;
  if (mb->len) memcpy (data, mb->data, mb->len);
  wipe (mb);
  eva__ctx_free (ctx, mb->data);
  mb->data = data;
  mb->size = size;
  return true;
}

/* Moves the data to larger memory, where NEED octets fit.  Where there is no memory for much, there
   may be for less.  */
static gpg_error_t
grow (assuan_context_t ctx, struct eva__membuf *mb, size_t need) {
  if (move (ctx, mb, next_size (ctx, mb, need))) return 0;
  if (mb->size && move (ctx, mb, need + need / 8)) return 0;
  return eva__ctx_error (ctx, GPG_ERR_ENOMEM);
}

/* Counts NEED octets as held, and as many more: memory that is not used yet costs nothing.  */
static gpg_error_t
hold (assuan_context_t ctx, struct eva__membuf *mb, size_t need) {
  size_t len = 2 * need > FIRST_SIZE ? 2 * need : FIRST_SIZE;

  if (!ctx->drive || need <= mb->held_len) return 0;
  len = cap (ctx, mb, len);
  if (len < need) len = need;
  if (!eva__drive_hold (ctx->drive, len - mb->held_len))
    return eva__ctx_error (ctx, GPG_ERR_TOO_LARGE);
  mb->held_len = len;
  return 0;
}

/* Makes room for LEN octets more, and ROOM behind them.  */
static gpg_error_t
reserve (assuan_context_t ctx, struct eva__membuf *mb, size_t len, size_t room) {
  size_t need = mb->len + len + room;
  gpg_error_t err;

  if (len >= MAX_LEN - mb->len) return eva__ctx_error (ctx, GPG_ERR_ENOMEM);
  err = hold (ctx, mb, need);
  return err || need <= mb->size ? err : grow (ctx, mb, need);
}

gpg_error_t
eva__membuf_reserve (assuan_context_t ctx, struct eva__membuf *mb, size_t len) {
  return reserve (ctx, mb, len, EVA__CONN_RAW_ROOM);
}

gpg_error_t
eva__membuf_add (assuan_context_t ctx, struct eva__membuf *mb, const void *data, size_t len) {
  gpg_error_t err = reserve (ctx, mb, len, 1); /* with the NUL behind the data */

  if (err) return err;
  if (len) memcpy (mb->data + mb->len, data, len);
  mb->len += len;
  return 0;
}

unsigned char *
eva__membuf_take (assuan_context_t ctx, struct eva__membuf *mb, size_t *ret_len) {
  unsigned char *data;
  size_t room;

  if (eva__membuf_add (ctx, mb, NULL, 0)) return NULL;
  data = mb->data;
  room = mb->size - mb->len;
  eva__wire_wipe (data + mb->len, room < EVA__CONN_RAW_ROOM ? room : EVA__CONN_RAW_ROOM);
  *ret_len = mb->len;
  if (ctx->drive) eva__drive_unhold (ctx->drive, mb->held_len);
  *mb = (struct eva__membuf) { 0 };
  return data;
}

void
eva__membuf_free (assuan_context_t ctx, struct eva__membuf *mb) {
  wipe (mb);
  eva__ctx_free (ctx, mb->data);
  if (ctx->drive) eva__drive_unhold (ctx->drive, mb->held_len);
  *mb = (struct eva__membuf) { 0 };
}
