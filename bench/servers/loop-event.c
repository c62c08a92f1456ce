/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loop-event.c - a server's loop: libevent's.  */

#include "loop.h"

#include <eva/event.h>

static struct event_base *base;

eva_loop *
loop_open (void) {
  base = event_base_new ();
  return base ? eva_loop_from_event (base) : NULL;
}

void
loop_run (eva_loop *loop) {
  (void) loop;
  event_base_dispatch (base);
}
