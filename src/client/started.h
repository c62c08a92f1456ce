/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* started.h - a program that a client has started and that is not its server on a pipe: the loop
   watches whether it ends, and reaps it.  */

#ifndef EVA__CLIENT_STARTED_H
#define EVA__CLIENT_STARTED_H

#include "eva-loop.h"

#include <stdbool.h>
#include <sys/types.h>

struct eva__started {
  pid_t pid;          /* not above 0: it has ended, or was not started */
  unsigned int owner; /* the process of ours that started it */
  int status;         /* as of waitpid, after it has ended; 0 if that is not known */
  int fd;             /* that reports its end; -1: none */
  eva_source *source;
  void (*cb) (void *arg);
  void *arg;
};

/* Watches program PID, which this process has just started, in LOOP: calls CB with ARG when it has
   ended.  Where the loop cannot watch it, eva__started_has_ended tells.  */
void eva__started_watch (struct eva__started *started, eva_loop *loop, pid_t pid,
                         void (*cb) (void *arg), void *arg);

/* Looks whether it has ended, and reaps it.  In another process than its owner's it has not.  */
bool eva__started_has_ended (struct eva__started *started);

/* Watches no more.  If the program runs, LOOP reaps it; before that it gets SIGNAL, unless that is
   0.  */
void eva__started_leave (struct eva__started *started, eva_loop *loop, int signal);

#endif /* EVA__CLIENT_STARTED_H */
