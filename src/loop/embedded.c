/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* embedded.c - chooses the backend of an embedded loop.  */

#include "loop/backend.h"

#include <errno.h>

eva_loop *
eva_loop_new (void) {
#ifdef __linux__
  eva_loop *loop = eva__loop_new_epoll ();

  /* Sandboxes forbid calls that they do not know.  */
  if (loop || (errno != ENOSYS && errno != EPERM && errno != EACCES)) return loop;
#endif
  return eva__loop_new_poll ();
}
