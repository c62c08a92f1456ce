/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* duration.h - milliseconds, in which programs give timeouts, and nanoseconds, which clocks
   count.  */

#ifndef EVA__IO_DURATION_H
#define EVA__IO_DURATION_H

#include <stdint.h>

#define EVA__NS_PER_MS 1000000u

static inline uint64_t
eva__io_ns_of_ms (unsigned int ms) {
  return (uint64_t) ms * EVA__NS_PER_MS;
}

#endif /* EVA__IO_DURATION_H */
