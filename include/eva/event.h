/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* eva/event.h - an eva_loop on an event base of libevent, of version 2.  Link with libevent_core
   (pkg-config libevent_core).

   A child of fork that goes on with the base calls event_reinit first, and then eva_loop_prepare,
   because libevent does not tell that it runs.  A child that needs the base, but not what lives in
   it, frees that before these calls.

   eva_loop_free comes before event_base_free.  Servers and clients keep event_base_dispatch going
   while there are any; a child that only has to be reaped does not.  libevent does not report a
   peer that leaves while the eva_loop watches for nothing: EV_CLOSED also means a peer that has
   only finished sending.  */

#ifndef EVA_LIBEVENT_H
#define EVA_LIBEVENT_H

#include <errno.h>
#include <eva-loop.h>
#include <event2/event.h>
#include <event2/event_struct.h>

#ifdef __cplusplus
extern "C" {
#endif

struct eva_libevent {
  struct event_base *base;
  struct event timer;
  eva_loop *loop;
};

struct eva_libevent_watch {
  struct event event;
  bool is_unref;
};

static inline void
eva_libevent_timer_cb (evutil_socket_t fd, short what, void *arg) {
  (void) fd;
  (void) what;
  eva_loop_timeout (((struct eva_libevent *) arg)->loop);
}

static inline int
eva_libevent_init (void *self, void *foreign, eva_loop *loop) {
  struct eva_libevent *event = (struct eva_libevent *) self;

  event->base = (struct event_base *) foreign;
  event->loop = loop;
  return event_assign (&event->timer, event->base, -1, 0, eva_libevent_timer_cb, event) ? EINVAL
                                                                                        : 0;
}

static inline bool
eva_libevent_deinit (void *self) {
  event_del (&((struct eva_libevent *) self)->timer);
  return true;
}

/* libevent reports a descriptor in error as ready for everything.  */
static inline void
eva_libevent_io_cb (evutil_socket_t fd, short what, void *watch) {
  (void) fd;
  eva_loop_ready (watch,
                  (what & EV_READ ? EVA_READABLE : 0) | (what & EV_WRITE ? EVA_WRITABLE : 0));
}

/* libevent has no function for an event that does not count.  It has such events of its own, and
   this is how it knows them.  */
static inline void
eva_libevent_mark (struct eva_libevent_watch *watch) {
#if LIBEVENT_VERSION_NUMBER < 0x02010000
  if (watch->is_unref) watch->event.ev_flags |= EVLIST_INTERNAL;
#else
  if (watch->is_unref) watch->event.ev_evcallback.evcb_flags |= EVLIST_INTERNAL;
#endif
}

static inline int
eva_libevent_start (void *self, struct eva_libevent_watch *watch, int fd, short what) {
  errno = EINVAL;
  if (event_assign (&watch->event, ((struct eva_libevent *) self)->base, fd,
                    (short) (what | EV_PERSIST), eva_libevent_io_cb, watch))
    return EINVAL;
  eva_libevent_mark (watch);
  return (what & (EV_READ | EV_WRITE)) && event_add (&watch->event, NULL) ? errno : 0;
}

static inline int
eva_libevent_add (void *self, void *watch, int fd, unsigned int events) {
  return eva_libevent_start (
      self, (struct eva_libevent_watch *) watch, fd,
      (short) ((events & EVA_READABLE ? EV_READ : 0) | (events & EVA_WRITABLE ? EV_WRITE : 0)));
}

static inline int
eva_libevent_change (void *self, void *data, int fd, unsigned int events) {
  struct eva_libevent_watch *watch = (struct eva_libevent_watch *) data;
  short old = event_get_events (&watch->event);
  int rc;

  event_del (&watch->event);
  rc = eva_libevent_add (self, watch, fd, events);
  if (rc) eva_libevent_start (self, watch, fd, old);
  return rc;
}

static inline bool
eva_libevent_remove (void *self, void *watch, int fd) {
  (void) self;
  (void) fd;
  event_del (&((struct eva_libevent_watch *) watch)->event);
  return true;
}

static inline void
eva_libevent_unref (void *self, void *data) {
  struct eva_libevent_watch *watch = (struct eva_libevent_watch *) data;

  watch->is_unref = true;
  eva_libevent_change (self, watch, event_get_fd (&watch->event),
                       (event_get_events (&watch->event) & EV_READ ? EVA_READABLE : 0)
                           | (event_get_events (&watch->event) & EV_WRITE ? EVA_WRITABLE : 0));
}

static inline void
eva_libevent_set_timer (void *self, uint64_t delay_ns) {
  uint64_t us = delay_ns / 1000 + (delay_ns % 1000 != 0);
  struct timeval delay;

  delay.tv_sec = (time_t) (us / 1000000);
  delay.tv_usec = (suseconds_t) (us % 1000000);
  event_add (&((struct eva_libevent *) self)->timer, &delay);
}

static inline void
eva_libevent_cancel_timer (void *self) {
  event_del (&((struct eva_libevent *) self)->timer);
}

/* Makes an eva_loop that lives in BASE.  The caller frees it with eva_loop_free.  Returns as
   eva_loop_new_foreign.  */
static inline eva_loop *
eva_loop_from_event (struct event_base *base) {
  static const struct eva_loop_ops ops = { EVA_LOOP_OPS_VERSION,
                                           sizeof (struct eva_libevent),
                                           sizeof (struct eva_libevent_watch),
                                           eva_libevent_init,
                                           eva_libevent_deinit,
                                           eva_libevent_add,
                                           eva_libevent_change,
                                           eva_libevent_remove,
                                           eva_libevent_set_timer,
                                           eva_libevent_cancel_timer,
                                           false,
                                           false,
                                           false,
                                           eva_libevent_unref };

  return eva_loop_new_foreign (&ops, base);
}

#ifdef __cplusplus
}
#endif

#endif /* EVA_LIBEVENT_H */
