/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* backend.h - what the files of this room share: the loop, its sources, and the table of functions
   by which descriptors are watched and waited for.  */

#ifndef EVA__LOOP_BACKEND_H
#define EVA__LOOP_BACKEND_H

#include "io/process.h"
#include "loop/loop.h"
#include "loop/timers.h"

/* A deadline that never comes.  */
#define EVA__LOOP_NEVER UINT64_MAX

/* A descriptor or a timer.  There are as many as connections, so it is small; behind it in the same
   memory stand the backend's own octets, or the timer.  */
struct eva_source {
  eva_loop *loop;
  union {
    void (*fd) (void *arg, unsigned int revents);
    void (*timer) (void *arg);
  } cb;
  void *arg;
  struct eva_source *next, *prev; /* in the loop's list */
  int fd;                         /* -1: a timer */
  uint8_t events;
  uint8_t mask; /* what is passed on: events and EVA_HANGUP; 0 once it is freed */
  bool exclusive : 1;
  bool lost : 1;      /* the backend does not know it any more */
  bool busy : 1;      /* its callback runs, in a loop that callbacks may run */
  bool muted : 1;     /* and it is not watched until that is over */
  bool reentrant : 1; /* its callback may be called within itself */
  uint8_t
      holder; /* depth of the outermost turn that has it in its hands, in such a loop; 0: none */
};

_Static_assert (sizeof (struct eva_source) <= 48, "a source is small");
_Static_assert (sizeof (struct eva_source) % _Alignof (max_align_t) == 0,
                "what follows is aligned");

/* The backend's octets of SOURCE.  */
static inline void *
eva__source_watch (eva_source *source) {
  return source + 1;
}

struct eva__loop_backend {
  /* Watches SOURCE for SOURCE->events.  Returns 0 or an errno value.  */
  int (*add) (eva_loop *loop, eva_source *source);

  /* Watches SOURCE, whose events are still the old ones, for EVENTS.  Returns 0 or an errno value,
     and then the old ones stay.  */
  int (*change) (eva_loop *loop, eva_source *source, unsigned int events);

  /* Stops watching.  Returns true if the memory of SOURCE is no longer needed.  */
  bool (*remove) (eva_loop *loop, eva_source *source);

  /* Stops watching SOURCE for a while, and goes on with it; unmute returns 0 or an errno
     value.  NULL: no callback may run a loop of this kind.  */
  void (*mute) (eva_loop *loop, eva_source *source);
  int (*unmute) (eva_loop *loop, eva_source *source);

  /* Waits for at most TIMEOUT_MS and calls what is ready.  Returns the number of events, or -1 with
     errno.  NULL: somebody else waits.  */
  int (*wait) (eva_loop *loop, int timeout_ms);

  /* Sees to it that LOOP gets a turn at DUE_NS: 0 is at once, EVA__LOOP_NEVER takes the last
     setting back.  Returns what is set then, which may be earlier, or EVA__LOOP_NEVER if it could
     not be set.  NULL: wait has to be told.  */
  uint64_t (*arm) (eva_loop *loop, uint64_t due_ns);

  /* As eva_loop_get_fd.  NULL: there is none.  */
  int (*get_fd) (eva_loop *loop);

  /* As eva__loop_set_exclusive.  NULL: there is nothing of that kind.  */
  void (*set_exclusive) (eva_loop *loop, eva_source *source);

  /* As eva__loop_set_background.  NULL: the loop does not end by itself.  */
  void (*set_background) (eva_loop *loop, eva_source *source);

