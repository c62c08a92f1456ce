/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loop.c - a tiny event loop on epoll, level-triggered.

   Level-triggered means that epoll repeats what is true for as long as it is true and a watch asks
   for it.  So a callback may do a little and return, without losing the rest; that is what makes
   one thread fair to all.  The price: a watch that asks for an event and does not act on it makes
   the loop spin.  So every watch asks for just what its owner can act on right now.  */

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "loop.h"

#define NS_PER_MS 1000000u

static uint64_t
now_ns (void) {
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now); /* cannot fail, and does not jump when the date is set */
  return (uint64_t) now.tv_sec * 1000 * NS_PER_MS + (uint64_t) now.tv_nsec;
}

/* --- Timers ----------------------------------------------------------------------------------- */

void
timer_start (struct timer *timer, unsigned int delay_ms) {
  struct timer *head = &timer->loop->timers, *before;

  timer_stop (timer);
  /* Without the 1, timers without delay that start each other would keep run_timers busy
     forever.  */
  timer->deadline_ns = now_ns () + (uint64_t) delay_ms * NS_PER_MS + 1;
  /* From the end of the ring, as most timers here are started with the same delay.  */
  for (before = head->prev; before != head; before = before->prev)
    if (before->deadline_ns <= timer->deadline_ns) break;
  timer->prev = before;
  timer->next = before->next;
  timer->next->prev = timer;
  before->next = timer;
}

void
timer_stop (struct timer *timer) {
  if (!timer->next) return;
  timer->prev->next = timer->next;
  timer->next->prev = timer->prev;
  timer->next = timer->prev = NULL;
}

static void
run_timers (struct loop *loop) {
  uint64_t now = now_ns ();

  /* The head's deadline is never, so it ends the search.  */
  while (loop->timers.next->deadline_ns <= now) {
    struct timer *timer = loop->timers.next;

    timer_stop (timer);
    timer->due (timer);
  }
}

/* How long epoll_wait may sleep, -1 forever.  Rounded up: to wake too early is to spin.  */
static int
sleep_ms (const struct loop *loop) {
  const struct timer *first = loop->timers.next;
  uint64_t now = now_ns (), delay_ms;

  if (first == &loop->timers) return -1;
  if (first->deadline_ns <= now) return 0;
  delay_ms = (first->deadline_ns - now + NS_PER_MS - 1) / NS_PER_MS;
  return delay_ms < INT_MAX ? (int) delay_ms : INT_MAX;
}

/* --- Descriptors ------------------------------------------------------------------------------ */

static void
take_turn (struct timer *timer) {
  struct watch *watch = timer->owner;

  timer_start (timer, 0); /* before the call, which may stop it */
  watch->ready (watch, watch->events & (EPOLLIN | EPOLLOUT));
}

/* Lets a descriptor that epoll refuses take its turns, while there is something to do with it.  */
static void
set_always_ready (struct watch *watch, uint32_t events) {
  timer_stop (&watch->turn);
  watch->turn = (struct timer) { .loop = watch->loop, .due = take_turn, .owner = watch };
  watch->always_ready = true;
  watch->events = events;
  if (events & (EPOLLIN | EPOLLOUT)) timer_start (&watch->turn, 0);
}

/* Drops what this turn still has for WATCH, whose owner may be gone in a moment.  */
static void
forget_events (struct loop *loop, const struct watch *watch) {
  for (int i = 0; i < loop->n_events; i++)
    if (loop->events[i].data.ptr == watch) loop->events[i].data.ptr = NULL;
}

int
watch_set (struct watch *watch, uint32_t events) {
  struct epoll_event wanted = { .events = events, .data.ptr = watch };
  int op = !events ? EPOLL_CTL_DEL : watch->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

  if (events == watch->events) return 0;
  if (watch->always_ready) {
    set_always_ready (watch, events);
    return 0;
  }
  if (epoll_ctl (watch->loop->fd, op, watch->fd, &wanted)) {
    /* To change what is watched needs no memory.  If it fails, the descriptor was closed too early,
       and its number may be another client's by now: a bug, with which we had better not go on.  */
    if (op != EPOLL_CTL_ADD) abort ();
    if (errno != EPERM) return -1;
    set_always_ready (watch, events);
    return 0;
  }
  watch->events = events;
  if (!events) forget_events (watch->loop, watch);
  return 0;
}

static void
run_watches (struct loop *loop) {
  for (int i = 0; i < loop->n_events; i++) {
    struct watch *watch = loop->events[i].data.ptr;
    uint32_t events = loop->events[i].events;

    if (!watch) continue;
    /* A callback before this one may have changed what is waited for.  */
    events &= watch->events | EPOLLHUP | EPOLLERR;
    if (events) watch->ready (watch, events);
  }
  loop->n_events = 0;
}

/* --- The loop --------------------------------------------------------------------------------- */

int
loop_init (struct loop *loop) {
  *loop = (struct loop) { .timers.deadline_ns = UINT64_MAX };
  loop->timers.next = loop->timers.prev = &loop->timers;
  loop->fd = epoll_create1 (EPOLL_CLOEXEC);
  return loop->fd < 0 ? -1 : 0;
}

void
loop_deinit (struct loop *loop) {
  if (loop->fd >= 0) close (loop->fd);
  loop->fd = -1;
}

int
loop_run (struct loop *loop) {
  while (!loop->stopped) {
    int n = epoll_wait (loop->fd, loop->events, LOOP_MAX_EVENTS, sleep_ms (loop));

    if (n < 0 && errno != EINTR) return -1;
    loop->n_events = n < 0 ? 0 : n;
    run_watches (loop);
    run_timers (loop);
  }
  return 0;
}

void
loop_stop (struct loop *loop) {
  loop->stopped = true;
}
