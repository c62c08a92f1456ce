/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dial.h - a raw connection to a server: a descriptor for octets, for subcommands that send what no
   client of eva.h would send, or pass on what others say.  */

#ifndef ASSUANCTL_DIAL_H
#define ASSUANCTL_DIAL_H

#include "address.h"
#include "status.h"

#include <stdbool.h>
#include <sys/types.h>

/* Flags of dial_open.  */
#define DIAL_NO_START 1u /* do not start a server of GnuPG that is not there */
#define DIAL_SILENT   2u /* no message if there is no connection */

struct dial {
  int fd;         /* both ways, closed on exec, not blocking but for `fd:N`; -1: none */
  pid_t pid;      /* of a program that was started, or 0 */
  bool is_tunnel; /* to another host: no descriptor gets there */
};

/* Connects to ADDRESS, which is resolved, and if it is one of ssh tunnelled (tunnel.h), without
   waiting for a greeting.  A program of `exec:` has
   one socket as its stdin and stdout.  Returns STATUS_OK with the connection at RET, to be given to
   dial_close; STATUS_CONNECTION; STATUS_USAGE for an address that this cannot connect to.  */
enum status dial_open (const struct address *address, unsigned int flags, struct dial *ret);

/* Connects to ADDRESS, which is no program, without waiting.  Returns a descriptor, of TCP maybe
   one on which the connection is still to come; or -1 with errno: EAGAIN if the server has too many
   that wait, and it should be tried again.  */
int dial_try (const struct address *address);

/* Returns true if FD is a Unix socket.  */
bool dial_is_unix (int fd);

/* Returns true if descriptors can be passed on D.  */
bool dial_passes_fds (const struct dial *d);

/* Closes D.  A program that was started gets a second to end by itself, and is ended then.  */
void dial_close (struct dial *d);

#endif /* ASSUANCTL_DIAL_H */
