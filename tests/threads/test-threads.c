/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Threads, each with contexts of its own: nothing that they share may be touched without care.  This
   is also run under ThreadSanitizer, which sees what goes well by chance.  */

#include "assuan.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define N_PAIRS    4
#define N_COMMANDS 200

/* --- A server --------------------------------------------------------------------------------- */

static gpg_error_t
cmd_echo (assuan_context_t ctx, char *line) {
  return assuan_send_data (ctx, line, strlen (line));
}

/* Answers with what it inquires.  */
static gpg_error_t
cmd_ask (assuan_context_t ctx, char *line) {
  unsigned char *buf;
  size_t len;
  gpg_error_t err = assuan_inquire (ctx, "WHAT", &buf, &len, 1000);

  (void) line;
  if (err) return err;
  err = assuan_send_data (ctx, buf, len);
  assuan_free (ctx, buf);
  return err;
}

/* Serves one connection over FD, to its end.  */
static gpg_error_t
serve (int fd) {
  assuan_context_t ctx;
  gpg_error_t err = assuan_new (&ctx);

  if (!err) err = assuan_init_socket_server (ctx, fd, ASSUAN_SOCKET_SERVER_ACCEPTED);
  if (!err) err = assuan_register_command (ctx, "ECHO", cmd_echo, NULL);
  if (!err) err = assuan_register_command (ctx, "ASK", cmd_ask, NULL);
  if (!err) err = assuan_accept (ctx);
  if (!err) err = assuan_process (ctx);
  assuan_release (ctx);
  return err;
}

/* --- A client --------------------------------------------------------------------------------- */

struct answer {
  assuan_context_t ctx;
  char text[100];
  size_t len;
};

static gpg_error_t
take_data (void *arg, const void *data, size_t len) {
  struct answer *a = arg;

  if (len > sizeof a->text - a->len) return gpg_error (GPG_ERR_TOO_LARGE);
  memcpy (a->text + a->len, data, len);
  a->len += len;
  return 0;
}

static gpg_error_t
give_data (void *arg, const char *keyword) {
  struct answer *a = arg;

  return assuan_send_data (a->ctx, keyword, strlen (keyword));
}

/* Runs COMMAND, which must answer EXPECTED.  */
static gpg_error_t
ask (assuan_context_t ctx, const char *command, const char *expected) {
  struct answer a = { .ctx = ctx };
  gpg_error_t err = assuan_transact (ctx, command, take_data, &a, give_data, &a, NULL, NULL);

  if (err) return err;
  if (a.len != strlen (expected) || memcmp (a.text, expected, a.len))
    return gpg_error (GPG_ERR_BAD_DATA);
  return 0;
}

static gpg_error_t
talk (int fd) {
  assuan_context_t ctx;
  gpg_error_t err = assuan_new (&ctx);

  if (!err) err = assuan_socket_connect_fd (ctx, fd, 0);
  for (int i = 0; !err && i < N_COMMANDS; i++) {
    char command[60];
    snprintf (command, sizeof command, "ECHO number %d", i);
    err = ask (ctx, command, command + strlen ("ECHO "));
    if (!err) err = ask (ctx, "ASK", "WHAT");
    if (!err && gpg_err_code (ask (ctx, "UNKNOWN", "")) != GPG_ERR_ASS_UNKNOWN_CMD)
      err = gpg_error (GPG_ERR_BAD_DATA);
  }
  assuan_release (ctx);
  return err;
}

/* --- Threads ---------------------------------------------------------------------------------- */

struct job {
  pthread_t thread;
  gpg_error_t (*run) (int fd);
  int fd;
  gpg_error_t err;
};

static void *
run_job (void *arg) {
  struct job *job = arg;

  job->err = job->run (job->fd);
  return NULL;
}

static void
start (struct job *job, gpg_error_t (*run) (int), int fd) {
  job->run = run;
  job->fd = fd;
  assert_int_equal (pthread_create (&job->thread, NULL, run_job, job), 0);
}

static void
finish (struct job *jobs, size_t n) {
  for (size_t i = 0; i < n; i++)
    assert_int_equal (pthread_join (jobs[i].thread, NULL), 0);
  for (size_t i = 0; i < n; i++)
    assert_int_equal (jobs[i].err, 0);
}

/* Pairs of a server and a client, all at the same time.  */
static void
pairs_do_not_disturb_each_other (void **state) {
  struct job jobs[2 * N_PAIRS];

  (void) state;
  for (size_t i = 0; i < N_PAIRS; i++) {
    int fds[2];
    assert_int_equal (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    start (&jobs[2 * i], serve, fds[0]);
    start (&jobs[2 * i + 1], talk, fds[1]);
  }
  finish (jobs, 2 * N_PAIRS);
}

/* Serves one of the clients of the listening socket FD.  */
static gpg_error_t
serve_next (int fd) {
  assuan_context_t ctx;
  gpg_error_t err = assuan_new (&ctx);

  if (!err) err = assuan_init_socket_server (ctx, fd, 0);
  if (!err) err = assuan_register_command (ctx, "ECHO", cmd_echo, NULL);
  if (!err) err = assuan_register_command (ctx, "ASK", cmd_ask, NULL);
  if (!err) err = assuan_accept (ctx);
  if (!err) err = assuan_process (ctx);
  assuan_release (ctx);
  return err;
}

static struct sockaddr_un address;

static gpg_error_t
connect_and_talk (int unused) {
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  (void) unused;
  if (fd < 0 || connect (fd, (struct sockaddr *) &address, sizeof address))
    return gpg_error_from_syserror ();
  return talk (fd);
}

/* Several threads wait for clients on the same socket: each gets one.  */
static void
one_socket_for_several_threads (void **state) {
  char dir[] = "/tmp/evaXXXXXX";
  struct job jobs[2 * N_PAIRS];
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  (void) state;
  assert_non_null (mkdtemp (dir));
  address.sun_family = AF_UNIX;
  snprintf (address.sun_path, sizeof address.sun_path, "%s/S", dir);
  assert_int_equal (bind (fd, (struct sockaddr *) &address, sizeof address), 0);
  assert_int_equal (listen (fd, N_PAIRS), 0);
  for (size_t i = 0; i < N_PAIRS; i++) {
    start (&jobs[2 * i], serve_next, fd);
    start (&jobs[2 * i + 1], connect_and_talk, -1);
  }
  finish (jobs, 2 * N_PAIRS);
  close (fd);
  unlink (address.sun_path);
  rmdir (dir);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (pairs_do_not_disturb_each_other),
    cmocka_unit_test (one_socket_for_several_threads),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
