/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fds.h - descriptors that wait at the octet they belong to.

   They are mere numbers here: the owner of the dialogue makes and closes them.  */

#ifndef EVA__CONN_FDS_H
#define EVA__CONN_FDS_H

#include "conn/owner.h"

struct eva__conn_fd {
  uint64_t at; /* the octet's position */
  int fd;
};

/* In order of position; there is at least one.  A position counts from any octet: it is only
   compared with others of the same list.  */
struct eva__conn_fd_list {
  uint64_t here; /* the position that the stream has come to */
  uint32_t n;
  uint32_t size;
  struct eva__conn_fd items[];
};

/* Where positions begin: octets that came before the first descriptor have positions, too.  */
#define EVA__CONN_FDS_START ((uint64_t) 1 << 62)

/* Zero-initialized it is empty and owns nothing, as nearly always.  */
struct eva__conn_fds {
  struct eva__conn_fd_list *list; /* NULL: empty */
};

/* Returns how many descriptors wait.  */
static inline size_t
eva__conn_fds_count (const struct eva__conn_fds *q) {
  return q->list ? q->list->n : 0;
}

/* Returns the position that the stream of Q has come to.  Before the first descriptor nothing is
   counted.  */
static inline uint64_t
eva__conn_fds_here (const struct eva__conn_fds *q) {
  return q->list ? q->list->here : EVA__CONN_FDS_START;
}

/* Notes that LEN octets of the stream have passed.  */
static inline void
eva__conn_fds_pass (struct eva__conn_fds *q, size_t len) {
  if (q->list) q->list->here += len;
}

/* Adds FD at the octet that is LEN octets on, which is not before that of the last one.  Returns 0,
   EVA_E_LIMIT above OWNER's max_fds, or EVA_E_NOMEM.  */
int eva__conn_fds_push (struct eva__conn_fds *q, const struct eva__conn_owner *owner, size_t len,
                        int fd);

/* Takes the oldest descriptor if its position is below BEFORE.  Returns 1 and RET_FD, or 0.
   The last one takes the memory of the queue along.  */
int eva__conn_fds_take (struct eva__conn_fds *q, const struct eva__conn_owner *owner,
                        uint64_t before, int *ret_fd);

/* Forgets all descriptors.  */
void eva__conn_fds_clear (struct eva__conn_fds *q, const struct eva__conn_owner *owner);

#endif /* EVA__CONN_FDS_H */
