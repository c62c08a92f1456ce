/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* client.c - a client in a loop: what comes from its server goes to the first of its calls.

   The eva_conn drops a reply that was given up (eva_conn_drain), so the next one always belongs to
   the call that is the first then.  */

#include "client/client.h"

#include "assuan/connection.h"
#include "assuan/error.h"
#include "assuan/lifetime.h"
#include "assuan/outgoing.h"
#include "client/calls.h"
#include "client/dial.h"
#include "client/launch.h"
#include "client/reaper.h"
#include "client/reason.h"
#include "client/reply.h"
#include "client/stderr.h"
#include "client/tunnel.h"
#include "io/process.h"
#include "wire/wipe.h"

#include <stdlib.h>
#include <string.h>

struct eva__client *
eva__client_of (assuan_context_t ctx) {
  if (!ctx || !ctx->drive || ctx->drive->class->ops != &eva__client_ops) return NULL;
  return EVA__CONTAINER (struct eva__client, driven.at.drive, ctx->drive);
}

const char *
eva_get_greeting (assuan_context_t ctx) {
  struct eva__client *client = eva__client_of (ctx);

  return client ? client->greeting : NULL;
}

const char *
eva_get_reason (assuan_context_t ctx) {
  struct eva__client *client = eva__client_of (ctx);

  return client ? client->reason : NULL;
}

bool
eva_is_orderly (gpg_error_t err) {
  gpg_err_code_t code = gpg_err_code (err);

  return code == GPG_ERR_EOF || code == GPG_ERR_CANCELED;
}

bool
eva__client_is_connected_by_us (assuan_context_t ctx) {
  struct eva__client *client = eva__client_of (ctx);

  return client && client->home;
}

struct eva__client *
eva__client_new (void) {
  struct eva__client *client = calloc (1, sizeof *client);

  if (!client) return NULL;
  eva__driven_init (&client->driven, &eva__client_ops);
  client->last = &client->calls;
  client->deadline_ns = client->greeting_deadline_ns = EVA_NO_DEADLINE;
  client->dial_fd = -1;
  client->child = ASSUAN_INVALID_PID;
  return client;
}

static bool
hears_secret (const struct eva__drive *drive) {
  const struct eva_pending_call *call =
      EVA__CONTAINER (const struct eva__client, driven.at.drive, drive)->calls;

  return call && call->is_sent && call->is_secret;
}

/* --- What comes ------------------------------------------------------------------------------- */

/* Calls were queued since eva_connect.  None is sent before the greeting: the other end may be no
   Assuan server at all.  */
static void
greeted (struct eva__client *client, const char *text) {
  assuan_context_t ctx = client->driven.at.drive.ctx;

  client->stage = EVA__CLIENT_READY;
  client->greeting_deadline_ns = EVA_NO_DEADLINE;
  client->greeting = text;
  if (client->config.ready) client->config.ready (ctx, client->config.arg);
  client->greeting = NULL;
  if (!ctx->released) eva__call_send_all (client);
}

/* A line before the greeting is over.  A server that refuses says ERR, and the client believes
   it.  */
static void
on_greeting (struct eva__client *client, const struct eva_event *ev) {
  struct eva__drive *drive = &client->driven.at.drive;

  switch (ev->type) {
  case EVA_EVENT_OK:
    greeted (client, ev->text_len ? ev->text : NULL);
    break;
  case EVA_EVENT_ERR:
    client->is_refused = true;
    client->reason = *ev->text ? strdup (ev->text) : NULL;
    eva__drive_fail (drive,
                     ev->code ? ev->code : eva__ctx_error (drive->ctx, GPG_ERR_ASS_CONNECT_FAILED));
    break;
  default: /* what may stand before it, or the end of file */
    break;
  }
}

/* Data without a callback are an error, as in assuan_transact: a caller that forgot the callback
   would otherwise take the reply for complete.  */
