/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* calls.c - the calls of a client: they queue, are sent, answered, given up, and end once.

   A call that ends before its reply came stays in its place, without its callbacks, until it is the
   first; from there on the eva_conn drops its reply.  */

#include "client/calls.h"

#include "assuan/connection.h"
#include "assuan/error.h"
#include "assuan/lifetime.h"
#include "assuan/outgoing.h"
#include "assuan/say.h"
#include "io/duration.h"
#include "client/reply.h"
#include "wire/wipe.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- The list --------------------------------------------------------------------------------- */

void
eva__call_append (struct eva__client *client, struct eva_pending_call *call) {
  *client->last = call;
  client->last = &call->next;
  if (!client->unsent) client->unsent = call;
}

static void
unlink_call (struct eva__client *client, struct eva_pending_call *call) {
  struct eva_pending_call **link = &client->calls;

  while (*link != call)
    link = &(*link)->next;
  *link = call->next;
  if (client->last == &call->next) client->last = link;
  if (client->unsent == call) client->unsent = call->next;
}

static void
unlink_failed (struct eva__client *client, struct eva_pending_call *call) {
  struct eva_pending_call **link = &client->failed;

  while (*link != call)
    link = &(*link)->next;
  *link = call->next;
}

static void
remove_call (struct eva__client *client, struct eva_pending_call *call) {
  if (call->late_err)
    unlink_failed (client, call);
  else
    unlink_call (client, call);
  if (call->fd >= 0) close (call->fd);
  eva__wire_wipe (call->command, strlen (call->command));
  free (call);
}

/* The earlier of several limits counts.  */
void
eva__call_set_timeout (struct eva_pending_call *call, unsigned int timeout_ms) {
  uint64_t due_ns = timeout_ms ? eva_now () + eva__io_ns_of_ms (timeout_ms) : EVA_NO_DEADLINE;

  if (due_ns < call->deadline_ns) call->deadline_ns = due_ns;
  if (due_ns < call->client->deadline_ns) call->client->deadline_ns = due_ns;
}

/* --- Sending ---------------------------------------------------------------------------------- */

/* Queues the descriptor of CALL, which belongs to the command's first octet.  Returns as
   eva_conn_send_fd.  */
static int
queue_fd (assuan_context_t ctx, struct eva_pending_call *call) {
  int rc = eva__outgoing_fd_send (ctx, call->fd);

  /* The queue is full: sends what waits first.  */
  if (rc == EVA_E_LIMIT && !eva__ctx_flush (ctx)) rc = eva__outgoing_fd_send (ctx, call->fd);
  if (!rc) call->fd = -1;
  return rc;
}

/* Queues the line of CALL.  If it cannot leave, the connection is over, and that ends CALL.  */
static gpg_error_t
send_call (struct eva__client *client, struct eva_pending_call *call, bool has_fd) {
  assuan_context_t ctx = eva__client_context (client);
  int rc;

  eva__ctx_mark_output (ctx, call->is_secret);
  rc = eva_conn_command (ctx->conn, call->command);
  eva__ctx_mark_output (ctx, false);
  /* The descriptor must not leave with another line.  */
  if (rc && has_fd) eva__drive_fail (&client->driven.at.drive, eva__ctx_conn_error (ctx, rc));
  if (rc) return eva__ctx_not_said (ctx, rc);
  call->is_sent = true;
  client->unsent = call->next;
  eva__call_set_timeout (call, call->cb.reply_timeout_ms);
  eva__ctx_said (ctx, 0);
  return 0;
}

/* The same; an error ends CALL.  Returns false if CALL has to wait until other descriptors
   left.  */
static bool
try_to_send (struct eva__client *client, struct eva_pending_call *call) {
  assuan_context_t ctx = eva__client_context (client);
  bool has_fd = call->fd >= 0;
  int rc = has_fd ? queue_fd (ctx, call) : 0;
  gpg_error_t err;

  if (rc == EVA_E_LIMIT) return false;
  err = rc ? eva__ctx_conn_error (ctx, rc) : send_call (client, call, has_fd);
  if (err) eva__call_end (call, err, NULL);
  return true;
}

/* Returns true if CALL, the first that was not sent, may be sent: all before it were answered, or
   it does not have to wait for that.  After a call that was given up it has to wait: if the server
   inquires there, CAN must come next.  */
static bool
may_send (const struct eva__client *client, const struct eva_pending_call *call) {
  const struct eva__drive *drive = &client->driven.at.drive;
  enum eva_conn_state state;

  if (client->stage != EVA__CLIENT_READY || drive->closing || drive->over) return false;
  if (call != client->calls && (client->n_given_up || !(call->cb.flags & EVA_CALL_AHEAD)))
    return false;
  if (eva__conn_output_len (drive->ctx->conn) > client->driven.limits.high_water_len) return false;
  state = eva__conn_get_state (drive->ctx->conn);
  return state == EVA_STATE_IDLE || state == EVA_STATE_PENDING;
}

