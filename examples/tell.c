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

/* Says what to do about ERR.  */
static const char *
find_advice (const char *address, gpg_err_code_t code) {
  bool is_tcp = !strncmp (address, "tcp:", 4), is_systemd = !strncmp (address, "systemd:", 8);

  switch (code) {
  case GPG_ERR_INV_ARG:
    return "an address is unix:/PATH, with the whole path, unix:@NAME, fd:N or systemd:";
  case GPG_ERR_EADDRINUSE:
    return "another server is listening there, or the file is not a socket: take another path";
  case GPG_ERR_ENOENT:
    return is_systemd ? "systemd has passed no such socket" : "make the directory first";
  case GPG_ERR_EACCES:
    return is_tcp ? "TCP does not tell the user of a client, which this server checks: use unix:"
                  : "take a directory that you may write to";
  case GPG_ERR_ENAMETOOLONG:
    return "a socket's path has at most 107 octets: take a shorter one";
  case GPG_ERR_EBADF:
  case GPG_ERR_ENOTSOCK:
    return "the program that starts this one has to open that descriptor, and listen on it";
  default:
    return NULL;
  }
}

int
tell_failure (const char *address, gpg_error_t err) {
  const char *advice = find_advice (address, gpg_err_code (err));

  fprintf (stderr, "%s: cannot listen on '%s': %s%s%s\n", program_invocation_short_name, address,
           gpg_strerror (err), advice ? "; " : "", advice ? advice : "");
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
