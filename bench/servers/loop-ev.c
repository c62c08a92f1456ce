/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loop-ev.c - a server's loop: libev's.  */

#include "loop.h"

#include <eva/ev.h>

static struct ev_loop *ev;

eva_loop *
loop_open (void) {
  ev = ev_loop_new (EVFLAG_AUTO);
  return ev ? eva_loop_from_ev (ev) : NULL;
}

void
loop_run (eva_loop *loop) {
  (void) loop;
  ev_run (ev, 0);
}
