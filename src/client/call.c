/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* call.c - making a call, and answering its inquiries.  */

#include "assuan/connection.h"
#include "assuan/error.h"
#include "assuan/lifetime.h"
#include "assuan/say.h"
#include "client/calls.h"
#include "client/dial.h"
#include "io/duration.h"
#include "wire/wipe.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define KNOWN_FLAGS (EVA_CALL_AHEAD | EVA_CALL_LATE_ERRORS)

/* A line that gets no reply is no command; a line with nothing but a CR is an empty one.  */
static gpg_error_t
check_command (assuan_context_t ctx, const char *command) {
  size_t len;

  if (!command || !*command || *command == '#' || !strcmp (command, "\r"))
    return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  len = strcspn (command, "\n");
  if (command[len]) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  return len > EVA_LINE_MAX ? eva__ctx_error (ctx, GPG_ERR_ASS_LINE_TOO_LONG) : 0;
}

/* Gives CALL the callbacks, and a descriptor of its own: the call may be sent long after the
   program has closed the one that it gave.  */
static gpg_error_t
fill (struct eva__client *client, struct eva_pending_call *call, const struct eva_callbacks *cb) {
  call->fd = -1;
  call->deadline_ns = EVA_NO_DEADLINE;
  if (!cb) return 0;
  if (cb->flags & ~KNOWN_FLAGS || (cb->replied && (cb->data || cb->status || cb->done)))
    return eva__ctx_error (eva__client_context (client), GPG_ERR_ASS_INV_VALUE);
  call->cb = *cb;
  if (cb->timeout_ms) call->deadline_ns = eva_now () + eva__io_ns_of_ms (cb->timeout_ms);
  if (!cb->has_fd) return 0;
  if (!eva__client_passes_fds (client))
    return eva__ctx_error (eva__client_context (client), GPG_ERR_NOT_SUPPORTED);
  call->fd = fcntl (cb->fd, F_DUPFD_CLOEXEC, 3);
  return call->fd < 0 ? eva__ctx_syserror (eva__client_context (client)) : 0;
}

/* Returns true if no call can be made any more.  */
static bool
is_over (const struct eva__client *client) {
  const struct eva__drive *drive = &client->driven.at.drive;

  if (drive->ctx->released || client->stage == EVA__CLIENT_OVER || drive->closing) return true;
  return drive->over && !client->fails_late;
}

/* Makes a call that is in no list yet, with room for SIZE octets of its command.  */
static struct eva_pending_call *
new_call (struct eva__client *client, void *arg, size_t size) {
  struct eva_pending_call *call = calloc (1, sizeof *call + size);

  if (!call) return NULL;
  call->client = client;
  call->arg = arg;
  call->is_secret = eva__client_context (client)->flags.confidential;
  call->id = ++client->last_id;
  call->fd = -1;
  call->deadline_ns = EVA_NO_DEADLINE;
  return call;
}

/* Queues a call, or stores NULL and returns an error.  */
static gpg_error_t
queue (struct eva__client *client, const char *command, const struct eva_callbacks *callbacks,
       void *arg, struct eva_pending_call **ret_call) {
  assuan_context_t ctx = eva__client_context (client);
  gpg_error_t err = check_command (ctx, command);
  struct eva_pending_call *call;
  size_t size;

  if (!err && is_over (client)) err = eva__ctx_error (ctx, GPG_ERR_EPIPE);
  if (err) return err;
  size = strlen (command) + 1;
  call = new_call (client, arg, size);
  if (!call) return eva__ctx_error (ctx, GPG_ERR_ENOMEM);
  memcpy (call->command, command, size);
  err = fill (client, call, callbacks);
  if (err) {
    eva__wire_wipe (call->command, size);
    free (call);
    return err;
  }
  eva__call_append (client, call);
  if (call->deadline_ns < client->deadline_ns) client->deadline_ns = call->deadline_ns;
  if (client->stage == EVA__CLIENT_DIALLING)
    eva__dial_set_timer (client);
  else
    eva__drive_wake (&client->driven.at.drive);
  *ret_call = call;
  return 0;
}

