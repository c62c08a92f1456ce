/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* terms.c - the limits that connections came under.  See terms.h.  */

#include "server/terms.h"

#include "conn/owner.h"

#include <stdlib.h>

struct eva__terms *
eva__terms_new (const struct eva__drive_class *class, const struct eva_conn_config *conn_config,
                const struct eva_limits *limits) {
  struct eva__terms *terms = malloc (sizeof *terms);

  if (!terms) return NULL;
  *terms = (struct eva__terms) {
    .class = *class, .limits = *limits, .conn_config = *conn_config, .n_users = 1
  };
  terms->class.limits = &terms->limits;
  eva__drive_complete_limits (&terms->limits);
  eva__drive_configure (&terms->conn_config, &terms->limits);
  return terms;
}

/* The old ones may go away here: nothing points to them any more.  */
void
eva__terms_apply (struct eva__terms *terms, struct eva__drive *drive) {
  struct eva__terms *old = eva__terms_of (drive);

  terms->n_users++;
  drive->class = &terms->class;
  if (drive->ctx->conn) eva__conn_set_config (drive->ctx->conn, &terms->conn_config);
  eva__terms_unref (old);
}

void
eva__terms_unref (struct eva__terms *terms) {
  if (terms && !--terms->n_users) free (terms);
}
