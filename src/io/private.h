/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* private.h - a socket in a directory of its own, which no other user can enter.  */

#ifndef EVA__IO_PRIVATE_H
#define EVA__IO_PRIVATE_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Zero-initialized it is none.  */
struct eva__io_private {
  char path[sizeof ((struct sockaddr_un *) 0)->sun_path]; /* of the socket; empty: none */
  unsigned int process;                                   /* that made the directory */
};

/* Makes a directory BASE/NAME-XXXXXX with other letters for the X, and the path of a socket in it,
   where there is nothing yet.  Returns 0, or -1 with errno: ENAMETOOLONG for a BASE that leaves no
   room; or what the system gives.  */
int eva__io_private_make (struct eva__io_private *private, const char *base, const char *name);

/* Takes PATH, the path of a socket as eva__io_private_make makes it with NAME, over from the
   process that made it.  Returns false if it is no such path, or its directory is not there, is not
   this user's, or is open to others.  */
bool eva__io_private_adopt (struct eva__io_private *private, const char *path, const char *name);

/* Leaves it to another process.  */
static inline void
eva__io_private_leave (struct eva__io_private *private) {
  *private->path = 0;
}

/* Removes the directory, which is empty by then, after which it is none.  Does nothing in a child
   of the process that made it, or took it over.  Keeps errno.  */
void eva__io_private_remove (struct eva__io_private *private);

#endif /* EVA__IO_PRIVATE_H */
