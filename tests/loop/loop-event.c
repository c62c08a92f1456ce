/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loop-event.c - libevent.  See loops.h.  */

#include "loops.h"

#include <eva/event.h>
#include <stdio.h>
#include <stdlib.h>

const char *const test_loop_name = "event";

static void
check (bool ok, const char *what) {
  if (ok) return;
  fprintf (stderr, "%s failed\n", what);
  exit (1);
}

void
test_loop_init (struct test_loop *t) {
  *t = (struct test_loop) { .foreign = event_base_new () };
  check (t->foreign, "event_base_new");
  t->loop = eva_loop_from_event (t->foreign);
  check (t->loop, "eva_loop_from_event");
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
  check (!event_reinit (t->foreign), "event_reinit");
  if (t->loop) eva_loop_prepare (t->loop);
  return true;
}

/* What test_loop_watch was given.  */
static struct {
  void (*cb) (void *arg);
  void *arg;
} own;

static void
own_ready (evutil_socket_t fd, short what, void *arg) {
  (void) fd;
  (void) what;
  (void) arg;
  own.cb (own.arg);
}

void *
test_loop_watch (struct test_loop *t, int fd, void (*cb) (void *arg), void *arg) {
  struct event *event = event_new (t->foreign, fd, EV_READ | EV_PERSIST, own_ready, NULL);

  own.cb = cb;
  own.arg = arg;
  check (event && !event_add (event, NULL), "event_add");
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
  check (!event_base_get_num_events (t->foreign, EVENT_BASE_COUNT_ADDED), "event_del");
  event_base_free (t->foreign);
}
