/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* buffer.c - the memory of a context's eva_conn: buffers out of the pool, counted by the drive.  */

#include "assuan/buffer.h"

#include "assuan/drive.h"
#include "assuan/memory.h"
#include "assuan/pool.h"
#include "assuan/scratch.h"
#include "conn/conn.h"

/* Makes a buffer of LEN octets, of which the drive, if there is one, has counted HELD_LEN.  */
static __attribute__ ((noinline)) void *
make_buffer (assuan_context_t ctx, size_t len, size_t held_len) {
  void *ptr = ctx->shared->malloc_hooks.malloc (len);

  if (!ptr && held_len) eva__drive_unhold (ctx->drive, held_len);
  return ptr;
}

/* Returns how many of LEN octets CTX's drive counts.  Apart from buffers an eva_conn asks only for
   itself, and for descriptors.  A buffer that takes the place of a larger one is counted already:
   no limit may refuse what makes a connection hold less.  */
static inline size_t
count_held (assuan_context_t ctx, size_t len) {
  if (!ctx->drive) return 0;
  if (len == EVA_SMALL_SIZE) return len;
  if (!eva__pool_has (len) && len != EVA__BULK_SIZE) return 0;
  if (!eva__conn_shrinks (ctx->conn)) return len;
  return len == EVA__BULK_SIZE ? EVA__BULK_SIZE - EVA_INPUT_SIZE : 0;
}

/* A buffer for bulk data is none that a connection must have, so it leaves half of what there is to
   those that are.  */
static __attribute__ ((noinline)) void *
take_from_pool (assuan_context_t ctx, size_t len) {
  struct eva__spares *spares = eva__pool_find (&ctx->shared->pool, len);
  bool is_pooled = eva__pool_has (len);
  size_t held_len = count_held (ctx, len);

  if (held_len == EVA__BULK_SIZE && !eva__drive_can_spare (ctx->drive, len)) return NULL;
  if (held_len && !eva__drive_hold (ctx->drive, held_len)) return NULL;
  return is_pooled && spares->n ? eva__spares_take (spares) : make_buffer (ctx, len, held_len);
}

void *
eva__buffer_take (void *arg, size_t len) {
  assuan_context_t ctx = arg;
  struct eva__scratch *scratch = ctx->shared->pool.scratch;
  void *ptr = scratch ? eva__scratch_take (scratch, len) : NULL;

  return ptr ? ptr : take_from_pool (ctx, len);
}

/* In a context of assuan_process_next only the turn keeps buffers (eva__ctx_leave).  */
static __attribute__ ((noinline)) void
give_to_pool (assuan_context_t ctx, void *ptr, size_t len) {
  struct eva__spares *spares = eva__pool_find (&ctx->shared->pool, len);
  bool is_pooled = eva__pool_has (len);
  size_t held_len = count_held (ctx, len);

  if (held_len) eva__drive_unhold (ctx->drive, held_len);
  if (!is_pooled || spares->n >= ctx->shared->pool.max || (ctx->is_external && !ctx->depth))
    eva__ctx_free (ctx, ptr);
  else
    eva__spares_give (spares, ptr);
}

void
eva__buffer_give (void *arg, void *ptr, size_t len) {
  assuan_context_t ctx = arg;
  struct eva__scratch *scratch = ctx->shared->pool.scratch;

  if (!scratch || !eva__scratch_give (scratch, ptr)) give_to_pool (ctx, ptr, len);
}
