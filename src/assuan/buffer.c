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

/* Returns how many octets of an input buffer CTX's drive counts.  One that takes the place of a
   larger one is counted already: no limit may refuse what makes a connection hold less.  */
static inline size_t
count_input (assuan_context_t ctx) {
  return eva__conn_shrinks (ctx->conn) ? 0 : EVA_INPUT_SIZE;
}

/* A buffer for bulk data is none that a connection must have, so it leaves half of what there is to
   those that are.  */
static void *
take_bulk (assuan_context_t ctx) {
  size_t len = EVA__BULK_SIZE;

  if (!ctx->drive) return make_buffer (ctx, len, 0);
  if (!eva__drive_can_spare (ctx->drive, len) || !eva__drive_hold (ctx->drive, len)) return NULL;
  return make_buffer (ctx, len, len);
}

/* Apart from buffers an eva_conn asks only for itself, and for descriptors: these do not count.  */
static __attribute__ ((noinline)) void *
take_other (assuan_context_t ctx, size_t len) {
  return len == EVA__BULK_SIZE ? take_bulk (ctx) : make_buffer (ctx, len, 0);
}

static __attribute__ ((hot, noinline)) void *
take_from_pool (assuan_context_t ctx, size_t len) {
  struct eva__spares *spares = eva__pool_find (&ctx->shared->pool, len);
  size_t held_len = 0;

  if (!eva__pool_has (len)) return take_other (ctx, len);
  if (ctx->drive) {
    held_len = len == EVA_INPUT_SIZE ? count_input (ctx) : len;
    if (held_len && !eva__drive_hold (ctx->drive, held_len)) return NULL;
  }
  return spares->n ? eva__spares_take (spares) : make_buffer (ctx, len, held_len);
}

__attribute__ ((hot)) void *
eva__buffer_take (void *arg, size_t len) {
  assuan_context_t ctx = arg;
  struct eva__scratch *scratch = ctx->shared->pool.scratch;
  void *ptr = scratch ? eva__scratch_take (scratch, len) : NULL;

  return ptr ? ptr : take_from_pool (ctx, len);
}

/* What is exchanged for a smaller one stays counted as that.  */
static __attribute__ ((noinline)) void
give_other (assuan_context_t ctx, void *ptr, size_t len) {
  if (ctx->drive && len == EVA__BULK_SIZE)
    eva__drive_unhold (ctx->drive, len - (EVA_INPUT_SIZE - count_input (ctx)));
  eva__ctx_free (ctx, ptr);
}

/* In a context of assuan_process_next only the turn keeps buffers (eva__ctx_leave).  */
static __attribute__ ((hot, noinline)) void
give_to_pool (assuan_context_t ctx, void *ptr, size_t len) {
  struct eva__spares *spares = eva__pool_find (&ctx->shared->pool, len);

  if (!eva__pool_has (len)) {
    give_other (ctx, ptr, len);
    return;
  }
  if (ctx->drive) eva__drive_unhold (ctx->drive, len == EVA_INPUT_SIZE ? count_input (ctx) : len);
  if (spares->n >= ctx->shared->pool.max || (ctx->is_external && !ctx->depth))
    eva__ctx_free (ctx, ptr);
  else
    eva__spares_give (spares, ptr);
}

__attribute__ ((hot)) void
eva__buffer_give (void *arg, void *ptr, size_t len) {
  assuan_context_t ctx = arg;
  struct eva__scratch *scratch = ctx->shared->pool.scratch;

  if (!scratch || !eva__scratch_give (scratch, ptr)) give_to_pool (ctx, ptr, len);
}