static gpg_error_t
on_data (struct eva_pending_call *call, const struct eva_event *ev) {
  bool is_end = ev->type == EVA_EVENT_END;

  if (call->cb.replied) return is_end ? 0 : eva__reply_add_data (call, ev->text, ev->text_len);
  if (!call->cb.data)
    return eva__ctx_error (call->client->driven.at.drive.ctx, GPG_ERR_ASS_NO_DATA_CB);
  return call->cb.data (call->arg, is_end ? NULL : ev->text, is_end ? 0 : ev->text_len);
}

static gpg_error_t
on_status (struct eva_pending_call *call, const struct eva_event *ev) {
  bool conveys = call->client->driven.at.drive.ctx->flags.convey_comments;

  if (ev->type == EVA_EVENT_COMMENT && !conveys) return 0;
  if (call->cb.replied) return eva__reply_add_status (call, ev->text);
  if (!call->cb.status) return 0;
  return call->cb.status (call->arg, ev->text);
}

static gpg_error_t
on_comment (struct eva_pending_call *call, const struct eva_event *ev) {
  return call->cb.comment ? call->cb.comment (call->arg, ev->text) : on_status (call, ev);
}

/* Every error, also that of a call which answers nothing, leaves by eva__call_end, which says CAN:
   the server must not wait for an answer that never comes.  */
static gpg_error_t
on_inquiry (struct eva_pending_call *call, const struct eva_event *ev) {
  if (!call->cb.inquire)
    return eva__ctx_error (call->client->driven.at.drive.ctx, GPG_ERR_ASS_NO_INQUIRE_CB);
  call->is_inquiring = true;
  return call->cb.inquire (call->arg, call, ev->text);
}

/* The last line of a reply.  The call is taken off the list first: its callback may make others.
   The callback may also run the loop, where other calls get their replies, so the text is a copy.
   A text that begins with a NUL is empty as a string, and counts as none.  */
static void
on_final (struct eva__client *client, const struct eva_event *ev) {
  assuan_context_t ctx = client->driven.at.drive.ctx;
  bool has_text = ev->text_len && *ev->text;
  char text[EVA_LINE_SIZE];
  gpg_error_t err = 0;

  if (ev->type == EVA_EVENT_ERR)
    err = ev->code ? ev->code : eva__ctx_error (ctx, GPG_ERR_ASS_INV_RESPONSE);
  client->calls->is_sent = false; /* no reply is to come */
  if (has_text) memcpy (text, ev->text, ev->text_len + 1);
  eva__call_end (client->calls, err, has_text ? text : NULL);
  if (has_text) eva__wire_wipe (text, ev->text_len);
}

static gpg_error_t
tell_line (struct eva_pending_call *call, const struct eva_event *ev) {
  switch (ev->type) {
  case EVA_EVENT_DATA:
  case EVA_EVENT_END:
    return on_data (call, ev);
  case EVA_EVENT_COMMENT:
    return on_comment (call, ev);
  case EVA_EVENT_STATUS:
    return on_status (call, ev);
  case EVA_EVENT_INQUIRE:
    return on_inquiry (call, ev);
  default:
    return 0;
  }
}

/* A line of the reply to CALL, the first one.  A callback may end CALL itself, or release the
   context; an error of it ends CALL.  If it runs the loop, CALL and the lines behind this one wait,
   while the other calls have their deadlines.  */
static void
on_reply (struct eva_pending_call *call, const struct eva_event *ev) {
  struct eva__client *client = call->client;
  assuan_context_t ctx = client->driven.at.drive.ctx;
  uint64_t id = call->id;
  gpg_error_t err;

  client->driven.at.drive.in_line = true;
  client->talking_id = id;
  err = tell_line (call, ev);
  client->talking_id = 0;
  client->driven.at.drive.in_line = false;
  call = client->calls;
  if (ctx->released || !call || call->id != id) return;
  if (call->deadline_ns < client->deadline_ns) client->deadline_ns = call->deadline_ns;
  if (err) eva__call_end (call, err, NULL);
}

