/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loop-ev.c - libev.  See loops.h.  */

#include "loops.h"

#include <eva/ev.h>
#include <stdio.h>
#include <stdlib.h>

const char *const test_loop_name = "ev";

static void
check (bool ok, const char *what) {
  if (ok) return;
  fprintf (stderr, "%s failed\n", what);
  exit (1);
}

void
test_loop_init (struct test_loop *t) {
  *t = (struct test_loop){ .foreign = ev_loop_new (EVFLAG_AUTO) };
  check (t->foreign, "ev_loop_new");
  t->loop = eva_loop_from_ev (t->foreign);
  check (t->loop, "eva_loop_from_ev");
}

void
test_loop_turn (struct test_loop *t, bool wait) {
  ev_run (t->foreign, wait ? EVRUN_ONCE : EVRUN_NOWAIT);
}

void
test_loop_deinit (struct test_loop *t) {
  eva_loop_free (t->loop);
  ev_loop_destroy (t->foreign);
}
