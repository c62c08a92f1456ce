/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* crowd.c - many clients of one server.  See crowd.h.  */

#include "crowd.h"

#include "kit.h"

#include <stdlib.h>
#include <unistd.h>

void
crowd_open (struct crowd *crowd, const struct target *target, size_t n) {
  crowd->n = n;
  crowd->fds = malloc (n * sizeof *crowd->fds);
  need (crowd->fds != NULL, "malloc");
  /* All come at once: the server greets the first ones while the last ones connect.  */
  for (size_t i = 0; i < n; i++)
    crowd->fds[i] = target_connect (target);
  for (size_t i = 0; i < n; i++)
    target_skip_line (crowd->fds[i]);
}

void
crowd_close (struct crowd *crowd, const struct target *target) {
  for (size_t i = 0; i < crowd->n; i++)
    close (crowd->fds[i]);
  free (crowd->fds);
  target_settle (target);
}
