/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* terms.h - the limits that connections came under: those that came under the same share them.  */

#ifndef EVA__SERVER_TERMS_H
#define EVA__SERVER_TERMS_H

#include "assuan/drive.h"

struct eva__terms {
  struct eva__drive_class class; /* the first member */
  struct eva_limits limits;      /* without zeros */
  struct eva_conn_config conn_config;
  unsigned int n_users;
};

/* Makes terms with LIMITS, a copy, for the drives of CLASS, whose limits do not count, and their
   eva_conns, which are like CONN_CONFIG but for the limits.  Returns them, with one user, or
   NULL.  */
struct eva__terms *eva__terms_new (const struct eva__drive_class *class,
                                   const struct eva_conn_config *conn_config,
                                   const struct eva_limits *limits);

/* Lets DRIVE, whose context is connected, live under TERMS, of which it is a user more.  Those that
   it had, if any, have one less.  */
void eva__terms_apply (struct eva__terms *terms, struct eva__drive *drive);

/* Lets TERMS have a user less; without any they are freed.  NULL is allowed.  */
void eva__terms_unref (struct eva__terms *terms);

/* The terms of DRIVE, which was given some.  */
static inline struct eva__terms *
eva__terms_of (struct eva__drive *drive) {
  return (struct eva__terms *) drive->class;
}

#endif /* EVA__SERVER_TERMS_H */
