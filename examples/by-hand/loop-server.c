/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loop-server.c - an Assuan server in an event loop of its own, written against assuan.h alone.

   One process, one thread, any number of clients, and none of them waits for another.  This file is
   the way of a connection, which is the same for every such server; commands.c has the commands,
   loop.c the loop, listener.c the socket file.  The order of things, as in the chapter "External
   I/O event loops in the server" of the manual:

   1. accept_client accepts a connection, and tells assuan_init_socket_server so (ACCEPTED).  There
   is
      no assuan_accept: once the commands are registered assuan_get_active_fds opens the connection,
      which sends the greeting, and returns the descriptor to watch.
   2. Whenever that is readable, take_requests calls assuan_process_next, which reads once and runs
      the handlers of the commands that came.
   3. Handlers do not wait.  They finish with assuan_process_done, or leave a job behind.
   4. When the job has ended, take_requests is called again, because requests that came meanwhile
      are held in the context, where they do not make the descriptor readable.
   5. When assuan_process_next says done or returns an error, the connection is released.

   Two things beyond that make it safe to be impolite to this server.  A client may leave in the
   middle of a command: a connection with a job is watched for EPOLLHUP.  And a client may not read
   what it asked for.  The library's writes wait for room, so the server writes nothing, and takes
   no request, unless the socket is writable, and then so little at a time that there is room for
   it.

   usage: loop-server SOCKET          ends, and removes SOCKET, on SIGTERM and SIGINT  */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "listener.h"
#include "loop-server.h"

#define RETRY_MS 1000 /* accepting again after descriptors or memory ran out */

/* How much a turn may read.  All of it is answered before assuan_process_next returns, and the
   answer can be a hundred times as long: take "HELP" over and over.  A socket that is writable has
   room for 150 KiB, whether its client reads or not.  */
#define TURN_LEN 1024

struct server {
  struct loop loop;
  struct listener listener;
  struct watch clients; /* the listening socket */
  int signal_fd;
  struct watch signals;
  struct timer retry;
  struct conn *conns;
};

static void resume_accepting (struct server *server);

/* --- Jobs and states -------------------------------------------------------------------------- */

/* The server never asks for events on which it would not act.  So it does not read the socket while
   a job is busy: what a client sends ahead stays in the kernel, and when that is full the client
   waits.  It shows all the same when the client leaves: EPOLLHUP when it has closed, EPOLLRDHUP
   when it has shut down its sending side only and still expects answers, as `socat` does at the end
   of its input.  */
static const uint32_t events_of_state[] = {
  [CONN_IDLE] = EPOLLIN,
  [CONN_STALLED] = EPOLLOUT,
  [CONN_ASKING] = EPOLLIN,
  [CONN_WORKING] = EPOLLHUP | EPOLLRDHUP,
  [CONN_SPEAKING] = EPOLLOUT | EPOLLRDHUP,
};

void
conn_set_state (struct conn *conn, enum conn_state state) {
  uint32_t events = events_of_state[state];

  if (conn->half_closed) events &= ~(uint32_t) EPOLLRDHUP; /* known, and would never end */
  conn->state = state;
  watch_set (&conn->io, events); /* cannot fail for one that is watched already */
}

void
conn_begin (struct conn *conn, const struct job *job, void *work, enum conn_state state) {
  conn->job = job;
  conn->work = work;
  conn_set_state (conn, state);
}

static void
end_job (struct conn *conn) {
  if (conn->job) conn->job->end (conn);
  conn->job = NULL;
  conn->work = NULL;
}

gpg_error_t
conn_finish (struct conn *conn, gpg_error_t err) {
  end_job (conn);
  conn_set_state (conn, CONN_IDLE);
  return assuan_process_done (conn->ctx, err);
}

struct loop *
conn_loop (struct conn *conn) {
  return &conn->server->loop;
}

/* --- Connections ------------------------------------------------------------------------------ */

static void
conn_free (struct conn *conn) {
  struct server *server = conn->server;

  if (conn->link) *conn->link = conn->next;
  if (conn->next) conn->next->link = conn->link;
  watch_set (&conn->io, 0);   /* before the descriptor is closed */
  end_job (conn);             /* while its context is still there */
  assuan_release (conn->ctx); /* closes the descriptor */
  free (conn);
  resume_accepting (server);
}

/* Closes CONN because of ERR, of which only the unusual is worth a message.  */
static void
conn_fail (struct conn *conn, gpg_error_t err) {
  gpg_err_code_t code = gpg_err_code (err);

  if (code != GPG_ERR_EOF && code != GPG_ERR_EPIPE && code != GPG_ERR_ECONNRESET)
    fprintf (stderr, "loop-server: client %d: %s\n", (int) assuan_get_pid (conn->ctx),
             gpg_strerror (err));
  conn_free (conn);
}

