/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* accept.c - how servers get their connections, and greet.

   A server is initialized over pipes, over an accepted socket, or over a listening one.  Opening
   its connection means to take credentials and to send the greeting.  The first call of
   assuan_accept, assuan_get_active_fds or assuan_process_next opens it: programs with an event loop
   of their own never call assuan_accept.  Some of these want the descriptors before anything else,
   and set up the server afterwards.  So for a program that has not set up anything yet
   assuan_get_active_fds leaves the greeting to the other two.  */

#include "assuan/accept.h"

#include "assuan/command.h"
#include "assuan/connection.h"
#include "assuan/descriptor.h"
#include "assuan/drive.h"
#include "assuan/error.h"
#include "assuan/generation.h"
#include "assuan/inquire.h"
#include "assuan/lifetime.h"
#include "assuan/memory.h"
#include "assuan/say.h"
#include "assuan/scratch.h"
#include "assuan/stream.h"
#include "assuan/table.h"
#include "io/number.h"
#include "io/peer.h"
#include "io/process.h"
#include "wire/wipe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The default greeting with the longest pid.  */
#define GREETING_SIZE 64

/* `, process N` with the longest pid.  */
#define PID_SIZE 32

/* --- Greeting --------------------------------------------------------------------------------- */

gpg_error_t
assuan_set_hello_line (assuan_context_t ctx, const char *line) {
  gpg_error_t err = eva__ctx_own_commands (ctx);

  if (!err) err = eva__ctx_set_string (ctx, &ctx->table->own_hello, line);
  if (!err) ctx->table->hello_secret = ctx->flags.confidential;
  return err;
}

/* Writes `, process PID` to DST and returns its end.  */
static char *
put_pid (char *dst, pid_t pid) {
  static const char head[] = ", process ";
  char digits[PID_SIZE], *first = digits + sizeof digits;
  size_t len;

  do
    *--first = (char) ('0' + pid % 10);
  while (pid /= 10);
  len = (size_t) (digits + sizeof digits - first);
  memcpy (dst, head, sizeof head - 1);
  dst += sizeof head - 1;
  memcpy (dst, first, len);
  dst[len] = 0;
  return dst + len;
}

/* Queues the OK with TEXT, which the program set, and our pid after it.  If the line is too long,
   the text is cut, and not the pid.  */
static gpg_error_t
queue_ok_with_pid (assuan_context_t ctx, const char *text) {
  char pid[PID_SIZE], buf[EVA_LINE_SIZE], line[EVA_LINE_SIZE];
  size_t pid_len = (size_t) (put_pid (pid, eva__io_this_pid ()) - pid);
  int rc;

  text = eva__ctx_cut (ctx, text, strlen ("OK ") + pid_len, buf);
  memcpy (stpcpy (line, text), pid, pid_len + 1);
  rc = eva_conn_ok (ctx->conn, line);
  eva__wire_wipe (buf, sizeof buf);
  eva__wire_wipe (line, sizeof line);
  return eva__ctx_conn_error (ctx, rc);
}

/* Queues what the program set: the last line of TEXT as OK, those before as comments.  */
static gpg_error_t
queue_greeting (assuan_context_t ctx, const char *text) {
  const char *lf;

  while ((lf = strchr (text, '\n'))) {
    gpg_error_t err = eva__ctx_queue_comment (ctx, text, (size_t) (lf - text));
    if (err) return err;
    text = lf + 1;
  }
  if (ctx->table->own_hello && eva__generation.adds_pid_to_hello)
    return queue_ok_with_pid (ctx, text);
  return eva__ctx_conn_error (ctx, eva__ctx_queue_ok (ctx, text));
}

/* Queues the usual greeting; gpg-agent recognises its own connections by its wording and pid.  */
static gpg_error_t
queue_usual_greeting (assuan_context_t ctx) {
  static const char usual[] = "Pleased to meet you";
  pid_t pid = eva__generation.greets_with_own_pid ? eva__io_this_pid () : ctx->pid;
  char text[GREETING_SIZE];

  memcpy (text, usual, sizeof usual);
  if (pid != ASSUAN_INVALID_PID) put_pid (text + sizeof usual - 1, pid);
  return eva__ctx_conn_error (ctx, eva_conn_ok (ctx->conn, text));
}

/* Says the program's greeting, or the usual one.  */
static gpg_error_t
greet (assuan_context_t ctx) {
  const char *hello = ctx->table->own_hello ? ctx->table->own_hello : ctx->table->hello;
  gpg_error_t err;

  eva__ctx_mark_output (ctx, ctx->table->own_hello && ctx->table->hello_secret);
  err = hello ? queue_greeting (ctx, hello) : queue_usual_greeting (ctx);
  eva__ctx_mark_output (ctx, false);
  return err ? err : eva__ctx_said (ctx, 0);
}

