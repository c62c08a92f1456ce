/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* clock.c - the time that deadlines are measured in.  */

#include "eva-loop.h"

#include <time.h>

uint64_t
eva_now (void) {
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return (uint64_t) now.tv_sec * 1000000000u + (uint64_t) now.tv_nsec;
}
