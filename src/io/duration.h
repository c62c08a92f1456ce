/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* duration.h - milliseconds, in which programs give timeouts, and nanoseconds, which clocks
   count.  */

#ifndef EVA__IO_DURATION_H
#define EVA__IO_DURATION_H

#include <stdint.h>
#include <time.h>

#define EVA__NS_PER_MS 1000000u

static inline uint64_t
eva__io_ns_of_ms (unsigned int ms) {
  return (uint64_t) ms * EVA__NS_PER_MS;
}

/* Returns the time on the monotonic clock, which no process sets.  */
static inline uint64_t
eva__io_now_ns (void) {
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return (uint64_t) now.tv_sec * 1000 * EVA__NS_PER_MS + (uint64_t) now.tv_nsec;
}

#endif /* EVA__IO_DURATION_H */
