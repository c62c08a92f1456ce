/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What real programs do with clients: relay one connection to another inside callbacks, end a
 * blocked call from another thread, live with signals, use several at once.  */

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"

/* A server in the middle that hands a command on to a back end, as gpg-agent does with scdaemon:
 * each callback of the client writes into the server's own context.  */
struct middle {
  assuan_context_t server;
  assuan_context_t backend;
};

static gpg_error_t
relay_data (void *arg, const void *buf, size_t len) {
  struct middle *m = arg;

  return assuan_send_data (m->server, buf, len);
}

static gpg_error_t
relay_status (void *arg, const char *text) {
  struct middle *m = arg;
  char keyword[20];
  int n = 0;

  if (sscanf (text, "%19s %n", keyword, &n) < 1) return GPG_ERR_INV_VALUE;
  return assuan_write_status (m->server, keyword, text + n);
}

static gpg_error_t
relay_inquiry (void *arg, const char *text) {
  struct middle *m = arg;
  unsigned char *value;
  size_t len;
  gpg_error_t rc = assuan_inquire (m->server, text, &value, &len, 1000);

  if (rc) return rc;
  rc = assuan_send_data (m->backend, value, len);
  assuan_free (m->server, value);
  return rc;
}

static gpg_error_t
cmd_relay (assuan_context_t ctx, char *line) {
  struct middle *m = assuan_get_pointer (ctx);

  m->server = ctx;
  return assuan_transact (m->backend, line, relay_data, m, relay_inquiry, m, relay_status, m);
}

static void
prepare_relay (assuan_context_t ctx, void *arg) {
  (void) arg;
  assuan_register_command (ctx, "RELAY", cmd_relay, NULL);
}

static void
test_relay (void **state) {
  struct server server;
  struct middle middle;
  struct client backend;

  (void) state;
  client_open (&backend, 0);
  middle.backend = backend.ctx;
  server_start (&server, SERVER_SOCKET, prepare_relay, &middle);
  peer_say (server.out, "RELAY SIGN key\n");
  peer_expect (backend.peer, "SIGN key\n");
  peer_say (backend.peer, "S PROGRESS 1 2\n");
  peer_expect (server.in, "S PROGRESS 1 2\n");
  peer_say (backend.peer, "INQUIRE PIN please\n");
  peer_expect (server.in, "INQUIRE PIN please\n");
  peer_say (server.out, "D 12%0A34\nEND\n");
  peer_expect (backend.peer, "D 12%0A34\nEND\n");
  peer_say (backend.peer, "D some%25\nD  data\nOK\n");
  peer_expect (server.in, "D some%25 data\nOK\n");
  /* The client's refusal goes all the way, and the error comes all the way back.  */
  peer_say (server.out, "RELAY SIGN\n");
  peer_expect (backend.peer, "SIGN\n");
  peer_say (backend.peer, "INQUIRE PIN\n");
  peer_expect (server.in, "INQUIRE PIN\n");
  peer_say (server.out, "CAN\n");
  peer_expect (backend.peer, "CAN\n");
  peer_say (backend.peer, "ERR 277 canceled\n");
  peer_expect_err (server.in, ERR (GPG_ERR_ASS_CANCELED), NULL);
  server_stop (&server);
  client_close (&backend);
}

/* A thread that does something to the client while it waits.  */
struct meddler {
  struct client *client;
  pthread_t victim;
};

static void *
shut_down (void *arg) {
  struct meddler *m = arg;
  assuan_fd_t fds[2];
  char line[20];

  /* The command is there, so the client waits for its reply, or will soon.  */
  peer_read_line (m->client->peer, line, sizeof line);
  assuan_get_active_fds (m->client->ctx, 0, fds, 2);
  shutdown (fds[0], SHUT_RDWR);
  return NULL;
}

/* The agent ends connections to a vanished card this way.  */
static void
test_shutdown_by_other_thread (void **state) {
  struct meddler m;
  struct client c;
  pthread_t thread;

  (void) state;
  client_open (&c, 0);
  m.client = &c;
  assert_int_equal (pthread_create (&thread, NULL, shut_down, &m), 0);
  assert_err (client_ask (&c, "WAIT"), ERR (GPG_ERR_EOF));
  pthread_join (thread, NULL);
  client_drop (&c);
}

