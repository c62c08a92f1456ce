/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* exchange.c - one line of a shell and its reply.

   A shell prints replies as they were on the wire.  So it takes them from the monitor of the
   connection: the callbacks of a call get decoded data.  */

#include "exchange.h"
#include "message.h"
#include "secret.h"
#include "settings.h"
#include "terminal.h"
#include "text.h"
#include "wait.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* --- Printing --------------------------------------------------------------------------------- */

static void
put (const char *buf, size_t len, bool keeps_lf) {
  if (terminal_is (stdout))
    text_print (stdout, buf, len, keeps_lf);
  else
    fwrite (buf, 1, len, stdout);
}

static void
put_line (const char *line, size_t len) {
  put (line, len, false);
  putchar ('\n');
}

/* Rows of 16 octets, as they are on the wire.  */
static void
put_hex (const char *buf, size_t len) {
  for (size_t at = 0; at < len; at += 16) {
    printf ("D[%04zX] ", at);
    for (size_t i = 0; i < 16; i++) {
      if (i == 8) putchar (' ');
      if (at + i < len)
        printf (" %02X", (unsigned char) buf[at + i]);
      else
        fputs ("   ", stdout);
    }
    fputs ("   ", stdout);
    for (size_t i = at; i < at + 16; i++)
      putchar (i >= len                                               ? ' '
               : isascii (buf[i]) && isprint ((unsigned char) buf[i]) ? buf[i]
                                                                      : '.');
    putchar ('\n');
  }
}

/* Each line begins with `D `; two lines of data are not kept apart.  */
static void
put_decoded (struct exchange *e, const char *buf, size_t len) {
  const char *end = buf + len;

  for (const char *lf; buf < end; buf = lf) {
    lf = memchr (buf, '\n', (size_t) (end - buf));
    lf = lf ? lf + 1 : end;
    fputs ("D ", stdout);
    put (buf, (size_t) (lf - buf), true);
    e->has_open_line = lf[-1] != '\n';
  }
}

static void
end_open_line (struct exchange *e) {
  if (e->has_open_line) putchar ('\n');
  e->has_open_line = false;
}

static void
put_data (struct exchange *e, const char *buf, size_t len) {
  char *text = text_part (buf, len), *decoded;
  size_t n;

  decoded = text_unescape (text, &n);
  if (e->data_file)
    fwrite (decoded, 1, n, e->data_file);
  else
    put_decoded (e, decoded, n);
  explicit_bzero (decoded, n);
  free (decoded);
  secret_free (text);
}

static void
show_reply (struct exchange *e, const char *line, size_t len) {
  bool is_data = len >= 2 && line[0] == 'D' && line[1] == ' ';
  bool is_decoded = e->data_file || (e->decodes && !e->is_hex);

  if (is_data && is_decoded) {
    put_data (e, line + 2, len - 2);
  } else if (is_data && e->is_hex) {
    put_hex (line + 2, len - 2);
  } else if (e->data_file != stdout) { /* data alone */
    end_open_line (e);
    put_line (line, len);
  }
}

/* --- The wire --------------------------------------------------------------------------------- */

/* Calls are made one after the other: so what comes during a call is its reply.  */
static unsigned int
on_line (assuan_context_t ctx, void *hook, int inout, const char *line, size_t len) {
  struct exchange *e = hook;

  if (e->connection.watch) connection_show_line (ctx, &e->connection, inout, line, len);
  if (inout != ASSUAN_IO_FROM_PEER || settings.is_json) return 0;
  if (e->is_pending)
    show_reply (e, line, len);
  else if (e->interject)
    e->interject (line, len);
  else
    put_line (line, len);
  return 0;
}

/* --- Callbacks -------------------------------------------------------------------------------- */

static gpg_error_t
on_data (void *arg, const void *buf, size_t len) {
  struct exchange *e = arg;

  if (settings.is_json) output_data (&e->output, buf, len);
  return 0;
}

