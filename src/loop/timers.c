/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* timers.c - the timers of a loop in the order of their deadlines.  See timers.h.

   A heap in an array, places counted from 1, so that 0 can mean that a timer is not set.  Making an
   object that has a timer reserves room, and may fail; setting a timer never does.  */

#include "loop/timers.h"

#include <errno.h>
#include <stdlib.h>

/* Below this much room none is given back.  */
#define MIN_CAPACITY 16u

/* Of equal deadlines the earlier setting is the one with the lower number, unless numbers began
   again between the two: timers are not set half of all numbers ago.  */
static bool
is_before (const struct eva__timer *a, const struct eva__timer *b) {
  if (a->due_ns != b->due_ns) return a->due_ns < b->due_ns;
  return ((a->turn - b->turn) & EVA__LAST_SETTING) > EVA__LAST_SETTING / 2;
}

static void
put (struct eva__timers *timers, uint32_t place, struct eva__timer *timer) {
  timers->heap[place - 1] = timer;
  timer->place = place & EVA__MAX_TIMERS;
}

/* Moves TIMER, for which there is a hole at PLACE, towards the first place as far as it goes.  */
static void
sift_up (struct eva__timers *timers, uint32_t place, struct eva__timer *timer) {
  while (place > 1 && is_before (timer, timers->heap[place / 2 - 1])) {
    put (timers, place, timers->heap[place / 2 - 1]);
    place /= 2;
  }
  put (timers, place, timer);
}

/* The same away from the first place.  */
static void
sift_down (struct eva__timers *timers, uint32_t place, struct eva__timer *timer) {
  while (place <= timers->n / 2) {
    uint32_t child = place * 2;
    if (child < timers->n && is_before (timers->heap[child], timers->heap[child - 1])) child++;
    if (!is_before (timers->heap[child - 1], timer)) break;
    put (timers, place, timers->heap[child - 1]);
    place = child;
  }
  put (timers, place, timer);
}

/* One of the two does nothing.  */
static void
settle (struct eva__timers *timers, uint32_t place, struct eva__timer *timer) {
  sift_up (timers, place, timer);
  sift_down (timers, (uint32_t) timer->place, timer);
}

void
eva__timers_deinit (struct eva__timers *timers) {
  free (timers->heap);
  *timers = (struct eva__timers) { 0 };
}

static int
resize (struct eva__timers *timers, uint32_t capacity) {
  struct eva__timer **heap = reallocarray (timers->heap, capacity, sizeof (struct eva__timer *));

  if (!heap) return -1;
  timers->heap = heap;
  timers->capacity = capacity;
  return 0;
}

/* Gives back room that thousands of connections needed, when they are gone.  */
int
eva__timers_reserve (struct eva__timers *timers, int n) {
  uint32_t wanted = timers->n_reserved + (uint32_t) n;

  if (n > 0 && (wanted < timers->n_reserved || wanted > EVA__MAX_TIMERS)) {
    errno = ENOMEM;
    return -1;
  }
  if (wanted > timers->capacity) {
    if (resize (timers, wanted + wanted / 2 + MIN_CAPACITY)) return -1;
  } else if (n < 0 && wanted < timers->capacity / 4 && timers->capacity > MIN_CAPACITY * 4) {
    (void) resize (timers, timers->capacity / 2);
  }
  timers->n_reserved = wanted;
  return 0;
}

void
eva__timers_set (struct eva__timers *timers, struct eva__timer *timer, uint64_t due_ns) {
  timer->due_ns = due_ns;
  timer->turn = timers->turn++ & EVA__LAST_SETTING;
  if (timer->place)
    settle (timers, (uint32_t) timer->place, timer);
  else
    sift_up (timers, ++timers->n, timer);
}

void
eva__timers_cancel (struct eva__timers *timers, struct eva__timer *timer) {
  uint32_t place = (uint32_t) timer->place;
  struct eva__timer *last;

  if (!place) return;
  timer->place = 0;
  last = timers->heap[--timers->n];
  if (last != timer) settle (timers, place, last);
}
