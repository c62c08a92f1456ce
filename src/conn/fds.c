/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fds.c - descriptors that wait at the octet they belong to.  See fds.h.  */

#include "conn/fds.h"

#include <string.h>

#define FIRST_SIZE 4

/* Octets of a list with room for N descriptors.  */
static size_t
list_len (size_t n) {
  return sizeof (struct eva__conn_fd_list) + n * sizeof (struct eva__conn_fd);
}

/* Makes the list, or doubles its room.  Allocators here have no realloc: the old memory must be
   wiped.  */
static int
grow (struct eva__conn_fds *q, const struct eva__conn_owner *owner) {
  struct eva__conn_fd_list *old = q->list, *list;
  uint32_t size = old ? 2 * old->size : FIRST_SIZE;

  list = eva__conn_alloc (owner, list_len (size));
  if (!list) return EVA_E_NOMEM;
  list->n = 0;
  list->here = EVA__CONN_FDS_START;
  if (old) memcpy (list, old, list_len (old->n));
  list->size = size;
  eva__conn_fds_clear (q, owner);
  q->list = list;
  return 0;
}

int
eva__conn_fds_push (struct eva__conn_fds *q, const struct eva__conn_owner *owner, size_t len,
                    int fd) {
  if (eva__conn_fds_count (q) >= owner->config->max_fds) return EVA_E_LIMIT;
  if (!q->list || q->list->n == q->list->size) {
    int rc = grow (q, owner);
    if (rc) return rc;
  }
  q->list->items[q->list->n++] = (struct eva__conn_fd) { .at = q->list->here + len, .fd = fd };
  return 0;
}

int
eva__conn_fds_take (struct eva__conn_fds *q, const struct eva__conn_owner *owner, uint64_t before,
                    int *ret_fd) {
  struct eva__conn_fd_list *list = q->list;

  if (!list || list->items[0].at >= before) return 0;
  *ret_fd = list->items[0].fd;
  /* The queue is short, bounded by max_fds: moving it beats a ring's arithmetic.  */
  list->n--;
  memmove (list->items, list->items + 1, list->n * sizeof *list->items);
  if (!list->n) eva__conn_fds_clear (q, owner);
  return 1;
}

void
eva__conn_fds_clear (struct eva__conn_fds *q, const struct eva__conn_owner *owner) {
  if (q->list) eva__conn_release (owner, q->list, list_len (q->list->size));
  q->list = NULL;
}
