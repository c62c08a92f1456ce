/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* reaper.c - children whose client is gone.  They end when they see the end of their connection,
   and the loop reaps them then.  Neither the program nor the loop waits for a server that takes its
   time.  */

#include "client/reaper.h"

#include "io/child.h"
#include "io/process.h"
#include "loop/loop.h"

#include <stdlib.h>
#include <unistd.h>

struct reaper {
  struct reaper *next, **link;
  pid_t pid;
  unsigned int parent; /* the process of ours that it is a child of */
  int fd;              /* that reports its end; -1: there was none to be had */
  eva_source *source;  /* or NULL: another reaper's turn does it */
};

static void
forget (struct reaper *reaper) {
  *reaper->link = reaper->next;
  if (reaper->next) reaper->next->link = reaper->link;
  eva_source_free (reaper->source);
  if (reaper->fd >= 0) close (reaper->fd);
  free (reaper);
}

/* Returns true if REAPER is not needed any more: its child has ended, or is the child of another
   process.  */
static bool
is_over (const struct reaper *reaper) {
  return reaper->parent != eva__io_this_process () || eva__io_child_reap (reaper->pid);
}

/* A read ends the readiness of a descriptor that only ticks.  */
static void
ended (void *arg, unsigned int revents) {
  struct reaper *reaper = arg;
  uint64_t ticks;

  (void) revents;
  if (is_over (reaper))
    forget (reaper);
  else
    (void) !read (reaper->fd, &ticks, sizeof ticks);
}

/* Reaps those of LIST that have ended and are not watched, because there was no descriptor for
   them.  */
static void
look_after_unwatched (struct reaper *list) {
  struct reaper *next;

  for (; list; list = next) {
    next = list->next;
    if (!list->source && is_over (list)) forget (list);
  }
}

/* The loop goes away: children that have not ended by now are left to the process.  */
static void
forget_all (void *data) {
  struct reaper **list = data;

  while (*list) {
    struct reaper *reaper = *list;
    (void) is_over (reaper);
    forget (reaper);
  }
  free (list);
}

/* Returns where the reapers of LOOP are linked.  */
static struct reaper **
list_of (eva_loop *loop) {
  struct eva__loop_attachment *attachment = eva__loop_get_attachment (loop);

  if (!attachment->data) {
    attachment->data = calloc (1, sizeof (struct reaper *));
    attachment->free = forget_all;
  }
  return attachment->data;
}

void
eva__reaper_new (eva_loop *loop, pid_t pid) {
  struct reaper **list = eva__io_child_reap (pid) ? NULL : list_of (loop);
  struct reaper *reaper = list ? calloc (1, sizeof *reaper) : NULL;

  if (!reaper) return;
  look_after_unwatched (*list);
  *reaper = (struct reaper) {
    .next = *list, .link = list, .pid = pid, .parent = eva__io_this_process ()
  };
  reaper->fd = eva__io_child_watch (pid);
  reaper->source = eva_loop_add_fd (loop, reaper->fd, EVA_READABLE, ended, reaper);
  *list = reaper;
  if (reaper->next) reaper->next->link = &reaper->next;
  if (reaper->source) eva__loop_set_background (reaper->source);
}