/* From here on the descriptors are the context's.  */
static void
take_connection (assuan_context_t ctx) {
  ctx->opened = true;
  if (ctx->channel.is_socket && !ctx->is_pipe && !ctx->has_peercred
      && !eva__io_peer_credentials (ctx->channel.in_fd, &ctx->peercred)) {
    ctx->has_peercred = true;
    ctx->pid = ctx->peercred.pid;
  }
}

/* A greeting may fail because memory is short, and is said later; one that could not be written
   never can be.  */
gpg_error_t
eva__ctx_open (assuan_context_t ctx) {
  gpg_error_t err;

  if (ctx->greeted || !ctx->conn) return 0;
  if (ctx->channel.in_fd == ASSUAN_INVALID_FD) return eva__ctx_error (ctx, GPG_ERR_EBADF);
  if (!ctx->opened) take_connection (ctx);
  ctx->greeted = true;
  err = greet (ctx);
  if (err && !ctx->write_error) ctx->greeted = false;
  return err;
}

/* Returns true if the program set what CTX serves, or how it greets.  A pointer, flags and a log do
   not count.  */
static bool
is_furnished (assuan_context_t ctx) {
  static const struct eva__notify nothing;
  const struct eva__table *table = ctx->table;

  return table->has_commands || table->hello || table->own_hello
         || memcmp (&table->notify, &nothing, sizeof nothing);
}

/* Opens the connection for a program that asks what to watch.  It greets only if the program
   registered something: otherwise the program may still set its greeting.  If the greeting fails,
   that is reported later.  */
static void
open_to_watch (assuan_context_t ctx) {
  if (!ctx->conn || ctx->channel.in_fd == ASSUAN_INVALID_FD) return;
  ctx->is_external = true;
  if (is_furnished (ctx))
    eva__ctx_open (ctx);
  else if (!ctx->opened)
    take_connection (ctx);
}

int
assuan_get_active_fds (assuan_context_t ctx, int what, assuan_fd_t *fdarray, int fdarraysize) {
  assuan_fd_t fd;

  if (!ctx || !fdarray || fdarraysize < 2 || what < 0 || what > 1) return -1;
  eva__ctx_enter (ctx);
  /* A program that wants to watch the connection wants it open.  If that fails, assuan_process_next
     reports it.  */
  if (what == 0 && ctx->kind == EVA__CTX_SERVER && !ctx->greeted) open_to_watch (ctx);
  fd = what == 0 ? ctx->channel.in_fd : ctx->channel.out_fd;
  if (ctx->released) fd = ASSUAN_INVALID_FD; /* when the greeting was shown */
  eva__ctx_leave (ctx);
  if (fd == ASSUAN_INVALID_FD) return 0;
  fdarray[0] = fd;
  return 1;
}

/* --- Initialization --------------------------------------------------------------------------- */

/* Forgets what CTX knew of an earlier connection.  The continuation of an inquiry in it may release
   CTX.  */
static void
forget_connection (assuan_context_t ctx) {
  eva__ctx_end_inquiry (ctx, eva__ctx_error (ctx, GPG_ERR_CANCELED));
  eva__ctx_close_data_stream (ctx);
  eva__ctx_close_fds (ctx);
  eva__ctx_disconnect (ctx);
  ctx->opened = ctx->greeted = ctx->accept_told = ctx->closing = false;
  ctx->has_peercred = false;
  ctx->pid = ASSUAN_INVALID_PID;
  ctx->flags.force_close = false;
}

/* Returns the positive decimal number in environment variable NAME, or -1.  */
static int
env_number (const char *name) {
  const char *text = getenv (name);
  int number = text ? eva__io_number_parse (text, INT32_MAX) : -1;

  return number > 0 ? number : -1;
}

/* Reads what assuan_pipe_connect put into the environment.  */
assuan_fd_t
eva__ctx_inherited_socket (pid_t *ret_pid) {
  int fd = env_number ("_assuan_connection_fd");
  socklen_t len = sizeof (int);
  int type;

  *ret_pid = (pid_t) env_number ("_assuan_pipe_connect_pid");
  if (fd < 0 || getsockopt (fd, SOL_SOCKET, SO_TYPE, &type, &len)) return ASSUAN_INVALID_FD;
  return fd;
}

/* Makes CTX a server without a connection.  */
static gpg_error_t
begin_server (assuan_context_t ctx) {
  gpg_error_t err = eva__ctx_register_builtins (ctx);

  if (!err && ctx->opened) forget_connection (ctx);
  return ctx->released ? eva__ctx_error (ctx, GPG_ERR_CANCELED) : err;
}

static gpg_error_t
init_pipe_server (assuan_context_t ctx, assuan_fd_t filedes[2]) {
  pid_t pid;
  assuan_fd_t fd = eva__ctx_inherited_socket (&pid);
  bool is_socket = fd != ASSUAN_INVALID_FD;
  gpg_error_t err;

  if (!is_socket
      && (!filedes || filedes[0] == ASSUAN_INVALID_FD || filedes[1] == ASSUAN_INVALID_FD))
    return eva__ctx_error (ctx, GPG_ERR_ASS_SERVER_START);
  err = begin_server (ctx);
  if (err) return err;
  eva__ctx_connect (ctx, EVA__CTX_SERVER, is_socket ? fd : filedes[0], is_socket ? fd : filedes[1],
                    is_socket);
  ctx->is_pipe = true;
  ctx->is_listener = false;
  ctx->pid = pid;
  return 0;
}

