/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* server-sd-event.c - an Assuan server in systemd's loop.

   usage: server-sd-event ADDRESS     ends gently on SIGINT and SIGTERM, at once on a second one  */

#include <errno.h>
#include <eva/sd-event.h>
#include <signal.h>

#include "service.h"
#include "tell.h"

static sd_event *event;

static void
drained (eva_server *server, void *arg) {
  (void) server;
  (void) arg;
  sd_event_exit (event, 0);
}

static int
signal_came (sd_event_source *source, const struct signalfd_siginfo *info, void *server) {
  (void) source;
  (void) info;
  if (eva_server_drain (server, SERVICE_DRAIN_MS, drained, NULL))
    sd_event_exit (event, 0); /* it is draining already */
  else
    tell_draining (server);
  return 0;
}

int
main (int argc, char **argv) {
  eva_server *server = NULL;
  eva_loop *loop = NULL;
  gpg_error_t err;
  int rc;

  if (argc != 2 || argv[1][0] == '-') return tell_usage ();
  if (service_init ()) return 1;
  rc = sd_event_new (&event);
  if (rc < 0) errno = -rc;
  if (rc >= 0) loop = eva_loop_from_sd_event (event);
  if (!loop) return tell_loop_failure ();

  err = eva_server_new (loop, &service, NULL, &server);
  sd_event_add_signal (event, NULL, SIGINT | SD_EVENT_SIGNAL_PROCMASK, signal_came, server);
  sd_event_add_signal (event, NULL, SIGTERM | SD_EVENT_SIGNAL_PROCMASK, signal_came, server);
  if (!err) err = eva_server_listen (server, argv[1], EVA_LISTEN_FDPASSING);
  if (!err) {
    tell_listening (server);
    sd_event_loop (event);
  } else
    tell_failure (loop, err);

  eva_server_free (server);
  eva_loop_free (loop);
  sd_event_unref (event);
  return err ? 1 : 0;
}