static bool
is_writable (int fd) {
  struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };

  return poll (&poll_fd, 1, 0) == 1;
}

/* Whether the next line is wanted: a request, or what was inquired.  */
static bool
wants_lines (const struct conn *conn) {
  return !conn->job || conn->state == CONN_ASKING;
}

/* Runs the requests that have come.  Returns 0, or an error when the connection is to be closed;
   GPG_ERR_EOF if that is because the client is done.  */
static gpg_error_t
take_requests (struct conn *conn) {
  int done = 0;

  do {
    gpg_error_t err;

    if (!conn->job && !is_writable (conn->io.fd)) {
      conn_set_state (conn, CONN_STALLED);
      return 0;
    }
    if (!conn->job) conn_set_state (conn, CONN_IDLE);
    err = assuan_process_next (conn->ctx, &done);
    if (err) return err;
  } while (!done && wants_lines (conn) && assuan_pending_line (conn->ctx));

  /* If a job is left, its client has only finished sending, and gets its answers.  */
  return done && !conn->job ? gpg_error (GPG_ERR_EOF) : 0;
}

static void
socket_ready (struct watch *watch, uint32_t events) {
  struct conn *conn = watch->owner;
  gpg_error_t err = 0;

  if (events & EPOLLRDHUP) {
    conn->half_closed = true;
    conn_set_state (conn, conn->state);
  }
  if (conn->job && events & (EPOLLHUP | EPOLLERR)) {
    conn_free (conn); /* there is no client for the answer */
    return;
  }
  if (conn->state == CONN_SPEAKING && events & EPOLLOUT) err = conn->job->speak (conn);
  if (!err && wants_lines (conn)) err = take_requests (conn);
  if (err) conn_fail (conn, err);
}

/* The client says BYE.  Having answered that, the library closes the descriptor by itself, within
   assuan_process_next; it must not be watched any more by then.  */
static gpg_error_t
client_says_bye (assuan_context_t ctx, char *line) {
  struct conn *conn = assuan_get_pointer (ctx);

  (void) line;
  watch_set (&conn->io, 0);
  return 0;
}

/* Our own user and root may use this server.  The mode of the socket file says so too, but a user
   that may change that mode could let others in.  */
static gpg_error_t
check_peer (assuan_context_t ctx) {
  assuan_peercred_t peer;
  gpg_error_t err = assuan_get_peercred (ctx, &peer);

  if (err || peer->uid == geteuid () || peer->uid == 0) return err;
  return gpg_error (GPG_ERR_EACCES);
}

/* The recvmsg of our contexts: takes no more than TURN_LEN octets at once.  */
static int
receive_little (assuan_context_t ctx, assuan_fd_t fd, assuan_msghdr_t msg, int flags) {
  struct iovec *all = msg->msg_iov, little = *all;
  size_t n_all = msg->msg_iovlen;
  int n;

  if (little.iov_len > TURN_LEN) little.iov_len = TURN_LEN;
  msg->msg_iov = &little;
  msg->msg_iovlen = 1;
  n = __assuan_recvmsg (ctx, fd, msg, flags);
  msg->msg_iov = all;
  msg->msg_iovlen = n_all;
  return n;
}

/* All but one of these are what the library uses anyway.  */
static struct assuan_system_hooks hooks = {
  .version = ASSUAN_SYSTEM_HOOKS_VERSION,
  .usleep = __assuan_usleep,
  .pipe = __assuan_pipe,
  .close = __assuan_close,
  .read = __assuan_read,
  .write = __assuan_write,
  .recvmsg = receive_little,
  .sendmsg = __assuan_sendmsg,
  .spawn = __assuan_spawn,
  .waitpid = __assuan_waitpid,
  .socketpair = __assuan_socketpair,
  .socket = __assuan_socket,
  .connect = __assuan_connect,
};

/* Opens the connection on FD, which is ours until the context has it.  */
static gpg_error_t
conn_open (struct conn *conn, int fd) {
  assuan_fd_t active_fds[2];
  gpg_error_t err = assuan_new (&conn->ctx);

  if (!err) assuan_ctx_set_system_hooks (conn->ctx, &hooks);
  if (!err)
    err = assuan_init_socket_server (
        conn->ctx, fd, ASSUAN_SOCKET_SERVER_ACCEPTED | ASSUAN_SOCKET_SERVER_FDPASSING);
  if (!err) err = commands_register (conn->ctx);
  if (!err) err = assuan_register_bye_notify (conn->ctx, client_says_bye);
  if (err) {
    close (fd);
    return err;
  }
  assuan_set_pointer (conn->ctx, conn);
  /* This opens the connection: from here on the descriptor is the context's, the client's
     credentials are known, and the client is greeted, as there are commands to serve.  */
  if (assuan_get_active_fds (conn->ctx, 0, active_fds, 2) < 1) return gpg_error (GPG_ERR_EPIPE);
  err = check_peer (conn->ctx);
  if (err) return err;
  conn->io.fd = active_fds[0];
  return watch_set (&conn->io, EPOLLIN) ? gpg_error_from_syserror () : 0;
}