  /* In a child, where what the kernel has of LOOP is the parent's, too: gives it its own, with all
     that is watched.  Returns 0 or an errno value, and then nothing has changed.  NULL: there is
     nothing of that kind.  */
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
  bool nested;   /* somebody else waits, and has to be told of tasks */
  bool recurses; /* callbacks may wait, too */
  bool outside;  /* one of them did: time has passed, and others may change things */
  bool stopped;
  bool look;           /* timers may be due */
  int n_events;        /* in the last batch, of those who were there and had their turn with it */
  unsigned int depth;  /* turns under way; more than one where a foreign loop allows that */
  uint64_t turn_begin; /* timers set since have to wait for the next turn */
  uint64_t now_ns;     /* of this turn; 0: not asked yet */
  uint64_t passed_ns;  /* when the timers were looked at last */
  uint64_t armed_ns;   /* when the backend wakes us up */
  struct eva__timers timers;
  struct eva__task soon, pass, coming, leaving, later; /* heads of rings */
  bool coming_next;                                    /* of coming and leaving */
  eva_source *sources;                                 /* all of them */
  eva_source *dead;          /* freed while events may point to them; by next */
  struct eva__frame *frames; /* callbacks under way, the innermost first */
  struct eva__loop_attachment attachment;
  eva_loop *outer; /* a foreign loop that this one is nested in, by one descriptor; or NULL */
};

/* Initializes the common part of LOOP, which is zeroed.  */
void eva__loop_init (eva_loop *loop, const struct eva__loop_backend *backend);

/* Begins and ends a turn: around everything that runs callbacks.  */
void eva__loop_enter (eva_loop *loop);
void eva__loop_leave (eva_loop *loop);

/* As eva_loop_dispatch, also for a loop that is nested in a foreign one.  */
int eva__loop_dispatch (eva_loop *loop, int timeout_ms);

/* Runs the timers that are due and were set before this turn.  */
void eva__loop_run_timers (eva_loop *loop);

/* Tells the backend when something other than a descriptor wants to run, if it has to know.  */
void eva__loop_arm (eva_loop *loop);

/* The same for what changed just now: within a turn the end of that is early enough, or that the
   loop is about to be waited for.  */
static inline void
eva__loop_changed (eva_loop *loop) {
  if (!loop->depth || loop->outside) eva__loop_arm (loop);
}

/* LOOP is about to be waited for within a callback.  */
void eva__loop_rerun (eva_loop *loop);

/* task.c: making the queues, asking whether there is something in them, and running them: all soon
   tasks; those, some of who comes and leaves, and a later one.  */
void eva__loop_init_tasks (eva_loop *loop);
bool eva__loop_has_tasks (const eva_loop *loop);
void eva__loop_run_soon_tasks (eva_loop *loop);
void eva__loop_run_tasks (eva_loop *loop);

/* Calls SOURCE's callback for those of REVENTS that it is interested in.  SOURCE may be gone
   behind it.  */
static inline void
eva__source_call (eva_source *source, unsigned int revents) {
  revents &= source->mask;
  if (!revents) return;
  if (revents & EVA_HANGUP) revents |= EVA_HANGUP;
  source->cb.fd (source->arg, revents);
}

/* The same in a loop that callbacks may run: while its callback runs SOURCE is left alone, unless it
   is reentrant.  */
void eva__source_call_alone (eva_source *source, unsigned int revents);

/* In such a loop: the turn under way has an event of SOURCE, which stays in memory until it was
   called.  */
static inline void
eva__source_hold (eva_source *source) {
  unsigned int depth = source->loop->depth;

  if (source->holder && source->holder <= depth) return;
  source->holder = (uint8_t) (depth < UINT8_MAX ? depth : UINT8_MAX);
}

/* What LOOP does with an event.  */
static inline void
eva__source_dispatch (eva_loop *loop, eva_source *source, unsigned int revents) {
  if (loop->recurses)
    eva__source_call_alone (source, revents);
  else
    eva__source_call (source, revents);
}

/* For a backend's remove where events may point to SOURCE: keeps its memory until the turn is over
   that may have some.  Returns what remove has to.  */
bool eva__source_doom (eva_loop *loop, eva_source *source);

/* At the end of a turn: frees what eva__source_doom kept, but for what outer turns have.  */
void eva__loop_bury (eva_loop *loop);

/* The loop on epoll.  Returns it, or NULL with errno.  */
eva_loop *eva__loop_new_epoll (void);

#endif /* EVA__LOOP_BACKEND_H */
