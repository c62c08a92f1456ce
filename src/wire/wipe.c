/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* wipe.c - overwriting memory that held secrets.  */

#include "wipe.h"

#include <string.h>

void
eva__wire_wipe (void *ptr, size_t len) {
  if (!len) return;
  memset (ptr, 0, len);

  /* A compiler may drop a memset before free, because nothing reads the result.  This empty
     statement claims to read all memory through PTR.  No optimizer may doubt that, not at link time
     either.  explicit_bzero would do as well, but not every system has it.  */
  __asm__ volatile ("" : : "r"(ptr) : "memory");
}
