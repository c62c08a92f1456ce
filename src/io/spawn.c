/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* spawn.c - starting a server as a child process.

   With the default spawn function all descriptors are close-on-exec from birth and only the child
   clears that, and the child makes its own environment: nothing of it shows in the parent.  A spawn
   hook of a program gets inheritable ends, as the hook's contract says, and a callback that sets
   the environment before the hook executes the program.  */

#include "io/spawn.h"
#include "io/child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

extern char **environ;

/* The four ends of a connection.  For a socket pair in and out are the same.  */
struct ends {
  assuan_fd_t in_fd, out_fd;             /* ours */
  assuan_fd_t child_in_fd, child_out_fd; /* the child's */
};

static bool
spawns_itself (const struct eva__io_sys *sys) {
  return sys->hooks.spawn == __assuan_spawn;
}

/* --- The ends --------------------------------------------------------------------------------- */

/* The kinds of pairs, as argument for the function that makes one: a pipe whose inheritable end
   is the one with that number, or a socket pair.  */
enum pair_kind { PIPE_CHILD_READS = 0, PIPE_CHILD_WRITES = 1, SOCKETS = 2 };

static int
make_one_pair (const struct eva__io_sys *sys, enum pair_kind kind, assuan_fd_t fd[2]) {
  /* An index that does not exist keeps our own pipe function from making an end inheritable.  */
  int index = spawns_itself (sys) && sys->hooks.pipe == __assuan_pipe ? -1 : (int) kind;

  if (kind != SOCKETS) return sys->hooks.pipe (sys->ctx, fd, index);
  return sys->hooks.socketpair (sys->ctx, AF_UNIX, SOCK_STREAM, 0, fd);
}

/* Makes a pair of which neither end is a standard descriptor.  In a process that runs with those
   closed, printf would otherwise write to the connection, and the child's /dev/null would overwrite
   it.  Pairs with low numbers are kept until there is a good one, so this makes at most four.  */
static int
make_pair (const struct eva__io_sys *sys, enum pair_kind kind, assuan_fd_t ret_fd[2]) {
  assuan_fd_t low[4][2];
  size_t n_low = 0;
  int rc;

  for (;;) {
    rc = make_one_pair (sys, kind, ret_fd);
    if (rc < 0 || n_low == 4 || (ret_fd[0] > 2 && ret_fd[1] > 2)) break;
    memcpy (low[n_low++], ret_fd, sizeof low[0]);
  }
  while (n_low--) {
    eva__io_sys_close (sys, low[n_low][0]);
    eva__io_sys_close (sys, low[n_low][1]);
  }
  return rc < 0 ? -1 : 0;
}

/* Settles which of two ends is whose: no child inherits ours; a child inherits its own only through
   a program's hook.  */
static void
settle_pair (const struct eva__io_sys *sys, assuan_fd_t ours, assuan_fd_t childs) {
  fcntl (ours, F_SETFD, FD_CLOEXEC);
  fcntl (childs, F_SETFD, spawns_itself (sys) ? FD_CLOEXEC : 0);
}

static int
make_socketpair (const struct eva__io_sys *sys, struct ends *ends) {
  assuan_fd_t fd[2];

  if (make_pair (sys, SOCKETS, fd) < 0) return -1;
  settle_pair (sys, fd[0], fd[1]);
  ends->in_fd = ends->out_fd = fd[0];
  ends->child_in_fd = ends->child_out_fd = fd[1];
  return 0;
}

static int
make_pipes (const struct eva__io_sys *sys, struct ends *ends) {
  assuan_fd_t up[2], down[2];

  if (make_pair (sys, PIPE_CHILD_WRITES, up) < 0) return -1;
  if (make_pair (sys, PIPE_CHILD_READS, down) < 0) {
    eva__io_sys_close (sys, up[0]);
    eva__io_sys_close (sys, up[1]);
    return -1;
  }
  settle_pair (sys, up[0], up[1]);
  settle_pair (sys, down[1], down[0]);
  *ends = (struct ends) {
    .in_fd = up[0], .out_fd = down[1], .child_in_fd = down[0], .child_out_fd = up[1]
  };
  return 0;
}

/* Closes A and B through SYS, once if they are the same.  */
static void
close_two (const struct eva__io_sys *sys, assuan_fd_t a, assuan_fd_t b) {
  eva__io_sys_close (sys, a);
  if (b != a) eva__io_sys_close (sys, b);
}

/* --- The spawn hook of a program -------------------------------------------------------------- */

/* What the callback that the hook gets works with.  */
struct hooked {
  const struct eva__io_spawn *how;
  const struct eva__io_variables *variables;
  pid_t parent;
  char **old_environ;
  char **new_environ;
};

/* Runs the program's callback, then sets the environment that the hook's exec will hand over.  It
   adds only async-signal-safe steps, as in any child.  */
static void
hooked_atfork (void *opaque, int reserved) {
  struct hooked *hooked = opaque;

  if (hooked->how->atfork) hooked->how->atfork (hooked->how->atfork_value, reserved);
  /* A fork without exec returns here in the child, where there is a better time.  */
  if (reserved || !hooked->how->name || getpid () == hooked->parent) return;
  hooked->new_environ = eva__io_child_environment (hooked->variables);
  if (hooked->new_environ) environ = hooked->new_environ;
}

