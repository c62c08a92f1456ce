/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tunnel.h - a socket of another host, for subcommands that connect there more than once, or say
   what no client of eva.h says: one ssh forwards it to a socket of ours.  */

#ifndef ASSUANCTL_TUNNEL_H
#define ASSUANCTL_TUNNEL_H

#include "address.h"
#include "status.h"

/* If ADDRESS, which is resolved, is one of ssh, starts ssh and waits until it forwards: dial.h and
   eva.h connect to ADDRESS then.  Once in all.  LOST is called when ssh ends later, after a
   message; NULL is allowed.  Other addresses are left as they are.  */
enum status tunnel_open (struct address *address, void (*lost) (void));

/* Ends ssh, if it was started.  */
void tunnel_close (void);

#endif /* ASSUANCTL_TUNNEL_H */
