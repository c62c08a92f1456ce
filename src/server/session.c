/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* session.c - a client's connection to a server, from its beginning to its end.

   A session goes away with its context, in the outermost call that uses it; the server stays until
   the last one is gone.  */

#include "server/session.h"

#include "server/end.h"

#include "assuan/accept.h"
#include "assuan/connection.h"
#include "assuan/error.h"
#include "assuan/lifetime.h"
#include "assuan/memory.h"
#include "assuan/reply.h"
#include "assuan/turn.h"

#include <errno.h>
#include <stdlib.h>

/* --- The end ---------------------------------------------------------------------------------- */

/* Calls the service's close function, if the service knows of the session; before that its after
   function, if a command was open.  It calls each once, although the context may be released within
   the call.  */
static void
tell_closed (struct eva__session *session, gpg_error_t reason) {
  bool is_opened;

  eva__ctx_tell_after (session->at.drive.ctx, reason);
  is_opened = session->at.is_opened;
  session->at.is_opened = false;
  if (is_opened && eva__session_server (session)->service->close
      && eva__ctx_is_ours (session->at.drive.ctx))
    eva__session_server (session)->service->close (session->at.drive.ctx, reason);
}

/* Tells the observer that this end is the server's doing.  */
static void
tell_dropped (struct eva__session *session, gpg_error_t reason) {
  assuan_context_t ctx = session->at.drive.ctx;
  const struct eva_server_notice notice = {
    .event = EVA_SERVER_DROPPED,
    .err = reason,
    .uid = ctx->has_peercred ? ctx->peercred.uid : EVA_ANY_UID,
    .pid = ctx->pid,
    .ctx = ctx,
  };

  switch (gpg_err_code (reason)) {
  case GPG_ERR_TIMEOUT:
  case GPG_ERR_TOO_LARGE:
  case GPG_ERR_EMFILE:
    eva__server_tell (eva__session_server (session), &notice);
    break;
  default:
    break;
  }
}

/* The connection is over.  */
static void
over (struct eva__drive *drive) {
  tell_dropped (EVA__CONTAINER (struct eva__session, at.drive, drive), drive->over);
  tell_closed (EVA__CONTAINER (struct eva__session, at.drive, drive), drive->over);
  assuan_release (drive->ctx);
}

/* Takes SESSION off the list: callbacks may free the server, which would release SESSION once more,
   or go over the list.  */
static void
leave (struct eva__session *session) {
  eva_server *server = eva__session_server (session);

  for (struct eva__walk *walk = server->walks; walk; walk = walk->outer)
    if (walk->next == session) walk->next = session->next;
  if (session->next) session->next->prev = session->prev;
  if (session->prev)
    session->prev->next = session->next;
  else
    server->sessions = session->next;
  server->stats.n_connections--;
}

/* A session whose connection is not opened yet does not own the descriptors: they are the caller's
   again.  */
static void
abandon_fds (assuan_context_t ctx) {
  ctx->channel.in_fd = ctx->channel.out_fd = ASSUAN_INVALID_FD;
}

/* The context is released, by the server or by the program.  */
static void
release (struct eva__drive *drive) {
  struct eva__session *session = EVA__CONTAINER (struct eva__session, at.drive, drive);
  eva_server *server = eva__session_server (session);
  gpg_error_t reason = eva__ctx_end_reason (drive->ctx, GPG_ERR_CANCELED);

  eva__attached_stop (&session->at);
  leave (session);
  if (!drive->ctx->opened) abandon_fds (drive->ctx);
  eva__drive_cancel (drive, drive->over ? drive->over : reason);
  tell_closed (session, reason);
  eva__server_was_left (server);
}

static void
free_session (struct eva__drive *drive) {
  struct eva__session *session = EVA__CONTAINER (struct eva__session, at.drive, drive);
  eva_server *server = eva__session_server (session);

  eva__users_leave (&server->users, eva__session_user (session));
  eva__session_limits_unref (eva__session_limits_of (drive));
  eva__ctx_free (server->pattern, session);
  eva__server_unref (server);
}

static void
close_session (struct eva__drive *drive) {
  eva__session_close (EVA__CONTAINER (struct eva__session, at.drive, drive));
}

static gpg_error_t
set_limits (struct eva__drive *drive, const struct eva_limits *limits) {
  eva_server *server = eva__session_server (EVA__CONTAINER (struct eva__session, at.drive, drive));
  struct eva__session_limits *shared =
      eva__session_limits_new (drive->class, &server->pattern->shared->conn_config, limits);

  if (!shared) return eva__ctx_error (drive->ctx, GPG_ERR_ENOMEM);
  eva__session_limits_apply (shared, drive);
  eva__session_limits_unref (shared);
  return 0;
}