static void
on_signal (int signum) {
  (void) signum;
}

static void *
send_signals (void *arg) {
  struct meddler *m = arg;
  char line[20];

  peer_read_line (m->client->peer, line, sizeof line);
  for (int i = 0; i < 100; i++) {
    pthread_kill (m->victim, SIGUSR1);
    sched_yield ();
    if (i == 50) peer_say (m->client->peer, "S ha");
  }
  peer_say (m->client->peer, "lf\nOK\n");
  return NULL;
}

/* A signal whose handler returns does not end a call.  */
static void
test_signals (void **state) {
  struct sigaction action = { .sa_handler = on_signal }, before;

  (void) state;
  sigaction (SIGUSR1, &action, &before);
  for (unsigned int flags = 0; flags <= ASSUAN_SOCKET_CONNECT_FDPASSING; flags++) {
    struct meddler m;
    struct client c;
    pthread_t thread;

    client_open (&c, flags);
    m.client = &c;
    m.victim = pthread_self ();
    assert_int_equal (pthread_create (&thread, NULL, send_signals, &m), 0);
    assert_err (client_ask (&c, "WAIT"), 0);
    pthread_join (thread, NULL);
    client_expect_notes (&c, "S[half]");
    client_close (&c);
  }
  sigaction (SIGUSR1, &before, NULL);
}

/* Each thread with a connection of its own, all at once.  */
static gpg_error_t
cmd_double (assuan_context_t ctx, char *line) {
  unsigned char *value;
  size_t len;
  gpg_error_t rc = assuan_inquire (ctx, line, &value, &len, 0);

  if (rc) return rc;
  rc = assuan_send_data (ctx, value, len);
  if (!rc) rc = assuan_send_data (ctx, value, len);
  assuan_free (ctx, value);
  return rc;
}

static void
prepare_double (assuan_context_t ctx, void *arg) {
  (void) arg;
  assuan_register_command (ctx, "DOUBLE", cmd_double, NULL);
}

struct worker {
  struct server server;
  assuan_context_t ctx;
  pthread_t thread;
  size_t n_octets;
  gpg_error_t rc;
};

static gpg_error_t
send_value (void *arg, const char *text) {
  struct worker *w = arg;
  char data[1000];

  memset (data, '%', sizeof data);
  return *text == 'K' ? assuan_send_data (w->ctx, data, sizeof data) : GPG_ERR_INV_VALUE;
}

static gpg_error_t
count_value (void *arg, const void *buf, size_t len) {
  struct worker *w = arg;

  (void) buf;
  w->n_octets += len;
  return 0;
}

static void *
work (void *arg) {
  struct worker *w = arg;

  for (int i = 0; i < 50 && !w->rc; i++)
    w->rc = assuan_transact (w->ctx, "DOUBLE KEY", count_value, w, send_value, w, NULL, NULL);
  return NULL;
}

static void
test_threads (void **state) {
  struct worker workers[4];

  (void) state;
  memset (workers, 0, sizeof workers);
  for (int i = 0; i < 4; i++) {
    struct worker *w = &workers[i];

    server_start_raw (&w->server, SERVER_SOCKET, prepare_double, NULL);
    w->ctx = new_client (dup (w->server.in), 0);
  }
  for (int i = 0; i < 4; i++)
    assert_int_equal (pthread_create (&workers[i].thread, NULL, work, &workers[i]), 0);
  for (int i = 0; i < 4; i++) {
    pthread_join (workers[i].thread, NULL);
    assert_err (workers[i].rc, 0);
    assert_int_equal (workers[i].n_octets, 50 * 2000);
    assuan_release (workers[i].ctx);
    server_stop (&workers[i].server);
  }
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    suite_test (test_relay),
    suite_test (test_shutdown_by_other_thread),
    suite_test (test_signals),
    suite_test (test_threads),
  };

  return suite_run (tests);
}
