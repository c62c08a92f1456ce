/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-timeouts.c - eva_set_timeouts: how long calls on a connection wait.  */

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "fds.h"
#include "text.h"
#include "ways.h"

/* --- Waits of clients ------------------------------------------------------------------------- */

static void
wait_reply (void) {
  for (unsigned int flags = 0; flags <= ASSUAN_SOCKET_CONNECT_FDPASSING; flags++) {
    int peer;
    assuan_context_t ctx = open_client (&calls_short, flags, &peer);

    say (peer, "S some\nD thing\n");
    assert_code (assuan_transact (ctx, "NOP", NULL, NULL, NULL, NULL, NULL, NULL),
                 GPG_ERR_ASS_NO_DATA_CB);
    assert_code (ask (ctx), GPG_ERR_TIMEOUT); /* while it drops the rest */
    if (!flags) expect_way ();
    expect_over (ctx);
    assuan_release (ctx);
    expect_last (peer, "NOP\n");
    close (peer);
  }
}
ROW (reply)

static void
wait_line (void) {
  int peer;
  assuan_context_t ctx = open_client (&calls_short, 0, &peer);
  char *line;
  size_t len;

  say (peer, "one\nha");
  assert_code (assuan_read_line (ctx, &line, &len), 0);
  assert_string_equal (line, "one");
  assert_code (assuan_read_line (ctx, &line, &len), GPG_ERR_TIMEOUT);
  expect_way ();
  expect_over (ctx);
  assuan_release (ctx);
  close (peer);
}
ROW (line)

static void
wait_response (void) {
  int peer, len;
  assuan_context_t ctx = open_client (&calls_short, 0, &peer);
  char *line;

  say (peer, "\n\n");
  assert_code (assuan_client_read_response (ctx, &line, &len), GPG_ERR_TIMEOUT);
  assert_null (line);
  expect_over (ctx);
  assuan_release (ctx);
  close (peer);
}
ROW (response)

/* The server does not read.  */
static void
wait_room (void) {
  for (unsigned int flags = 0; flags <= ASSUAN_SOCKET_CONNECT_FDPASSING; flags++) {
    int peer;
    assuan_context_t ctx = open_client (&calls_short, flags, &peer);
    char line[900];
    gpg_error_t err;

    memset (line, 'x', sizeof line - 1);
    line[sizeof line - 1] = 0;
    while (!(err = assuan_write_line (ctx, line)))
      ;
    assert_code (err, GPG_ERR_TIMEOUT);
    if (!flags) expect_way ();
    expect_over (ctx);
    assuan_release (ctx);
    close (peer);
  }
}
ROW (room)

static gpg_error_t
answer_much (void *arg, const char *text) {
  static const char much[300000];
  gpg_error_t err;

  (void) text;
  while (!(err = assuan_send_data (arg, much, sizeof much)))
    ;
  return err;
}

/* It inquires, and does not read the answer.  */
static void
wait_answer (void) {
  int peer;
  assuan_context_t ctx = open_client (&calls_short, 0, &peer);

  say (peer, "INQUIRE ALL\n");
  assert_code (assuan_transact (ctx, "PUT", NULL, NULL, answer_much, ctx, NULL, NULL),
               GPG_ERR_TIMEOUT);
  expect_over (ctx);
  assuan_release (ctx);
  close (peer);
}
ROW (answer)

/* A server that always has another line.  */
struct dripping {
  int fd;
  pthread_t thread;
};

static void *
drip (void *arg) {
  struct dripping *d = arg;

  while (send (d->fd, "S x\n", 4, MSG_NOSIGNAL) == 4)
    usleep (1000);
  return NULL;
}

static void
wait_dripping (void) {
  struct dripping d;
  assuan_context_t ctx = open_client (&calls_short, 0, &d.fd);

  assert_int_equal (pthread_create (&d.thread, NULL, drip, &d), 0);
  assert_code (ask (ctx), GPG_ERR_TIMEOUT);
  pthread_join (d.thread, NULL); /* which saw the end */
  assuan_release (ctx);
  close (d.fd);
}
ROW (dripping)

