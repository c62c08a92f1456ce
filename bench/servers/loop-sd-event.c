/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loop-sd-event.c - a server's loop: systemd's.  */

#include "loop.h"

#include <eva/sd-event.h>

static sd_event *event;

eva_loop *
loop_open (void) {
  return sd_event_new (&event) < 0 ? NULL : eva_loop_from_sd_event (event);
}

void
loop_run (eva_loop *loop) {
  (void) loop;
  sd_event_loop (event);
}
