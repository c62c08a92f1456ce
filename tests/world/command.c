/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* command.c - the commands that every session knows.  See command.h.  */

#include "command.h"

#include <stdio.h>
#include <stdlib.h>

#include "bulk.h"
#include "calls.h"
#include "fake-clock.h"
#include "job.h"
#include "mischief.h"
#include "pattern.h"
#include "session.h"
#include "supplies.h"
#include "weather.h"

/* What stands after a command.  */
struct argument {
  unsigned int key;
  size_t len;
};

static struct argument
parse (const char *line) {
  struct argument a = { 0 };
  char *end;

  a.key = (unsigned int) strtoul (line, &end, 10);
  a.len = strtoul (end, NULL, 10);
  return a;
}

/* --- Beginning and ending --------------------------------------------------------------------- */

/* A handler that finishes its command by returning; where that does not, it says so.  */
static gpg_error_t
finish (struct session *session, gpg_error_t err) {
  assuan_context_t ctx = session->ctx;

  mischief ();
  if (!session->ctx) return err;
  session->active_ns = fake_clock_now ();
  if (session->kind != IN_TURNS) return err;
  err = assuan_process_done (ctx, err);
  if (err && session->ctx) session_check_hurt (session, err);
  return 0;
}

/* A command begins.  */
static struct session *
begin (assuan_context_t ctx, const char *name, const char *line) {
  struct session *session = session_of (ctx);

  tell ("session %u: %s %s", session->number, name, line);
  CHECK (session->ctx == ctx);
  if (session->job)
    fail ("session %u begins %s in the midst of another command", session->number, name);
  session->active_ns = fake_clock_now ();
  return session;
}

/* --- Commands --------------------------------------------------------------------------------- */

static gpg_error_t
cmd_iam (assuan_context_t ctx, char *line) {
  struct session *session = begin (ctx, "IAM", line);
  struct link *link = link_find (parse (line).key);

  if (session->link) CHECK (session->link == link || session->link->hurt);
  if (!session->link) session->link = link;
  if (session->link) session->link->server = ctx;
  return finish (session, 0);
}

static gpg_error_t
cmd_data (assuan_context_t ctx, char *line) {
  struct session *session = begin (ctx, "DATA", line);
  struct argument a = parse (line);
  gpg_error_t err = 0;
  size_t n;

  for (size_t at = 0; !err && session->ctx && at < a.len; at += n) {
    const char *piece = pattern_piece (a.key, at, a.len - at, &n);
    err = assuan_send_data (ctx, piece, n);
  }
  return finish (session, err);
}

static gpg_error_t
cmd_status (assuan_context_t ctx, char *line) {
  struct session *session = begin (ctx, "STATUS", line);
  gpg_error_t err = 0;

  for (unsigned int i = 0, n = parse (line).key; !err && session->ctx && i < n; i++) {
    char text[20];
    snprintf (text, sizeof text, "%u", i);
    err = assuan_write_status (ctx, "N", text);
  }
  return finish (session, err);
}

static gpg_error_t
cmd_fail (assuan_context_t ctx, char *line) {
  struct session *session = begin (ctx, "FAIL", line);

  return finish (session, assuan_set_error (ctx, gpg_error (GPG_ERR_USER_1), "as you wish"));
}

static gpg_error_t
cmd_later (assuan_context_t ctx, char *line) {
  struct session *session = begin (ctx, "LATER", line);

  return job_later (job_begin (session, "job"), parse (line).key);
}

static struct job *
begin_job (struct session *session, const char *what, const char *line) {
  struct job *job = job_begin (session, what);
  struct argument a = parse (line);

  job->key = a.key;
  job->len = a.len;
  return job;
}

static gpg_error_t
cmd_ask (assuan_context_t ctx, char *line) {
  struct session *session = begin (ctx, "ASK", line);

  return job_ask (begin_job (session, "inquiry", line));
}

static gpg_error_t
cmd_take (assuan_context_t ctx, char *line) {
  struct session *session = begin (ctx, "TAKE", line);
  unsigned int key = parse (line).key;
  char octet = 0;
  int fd;
  gpg_error_t err = assuan_receivefd (ctx, &fd);

  if (!err) {
    CHECK (__real_read (fd, &octet, 1) == 1);
    __real_close (fd);
    if (octet != pattern_octet (key, 0)) err = gpg_error (GPG_ERR_BAD_DATA);
  }
  if (err) session_check_hurt (session, err);
  return finish (session, err);
}

static gpg_error_t
cmd_pieces (assuan_context_t ctx, char *line) {
  struct session *session = begin (ctx, "PIECES", line);

  return job_pieces (begin_job (session, "job by pieces", line));
}

static gpg_error_t
cmd_via (assuan_context_t ctx, char *line) {
  struct session *session = begin (ctx, "VIA", line);

  return job_via (job_begin (session, "job by way of another call"));
}

static gpg_error_t
pump (assuan_context_t ctx, enum bulk_kind kind, const char *line) {
  struct session *session = begin (ctx, "pump", line);
  struct argument a = parse (line);

  return bulk_pump (session, kind, a.key, a.len);
}

static gpg_error_t
cmd_out (assuan_context_t ctx, char *line) {
  return pump (ctx, BULK_OUT, line);
}

static gpg_error_t
cmd_in (assuan_context_t ctx, char *line) {
  return pump (ctx, BULK_IN, line);
}

static gpg_error_t
cmd_through (assuan_context_t ctx, char *line) {
  return pump (ctx, BULK_THROUGH, line);
}

/* --- Tables ----------------------------------------------------------------------------------- */

static const struct eva_command commands[] = {
  { .name = "IAM", .handler = cmd_iam },
  { .name = "DATA", .handler = cmd_data },
  { .name = "STATUS", .handler = cmd_status },
  { .name = "FAIL", .handler = cmd_fail },
  { .name = "LATER", .handler = cmd_later },
  { .name = "ASK", .handler = cmd_ask },
  { .name = "TAKE", .handler = cmd_take },
  { .name = "PIECES", .handler = cmd_pieces },
  { .name = "VIA", .handler = cmd_via },
  { .name = "OUT", .handler = cmd_out },
  { .name = "IN", .handler = cmd_in },
  { .name = "THROUGH", .handler = cmd_through },
  { .name = "INPUT" },
  { .name = "OUTPUT" },
};

#define N_COMMANDS (sizeof commands / sizeof *commands)

const struct eva_service command_service = {
  .hello = "Pleased to meet you",
  .commands = commands,
  .n_commands = N_COMMANDS,
  .open = session_open,
  .close = session_close,
  .before = session_before,
  .after = session_after,
};

gpg_error_t
command_register_all (assuan_context_t ctx) {
  gpg_error_t err = 0;

  for (size_t i = 0; !err && i < N_COMMANDS; i++)
    err = assuan_register_command (ctx, commands[i].name, commands[i].handler, NULL);
  return err;
}