static void
conn_new (struct server *server, int fd) {
  struct conn *conn = calloc (1, sizeof *conn);
  gpg_error_t err;

  if (!conn) {
    close (fd);
    return;
  }
  conn->server = server;
  conn->io = (struct watch) { .loop = &server->loop, .ready = socket_ready, .owner = conn };
  conn->next = server->conns;
  conn->link = &server->conns;
  if (conn->next) conn->next->link = &conn->next;
  server->conns = conn;

  err = conn_open (conn, fd);
  if (err) conn_fail (conn, err);
}

/* --- Accepting -------------------------------------------------------------------------------- */

/* When descriptors have run out, a client that waits would keep the listening socket readable and
   the loop spinning.  So the server leaves that socket alone until a connection is closed, or for a
   second: what ran out may belong to the whole system.  */
static void
pause_accepting (struct server *server, int reason) {
  fprintf (stderr, "loop-server: cannot accept for now: %s\n", strerror (reason));
  watch_set (&server->clients, EPOLLERR);
  timer_start (&server->retry, RETRY_MS);
}

static void
resume_accepting (struct server *server) {
  timer_stop (&server->retry);
  if (server->clients.events) watch_set (&server->clients, EPOLLIN);
}

static void
retry_due (struct timer *timer) {
  resume_accepting (timer->owner);
}

/* Accepts one client; if there are more, the next turn of the loop comes here again.  */
static void
accept_client (struct watch *watch, uint32_t events) {
  struct server *server = watch->owner;
  int fd = accept4 (watch->fd, NULL, NULL, SOCK_CLOEXEC);

  (void) events;
  if (fd >= 0)
    conn_new (server, fd);
  else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
    pause_accepting (server, errno);
}

/* --- The server ------------------------------------------------------------------------------- */

static void
signal_came (struct watch *watch, uint32_t events) {
  struct server *server = watch->owner;

  (void) events;
  loop_stop (&server->loop);
}

/* Makes SIGTERM and SIGINT readable, so that they come between callbacks, not in the middle
   of one.  */
static int
open_signals (void) {
  sigset_t set;

  signal (SIGPIPE, SIG_IGN); /* COPY writes into pipes whose readers may go away */
  sigemptyset (&set);
  sigaddset (&set, SIGTERM);
  sigaddset (&set, SIGINT);
  if (sigprocmask (SIG_BLOCK, &set, NULL)) return -1;
  return signalfd (-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int
watch_all (struct server *server) {
  struct loop *loop = &server->loop;

  server->clients = (struct watch) {
    .loop = loop, .fd = server->listener.fd, .ready = accept_client, .owner = server
  };
  server->signals = (struct watch) {
    .loop = loop, .fd = server->signal_fd, .ready = signal_came, .owner = server
  };
  server->retry = (struct timer) { .loop = loop, .due = retry_due, .owner = server };
  return watch_set (&server->clients, EPOLLIN) || watch_set (&server->signals, EPOLLIN) ? -1 : 0;
}

/* Closes everything in the reverse order of main; clients in mid-command lose their connection.  */
static void
shut_down (struct server *server) {
  watch_set (&server->clients, 0);
  while (server->conns)
    conn_free (server->conns);
  listener_close (&server->listener);
  watch_set (&server->signals, 0);
  loop_deinit (&server->loop);
  close (server->signal_fd);
}

int
main (int argc, char **argv) {
  static struct server server;
  int rc;

  if (argc != 2 || argv[1][0] == '-') {
    fputs ("usage: loop-server SOCKET\n", stderr);
    return 2;
  }
  /* Signals first, so that none of them can leave a socket file behind.  */
  server.signal_fd = open_signals ();
  if (server.signal_fd < 0 || loop_init (&server.loop)) {
    perror ("loop-server");
    return 1;
  }
  if (commands_init () || listener_open (&server.listener, argv[1])) return 1;

  rc = watch_all (&server);
  if (!rc) {
    printf ("loop-server: listening on %s\n", argv[1]);
    fflush (stdout);
    rc = loop_run (&server.loop);
  }
  if (rc) perror ("loop-server");
  shut_down (&server);
  return rc ? 1 : 0;
}
