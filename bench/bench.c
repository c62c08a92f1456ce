/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bench.c - how fast the library is: the same program for ours and for Debian's, which
   LD_LIBRARY_PATH chooses.  bench/run.sh runs it on both in turn and compares.

   Built as bench-corked it runs on libevassuan, and uses what assuan.h does not have.

   usage: bench list | NAME SECONDS          prints the rate, more is better  */

#include "kit.h"
#include "peer.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BATCH         500 /* requests that a pipelining client sends at a time */
#define BATCH_LEN     32768
#define N_CONNECTIONS 100

/* --- The library's client and server ---------------------------------------------------------- */

/* A command for the library's client and how many things it does.  */
struct dialogue {
  const char *command;
  double n;
  size_t answer_mib;
  bool answers_random;
};

struct dialogue_run {
  struct client client;
  const char *command;
};

static void
dialogue_step (void *arg) {
  struct dialogue_run *run = arg;

  client_command (&run->client, run->command);
}

static struct rate
run_dialogue (double seconds, const void *arg) {
  const struct dialogue *dialogue = arg;
  struct dialogue_run run = { .command = dialogue->command };
  struct server server;
  struct rate rate;

  client_open (&run.client, server_start (&server, register_commands), NULL);
  run.client.answer_mib = dialogue->answer_mib;
  run.client.answers_random = dialogue->answers_random;
  rate = measure (seconds, dialogue->n, dialogue_step, &run);
  client_close (&run.client);
  server_join (&server);
  return rate;
}

/* As in a program that takes one answer: large memory is new each time, and goes back.  */
static struct rate
run_fresh_dialogue (double seconds, const void *arg) {
  need (mallopt (M_MMAP_THRESHOLD, 128 << 10), "mallopt");
  return run_dialogue (seconds, arg);
}

/* --- The library's server, and a client that is nothing but a socket -------------------------- */

struct raw_run {
  int fd;
  char text[BATCH_LEN];
  size_t len;
  size_t n_replies;
};

/* Sends requests without waiting for replies in between.  */
static void
batch_step (void *arg) {
  struct raw_run *run = arg;

  raw_send (run->fd, run->text, run->len);
  raw_skip_lines (run->fd, run->n_replies);
}

static void
data_step (void *arg) {
  struct raw_run *run = arg;

  raw_send (run->fd, run->text, run->len);
  raw_skip_reply (run->fd);
}

/* Adds a request to the text that a step sends.  */
static void
add_request (struct raw_run *run, const char *command) {
  int len = snprintf (run->text + run->len, BATCH_LEN - run->len, "%s\n", command);

  run->len += (size_t) len;
  if (run->len >= BATCH_LEN) die ("batch", "too long");
  run->n_replies++;
}

/* Lets STEP do N things at a time with a server whose commands SETUP registers.  */
static struct rate
run_raw (double seconds, struct raw_run *run, register_fn *setup, void (*step) (void *), double n) {
  struct server server;
  struct rate rate;

  run->fd = server_start (&server, setup);
  raw_skip_lines (run->fd, 1);
  rate = measure (seconds, n, step, run);
  close (run->fd);
  server_join (&server);
  return rate;
}

static struct rate
run_pipelined (double seconds, const void *arg) {
  struct raw_run run = { .len = 0 };

  (void) arg;
  for (int i = 0; i < BATCH; i++)
    add_request (&run, "NOP");
  return run_raw (seconds, &run, register_commands, batch_step, BATCH);
}

/* So many commands that a server knows.  */
struct commands {
  size_t n;
  register_fn *setup;
};

static struct rate
run_lookup (double seconds, const void *arg) {
  const struct commands *commands = arg;
  struct raw_run run = { .len = 0 };

  for (size_t i = 0; i < commands->n; i++)
    add_request (&run, command_name (i));
  return run_raw (seconds, &run, commands->setup, batch_step, (double) commands->n);
}

static struct rate
run_raw_data (double seconds, const void *arg) {
  const struct dialogue *dialogue = arg;
  struct raw_run run = { .len = 0 };

  add_request (&run, dialogue->command);
  return run_raw (seconds, &run, register_commands, data_step, dialogue->n);
}

/* --- The library's client, and a server that is nothing but a socket -------------------------- */

