/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dialing.h - a connection to a server that comes about in the loop: no other client waits for it.
 */

#ifndef ASSUANCTL_DIALING_H
#define ASSUANCTL_DIALING_H

#include "address.h"

struct dialing;

/* Connects to ADDRESS, which is resolved and no program, and outlives it.  If the queue of the
   server is full, it tries again, for ten seconds in all.
   Returns a descriptor, not blocking, or -1 with errno; or -1 with a dialing at RET.  Then the loop
   calls CB once with the descriptor, or with -1 and errno, unless dialing_free comes first.  */
int dialing_begin (const struct address *address, void (*cb) (void *arg, int fd), void *arg,
                   struct dialing **ret);

/* Gives up.  NULL is allowed; after CB was called there is nothing to free.  */
void dialing_free (struct dialing *dialing);

#endif /* ASSUANCTL_DIALING_H */
