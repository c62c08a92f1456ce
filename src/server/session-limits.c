/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* session-limits.c - the limits of a session.  See session-limits.h.  */

#include "server/session-limits.h"

#include "conn/conn.h"

#include <stdlib.h>

struct eva__session_limits *
eva__session_limits_new (const struct eva__drive_class *class,
                         const struct eva_conn_config *conn_config,
                         const struct eva_limits *limits) {
  struct eva__session_limits *shared = malloc (sizeof *shared);

  if (!shared) return NULL;
  *shared = (struct eva__session_limits) {
    .class = *class, .limits = *limits, .conn_config = *conn_config, .n_refs = 1
  };
  shared->class.limits = &shared->limits;
  eva__drive_complete_limits (&shared->limits);
  eva__drive_configure (&shared->conn_config, &shared->limits);
  return shared;
}

/* The old ones may go away here: nothing points to them any more.  */
void
eva__session_limits_apply (struct eva__session_limits *shared, struct eva__drive *drive) {
  struct eva__session_limits *old = eva__session_limits_of (drive);

  shared->n_refs++;
  drive->class = &shared->class;
  if (drive->ctx->conn) eva__conn_set_config (drive->ctx->conn, &shared->conn_config);
  eva__session_limits_unref (old);
}

void
eva__session_limits_unref (struct eva__session_limits *shared) {
  if (shared && !--shared->n_refs) free (shared);
}