/* The reply that it gives to everything: some data lines.  */
#define REPLY_LINES 1024
#define REPLY_LEN   (REPLY_LINES * 1001 + 3)

static char *
make_reply (void) {
  char *reply = malloc (REPLY_LEN);

  need (reply, "malloc");
  memset (reply, 'x', REPLY_LEN);
  for (size_t i = 0; i < REPLY_LINES; i++) {
    memcpy (reply + i * 1001, "D ", 2);
    reply[i * 1001 + 1000] = '\n';
  }
  memcpy (reply + REPLY_LEN - 3, "OK\n", 3);
  return reply;
}

/* Answers every line that comes until the client says BYE or has gone.  */
static void *
raw_server (void *arg) {
  int fd = *(int *) arg;
  char *reply = make_reply ();
  char c, first = '\n';

  raw_send (fd, "OK\n", 3);
  while (read (fd, &c, 1) == 1) {
    if (first == '\n') first = c;
    if (c == '\n' && first == 'B') break;
    if (c == '\n') raw_send (fd, reply, REPLY_LEN);
    if (c == '\n') first = c;
  }
  close (fd);
  free (reply);
  return NULL;
}

static struct rate
run_client_data (double seconds, const void *arg) {
  struct dialogue_run run = { .command = "GO" };
  pthread_t thread;
  struct rate rate;
  int fds[2];

  (void) arg;
  need (!socketpair (AF_UNIX, SOCK_STREAM, 0, fds), "socketpair");
  need (!pthread_create (&thread, NULL, raw_server, &fds[0]), "thread");
  client_open (&run.client, fds[1], NULL);
  rate = measure (seconds, REPLY_LINES * 998. / (double) MIB, dialogue_step, &run);
  client_close (&run.client);
  pthread_join (thread, NULL);
  return rate;
}

/* --- Connections ------------------------------------------------------------------------------ */

/* A server that listens, and serves one client after the other.  */
struct listener {
  char dir[24];
  char path[32];
  int fd;
  pthread_t thread;
};

static void *
listener_thread (void *arg) {
  struct listener *listener = arg;
  assuan_context_t ctx;

  must (assuan_new (&ctx), "new context");
  must (assuan_init_socket_server (ctx, listener->fd, 0), "server");
  register_commands (ctx);
  while (!assuan_accept (ctx))
    assuan_process (ctx);
  assuan_release (ctx);
  return NULL;
}

static void
listener_open (struct listener *listener) {
  struct sockaddr_un address = { .sun_family = AF_UNIX };

  strcpy (listener->dir, "/tmp/bench-XXXXXX");
  need (mkdtemp (listener->dir), "mkdtemp");
  snprintf (listener->path, sizeof listener->path, "%s/S", listener->dir);
  strcpy (address.sun_path, listener->path);
  listener->fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  need (!bind (listener->fd, (struct sockaddr *) &address, sizeof address), "bind");
  need (!listen (listener->fd, 64), "listen");
  need (!pthread_create (&listener->thread, NULL, listener_thread, listener), "thread");
}

static void
listener_close (struct listener *listener) {
  /* This makes accept fail, and so ends the thread.  */
  shutdown (listener->fd, SHUT_RDWR);
  pthread_join (listener->thread, NULL);
  close (listener->fd);
  unlink (listener->path);
  rmdir (listener->dir);
}

static void
connect_step (void *arg) {
  struct listener *listener = arg;
  assuan_context_t ctx;

  must (assuan_new (&ctx), "new context");
  must (assuan_socket_connect (ctx, listener->path, ASSUAN_INVALID_PID, 0), "connect");
  assuan_release (ctx);
}

static struct rate
run_connect (double seconds, const void *arg) {
  struct listener listener;
  struct rate rate;

  (void) arg;
  listener_open (&listener);
  rate = measure (seconds, 1, connect_step, &listener);
  listener_close (&listener);
  return rate;
}

/* What a daemon does for each client before it talks to him.  A context that was not opened leaves
   the descriptor alone.  */
struct context_run {
  int fd;
  register_fn *setup;
};

