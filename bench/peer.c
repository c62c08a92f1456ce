/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* peer.c - servers and clients to measure.  See peer.h.  */

#include "peer.h"

#include "kit.h"

#ifdef BENCH_CORKED
#  include <eva.h>
#endif

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define NAME_SIZE 24
#define READ_LEN  ((size_t) 256 << 10)

static char plain_piece[PIECE_LEN];
static char escaped_piece[PIECE_LEN];
static char random_piece[PIECE_LEN];
static char command_names[N_MOST_COMMANDS][NAME_SIZE];

/* Fills BUF with octets that look random and are always the same (xorshift).  */
static void
fill_random (char *buf, size_t len) {
  uint64_t x = 88172645463325252u;

  for (size_t i = 0; i < len; i++) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    buf[i] = (char) (x >> 32);
  }
}

void
peer_init (void) {
  for (size_t i = 0; i < PIECE_LEN; i++) {
    plain_piece[i] = (char) ('a' + i % 26);
    escaped_piece[i] = "%\r\n"[i % 3];
  }
  fill_random (random_piece, PIECE_LEN);
  for (size_t i = 0; i < N_MOST_COMMANDS; i++) {
    /* Like real ones they differ in their first letters already.  */
    snprintf (command_names[i], NAME_SIZE, "%c%c_COMMAND%.0u", (char) ('A' + i % 26),
              (char) ('A' + i / 26 % 26), (unsigned int) (i / 26 / 26));
  }
  signal (SIGPIPE, SIG_IGN);
}

void
must (gpg_error_t err, const char *what) {
  if (err) die (what, gpg_strerror (err));
}

/* --- Commands --------------------------------------------------------------------------------- */

static gpg_error_t
send_in (assuan_context_t ctx, const char *piece, size_t len, size_t n_mib) {
  gpg_error_t err = 0;

  for (size_t left = n_mib * MIB; left && !err; left -= len)
    err = assuan_send_data (ctx, piece, len);
  return err;
}

static gpg_error_t
send_pieces (assuan_context_t ctx, const char *piece, size_t n_mib) {
  return send_in (ctx, piece, PIECE_LEN, n_mib);
}

/* LINE: the length of a piece, and MiB.  */
static gpg_error_t
send_small (assuan_context_t ctx, const char *piece, const char *line) {
  char *rest;
  size_t len = strtoul (line, &rest, 10), n_mib = strtoul (rest, NULL, 10);
  gpg_error_t err;

  if (!len || len > PIECE_LEN || MIB % len) die (line, "no length of a piece");
#ifdef BENCH_CORKED
  must (eva_cork (ctx), "cork");
#endif
  err = send_in (ctx, piece, len, n_mib);
#ifdef BENCH_CORKED
  if (!err) err = eva_uncork (ctx);
#endif
  return err;
}

static gpg_error_t
cmd_random (assuan_context_t ctx, char *line) {
  return send_small (ctx, random_piece, line);
}

static gpg_error_t
cmd_small (assuan_context_t ctx, char *line) {
  return send_small (ctx, plain_piece, line);
}

static gpg_error_t
cmd_plain (assuan_context_t ctx, char *line) {
  return send_pieces (ctx, plain_piece, strtoul (line, NULL, 10));
}

static gpg_error_t
cmd_escaped (assuan_context_t ctx, char *line) {
  return send_pieces (ctx, escaped_piece, strtoul (line, NULL, 10));
}

static gpg_error_t
cmd_echo (assuan_context_t ctx, char *line) {
  return assuan_send_data (ctx, line, strlen (line));
}

static gpg_error_t
cmd_status (assuan_context_t ctx, char *line) {
  gpg_error_t err = 0;

  (void) line;
  for (int i = 0; i < STATUS_LINES && !err; i++)
    err = assuan_write_status (ctx, "PROGRESS", "something ? 12 100");
  return err;
}

static gpg_error_t
cmd_take (assuan_context_t ctx, char *line) {
  unsigned char *data;
  size_t len;
  gpg_error_t err = assuan_inquire (ctx, "DATA", &data, &len, 0);

  (void) line;
  if (!err) assuan_free (ctx, data);
  return err;
}

static gpg_error_t
cmd_done (assuan_context_t ctx, char *line) {
  (void) line;
  return assuan_process_done (ctx, 0);
}

static gpg_error_t
cmd_nothing (assuan_context_t ctx, char *line) {
  (void) ctx;
  (void) line;
  return 0;
}

void
register_commands (assuan_context_t ctx) {
  static const struct {
    const char *name;
    assuan_handler_t handler;
  } commands[] = {
    { "ECHO", cmd_echo },       { "STATUS", cmd_status }, { "PLAIN", cmd_plain },
    { "ESCAPED", cmd_escaped }, { "TAKE", cmd_take },     { "DONE", cmd_done },
    { "RANDOM", cmd_random },   { "SMALL", cmd_small },
  };

  _Static_assert (sizeof commands / sizeof *commands == N_MEASURED, "as peer.h says");
  for (size_t i = 0; i < N_MEASURED; i++)
    must (assuan_register_command (ctx, commands[i].name, commands[i].handler, NULL), "register");
}