gpg_error_t
assuan_init_pipe_server (assuan_context_t ctx, assuan_fd_t filedes[2]) {
  if (!ctx) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  if (ctx->drive) return eva__drive_refuse_connection (ctx);
  eva__ctx_enter (ctx);
  return eva__ctx_leave_with (ctx, init_pipe_server (ctx, filedes));
}

static gpg_error_t
init_socket_server (assuan_context_t ctx, assuan_fd_t fd, unsigned int flags) {
  bool pass_fds = flags & ASSUAN_SOCKET_SERVER_FDPASSING;
  gpg_error_t err = begin_server (ctx);
  struct eva__extra *extra;

  if (err) return err;
  ctx->is_pipe = ctx->is_listener = false;
  if (flags & ASSUAN_SOCKET_SERVER_ACCEPTED) {
    eva__ctx_connect (ctx, EVA__CTX_SERVER, fd, fd, pass_fds);
    return 0;
  }
  extra = eva__ctx_get_extra (ctx);
  if (!extra) return eva__ctx_error (ctx, GPG_ERR_ENOMEM);
  ctx->kind = EVA__CTX_SERVER;
  ctx->is_listener = true;
  extra->listen_fd = fd;
  ctx->listen_passes_fds = pass_fds;
  return 0;
}

gpg_error_t
assuan_init_socket_server (assuan_context_t ctx, assuan_fd_t fd, unsigned int flags) {
  if (!ctx) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  if (ctx->drive) return eva__drive_refuse_connection (ctx);
  eva__ctx_enter (ctx);
  return eva__ctx_leave_with (ctx, init_socket_server (ctx, fd, flags));
}

void
assuan_set_sock_nonce (assuan_context_t ctx, assuan_sock_nonce_t *nonce) {
  /* Only systems without Unix sockets have nonces.  */
  (void) ctx;
  (void) nonce;
}

/* --- Accepting -------------------------------------------------------------------------------- */

/* There is no hook for accept, and accept would stop all the threads of a program with hooks of its
   own: there the wait goes through the usleep hook.  */
static void
wait_for_client (assuan_context_t ctx) {
  int status = fcntl (ctx->extra->listen_fd, F_GETFL);

  if (eva__io_sys_is_own (&ctx->shared->sys) || status < 0 || status & O_NONBLOCK) return;
  eva__io_sys_wait (&ctx->shared->sys, ctx->extra->listen_fd, POLLIN);
}

/* Waits for the next client of a listening socket.  */
static gpg_error_t
accept_client (assuan_context_t ctx) {
  struct eva__io_clamp clamp;
  int fd;

  do {
    wait_for_client (ctx);
    eva__io_sys_begin_call (&ctx->shared->sys, &clamp);
    fd = accept4 (ctx->extra->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    eva__io_sys_end_call (&ctx->shared->sys, &clamp);
  } while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
  if (fd < 0) return eva__ctx_syserror (ctx);
  eva__ctx_connect (ctx, EVA__CTX_SERVER, fd, fd, ctx->listen_passes_fds);
  return 0;
}

/* The bare value that ends the caller's loop.  */
#define NO_MORE_CLIENTS ((gpg_error_t) - 1)

/* A callback that releases CTX, when the greeting is shown for instance, ends the caller's
   loop.  */
static gpg_error_t
accept_next (assuan_context_t ctx) {
  gpg_error_t err = 0;

  if (ctx->conn && !ctx->accept_told) {
    ctx->accept_told = true;
  } else {
    if (ctx->accept_told) forget_connection (ctx);
    if (ctx->released || !ctx->is_listener) return NO_MORE_CLIENTS;
    err = accept_client (ctx);
    ctx->accept_told = !err;
  }
  if (!err) err = eva__ctx_open (ctx);
  return ctx->released ? NO_MORE_CLIENTS : err;
}

gpg_error_t
assuan_accept (assuan_context_t ctx) {
  gpg_error_t err, settle_err = 0;
  struct eva__scratch scratch;
  bool is_lent;

  if (!ctx) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  if (ctx->kind != EVA__CTX_SERVER) return NO_MORE_CLIENTS;
  if (ctx->drive) return eva__drive_refuse_connection (ctx);
  eva__ctx_enter (ctx);
  is_lent = eva__scratch_lend (ctx, &scratch);
  err = accept_next (ctx);
  if (is_lent) settle_err = eva__scratch_settle (ctx, &scratch);
  return eva__ctx_leave_with (ctx, err ? err : settle_err);
}
