/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loop-glib.c - GLib.  See loops.h.  */

#include "loops.h"

#include <eva/glib.h>
#include <stdio.h>
#include <stdlib.h>

const char *const test_loop_name = "glib";

void
test_loop_init (struct test_loop *t) {
  *t = (struct test_loop){ .foreign = g_main_context_new () };
  t->loop = eva_loop_from_glib (t->foreign);
  if (t->loop) return;
  perror ("eva_loop_from_glib");
  exit (1);
}

void
test_loop_turn (struct test_loop *t, bool wait) {
  g_main_context_iteration (t->foreign, wait);
}

void
test_loop_deinit (struct test_loop *t) {
  eva_loop_free (t->loop);
  g_main_context_unref (t->foreign);
}
