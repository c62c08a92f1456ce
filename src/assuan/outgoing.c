/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* outgoing.c - descriptors that wait to be sent.

   In a context that does not wait for room a descriptor may leave long after the program said so.
   Until then it is a copy of the library's own: the program may have closed its own one, and the
   number may mean another file.  */

#include "assuan/outgoing.h"

#include "assuan/drive.h"
#include "assuan/memory.h"

#include <unistd.h>

struct eva__outgoing_fd {
  struct eva__outgoing_fd *next;
  int fd;
};

int
eva__outgoing_fd_send (assuan_context_t ctx, int fd) {
  struct eva__callbacks *callbacks = eva__drive_get_callbacks (ctx->drive);
  struct eva__outgoing_fd *outgoing = callbacks ? eva__ctx_malloc (ctx, sizeof *outgoing) : NULL;
  int rc = outgoing ? eva_conn_send_fd (ctx->conn, fd) : EVA_E_NOMEM;

  if (rc) {
    eva__ctx_free (ctx, outgoing);
    return rc;
  }
  *outgoing = (struct eva__outgoing_fd) { .next = callbacks->outgoing_fds, .fd = fd };
  callbacks->outgoing_fds = outgoing;
  return 0;
}

/* Closes the descriptor at *LINK.  */
static void
drop (assuan_context_t ctx, struct eva__outgoing_fd **link) {
  struct eva__outgoing_fd *outgoing = *link;

  *link = outgoing->next;
  close (outgoing->fd);
  eva__ctx_free (ctx, outgoing);
}

void
eva__outgoing_fd_sent (assuan_context_t ctx, const int *fds, size_t n) {
  struct eva__callbacks *callbacks = ctx->drive->callbacks;

  for (size_t i = 0; callbacks && i < n; i++) {
    struct eva__outgoing_fd **link = &callbacks->outgoing_fds;
    while (*link && (*link)->fd != fds[i])
      link = &(*link)->next;
    if (*link) drop (ctx, link);
  }
}

void
eva__outgoing_fd_drop_all (assuan_context_t ctx) {
  int fd;

  if (!ctx->drive || !ctx->drive->callbacks) return;
  while (eva_conn_take_output_fd (ctx->conn, &fd))
    ;
  while (ctx->drive->callbacks->outgoing_fds)
    drop (ctx, &ctx->drive->callbacks->outgoing_fds);
}
