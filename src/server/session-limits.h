/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* session-limits.h - the limits of a session.  Sessions that began under the same limits share
   them.  */

#ifndef EVA__SERVER_SESSION_LIMITS_H
#define EVA__SERVER_SESSION_LIMITS_H

#include "assuan/drive.h"
#include "loop/timers.h"

struct eva__session_limits {
  struct eva__drive_class class;
  struct eva_limits limits; /* without zeros */
  struct eva_conn_config conn_config;
  unsigned int n_refs;
};

/* Makes limits for the drives of CLASS and their eva_conns from a copy of LIMITS.  The limits of
   CLASS do not count; the eva_conns are otherwise like CONN_CONFIG.  Returns them with one
   reference, or NULL.  */
struct eva__session_limits *eva__session_limits_new (const struct eva__drive_class *class,
                                                     const struct eva_conn_config *conn_config,
                                                     const struct eva_limits *limits);

/* Puts DRIVE, whose context is connected, under SHARED, which gains a reference.  The limits that
   DRIVE had, if any, lose one.  */
void eva__session_limits_apply (struct eva__session_limits *shared, struct eva__drive *drive);

/* Drops a reference; the last one frees SHARED.  NULL is allowed.  */
void eva__session_limits_unref (struct eva__session_limits *shared);

/* Returns the limits of DRIVE, or NULL if it has none.  */
static inline struct eva__session_limits *
eva__session_limits_of (struct eva__drive *drive) {
  return drive->class ? EVA__CONTAINER (struct eva__session_limits, class, drive->class) : NULL;
}

#endif /* EVA__SERVER_SESSION_LIMITS_H */
