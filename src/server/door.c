/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* door.c - where clients come in.

   Who may not is told so with an ERR line instead of a greeting, before any memory is taken.  When
   the system has no descriptor for the next client, accepting pauses for a while: the socket stays
   readable, and a server that went on looking would do nothing else.  */

#include "server/server.h"

#include "io/peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Clients that are let in at a time if nobody waits for anything else.  Otherwise it is one:
   those who are inside do not have to wait for a crowd that comes.  */
#define N_ACCEPTS_WHEN_QUIET 4

#define PAUSE_NS 100000000u

/* Refuses the client at FD because of ERR.  Nobody waits for it to read that.  */
static void
refuse (eva_server *server, int fd, gpg_error_t err) {
  char line[200];
  int len = snprintf (line, sizeof line, "ERR %d %s <%s>\n", (int) err, gpg_strerror (err),
                      gpg_strsource (err));

  server->stats.n_refused++;
  if (len > 0 && (size_t) len < sizeof line)
    (void) !send (fd, line, (size_t) len, MSG_DONTWAIT | MSG_NOSIGNAL);
  close (fd);
}

/* A client is at the door.  */
static void
welcome (struct eva__door *door, int fd) {
  eva_server *server = door->server;
  struct eva__arrival arrival = {
    .in_fd = fd,
    .out_fd = fd,
    .flags = door->flags,
    .is_unix = door->listener.is_unix,
    .is_accepted = true,
  };
  gpg_error_t err;

  if (arrival.is_unix) arrival.is_known = !eva__io_peer_credentials (fd, &arrival.peer);
  err = eva__visit_check (server, &arrival);
  if (!err) err = eva__visit_new (server, &arrival, NULL);
  if (err) refuse (server, fd, err);
}

/* Opens all doors, or shuts them for a while.  */
static void
set_open (eva_server *server, bool open) {
  for (struct eva__door *door = server->doors; door; door = door->next) {
    eva__loop_cancel_task (server->loop, &door->task);
    if (door->source) eva_source_set_events (door->source, open ? EVA_READABLE : 0);
  }
}

static void
end_pause (struct eva__timer *timer) {
  eva_server *server = EVA__CONTAINER (eva_server, pause, timer);

  set_open (server, true);
}

static void
pause_accepting (eva_server *server) {
  server->stats.n_accept_pauses++;
  set_open (server, false);
  server->pause.cb = end_pause;
  eva__loop_set_timer (server->loop, &server->pause, eva_now () + PAUSE_NS);
}

static void
let_in (struct eva__task *task) {
  struct eva__door *door = EVA__CONTAINER (struct eva__door, task, task);
  eva_server *server = door->server;
  int n = eva__loop_is_quiet (server->loop) ? N_ACCEPTS_WHEN_QUIET : 1;

  eva__server_keep (server); /* the service's functions may free it, and with it the doors */
  while (n-- > 0 && !server->is_draining) {
    int fd = eva__io_listener_accept (&door->listener);
    if (fd >= 0) {
      welcome (door, fd);
      continue;
    }
    if (errno != EAGAIN) pause_accepting (server);
    break;
  }
  eva__server_let_go (server);
}

static void
knocked (void *arg, unsigned int revents) {
  struct eva__door *door = arg;

  (void) revents;
  eva__loop_let_in (door->server->loop, &door->task);
}

gpg_error_t
eva__door_new (eva_server *server, const struct eva__io_listener *listener, unsigned int flags) {
  struct eva__door **last = &server->doors;
  struct eva__door *door = calloc (1, sizeof *door);

  if (!door) return gpg_error_from_syserror ();
  door->server = server;
  door->listener = *listener;
  door->flags = flags;
  door->task.cb = let_in;
  if (eva__io_endpoint_format (listener->fd, door->address)) *door->address = 0;
  door->source = eva_loop_add_fd (server->loop, listener->fd, EVA_READABLE, knocked, door);
  if (!door->source) {
    gpg_error_t err = gpg_error_from_syserror ();
    free (door);
    return err;
  }
  eva__loop_set_exclusive (door->source);
  eva__loop_set_reentrant (door->source); /* others come in while an open function runs the loop */
  while (*last)
    last = &(*last)->next;
  *last = door;
  return 0;
}

void
eva__door_close_all (eva_server *server) {
  struct eva__door *door;

  while ((door = server->doors)) {
    server->doors = door->next;
    eva_source_free (door->source);
    eva__loop_cancel_task (server->loop, &door->task);
    if (eva__loop_is_ours (server->loop))
      eva__io_listener_close (&door->listener);
    else
      eva__io_listener_drop (&door->listener);
    free (door);
  }
  eva__loop_cancel_timer (server->loop, &server->pause);
}
