/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loop-own.c - the embedded loop, on epoll, or, with LOOP_ON_POLL, on poll.  See loops.h.  */

#include "kind.h"

#ifdef LOOP_ON_POLL
#  include "loop/backend.h"
const char *const test_loop_name = "poll";
#else
const char *const test_loop_name = "epoll";
#endif

void
test_loop_init (struct test_loop *t) {
#ifdef LOOP_ON_POLL
  *t = (struct test_loop) { .loop = eva__loop_new_poll () };
#else
  *t = (struct test_loop) { .loop = eva_loop_new () };
#endif
  loop_check (t->loop, "eva_loop_new");
}

void
test_loop_turn (struct test_loop *t, bool wait) {
  loop_check (!eva_loop_dispatch (t->loop, wait ? -1 : 0), "eva_loop_dispatch");
}

bool
test_loop_run_out (struct test_loop *t) {
  (void) t;
  return false;
}

bool
test_loop_forked (struct test_loop *t) {
  (void) t;
  return true;
}

static void
own_ready (void *arg, unsigned int revents) {
  (void) arg;
  (void) revents;
  loop_call_watcher ();
}

void *
test_loop_watch (struct test_loop *t, int fd, void (*cb) (void *arg), void *arg) {
  loop_set_watcher (cb, arg);
  return eva_loop_add_fd (t->loop, fd, EVA_READABLE, own_ready, NULL);
}

void
test_loop_unwatch (struct test_loop *t, void *watch) {
  (void) t;
  eva_source_free (watch);
}

void
test_loop_deinit (struct test_loop *t) {
  eva_loop_free (t->loop);
}