static void
context_step (void *arg) {
  struct context_run *run = arg;
  assuan_context_t ctx;

  must (assuan_new (&ctx), "new context");
  must (assuan_init_socket_server (ctx, run->fd, ASSUAN_SOCKET_SERVER_ACCEPTED), "server");
  run->setup (ctx);
  assuan_release (ctx);
}

static struct rate
measure_contexts (double seconds, register_fn *setup, double n) {
  struct context_run run = { .setup = setup };
  struct rate rate;
  int fds[2];

  need (!socketpair (AF_UNIX, SOCK_STREAM, 0, fds), "socketpair");
  run.fd = fds[0];
  rate = measure (seconds, n, context_step, &run);
  close (fds[0]);
  close (fds[1]);
  return rate;
}

static struct rate
run_context (double seconds, const void *arg) {
  (void) arg;
  return measure_contexts (seconds, register_some, 1);
}

/* The same for each command.  */
static struct rate
run_register (double seconds, const void *arg) {
  const struct commands *commands = arg;

  return measure_contexts (seconds, commands->setup, (double) commands->n);
}

/* --- Event loop ------------------------------------------------------------------------------- */

/* A server of N_CONNECTIONS in one thread, and the other ends of them.  */
struct loop {
  int epoll_fd;
  int server_fds[N_CONNECTIONS];
  int client_fds[N_CONNECTIONS];
  pthread_t thread;
};

static void
loop_turn (assuan_context_t ctx, int epoll_fd, size_t *n_open) {
  assuan_fd_t fds[2];
  int n_fds, done = 0;

  n_fds = assuan_get_active_fds (ctx, 0, fds, 2);
  must (assuan_process_next (ctx, &done), "process_next");
  if (!done) return;
  if (n_fds > 0) epoll_ctl (epoll_fd, EPOLL_CTL_DEL, fds[0], NULL);
  assuan_release (ctx);
  (*n_open)--;
}

static void
loop_add (int epoll_fd, int fd) {
  assuan_context_t ctx = server_new (fd, register_commands, NULL);
  struct epoll_event event = { .events = EPOLLIN, .data.ptr = ctx };
  assuan_fd_t fds[2];

  if (assuan_get_active_fds (ctx, 0, fds, 2) < 1) die ("get_active_fds", "none");
  need (!epoll_ctl (epoll_fd, EPOLL_CTL_ADD, fds[0], &event), "epoll_ctl");
}

static void *
loop_thread (void *arg) {
  struct loop *loop = arg;
  size_t n_open = N_CONNECTIONS;

  for (size_t i = 0; i < N_CONNECTIONS; i++)
    loop_add (loop->epoll_fd, loop->server_fds[i]);
  while (n_open) {
    struct epoll_event events[N_CONNECTIONS];
    int n = epoll_wait (loop->epoll_fd, events, N_CONNECTIONS, -1);

    need (n >= 0 || errno == EINTR, "epoll_wait");
    for (int i = 0; i < n; i++)
      loop_turn (events[i].data.ptr, loop->epoll_fd, &n_open);
  }
  return NULL;
}

/* One command for each connection.  */
static void
loop_step (void *arg) {
  struct loop *loop = arg;

  for (size_t i = 0; i < N_CONNECTIONS; i++)
    raw_send (loop->client_fds[i], "DONE\n", 5);
  for (size_t i = 0; i < N_CONNECTIONS; i++)
    raw_skip_lines (loop->client_fds[i], 1);
}

static struct rate
run_loop (double seconds, const void *arg) {
  struct loop loop = { .epoll_fd = epoll_create1 (EPOLL_CLOEXEC) };
  struct rate rate;

  (void) arg;
  for (size_t i = 0; i < N_CONNECTIONS; i++) {
    int fds[2];
    need (!socketpair (AF_UNIX, SOCK_STREAM, 0, fds), "socketpair");
    loop.server_fds[i] = fds[0];
    loop.client_fds[i] = fds[1];
  }
  need (!pthread_create (&loop.thread, NULL, loop_thread, &loop), "thread");
  for (size_t i = 0; i < N_CONNECTIONS; i++)
    raw_skip_lines (loop.client_fds[i], 1);
  rate = measure (seconds, N_CONNECTIONS, loop_step, &loop);
  for (size_t i = 0; i < N_CONNECTIONS; i++)
    close (loop.client_fds[i]);
  pthread_join (loop.thread, NULL);
  close (loop.epoll_fd);
  return rate;
}

