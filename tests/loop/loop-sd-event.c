/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loop-sd-event.c - sd-event.  See loops.h.  */

#include "loops.h"

#include <eva/sd-event.h>
#include <stdio.h>
#include <stdlib.h>

const char *const test_loop_name = "sd-event";

static void
check (bool ok, const char *what) {
  if (ok) return;
  fprintf (stderr, "%s failed\n", what);
  exit (1);
}

void
test_loop_init (struct test_loop *t) {
  sd_event *event;

  check (sd_event_new (&event) >= 0, "sd_event_new");
  *t = (struct test_loop) { .foreign = event, .loop = eva_loop_from_sd_event (event) };
  check (t->loop, "eva_loop_from_sd_event");
}

void
test_loop_turn (struct test_loop *t, bool wait) {
  check (sd_event_run (t->foreign, wait ? UINT64_MAX : 0) >= 0, "sd_event_run");
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

/* What test_loop_watch was given.  */
static struct {
  void (*cb) (void *arg);
  void *arg;
} own;

static int
own_ready (sd_event_source *source, int fd, uint32_t revents, void *arg) {
  (void) source;
  (void) fd;
  (void) revents;
  (void) arg;
  own.cb (own.arg);
  return 0;
}

void *
test_loop_watch (struct test_loop *t, int fd, void (*cb) (void *arg), void *arg) {
  sd_event_source *source;

  own.cb = cb;
  own.arg = arg;
  check (sd_event_add_io (t->foreign, &source, fd, EPOLLIN, own_ready, NULL) >= 0,
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
