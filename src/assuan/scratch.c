/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* scratch.c - buffers on the stack, which a context borrows for a call.

   The context takes them before those of its pool (buffer.c).  */

#include "assuan/scratch.h"

#include "assuan/error.h"
#include "assuan/memory.h"
#include "assuan/pool.h"
#include "conn/conn.h"

bool
eva__scratch_lend (assuan_context_t ctx, struct eva__scratch *scratch) {
  if (EVA__SELDOM (ctx->depth > 1 || ctx->shares || ctx->drive)) return false;
  if (EVA__SELDOM (!eva__ctx_has_libc_memory (ctx))) return false;
  scratch->has_lent_small = scratch->has_lent_large = false;
  ctx->shared->pool.scratch = scratch;
  return true;
}

/* Moves what the eva_conn has in PTR, of LEN octets, to the heap.  */
static gpg_error_t
move_out (assuan_context_t ctx, char *ptr, size_t len) {
  char *place = eva__ctx_malloc (ctx, len);

  if (!place) return eva__ctx_error (ctx, GPG_ERR_ENOMEM);
  eva__conn_move (ctx->conn, ptr, place);
  return 0;
}

/* Moves all that is left.  Without memory it closes the connection, which gives back all of its
   buffers.  */
static __attribute__ ((noinline)) gpg_error_t
move_rest (assuan_context_t ctx, struct eva__scratch *scratch) {
  gpg_error_t err = 0;

  if (scratch->has_lent_small) err = move_out (ctx, scratch->small, sizeof scratch->small);
  if (scratch->has_lent_large && !err) err = move_out (ctx, scratch->large, sizeof scratch->large);
  if (!err) return 0;
  eva_conn_close (ctx->conn);
  eva_conn_sent (ctx->conn, SIZE_MAX);
  return err;
}

gpg_error_t
eva__scratch_settle (assuan_context_t ctx, struct eva__scratch *scratch) {
  bool is_empty = !scratch->has_lent_small && !scratch->has_lent_large;
  gpg_error_t err = EVA__MOSTLY (is_empty) ? 0 : move_rest (ctx, scratch);

  ctx->shared->pool.scratch = NULL;
  return err;
}
