/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* source.h - what a loop watches, and how a backend reports events.  */

#ifndef EVA__LOOP_SOURCE_H
#define EVA__LOOP_SOURCE_H

#include "loop/backend.h"

#include <stddef.h>

/* A descriptor or a timer.  There are as many as connections, so it is small.  The backend's own
   octets, or the timer, stand behind it in the same memory.  */
struct eva_source {
  _Alignas (max_align_t) eva_loop *loop; /* as is the size, for what stands behind it */
  union {
    void (*fd) (void *arg, unsigned int revents);
    void (*timer) (void *arg);
  } cb;
  void *arg;
  struct eva_source *next, *prev; /* in the loop's list */
  int fd;                         /* -1: a timer */
  uint8_t events;
  uint8_t mask; /* what is passed on: events and EVA_HANGUP; 0 once it is freed */
  bool exclusive : 1;
  bool lost : 1;      /* the backend does not know it any more */
  bool busy : 1;      /* its callback runs, in a loop that callbacks may run */
  bool muted : 1;     /* and it is not watched until that is over */
  bool reentrant : 1; /* its callback may be called within itself */
  uint8_t holder;     /* depth of the outermost turn that has it; 0: none */
};

_Static_assert (sizeof (struct eva_source) <= 48, "a source is small");

/* The backend's octets of SOURCE.  */
static inline void *
eva__source_watch (eva_source *source) {
  return source + 1;
}

/* Calls SOURCE's callback for those of REVENTS that it is interested in.  SOURCE may be gone
   afterwards.  */
static inline void
eva__source_call (eva_source *source, unsigned int revents) {
  revents &= source->mask;
  if (!revents) return;
  if (revents & EVA_HANGUP) revents |= EVA_HANGUP;
  source->cb.fd (source->arg, revents);
}

/* The same in a loop that callbacks may run: while its callback runs SOURCE is left alone, unless
   it is reentrant.  */
void eva__source_call_alone (eva_source *source, unsigned int revents);

/* In such a loop: notes that the turn under way has an event of SOURCE, which stays in memory until
   it was called.  */
static inline void
eva__source_hold (eva_source *source) {
  unsigned int depth = source->loop->depth;

  if (source->holder && source->holder <= depth) return;
  source->holder = (uint8_t) (depth < UINT8_MAX ? depth : UINT8_MAX);
}

/* What LOOP does with an event.  */
static inline void
eva__source_dispatch (eva_loop *loop, eva_source *source, unsigned int revents) {
  if (loop->recurses)
    eva__source_call_alone (source, revents);
  else
    eva__source_call (source, revents);
}

/* For a backend's remove where events may point to SOURCE: keeps its memory until the turn is over
   that may have some.  Returns what remove has to.  */
bool eva__source_doom (eva_loop *loop, eva_source *source);

/* At the end of a turn: frees what eva__source_doom kept, except what outer turns hold.  */
void eva__loop_bury (eva_loop *loop);

#endif /* EVA__LOOP_SOURCE_H */
