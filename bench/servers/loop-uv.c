/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loop-uv.c - a server's loop: libuv's.  */

#include "loop.h"

#include <eva/uv.h>

static uv_loop_t uv;

eva_loop *
loop_open (void) {
  return uv_loop_init (&uv) ? NULL : eva_loop_from_uv (&uv);
}

void
loop_run (eva_loop *loop) {
  (void) loop;
  uv_run (&uv, UV_RUN_DEFAULT);
}
