/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loop-embedded.c - a server's loop: the embedded one.  */

#include "loop.h"

eva_loop *
loop_open (void) {
  return eva_loop_new ();
}

void
loop_run (eva_loop *loop) {
  eva_loop_run (loop);
}
