/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loop-ev.c - libev.  See loops.h.  */

#include "kind.h"

#include <eva/ev.h>
#include <stdlib.h>

const char *const test_loop_name = "ev";

void
test_loop_init (struct test_loop *t) {
  *t = (struct test_loop) { .foreign = ev_loop_new (EVFLAG_AUTO) };
  loop_check (t->foreign, "ev_loop_new");
  t->loop = eva_loop_from_ev (t->foreign);
  loop_check (t->loop, "eva_loop_from_ev");
}

/* Within a callback there may be others to call, of the turn around this one.  libev calls them,
   and then waits for more.  */
void
test_loop_turn (struct test_loop *t, bool wait) {
  if (wait && ev_pending_count (t->foreign))
    ev_invoke_pending (t->foreign);
  else
    ev_run (t->foreign, wait ? EVRUN_ONCE : EVRUN_NOWAIT);
}

bool
test_loop_run_out (struct test_loop *t) {
  ev_run (t->foreign, 0);
  return true;
}

bool
test_loop_forked (struct test_loop *t) {
  ev_loop_fork (t->foreign);
  return true;
}

static void
own_ready (struct ev_loop *ev, struct ev_io *io, int revents) {
  (void) ev;
  (void) io;
  (void) revents;
  loop_call_watcher ();
}

void *
test_loop_watch (struct test_loop *t, int fd, void (*cb) (void *arg), void *arg) {
  struct ev_io *io = calloc (1, sizeof *io);

  loop_check (io, "calloc");
  loop_set_watcher (cb, arg);
  ev_io_init (io, own_ready, fd, EV_READ);
  ev_io_start (t->foreign, io);
  return io;
}

void
test_loop_unwatch (struct test_loop *t, void *watch) {
  ev_io_stop (t->foreign, watch);
  free (watch);
}

void
test_loop_deinit (struct test_loop *t) {
  eva_loop_free (t->loop);
  ev_loop_destroy (t->foreign);
}