/* Starts the child through a hook.  Returns as eva__io_child_start.  */
static int
start_hooked (const struct eva__io_sys *sys, const struct eva__io_child *child,
              const struct eva__io_spawn *how, assuan_fd_t *list, pid_t *ret_pid) {
  struct hooked hooked = {
    .how = how, .variables = child->variables, .parent = getpid (), .old_environ = environ
  };
  assuan_fd_t *hook_list = *list == ASSUAN_INVALID_FD && !how->fd_list ? NULL : list;
  int rc = sys->hooks.spawn (sys->ctx, ret_pid, child->name, child->argv, child->in_fd,
                             child->out_fd, hook_list, hooked_atfork, &hooked, how->flags);

  /* A hook that uses vfork shares its memory with the child: the environment came back with it.  */
  if (hooked.new_environ && getpid () == hooked.parent) environ = hooked.old_environ;
  if (rc < 0) return -1;
  return getpid () != hooked.parent;
}

/* --- Starting --------------------------------------------------------------------------------- */

static size_t
list_len (const assuan_fd_t *list) {
  size_t n = 0;

  while (list && list[n] != ASSUAN_INVALID_FD)
    n++;
  return n;
}

/* Returns a new list of the child's descriptors, with FIRST in front if it is a descriptor; NULL if
   there is no memory.  It is a copy, because the hook may change it.  */
static assuan_fd_t *
make_list (assuan_fd_t first, const assuan_fd_t *list) {
  size_t n = list_len (list), at = first != ASSUAN_INVALID_FD;
  assuan_fd_t *copy = malloc ((n + 2) * sizeof *copy);

  if (!copy) return NULL;
  copy[0] = first;
  if (n) memcpy (copy + at, list, n * sizeof *copy);
  copy[at + n] = ASSUAN_INVALID_FD;
  return copy;
}

/* Stores in VARIABLES which process starts the child and, for a socket pair, which end is the
   child's.  Without a socket pair the other variable is removed: it would be that of the server
   which started this process.  */
static void
describe (const struct eva__io_spawn *how, const struct ends *ends,
          struct eva__io_variables *variables) {
  snprintf (variables->pid, sizeof variables->pid, "%s=%lu", EVA__IO_PID_VARIABLE,
            (unsigned long) getpid ());
  variables->fd[0] = 0;
  variables->settings = how->settings;
  if (how->socketpair)
    snprintf (variables->fd, sizeof variables->fd, "%s=%d", EVA__IO_FD_VARIABLE, ends->child_in_fd);
}

/* Runs in the child of a fork without exec, which goes on like any other program.  */
static void
adopt_environment (const struct eva__io_variables *variables) {
  setenv (EVA__IO_PID_VARIABLE, strchr (variables->pid, '=') + 1, 1);
  setenv (EVA__IO_FD_VARIABLE, strchr (variables->fd, '=') + 1, 1);
}

/* Forks with ENDS, by our own function or a hook.  Returns as eva__io_spawn.  */
static int
start (const struct eva__io_sys *sys, const struct eva__io_spawn *how, const struct ends *ends,
       pid_t *ret_pid) {
  struct eva__io_variables variables;
  struct eva__io_child child = { .name = how->name,
                                 .argv = how->argv,
                                 .in_fd = ASSUAN_INVALID_FD,
                                 .out_fd = ASSUAN_INVALID_FD,
                                 .atfork = how->atfork,
                                 .atfork_value = how->atfork_value,
                                 .variables = &variables,
                                 .dir_fd = how->dir_fd };
  assuan_fd_t *list =
      make_list (how->socketpair ? ends->child_in_fd : ASSUAN_INVALID_FD, how->fd_list);
  int rc, saved;

  if (!list) return -1;
  describe (how, ends, &variables);
  if (!how->socketpair) {
    child.in_fd = ends->child_in_fd;
    child.out_fd = ends->child_out_fd;
  }
  child.fd_list = list;
  rc = spawns_itself (sys) ? eva__io_child_start (&child, ret_pid)
                           : start_hooked (sys, &child, how, list, ret_pid);
  saved = errno;
  free (list);
  errno = saved;
  if (rc == 1) adopt_environment (&variables);
  if (rc >= 0 && !how->name) how->argv[0] = rc ? "server" : "client";
  return rc;
}

int
eva__io_spawn (const struct eva__io_sys *sys, const struct eva__io_spawn *how,
               assuan_fd_t *ret_in_fd, assuan_fd_t *ret_out_fd, pid_t *ret_pid) {
  struct ends ends;
  pid_t pid = ASSUAN_INVALID_PID;
  int rc;

  if (!how->argv || (!how->name && !how->socketpair)) {
    errno = EINVAL;
    return -1;
  }
  rc = how->socketpair ? make_socketpair (sys, &ends) : make_pipes (sys, &ends);
  if (rc < 0) return -1;
  rc = start (sys, how, &ends, &pid);
  if (rc == 1) {
    /* Our own child has closed the parent's end already; a second close could hit a stranger.  */
    if (!spawns_itself (sys)) close_two (sys, ends.in_fd, ends.out_fd);
    return 1;
  }
  close_two (sys, ends.child_out_fd, ends.child_in_fd);
  if (rc < 0) {
    close_two (sys, ends.in_fd, ends.out_fd);
    return -1;
  }
  *ret_in_fd = ends.in_fd;
  *ret_out_fd = ends.out_fd;
  *ret_pid = pid;
  return 0;
}
