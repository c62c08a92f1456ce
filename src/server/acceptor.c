/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* acceptor.c - where clients come in.

   A client that may not come in gets an ERR line instead of a greeting, before the server takes any
   memory for it.  When the system has no descriptor for the next client, accepting pauses for a
   while: the socket stays readable, and a server that went on looking would do nothing else.

   A client counts as one of the server from the moment in which its connect returns, so an acceptor
   that is no longer wanted lets in all that wait before it closes.  The file of its socket leads to
   no listener then, or to a successor's.  But a client that the kernel has led to this socket
   before that may be about to enter the queue.  So the acceptor lingers: it is retired.  */

#include "server/acceptor.h"

#include "assuan/log.h"
#include "io/duration.h"
#include "io/peer.h"
#include "io/sys.h"
#include "server/end.h"
#include "server/session.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Clients that are let in at a time if no connection waits for anything else.  Otherwise it is one:
   connections that are there do not have to wait for a crowd that comes.  */
#define N_ACCEPTS_WHEN_QUIET 8

#define PAUSE_NS  100000000u
#define LINGER_NS 20000000u

/* Refuses INCOMING because of ERR, and does not wait until the client reads that.  */
static void
refuse (struct eva__acceptor *acceptor, const struct eva__incoming *incoming, gpg_error_t err) {
  char line[200];
  int len = snprintf (line, sizeof line, "ERR %d %s <%s>\n", (int) err, gpg_strerror (err),
                      gpg_strsource (err));

  if (len > 0 && (size_t) len < sizeof line)
    (void) !send (incoming->in_fd, line, (size_t) len, MSG_DONTWAIT | MSG_NOSIGNAL);
  close (incoming->in_fd);
  eva__session_refused (acceptor->server, incoming, acceptor->address, err);
}

/* SESSION came in while the server drains: it has time for one command.  */
static void
serve_late (eva_server *server, struct eva__session *session) {
  eva__session_drain (session);
  eva__loop_set_timer (server->loop, &server->grace,
                       eva_now () + eva__io_ns_of_ms (EVA_DRAIN_GRACE_MS));
}

/* A client is at the acceptor.  IS_IN_BATCH is that of its eva__incoming.  Returns true if the
   client came in.  */
static bool
welcome (struct eva__acceptor *acceptor, int fd, bool is_in_batch) {
  eva_server *server = acceptor->server;
  struct eva__incoming incoming = {
    .in_fd = fd,
    .out_fd = fd,
    .flags = acceptor->flags,
    .is_unix = acceptor->listener.is_unix,
    .is_accepted = true,
    .is_in_batch = is_in_batch,
  };
  assuan_context_t ctx = NULL;
  gpg_error_t err;

  if (incoming.is_unix) incoming.is_known = !eva__io_peer_credentials (fd, &incoming.peer);
  err = eva__session_check (server, &incoming);
  if (!err) err = eva__session_new (server, &incoming, &ctx);
  if (err)
    refuse (acceptor, &incoming, err);
  else if (server->is_draining && !server->is_freed && ctx)
    serve_late (server, eva__session_of (ctx));
  return !err;
}

/* Opens all acceptors of LIST, or shuts them for a while.  Returns false if the loop could not do
   that with all of them.  */
static bool
set_list_open (struct eva__acceptor *list, bool open) {
  bool done = true;

  for (struct eva__acceptor *acceptor = list; acceptor; acceptor = acceptor->next) {
    eva__loop_cancel_task (acceptor->server->loop, &acceptor->task);
    if (acceptor->source && eva_source_set_events (acceptor->source, open ? EVA_READABLE : 0))
      done = false;
  }
  return done;
}

static bool
set_open (eva_server *server, bool open) {
  bool done = set_list_open (server->acceptors, open);

  return set_list_open (server->retired, open) && done;
}

static void
set_timer (eva_server *server) {
  eva__loop_set_timer (server->loop, &server->pause, eva_now () + PAUSE_NS);
}

