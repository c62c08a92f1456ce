/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loop-sd-event.c - sd-event.  See loops.h.  */

#include "kind.h"

#include <eva/sd-event.h>

const char *const test_loop_name = "sd-event";

void
test_loop_init (struct test_loop *t) {
  sd_event *event;

  loop_check (sd_event_new (&event) >= 0, "sd_event_new");
  *t = (struct test_loop) { .foreign = event, .loop = eva_loop_from_sd_event (event) };
  loop_check (t->loop, "eva_loop_from_sd_event");
}

void
test_loop_turn (struct test_loop *t, bool wait) {
  loop_check (sd_event_run (t->foreign, wait ? UINT64_MAX : 0) >= 0, "sd_event_run");
}

bool
test_loop_run_out (struct test_loop *t) {
  (void) t;
  return false;
}

bool
test_loop_forked (struct test_loop *t) {
  (void) t;
  return false;
}

static int
own_ready (sd_event_source *source, int fd, uint32_t revents, void *arg) {
  (void) source;
  (void) fd;
  (void) revents;
  (void) arg;
  loop_call_watcher ();
  return 0;
}

void *
test_loop_watch (struct test_loop *t, int fd, void (*cb) (void *arg), void *arg) {
  sd_event_source *source;

  loop_set_watcher (cb, arg);
  loop_check (sd_event_add_io (t->foreign, &source, fd, EPOLLIN, own_ready, NULL) >= 0,
              "sd_event_add_io");
  return source;
}

void
test_loop_unwatch (struct test_loop *t, void *watch) {
  (void) t;
  sd_event_source_unref (watch);
}

void
test_loop_deinit (struct test_loop *t) {
  eva_loop_free (t->loop);
  sd_event_unref (t->foreign);
}
