/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dialing.h - a connection to a server that comes about in the loop: no other client waits for it.
 */

#ifndef ASSUANCTL_DIALING_H
#define ASSUANCTL_DIALING_H

#include "address.h"

struct dialing;

/* Connects to ADDRESS, which is resolved and no program, and outlives it.  A server that has too
   many who wait is tried again, for ten seconds in all.
   Returns a descriptor, not blocking, or -1 with errno; or -1 with a dialing at RET.  Then CB is
   called once, out of the loop, with the one or the other, unless dialing_free comes before it.  */
int dialing_begin (const struct address *address, void (*cb) (void *arg, int fd), void *arg,
                   struct dialing **ret);

/* Gives up.  NULL is allowed; after CB was called there is nothing to free.  */
void dialing_free (struct dialing *dialing);

#endif /* ASSUANCTL_DIALING_H */
