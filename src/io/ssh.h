/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ssh.h - a Unix socket of another host, which ssh reaches.

       [USER@]HOST[:PORT]/PATH

   USER and HOST are letters, digits and a few other octets, so that none of them is an option or
   anything else to ssh; HOST may be a name of its configuration, or an address of IPv6 in brackets.
   PATH has no octet that means something to ssh, and no blank.  */

#ifndef EVA__IO_SSH_H
#define EVA__IO_SSH_H

#include <sys/un.h>

struct eva__io_ssh {
  char user[64]; /* "": ssh's choice */
  char host[256];
  char port[6]; /* "": likewise */
  char path[sizeof ((struct sockaddr_un *) 0)->sun_path];
};

/* Parses TEXT into RET.  Returns 0, or -1 with errno: EINVAL for a text of no such form,
   ENAMETOOLONG over 107 octets of path, or for a user or host that is very long.  */
int eva__io_ssh_parse (const char *text, struct eva__io_ssh *ret);

#endif /* EVA__IO_SSH_H */