static gpg_error_t
on_status (void *arg, const char *text) {
  struct exchange *e = arg;

  if (settings.is_json) output_status (&e->output, text);
  return 0;
}

static gpg_error_t
on_comment (void *arg, const char *text) {
  struct exchange *e = arg;

  if (settings.is_json) output_comment (&e->output, text);
  return 0;
}

static void
on_answered (void *arg, enum status status) {
  struct exchange *e = arg;

  if (!e->status) e->status = status;
}

static gpg_error_t
on_inquiry (void *arg, struct eva_pending_call *call, const char *text) {
  static char none[] = "";
  static struct inquiry_rule ask = {
    .keyword = none, .kind = INQUIRY_ASK, .value = none, .may_cancel = true
  };
  struct exchange *e = arg;
  const struct inquiry_rule *rule = e->find_rule (text);
  char *keyword = text_part (text, strcspn (text, " "));

  ask.echoes = !secret_is_inquiry (keyword);
  free (keyword);
  fflush (stdout);
  if (!rule && e->is_interactive) rule = &ask;
  if (settings.is_json)
    output_inquiry (&e->output, text, rule ? inquiry_kind_name (rule) : "cancel");
  if (rule)
    inquiry_answer (rule, call, text, &e->client);
  else
    return eva_answer_cancel (call);
  return 0;
}

static void
on_done (void *arg, gpg_error_t err, const char *text) {
  struct exchange *e = arg;

  inquiry_answer_free (e->client.answer);
  end_open_line (e);
  e->is_done = true;
  e->is_pending = false;
  e->call = NULL;
  e->err = err;
  if (settings.is_json && !e->connection.is_over && gpg_err_code (err) != GPG_ERR_CANCELED) {
    if (err)
      output_err (&e->output, err, text);
    else
      output_ok (&e->output, text);
  }
  fflush (stdout);
}

/* --- The interface ---------------------------------------------------------------------------- */

enum status
exchange_open (struct exchange *e, struct address *address, unsigned int flags) {
  enum status status = connection_open (&e->connection, address, flags);

  if (status) return status;
  e->client = (struct inquiry_client) { .done = on_answered, .arg = e };
  output_hello (&e->output, e->connection.greeting);
  exchange_watch (e);
  return STATUS_OK;
}

void
exchange_watch (struct exchange *e) {
  assuan_set_io_monitor (e->connection.ctx, on_line, e);
}

void
exchange_close (struct exchange *e) {
  connection_close (&e->connection);
}

static enum status
say_without_reply (struct exchange *e, const char *line) {
  gpg_error_t err = assuan_write_line (e->connection.ctx, line);

  if (!err) return STATUS_OK;
  return message_fail (STATUS_CONNECTION, "%s: %s", e->connection.address->text,
                       gpg_strerror (err));
}

enum status
exchange_line (struct exchange *e, const char *line, int fd) {
  const struct eva_callbacks callbacks = { .data = on_data,
                                           .status = on_status,
                                           .comment = on_comment,
                                           .inquire = on_inquiry,
                                           .done = on_done,
                                           .has_fd = fd >= 0,
                                           .fd = fd };
  enum status status;

  if (e->connection.is_over) return connection_fail_over (&e->connection, line);
  if (!*line || *line == '#') return say_without_reply (e, line);
  output_command (&e->output);
  e->is_done = false;
  e->is_pending = true;
  e->status = STATUS_OK;
  e->err = 0;
  wait_restart_timeout ();
  status = connection_call (&e->connection, line, &callbacks, e, &e->call);
  if (!status) status = wait_until (&e->is_done);
  if (e->call) eva_call_cancel (e->call);
  e->is_pending = false;
  if (!status && e->connection.is_over) return connection_fail_over (&e->connection, line);
  if (!status) status = e->status;
  return !status && e->err ? STATUS_ERR : status;
}
