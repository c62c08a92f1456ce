/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* backend.h - what the files of this room share: the loop, and the table of functions that watch
   descriptors and wait for them.  */

#ifndef EVA__LOOP_BACKEND_H
#define EVA__LOOP_BACKEND_H

#include "loop/loop.h"
#include "loop/timers.h"

/* A deadline that never comes.  */
#define EVA__LOOP_NEVER UINT64_MAX

struct eva__loop_backend {
  /* Watches SOURCE for SOURCE->events.  Returns 0 or an errno value.  */
  int (*add) (eva_loop *loop, eva_source *source);

  /* Watches SOURCE, whose events are still the old ones, for EVENTS.  Returns 0 or an errno value,
     and then the old ones stay.  */
  int (*change) (eva_loop *loop, eva_source *source, unsigned int events);

  /* Stops watching.  Returns true if the memory of SOURCE is no longer needed.  */
  bool (*remove) (eva_loop *loop, eva_source *source);

  /* Stops watching SOURCE for a while, and goes on with it; unmute returns 0 or an errno value.
     NULL: no callback may run a loop of this kind.  */
  void (*mute) (eva_loop *loop, eva_source *source);
  int (*unmute) (eva_loop *loop, eva_source *source);

  /* Waits for at most TIMEOUT_MS and calls what is ready.  Returns the number of events, or -1 with
     errno.  NULL: the program's own loop waits.  */
  int (*wait) (eva_loop *loop, int timeout_ms);

  /* Makes sure that LOOP gets a turn at DUE_NS: 0 is at once, EVA__LOOP_NEVER cancels the last
     setting.  Returns what is set then, which may be earlier, or EVA__LOOP_NEVER if it could not be
     set.  NULL: the loop tells wait how long to wait.  */
  uint64_t (*arm) (eva_loop *loop, uint64_t due_ns);

  /* As eva_loop_get_fd.  NULL: there is none.  */
  int (*get_fd) (eva_loop *loop);

  /* As eva__loop_set_exclusive.  NULL: there is nothing of that kind.  */
  void (*set_exclusive) (eva_loop *loop, eva_source *source);

  /* As eva__loop_set_background.  NULL: the loop does not end by itself.  */
  void (*set_background) (eva_loop *loop, eva_source *source);

  /* In a child, which shares with the parent what the kernel has of LOOP: gives LOOP its own, with
     everything that is watched.  Returns 0 or an errno value, and then nothing has changed.  NULL:
     there is nothing of that kind.  */
  int (*renew) (eva_loop *loop);

  /* Frees LOOP, which has no sources any more.  */
  void (*free) (eva_loop *loop);
};

/* The part of a loop that all backends have.  */
struct eva_loop {
  const struct eva__loop_backend *backend;
  size_t watch_size;    /* the backend's octets of a source */
  unsigned int process; /* that it belongs to: the last one that used it */
  bool tells_hangup;
  bool nested;   /* the program's loop waits, and has to hear of tasks */
  bool recurses; /* callbacks may wait, too */
  bool outside;  /* one of them did: time has passed, and others may change things */
  bool stopped;
  bool look;          /* timers may be due */
  int n_events;       /* in the last batch, of sources that were there and had their turn with it */
  unsigned int depth; /* turns under way; more than one where a foreign loop allows that */
  uint64_t turn_begin; /* timers set since have to wait for the next turn */
  uint64_t now_ns;     /* of this turn; 0: not asked yet */
  uint64_t passed_ns;  /* when the timers were looked at last */
  uint64_t armed_ns;   /* when the backend wakes the loop up */
  struct eva__timers timers;
  struct eva__task soon, pass, coming, leaving, later; /* heads of rings */
  unsigned int n_tasks;                                /* in all of them */
  bool coming_next;                                    /* of coming and leaving */
  eva_source *sources;                                 /* all of them */
  eva_source *dead;          /* freed while events may point to them; by next */
  struct eva__frame *frames; /* callbacks under way, the innermost first */
  struct eva__loop_attachment attachment;
  char *failure;   /* the sentence of eva_loop_get_failure, or NULL */
  eva_loop *outer; /* a foreign loop that this one is nested in, by one descriptor; or NULL */
};

/* Returns true if the ring HEAD has no tasks.  */
static inline bool
eva__task_is_none (const struct eva__task *head) {
  return head->next == head;
}

static inline bool
eva__loop_has_soon (const eva_loop *loop) {
  return !eva__task_is_none (&loop->soon) || !eva__task_is_none (&loop->pass);
}

static inline bool
eva__loop_has_guests (const eva_loop *loop) {
  return !eva__task_is_none (&loop->coming) || !eva__task_is_none (&loop->leaving);
}

/* Returns true if there is something in any of LOOP's rings.  */
static inline bool
eva__loop_has_tasks (const eva_loop *loop) {
  return loop->n_tasks > 0;
}

/* Initializes the common part of LOOP, which is zeroed.  */
void eva__loop_init (eva_loop *loop, const struct eva__loop_backend *backend);

/* Begins and ends a turn: around everything that runs callbacks.  */
void eva__loop_enter (eva_loop *loop);
void eva__loop_leave (eva_loop *loop);

/* As eva_loop_dispatch, also for a loop that is nested in a foreign one.  */
int eva__loop_dispatch (eva_loop *loop, int timeout_ms);

/* Call it when LOOP is about to wait within a callback.  */
void eva__loop_rerun (eva_loop *loop);

/* The loops on epoll, and on poll.  Return it, or NULL with errno.  */
eva_loop *eva__loop_new_epoll (void);
eva_loop *eva__loop_new_poll (void);

#endif /* EVA__LOOP_BACKEND_H */
