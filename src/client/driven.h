/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* driven.h - a context that the program owns and that does not wait: driven by hand, attached to a
   loop with eva_attach, or made by eva_connect.  */

#ifndef EVA__CLIENT_DRIVEN_H
#define EVA__CLIENT_DRIVEN_H

#include "attach/attached.h"

struct eva__driven {
  struct eva__attached at;
  struct eva__drive_class class;
  struct eva_limits limits;
  void (*over) (assuan_context_t ctx, void *arg, gpg_error_t err); /* or NULL */
  void *over_arg;
  uint64_t turned_ns; /* by hand: when the last turn was */
};

/* Of servers of assuan.h.  */
extern const struct eva__drive_ops eva__driven_server_ops;

/* Makes DRIVEN, which is zero, one whose events go to OPS.  */
void eva__driven_init (struct eva__driven *driven, const struct eva__drive_ops *ops);

/* Tells the program that the connection is over; eva__drive_ops.over of those without calls.  */
void eva__driven_over (struct eva__drive *drive);

/* eva__drive_ops.set_limits of all of these.  */
gpg_error_t eva__driven_set_limits (struct eva__drive *drive, const struct eva_limits *limits);

/* eva__drive_ops.get_loop of those that eva_connect did not make.  */
eva_loop *eva__driven_get_loop (const struct eva__drive *drive);

#endif /* EVA__CLIENT_DRIVEN_H */
