/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* server-uv.c - an Assuan server in libuv's loop.

   usage: server-uv ADDRESS     ends gently on SIGINT and SIGTERM, at once on a second one  */

#include <eva/uv.h>

#include "service.h"
#include "tell.h"

static void
drained (eva_server *server, void *uv) {
  (void) server;
  uv_stop (uv);
}

static void
signal_came (uv_signal_t *handle, int number) {
  eva_server *server = handle->data;

  (void) number;
  if (eva_server_drain (server, SERVICE_DRAIN_MS, drained, handle->loop))
    uv_stop (handle->loop); /* it is draining already */
  else
    tell_draining (server);
}

int
main (int argc, char **argv) {
  const int numbers[] = { SIGINT, SIGTERM };
  uv_loop_t *uv = uv_default_loop ();
  eva_server *server = NULL;
  uv_signal_t signals[2];
  eva_loop *loop;
  gpg_error_t err;

  if (argc != 2 || argv[1][0] == '-') return tell_usage ();
  if (service_init ()) return 1;
  loop = uv ? eva_loop_from_uv (uv) : NULL;
  if (!loop) return tell_loop_failure ();

  err = eva_server_new (loop, &service, NULL, &server);
  for (int i = 0; i < 2; i++) {
    uv_signal_init (uv, &signals[i]);
    uv_signal_start (&signals[i], signal_came, numbers[i]);
    signals[i].data = server;
  }
  if (!err) err = eva_server_listen (server, argv[1], EVA_LISTEN_FDPASSING);
  if (!err) {
    tell_listening (server);
    uv_run (uv, UV_RUN_DEFAULT);
  } else
    tell_failure (loop, err);

  eva_server_free (server);
  eva_loop_free (loop);
  for (int i = 0; i < 2; i++)
    uv_close ((uv_handle_t *) &signals[i], NULL);
  uv_run (uv, UV_RUN_DEFAULT); /* closes what we have just given back */
  uv_loop_close (uv);
  return err ? 1 : 0;
}
