/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* server-ev.c - an Assuan server in libev's loop.

   usage: server-ev ADDRESS     ends gently on SIGINT and SIGTERM, at once on a second one  */

#include <eva/ev.h>
#include <signal.h>

#include "service.h"
#include "tell.h"

static void
drained (eva_server *server, void *ev) {
  (void) server;
  ev_break (ev, EVBREAK_ALL);
}

static void
signal_came (struct ev_loop *ev, ev_signal *watcher, int events) {
  eva_server *server = watcher->data;

  (void) events;
  if (eva_server_drain (server, SERVICE_DRAIN_MS, drained, ev))
    ev_break (ev, EVBREAK_ALL); /* it is draining already */
  else
    tell_draining (server);
}

int
main (int argc, char **argv) {
  const int numbers[] = { SIGINT, SIGTERM };
  struct ev_loop *ev = ev_default_loop (0);
  eva_server *server = NULL;
  ev_signal signals[2];
  eva_loop *loop;
  gpg_error_t err;

  if (argc != 2 || argv[1][0] == '-') return tell_usage ();
  if (service_init ()) return 1;
  loop = ev ? eva_loop_from_ev (ev) : NULL;
  if (!loop) return tell_loop_failure ();

  err = eva_server_new (loop, &service, NULL, &server);
  for (int i = 0; i < 2; i++) {
    ev_signal_init (&signals[i], signal_came, numbers[i]);
    signals[i].data = server;
    ev_signal_start (ev, &signals[i]);
  }
  if (!err) err = eva_server_listen (server, argv[1], EVA_LISTEN_FDPASSING);
  if (!err) {
    tell_listening (server);
    ev_run (ev, 0);
  } else
    tell_failure (loop, err);

  eva_server_free (server);
  eva_loop_free (loop);
  ev_loop_destroy (ev);
  return err ? 1 : 0;
}
