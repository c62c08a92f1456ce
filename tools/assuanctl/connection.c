/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* connection.c - a client's connection to a server.  */

#include "connection.h"
#include "message.h"
#include "secret.h"
#include "session.h"
#include "settings.h"
#include "text.h"
#include "wait.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* How long a server that was started may take to listen, and how often the tool tries.  */
#define START_TRIES    50
#define START_PAUSE_MS 100

/* --- Callbacks -------------------------------------------------------------------------------- */

static void
on_ready (assuan_context_t ctx, void *arg) {
  struct connection *c = arg;
  const char *text = eva_get_greeting (ctx);

  c->greeting = text ? text_dup (text) : NULL;
  c->is_decided = true;
}

static void
on_closed (assuan_context_t ctx, void *arg, gpg_error_t err) {
  struct connection *c = arg;
  bool was_made = c->is_decided;

  (void) ctx;
  c->is_decided = c->is_over = true;
  c->over = err;
  if (was_made && c->lost) c->lost ();
}

/* --- The wire, with --verbose ----------------------------------------------------------------- */

unsigned int
connection_show_line (assuan_context_t ctx, void *hook, int inout, const char *line, size_t len) {
  bool is_from_server = inout == ASSUAN_IO_FROM_PEER;
  struct connection *c = hook;
  enum secret_class class;
  size_t shown_len;
  char *shown = secret_watch_line (c->watch, is_from_server, line, len, &shown_len, &class);

  (void) ctx;
  fputs (is_from_server ? "< " : "> ", stderr);
  text_print (stderr, shown, shown_len, false);
  putc ('\n', stderr);
  free (shown);
  return 0;
}

static void
watch (struct connection *c) {
  if (!settings.is_verbose) return;
  secret_watch_free (c->watch);
  c->watch = secret_watch_new ();
  assuan_set_io_monitor (c->ctx, connection_show_line, c);
}

/* --- Failing ---------------------------------------------------------------------------------- */

/* Why there is no connection.  */
static const char *
find_why (const struct connection *c, gpg_error_t err) {
  const char *why = c->ctx ? eva_get_reason (c->ctx) : eva_loop_get_failure (wait_loop ());

  why = why ? address_skip (c->address, "cannot connect to", why) : gpg_strerror (err);
  /* It has this program's stderr.  */
  if (c->address->kind == ADDRESS_SSH && !strcmp (why, gpg_strerror (err)))
    return "ssh has said why";
  return why;
}

static enum status
fail_connect (struct connection *c, gpg_error_t err, unsigned int flags) {
  bool is_usage = gpg_err_code (err) == GPG_ERR_INV_ARG;

  c->is_over = true;
  c->over = err;
  if (flags & CONNECTION_SILENT) return STATUS_CONNECTION;
  return message_fail (is_usage ? STATUS_USAGE : STATUS_CONNECTION, "%s: cannot connect: %s",
                       c->address->text, find_why (c, err));
}

static enum status
fail_over (struct connection *c, const char *colon, const char *command) {
  const char *name = c->address->text;

  switch (gpg_err_code (c->over)) {
  case GPG_ERR_EOF:
  case GPG_ERR_EPIPE:
  case GPG_ERR_ECONNRESET:
    return message_fail (STATUS_CONNECTION, "%s%s%s: the server closed the connection", name, colon,
                         command);
  case GPG_ERR_ASS_INV_RESPONSE:
  case GPG_ERR_ASS_LINE_TOO_LONG:
  case GPG_ERR_ASS_INCOMPLETE_LINE:
    return message_fail_protocol ("%s%s%s: the server breaks the protocol: %s", name, colon,
                                  command, gpg_strerror (c->over));
  default:
    return message_fail (STATUS_CONNECTION, "%s%s%s: the connection is over: %s", name, colon,
                         command, gpg_strerror (c->over));
  }
}

enum status
connection_fail_over (struct connection *c, const char *command) {
  char *shown = secret_show_command (command ? command : "");
  enum status status = fail_over (c, command ? ": " : "", shown);

  free (shown);
  return status;
}

/* --- Connecting ------------------------------------------------------------------------------- */

/* Returns 0 when the server greeted, the error if it did not; stores at RET_STATUS what else ended
   the waiting.  */
static gpg_error_t
try_connect (struct connection *c, enum status *ret_status) {
  struct eva_connect_config config = {
    .flags = EVA_CONNECT_STDERR | (address_passes_fds (c->address) ? EVA_CONNECT_FDPASSING : 0),
    .ready = on_ready,
    .closed = on_closed,
    .arg = c,
    .argv = c->address->argv,
  };
  gpg_error_t err;

  /* Most programs speak through 0 and 1 alone.  */
  if (c->address->kind == ADDRESS_EXEC && !(c->flags & CONNECTION_FDS))
    config.flags &= ~EVA_CONNECT_FDPASSING;
  assuan_release (c->ctx);
  c->ctx = NULL;
  c->is_decided = c->is_over = false;
  err = eva_connect (wait_loop (), c->address->eva, &config, &c->ctx);
  if (err) return err;
  watch (c);
  *ret_status = wait_until (&c->is_decided);
  return c->is_over ? c->over : 0;
}

