/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pool.c - buffers that connections gave back, kept for the next octets.  */

#include "assuan/pool.h"

static void
drain (struct eva__spares *spares, const struct assuan_malloc_hooks *malloc_hooks) {
  while (spares->n)
    malloc_hooks->free (eva__spares_take (spares));
}

void
eva__pool_free_spares (struct eva__pool *pool, const struct assuan_malloc_hooks *malloc_hooks) {
  drain (&pool->large, malloc_hooks);
  drain (&pool->small, malloc_hooks);
}
