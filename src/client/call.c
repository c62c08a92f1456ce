/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* call.c - calls: they queue, are sent, answered, given up, and end once.

   A call that ends before its reply came stays in its place, without its callbacks, until it is the
   first; from there the eva_conn drops its reply.  */

#include "client/client.h"

#include "assuan/connection.h"
#include "assuan/error.h"
#include "assuan/lifetime.h"
#include "assuan/outgoing.h"
#include "assuan/say.h"
#include "wire/wipe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static assuan_context_t
context_of (const struct eva__client *client) {
  return client->driven.at.drive.ctx;
}

/* --- The list --------------------------------------------------------------------------------- */

static void
append (struct eva__client *client, struct eva_pending_call *call) {
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
remove_call (struct eva__client *client, struct eva_pending_call *call) {
  unlink_call (client, call);
  if (call->fd >= 0) close (call->fd);
  eva__wire_wipe (call->command, strlen (call->command));
  free (call);
}

/* --- Sending ---------------------------------------------------------------------------------- */

/* Queues the descriptor of CALL, which belongs to the command's first octet.  Returns as
   eva_conn_send_fd.  */
static int
queue_fd (assuan_context_t ctx, struct eva_pending_call *call) {
  int rc = eva__outgoing_fd_send (ctx, call->fd);

  /* So many may wait in the queue.  */
  if (rc == EVA_E_LIMIT && !eva__ctx_flush (ctx)) rc = eva__outgoing_fd_send (ctx, call->fd);
  if (!rc) call->fd = -1;
  return rc;
}

/* Queues the line of CALL.  That it cannot leave is the end of the connection, and told by that.  */
static gpg_error_t
send_call (struct eva__client *client, struct eva_pending_call *call, bool has_fd) {
  assuan_context_t ctx = context_of (client);
  int rc;

  eva__ctx_mark_output (ctx, call->is_secret);
  rc = eva_conn_command (ctx->conn, call->command);
  eva__ctx_mark_output (ctx, false);
  /* The descriptor must not leave with another line.  */
  if (rc && has_fd) eva__drive_fail (&client->driven.at.drive, eva__ctx_conn_error (ctx, rc));
  if (rc) return eva__ctx_not_said (ctx, rc);
  call->is_sent = true;
  client->unsent = call->next;
  eva__ctx_said (ctx, 0);
  return 0;
}

/* The same; an error ends CALL.  Returns false if it has to wait, until other descriptors left.  */
static bool
try_to_send (struct eva__client *client, struct eva_pending_call *call) {
  assuan_context_t ctx = context_of (client);
  bool has_fd = call->fd >= 0;
  int rc = has_fd ? queue_fd (ctx, call) : 0;
  gpg_error_t err;

  if (rc == EVA_E_LIMIT) return false;
  err = rc ? eva__ctx_conn_error (ctx, rc) : send_call (client, call, has_fd);
  if (err) eva__call_end (call, err, NULL);
  return true;
}

/* Returns true if CALL, the first that was not sent, may be: all before it were answered, or it
   need not wait for that.  It has to behind one that was given up: should the server inquire there,
   CAN must come next.  */
static bool
may_send (const struct eva__client *client, const struct eva_pending_call *call) {
  const struct eva__drive *drive = &client->driven.at.drive;
  enum eva_conn_state state;

  if (client->stage != EVA__CLIENT_READY || drive->closing || drive->over) return false;
  if (call != client->calls && (client->n_given_up || !(call->cb.flags & EVA_CALL_AHEAD)))
    return false;
  if (eva_conn_output_len (drive->ctx->conn) > client->driven.limits.high_water_len) return false;
  state = eva_conn_get_state (drive->ctx->conn);
  return state == EVA_STATE_IDLE || state == EVA_STATE_PENDING;
}

void
eva__call_send_all (struct eva__client *client) {
  assuan_context_t ctx = context_of (client);

  while (!ctx->released && client->unsent && may_send (client, client->unsent))
    if (!try_to_send (client, client->unsent)) break;
}

/* --- Ending ----------------------------------------------------------------------------------- */

void
eva__call_drain (struct eva__client *client) {
  assuan_context_t ctx = context_of (client);
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

void
eva__call_end (struct eva_pending_call *call, gpg_error_t err, const char *text) {
  void (*done) (void *, gpg_error_t, const char *) = call->cb.done;
  struct eva__client *client = call->client;
  assuan_context_t ctx = context_of (client);
  bool is_ours = eva__ctx_is_ours (ctx);
  void *arg = call->arg;

  if (call->is_ended) return;
  eva__ctx_enter (ctx);
  call->is_ended = true;
  call->cb = (struct eva_callbacks) { 0 };
  if (call->is_sent)
    client->n_given_up++;
  else
    remove_call (client, call);
  /* Also if CALL had its reply: the next one may be given up, and done may run the loop.  */
  if (is_ours) eva__call_drain (client);
  if (done && is_ours) done (arg, err, text);
  eva__ctx_leave (ctx);
}

/* Callbacks may make new calls, which end as well: the connection is over or about to be.  */
void
eva__call_end_all (struct eva__client *client, gpg_error_t err) {
  struct eva_pending_call *call = client->calls;

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
  while (client->calls)
    remove_call (client, client->calls);
}

/* --- Time ------------------------------------------------------------------------------------- */

/* Returns a call whose time is over, or NULL, and the next deadline of the others.  One that is told
   of a line just now is not told of its end within that.  */
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
  assuan_context_t ctx = context_of (client);
  struct eva_pending_call *call;

  if (now_ns < client->deadline_ns) return;
  while (!ctx->released && (call = find_expired (client, now_ns)))
    eva__call_end (call, eva__ctx_error (ctx, GPG_ERR_TIMEOUT), NULL);
}

/* --- The interface ---------------------------------------------------------------------------- */

/* Lines that get no reply are no commands; one with nothing but a CR is an empty one.  */
static gpg_error_t
check_command (assuan_context_t ctx, const char *command) {
  size_t len;

  if (!command || !*command || *command == '#' || !strcmp (command, "\r"))
    return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  len = strcspn (command, "\n");
  if (command[len]) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  return len > EVA_LINE_MAX ? eva__ctx_error (ctx, GPG_ERR_ASS_LINE_TOO_LONG) : 0;
}

/* Gives CALL the callbacks, and a descriptor of its own: the call may be sent long after the program
   has closed the one that it gave.  */
static gpg_error_t
fill (struct eva__client *client, struct eva_pending_call *call, const struct eva_callbacks *cb) {
  call->fd = -1;
  call->deadline_ns = EVA_NO_DEADLINE;
  if (!cb) return 0;
  call->cb = *cb;
  if (cb->timeout_ms) call->deadline_ns = eva_now () + (uint64_t) cb->timeout_ms * 1000000u;
  if (!cb->has_fd) return 0;
  if (!eva__client_passes_fds (client))
    return eva__ctx_error (context_of (client), GPG_ERR_NOT_SUPPORTED);
  call->fd = fcntl (cb->fd, F_DUPFD_CLOEXEC, 3);
  return call->fd < 0 ? eva__ctx_syserror (context_of (client)) : 0;
}

gpg_error_t
eva_call (assuan_context_t ctx, const char *command, const struct eva_callbacks *callbacks,
          void *arg, struct eva_pending_call **ret_call) {
  struct eva__client *client = eva__client_of (ctx);
  gpg_error_t err = check_command (ctx, command);
  struct eva_pending_call *call;
  size_t size;

  if (!client) return eva__ctx_error (ctx, GPG_ERR_NOT_SUPPORTED);
  if (err) return err;
  if (ctx->released || client->stage == EVA__CLIENT_OVER || client->driven.at.drive.over
      || client->driven.at.drive.closing)
    return eva__ctx_error (ctx, GPG_ERR_EPIPE);
  size = strlen (command) + 1;
  call = calloc (1, sizeof *call + size);
  if (!call) return eva__ctx_error (ctx, GPG_ERR_ENOMEM);
  call->client = client;
  call->arg = arg;
  call->is_secret = ctx->flags.confidential;
  call->id = ++client->last_id;
  memcpy (call->command, command, size);
  err = fill (client, call, callbacks);
  if (err) {
    eva__wire_wipe (call->command, size);
    free (call);
    return err;
  }
  append (client, call);
  if (call->deadline_ns < client->deadline_ns) client->deadline_ns = call->deadline_ns;
  if (client->stage == EVA__CLIENT_DIALLING)
    eva__dial_set_timer (client);
  else
    eva__drive_wake (&client->driven.at.drive);
  if (ret_call) *ret_call = call;
  return 0;
}

void
eva_call_cancel (struct eva_pending_call *call) {
  if (!call) return;
  eva__call_end (call, eva__ctx_error (context_of (call->client), GPG_ERR_CANCELED), NULL);
}

assuan_context_t
eva_call_get_context (struct eva_pending_call *call) {
  return context_of (call->client);
}

/* --- Answers ---------------------------------------------------------------------------------- */

/* The END or CAN comes once: after it the call waits for its reply, or for the next inquiry.  */
static gpg_error_t
answer (struct eva_pending_call *call, const void *buf, size_t len) {
  assuan_context_t ctx = context_of (call->client);
  gpg_error_t err;

  if (!call->is_inquiring) return eva__ctx_error (ctx, GPG_ERR_ASS_GENERAL);
  if (!buf) call->is_inquiring = false;
  eva__ctx_enter (ctx);
  eva__ctx_mark_output (ctx, call->is_secret);
  err = assuan_send_data (ctx, buf, len);
  eva__ctx_mark_output (ctx, false);
  eva__ctx_leave (ctx);
  return err;
}

gpg_error_t
eva_answer_data (struct eva_pending_call *call, const void *buf, size_t len) {
  if (!buf && len) return eva__ctx_error (context_of (call->client), GPG_ERR_ASS_INV_VALUE);
  return answer (call, buf ? buf : "", len);
}

gpg_error_t
eva_answer_end (struct eva_pending_call *call) {
  return answer (call, NULL, 0);
}

gpg_error_t
eva_answer_cancel (struct eva_pending_call *call) {
  return answer (call, NULL, 1);
}