static void
tell (eva_server *server, enum eva_server_event event, gpg_error_t err) {
  const struct eva_server_notice notice = {
    .event = event, .err = err, .uid = EVA_ANY_UID, .pid = ASSUAN_INVALID_PID
  };

  eva__server_tell (server, &notice);
}

/* An acceptor that cannot be opened, because memory is short, must not stay shut.  */
static void
end_pause (struct eva__timer *timer) {
  eva_server *server = EVA__CONTAINER (eva_server, pause, timer);

  if (set_open (server, true))
    tell (server, EVA_SERVER_RESUMED, 0);
  else
    set_timer (server);
}

static void
pause_accepting (eva_server *server) {
  gpg_error_t err = eva__server_error (server, gpg_err_code_from_syserror ());

  server->stats.n_accept_pauses++;
  (void) set_open (server, false); /* one that stays open pauses again */
  server->pause.cb = end_pause;
  set_timer (server);
  tell (server, EVA_SERVER_PAUSED, err);
}

static void
free_if_closed (struct eva__acceptor *acceptor) {
  if (!acceptor->source && !acceptor->n_busy) free (acceptor);
}

/* Returns true if a client who comes runs a function of the program, which may change the limit of
   the process, or its user.  */
static bool
calls_out (const eva_server *server) {
  const struct eva_service *service = server->service;

  return service->open || service->take || server->observer || eva__ctx_has_watch (server->pattern);
}

/* Lets N clients in, or those that wait.  What the process may have and who it is are asked once
   for all of them, because the answers cost as much as a greeting.  The service's functions may
   free the server, and with it the acceptor.  */
static void
let_some_in (struct eva__acceptor *acceptor, int n) {
  eva_server *server = acceptor->server;
  bool is_in_batch = false, calls = calls_out (server); /* asked before the service may go away */

  eva__server_ref (server);
  acceptor->n_busy++;
  while (n-- > 0 && acceptor->source) {
    int fd = eva__io_listener_accept (&acceptor->listener);
    if (fd >= 0) {
      is_in_batch = welcome (acceptor, fd, is_in_batch) && !calls;
      continue;
    }
    if (errno != EAGAIN) pause_accepting (server);
    break;
  }
  acceptor->n_busy--;
  free_if_closed (acceptor);
  eva__server_unref (server);
}

static void
let_in (struct eva__task *task) {
  struct eva__acceptor *acceptor = EVA__CONTAINER (struct eva__acceptor, task, task);

  let_some_in (acceptor, eva__loop_is_quiet (acceptor->server->loop) ? N_ACCEPTS_WHEN_QUIET : 1);
}

static void
knocked (void *arg, unsigned int revents) {
  struct eva__acceptor *acceptor = arg;

  (void) revents;
  eva__loop_let_in (acceptor->server->loop, &acceptor->task);
}

/* The address in words.  A socket that took a name over was bound to another one.  */
static void
set_address (struct eva__acceptor *acceptor) {
  const struct eva__io_listener *listener = &acceptor->listener;

  if (*listener->file.path)
    snprintf (acceptor->address, sizeof acceptor->address, "unix:%s", listener->file.path);
  else if (eva__io_endpoint_format (listener->fd, acceptor->address))
    *acceptor->address = 0;
}

/* --- Coming and going ------------------------------------------------------------------------- */

static void
append (struct eva__acceptor **list, struct eva__acceptor *acceptor) {
  while (*list)
    list = &(*list)->next;
  acceptor->next = NULL;
  *list = acceptor;
}

static void
take_off (struct eva__acceptor **list, struct eva__acceptor *acceptor) {
  while (*list && *list != acceptor)
    list = &(*list)->next;
  if (*list) *list = acceptor->next;
}

