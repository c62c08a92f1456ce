/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tell.c - messages: what has failed, on what, why, and what to do.  */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "service.h"
#include "tell.h"

int
tell_usage (void) {
  fprintf (stderr, "usage: %s ADDRESS     (unix:/PATH, unix:@NAME, fd:N or systemd:)\n",
           program_invocation_short_name);
  return 2;
}

int
tell_loop_failure (void) {
  fprintf (stderr, "%s: the event loop fails: %s\n", program_invocation_short_name,
           strerror (errno));
  return 1;
}

int
tell_failure (eva_loop *loop, gpg_error_t err) {
  const char *failure = eva_loop_get_failure (loop);

  fprintf (stderr, "%s: %s\n", program_invocation_short_name,
           failure ? failure : gpg_strerror (err));
  return 1;
}

void
tell_listening (eva_server *server) {
  const char *address;

  for (size_t i = 0; (address = eva_server_get_address (server, i)); i++)
    printf ("%s: listening on %s\n", program_invocation_short_name, address);
  fflush (stdout); /* the program that started us may wait for it */
}

void
tell_draining (eva_server *server) {
  struct eva_stats stats;

  eva_server_get_stats (server, &stats);
  if (stats.n_open_commands)
    fprintf (
        stderr,
        "%s: commands that have up to %u seconds to finish: %u; a second signal ends them now\n",
        program_invocation_short_name, SERVICE_DRAIN_MS / 1000, stats.n_open_commands);
}
