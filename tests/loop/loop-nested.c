/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loop-nested.c - the embedded loop within another one, which knows nothing of it but the
   descriptor of eva_loop_get_fd.  See loops.h.  */

#include "kind.h"

#include <errno.h>

const char *const test_loop_name = "nested";

void
test_loop_init (struct test_loop *t) {
  *t = (struct test_loop) { .loop = eva_loop_new () };
  loop_check (t->loop, "eva_loop_new");
  loop_check (eva_loop_get_fd (t->loop) >= 0, "eva_loop_get_fd");
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

/* What test_loop_watch was given; -1: nothing.  */
static int watched_fd = -1;

/* The eva_loop never waits, and is only called when its descriptor says so.  */
void
test_loop_turn (struct test_loop *t, bool wait) {
  struct pollfd fds[] = { { .fd = eva_loop_get_fd (t->loop), .events = POLLIN },
                          { .fd = watched_fd, .events = POLLIN } };
  int n;

  do
    n = poll (fds, 2, wait ? -1 : 0);
  while (n < 0 && errno == EINTR);
  loop_check (n >= 0, "poll");
  if (fds[1].revents) loop_call_watcher ();
  if (fds[0].revents) loop_check (!eva_loop_dispatch (t->loop, 0), "eva_loop_dispatch");
}

void *
test_loop_watch (struct test_loop *t, int fd, void (*cb) (void *arg), void *arg) {
  (void) t;
  watched_fd = fd;
  loop_set_watcher (cb, arg);
  return &watched_fd;
}

void
test_loop_unwatch (struct test_loop *t, void *watch) {
  (void) t;
  (void) watch;
  watched_fd = -1;
}

void
test_loop_deinit (struct test_loop *t) {
  eva_loop_free (t->loop);
}