/* What callbacks take does not count.  */
static gpg_error_t
take_long (void *arg, const char *text) {
  (void) text;
  usleep (3 * SHORT_MS * 1000);
  say (*(int *) arg, "S y\nOK\n");
  return 0;
}

static void
wait_for_callbacks (void) {
  int peer;
  assuan_context_t ctx = open_client (&calls_short, 0, &peer);

  say (peer, "S x\n");
  assert_code (assuan_transact (ctx, "A", NULL, NULL, NULL, NULL, take_long, &peer), 0);
  say (peer, "INQUIRE x\n");
  assert_code (assuan_transact (ctx, "B", NULL, NULL, take_long, &peer, NULL, NULL), 0);
  assuan_release (ctx);
  close (peer);
}
ROW (for_callbacks)

/* A server's own error is no end.  */
static void
wait_no_more (void) {
  int peer;
  assuan_context_t ctx = open_client (&calls_short, 0, &peer);

  say (peer, "ERR 62 late\nOK\n");
  assert_code (ask (ctx), GPG_ERR_TIMEOUT);
  assert_code (ask (ctx), 0);
  assuan_release (ctx);
  expect_last (peer, "NOP\nNOP\nBYE\n");
  close (peer);
}
ROW (no_more)

/* --- Servers ---------------------------------------------------------------------------------- */

static gpg_error_t inquire_err, data_err;

static gpg_error_t
cmd_inquire (assuan_context_t ctx, char *line) {
  unsigned char *buf;
  size_t len;

  (void) line;
  inquire_err = assuan_inquire (ctx, "WHAT", &buf, &len, 0);
  if (!inquire_err) assuan_free (ctx, buf);
  return inquire_err;
}

static gpg_error_t
cmd_flood (assuan_context_t ctx, char *line) {
  static const char much[300000];

  (void) line;
  while (!(data_err = assuan_send_data (ctx, much, sizeof much)))
    ;
  return assuan_send_data (ctx, "x", 1);
}

static assuan_context_t
open_server (int *ret_peer) {
  assuan_context_t ctx = new_context (&calls_short);
  int fds[2];

  fds_socketpair (fds, 0);
  assert_code (assuan_init_socket_server (ctx, fds[0], ASSUAN_SOCKET_SERVER_ACCEPTED), 0);
  assert_code (assuan_register_command (ctx, "INQ", cmd_inquire, NULL), 0);
  assert_code (assuan_register_command (ctx, "FLOOD", cmd_flood, NULL), 0);
  assert_code (assuan_set_hello_line (ctx, "hi"), 0);
  assert_code (assuan_accept (ctx), 0);
  *ret_peer = fds[1];
  return ctx;
}

/* A client takes its time: first none answers; the late answer is skipped.  */
static void *
talk_late (void *arg) {
  int fd = *(int *) arg;
  char buf[4096];
  size_t len = 0;

  usleep (3 * SHORT_MS * 1000); /* a server waits for requests as long as it takes */
  say (fd, "INQ\n");
  do {
    ssize_t n = read (fd, buf + len, sizeof buf - 1 - len);
    assert_true (n > 0);
    len += (size_t) n;
    buf[len] = 0;
  } while (!strstr (buf, "ERR"));
  say (fd, "D late\nEND\nNOP\nINQ\nD now\nEND\n");
  shutdown (fd, SHUT_WR);
  return NULL;
}

static void
wait_inquiry (void) {
  pthread_t thread;
  int peer;
  assuan_context_t ctx = open_server (&peer);

  assert_int_equal (pthread_create (&thread, NULL, talk_late, &peer), 0);
  assert_code (assuan_process (ctx), 0);
  assert_code (inquire_err, 0); /* of the second one */
  pthread_join (thread, NULL);
  assuan_release (ctx);
  close (peer);
}
ROW (inquiry)