const char *
command_name (size_t i) {
  return command_names[i];
}

static void
register_n (assuan_context_t ctx, size_t n) {
  for (size_t i = 0; i < n; i++)
    must (assuan_register_command (ctx, command_names[i], cmd_nothing, NULL), "register");
}

void
register_some (assuan_context_t ctx) {
  register_n (ctx, N_COMMANDS);
}

void
register_many (assuan_context_t ctx) {
  register_n (ctx, N_MANY_COMMANDS);
}

void
register_few (assuan_context_t ctx) {
  register_n (ctx, N_FEW_COMMANDS);
}

void
register_most (assuan_context_t ctx) {
  register_n (ctx, N_MOST_COMMANDS);
}

/* --- Servers ---------------------------------------------------------------------------------- */

/* A context, with HOOKS unless they are NULL.  */
static assuan_context_t
context_new (assuan_malloc_hooks_t hooks) {
  assuan_context_t ctx;

  if (!hooks) hooks = assuan_get_malloc_hooks ();
  must (assuan_new_ext (&ctx, GPG_ERR_SOURCE_USER_1, hooks, NULL, NULL), "new context");
  return ctx;
}

assuan_context_t
server_new (int fd, register_fn *setup, assuan_malloc_hooks_t hooks) {
  assuan_context_t ctx = context_new (hooks);

  must (assuan_init_socket_server (ctx, fd, ASSUAN_SOCKET_SERVER_ACCEPTED), "server");
  setup (ctx);
  must (assuan_accept (ctx), "accept");
  return ctx;
}

void
serve (int fd, register_fn *setup, assuan_malloc_hooks_t hooks) {
  assuan_context_t ctx = server_new (fd, setup, hooks);

  /* Clients leave without waiting for the reply to BYE, so an error is nothing special.  */
  assuan_process (ctx);
  assuan_release (ctx);
}

static void *
serve_thread (void *arg) {
  struct server *server = arg;

  serve (server->fd, server->setup, NULL);
  return NULL;
}

int
server_start (struct server *server, register_fn *setup) {
  int fds[2];

  need (!socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), "socketpair");
  server->fd = fds[0];
  server->setup = setup;
  need (!pthread_create (&server->thread, NULL, serve_thread, server), "thread");
  return fds[1];
}

void
server_join (struct server *server) {
  pthread_join (server->thread, NULL);
}

/* --- The library's client --------------------------------------------------------------------- */

static gpg_error_t
on_data (void *arg, const void *data, size_t len) {
  struct client *client = arg;

  (void) data;
  client->n_octets += len;
  return 0;
}

static gpg_error_t
on_status (void *arg, const char *text) {
  struct client *client = arg;

  (void) text;
  client->n_lines++;
  return 0;
}

static gpg_error_t
on_inquiry (void *arg, const char *keyword) {
  struct client *client = arg;

  (void) keyword;
  return send_pieces (client->ctx, client->answers_random ? random_piece : plain_piece,
                      client->answer_mib);
}

void
client_open (struct client *client, int fd, assuan_malloc_hooks_t hooks) {
  *client = (struct client) { .ctx = context_new (hooks) };
  must (assuan_socket_connect_fd (client->ctx, fd, 0), "connect");
}

void
client_close (struct client *client) {
  assuan_release (client->ctx);
}

void
client_command (struct client *client, const char *command) {
  must (assuan_transact (client->ctx, command, on_data, client, on_inquiry, client, on_status,
                         client),
        command);
}

/* --- Clients that are nothing but a socket ---------------------------------------------------- */

void
raw_send (int fd, const void *buf, size_t len) {
  const char *at = buf;

  while (len) {
    ssize_t n = send (fd, at, len, MSG_NOSIGNAL);
    need (n > 0, "send");
    at += n;
    len -= (size_t) n;
  }
}

/* Reads some octets.  */
static size_t
raw_read (int fd, char *buf, size_t size) {
  ssize_t n = read (fd, buf, size);

  need (n >= 0, "read");
  if (!n) die ("read", "the server has closed the connection");
  return (size_t) n;
}

void
raw_skip_lines (int fd, size_t n) {
  static _Thread_local char buf[READ_LEN];

  while (n) {
    size_t len = raw_read (fd, buf, sizeof buf);
    for (const char *at = buf; (at = memchr (at, '\n', len - (size_t) (at - buf))); at++)
      n--;
  }
}

void
raw_skip_reply (int fd) {
  static _Thread_local char buf[READ_LEN + 4];
  static const char last[] = "\nOK\n";

  /* The last four octets that came are kept at the front, as reads end anywhere.  */
  do {
    size_t len = raw_read (fd, buf + 4, READ_LEN);
    memmove (buf, buf + len, 4);
  } while (memcmp (buf, last, 4) != 0);
}
