/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* source.c - what a program watches in a loop: descriptors, and timers of its own.  */

#include "loop/source.h"

#include "io/duration.h"
#include "loop/time.h"

#include <errno.h>
#include <stdlib.h>

struct timer_source {
  struct eva_source source;
  struct eva__timer timer;
};

/* Takes one block of memory: a connection at rest has a source, and thousands of them are at
   rest.  */
static eva_source *
new_source (eva_loop *loop, size_t extra_size, int fd, void *arg) {
  eva_source *source = calloc (1, sizeof *source + extra_size);

  if (!source) return NULL;
  source->loop = loop;
  source->fd = fd;
  source->arg = arg;
  return source;
}

static void
link_source (eva_source *source) {
  eva_loop *loop = source->loop;

  source->next = loop->sources;
  if (source->next) source->next->prev = source;
  loop->sources = source;
}

static void
unlink_source (eva_source *source) {
  if (source->next) source->next->prev = source->prev;
  if (source->prev)
    source->prev->next = source->next;
  else
    source->loop->sources = source->next;
}

/* Reports hang-ups even if the caller did not ask for them, as poll does.  */
static void
set_events (eva_source *source, unsigned int events) {
  source->events = (uint8_t) events;
  source->mask = (uint8_t) (events | EVA_HANGUP);
}

eva_source *
eva_loop_add_fd (eva_loop *loop, int fd, unsigned int events,
                 void (*cb) (void *arg, unsigned int revents), void *arg) {
  eva_source *source;
  int rc;

  if (fd < 0) {
    errno = EBADF;
    return NULL;
  }
  source = new_source (loop, loop->watch_size, fd, arg);
  if (!source) return NULL;
  source->cb.fd = cb;
  set_events (source, events & (EVA_READABLE | EVA_WRITABLE));
  rc = eva__loop_take_over (loop);
  if (!rc) rc = loop->backend->add (loop, source);
  if (rc) {
    free (source);
    errno = rc;
    return NULL;
  }
  link_source (source);
  return source;
}

int
eva_source_set_events (eva_source *source, unsigned int events) {
  int rc;

  /* Where nothing changes there is no system call: connections ask after each turn.  */
  events &= EVA_READABLE | EVA_WRITABLE;
  if (events == source->events && !source->lost) return 0;
  rc = eva__loop_take_over (source->loop);
  if (!rc) rc = source->loop->backend->change (source->loop, source, events);
  if (rc) {
    errno = rc;
    return -1;
  }
  set_events (source, events);
  return 0;
}

void
eva__loop_set_exclusive (eva_source *source) {
  eva_loop *loop = source->loop;

  if (loop->backend->set_exclusive) loop->backend->set_exclusive (loop, source);
}

void
eva__loop_set_background (eva_source *source) {
  eva_loop *loop = source->loop;

  if (loop->backend->set_background) loop->backend->set_background (loop, source);
}

void
eva__loop_set_reentrant (eva_source *source) {
  source->reentrant = true;
}

/* Mutes SOURCE: its callback would run again and again for what it has not handled yet.  */
static void
mute (eva_source *source) {
  if (!source->muted) source->loop->backend->mute (source->loop, source);
  source->muted = true;
}

static void
unmute (eva_source *source) {
  source->muted = false;
  if (source->loop->backend->unmute (source->loop, source)) source->lost = true;
}

/* Until here the turn, or an outer one, holds SOURCE; a source that is freed meanwhile stays until
   the end of that turn.  */
void
eva__source_call_alone (eva_source *source, unsigned int revents) {
  bool is_outermost = !source->busy;

  if (!source->mask) return;
  if (!is_outermost && !source->reentrant) {
    mute (source);
    return;
  }
  eva__source_hold (source);
  source->busy = true;
  eva__source_call (source, revents);
  if (is_outermost) source->busy = false;
  if (!source->mask) return;
  if (is_outermost && source->muted) unmute (source);
  if (source->holder == source->loop->depth) source->holder = 0;
}

/* --- Timers ----------------------------------------------------------------------------------- */

/* Touches nothing after the call, which may free the source.  */
static void
run_timer (struct eva__timer *timer) {
  eva_source *source = &EVA__CONTAINER (struct timer_source, timer, timer)->source;

  source->cb.timer (source->arg);
}

eva_source *
eva_loop_add_timer (eva_loop *loop, unsigned int delay_ms, void (*cb) (void *arg), void *arg) {
  const size_t extra_size = sizeof (struct timer_source) - sizeof (struct eva_source);
  eva_source *source;

  if (eva__loop_reserve_timers (loop, 1)) return NULL;
  source = new_source (loop, extra_size, -1, arg);
  if (!source) {
    (void) eva__loop_reserve_timers (loop, -1);
    return NULL;
  }
  source->cb.timer = cb;
  ((struct timer_source *) source)->timer.cb = run_timer;
  link_source (source);
  eva_source_set_delay (source, delay_ms);
  return source;
}

/* From now, not from the time of the turn: a callback may have worked for long before this.  */
void
eva_source_set_delay (eva_source *source, unsigned int delay_ms) {
  uint64_t due_ns = eva_now () + eva__io_ns_of_ms (delay_ms);

  (void) eva__loop_take_over (source->loop); /* if that fails, the next turn tries it again */
  eva__loop_set_timer (source->loop, &((struct timer_source *) source)->timer, due_ns);
}

static void
free_timer (eva_source *source) {
  eva__loop_cancel_timer (source->loop, &((struct timer_source *) source)->timer);
  (void) eva__loop_reserve_timers (source->loop, -1);
  free (source);
}

/* --- Freeing ---------------------------------------------------------------------------------- */

/* The batch of events that a turn goes through may still have SOURCE, or its callback runs.  Where
   turns are nested the source knows which turn that is; else there is only one.  */
bool
eva__source_doom (eva_loop *loop, eva_source *source) {
  if (!loop->depth || (loop->recurses && !source->holder)) return true;
  source->next = loop->dead;
  loop->dead = source;
  return false;
}

void
eva__loop_bury (eva_loop *loop) {
  eva_source **link = &loop->dead, *source;

  if (loop->depth > UINT8_MAX) return; /* holders that deep are not told apart */
  while ((source = *link)) {
    if (loop->recurses && source->holder < loop->depth) {
      link = &source->next;
      continue;
    }
    *link = source->next;
    free (source);
  }
}

void
eva_source_free (eva_source *source) {
  if (!source) return;
  unlink_source (source);
  source->mask = 0;
  if (source->fd < 0)
    free_timer (source);
  else if (source->loop->backend->remove (source->loop, source))
    free (source);
}
