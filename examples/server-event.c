/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* server-event.c - an Assuan server in libevent's loop.

   usage: server-event ADDRESS     ends gently on SIGINT and SIGTERM, at once on a second one  */

#include <eva/event.h>
#include <signal.h>

#include "service.h"
#include "tell.h"

static struct event_base *base;
static eva_server *server;

static void
drained (eva_server *the_server, void *arg) {
  (void) the_server;
  (void) arg;
  event_base_loopbreak (base);
}

static void
signal_came (evutil_socket_t number, short events, void *arg) {
  (void) number;
  (void) events;
  (void) arg;
  if (eva_server_drain (server, SERVICE_DRAIN_MS, drained, NULL))
    event_base_loopbreak (base); /* it is draining already */
  else
    tell_draining (server);
}

int
main (int argc, char **argv) {
  const int numbers[] = { SIGINT, SIGTERM };
  struct event *signals[2];
  eva_loop *loop = NULL;
  gpg_error_t err;

  if (argc != 2 || argv[1][0] == '-') return tell_usage ();
  if (service_init ()) return 1;
  base = event_base_new ();
  if (base) loop = eva_loop_from_event (base);
  if (!loop) return tell_loop_failure ();
  for (int i = 0; i < 2; i++) {
    signals[i] = evsignal_new (base, numbers[i], signal_came, NULL);
    if (!signals[i] || evsignal_add (signals[i], NULL)) return tell_loop_failure ();
  }

  err = eva_server_new (loop, &service, NULL, &server);
  if (!err) err = eva_server_listen (server, argv[1], EVA_LISTEN_FDPASSING);
  if (!err) {
    tell_listening (server);
    event_base_dispatch (base);
  } else
    tell_failure (loop, err);

  eva_server_free (server);
  eva_loop_free (loop);
  for (int i = 0; i < 2; i++)
    event_free (signals[i]);
  event_base_free (base);
  return err ? 1 : 0;
}
