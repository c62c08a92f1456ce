/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* process.c - the process that a loop belongs to.  */

#include "io/process.h"

#include "loop/backend.h"

bool
eva__loop_is_ours (const eva_loop *loop) {
  return loop->process == eva__io_this_process ();
}

int
eva__loop_take_over (eva_loop *loop) {
  unsigned int parent = loop->process;
  int rc = 0;

  if (eva__loop_is_ours (loop)) return 0;
  loop->process = eva__io_this_process ();
  if (loop->backend->renew) rc = loop->backend->renew (loop);
  if (rc) loop->process = parent;
  return rc;
}
