/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* orphan.c - children whose client is gone.  They end when they see the end of their connection, and
   the loop reaps them then: nobody waits for a server that takes its time, nor does the loop go on for
   it.  */

#include "client/client.h"
#include "io/child.h"
#include "io/process.h"
#include "loop/loop.h"

#include <stdlib.h>
#include <unistd.h>

struct orphan {
  struct orphan *next, **link;
  pid_t pid;
  unsigned int parent; /* the process of ours that it is a child of */
  int fd;              /* that tells of its end; -1: there was none to be had */
  eva_source *source;  /* or NULL: another orphan's turn sees to it */
};

static void
forget (struct orphan *orphan) {
  *orphan->link = orphan->next;
  if (orphan->next) orphan->next->link = orphan->link;
  eva_source_free (orphan->source);
  if (orphan->fd >= 0) close (orphan->fd);
  free (orphan);
}

/* Returns true if nobody has to look after ORPHAN any more: it has ended, or is the child of another
   process.  */
static bool
is_over (const struct orphan *orphan) {
  return orphan->parent != eva__io_this_process () || eva__io_child_reap (orphan->pid);
}

/* Reading takes away the readiness of a descriptor that only ticks.  */
static void
ended (void *arg, unsigned int revents) {
  struct orphan *orphan = arg;
  uint64_t ticks;

  (void) revents;
  if (is_over (orphan))
    forget (orphan);
  else
    (void) !read (orphan->fd, &ticks, sizeof ticks);
}

/* Reaps those of LIST that have ended and are not watched, because there was no descriptor for
   them.  */
static void
look_after_unwatched (struct orphan *list) {
  struct orphan *next;

  for (; list; list = next) {
    next = list->next;
    if (!list->source && is_over (list)) forget (list);
  }
}

/* The loop goes away: who has not ended by now is left to the process.  */
static void
forget_all (void *data) {
  struct orphan **list = data;

  while (*list) {
    struct orphan *orphan = *list;
    (void) is_over (orphan);
    forget (orphan);
  }
  free (list);
}

/* Returns where the orphans of LOOP are linked.  */
static struct orphan **
list_of (eva_loop *loop) {
  struct eva__loop_attachment *attachment = eva__loop_get_attachment (loop);

  if (!attachment->data) {
    attachment->data = calloc (1, sizeof (struct orphan *));
    attachment->free = forget_all;
  }
  return attachment->data;
}

void
eva__orphan_new (eva_loop *loop, pid_t pid) {
  struct orphan **list = eva__io_child_reap (pid) ? NULL : list_of (loop);
  struct orphan *orphan = list ? calloc (1, sizeof *orphan) : NULL;

  if (!orphan) return;
  look_after_unwatched (*list);
  *orphan = (struct orphan) {
    .next = *list, .link = list, .pid = pid, .parent = eva__io_this_process ()
  };
  orphan->fd = eva__io_child_watch (pid);
  orphan->source = eva_loop_add_fd (loop, orphan->fd, EVA_READABLE, ended, orphan);
  *list = orphan;
  if (orphan->next) orphan->next->link = &orphan->next;
  if (orphan->source) eva__loop_set_background (orphan->source);
}
