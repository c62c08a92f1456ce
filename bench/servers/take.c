/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* take.c - a server with eva_server that inquires data, and throws them away.  Its service is one
   command and nothing else, which every revision of the library understands: LD_LIBRARY_PATH says
   on which one it runs.

   usage: server-take SOCKET  */

#include "kit.h"
#include "loop.h"
#include "serving.h"

#include <eva.h>
#include <stdio.h>

static gpg_error_t
on_data (void *arg, gpg_error_t rc, unsigned char *buf, size_t len) {
  assuan_context_t ctx = arg;

  (void) len;
  if (buf) assuan_free (ctx, buf);
  return rc;
}

static gpg_error_t
cmd_take (assuan_context_t ctx, char *line) {
  (void) line;
  return assuan_inquire_ext (ctx, "DATA", 0, on_data, ctx);
}

static void
must (gpg_error_t err, const char *what) {
  if (err) die (what, gpg_strerror (err));
}

int
main (int argc, char **argv) {
  static const struct eva_command commands[] = { { .name = "TAKE", .handler = cmd_take } };
  static const struct eva_service service = { .commands = commands, .n_commands = 1 };
  eva_server *server;
  char address[128];
  eva_loop *loop;

  if (argc != 2) die ("usage", "server-take SOCKET");
  serving_init ();
  serving_use_fresh_memory ();
  loop = loop_open ();
  need (loop != NULL, "loop");
  snprintf (address, sizeof address, "unix:%s", argv[1]);
  must (eva_server_new (loop, &service, NULL, &server), "server");
  must (eva_server_listen (server, address, 0), "listen");
  loop_run (loop);
  return 0;
}
