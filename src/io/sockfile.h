/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* sockfile.h - the file of a Unix socket on which a server listens.  */

#ifndef EVA__IO_SOCKFILE_H
#define EVA__IO_SOCKFILE_H

#include "io/endpoint.h"

#include <stdbool.h>
#include <sys/types.h>

/* The file, as it was after bind.  Zero-initialized it is none.  */
struct eva__io_sockfile {
  char path[sizeof ((struct sockaddr_un *) 0)->sun_path]; /* empty: none */
  dev_t dev;
  ino_t ino;
  unsigned int process; /* that made it */
};

/* What became of it.  */
enum eva__io_sockfile_state {
  EVA__IO_SOCKFILE_STANDS,
  EVA__IO_SOCKFILE_GONE,
  EVA__IO_SOCKFILE_REPLACED /* another file stands there */
};

/* Binds FD, a new stream socket, to the absolute path of ADDR with mode 0600, and listens.  The
   file of a stale socket is replaced; TAKES_OVER: also that of one at which a server listens, in
   one step, so that clients reach the old one or the new one at each moment.
   Returns 0, or -1 with errno: EADDRINUSE if a server listens there, or something stands there that
   is no socket, symbolic links included; ENOENT or ENOTDIR for a directory that is not there;
   ENAMETOOLONG if the directory has no room for another name; or what the system gives.  FILE has
   to be removed then, too.  */
int eva__io_sockfile_listen (struct eva__io_sockfile *file, int fd,
                             const union eva__io_sockaddr *addr, socklen_t addr_len,
                             bool takes_over);

/* Looks what stands at the path of FILE, which is not none.  A path that cannot be seen counts as
   the file.  */
enum eva__io_sockfile_state eva__io_sockfile_look (const struct eva__io_sockfile *file);

/* Removes FILE if it still stands, after which it is none.  Call it before the socket is closed and
   again after that, IS_CLOSED: in the process that made it, the first call removes the file; in a
   child of that process the second call does, and only if no process listens there any more.  Keeps
   errno.  */
void eva__io_sockfile_remove (struct eva__io_sockfile *file, bool is_closed);

#endif /* EVA__IO_SOCKFILE_H */
