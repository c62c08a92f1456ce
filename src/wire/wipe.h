/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* wipe.h - overwriting memory that held secrets.  */

#ifndef EVA__WIRE_WIPE_H
#define EVA__WIRE_WIPE_H

#include <stddef.h>

/* Overwrites the LEN octets at PTR with zeros, even where the compiler could prove that nothing
   reads them.  PTR may be NULL if LEN is 0.  */
void eva__wire_wipe (void *ptr, size_t len);

#endif /* EVA__WIRE_WIPE_H */
