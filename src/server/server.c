/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* server.c - the life of a server: what it offers, its limits, its end.

   Its sessions and its acceptors have files of their own, and so has the end of its memory, which
   it shares with them (end.c).  */

#include "server/server.h"

#include "assuan/arguments.h"
#include "assuan/builtin.h"
#include "assuan/command.h"
#include "assuan/connection.h"
#include "assuan/error.h"
#include "assuan/lifetime.h"
#include "io/duration.h"
#include "server/acceptor.h"
#include "server/end.h"
#include "server/lost.h"
#include "server/session.h"

#include <stdlib.h>

/* For pauses in accepting, acceptors that linger, looks at their files, times without a client,
   first commands, and the end of a drain.  */
#define N_TIMERS 6

/* When clients are just coming, a server that has none is not idle: how long it waits for them.  */
#define COMING_MS 10

/* --- Making ----------------------------------------------------------------------------------- */

#define KNOWN_FLAGS (EVA_COMMAND_SECRET | EVA_COMMAND_CHECKED)

/* A built-in command that does not exist is a name that was misspelled.  */
static gpg_error_t
register_command (assuan_context_t pattern, const struct eva_command *command) {
  bool is_described = command->parameters || command->flags & EVA_COMMAND_CHECKED;
  struct eva__command_more more = { .described = is_described ? command : NULL,
                                    .is_secret = command->flags & EVA_COMMAND_SECRET };
  gpg_error_t err;

  if (command->flags & ~KNOWN_FLAGS || !eva__arguments_make_sense (command))
    return eva__ctx_error (pattern, GPG_ERR_ASS_INV_VALUE);
  if (command->name && !command->handler && !eva__builtin_exists (command->name))
    return eva__ctx_error (pattern, GPG_ERR_ASS_INV_VALUE);
  err = assuan_register_command (pattern, command->name, command->handler, command->help);
  return err ? err : eva__ctx_describe_command (pattern, command->name, &more);
}

/* Registers what SERVICE offers with the pattern of all its connections.  */
static gpg_error_t
register_service (assuan_context_t pattern, const struct eva_service *service) {
  struct eva__table *table = pattern->table;
  gpg_error_t err = eva__ctx_register_builtins (pattern);

  if (!service->commands && service->n_commands)
    return eva__ctx_error (pattern, GPG_ERR_ASS_INV_VALUE);
  for (size_t i = 0; !err && i < service->n_commands; i++)
    err = register_command (pattern, &service->commands[i]);
  if (!err && !eva__arguments_are_options (service->options, service->n_options))
    err = eva__ctx_error (pattern, GPG_ERR_ASS_INV_VALUE);
  table->options = service->options;
  table->n_options = service->n_options;
  table->hello = service->hello;
  table->notify.option = service->option;
  table->notify.reset = service->reset;
  table->notify.input = service->input;
  table->notify.output = service->output;
  table->notify.bye = service->bye;
  table->notify.cancel = service->cancel;
  table->notify.before = service->before;
  table->notify.after = service->after;
  return err;
}

/* All connections use the system's own functions: hooks that wait have no place in a loop.  */
static gpg_error_t
make_pattern (const struct eva_service *service, assuan_context_t *ret_pattern) {
  assuan_context_t pattern;
  gpg_error_t err = assuan_new (&pattern);

  if (err) return err;
  eva__io_sys_init (&pattern->shared->sys, NULL, eva__io_sys_default ());
  eva__ctx_configure (pattern, EVA__CTX_SERVER);
  pattern->shared->pool.max = EVA__N_SHARED_SPARES;
  err = register_service (pattern, service);
  if (err)
    assuan_release (pattern);
  else
    *ret_pattern = pattern;
  return err;
}

