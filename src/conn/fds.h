/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fds.h - descriptors that wait at the octet they belong to.

   They are mere numbers here: the owner of the dialogue makes and closes them.  */

#ifndef EVA__CONN_FDS_H
#define EVA__CONN_FDS_H

#include "conn/owner.h"

struct eva__conn_fd {
  uint64_t at; /* the octet's position in its stream */
  int fd;
};

/* In order of position; there is at least one.  */
struct eva__conn_fd_list {
  uint32_t n;
  uint32_t size;
  struct eva__conn_fd items[];
};

/* Zero-initialized it is empty and owns nothing, as nearly always.  */
struct eva__conn_fds {
  struct eva__conn_fd_list *list; /* NULL: empty */
};

/* Returns how many descriptors wait.  */
static inline size_t
eva__conn_fds_count (const struct eva__conn_fds *q) {
  return q->list ? q->list->n : 0;
}

/* Adds FD at position AT, which is not before that of the last one.  Returns 0, EVA_E_LIMIT above
   OWNER's max_fds, or EVA_E_NOMEM.  */
int eva__conn_fds_push (struct eva__conn_fds *q, const struct eva__conn_owner *owner, uint64_t at,
                        int fd);

/* Takes the oldest descriptor if its position is below BEFORE.  Returns 1 and RET_FD, or 0.
   The last one takes the memory of the queue along.  */
int eva__conn_fds_take (struct eva__conn_fds *q, const struct eva__conn_owner *owner,
                        uint64_t before, int *ret_fd);

/* Forgets all descriptors.  */
void eva__conn_fds_clear (struct eva__conn_fds *q, const struct eva__conn_owner *owner);

#endif /* EVA__CONN_FDS_H */
