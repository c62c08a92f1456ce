/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loop-uv.c - libuv.  See loops.h.  */

#include "kind.h"

#include <eva/uv.h>
#include <stdlib.h>

const char *const test_loop_name = "uv";

/* A loop, and what keeps it from waiting forever.  */
struct waker {
  uv_loop_t loop; /* the first member */
  uv_timer_t timer;
};

void
test_loop_init (struct test_loop *t) {
  struct waker *waker = calloc (1, sizeof *waker);

  *t = (struct test_loop) { .foreign = waker };
  loop_check (waker && !uv_loop_init (t->foreign), "uv_loop_init");
  uv_timer_init (t->foreign, &waker->timer);
  uv_unref ((uv_handle_t *) &waker->timer);
  t->loop = eva_loop_from_uv (t->foreign);
  loop_check (t->loop, "eva_loop_from_uv");
}

static void
wake_up (uv_timer_t *timer) {
  (void) timer;
}

/* A turn first runs the timers that are due, and then waits, though what the test waits for may
   have happened there: so not for long.  */
void
test_loop_turn (struct test_loop *t, bool wait) {
  struct waker *waker = t->foreign;

  if (wait) uv_timer_start (&waker->timer, wake_up, 1000, 0);
  uv_run (t->foreign, wait ? UV_RUN_ONCE : UV_RUN_NOWAIT);
  uv_timer_stop (&waker->timer);
}

bool
test_loop_run_out (struct test_loop *t) {
  uv_run (t->foreign, UV_RUN_DEFAULT);
  return true;
}

bool
test_loop_forked (struct test_loop *t) {
  loop_check (!uv_loop_fork (t->foreign), "uv_loop_fork");
  return true;
}

static void
own_ready (uv_poll_t *poll, int status, int events) {
  (void) poll;
  (void) status;
  (void) events;
  loop_call_watcher ();
}

void *
test_loop_watch (struct test_loop *t, int fd, void (*cb) (void *arg), void *arg) {
  uv_poll_t *poll = calloc (1, sizeof *poll);

  loop_set_watcher (cb, arg);
  loop_check (poll && !uv_poll_init (t->foreign, poll, fd), "uv_poll_init");
  loop_check (!uv_poll_start (poll, UV_READABLE, own_ready), "uv_poll_start");
  return poll;
}

static void
own_closed (uv_handle_t *handle) {
  free (handle);
}

void
test_loop_unwatch (struct test_loop *t, void *watch) {
  (void) t;
  uv_close (watch, own_closed);
}

/* Handles are closed by the loop.  That none is left shows that nothing was forgotten.  */
void
test_loop_deinit (struct test_loop *t) {
  eva_loop_free (t->loop);
  uv_close ((uv_handle_t *) &((struct waker *) t->foreign)->timer, NULL);
  uv_run (t->foreign, UV_RUN_NOWAIT);
  loop_check (!uv_loop_close (t->foreign), "uv_loop_close");
  free (t->foreign);
}