static void
wait_client_room (void) {
  int peer;
  assuan_context_t ctx = open_server (&peer);

  say (peer, "FLOOD\n");
  assert_code (assuan_process (ctx), GPG_ERR_EPIPE);
  assert_code (data_err, GPG_ERR_TIMEOUT);
  assuan_release (ctx);
  close (peer);
}
ROW (client_room)

/* --- Others ----------------------------------------------------------------------------------- */

static void
on_alarm (int sig) {
  (void) sig;
}

/* Signals that come more often than the time goes by do not prolong it.  */
static void
wait_interrupted (void) {
  const struct itimerval often = { { 0, 5000 }, { 0, 5000 } }, never = { { 0, 0 }, { 0, 0 } };
  struct sigaction action = { .sa_handler = on_alarm }, old;
  int peer;
  assuan_context_t ctx = open_client (&calls_short, 0, &peer);

  sigaction (SIGALRM, &action, &old);
  setitimer (ITIMER_REAL, &often, NULL);
  assert_code (ask (ctx), GPG_ERR_TIMEOUT);
  setitimer (ITIMER_REAL, &never, NULL);
  sigaction (SIGALRM, &old, NULL);
  assuan_release (ctx);
  close (peer);
}
ROW (interrupted)

static void *
reply_late (void *arg) {
  usleep (3 * SHORT_MS * 1000);
  say (*(int *) arg, "OK\n");
  return NULL;
}

static void
test_arguments (void **state) {
  const struct eva_timeouts none = { EVA_NO_LIMIT, EVA_NO_LIMIT, EVA_NO_LIMIT };
  assuan_context_t ctx;
  pthread_t thread;
  int peer;

  (void) state;
  ctx = open_client (NULL, 0, &peer);
  assert_code (eva_set_timeouts (NULL, &none), GPG_ERR_ASS_INV_VALUE);
  assert_code (eva_set_timeouts (ctx, NULL), GPG_ERR_ASS_INV_VALUE);
  assert_code (eva_set_timeouts (ctx, &calls_short), 0);
  assert_code (eva_set_timeouts (ctx, &none), 0); /* takes it back */
  assert_int_equal (pthread_create (&thread, NULL, reply_late, &peer), 0);
  assert_code (ask (ctx), 0);
  pthread_join (thread, NULL);
  assert_code (eva_set_nonblocking (ctx), 0);
  assert_code (eva_set_timeouts (ctx, &calls_short), GPG_ERR_NOT_SUPPORTED);
  assuan_release (ctx);
  close (peer);
}

/* The log tells why.  */
static struct text logged;

static int
log_line (assuan_context_t ctx, void *arg, unsigned int cat, const char *msg) {
  (void) ctx;
  (void) arg;
  (void) cat;
  if (msg) text_print (&logged, "%s\n", msg);
  return 1;
}

static void
test_log (void **state) {
  assuan_log_cb_t old_cb;
  assuan_context_t ctx;
  void *old_arg;
  int peer;

  (void) state;
  assuan_get_log_cb (&old_cb, &old_arg);
  assuan_set_log_cb (log_line, NULL);
  ctx = open_client (&calls_short, 0, &peer);
  assert_code (ask (ctx), GPG_ERR_TIMEOUT);
  assert_non_null (strstr (text_get (&logged), " <- [timeout]\n"));
  assuan_release (ctx);
  assuan_set_log_cb (old_cb, old_arg);
  text_free (&logged);
  close (peer);
}

/* --- All -------------------------------------------------------------------------------------- */

int
main (void) {
  const struct CMUnitTest tests[] = {
    way_test (test_reply),         way_test (test_line),        way_test (test_response),
    way_test (test_room),          way_test (test_answer),      way_test (test_dripping),
    way_test (test_for_callbacks), way_test (test_no_more),     way_test (test_inquiry),
    way_test (test_client_room),   way_test (test_interrupted), way_test (test_arguments),
    way_test (test_log),
  };

  signal (SIGPIPE, SIG_IGN);
  return cmocka_run_group_tests_name ("timeouts", tests, NULL, NULL);
}
