/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pool.h - buffers that connections gave back, kept for the next octets.

   A connection gives its buffers back whenever it is empty, which in a dialogue is after every
   line.  A pool keeps some of each length, so that commands need no allocation: one pool for a
   context that blocks, one for all connections of a loop.  Buffers come back wiped.  */

#ifndef EVA__ASSUAN_POOL_H
#define EVA__ASSUAN_POOL_H

#include "assuan.h"
#include "eva-conn.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Buffers of one length; each begins with a pointer to the next.  */
struct eva__spares {
  size_t n;
  void *first;
};

/* With max set and otherwise zero it is empty.  */
struct eva__pool {
  size_t max; /* how many of each length it keeps */
  struct eva__spares large;
  struct eva__spares small;
  struct eva__scratch *scratch; /* lent by the call under way, or NULL; it comes first */
};

/* Frees all buffers that POOL, which is not empty, keeps.  */
void eva__pool_free_spares (struct eva__pool *pool, const struct assuan_malloc_hooks *malloc_hooks);

/* Frees all buffers that POOL keeps.  */
static inline void
eva__pool_drain (struct eva__pool *pool, const struct assuan_malloc_hooks *malloc_hooks) {
  if (pool->large.n | pool->small.n) eva__pool_free_spares (pool, malloc_hooks);
}

/* Returns true if LEN is one of those that an eva_conn uses for its octets.  Anything else it
   rarely allocates.  */
static inline bool
eva__pool_has (size_t len) {
  return len == EVA_SMALL_SIZE || len == EVA_INPUT_SIZE;
}

/* Returns the spares for a LEN that POOL has.  */
static inline struct eva__spares *
eva__pool_find (struct eva__pool *pool, size_t len) {
  return len == EVA_SMALL_SIZE ? &pool->small : &pool->large;
}

/* Takes one of SPARES, which are not none.  */
static inline void *
eva__spares_take (struct eva__spares *spares) {
  void *ptr = spares->first;

  memcpy (&spares->first, ptr, sizeof spares->first);
  spares->n--;
  return ptr;
}

/* Adds PTR, which was wiped, to SPARES.  */
static inline void
eva__spares_give (struct eva__spares *spares, void *ptr) {
  memcpy (ptr, &spares->first, sizeof spares->first);
  spares->first = ptr;
  spares->n++;
}

#endif /* EVA__ASSUAN_POOL_H */
