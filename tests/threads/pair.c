/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pair.c - a server and a client that talk to each other.  See pair.h.  */

#include "pair.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* --- The server ------------------------------------------------------------------------------- */

gpg_error_t
pair_echo (assuan_context_t ctx, char *line) {
  gpg_error_t err = assuan_write_status (ctx, "ECHOING", line);

  return err ? err : assuan_send_data (ctx, line, strlen (line));
}

static gpg_error_t
cmd_ask (assuan_context_t ctx, char *line) {
  unsigned char *buf;
  size_t len;
  gpg_error_t err = assuan_inquire (ctx, line, &buf, &len, 1000);

  if (err) return err;
  err = assuan_send_data (ctx, buf, len);
  assuan_free (ctx, buf);
  return err;
}

gpg_error_t
pair_bulk (assuan_context_t ctx, char *line) {
  char buf[BULK_LEN / 20];
  gpg_error_t err = 0;

  (void) line;
  memset (buf, '%', sizeof buf);
  for (int i = 0; i < 20 && !err; i++)
    err = assuan_send_data (ctx, buf, sizeof buf);
  return err;
}

gpg_error_t
pair_fail (assuan_context_t ctx, char *line) {
  return assuan_set_error (ctx, gpg_error (GPG_ERR_NO_SECKEY), line);
}

gpg_error_t
pair_register (assuan_context_t ctx) {
  gpg_error_t err = assuan_register_command (ctx, "ECHO", pair_echo, "ECHO text");

  if (!err) err = assuan_register_command (ctx, "ASK", cmd_ask, NULL);
  if (!err) err = assuan_register_command (ctx, "BULK", pair_bulk, NULL);
  if (!err) err = assuan_register_command (ctx, "FAIL", pair_fail, NULL);
  return err;
}

/* A context that serves FD, or waits for clients there.  */
static gpg_error_t
new_server (int fd, unsigned int flags, assuan_context_t *ret) {
  gpg_error_t err = assuan_new (ret);

  if (!err) err = assuan_init_socket_server (*ret, fd, flags);
  return err ? err : pair_register (*ret);
}

gpg_error_t
pair_serve (int fd) {
  assuan_context_t ctx = NULL;
  gpg_error_t err = new_server (fd, ASSUAN_SOCKET_SERVER_ACCEPTED, &ctx);

  if (!err) err = assuan_accept (ctx);
  if (!err) err = assuan_process (ctx);
  assuan_release (ctx);
  return err;
}

gpg_error_t
pair_serve_all (int fd) {
  assuan_context_t ctx = NULL;
  gpg_error_t err = new_server (fd, 0, &ctx);

  while (!err && !assuan_accept (ctx))
    err = assuan_process (ctx);
  assuan_release (ctx);
  return err;
}

/* --- The client ------------------------------------------------------------------------------- */

/* What a command answered.  */
struct answer {
  assuan_context_t ctx;
  char data[100]; /* its beginning */
  size_t len;
  char status[100];
};

static gpg_error_t
take_data (void *arg, const void *data, size_t len) {
  struct answer *a = arg;

  if (len && a->len + len < sizeof a->data) memcpy (a->data + a->len, data, len);
  a->len += len;
  return 0;
}

static gpg_error_t
take_status (void *arg, const char *text) {
  struct answer *a = arg;

  snprintf (a->status, sizeof a->status, "%s", text);
  return 0;
}

/* The answer to an inquiry is its keyword.  */
static gpg_error_t
give_data (void *arg, const char *keyword) {
  struct answer *a = arg;

  return assuan_send_data (a->ctx, keyword, strlen (keyword));
}

static gpg_error_t
ask (struct answer *a, const char *command) {
  a->len = 0;
  memset (a->data, 0, sizeof a->data);
  a->status[0] = 0;
  return assuan_transact (a->ctx, command, take_data, a, give_data, a, take_status, a);
}

/* Returns an error unless the condition is true.  */
static gpg_error_t
expect (int is_true) {
  return is_true ? 0 : gpg_error (GPG_ERR_BAD_DATA);
}

static gpg_error_t
ask_once (struct answer *a, const char *text) {
  char command[100], status[100];
  gpg_error_t err;

  snprintf (command, sizeof command, "ECHO %s", text);
  snprintf (status, sizeof status, "ECHOING %s", text);
  err = ask (a, command);
  if (!err) err = expect (!strcmp (a->data, text) && !strcmp (a->status, status));
  snprintf (command, sizeof command, "ASK %s", text);
  if (!err) err = ask (a, command);
  if (!err) err = expect (!strcmp (a->data, text));
  snprintf (command, sizeof command, "FAIL %s", text);
  if (!err) err = expect (gpg_err_code (ask (a, command)) == GPG_ERR_NO_SECKEY && !a->len);
  if (!err) err = expect (gpg_err_code (ask (a, "UNKNOWN")) == GPG_ERR_ASS_UNKNOWN_CMD);
  return err;
}

gpg_error_t
pair_ask (assuan_context_t ctx, const char *name, int n) {
  struct answer a = { .ctx = ctx };
  gpg_error_t err = 0;

  for (int i = 0; i < n && !err; i++) {
    char text[60];
    snprintf (text, sizeof text, "%s %d", name, i);
    err = ask_once (&a, text);
    if (!err && i % 10 == 0) err = ask (&a, "BULK");
    if (!err && i % 10 == 0) err = expect (a.len == BULK_LEN);
  }
  return err;
}

gpg_error_t
pair_talk (int fd) {
  assuan_context_t ctx;
  gpg_error_t err = assuan_new (&ctx);
  char name[20];

  snprintf (name, sizeof name, "over %d", fd);
  if (!err) err = assuan_socket_connect_fd (ctx, fd, 0);
  if (!err) err = pair_ask (ctx, name, N_COMMANDS);
  assuan_release (ctx);
  return err;
}

/* --- Threads ---------------------------------------------------------------------------------- */

static void *
run_job (void *arg) {
  struct job *job = arg;

  job->err = job->run (job->fd);
  return NULL;
}

void
job_start (struct job *job, gpg_error_t (*run) (int), int fd) {
  job->run = run;
  job->fd = fd;
  assert_int_equal (pthread_create (&job->thread, NULL, run_job, job), 0);
}

void
jobs_finish (struct job *jobs, size_t n) {
  for (size_t i = 0; i < n; i++)
    assert_int_equal (pthread_join (jobs[i].thread, NULL), 0);
  for (size_t i = 0; i < n; i++)
    assert_int_equal (jobs[i].err, 0);
}

void
pair_sockets (int fds[2]) {
  assert_int_equal (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
}