gpg_error_t
eva_server_new (eva_loop *loop, const struct eva_service *service, void *userdata,
                eva_server **ret_server) {
  const struct eva_server_limits defaults = { .max_connections = 0 };
  eva_server *server;
  gpg_error_t err;

  if (!loop || !service || !ret_server) return eva__server_error (NULL, GPG_ERR_ASS_INV_VALUE);
  server = calloc (1, sizeof *server);
  if (!server) return eva__server_error (NULL, GPG_ERR_ENOMEM);
  if (eva__loop_reserve_timers (loop, N_TIMERS)) {
    free (server);
    return eva__server_error (NULL, GPG_ERR_ENOMEM);
  }
  server->loop = loop;
  server->service = service;
  server->userdata = userdata;
  server->idle_ms = EVA_NO_LIMIT;
  err = make_pattern (service, &server->pattern);
  if (!err) err = eva_server_set_limits (server, &defaults);
  if (err) {
    assuan_release (server->pattern);
    eva__loop_reserve_timers (loop, -N_TIMERS);
    free (server);
    return err;
  }
  *ret_server = server;
  return 0;
}

/* --- Going away ------------------------------------------------------------------------------- */

void
eva_server_free (eva_server *server) {
  if (!server || server->is_freed) return;
  eva__server_ref (server);
  server->is_freed = server->is_draining = true;
  eva__lost_stop (server);
  eva__acceptor_close_all (server);
  /* Each session takes itself off the list when it is released; and the close function that is
     called there may release others.  */
  while (server->sessions)
    assuan_release (server->sessions->at.drive.ctx);
  eva__loop_cancel_timer (server->loop, &server->drain_timer);
  eva__loop_cancel_timer (server->loop, &server->grace);
  eva__loop_cancel_timer (server->loop, &server->idle);
  eva__loop_cancel_task (server->loop, &server->drained_task);
  eva__loop_reserve_timers (server->loop, -N_TIMERS);
  eva__server_unref (server);
}

/* --- Drain ------------------------------------------------------------------------------------ */

/* Calls WHAT for the context of each session.  The server is kept.  Any session may go away
   meanwhile: one that leaves moves the walk on.  */
static void
for_all (eva_server *server, void (*what) (assuan_context_t ctx, void *arg), void *arg) {
  struct eva__walk walk = { .outer = server->walks, .next = server->sessions };

  eva__server_ref (server);
  server->walks = &walk;
  while (walk.next && !server->is_freed) {
    assuan_context_t ctx = walk.next->at.drive.ctx;
    walk.next = walk.next->next;
    eva__ctx_enter (ctx);
    what (ctx, arg);
    eva__ctx_leave (ctx);
  }
  server->walks = walk.outer;
  eva__server_unref (server);
}

static void
drain_one (assuan_context_t ctx, void *arg) {
  (void) arg;
  eva__session_drain (eva__session_of (ctx));
}

static void
hurry_one (assuan_context_t ctx, void *arg) {
  (void) arg;
  eva__session_hurry (eva__session_of (ctx));
}

static void
close_one (assuan_context_t ctx, void *arg) {
  (void) arg;
  eva__session_close (eva__session_of (ctx));
}

/* The sessions that are still there had the time that the drain gave.  Their commands are
   cancelled, and the replies to them still have the time that closing has.  */
static void
time_is_over (struct eva__timer *timer) {
  eva_server *server = EVA__CONTAINER (eva_server, drain_timer, timer);

  eva__acceptor_close_retired (server);
  eva__server_was_left (server);
  for_all (server, close_one, NULL);
}

/* Clients that have come in and said nothing since are idle.  */
static void
end_grace (struct eva__timer *timer) {
  for_all (EVA__CONTAINER (eva_server, grace, timer), hurry_one, NULL);
}

static void
set_timer (eva_server *server, struct eva__timer *timer, unsigned int ms) {
  eva__loop_set_timer (server->loop, timer, eva_now () + eva__io_ns_of_ms (ms));
}

gpg_error_t
eva_server_drain (eva_server *server, unsigned int timeout_ms,
                  void (*done) (eva_server *server, void *arg), void *arg) {
  if (!server) return eva__server_error (NULL, GPG_ERR_ASS_INV_VALUE);
  if (server->is_draining) return eva__server_error (server, GPG_ERR_ASS_GENERAL);
  (void) eva__loop_take_over (server->loop);
  server->is_draining = true;
  server->drained = done;
  server->drained_arg = arg;
  if (timeout_ms != EVA_NO_LIMIT) {
    server->drain_timer.cb = time_is_over;
    set_timer (server, &server->drain_timer, timeout_ms);
  }
  server->grace.cb = end_grace;
  set_timer (server, &server->grace, EVA_DRAIN_GRACE_MS);
  eva__server_ref (server); /* the service sees clients that come in */
  for_all (server, drain_one, NULL);
  eva__acceptor_retire_all (server);
  if (!server->is_freed) eva__lost_update (server);
  eva__server_was_left (server);
  eva__server_unref (server);
  return 0;
}

