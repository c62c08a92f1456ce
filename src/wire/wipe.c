/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* wipe.c - overwriting memory that held secrets.  */

#include "wipe.h"

#include <stdint.h>
#include <string.h>

/* Overwrites LEN octets, from 1 to 16, in two pieces that may overlap.  Most lines are as short,
   and memset takes longer to find out how than to do it.  */
static void
wipe_few (char *ptr, size_t len) {
  const uint64_t zero = 0;

  if (len >= 8) {
    memcpy (ptr, &zero, 8);
    memcpy (ptr + len - 8, &zero, 8);
  } else if (len >= 4) {
    memcpy (ptr, &zero, 4);
    memcpy (ptr + len - 4, &zero, 4);
  } else {
    ptr[0] = ptr[len / 2] = ptr[len - 1] = 0;
  }
}

void
eva__wire_wipe (void *ptr, size_t len) {
  if (!len) return;
  if (len <= 16)
    wipe_few (ptr, len);
  else
    memset (ptr, 0, len);

  /* A compiler may drop what is written before free, because nothing reads the result.  This empty
     statement claims to read all memory through PTR.  No optimizer may doubt that, not at link time
     either.  explicit_bzero would do as well, but not every system has it.  */
  __asm__ volatile ("" : : "r"(ptr) : "memory");
}
