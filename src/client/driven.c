/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* driven.c - contexts of the program that do not wait: driven by hand, or attached to a loop.

   The program made and connected them with assuan.h, maybe after blocking calls.  They get what
   they have of this room when the program asks for it, and keep it until the context is
   released.  */

#include "client/driven.h"

#include "assuan/error.h"
#include "assuan/lifetime.h"
#include "assuan/turn.h"

#include <stdlib.h>

/* --- Servers of assuan.h ---------------------------------------------------------------------- */

static void
release (struct eva__drive *drive) {
  eva__attached_stop (eva__attached_of (drive));
  eva__drive_cancel (drive,
                     drive->over ? drive->over : eva__ctx_error (drive->ctx, GPG_ERR_CANCELED));
}

static void
free_driven (struct eva__drive *drive) {
  free (EVA__CONTAINER (struct eva__driven, at.drive, drive));
}

static void
close_driven (struct eva__drive *drive) {
  gpg_error_t reason = eva__ctx_error (drive->ctx, GPG_ERR_CANCELED);
  assuan_context_t ctx = drive->ctx;

  eva__ctx_enter (ctx);
  eva__drive_cancel (drive, reason);
  if (!ctx->released) eva__drive_close (drive, reason);
  eva__ctx_leave (ctx);
}

const struct eva__drive_ops eva__driven_server_ops = {
  .wake = eva__attached_wake,
  .now = eva_now,
  .over = eva__driven_over,
  .close = close_driven,
  .set_limits = eva__driven_set_limits,
  .get_loop = eva__driven_get_loop,
  .is_ours = eva__attached_is_ours,
  .release = release,
  .free = free_driven,
};

/* --- What all have in common ------------------------------------------------------------------ */

void
eva__driven_over (struct eva__drive *drive) {
  struct eva__driven *driven = EVA__CONTAINER (struct eva__driven, at.drive, drive);

  if (driven->over) driven->over (drive->ctx, driven->over_arg, drive->over);
}

eva_loop *
eva__driven_get_loop (const struct eva__drive *drive) {
  return EVA__CONTAINER (const struct eva__driven, at.drive, drive)->at.loop;
}

void
eva__driven_init (struct eva__driven *driven, const struct eva__drive_ops *ops) {
  driven->class = (struct eva__drive_class) { .ops = ops, .limits = &driven->limits };
  driven->at.drive.class = &driven->class;
}

gpg_error_t
eva__driven_set_limits (struct eva__drive *drive, const struct eva_limits *limits) {
  struct eva__driven *driven = EVA__CONTAINER (struct eva__driven, at.drive, drive);

  driven->limits = *limits;
  eva__drive_complete_limits (&driven->limits);
  eva__drive_configure (&drive->ctx->shared->conn_config, &driven->limits);
  return 0;
}