/* Lets a call that could not be made end with ERR out of the loop, if CALLBACKS want that, or
   returns ERR.  */
static gpg_error_t
refuse (struct eva__client *client, gpg_error_t err, const struct eva_callbacks *callbacks,
        void *arg, struct eva_pending_call **ret_call) {
  bool is_wanted = callbacks && callbacks->flags & EVA_CALL_LATE_ERRORS;
  struct eva_pending_call *call;

  if (!is_wanted || eva__client_context (client)->released || !client->home) return err;
  call = new_call (client, arg, 1);
  if (!call) return eva__ctx_error (eva__client_context (client), GPG_ERR_ENOMEM);
  call->cb = *callbacks;
  eva__call_fail_soon (call, err);
  *ret_call = call;
  return 0;
}

/* Makes a call of COMMAND, or, if ERR says that there is none, one that fails.  */
static gpg_error_t
make_call (assuan_context_t ctx, const char *command, gpg_error_t err,
           const struct eva_callbacks *callbacks, void *arg, struct eva_pending_call **ret_call) {
  struct eva__client *client = eva__client_of (ctx);
  struct eva_pending_call *call = NULL;

  if (!client) return eva__ctx_error (ctx, GPG_ERR_NOT_SUPPORTED);
  if (!err) err = queue (client, command, callbacks, arg, &call);
  if (err) err = refuse (client, err, callbacks, arg, &call);
  if (!err && ret_call) *ret_call = call;
  return err;
}

gpg_error_t
eva_call (assuan_context_t ctx, const char *command, const struct eva_callbacks *callbacks,
          void *arg, struct eva_pending_call **ret_call) {
  return make_call (ctx, command, 0, callbacks, arg, ret_call);
}

/* The line may be secret, and what is left of it on the stack is wiped.  */
gpg_error_t
eva_vcallf (assuan_context_t ctx, const struct eva_callbacks *callbacks, void *arg,
            struct eva_pending_call **ret_call, const char *format, va_list ap) {
  char line[EVA_LINE_MAX + 1];
  gpg_err_code_t code = gpg_err_code (eva_vformat (line, sizeof line, format, ap));
  gpg_error_t err;

  if (code == GPG_ERR_BUFFER_TOO_SHORT) code = GPG_ERR_ASS_LINE_TOO_LONG;
  err = code ? eva__ctx_error (ctx, code) : 0;
  err = make_call (ctx, line, err, callbacks, arg, ret_call);
  eva__wire_wipe (line, sizeof line);
  return err;
}

gpg_error_t
eva_callf (assuan_context_t ctx, const struct eva_callbacks *callbacks, void *arg,
           struct eva_pending_call **ret_call, const char *format, ...) {
  gpg_error_t err;
  va_list ap;

  va_start (ap, format);
  err = eva_vcallf (ctx, callbacks, arg, ret_call, format, ap);
  va_end (ap);
  return err;
}

void
eva_call_cancel (struct eva_pending_call *call) {
  if (!call) return;
  eva__call_end (call, eva__ctx_error (eva__client_context (call->client), GPG_ERR_CANCELED), NULL);
}

assuan_context_t
eva_call_get_context (struct eva_pending_call *call) {
  return eva__client_context (call->client);
}

/* --- Answers ---------------------------------------------------------------------------------- */

/* The END or CAN comes once: after it the call waits for its reply, or for the next inquiry.  */
static gpg_error_t
answer (struct eva_pending_call *call, const void *buf, size_t len) {
  assuan_context_t ctx = eva__client_context (call->client);
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
  if (!buf && len)
    return eva__ctx_error (eva__client_context (call->client), GPG_ERR_ASS_INV_VALUE);
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
