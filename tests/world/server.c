/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* server.c - the eva_servers of a world.  See server.h.  */

#include "server.h"

#include <stdio.h>
#include <string.h>

#include "command.h"
#include "dice.h"
#include "loop.h"
#include "mischief.h"
#include "place.h"
#include "session.h"
#include "supplies.h"
#include "weather.h"

static struct server *servers;
static unsigned int n_servers;

static const struct eva_server_limits low_limits = {
  .connection = { .high_water_len = 20000,
                  .max_queued_len = 150000,
                  .max_inquiry_len = 30000,
                  .max_pending_fds = 3,
                  .line_timeout_ms = 1000,
                  .idle_timeout_ms = 5000,
                  .command_timeout_ms = 300,
                  .inquiry_timeout_ms = 400,
                  .close_timeout_ms = 500 },
  .max_connections = 12,
  .max_held_len = 500000,
  .max_held_per_uid_len = 400000,
};

/* --- The list --------------------------------------------------------------------------------- */

struct server *
server_any (bool listens) {
  struct server *found = NULL;

  for (struct server *s = servers; s; s = s->next)
    if (s->eva && !s->is_ending && (!listens || s->address) && (!found || dice (2))) found = s;
  return found;
}

void
server_clear (void) {
  servers = NULL;
  n_servers = 0;
}

/* --- Making ----------------------------------------------------------------------------------- */

static void
listen_at (struct server *server) {
  char *address = ledger_alloc (PLACE_SIZE);
  gpg_error_t err;

  place_name (server->number, address);
  err = eva_server_listen (server->eva, address, EVA_LISTEN_FDPASSING);
  if (!err) server->address = address;
  CHECK (!err || weather_explains (err));
}

void
server_new (void) {
  struct server *server = ledger_alloc (sizeof *server);
  struct eva_server_limits limits = { .max_connections = 0 };
  gpg_error_t err;

  server->number = ++n_servers;
  err = eva_server_new (the_loop, &command_service, server, &server->eva);
  CHECK (!err || weather_explains (err));
  if (err) return;
  tell ("server %u", server->number);
  server->next = servers;
  servers = server;
  if (weather.limits) limits = low_limits;
  if (weather.narrow) limits.connection.high_water_len = weather_high_water ();
  err = eva_server_set_limits (server->eva, &limits);
  CHECK (!err || weather_explains (err));
  listen_at (server);
}

void
server_adopt (struct server *server, int in_fd, int out_fd, struct link *link) {
  gpg_error_t err;

  session_arriving = link;
  if (in_fd == out_fd)
    err = eva_server_adopt (server->eva, in_fd, EVA_LISTEN_FDPASSING, NULL);
  else
    err = eva_server_adopt_pipe (server->eva, in_fd, out_fd, NULL);
  session_arriving = NULL;
  if (!err) return;
  tell ("server %u does not adopt: %s", server->number, gpg_strerror (err));
  CHECK (link->hurt || weather_explains (err));
  link_hurt (link, "not adopted");
  __real_close (in_fd);
  if (in_fd != out_fd) __real_close (out_fd);
}

/* --- Ending ----------------------------------------------------------------------------------- */

static void
on_drained (eva_server *eva, void *arg) {
  struct server *server = arg;

  tell ("server %u is drained", server->number);
  CHECK (server->eva == eva);
  ledger_end (server->drain);
  server->drain = NULL;
  mischief ();
  if (server->eva && dice (2)) {
    server->eva = NULL;
    eva_server_free (eva);
  }
}

static void
drain (struct server *server) {
  unsigned int timeout_ms = dice (2) ? dice (1000) : EVA_NO_LIMIT;
  struct entry *drain = ledger_begin ("drain of server", server->number);
  gpg_error_t err;

  tell ("server %u drains, for %u ms", server->number, timeout_ms);
  server->is_ending = true;
  server->drain = drain;
  err = eva_server_drain (server->eva, timeout_ms, on_drained, server);
  if (!err) return;
  CHECK (weather_explains (err));
  server->drain = NULL;
  ledger_take_back (drain);
}

static void
free_server (struct server *server) {
  eva_server *eva = server->eva;

  tell ("server %u is freed", server->number);
  if (server->drain) ledger_take_back (server->drain);
  server->drain = NULL;
  server->is_ending = true;
  server->eva = NULL;
  eva_server_free (eva);
}

static void
close_one (assuan_context_t ctx, void *arg) {
  (void) arg;
  if (dice (2)) eva_close (ctx);
}

void
server_end (struct server *server) {
  link_hurt (NULL, "a server ends");
  switch (dice (3)) {
  case 0:
    drain (server);
    break;
  case 1:
    free_server (server);
    break;
  default:
    eva_server_each (server->eva, close_one, NULL);
    break;
  }
}

static void
look_at_one (assuan_context_t ctx, void *arg) {
  CHECK (eva_get_server (ctx) == *(eva_server **) arg);
  CHECK (eva_get_loop (ctx) == the_loop);
}

void
server_look_at (struct server *server) {
  eva_server *eva = server->eva;
  struct eva_stats stats;

  eva_server_get_stats (eva, &stats);
  CHECK (stats.n_connections <= stats.most_connections && stats.held_len <= stats.most_held_len);
  CHECK (stats.n_open_commands <= stats.n_connections);
  eva_server_each (eva, look_at_one, &eva);
}

void
server_drain_all (void) {
  for (struct server *server = servers; server; server = server->next)
    if (server->eva && !server->is_ending) drain (server);
}

void
server_free_all (void) {
  for (struct server *server = servers; server; server = server->next)
    if (server->eva) free_server (server);
}

void
server_check_rest (void) {
  for (struct server *server = servers; server; server = server->next) {
    struct eva_stats stats;
    if (!server->eva) continue;
    eva_server_get_stats (server->eva, &stats);
    CHECK (!stats.n_connections && !stats.n_open_commands && !stats.held_len);
  }
}