static void
on_event (struct eva__drive *drive, int rc, const struct eva_event *ev) {
  struct eva__client *client = EVA__CONTAINER (struct eva__client, driven.at.drive, drive);
  assuan_context_t ctx = drive->ctx;
  struct eva_pending_call *call = client->calls;

  if (rc == EVA_E_TRUNCATED) return;                              /* the end of file comes next */
  if (rc == EVA_E_STATE && client->stage == EVA__CLIENT_GREETING) /* no greeting */
    eva__drive_fail (drive, eva__ctx_error (ctx, GPG_ERR_ASS_CONNECT_FAILED));
  else if (rc == EVA_E_STATE) /* an answer to nothing: it is unknown what the next one answers */
    eva__drive_fail (drive, eva__ctx_error (ctx, GPG_ERR_ASS_INV_RESPONSE));
  else if (rc < 0)
    eva__drive_fail (drive, eva__ctx_conn_error (ctx, rc));
  else if (client->stage == EVA__CLIENT_GREETING)
    on_greeting (client, ev);
  else if (!call || !call->is_sent || ev->type == EVA_EVENT_SKIPPED)
    ; /* a status line between replies, or a line of one that was given up */
  else if (ev->type == EVA_EVENT_OK || ev->type == EVA_EVENT_ERR)
    on_final (client, ev);
  else
    on_reply (call, ev);
  if (ctx->released || drive->over) return;
  eva__call_drain (client);
  eva__call_send_all (client);
}

/* --- Time ------------------------------------------------------------------------------------- */

/* calls.c keeps the earliest deadline of all calls.  */
static uint64_t
get_deadline (struct eva__drive *drive) {
  struct eva__client *client = EVA__CONTAINER (struct eva__client, driven.at.drive, drive);
  uint64_t greeting_ns = client->greeting_deadline_ns;

  return client->deadline_ns < greeting_ns ? client->deadline_ns : greeting_ns;
}

static void
at_deadline (struct eva__drive *drive, uint64_t now_ns) {
  struct eva__client *client = EVA__CONTAINER (struct eva__client, driven.at.drive, drive);

  if (now_ns >= client->greeting_deadline_ns)
    eva__drive_fail (drive, eva__ctx_error (drive->ctx, GPG_ERR_TIMEOUT));
  else
    eva__call_expire (client, now_ns);
  if (!drive->ctx->released && !drive->over) eva__call_send_all (client);
}

/* --- The end ---------------------------------------------------------------------------------- */

/* Nothing leaves any more, however long the program keeps the context.  */
static void
drop_output (assuan_context_t ctx) {
  if (!ctx->conn) return;
  eva_conn_close (ctx->conn);
  eva_conn_sent (ctx->conn, SIZE_MAX);
  eva__outgoing_fd_drop_all (ctx);
}

/* A server that refused has said why; one that just left may have told its stderr, and of one that
   never came the library knows something.  */
static void
find_reason (struct eva__client *client, enum eva__client_stage stage, gpg_error_t err) {
  const char *line = eva__stderr_finish (client);

  if (line && !client->reason) client->reason = strdup (line);
  eva__reason_find (client, stage, err);
}

/* The connection is over.  A server that leaves before it greets, in the time in which others are
   tried again, was about to end: the client has sent nothing yet.  */
static void
lost (struct eva__drive *drive) {
  struct eva__client *client = EVA__CONTAINER (struct eva__client, driven.at.drive, drive);
  enum eva__client_stage stage = client->stage;

  if (client->stage == EVA__CLIENT_GREETING && !client->dials_anew)
    client->dials_anew = eva__dial_may_begin_anew (client);
  if (client->stage == EVA__CLIENT_GREETING && client->dials_anew) return;
  client->stage = EVA__CLIENT_OVER;
  find_reason (client, stage, drive->over);
  if (drive->ctx->released) return; /* by a callback for the lines of stderr */
  drop_output (drive->ctx);
  if (client->calls) drive->is_owed = true;
  eva__call_end_all (client, drive->over);
}

static void
over (struct eva__drive *drive) {
  struct eva__client *client = EVA__CONTAINER (struct eva__client, driven.at.drive, drive);

  lost (drive);
  if (client->stage == EVA__CLIENT_GREETING)
    eva__dial_anew (client);
  else if (!drive->ctx->released)
    eva__driven_over (drive);
}

