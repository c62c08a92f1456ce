/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* child.h - a child process: fork, its descriptors, its environment, exec.

   Between fork and exec the child makes only async-signal-safe calls: another thread may have held
   any lock when the fork copied it.  The program answers for its own callback.  */

#ifndef EVA__IO_CHILD_H
#define EVA__IO_CHILD_H

#include "assuan.h"

#include <stdbool.h>

/* The variables that tell a server who started it, and which descriptor is its connection.  */
#define EVA__IO_PID_VARIABLE "_assuan_pipe_connect_pid"
#define EVA__IO_FD_VARIABLE  "_assuan_connection_fd"

/* Changes to the environment of a child; made before the fork.  */
struct eva__io_variables {
  char pid[64]; /* the settings of these two, `NAME=VALUE`.  Empty: the variable is removed */
  char fd[64];
  const char *const *settings; /* others, or `NAME` to remove one; ends with NULL; or NULL */
};

struct eva__io_child {
  const char *name; /* program, a path; NULL: fork only */
  const char **argv;
  assuan_fd_t in_fd;          /* becomes 0; ASSUAN_INVALID_FD: /dev/null */
  assuan_fd_t out_fd;         /* becomes 1; likewise */
  const assuan_fd_t *fd_list; /* keep their numbers; ends with ASSUAN_INVALID_FD; or NULL */
  void (*atfork) (void *opaque, int reserved);
  void *atfork_value;
  const struct eva__io_variables *variables; /* NULL: the environment stays */
  const int *dir_fd;                         /* of its working directory; NULL: it stays */
};

/* Forks.  The child runs atfork (atfork_value, 0), then gives itself descriptors: 0 and 1 as above;
   2 stays if it is in the list, else it is /dev/null; those in the list stay, with close-on-exec
   cleared; it closes all others.  Its working directory is that of DIR_FD.  Then it executes NAME.
   If any of that fails it writes an ERR line to 1,
   or if it has no out_fd, to the first socket of the list, and exits with 4.
   Returns 0 in the parent, with the pid at RET_PID; 1 in the child if NAME is NULL; -1 with
   errno.  */
int eva__io_child_start (const struct eva__io_child *child, pid_t *ret_pid);

/* Returns a descriptor, close-on-exec, that becomes readable when child PID has ended, also if it
   has ended already.  Before Linux 5.3, and in some sandboxes, the system does not tell: there the
   descriptor becomes readable now and then, and stays so until it is read.  Returns -1 with errno:
   EINVAL for a number that is not a pid, EMFILE.  */
int eva__io_child_watch (pid_t pid);

/* Returns true if PID is a child that nothing has waited for yet, whether it has ended or not.  It
   does not reap the child.  */
bool eva__io_child_is_there (pid_t pid);

/* Reaps child PID if it has ended, without waiting.  Returns true if it is gone, also if another
   part of the process has reaped it.  */
bool eva__io_child_reap (pid_t pid);

/* The same; stores at RET_STATUS what waitpid gave, or 0 if another part of the process has reaped
   it, so that its status is lost.  */
bool eva__io_child_reap_status (pid_t pid, int *ret_status);

/* Returns a copy of the environment with VARIABLES put in, in memory that is mapped for it, or NULL
   with errno.  It shares the strings.  It is async-signal-safe, because the child calls it after
   the program's callback, which may change the environment too.  */
char **eva__io_child_environment (const struct eva__io_variables *variables);

#endif /* EVA__IO_CHILD_H */