void
eva__call_send_all (struct eva__client *client) {
  assuan_context_t ctx = eva__client_context (client);

  while (!ctx->released && client->unsent && may_send (client, client->unsent))
    if (!try_to_send (client, client->unsent)) break;
}

/* --- Ending ----------------------------------------------------------------------------------- */

void
eva__call_drain (struct eva__client *client) {
  assuan_context_t ctx = eva__client_context (client);
  struct eva_pending_call *call;

  while ((call = client->calls) && call->is_sent && call->is_ended) {
    int rc = eva_conn_drain (ctx->conn);
    if (rc == EVA_E_STATE) return; /* the one before is still being dropped */
    ctx->rest_secret = call->is_secret;
    remove_call (client, call);
    client->n_given_up--;
    if (rc == EVA_E_NOMEM || rc == EVA_E_LIMIT)
      eva__drive_fail (&client->driven.at.drive, eva__ctx_conn_error (ctx, rc));
  }
  eva__drive_wake (&client->driven.at.drive);
}

/* What is told at the end of a call; the call may be gone by then.  */
static void
tell_end (assuan_context_t ctx, const struct eva__reply *reply, const struct eva_callbacks *cb,
          void *arg, struct eva__reply_end end) {
  if (cb->replied)
    eva__reply_tell (ctx, reply, cb, arg, end);
  else if (cb->done)
    cb->done (arg, end.err, end.text);
}

void
eva__call_end (struct eva_pending_call *call, gpg_error_t err, const char *text) {
  struct eva_callbacks cb = call->cb;
  struct eva__reply reply = call->reply;
  struct eva__client *client = call->client;
  assuan_context_t ctx = eva__client_context (client);
  bool is_ours = eva__ctx_is_ours (ctx);
  void *arg = call->arg;

  if (call->is_ended) return;
  eva__ctx_enter (ctx);
  call->is_ended = true;
  call->cb = (struct eva_callbacks) { 0 };
  call->reply = (struct eva__reply) { 0 };
  if (call->is_sent)
    client->n_given_up++;
  else
    remove_call (client, call);
  /* Does so even if CALL had its reply: the next call may be given up, and done may run the
     loop.  */
  if (is_ours) eva__call_drain (client);
  if (is_ours) tell_end (ctx, &reply, &cb, arg, (struct eva__reply_end) { err, text });
  eva__reply_free (ctx, &reply);
  eva__ctx_leave (ctx);
}

/* A callback may make new calls that fail.  The task was queued again for those: without that a
   program that calls again and again would keep the loop here.  */
void
eva__call_end_failed (struct eva__client *client) {
  uint64_t last_id = client->last_id;
  struct eva_pending_call *call;

  while ((call = client->failed) && call->id <= last_id)
    eva__call_end (call, call->late_err, NULL);
}

static void
on_fail_task (struct eva__task *task) {
  struct eva__client *client = EVA__CONTAINER (struct eva__client, fail_task, task);
  assuan_context_t ctx = eva__client_context (client);

  eva__ctx_enter (ctx);
  eva__call_end_failed (client);
  eva__ctx_leave (ctx);
}

void
eva__call_fail_soon (struct eva_pending_call *call, gpg_error_t err) {
  struct eva__client *client = call->client;
  struct eva_pending_call **link = &client->failed;

  while (*link)
    link = &(*link)->next;
  *link = call;
  call->late_err = err;
  client->fail_task.cb = on_fail_task;
  eva__loop_run_soon (client->home, &client->fail_task);
}

/* Callbacks may make new calls, which end as well: the connection is over or about to be.  */
void
eva__call_end_all (struct eva__client *client, gpg_error_t err) {
  struct eva_pending_call *call;

  eva__call_end_failed (client);
  call = client->calls;
  while (call) {
    if (call->is_ended) {
      call = call->next;
      continue;
    }
    eva__call_end (call, err, NULL);
    call = client->calls;
  }
}

void
eva__call_forget_all (struct eva__client *client) {
  while (client->failed)
    remove_call (client, client->failed);
  while (client->calls)
    remove_call (client, client->calls);
}

/* --- Time ------------------------------------------------------------------------------------- */

/* Returns a call whose time is over, or NULL, and the next deadline of the others.  A call whose
   callback has a line just now does not end within that callback.  */
static struct eva_pending_call *
find_expired (struct eva__client *client, uint64_t now_ns) {
  uint64_t next_ns = EVA_NO_DEADLINE;

  for (struct eva_pending_call *call = client->calls; call; call = call->next) {
    if (call->is_ended || call->id == client->talking_id) continue;
    if (call->deadline_ns <= now_ns) return call;
    if (call->deadline_ns < next_ns) next_ns = call->deadline_ns;
  }
  client->deadline_ns = next_ns;
  return NULL;
}

void
eva__call_expire (struct eva__client *client, uint64_t now_ns) {
  assuan_context_t ctx = eva__client_context (client);
  struct eva_pending_call *call;

  if (now_ns < client->deadline_ns) return;
  while (!ctx->released && (call = find_expired (client, now_ns)))
    eva__call_end (call, eva__ctx_error (ctx, GPG_ERR_TIMEOUT), NULL);
}
