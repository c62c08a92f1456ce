/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* gnupg.h - GnuPG's own servers: where they are, by gpgconf's word, and starting them.  */

#ifndef ASSUANCTL_GNUPG_H
#define ASSUANCTL_GNUPG_H

#include "status.h"

#include <stdbool.h>

struct gnupg_server {
  const char *name;      /* in addresses */
  const char *directory; /* in gpgconf --list-dirs; NULL: a socket in the home directory */
  const char *component; /* for gpgconf --launch; NULL: nothing starts it */
  const char *prefix;    /* what stands in front of every command */
  bool has_session;      /* wants to know terminal and display (session.h) */
};

/* The servers; one without name is the last.  */
extern const struct gnupg_server gnupg_servers[];

/* Returns the server with this NAME, or NULL.  */
const struct gnupg_server *gnupg_find (const char *name);

/* Looks where the socket of SERVER is, and stores its path, to be freed, at RET_PATH.  gpgconf is
   asked once for all of them.  */
enum status gnupg_get_socket (const struct gnupg_server *server, char **ret_path);

/* Returns what gpgconf --list-dirs says of NAME, valid to the end of the process, or NULL.  */
const char *gnupg_get_directory (const char *name);

/* Starts SERVER, if it does not run.  */
enum status gnupg_launch (const struct gnupg_server *server);

#endif /* ASSUANCTL_GNUPG_H */
