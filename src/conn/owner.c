/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* owner.c - the owner of an eva_conn, and its memory.  See owner.h.  */

#include "conn/owner.h"

#include "wire/wipe.h"

void *
eva__conn_alloc (const struct eva__conn_owner *owner, size_t len) {
  return owner->config->alloc (owner->arg, len);
}

void
eva__conn_release (const struct eva__conn_owner *owner, void *ptr, size_t len) {
  if (!ptr) return;
  eva__wire_wipe (ptr, len);
  owner->config->release (owner->arg, ptr, len);
}