/* A daemon that has just been started may not listen yet.  */
static gpg_error_t
start_and_connect (struct connection *c, enum status *ret_status) {
  gpg_error_t err = 0;

  *ret_status = gnupg_launch (c->address->server);
  for (int i = 0; i < START_TRIES && !*ret_status; i++) {
    bool never = false;
    err = try_connect (c, ret_status);
    if (gpg_err_code (err) != GPG_ERR_ASS_CONNECT_FAILED) return err;
    if (wait_at_most (&never, START_PAUSE_MS) == STATUS_INTERRUPTED)
      *ret_status = STATUS_INTERRUPTED;
  }
  return err;
}

enum status
connection_open (struct connection *c, struct address *address, unsigned int flags) {
  enum status status = STATUS_OK;
  gpg_error_t err;

  *c = (struct connection) { .address = address, .flags = flags };
  err = try_connect (c, &status);
  if (gpg_err_code (err) == GPG_ERR_ASS_CONNECT_FAILED && !status && address->server
      && !(flags & CONNECTION_NO_START))
    err = start_and_connect (c, &status);
  if (status) return status;
  if (err) return fail_connect (c, err, flags);
  if (address->server && address->server->has_session && !(flags & CONNECTION_NO_SESSION))
    return session_tell (c);
  return STATUS_OK;
}

void
connection_close (struct connection *c) {
  assuan_release (c->ctx);
  secret_watch_free (c->watch);
  c->watch = NULL;
  free (c->greeting);
  c->ctx = NULL;
  c->greeting = NULL;
}

/* --- Calling ---------------------------------------------------------------------------------- */

enum status
connection_call (struct connection *c, const char *command, const struct eva_callbacks *callbacks,
                 void *arg, struct eva_pending_call **ret_call) {
  const char *prefix = c->address->server ? c->address->server->prefix : "";
  char *line = text_format ("%s%s", prefix, command);
  gpg_error_t err = eva_call (c->ctx, line, callbacks, arg, ret_call);

  secret_free (line);
  switch (gpg_err_code (err)) {
  case GPG_ERR_NO_ERROR:
    return STATUS_OK;
  case GPG_ERR_ASS_LINE_TOO_LONG:
    return message_fail (STATUS_USAGE, "a command has at most %d octets", ASSUAN_LINELENGTH - 2);
  case GPG_ERR_ASS_INV_VALUE:
    return message_fail (STATUS_USAGE,
                         "this is no command: it is empty, a comment, or has a line feed");
  case GPG_ERR_NOT_SUPPORTED:
    return message_fail (STATUS_USAGE, "%s: no descriptor can be passed there", c->address->text);
  case GPG_ERR_EPIPE:
    return connection_fail_over (c, command);
  default:
    return message_fail (STATUS_LOCAL, "%s: %s", c->address->text, gpg_strerror (err));
  }
}

/* --- Asking ----------------------------------------------------------------------------------- */

struct question {
  struct reply *reply;
  bool is_done;
};

static char *
append (char *old, size_t old_len, const char *more, size_t len) {
  char *text = realloc (old, old_len + len + 1);

  if (!text) abort ();
  if (len) memcpy (text + old_len, more, len);
  text[old_len + len] = 0;
  return text;
}

static gpg_error_t
keep_data (void *arg, const void *buf, size_t len) {
  struct question *q = arg;

  q->reply->data = append (q->reply->data, q->reply->len, buf, len);
  q->reply->len += len;
  return 0;
}

static gpg_error_t
keep_comment (void *arg, const char *text) {
  struct question *q = arg;
  size_t len = q->reply->comments ? strlen (q->reply->comments) : 0;
  char *line;

  text += *text == '#';
  line = text_format ("%s\n", text + (*text == ' '));
  q->reply->comments = append (q->reply->comments, len, line, strlen (line));
  free (line);
  return 0;
}

static void
keep_result (void *arg, gpg_error_t err, const char *text) {
  struct question *q = arg;

  q->reply->err = err;
  q->reply->text = text ? text_dup (text) : NULL;
  q->is_done = true;
}

static gpg_error_t
refuse_inquiry (void *arg, struct eva_pending_call *call, const char *text) {
  (void) arg;
  (void) text;
  return eva_answer_cancel (call);
}

enum status
connection_ask (struct connection *c, const char *command, struct reply *ret) {
  static const struct eva_callbacks callbacks = {
    .data = keep_data, .comment = keep_comment, .done = keep_result, .inquire = refuse_inquiry
  };
  struct eva_pending_call *call = NULL;
  struct question q = { .reply = ret };
  enum status status;

  *ret = (struct reply) { .data = text_dup ("") };
  status = connection_call (c, command, &callbacks, &q, &call);
  if (status) return status;
  status = wait_until (&q.is_done);
  if (!q.is_done) eva_call_cancel (call);
  return !status && c->is_over ? connection_fail_over (c, command) : status;
}

void
reply_deinit (struct reply *reply) {
  free (reply->text);
  free (reply->data);
  free (reply->comments);
}
