/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fds.c - descriptors that wait at the octet they belong to.  See fds.h.  */

#include "conn/fds.h"

#include <string.h>

#define FIRST_SIZE 4

/* Doubles the room.  Allocators here have no realloc: the old memory must be wiped.  */
static int
grow (struct eva__conn_fds *q, const struct eva__conn_owner *owner) {
  uint32_t size = q->size ? 2 * q->size : FIRST_SIZE;
  struct eva__conn_fd *items = eva__conn_alloc (owner, size * sizeof *items);

  if (!items) return EVA_E_NOMEM;
  if (q->n) memcpy (items, q->items, q->n * sizeof *items);
  eva__conn_release (owner, q->items, q->size * sizeof *items);
  q->items = items;
  q->size = size;
  return 0;
}

int
eva__conn_fds_push (struct eva__conn_fds *q, const struct eva__conn_owner *owner, uint64_t at,
                    int fd) {
  if (q->n >= owner->config->max_fds) return EVA_E_LIMIT;
  if (q->n == q->size) {
    int rc = grow (q, owner);
    if (rc) return rc;
  }
  q->items[q->n++] = (struct eva__conn_fd) { .at = at, .fd = fd };
  return 0;
}

int
eva__conn_fds_take (struct eva__conn_fds *q, const struct eva__conn_owner *owner, uint64_t before,
                    int *ret_fd) {
  if (!q->n || q->items[0].at >= before) return 0;
  *ret_fd = q->items[0].fd;
  /* The queue is short, bounded by max_fds: moving it beats a ring's arithmetic.  */
  q->n--;
  memmove (q->items, q->items + 1, q->n * sizeof *q->items);
  if (!q->n) eva__conn_fds_clear (q, owner);
  return 1;
}

void
eva__conn_fds_clear (struct eva__conn_fds *q, const struct eva__conn_owner *owner) {
  eva__conn_release (owner, q->items, q->size * sizeof *q->items);
  *q = (struct eva__conn_fds) { 0 };
}
