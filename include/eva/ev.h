/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* eva/ev.h - an eva_loop out of libev's, of version 4.  Link with -lev.

   eva_loop_free comes before ev_loop_destroy.  libev does not tell of a peer that leaves while
   nothing is watched for.  */

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
  eva_loop *loop;
};

static inline void
eva_ev_timer_cb (struct ev_loop *ev, struct ev_timer *timer, int revents) {
  (void) ev;
  (void) revents;
  eva_loop_timeout (((struct eva_ev *) timer->data)->loop);
}

static inline int
eva_ev_init (void *data, void *foreign, eva_loop *loop) {
  struct eva_ev *self = (struct eva_ev *) data;

  self->ev = (struct ev_loop *) foreign;
  self->loop = loop;
  ev_init (&self->timer, eva_ev_timer_cb);
  self->timer.data = self;
  return 0;
}

static inline bool
eva_ev_deinit (void *self) {
  ev_timer_stop (((struct eva_ev *) self)->ev, &((struct eva_ev *) self)->timer);
  return true;
}

/* Descriptors in error come as ready for everything.  A closed one comes with EV_ERROR, and libev
   watches it no more.  */
static inline void
eva_ev_io_cb (struct ev_loop *ev, struct ev_io *io, int revents) {
  (void) ev;
  eva_loop_ready (io, (revents & EV_READ ? EVA_READABLE : 0)
                          | (revents & EV_WRITE ? EVA_WRITABLE : 0)
                          | (revents & EV_ERROR ? EVA_HANGUP : 0));
}

/* What watches for nothing is not started.  */
static inline int
eva_ev_change (void *self, void *watch, int fd, unsigned int events) {
  struct ev_io *io = (struct ev_io *) watch;

  ev_io_stop (((struct eva_ev *) self)->ev, io);
  ev_io_set (io, fd,
             (events & EVA_READABLE ? EV_READ : 0) | (events & EVA_WRITABLE ? EV_WRITE : 0));
  if (events) ev_io_start (((struct eva_ev *) self)->ev, io);
  return 0;
}

static inline int
eva_ev_add (void *self, void *watch, int fd, unsigned int events) {
  ev_init ((struct ev_io *) watch, eva_ev_io_cb);
  return eva_ev_change (self, watch, fd, events);
}

static inline bool
eva_ev_remove (void *self, void *watch, int fd) {
  (void) fd;
  ev_io_stop (((struct eva_ev *) self)->ev, (struct ev_io *) watch);
  return true;
}

/* The loop's own idea of now is older than now, and what it is set to counts from there.  */
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

/* Makes an eva_loop that lives in LOOP.  Returns as eva_loop_new_foreign.  */
static inline eva_loop *
eva_loop_from_ev (struct ev_loop *loop) {
  static const struct eva_loop_ops ops = { EVA_LOOP_OPS_VERSION,
                                           sizeof (struct eva_ev),
                                           sizeof (struct ev_io),
                                           eva_ev_init,
                                           eva_ev_deinit,
                                           eva_ev_add,
                                           eva_ev_change,
                                           eva_ev_remove,
                                           eva_ev_set_timer,
                                           eva_ev_cancel_timer,
                                           false,
                                           true,
                                           false };

  return eva_loop_new_foreign (&ops, loop);
}

#ifdef __cplusplus
}
#endif

#endif /* EVA_EV_H */
