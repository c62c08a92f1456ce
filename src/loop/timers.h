/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* timers.h - the timers of a loop in the order of their deadlines: a binary heap of pointers.

   Each timer knows its place, so that it can be taken out or moved without a search.  Room is made
   in advance, so that setting a timer cannot fail.  */

#ifndef EVA__LOOP_TIMERS_H
#define EVA__LOOP_TIMERS_H

#include "eva-loop.h"

#include <stdbool.h>
#include <stddef.h>

/* The struct of TYPE whose MEMBER POINTER points to.  */
#define EVA__CONTAINER(type, member, pointer)                                                      \
  ((type *) (void *) ((char *) (pointer) - offsetof (type, member)))

/* The most timers of a loop.  */
#define EVA__MAX_TIMERS ((1u << 24) - 1)

/* Numbers of settings begin again after this one.  */
#define EVA__LAST_SETTING (((uint64_t) 1 << 40) - 1)

/* A timer, as small as every connection has one.  Zero-initialized it is not set.  */
struct eva__timer {
  uint64_t due_ns;
  uint64_t turn : 40;  /* number of the setting: of equal deadlines the one set first comes first */
  uint64_t place : 24; /* in the loop's heap, counted from 1; 0: not set */
  void (*cb) (struct eva__timer *timer);
};

/* Zero-initialized it is empty.  */
struct eva__timers {
  struct eva__timer **heap; /* the parent of place I, counted from 1, is at I / 2 */
  uint32_t n;
  uint32_t n_reserved;
  uint32_t capacity;
  uint64_t turn; /* of the next setting */
};

/* Frees what TIMERS owns; timers that are left are forgotten.  */
void eva__timers_deinit (struct eva__timers *timers);

/* Makes room for N more timers, or needs it no longer for -N.  Returns 0 or -1 with errno
   ENOMEM.  */
int eva__timers_reserve (struct eva__timers *timers, int n);

/* Puts TIMER in with DUE_NS, or moves it there.  */
void eva__timers_set (struct eva__timers *timers, struct eva__timer *timer, uint64_t due_ns);

/* Takes TIMER out, if it is in.  */
void eva__timers_cancel (struct eva__timers *timers, struct eva__timer *timer);

/* Returns true if TIMER was set since the next setting was number TURN.  The age of a timer does
   not matter.  */
static inline bool
eva__timers_is_set_since (const struct eva__timers *timers, const struct eva__timer *timer,
                          uint64_t turn) {
  return ((timer->turn - turn) & EVA__LAST_SETTING) < ((timers->turn - turn) & EVA__LAST_SETTING);
}

/* Returns the timer that is due first, or NULL.  */
static inline struct eva__timer *
eva__timers_first (const struct eva__timers *timers) {
  return timers->n ? timers->heap[0] : NULL;
}

#endif /* EVA__LOOP_TIMERS_H */
