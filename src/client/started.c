/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* started.c - a program that a client has started and that is not its server on a pipe.  */

#include "client/started.h"

#include "client/reaper.h"
#include "io/child.h"
#include "io/process.h"
#include "loop/loop.h"

#include <signal.h>
#include <unistd.h>

static void
stop_watching (struct eva__started *started) {
  if (!started->source) return;
  eva_source_free (started->source);
  started->source = NULL;
  close (started->fd);
}

/* A read ends the readiness of a descriptor that only ticks.  */
static void
ready (void *arg, unsigned int revents) {
  struct eva__started *started = arg;
  uint64_t ticks;

  (void) revents;
  (void) !read (started->fd, &ticks, sizeof ticks);
  if (eva__started_has_ended (started)) started->cb (started->arg);
}

void
eva__started_watch (struct eva__started *started, eva_loop *loop, pid_t pid, void (*cb) (void *arg),
                    void *arg) {
  *started =
      (struct eva__started) { .pid = pid, .owner = eva__io_this_process (), .cb = cb, .arg = arg };
  started->fd = eva__io_child_watch (pid);
  if (started->fd < 0) return;
  started->source = eva_loop_add_fd (loop, started->fd, EVA_READABLE, ready, started);
  if (started->source)
    eva__loop_set_background (started->source);
  else
    close (started->fd);
}

bool
eva__started_has_ended (struct eva__started *started) {
  if (started->pid <= 0) return true;
  if (started->owner != eva__io_this_process ()) return false;
  if (!eva__io_child_reap_status (started->pid, &started->status)) return false;
  started->pid = 0;
  stop_watching (started);
  return true;
}

/* It leads a session of its own, and so a group, but for the moment after the fork.  Its number is
   not another process's: it was not reaped.  */
void
eva__started_leave (struct eva__started *started, eva_loop *loop, int signal) {
  stop_watching (started);
  if (started->owner != eva__io_this_process () || eva__started_has_ended (started)) return;
  if (signal && kill (-started->pid, signal)) kill (started->pid, signal);
  eva__reaper_new (loop, started->pid);
  started->pid = 0;
}
