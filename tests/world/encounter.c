/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* encounter.c - how clients and servers meet.  */

#include "encounter.h"

#include <stdio.h>

#include "call.h"
#include "dice.h"
#include "server.h"
#include "supplies.h"
#include "weather.h"

/* Lets a party serve FDS, to read from and to write to, which are the same for a socket.  */
static void
serve (enum session_kind kind, int in_fd, int out_fd, struct link *link) {
  struct server *server = server_any (false);

  if (kind == OF_SERVER && server)
    server_adopt (server, in_fd, out_fd, link);
  else
    session_new (kind == OF_SERVER ? ATTACHED : kind, in_fd, out_fd, link);
}

static bool
is_in_loop (enum session_kind kind) {
  return kind == OF_SERVER || kind == ATTACHED;
}

int
encounter_open_socket (enum session_kind kind, struct link *link) {
  int fds[2];

  supply_socketpair (fds);
  serve (kind, fds[1], fds[1], link);
  return fds[0];
}

void
encounter_open_pipes (enum session_kind kind, struct link *link, int *ret_in, int *ret_out) {
  int requests[2], answers[2];

  supply_pipe (requests);
  supply_pipe (answers);
  serve (kind, requests[0], answers[1], link);
  *ret_in = answers[0];
  *ret_out = requests[1];
}

static void
connect_pair (void) {
  enum session_kind kind = (enum session_kind) dice (N_SESSION_KINDS);
  struct link *link = link_new ();
  int fd = encounter_open_socket (kind, link);
  struct caller *caller;
  char address[20];
  gpg_error_t err;

  snprintf (address, sizeof address, "fd:%d", fd);
  caller = caller_connect (address, link, &err);
  if (!caller) {
    CHECK (weather_explains (err));
    link_hurt (link, "not connected");
    __real_close (fd);
    return;
  }
  caller->is_in_turns = kind == IN_TURNS;
  caller->is_in_loop = is_in_loop (kind);
}

static void
connect_to_address (struct server *server) {
  struct link *link = link_new ();
  struct caller *caller;
  gpg_error_t err;

  caller = caller_connect (server->address, link, &err);
  CHECK (caller || weather_explains (err));
  if (!caller) return;
  caller->is_in_loop = true;
  call_iam (caller);
}

void
encounter_connect (void) {
  struct server *server = server_any (true);

  if (server && dice (2))
    connect_to_address (server);
  else
    connect_pair ();
}

/* A session that is driven by hand may be detached from the loop any time.  */
void
encounter_attach (void) {
  enum session_kind kind = (enum session_kind) dice (N_SESSION_KINDS);
  struct link *link = link_new ();
  int fd = encounter_open_socket (kind, link);
  struct caller *caller = caller_attach (fd, link);

  if (!caller) return;
  caller->is_in_turns = kind == IN_TURNS;
  caller->is_in_loop = is_in_loop (kind);
}

void
encounter_wait (void) {
  struct link *link = link_new ();
  int fd = encounter_open_socket (dice (2) ? OF_SERVER : ATTACHED, link);

  caller_wait (fd, link, 1 + dice (4));
}
