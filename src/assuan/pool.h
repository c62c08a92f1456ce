/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pool.h - buffers that connections gave back, kept for the next octets.

   A connection gives its buffers back whenever it is empty, which in a dialogue is after every
   line.  A pool keeps some of each length, so that commands need no allocation: one pool for a
   context that blocks, one for all connections of a loop.  Buffers come back wiped.  */

#ifndef EVA__ASSUAN_POOL_H
#define EVA__ASSUAN_POOL_H

#include "assuan.h"

#include <stddef.h>

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
};

/* Returns a buffer of LEN octets, from POOL or made by MALLOC_HOOKS; NULL if there is none.  */
void *eva__pool_take (struct eva__pool *pool, const struct assuan_malloc_hooks *malloc_hooks,
                      size_t len);

/* Gives back PTR, of LEN octets.  */
void eva__pool_give (struct eva__pool *pool, const struct assuan_malloc_hooks *malloc_hooks,
                     void *ptr, size_t len);

/* Frees all buffers that POOL keeps.  */
void eva__pool_drain (struct eva__pool *pool, const struct assuan_malloc_hooks *malloc_hooks);

#endif /* EVA__ASSUAN_POOL_H */
