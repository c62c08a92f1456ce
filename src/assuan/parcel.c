/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* parcel.c - descriptors that wait to be sent.

   Where nobody waits for room a descriptor may leave long after the program said so.  Until then it
   is a copy of the library's own: the program may have closed its own one, and the number may be
   something else's.  */

#include "assuan/drive.h"

#include <stdlib.h>
#include <unistd.h>

struct eva__parcel {
  struct eva__parcel *next;
  int fd;
};

int
eva__parcel_send (assuan_context_t ctx, int fd) {
  struct eva__wishes *wishes = eva__drive_get_wishes (ctx->drive);
  struct eva__parcel *parcel = wishes ? eva__ctx_malloc (ctx, sizeof *parcel) : NULL;
  int rc = parcel ? eva_conn_send_fd (ctx->conn, fd) : EVA_E_NOMEM;

  if (rc) {
    eva__ctx_free (ctx, parcel);
    return rc;
  }
  *parcel = (struct eva__parcel) { .next = wishes->parcels, .fd = fd };
  wishes->parcels = parcel;
  return 0;
}

/* Closes what *LINK leads to.  */
static void
drop (assuan_context_t ctx, struct eva__parcel **link) {
  struct eva__parcel *parcel = *link;

  *link = parcel->next;
  close (parcel->fd);
  eva__ctx_free (ctx, parcel);
}

void
eva__parcel_sent (assuan_context_t ctx, const int *fds, size_t n) {
  struct eva__wishes *wishes = ctx->drive->wishes;

  for (size_t i = 0; wishes && i < n; i++) {
    struct eva__parcel **link = &wishes->parcels;
    while (*link && (*link)->fd != fds[i])
      link = &(*link)->next;
    if (*link) drop (ctx, link);
  }
}

void
eva__parcel_drop_all (assuan_context_t ctx) {
  int fd;

  if (!ctx->drive || !ctx->drive->wishes) return;
  while (eva_conn_take_output_fd (ctx->conn, &fd))
    ;
  while (ctx->drive->wishes->parcels)
    drop (ctx, &ctx->drive->wishes->parcels);
}
