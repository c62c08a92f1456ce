/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loop-own.c - the embedded loop, on epoll, or, with LOOP_ON_POLL, on poll.  See loops.h.  */

#include "loops.h"

#include <stdio.h>
#include <stdlib.h>

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
  if (!t->loop) {
    perror ("eva_loop_new");
    exit (1);
  }
}

void
test_loop_turn (struct test_loop *t, bool wait) {
  if (!eva_loop_dispatch (t->loop, wait ? -1 : 0)) return;
  perror ("eva_loop_dispatch");
  exit (1);
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

/* What test_loop_watch was given.  */
static struct {
  void (*cb) (void *arg);
  void *arg;
} own;

static void
own_ready (void *arg, unsigned int revents) {
  (void) arg;
  (void) revents;
  own.cb (own.arg);
}

void *
test_loop_watch (struct test_loop *t, int fd, void (*cb) (void *arg), void *arg) {
  own.cb = cb;
  own.arg = arg;
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
