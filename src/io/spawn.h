/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* spawn.h - starting a server as a child process.

   The ends of the connection, the environment of the child, and the hooks of programs that start
   their processes themselves.  What happens in the child is in child.c.  */

#ifndef EVA__IO_SPAWN_H
#define EVA__IO_SPAWN_H

#include "io/sys.h"

#include <stdbool.h>

/* What assuan_pipe_connect was asked for.  */
struct eva__io_spawn {
  const char *name; /* program, a path; NULL: fork only, which needs a socket pair */
  const char **argv;
  const assuan_fd_t *fd_list; /* ends with ASSUAN_INVALID_FD; or NULL */
  void (*atfork) (void *opaque, int reserved);
  void *atfork_value;
  unsigned int flags;          /* ASSUAN_SPAWN_DETACHED, handed to the spawn hook */
  const char *const *settings; /* of its environment (child.h), or NULL */
  const int *dir_fd;           /* of its working directory, or NULL; not with a hook */
  bool socketpair; /* one socket, which the child finds in _assuan_connection_fd, not two pipes */
};

/* Starts the child.  In the parent it stores the ends of the connection at RET_IN_FD and RET_OUT_FD
   (the same one if a socket pair), close-on-exec, none of them a standard descriptor, and the
   child's pid at RET_PID.  In a fork without exec, argv[0] becomes "client" in the parent and
   "server" in the child, where the descriptor of the connection is in the environment only.
   Returns 0 in the parent, 1 in the child of a fork without exec, -1 with errno: EINVAL if argv is
   NULL, or name without socketpair.  A program that cannot be executed is no error here: the child
   sends an ERR line instead of a greeting.  */
int eva__io_spawn (const struct eva__io_sys *sys, const struct eva__io_spawn *how,
                   assuan_fd_t *ret_in_fd, assuan_fd_t *ret_out_fd, pid_t *ret_pid);

#endif /* EVA__IO_SPAWN_H */
