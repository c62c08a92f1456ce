/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* owner.h - the owner of an eva_conn: its configuration, and where its memory comes from.  */

#ifndef EVA__CONN_OWNER_H
#define EVA__CONN_OWNER_H

#include "eva-conn.h"

#include <stddef.h>

/* Many may share the configuration, each with an argument for the allocator of its own.  */
struct eva__conn_owner {
  const struct eva_conn_config *config; /* without zeros; its arg is not used */
  void *arg;
};

/* Take memory of the owner, and give it back; eva__conn_release wipes LEN octets first.  */
void *eva__conn_alloc (const struct eva__conn_owner *owner, size_t len);
void eva__conn_release (const struct eva__conn_owner *owner, void *ptr, size_t len);

#endif /* EVA__CONN_OWNER_H */