/* Returns the loop also while the service opens or closes the connection, when the context is not
   in the loop.  */
static eva_loop *
get_loop (const struct eva__drive *drive) {
  return eva__session_server (EVA__CONTAINER (const struct eva__session, at.drive, drive))->loop;
}

const struct eva__drive_ops eva__session_ops = {
  .wake = eva__attached_wake,
  .now = eva_now,
  .over = over,
  .close = close_session,
  .set_limits = set_limits,
  .get_loop = get_loop,
  .is_ours = eva__attached_is_ours,
  .release = release,
  .free = free_session,
};

struct eva__session *
eva__session_of (assuan_context_t ctx) {
  if (!ctx || !ctx->drive || ctx->drive->class->ops != &eva__session_ops) return NULL;
  return EVA__CONTAINER (struct eva__session, at.drive, ctx->drive);
}

/* Answers the command under way before the end: its client learns that the command was not carried
   out, which it could not tell from a connection that just ends.  */
void
eva__session_close (struct eva__session *session) {
  assuan_context_t ctx = session->at.drive.ctx;
  gpg_error_t reason = eva__ctx_error (ctx, GPG_ERR_CANCELED);

  eva__ctx_enter (ctx);
  eva__drive_cancel (&session->at.drive, reason);
  if (!ctx->released && eva__ctx_is_busy (ctx)) {
    ctx->closing = true;
    eva__ctx_finish_command (ctx, reason);
  }
  if (!ctx->released) eva__drive_close (&session->at.drive, reason);
  eva__ctx_leave (ctx);
}

/* The drive ends the connection when no command is under way, in a turn that it gets at once.  */
void
eva__session_drain (struct eva__session *session) {
  session->at.drive.leaves = true;
  eva__drive_wake (&session->at.drive);
}

void
eva__session_hurry (struct eva__session *session) {
  session->at.drive.is_new = false;
  eva__drive_wake (&session->at.drive);
}

/* --- The beginning ---------------------------------------------------------------------------- */

/* Returns the user that the connection counts for.  A process that started this one with a pipe
   could have done so as any user it may be, so it is our own user.  Peers that the kernel does not
   tell about are all one user.  */
static uid_t
uid_of (const struct eva__incoming *incoming) {
  if (incoming->is_known) return incoming->peer.uid;
  return incoming->is_pipe ? geteuid () : EVA_ANY_UID;
}

/* Returns true if there is no room for more connections, or not for more of UID's.  IS_OWN as for
   eva__users_may_enter.  */
static bool
is_full (eva_server *server, const struct eva__incoming *incoming, uid_t uid, bool is_own) {
  const struct eva__limits *l = &server->limits;

  if (server->stats.n_connections
      >= (is_own ? l->all.max_connections : l->max_connections_of_others))
    return true;
  if (incoming->is_accepted
      && (unsigned int) incoming->in_fd >= (is_own ? l->max_fd : l->max_fd_of_others))
    return true;
  return eva__users_count (&server->users, uid) >= l->all.max_connections_per_uid;
}

/* Allocates nothing: clients that are refused here cost no memory.  */
gpg_error_t
eva__session_check (eva_server *server, const struct eva__incoming *incoming) {
  uid_t uid = uid_of (incoming);
  bool is_own;

  if (!incoming->is_in_batch) eva__server_find_limits (server);
  is_own = eva__users_is_own (&server->users, uid);
  if (!incoming->is_pipe && !eva__users_may_enter (&server->users, uid, is_own))
    return gpg_err_make (server->pattern->err_source, GPG_ERR_EACCES);
  if (is_full (server, incoming, uid, is_own))
    return gpg_err_make (server->pattern->err_source, GPG_ERR_LIMIT_REACHED);
  return 0;
}

void
eva__session_refused (eva_server *server, const struct eva__incoming *incoming, const char *address,
                      gpg_error_t err) {
  const struct eva_server_notice notice = {
    .event = EVA_SERVER_REFUSED,
    .err = err,
    .uid = incoming->is_known ? incoming->peer.uid : EVA_ANY_UID,
    .pid = incoming->is_known || incoming->is_pipe ? incoming->peer.pid : ASSUAN_INVALID_PID,
    .address = address,
  };

  server->stats.n_refused++;
  eva__server_tell (server, &notice);
}

