/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* wipe.c - overwriting memory that held secrets.  */

#include "wipe.h"

#include <string.h>

void
eva__wire_wipe (void *ptr, size_t len) {
  if (!len) return;
  memset (ptr, 0, len);

  /* A compiler may drop a memset before free, as nobody reads the result.  This empty statement
     claims to read all memory through PTR, which no optimizer may doubt, link-time ones
     included. explicit_bzero would do as well, but it is not everywhere.  */
  __asm__ volatile ("" : : "r"(ptr) : "memory");
}
