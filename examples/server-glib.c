/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* server-glib.c - an Assuan server in GLib's main loop.

   usage: server-glib ADDRESS     ends gently on SIGINT and SIGTERM, at once on a second one  */

#include <eva/glib.h>
#include <glib-unix.h>

#include "service.h"
#include "tell.h"

static GMainLoop *main_loop;

static void
drained (eva_server *server, void *arg) {
  (void) server;
  (void) arg;
  g_main_loop_quit (main_loop);
}

static gboolean
signal_came (gpointer server) {
  if (eva_server_drain (server, SERVICE_DRAIN_MS, drained, NULL))
    g_main_loop_quit (main_loop); /* it is draining already */
  else
    tell_draining (server);
  return G_SOURCE_CONTINUE;
}

int
main (int argc, char **argv) {
  eva_server *server = NULL;
  eva_loop *loop;
  gpg_error_t err;

  if (argc != 2 || argv[1][0] == '-') return tell_usage ();
  if (service_init ()) return 1;
  main_loop = g_main_loop_new (NULL, FALSE);
  loop = eva_loop_from_glib (NULL);
  if (!loop) return tell_loop_failure ();

  err = eva_server_new (loop, &service, NULL, &server);
  g_unix_signal_add (SIGINT, signal_came, server);
  g_unix_signal_add (SIGTERM, signal_came, server);
  if (!err) err = eva_server_listen (server, argv[1], EVA_LISTEN_FDPASSING);
  if (!err) {
    tell_listening (server);
    g_main_loop_run (main_loop);
  } else
    tell_failure (loop, err);

  eva_server_free (server);
  eva_loop_free (loop);
  g_main_loop_unref (main_loop);
  return err ? 1 : 0;
}
