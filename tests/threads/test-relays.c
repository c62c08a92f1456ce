/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-relays.c - threads that stand between a client and a server, as gpg-agent does between gpg
   and scdaemon: commands of the one context are asked of the other, whose callbacks write into the
   first while it has a command under way, inquiries included.  */

#include "pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a relay's server context has as its pointer.  */
struct relay {
  assuan_context_t front; /* to the client */
  assuan_context_t back;  /* to the server */
};

/* --- The callbacks of the one write into the other -------------------------------------------- */

static gpg_error_t
pass_data (void *arg, const void *data, size_t len) {
  struct relay *r = arg;

  return assuan_send_data (r->front, data, len);
}

static gpg_error_t
pass_status (void *arg, const char *text) {
  struct relay *r = arg;
  char keyword[100];

  if (sscanf (text, "%99s", keyword) != 1) return 0;
  text += strlen (keyword);
  return assuan_write_status (r->front, keyword, *text ? text + 1 : text);
}

static gpg_error_t
pass_inquiry (void *arg, const char *text) {
  struct relay *r = arg;
  unsigned char *buf;
  size_t len;
  gpg_error_t err = assuan_inquire (r->front, text, &buf, &len, 1000);

  if (err) return err;
  err = assuan_send_data (r->back, buf, len);
  assuan_free (r->front, buf);
  return err;
}

/* Every command goes on to the server, under its own name.  */
static gpg_error_t
cmd_pass (assuan_context_t ctx, char *line) {
  struct relay *r = assuan_get_pointer (ctx);
  char command[ASSUAN_LINELENGTH];

  snprintf (command, sizeof command, "%s %s", assuan_get_command_name (ctx), line);
  return assuan_transact (r->back, command, pass_data, r, pass_inquiry, r, pass_status, r);
}

/* --- The relay -------------------------------------------------------------------------------- */

/* Each relay's descriptors: the client's connection is its job's, that to the server is here.  */
static int back_fds[1024];

static gpg_error_t
make_relay (struct relay *r, int fd) {
  static const char *const names[] = { "ECHO", "ASK", "BULK", "FAIL", "UNKNOWN" };
  gpg_error_t err = assuan_new (&r->back);

  if (!err) err = assuan_socket_connect_fd (r->back, back_fds[fd], 0);
  if (!err) err = assuan_new (&r->front);
  if (!err) err = assuan_init_socket_server (r->front, fd, ASSUAN_SOCKET_SERVER_ACCEPTED);
  for (size_t i = 0; i < sizeof names / sizeof *names && !err; i++)
    err = assuan_register_command (r->front, names[i], cmd_pass, NULL);
  if (!err) assuan_set_pointer (r->front, r);
  return err;
}

static gpg_error_t
run_relay (int fd) {
  struct relay r = { NULL, NULL };
  gpg_error_t err = make_relay (&r, fd);

  if (!err) err = assuan_accept (r.front);
  if (!err) err = assuan_process (r.front);
  assuan_release (r.front);
  assuan_release (r.back);
  return err;
}

/* Client, relay and server, each in a thread, and several of these at the same time.  No thread
   runs before all descriptors are there: it might close one whose number is then another's.  */
static void
relays (void **state) {
  struct job jobs[3 * N_PAIRS];
  int front[N_PAIRS][2], back[N_PAIRS][2];

  (void) state;
  for (size_t i = 0; i < N_PAIRS; i++) {
    pair_sockets (front[i]);
    pair_sockets (back[i]);
    assert_true (front[i][0] < (int) (sizeof back_fds / sizeof *back_fds));
    back_fds[front[i][0]] = back[i][1];
  }
  for (size_t i = 0; i < N_PAIRS; i++) {
    job_start (&jobs[3 * i], pair_serve, back[i][0]);
    job_start (&jobs[3 * i + 1], run_relay, front[i][0]);
    job_start (&jobs[3 * i + 2], pair_talk, front[i][1]);
  }
  jobs_finish (jobs, 3 * N_PAIRS);
}

/* --- A context that goes from thread to thread ------------------------------------------------ */

static gpg_error_t
ask_some (assuan_context_t ctx) {
  return pair_ask (ctx, "wandering", 20);
}

/* The context that the next thread takes over.  */
static assuan_context_t wandering;

static gpg_error_t
use_wandering (int unused) {
  (void) unused;
  return ask_some (wandering);
}

static gpg_error_t
release_wandering (int unused) {
  (void) unused;
  assuan_release (wandering);
  return 0;
}

/* A context belongs to one thread at a time, but not forever to the same.  */
static void
contexts_wander (void **state) {
  struct job server, job;
  int fds[2];

  (void) state;
  pair_sockets (fds);
  job_start (&server, pair_serve, fds[0]);
  assert_int_equal (assuan_new (&wandering), 0);
  assert_int_equal (assuan_socket_connect_fd (wandering, fds[1], 0), 0);
  for (int i = 0; i < 10; i++) {
    assert_int_equal (ask_some (wandering), 0);
    job_start (&job, use_wandering, i);
    jobs_finish (&job, 1);
  }
  job_start (&job, release_wandering, 0);
  jobs_finish (&job, 1);
  jobs_finish (&server, 1);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (relays),
    cmocka_unit_test (contexts_wander),
  };

  return cmocka_run_group_tests_name ("relays", tests, NULL, NULL);
}
