/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pool.c - buffers that connections gave back, kept for the next octets.  */

#include "assuan/pool.h"

#include "eva-conn.h"

#include <string.h>

/* Returns the spares for a length that eva_conn uses for its octets; it rarely allocates anything
   else.  */
static struct eva__spares *
find (struct eva__pool *pool, size_t len) {
  if (len == EVA_SMALL_SIZE) return &pool->small;
  return len == EVA_INPUT_SIZE ? &pool->large : NULL;
}

void *
eva__pool_take (struct eva__pool *pool, const struct assuan_malloc_hooks *malloc_hooks,
                size_t len) {
  struct eva__spares *spares = find (pool, len);
  void *ptr;

  if (!spares || !spares->n) return malloc_hooks->malloc (len);
  ptr = spares->first;
  memcpy (&spares->first, ptr, sizeof spares->first);
  spares->n--;
  return ptr;
}

void
eva__pool_give (struct eva__pool *pool, const struct assuan_malloc_hooks *malloc_hooks, void *ptr,
                size_t len) {
  struct eva__spares *spares = find (pool, len);

  if (!spares || spares->n >= pool->max) {
    malloc_hooks->free (ptr);
    return;
  }
  memcpy (ptr, &spares->first, sizeof spares->first);
  spares->first = ptr;
  spares->n++;
}

static void
drain (struct eva__spares *spares, const struct assuan_malloc_hooks *malloc_hooks) {
  for (; spares->n; spares->n--) {
    void *ptr = spares->first;
    memcpy (&spares->first, ptr, sizeof spares->first);
    malloc_hooks->free (ptr);
  }
}

void
eva__pool_drain (struct eva__pool *pool, const struct assuan_malloc_hooks *malloc_hooks) {
  drain (&pool->large, malloc_hooks);
  drain (&pool->small, malloc_hooks);
}
