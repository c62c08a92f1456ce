/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* alias.h - a redirection file of ours, at a path that is too long for a socket.  */

#ifndef EVA__IO_ALIAS_H
#define EVA__IO_ALIAS_H

#include "io/private.h"
#include "io/sockfile.h"

/* The file at PATH, which leads to a socket in a directory of its own.  */
struct eva__io_alias {
  struct eva__io_private target; /* none: it is another one's, and left alone */
  char path[];
};

/* Makes a directory for a socket, in $XDG_RUNTIME_DIR or else /tmp.  The file at PATH is not made
   yet: no client must find it before the socket listens.
   Returns it, or NULL with errno: ENAMETOOLONG if even the new directory has a name that is too
   long; ENOMEM; or what the system gives.  */
struct eva__io_alias *eva__io_alias_new (const char *path);

/* Makes the redirection file of ALIAS, with mode 0600, whose socket listens.  It replaces a
   redirection file that leads nowhere, if this process may trust that (eva__io_redirect_find), and
   nothing else.
   Returns 0, or -1 with errno: ESTALE if a redirection stands there that leads to another socket,
   where another server has just come up; EADDRINUSE if something else does; or what
   eva__io_redirect_find or the system gives.  */
int eva__io_alias_publish (const struct eva__io_alias *alias);

/* Takes the file at PATH, which leads to TARGET, over from another server.  Stores the alias at
   RET_ALIAS, or NULL if the file is none of ours.  Returns 0, or -1 with errno ENOMEM.  */
int eva__io_alias_adopt (const char *path, const char *target, struct eva__io_alias **ret_alias);

/* Looks whether the file of ALIAS, whose socket listens by now, is still there: the server that it
   was taken over from may have removed it meanwhile.  Returns 0, or -1 with errno ESTALE.  */
int eva__io_alias_confirm (const struct eva__io_alias *alias);

/* Looks what stands at the path of ALIAS, and where that leads to.  */
enum eva__io_sockfile_state eva__io_alias_look (const struct eva__io_alias *alias);

/* Removes the file of ALIAS, if it still stands and FILE, its socket, does not belong to a
   successor, to which it leaves both then.  Does nothing in a child of the process that made it.
   Keeps errno.  */
void eva__io_alias_withdraw (struct eva__io_alias *alias, const struct eva__io_sockfile *file);

/* The same in a child of that process, if the socket is gone: no other process listens there.  */
void eva__io_alias_clear (struct eva__io_alias *alias, const struct eva__io_sockfile *file);

/* Removes the directory of ALIAS, which is empty by then, if its file was withdrawn in this
   process.  Frees ALIAS, which may be NULL.  Keeps errno.  */
void eva__io_alias_free (struct eva__io_alias *alias);

#endif /* EVA__IO_ALIAS_H */