/* Enters SESSION in the lists of SERVER.  From here on it goes away with its context.  */
static void
enter (eva_server *server, struct eva__session *session) {
  session->next = server->sessions;
  if (session->next) session->next->prev = session;
  server->sessions = session;
  server->stats.n_connections++;
  if (server->stats.n_connections > server->stats.most_connections)
    server->stats.most_connections = server->stats.n_connections;
  eva__server_ref (server);
}

/* Makes the context of SESSION, with its connection, but says nothing yet.  */
static void
make_context (eva_server *server, struct eva__session *session,
              const struct eva__incoming *incoming) {
  assuan_context_t pattern = server->pattern;
  assuan_context_t ctx = &session->room.ctx;
  bool pass_fds = incoming->flags & EVA_LISTEN_FDPASSING;

  eva__ctx_init_like (&session->room, pattern);
  if (incoming->in_fd == incoming->out_fd)
    eva__ctx_connect_socket (ctx, EVA__CTX_SERVER, incoming->in_fd, pass_fds && incoming->is_unix);
  else
    eva__ctx_connect (ctx, EVA__CTX_SERVER, incoming->in_fd, incoming->out_fd, false);
  ctx->is_pipe = incoming->is_pipe;
  ctx->has_peercred = incoming->is_known;
  ctx->peercred = incoming->peer;
  ctx->pid = incoming->is_known || incoming->is_pipe ? incoming->peer.pid : ASSUAN_INVALID_PID;
  eva__drive_init (&session->at.drive, ctx);
  session->at.drive.is_new = true;
  eva__session_limits_apply (server->session_limits, &session->at.drive);
}

/* Makes a session for INCOMING in the memory of the program's own functions, with a context of
   which it is the drive.  Returns NULL if there is no memory.  */
static struct eva__session *
make_session (eva_server *server, const struct eva__incoming *incoming) {
  struct eva__session *session = eva__ctx_malloc (server->pattern, sizeof *session);
  struct eva__user *user;

  if (!session) return NULL;
  /* The account comes first: it is charged for what the connection takes from here on.  */
  user = eva__users_enter (&server->users, uid_of (incoming), &server->account);
  if (!user) {
    eva__ctx_free (server->pattern, session);
    return NULL;
  }
  session->at = (struct eva__attached) { .drive.account = &user->account };
  session->next = session->prev = NULL;
  make_context (server, session, incoming);
  return session;
}

/* The context is not handed out.  */
static void
disown (assuan_context_t ctx) {
  abandon_fds (ctx);
  assuan_release (ctx);
}

/* Lets the service see the client, greets it, and enters the loop.  A context that is released when
   its greeting is shown was a client: it owned the descriptors, and the service hears of its
   end.  */
static gpg_error_t
open_session (struct eva__session *session) {
  assuan_context_t ctx = session->at.drive.ctx;
  eva_server *server = eva__session_server (session);
  gpg_error_t err = server->service->open ? server->service->open (ctx) : 0;

  if (ctx->released) return eva__ctx_error (ctx, GPG_ERR_CANCELED);
  if (err) return err;
  session->at.is_opened = true;
  err = eva__ctx_open (ctx);
  if (ctx->released) return 0;
  return err ? err : eva__attached_start (&session->at, server->loop);
}

/* The program speaks with the client itself.  To the server it is one that has come and left.  */
static gpg_error_t
give_away (eva_server *server, const struct eva__incoming *incoming, assuan_context_t *ret_ctx) {
  gpg_error_t err;

  if (incoming->in_fd != incoming->out_fd)
    return gpg_err_make (server->pattern->err_source, GPG_ERR_NOT_SUPPORTED);
  err = server->service->take (server->userdata, incoming->in_fd);
  if (err) return err;
  server->stats.n_accepted++;
  if (ret_ctx) *ret_ctx = NULL;
  eva__server_was_left (server);
  return 0;
}

gpg_error_t
eva__session_new (eva_server *server, const struct eva__incoming *incoming,
                  assuan_context_t *ret_ctx) {
  struct eva__session *session;
  assuan_context_t ctx;
  gpg_error_t err;

  if (server->service->take) return give_away (server, incoming, ret_ctx);
  session = make_session (server, incoming);
  if (!session) return gpg_err_make (server->pattern->err_source, GPG_ERR_ENOMEM);
  ctx = session->at.drive.ctx;
  enter (server, session);
  /* The open function may release the context, or free the server, and so may a monitor of the
     greeting.  */
  eva__ctx_enter (ctx);
  err = open_session (session);
  if (err && !ctx->released) disown (ctx);
  if (!err) server->stats.n_accepted++;
  if (!err && ret_ctx) *ret_ctx = ctx->released ? NULL : ctx;
  return eva__ctx_leave_with (ctx, err);
}
