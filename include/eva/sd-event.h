/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* eva/sd-event.h - an eva_loop on a loop of systemd.  Link with libsystemd (pkg-config libsystemd).

   The eva_loop keeps a reference to its sd_event, so the two may be freed in any order.  sd-event
   reports a peer that leaves even while the eva_loop watches for nothing.

   Of the sources that are ready, sd-event calls one of the highest priority, and among those the
   one that has waited longest.  So a source with the priority of the eva_loop takes turns with
   clients that send without end, and a source with a lower one has to wait for them.

   sd-event does nothing in a child of fork: a child that goes on makes both anew.  */

#ifndef EVA_SD_EVENT_H
#define EVA_SD_EVENT_H

#include <eva-loop.h>
#include <sys/epoll.h>
#include <systemd/sd-event.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where an eva_loop is to live.  */
struct eva_sd_event_place {
  sd_event *event;
  int64_t priority;
};

struct eva_sd_event {
  sd_event *event;
  int64_t priority;
  sd_event_source *timer;
  sd_event_source *defer; /* the next turn, if it is wanted: cheaper than a timer */
  eva_loop *loop;
};

struct eva_sd_event_watch {
  sd_event_source *source;
};

static inline int
eva_sd_event_timer_cb (sd_event_source *source, uint64_t usec, void *self) {
  (void) source;
  (void) usec;
  eva_loop_timeout (((struct eva_sd_event *) self)->loop);
  return 0;
}

static inline int
eva_sd_event_defer_cb (sd_event_source *source, void *self) {
  (void) source;
  eva_loop_timeout (((struct eva_sd_event *) self)->loop);
  return 0;
}

static inline void
eva_sd_event_drop (sd_event_source *source) {
  if (source) sd_event_source_set_enabled (source, SD_EVENT_OFF);
  sd_event_source_unref (source);
}

static inline bool
eva_sd_event_deinit (void *data) {
  struct eva_sd_event *self = (struct eva_sd_event *) data;

  eva_sd_event_drop (self->timer);
  eva_sd_event_drop (self->defer);
  sd_event_unref (self->event);
  return true;
}

static inline int
eva_sd_event_init (void *data, void *foreign, eva_loop *loop) {
  struct eva_sd_event *self = (struct eva_sd_event *) data;
  struct eva_sd_event_place *place = (struct eva_sd_event_place *) foreign;
  int rc;

  self->event = sd_event_ref (place->event);
  self->priority = place->priority;
  self->loop = loop;
  rc = sd_event_add_time (self->event, &self->timer, CLOCK_MONOTONIC, 0, 1, eva_sd_event_timer_cb,
                          self);
  if (rc >= 0) rc = sd_event_source_set_enabled (self->timer, SD_EVENT_OFF);
  if (rc >= 0) rc = sd_event_source_set_priority (self->timer, self->priority);
  if (rc >= 0) return 0;
  eva_sd_event_deinit (self);
  return -rc;
}

static inline int
eva_sd_event_io_cb (sd_event_source *source, int fd, uint32_t revents, void *watch) {
  (void) source;
  (void) fd;
  eva_loop_ready (watch, (revents & EPOLLIN ? EVA_READABLE : 0)
                             | (revents & EPOLLOUT ? EVA_WRITABLE : 0)
                             | (revents & (EPOLLHUP | EPOLLERR) ? EVA_HANGUP : 0));
  return 0;
}

static inline uint32_t
eva_sd_event_events (unsigned int events) {
  return (events & EVA_READABLE ? (uint32_t) EPOLLIN : 0)
         | (events & EVA_WRITABLE ? (uint32_t) EPOLLOUT : 0);
}

static inline int
eva_sd_event_add (void *data, void *watch, int fd, unsigned int events) {
  struct eva_sd_event *self = (struct eva_sd_event *) data;
  sd_event_source **source = &((struct eva_sd_event_watch *) watch)->source;
  int rc = sd_event_add_io (self->event, source, fd, eva_sd_event_events (events),
                            eva_sd_event_io_cb, watch);

  if (rc < 0) return -rc;
  rc = sd_event_source_set_priority (*source, self->priority);
  if (rc >= 0) return 0;
  eva_sd_event_drop (*source);
  return -rc;
}

static inline int
eva_sd_event_change (void *self, void *watch, int fd, unsigned int events) {
  int rc = sd_event_source_set_io_events (((struct eva_sd_event_watch *) watch)->source,
                                          eva_sd_event_events (events));

  (void) self;
  (void) fd;
  return rc < 0 ? -rc : 0;
}

static inline bool
eva_sd_event_remove (void *self, void *watch, int fd) {
  (void) self;
  (void) fd;
  eva_sd_event_drop (((struct eva_sd_event_watch *) watch)->source);
  return true;
}

static inline void
eva_sd_event_cancel_timer (void *data) {
  struct eva_sd_event *self = (struct eva_sd_event *) data;

  sd_event_source_set_enabled (self->timer, SD_EVENT_OFF);
  eva_sd_event_drop (self->defer);
  self->defer = NULL;
}

/* Makes a source that is called in the next turn.  One without its priority is still better than
   none.  */
static inline int
eva_sd_event_add_defer (struct eva_sd_event *self) {
  int rc = sd_event_add_defer (self->event, &self->defer, eva_sd_event_defer_cb, self);

  if (rc >= 0) sd_event_source_set_priority (self->defer, self->priority);
  return rc;
}

/* sd-event calls first what has waited longest, and a deferred source has waited since it was made.
   A source that is kept would always be the first.  */
static inline void
eva_sd_event_set_timer (void *data, uint64_t delay_ns) {
  struct eva_sd_event *self = (struct eva_sd_event *) data;

  eva_sd_event_cancel_timer (self);
  if (!delay_ns && eva_sd_event_add_defer (self) >= 0) return;
  sd_event_source_set_time (self->timer, (eva_now () + delay_ns) / 1000 + 1);
  sd_event_source_set_enabled (self->timer, SD_EVENT_ONESHOT);
}

/* Makes an eva_loop that lives in EVENT, with sources of PRIORITY.  The caller frees it with
   eva_loop_free.  Returns as eva_loop_new_foreign.  */
static inline eva_loop *
eva_loop_from_sd_event_with_priority (sd_event *event, int64_t priority) {
  static const struct eva_loop_ops ops = { EVA_LOOP_OPS_VERSION,
                                           sizeof (struct eva_sd_event),
                                           sizeof (struct eva_sd_event_watch),
                                           eva_sd_event_init,
                                           eva_sd_event_deinit,
                                           eva_sd_event_add,
                                           eva_sd_event_change,
                                           eva_sd_event_remove,
                                           eva_sd_event_set_timer,
                                           eva_sd_event_cancel_timer,
                                           true,
                                           false,
                                           true,
                                           NULL };

  struct eva_sd_event_place place = { event, priority };

  return eva_loop_new_foreign (&ops, &place);
}

/* The same with SD_EVENT_PRIORITY_NORMAL.  */
static inline eva_loop *
eva_loop_from_sd_event (sd_event *event) {
  return eva_loop_from_sd_event_with_priority (event, SD_EVENT_PRIORITY_NORMAL);
}

#ifdef __cplusplus
}
#endif

#endif /* EVA_SD_EVENT_H */
