/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loop-event.c - libevent.  See loops.h.  */

#include "kind.h"

#include <eva/event.h>

const char *const test_loop_name = "event";

void
test_loop_init (struct test_loop *t) {
  *t = (struct test_loop) { .foreign = event_base_new () };
  loop_check (t->foreign, "event_base_new");
  t->loop = eva_loop_from_event (t->foreign);
  loop_check (t->loop, "eva_loop_from_event");
}

void
test_loop_turn (struct test_loop *t, bool wait) {
  event_base_loop (t->foreign, EVLOOP_ONCE | (wait ? 0 : EVLOOP_NONBLOCK));
}

bool
test_loop_run_out (struct test_loop *t) {
  event_base_dispatch (t->foreign);
  return true;
}

bool
test_loop_forked (struct test_loop *t) {
  loop_check (!event_reinit (t->foreign), "event_reinit");
  if (t->loop) eva_loop_prepare (t->loop);
  return true;
}

static void
own_ready (evutil_socket_t fd, short what, void *arg) {
  (void) fd;
  (void) what;
  (void) arg;
  loop_call_watcher ();
}

void *
test_loop_watch (struct test_loop *t, int fd, void (*cb) (void *arg), void *arg) {
  struct event *event = event_new (t->foreign, fd, EV_READ | EV_PERSIST, own_ready, NULL);

  loop_set_watcher (cb, arg);
  loop_check (event && !event_add (event, NULL), "event_add");
  return event;
}

void
test_loop_unwatch (struct test_loop *t, void *watch) {
  (void) t;
  event_free (watch);
}

void
test_loop_deinit (struct test_loop *t) {
  eva_loop_free (t->loop);
  loop_check (!event_base_get_num_events (t->foreign, EVENT_BASE_COUNT_ADDED), "event_del");
  event_base_free (t->foreign);
}
