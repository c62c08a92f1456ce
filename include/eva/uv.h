/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* eva/uv.h - an eva_loop on a loop of libuv.  Link with libuv (pkg-config libuv).

   eva_loop_free only begins to close what the eva_loop has in the loop, as everything in libuv
   does.  Let the loop run once more before uv_loop_close, so that the rest goes away.

   A child of fork that goes on with the loop calls uv_loop_fork first.  It needs that to run the
   loop; eva_loop_free does not need it.

   Servers and clients keep uv_run going while there are any; a child that only has to be reaped
   does not.  libuv sets the descriptors that it watches to O_NONBLOCK.  It does not report a peer
   that leaves while the eva_loop watches for nothing: UV_DISCONNECT also means a peer that has only
   finished sending.  */

#ifndef EVA_UV_H
#define EVA_UV_H

#include <eva-loop.h>
#include <uv.h>

#ifdef __cplusplus
extern "C" {
#endif

struct eva_uv {
  uv_timer_t timer;
  uv_idle_t idle; /* the next turn: a timer of 0 that sets itself again would never let go */
  uv_prepare_t prepare;
  eva_loop *loop;
  int n_open; /* handles */
};

struct eva_uv_watch {
  uv_poll_t poll;
  int events;
};

static inline void
eva_uv_timer_cb (uv_timer_t *timer) {
  eva_loop_timeout (((struct eva_uv *) timer->data)->loop);
}

static inline void
eva_uv_idle_cb (uv_idle_t *idle) {
  uv_idle_stop (idle);
  eva_loop_timeout (((struct eva_uv *) idle->data)->loop);
}

static inline void
eva_uv_prepare_cb (uv_prepare_t *prepare) {
  eva_loop_prepare (((struct eva_uv *) prepare->data)->loop);
}

static inline int
eva_uv_init (void *self, void *foreign, eva_loop *loop) {
  struct eva_uv *uv = (struct eva_uv *) self;

  uv->loop = loop;
  uv_timer_init ((uv_loop_t *) foreign, &uv->timer);
  uv_idle_init ((uv_loop_t *) foreign, &uv->idle);
  uv_prepare_init ((uv_loop_t *) foreign, &uv->prepare);
  uv->timer.data = uv->idle.data = uv->prepare.data = uv;
  uv->n_open = 3;
  uv_prepare_start (&uv->prepare, eva_uv_prepare_cb);
  uv_unref ((uv_handle_t *) &uv->prepare);
  return 0;
}

static inline void
eva_uv_closed_cb (uv_handle_t *handle) {
  struct eva_uv *uv = (struct eva_uv *) handle->data;

  if (--uv->n_open == 0) eva_loop_finished (uv);
}

static inline bool
eva_uv_deinit (void *self) {
  struct eva_uv *uv = (struct eva_uv *) self;

  uv_close ((uv_handle_t *) &uv->timer, eva_uv_closed_cb);
  uv_close ((uv_handle_t *) &uv->idle, eva_uv_closed_cb);
  uv_close ((uv_handle_t *) &uv->prepare, eva_uv_closed_cb);
  return false;
}

static inline void eva_uv_poll_cb (uv_poll_t *poll, int status, int events);

/* libuv knows no handle that watches for nothing.  */
static inline int
eva_uv_start (struct eva_uv_watch *watch) {
  if (!watch->events) return -uv_poll_stop (&watch->poll);
  return -uv_poll_start (&watch->poll, watch->events, eva_uv_poll_cb);
}

/* libuv stops a handle that is in error.  It is started again, because the library reports an error
   as long as it holds.  */
static inline void
eva_uv_poll_cb (uv_poll_t *poll, int status, int events) {
  unsigned int revents = 0;

  if (status < 0) {
    eva_uv_start ((struct eva_uv_watch *) poll->data);
    revents = EVA_HANGUP | EVA_READABLE | EVA_WRITABLE;
  }
  if (events & UV_READABLE) revents |= EVA_READABLE;
  if (events & UV_WRITABLE) revents |= EVA_WRITABLE;
  eva_loop_ready (poll->data, revents);
}

static inline int
eva_uv_change (void *self, void *data, int fd, unsigned int events) {
  struct eva_uv_watch *watch = (struct eva_uv_watch *) data;

  (void) self;
  (void) fd;
  watch->events =
      (events & EVA_READABLE ? UV_READABLE : 0) | (events & EVA_WRITABLE ? UV_WRITABLE : 0);
  return eva_uv_start (watch);
}

static inline int
eva_uv_add (void *self, void *data, int fd, unsigned int events) {
  struct eva_uv_watch *watch = (struct eva_uv_watch *) data;
  int rc = uv_poll_init (((struct eva_uv *) self)->timer.loop, &watch->poll, fd);

  if (rc) return -rc;
  watch->poll.data = watch;
  return eva_uv_change (self, watch, fd, events);
}

static inline void
eva_uv_removed_cb (uv_handle_t *handle) {
  eva_loop_removed (handle->data);
}

static inline bool
eva_uv_remove (void *self, void *data, int fd) {
  (void) self;
  (void) fd;
  uv_close ((uv_handle_t *) &((struct eva_uv_watch *) data)->poll, eva_uv_removed_cb);
  return false;
}

static inline void
eva_uv_unref (void *self, void *watch) {
  (void) self;
  uv_unref ((uv_handle_t *) &((struct eva_uv_watch *) watch)->poll);
}

static inline void
eva_uv_cancel_timer (void *self) {
  uv_timer_stop (&((struct eva_uv *) self)->timer);
  uv_idle_stop (&((struct eva_uv *) self)->idle);
}

/* The loop's own time is older than now, so this counts from the clock.  */
static inline void
eva_uv_set_timer (void *self, uint64_t delay_ns) {
  struct eva_uv *uv = (struct eva_uv *) self;
  uint64_t now_ms = uv_now (uv->timer.loop);
  uint64_t due_ms = (uv_hrtime () + delay_ns) / 1000000 + 1;

  eva_uv_cancel_timer (uv);
  if (!delay_ns)
    uv_idle_start (&uv->idle, eva_uv_idle_cb);
  else
    uv_timer_start (&uv->timer, eva_uv_timer_cb, due_ms > now_ms ? due_ms - now_ms : 1, 0);
}

/* Makes an eva_loop that lives in LOOP.  The caller frees it with eva_loop_free.  Returns as
   eva_loop_new_foreign.  */
static inline eva_loop *
eva_loop_from_uv (uv_loop_t *loop) {
  static const struct eva_loop_ops ops = { EVA_LOOP_OPS_VERSION,
                                           sizeof (struct eva_uv),
                                           sizeof (struct eva_uv_watch),
                                           eva_uv_init,
                                           eva_uv_deinit,
                                           eva_uv_add,
                                           eva_uv_change,
                                           eva_uv_remove,
                                           eva_uv_set_timer,
                                           eva_uv_cancel_timer,
                                           false,
                                           false,
                                           false,
                                           eva_uv_unref };

  return eva_loop_new_foreign (&ops, loop);
}

#ifdef __cplusplus
}
#endif

#endif /* EVA_UV_H */
