/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* end.c - the end of a server: of its memory, and of a drain.

   A program may free a server from any callback of the server, in the middle of a walk over its
   sessions or of an accept.  So a function that calls out keeps the server (eva__server_ref), and
   the memory goes with the last reference.  The sessions that are left and the calls under way hold
   references.  */

#include "server/end.h"

#include "io/duration.h"

#include <stdlib.h>

void
eva__server_ref (eva_server *server) {
  server->n_kept++;
}

/* Nothing of SERVER is in use any more, neither by a session nor by a call under way.  */
static void
destroy (eva_server *server) {
  eva__users_clear (&server->users);
  eva__session_limits_unref (server->session_limits);
  assuan_release (server->pattern);
  free (server);
}

void
eva__server_unref (eva_server *server) {
  if (!--server->n_kept && server->is_freed) destroy (server);
}

void
eva__server_tell (eva_server *server, const struct eva_server_notice *notice) {
  if (!server->observer || server->is_freed || !eva__loop_is_ours (server->loop)) return;
  eva__server_ref (server);
  server->observer (server, server->observer_arg, notice);
  eva__server_unref (server);
}

/* The last session has ended.  A task reports it: the session may have ended within a call of the
   program, which does not expect that its server goes away in that call.  */
static void
call_drained (struct eva__task *task) {
  eva_server *server = EVA__CONTAINER (eva_server, drained_task, task);
  void (*drained) (eva_server *, void *) = server->drained;

  server->drained = NULL;
  eva__loop_cancel_timer (server->loop, &server->drain_timer);
  eva__loop_cancel_timer (server->loop, &server->grace);
  if (drained) drained (server, server->drained_arg);
}

void
eva__server_was_left (eva_server *server) {
  if (server->is_freed || server->sessions || server->retired) return;
  if (!eva__loop_is_ours (server->loop)) return;
  if (!server->is_draining) {
    if (server->idle_ms != EVA_NO_LIMIT)
      eva__loop_set_timer (server->loop, &server->idle,
                           eva_now () + eva__io_ns_of_ms (server->idle_ms));
    return;
  }
  server->drained_task.cb = call_drained;
  eva__loop_run_soon (server->loop, &server->drained_task);
}
