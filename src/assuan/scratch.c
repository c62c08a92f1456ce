/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* scratch.c - buffers on the stack, which a context borrows for a turn.

   They are lent as the first spares of the context's pool, so that the eva_conn takes them as any
   others.  */

#include "assuan/scratch.h"

#include "assuan/error.h"
#include "assuan/memory.h"
#include "assuan/pool.h"
#include "conn/conn.h"

/* As long as they are lent the pool frees nothing: what comes back may be on the stack.  */
bool
eva__scratch_lend (assuan_context_t ctx, struct eva__scratch *scratch) {
  struct eva__pool *pool = &ctx->shared->pool;

  if (ctx->depth > 1 || ctx->shares || ctx->drive || !eva__ctx_has_libc_memory (ctx)) return false;
  pool->max = SIZE_MAX;
  eva__spares_give (&pool->small, scratch->small);
  eva__spares_give (&pool->large, scratch->large);
  return true;
}

/* Takes PTR out of SPARES.  Returns false if it is not among them, because it is in use.  */
static bool
take_back (struct eva__spares *spares, void *ptr) {
  void *link = &spares->first;

  for (size_t i = 0; i < spares->n; i++) {
    void *next;
    memcpy (&next, link, sizeof next);
    if (next == ptr) {
      memcpy (link, ptr, sizeof next);
      spares->n--;
      return true;
    }
    link = next;
  }
  return false;
}

/* Moves what the eva_conn has in PTR, of LEN octets, to the heap.  */
static gpg_error_t
move_out (assuan_context_t ctx, char *ptr, size_t len) {
  char *place = eva__ctx_malloc (ctx, len);

  if (!place) return eva__ctx_error (ctx, GPG_ERR_ENOMEM);
  eva__conn_move (ctx->conn, ptr, place);
  return 0;
}

/* Closes the connection, which gives back all of its buffers.  */
static void
give_up (assuan_context_t ctx, struct eva__scratch *scratch) {
  struct eva__pool *pool = &ctx->shared->pool;

  eva_conn_close (ctx->conn);
  eva_conn_sent (ctx->conn, SIZE_MAX);
  take_back (&pool->small, scratch->small);
  take_back (&pool->large, scratch->large);
}

gpg_error_t
eva__scratch_settle (assuan_context_t ctx, struct eva__scratch *scratch) {
  struct eva__pool *pool = &ctx->shared->pool;
  gpg_error_t err = 0;

  if (!take_back (&pool->small, scratch->small))
    err = move_out (ctx, scratch->small, sizeof scratch->small);
  if (!take_back (&pool->large, scratch->large) && !err)
    err = move_out (ctx, scratch->large, sizeof scratch->large);
  if (err) give_up (ctx, scratch);
  pool->max = EVA__N_SPARES;
  eva__pool_drain (pool, &ctx->shared->malloc_hooks);
  return err;
}
