/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loop.h - a tiny event loop: descriptors and timers in one thread.

   It stands for whatever loop your program has already, and knows nothing of Assuan.  Watches and
   timers are embedded in the objects that they serve, so that there is nothing to allocate; `owner`
   leads back to the object.  A callback may start and stop any watch and any timer, and may free
   its own object or another.  */

#ifndef EXAMPLES_BY_HAND_LOOP_H
#define EXAMPLES_BY_HAND_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#define LOOP_MAX_EVENTS 64 /* taken from the kernel at once */

/* A function to be called once, some time from now.  Set `loop`, `due`, `owner`, the rest to 0.  */
struct timer {
  struct loop *loop;
  void (*due) (struct timer *timer);
  void *owner;
  uint64_t deadline_ns;
  struct timer *next, *prev; /* NULL while not running */
};

/* A descriptor and what to wait for.  Set `loop`, `fd`, `ready` and `owner`, the rest to 0. */
struct watch {
  struct loop *loop;
  int fd;
  void (*ready) (struct watch *watch, uint32_t events);
  void *owner;
  uint32_t events;   /* what is waited for; 0: not watched */
  bool always_ready; /* epoll refuses it, see watch_set */
  struct timer turn; /* for one that is always ready */
};

struct loop {
  int fd; /* of epoll */
  bool stopped;
  struct timer timers;                        /* head of a ring, the soonest first */
  struct epoll_event events[LOOP_MAX_EVENTS]; /* those of this turn */
  int n_events;
};

/* Makes LOOP ready for use.  Returns 0, or -1 with errno.  */
int loop_init (struct loop *loop);

/* Closes what loop_init opened.  Watches and timers have been stopped by then.  */
void loop_deinit (struct loop *loop);

/* Calls what is ready and what is due, until loop_stop.  Returns 0, or -1 with errno.  */
int loop_run (struct loop *loop);

/* Makes loop_run return after this turn.  */
void loop_stop (struct loop *loop);

/* Calls watch->ready whenever one of EVENTS happens; EVENTS 0 ends that, and must come before
   the descriptor is closed.  EPOLLHUP and EPOLLERR are reported anyway; to wait for them alone,
   name one of them.  What epoll refuses, like a regular file, never blocks, and counts as ready in
   every turn of the loop.
   Returns 0, or -1 with errno; that can only happen if WATCH was not watched before.  */
int watch_set (struct watch *watch, uint32_t events);

/* Calls timer->due once, DELAY_MS from now; with 0, in the next turn of the loop.  If TIMER is
   running, it is set anew.  */
void timer_start (struct timer *timer, unsigned int delay_ms);

/* Stops TIMER if it is running.  */
void timer_stop (struct timer *timer);

#endif /* EXAMPLES_BY_HAND_LOOP_H */
