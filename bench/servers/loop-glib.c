/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loop-glib.c - a server's loop: GLib's.  */

#include "loop.h"

#include <eva/glib.h>

eva_loop *
loop_open (void) {
  return eva_loop_from_glib (g_main_context_default ());
}

void
loop_run (eva_loop *loop) {
  (void) loop;
  g_main_loop_run (g_main_loop_new (NULL, FALSE));
}
