/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* acceptor.c - where clients come in.

   A client that may not come in gets an ERR line instead of a greeting, before the server takes any
   memory for it.  When the system has no descriptor for the next client, accepting pauses for a
   while: the socket stays readable, and a server that went on looking would do nothing else.  */

#include "server/acceptor.h"

#include "io/peer.h"
#include "server/end.h"
#include "server/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Clients that are let in at a time if no connection waits for anything else.  Otherwise it is one:
   connections that are there do not have to wait for a crowd that comes.  */
#define N_ACCEPTS_WHEN_QUIET 4

#define PAUSE_NS 100000000u

/* Refuses the client at FD because of ERR, and does not wait until the client reads that.  */
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

/* A client is at the acceptor.  */
static void
welcome (struct eva__acceptor *acceptor, int fd) {
  eva_server *server = acceptor->server;
  struct eva__incoming incoming = {
    .in_fd = fd,
    .out_fd = fd,
    .flags = acceptor->flags,
    .is_unix = acceptor->listener.is_unix,
    .is_accepted = true,
  };
  gpg_error_t err;

  if (incoming.is_unix) incoming.is_known = !eva__io_peer_credentials (fd, &incoming.peer);
  err = eva__session_check (server, &incoming);
  if (!err) err = eva__session_new (server, &incoming, NULL);
  if (err) refuse (server, fd, err);
}

/* Opens all acceptors, or shuts them for a while.  Returns false if the loop could not do that with
   all of them.  */
static bool
set_open (eva_server *server, bool open) {
  bool done = true;

  for (struct eva__acceptor *acceptor = server->acceptors; acceptor; acceptor = acceptor->next) {
    eva_source *source = acceptor->source;
    eva__loop_cancel_task (server->loop, &acceptor->task);
    if (source && eva_source_set_events (source, open ? EVA_READABLE : 0)) done = false;
  }
  return done;
}

static void
set_timer (eva_server *server) {
  eva__loop_set_timer (server->loop, &server->pause, eva_now () + PAUSE_NS);
}

/* An acceptor that cannot be opened, because memory is short, must not stay shut.  */
static void
end_pause (struct eva__timer *timer) {
  eva_server *server = EVA__CONTAINER (eva_server, pause, timer);

  if (!set_open (server, true)) set_timer (server);
}

static void
pause_accepting (eva_server *server) {
  server->stats.n_accept_pauses++;
  (void) set_open (server, false); /* one that stays open pauses again */
  server->pause.cb = end_pause;
  set_timer (server);
}

static void
let_in (struct eva__task *task) {
  struct eva__acceptor *acceptor = EVA__CONTAINER (struct eva__acceptor, task, task);
  eva_server *server = acceptor->server;
  int n = eva__loop_is_quiet (server->loop) ? N_ACCEPTS_WHEN_QUIET : 1;

  eva__server_ref (server); /* the service's functions may free it, and with it the acceptors */
  while (n-- > 0 && !server->is_draining) {
    int fd = eva__io_listener_accept (&acceptor->listener);
    if (fd >= 0) {
      welcome (acceptor, fd);
      continue;
    }
    if (errno != EAGAIN) pause_accepting (server);
    break;
  }
  eva__server_unref (server);
}

static void
knocked (void *arg, unsigned int revents) {
  struct eva__acceptor *acceptor = arg;

  (void) revents;
  eva__loop_let_in (acceptor->server->loop, &acceptor->task);
}

gpg_error_t
eva__acceptor_new (eva_server *server, const struct eva__io_listener *listener,
                   unsigned int flags) {
  struct eva__acceptor **last = &server->acceptors;
  struct eva__acceptor *acceptor = calloc (1, sizeof *acceptor);

  if (!acceptor) return gpg_error_from_syserror ();
  acceptor->server = server;
  acceptor->listener = *listener;
  acceptor->flags = flags;
  acceptor->task.cb = let_in;
  if (eva__io_endpoint_format (listener->fd, acceptor->address)) *acceptor->address = 0;
  acceptor->source = eva_loop_add_fd (server->loop, listener->fd, EVA_READABLE, knocked, acceptor);
  if (!acceptor->source) {
    gpg_error_t err = gpg_error_from_syserror ();
    free (acceptor);
    return err;
  }
  eva__loop_set_exclusive (acceptor->source);
  eva__loop_set_reentrant (
      acceptor->source); /* others come in while an open function runs the loop */
  while (*last)
    last = &(*last)->next;
  *last = acceptor;
  return 0;
}

void
eva__acceptor_close_all (eva_server *server) {
  struct eva__acceptor *acceptor;

  while ((acceptor = server->acceptors)) {
    server->acceptors = acceptor->next;
    eva_source_free (acceptor->source);
    eva__loop_cancel_task (server->loop, &acceptor->task);
    if (eva__loop_is_ours (server->loop))
      eva__io_listener_close (&acceptor->listener);
    else
      eva__io_listener_drop (&acceptor->listener);
    free (acceptor);
  }
  eva__loop_cancel_timer (server->loop, &server->pause);
}
