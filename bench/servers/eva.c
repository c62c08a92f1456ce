/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* eva.c - a server for many clients with eva_server, on the loop that it is linked with.

   usage: server-LOOP SOCKET  */

#include "handlers.h"
#include "kit.h"
#include "loop.h"
#include "serving.h"

#include <eva.h>
#include <stdio.h>
#include <stdlib.h>

static gpg_error_t
cmd_mix (assuan_context_t ctx, char *line) {
  (void) line;
  return handle_mix (ctx);
}

static gpg_error_t
cmd_heap (assuan_context_t ctx, char *line) {
  (void) line;
  return handle_heap (ctx);
}

static gpg_error_t
cmd_bulk (assuan_context_t ctx, char *line) {
  struct eva_pump_config config = {
    .from_fd = serving_open_source (),
    .to_fd = EVA_PUMP_CONNECTION,
    .flags = EVA_PUMP_CLOSE_FROM,
  };

  (void) line;
  return eva_pump (ctx, &config);
}

static void
must (gpg_error_t err, const char *what) {
  if (err) die (what, gpg_strerror (err));
}

int
main (int argc, char **argv) {
  static const struct eva_command commands[] = {
    { .name = "MIX", .handler = cmd_mix },
    { .name = "HEAP", .handler = cmd_heap },
    { .name = "BULK", .handler = cmd_bulk },
  };
  static const struct eva_service service = {
    .commands = commands,
    .n_commands = sizeof commands / sizeof *commands,
  };
  static const struct eva_server_limits limits = { .max_connections = EVA_NO_LIMIT };
  eva_server *server;
  char address[128];
  eva_loop *loop;

  if (argc != 2) die ("usage", "server-LOOP SOCKET");
  serving_init ();
  loop = loop_open ();
  need (loop != NULL, "loop");
  snprintf (address, sizeof address, "unix:%s", argv[1]);
  must (eva_server_new (loop, &service, NULL, &server), "server");
  must (eva_server_set_limits (server, &limits), "limits");
  must (eva_server_listen (server, address, 0), "listen");
  loop_run (loop);
  return 0;
}
