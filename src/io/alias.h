/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* alias.h - a redirection file of ours, at a path that is too long for a socket.  */

#ifndef EVA__IO_ALIAS_H
#define EVA__IO_ALIAS_H

#include "io/sockfile.h"

/* The file at PATH, which leads to a socket in a directory of its own.  */
struct eva__io_alias {
  dev_t dev;
  ino_t ino;
  unsigned int process; /* that made it */
  char target[sizeof ((struct sockaddr_un *) 0)->sun_path];
  char path[];
};

/* Makes a directory that no other user can enter, in $XDG_RUNTIME_DIR or else /tmp, and a
   redirection file at PATH, with mode 0600, that leads to TARGET in it, where there is nothing yet.
   It replaces a redirection file, if this process may trust that (eva__io_redirect_find), and
   nothing else.
   Returns it, or NULL with errno: EADDRINUSE if something stands at PATH; ENAMETOOLONG if even the
   new directory has a name that is too long; ENOMEM; or what the system gives.  */
struct eva__io_alias *eva__io_alias_new (const char *path);

/* Looks what stands at the path of ALIAS.  */
enum eva__io_sockfile_state eva__io_alias_look (const struct eva__io_alias *alias);

/* Removes the file of ALIAS, if it still stands, and its directory, which is empty by then; in a
   child of the process that made it, it leaves both.  Frees ALIAS, which may be NULL.  Keeps
   errno.  */
void eva__io_alias_free (struct eva__io_alias *alias);

#endif /* EVA__IO_ALIAS_H */
