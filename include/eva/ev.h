/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* eva/ev.h - an eva_loop on a loop of libev, of version 4.  Link with -lev.

   A child of fork that goes on with the loop calls ev_loop_fork first.

   eva_loop_free comes before ev_loop_destroy.  Servers and clients keep ev_run going while there
   are any; a child that only has to be reaped does not.  Callbacks may call ev_run again, as modal
   dialogs do.  libev does not report a peer that leaves while the eva_loop watches for nothing.  */

#ifndef EVA_EV_H
#define EVA_EV_H

#include <ev.h>
#include <eva-loop.h>

#ifdef __cplusplus
extern "C" {
#endif

struct eva_ev {
  struct ev_loop *ev;
  struct ev_timer timer;
  struct ev_prepare prepare;
  eva_loop *loop;
};

struct eva_ev_watch {
  struct ev_io io;
  bool is_unref;
};

static inline void
eva_ev_timer_cb (struct ev_loop *ev, struct ev_timer *timer, int revents) {
  (void) ev;
  (void) revents;
  eva_loop_timeout (((struct eva_ev *) timer->data)->loop);
}

static inline void
eva_ev_prepare_cb (struct ev_loop *ev, struct ev_prepare *prepare, int revents) {
  (void) ev;
  (void) revents;
  eva_loop_prepare (((struct eva_ev *) prepare->data)->loop);
}

/* The watcher that hears of each turn does not keep ev_run going.  */
static inline int
eva_ev_init (void *data, void *foreign, eva_loop *loop) {
  struct eva_ev *self = (struct eva_ev *) data;

  self->ev = (struct ev_loop *) foreign;
  self->loop = loop;
  ev_init (&self->timer, eva_ev_timer_cb);
  self->timer.data = self;
  ev_prepare_init (&self->prepare, eva_ev_prepare_cb);
  self->prepare.data = self;
  ev_prepare_start (self->ev, &self->prepare);
  ev_unref (self->ev);
  return 0;
}

static inline bool
eva_ev_deinit (void *data) {
  struct eva_ev *self = (struct eva_ev *) data;

  ev_timer_stop (self->ev, &self->timer);
  ev_ref (self->ev);
  ev_prepare_stop (self->ev, &self->prepare);
  return true;
}

/* libev reports a descriptor in error as ready for everything.  It reports a closed one with
   EV_ERROR, and watches it no more.  */
static inline void
eva_ev_io_cb (struct ev_loop *ev, struct ev_io *io, int revents) {
  (void) ev;
  eva_loop_ready (io->data, (revents & EV_READ ? EVA_READABLE : 0)
                                | (revents & EV_WRITE ? EVA_WRITABLE : 0)
                                | (revents & EV_ERROR ? EVA_HANGUP : 0));
}

/* An active watcher keeps ev_run going, unless ev_unref took its reference back.  Then this
   function gives the reference back before libev takes it.  */
static inline void
eva_ev_stop (struct ev_loop *ev, struct eva_ev_watch *watch) {
  if (watch->is_unref && ev_is_active (&watch->io)) ev_ref (ev);
  ev_io_stop (ev, &watch->io);
}

static inline void
eva_ev_start (struct ev_loop *ev, struct eva_ev_watch *watch) {
  ev_io_start (ev, &watch->io);
  if (watch->is_unref) ev_unref (ev);
}

/* A watcher that watches for nothing is not started.  */
static inline int
eva_ev_change (void *self, void *data, int fd, unsigned int events) {
  struct eva_ev_watch *watch = (struct eva_ev_watch *) data;
  struct ev_loop *ev = ((struct eva_ev *) self)->ev;

  eva_ev_stop (ev, watch);
  ev_io_set (&watch->io, fd,
             (events & EVA_READABLE ? EV_READ : 0) | (events & EVA_WRITABLE ? EV_WRITE : 0));
  if (events) eva_ev_start (ev, watch);
  return 0;
}

static inline int
eva_ev_add (void *self, void *data, int fd, unsigned int events) {
  struct eva_ev_watch *watch = (struct eva_ev_watch *) data;

  ev_init (&watch->io, eva_ev_io_cb);
  watch->io.data = watch;
  return eva_ev_change (self, watch, fd, events);
}

static inline bool
eva_ev_remove (void *self, void *watch, int fd) {
  (void) fd;
  eva_ev_stop (((struct eva_ev *) self)->ev, (struct eva_ev_watch *) watch);
  return true;
}

static inline void
eva_ev_unref (void *self, void *data) {
  struct eva_ev_watch *watch = (struct eva_ev_watch *) data;

  if (!watch->is_unref && ev_is_active (&watch->io)) ev_unref (((struct eva_ev *) self)->ev);
  watch->is_unref = true;
}

/* The loop's own time is older than now, and a timer of libev counts from there.  */
static inline void
eva_ev_set_timer (void *data, uint64_t delay_ns) {
  struct eva_ev *self = (struct eva_ev *) data;

  ev_timer_stop (self->ev, &self->timer);
  if (delay_ns) ev_now_update (self->ev);
  ev_timer_set (&self->timer, (double) delay_ns * 1e-9, 0.);
  ev_timer_start (self->ev, &self->timer);
}

static inline void
eva_ev_cancel_timer (void *self) {
  ev_timer_stop (((struct eva_ev *) self)->ev, &((struct eva_ev *) self)->timer);
}

/* Makes an eva_loop that lives in LOOP.  The caller frees it with eva_loop_free.  Returns as
   eva_loop_new_foreign.  */
static inline eva_loop *
eva_loop_from_ev (struct ev_loop *loop) {
  static const struct eva_loop_ops ops = { EVA_LOOP_OPS_VERSION,
                                           sizeof (struct eva_ev),
                                           sizeof (struct eva_ev_watch),
                                           eva_ev_init,
                                           eva_ev_deinit,
                                           eva_ev_add,
                                           eva_ev_change,
                                           eva_ev_remove,
                                           eva_ev_set_timer,
                                           eva_ev_cancel_timer,
                                           false,
                                           true,
                                           false,
                                           eva_ev_unref };

  return eva_loop_new_foreign (&ops, loop);
}

#ifdef __cplusplus
}
#endif

#endif /* EVA_EV_H */
