/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* worker.h - a program that runs beside the loop, as that of a command that is served: a process
   group of its own, which ends by itself or is ended.  */

#ifndef ASSUANCTL_WORKER_H
#define ASSUANCTL_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct worker;

struct worker_config {
  const char *const *argv; /* argv[0] is a path */
  char **env;
  const int *fds; /* what the program has as 0, 1, and so on; -1: as here */
  size_t n_fds;

  /* Called once when the program itself has ended, with its status as of waitpid, unless it was
     ended by worker_end.  The worker is gone then.  NULL: nothing is called.  */
  void (*ended) (void *arg, int status);
  void *arg;

  /* Called once, after ended, or after worker_end when nothing is left of the group.  NULL: nothing
     is called.  */
  void (*gone) (void *arg);
  void *gone_arg;
};

/* Starts a program.  Returns NULL with errno if it cannot be started: nothing is called then.  */
struct worker *worker_start (const struct worker_config *config);

/* Ends the group of WORKER: by SIGTERM, and five seconds later by SIGKILL.  FD, which becomes the
   worker's, is the reading end of a pipe that all of the group have: its end tells that they are
   gone.  */
void worker_end (struct worker *worker, int fd);

/* Leaves WORKER, whose input has come to its end: it may take MS milliseconds to end by itself
   before the loop ends it as worker_end does.  Its functions are not called any more.  */
void worker_leave (struct worker *worker, unsigned int ms);

/* The same for the child PID, which leads no group and was started elsewhere.  */
void worker_leave_child (pid_t pid, unsigned int ms);

/* Kills all groups at once.  */
void worker_kill_all (void);

/* Waits until there are no workers.  Ctrl-C kills them.  */
void worker_await_all (void);

#endif /* ASSUANCTL_WORKER_H */