gpg_error_t
eva__acceptor_new (eva_server *server, const struct eva__io_listener *listener,
                   unsigned int flags) {
  struct eva__acceptor *acceptor = calloc (1, sizeof *acceptor);

  if (!acceptor) return eva__server_error (server, gpg_err_code_from_syserror ());
  acceptor->server = server;
  acceptor->listener = *listener;
  acceptor->flags = flags;
  acceptor->task.cb = let_in;
  set_address (acceptor);
  acceptor->source = eva_loop_add_fd (server->loop, listener->fd, EVA_READABLE, knocked, acceptor);
  if (!acceptor->source) {
    gpg_error_t err = eva__server_error (server, gpg_err_code_from_syserror ());
    free (acceptor);
    return err;
  }
  eva__loop_set_exclusive (acceptor->source);
  eva__loop_set_reentrant (
      acceptor->source); /* others come in while an open function runs the loop */
  append (&server->acceptors, acceptor);
  return 0;
}

/* Closes ACCEPTOR, which is on no list.  */
static void
close_acceptor (struct eva__acceptor *acceptor) {
  eva_loop *loop = acceptor->server->loop;

  eva_source_free (acceptor->source);
  acceptor->source = NULL;
  eva__loop_cancel_task (loop, &acceptor->task);
  if (eva__loop_is_ours (loop))
    eva__io_listener_close (&acceptor->listener);
  else
    eva__io_listener_drop (&acceptor->listener);
  free_if_closed (acceptor);
}

static void
close_list (struct eva__acceptor **list) {
  struct eva__acceptor *acceptor;

  while ((acceptor = *list)) {
    *list = acceptor->next;
    close_acceptor (acceptor);
  }
}

void
eva__acceptor_close_retired (eva_server *server) {
  close_list (&server->retired);
  eva__loop_cancel_timer (server->loop, &server->linger);
}

void
eva__acceptor_close_all (eva_server *server) {
  close_list (&server->acceptors);
  eva__acceptor_close_retired (server);
  eva__loop_cancel_timer (server->loop, &server->pause);
}

bool
eva__acceptor_has_waiting (const eva_server *server) {
  for (struct eva__acceptor *acceptor = server->acceptors; acceptor; acceptor = acceptor->next)
    if (eva__io_sys_is_ready (acceptor->listener.fd, POLLIN)) return true;
  return false;
}

/* --- Retiring --------------------------------------------------------------------------------- */

static void
end_linger (struct eva__timer *timer) {
  eva_server *server = EVA__CONTAINER (eva_server, linger, timer);
  struct eva__acceptor *next;

  for (struct eva__acceptor *acceptor = server->retired; acceptor; acceptor = next) {
    next = acceptor->next;
    if (eva__io_sys_is_ready (acceptor->listener.fd, POLLIN)) continue; /* a client waits */
    take_off (&server->retired, acceptor);
    close_acceptor (acceptor);
  }
  if (server->retired)
    eva__loop_set_timer (server->loop, timer, eva_now () + LINGER_NS);
  else
    eva__server_was_left (server);
}

/* At a socket without a file clients may come to the last, so there is nothing to linger for; nor
   in a child of the process that made the socket, whose other processes go on with it.  */
void
eva__acceptor_retire (struct eva__acceptor *acceptor) {
  eva_server *server = acceptor->server;
  struct eva__io_listener *listener = &acceptor->listener;
  bool has_file = *listener->file.path;

  take_off (&server->acceptors, acceptor);
  append (&server->retired, acceptor);
  eva__io_listener_leave (listener);
  if (has_file && !*listener->file.path) {
    server->linger.cb = end_linger;
    eva__loop_set_timer (server->loop, &server->linger, eva_now () + LINGER_NS);
    return;
  }
  acceptor->n_busy++;
  if (!listener->is_taken) let_some_in (acceptor, SOMAXCONN);
  acceptor->n_busy--;
  if (acceptor->source) {
    take_off (&server->retired, acceptor);
    close_acceptor (acceptor);
  } else {
    free_if_closed (acceptor);
  }
}

void
eva__acceptor_retire_all (eva_server *server) {
  while (server->acceptors)
    eva__acceptor_retire (server->acceptors);
}