/* --- The list --------------------------------------------------------------------------------- */

static const struct commands some = { N_COMMANDS, register_some };
static const struct commands many = { N_MANY_COMMANDS, register_many };
static const struct commands few = { N_FEW_COMMANDS, register_few };
static const struct commands most = { N_MOST_COMMANDS, register_most };
static const struct dialogue nop = { "NOP", 1, 0, false };
static const struct dialogue echo = { "ECHO abcdefghijklmnopqrstuvwxyz012345", 1, 0, false };
static const struct dialogue status = { "STATUS", STATUS_LINES, 0, false };
static const struct dialogue plain = { "PLAIN 16", 16, 0, false };
static const struct dialogue random_large = { "RANDOM 65536 16", 16, 0, false };
static const struct dialogue random_small = { "RANDOM 4096 4", 4, 0, false };
static const struct dialogue plain_small = { "SMALL 4096 4", 4, 0, false };
static const struct dialogue escaped = { "ESCAPED 1", 1, 0, false };
static const struct dialogue take_large = { "TAKE", 16, 16, true };
static const struct dialogue take = { "TAKE", 1, 1, false };

#define BOTH(name, unit, title, run, arg)   { name, unit, title, "both", run, arg }
#define CORKED(name, unit, title, run, arg) { name, unit, title, "corked", run, arg }
#define SCALE(name, run, arg)               { name, "/s", "", "scale", run, arg }
#define OURS(name, unit, title, run, arg)   { name, unit, title, "ours", run, arg }

static const struct benchmark list[] = {
  BOTH ("nop", "/s", "NOP commands, one after the other", run_dialogue, &nop),
  BOTH ("echo", "/s", "commands with 32 octets of data as reply", run_dialogue, &echo),
  BOTH ("status", "/s", "status lines in a reply", run_dialogue, &status),
  BOTH ("nop-ahead", "/s", "NOP commands, the client sends ahead", run_pipelined, NULL),
  BOTH ("lookup", "/s", "  commands of 40 that the server knows", run_lookup, &some),
  OURS ("lookup-200", "/s", "  commands of 200", run_lookup, &many),
  BOTH ("loop", "/s", "commands, 100 clients of one event loop", run_loop, NULL),
  BOTH ("connect", "/s", "connections, from connect to release", run_connect, NULL),
  BOTH ("context", "/s", "server contexts with 40 commands", run_context, NULL),
  BOTH ("data", "MiB/s", "data, server to client", run_dialogue, &plain),
  BOTH ("data-server", "MiB/s", "  the server alone", run_raw_data, &plain),
  BOTH ("data-client", "MiB/s", "  the client alone", run_client_data, NULL),
  BOTH ("data-random", "MiB/s", "  one octet in 85 escaped", run_dialogue, &random_large),
  BOTH ("data-small", "MiB/s", "data, 4 KiB at a time", run_dialogue, &plain_small),
  BOTH ("data-small-random", "MiB/s", "  one octet in 85 escaped", run_dialogue, &random_small),
  CORKED ("data-corked", "MiB/s", "data, 4 KiB at a time, corked", run_dialogue, &plain_small),
  CORKED ("data-corked-random", "MiB/s", "  one octet in 85 escaped", run_dialogue, &random_small),
  BOTH ("escaped", "MiB/s", "data, every octet escaped", run_dialogue, &escaped),
  BOTH ("escaped-server", "MiB/s", "  the server alone", run_raw_data, &escaped),
  BOTH ("inquiry", "MiB/s", "inquired data, client to server", run_dialogue, &take),
  BOTH ("inquiry-fresh", "MiB/s", "  16 MiB at once into new memory", run_fresh_dialogue,
        &take_large),
  SCALE ("lookup-few", run_lookup, &few),
  SCALE ("lookup-many", run_lookup, &many),
  SCALE ("lookup-most", run_lookup, &most),
  SCALE ("register-few", run_register, &few),
  SCALE ("register-many", run_register, &many),
  SCALE ("register-most", run_register, &most),
};

int
main (int argc, char **argv) {
  peer_init ();
  return choose_benchmark (argc, argv, list, sizeof list / sizeof *list);
}