/* A server that assuan_pipe_connect started may take its time to end, and the loop must not wait
   for it.  A hook of the program, which may keep books, has to do it.  */
static void
take_child (struct eva__client *client) {
  assuan_context_t ctx = client->driven.at.drive.ctx;
  bool waits = ctx->is_child && !ctx->flags.no_waitpid && !ctx->was_reaped;
  bool is_asked = eva__io_sys_has_own_waitpid (&ctx->shared->sys);

  if (!client->driven.at.loop || !waits || is_asked || !eva__ctx_is_ours (ctx)) return;
  ctx->is_child = false;
  client->child = ctx->pid;
  client->child_of = eva__io_this_process ();
  client->reaper = client->driven.at.loop;
}

/* The program does not want the context any more.  Its calls still learn that they will not be
   answered, because they may own memory.  */
static void
release (struct eva__drive *drive) {
  struct eva__client *client = EVA__CONTAINER (struct eva__client, driven.at.drive, drive);

  eva__dial_stop (client);
  eva__stderr_stop (client);
  if (client->home) eva__loop_cancel_task (client->home, &client->fail_task);
  take_child (client);
  eva__attached_stop (&client->driven.at);
  client->stage = EVA__CLIENT_OVER;
  eva__call_end_all (client, eva__ctx_error (drive->ctx, GPG_ERR_CANCELED));
}

/* By now the connection is closed: the child has seen its end.  */
static void
free_client (struct eva__drive *drive) {
  struct eva__client *client = EVA__CONTAINER (struct eva__client, driven.at.drive, drive);

  eva__call_forget_all (client);
  if (client->child != ASSUAN_INVALID_PID && client->child_of == eva__io_this_process ())
    eva__reaper_new (client->reaper, client->child);
  eva__tunnel_free (client);
  eva__launch_free (client);
  if (client->home) eva__loop_reserve_timers (client->home, -1);
  eva__stderr_free (client);
  free (client->address);
  free (client->reason);
  free (client);
}

/* Takes leave of the server.  No new calls can be made by then: a program that makes one whenever
   one ends would go on forever.  */
static void
hang_up (struct eva__client *client, gpg_error_t reason) {
  bool has_greeted = client->stage == EVA__CLIENT_READY;
  assuan_context_t ctx = client->driven.at.drive.ctx;

  client->stage = EVA__CLIENT_OVER;
  client->greeting_deadline_ns = EVA_NO_DEADLINE;
  eva__call_end_all (client, reason);
  if (ctx->released) return;
  if (has_greeted) eva_conn_line (ctx->conn, "BYE", 3);
  eva__drive_close (&client->driven.at.drive, reason);
}

static void
close_client (struct eva__drive *drive) {
  struct eva__client *client = EVA__CONTAINER (struct eva__client, driven.at.drive, drive);
  assuan_context_t ctx = drive->ctx;
  gpg_error_t reason = eva__ctx_error (ctx, GPG_ERR_CANCELED);

  if (client->stage == EVA__CLIENT_OVER) return;
  eva__ctx_enter (ctx);
  /* The closed function is never called from within the call that caused it.  */
  if (client->stage == EVA__CLIENT_DIALLING)
    eva__dial_fail_soon (client, reason);
  else
    hang_up (client, reason);
  eva__ctx_leave (ctx);
}

/* Returns the loop also while there is no connection.  */
static eva_loop *
get_loop (const struct eva__drive *drive) {
  const struct eva__client *client =
      EVA__CONTAINER (const struct eva__client, driven.at.drive, drive);

  return client->home ? client->home : eva__driven_get_loop (drive);
}

const struct eva__drive_ops eva__client_ops = {
  .wake = eva__attached_wake,
  .now = eva_now,
  .lost = lost,
  .over = over,
  .on_event = on_event,
  .hears_secret = hears_secret,
  .get_deadline = get_deadline,
  .at_deadline = at_deadline,
  .close = close_client,
  .set_limits = eva__driven_set_limits,
  .get_loop = get_loop,
  .is_ours = eva__attached_is_ours,
  .release = release,
  .free = free_client,
};
