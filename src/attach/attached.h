/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* attached.h - a context that a loop drives.

   It turns what the drive wants into sources, a timer and a task of the loop, and what the loop
   reports into turns.  Servers, clients and eva_attach embed it.  */

#ifndef EVA__ATTACH_ATTACHED_H
#define EVA__ATTACH_ATTACHED_H

#include "assuan/drive.h"
#include "loop/loop.h"

/* How often a context that hears of no hang-up looks whether the peer is gone.  */
#define EVA__LOOK_INTERVAL_NS UINT64_C (1000000000)

struct eva__attached {
  struct eva__drive drive;
  eva_loop *loop; /* NULL: driven by hand, or not any more */
  eva_source *in; /* of a socket: both directions; that of an outbound pipe is in callbacks */
  struct eva__timer timer;
  struct eva__task task;
  unsigned char in_events, out_events; /* what the sources watch for; or that there are none */
  unsigned char parting; /* events of a peer that is gone, which the next turn handles */
  bool is_told : 1;      /* the end was reported */
  bool is_opened : 1;    /* of a server: the service's close function has to be called */
  bool recurses : 1;     /* callbacks may run the loop */
};

/* Lets LOOP drive AT, whose drive was initialized and whose class reports the end.  A first turn is
   due at once.  Returns 0, or an error with nothing done.  */
gpg_error_t eva__attached_start (struct eva__attached *at, eva_loop *loop);

/* Takes AT out of its loop, if it is in one.  */
void eva__attached_stop (struct eva__attached *at);

/* Looks whether the peer of DRIVE is gone.  Returns EVA_HANGUP or a part of it, or 0.  */
unsigned int eva__attached_look (const struct eva__drive *drive);

/* eva__drive_ops.wake of everything that is attached.  */
void eva__attached_wake (struct eva__drive *drive);

/* eva__drive_ops.is_ours of everything that may be attached.  */
bool eva__attached_is_ours (const struct eva__drive *drive);

static inline struct eva__attached *
eva__attached_of (struct eva__drive *drive) {
  return EVA__CONTAINER (struct eva__attached, drive, drive);
}

#endif /* EVA__ATTACH_ATTACHED_H */