void
eva_server_stop_listening (eva_server *server) {
  if (!server || server->is_freed) return;
  (void) eva__loop_take_over (server->loop);
  eva__server_ref (server);
  eva__acceptor_retire_all (server);
  if (!server->is_freed) eva__lost_update (server);
  eva__server_unref (server);
}

/* No client was there for so long.  Those that have just come are no reason to wait anew for all of
   that time: the next one that leaves is.  */
static void
was_idle (struct eva__timer *timer) {
  eva_server *server = EVA__CONTAINER (eva_server, idle, timer);

  if (server->is_draining || server->sessions || server->retired) return;
  if (eva__acceptor_has_waiting (server))
    set_timer (server, timer, COMING_MS);
  else
    (void) eva_server_drain (server, EVA_NO_LIMIT, server->idle_done, server->idle_arg);
}

void
eva_server_set_idle (eva_server *server, unsigned int idle_ms,
                     void (*done) (eva_server *server, void *arg), void *arg) {
  if (!server || server->is_freed) return;
  (void) eva__loop_take_over (server->loop);
  server->idle_ms = idle_ms;
  server->idle_done = done;
  server->idle_arg = arg;
  server->idle.cb = was_idle;
  eva__loop_cancel_timer (server->loop, &server->idle);
  eva__server_was_left (server);
}

/* --- Limits and figures ----------------------------------------------------------------------- */

gpg_error_t
eva_server_set_limits (eva_server *server, const struct eva_server_limits *limits) {
  struct eva__drive_class class = { .ops = &eva__session_ops };
  struct eva__session_limits *shared;

  if (!server || !limits) return eva__server_error (server, GPG_ERR_ASS_INV_VALUE);
  /* A connection keeps the limits under which it came in, so the old ones are not changed.  */
  class.stats = &server->stats;
  shared =
      eva__session_limits_new (&class, &server->pattern->shared->conn_config, &limits->connection);
  if (!shared) return eva__server_error (server, GPG_ERR_ENOMEM);
  eva__session_limits_unref (server->session_limits);
  server->session_limits = shared;
  server->asked = *limits;
  server->knows_limits = false;
  eva__server_find_limits (server);
  return 0;
}

gpg_error_t
eva_server_allow_uid (eva_server *server, uid_t uid) {
  if (!server) return eva__server_error (NULL, GPG_ERR_ASS_INV_VALUE);
  server->knows_limits = false; /* others share them from now on */
  return eva__users_allow (&server->users, uid) ? eva__server_error (server, GPG_ERR_ENOMEM) : 0;
}

void
eva_server_get_stats (eva_server *server, struct eva_stats *ret_stats) {
  struct eva_stats stats = server->stats;

  /* Counts when the program asks: a figure that every command keeps up to date costs each of them
     something.  */
  for (struct eva__session *session = server->sessions; session; session = session->next)
    stats.n_open_commands += eva__ctx_is_busy (session->at.drive.ctx);
  stats.held_len = server->account.held_len;
  stats.most_held_len = server->account.most_len;
  stats.n_passed_fds = (unsigned int) server->account.n_fds;
  *ret_stats = stats;
}

void
eva_server_set_observer (eva_server *server,
                         void (*cb) (eva_server *server, void *arg,
                                     const struct eva_server_notice *notice),
                         void *arg) {
  if (!server) return;
  server->observer = cb;
  server->observer_arg = arg;
}

/* --- Connections ------------------------------------------------------------------------------ */

void
eva_server_each (eva_server *server, void (*cb) (assuan_context_t ctx, void *arg), void *arg) {
  for_all (server, cb, arg);
}

eva_server *
eva_get_server (assuan_context_t ctx) {
  struct eva__session *session = eva__session_of (ctx);

  return session ? eva__session_server (session) : NULL;
}

void *
eva_get_userdata (assuan_context_t ctx) {
  struct eva__session *session = eva__session_of (ctx);

  return session ? eva__session_server (session)->userdata : NULL;
}
