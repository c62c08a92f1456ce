/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The helpers of loop.h.  */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop.h"

static bool hooked;

int
loop_setup_native (void **state) {
  hooked = false;
  return suite_setup (state);
}

int
loop_setup_hooks (void **state) {
  hooked = true;
  return suite_setup (state);
}

bool
loop_hooked (void) {
  return hooked;
}

/* System hooks that count and never sleep.  The context's pointer is the connection.  */

static struct conn *
conn_of (assuan_context_t ctx) {
  static struct conn nobody;
  struct conn *c = ctx ? assuan_get_pointer (ctx) : NULL;

  return c ? c : &nobody;
}

static void
hook_usleep (assuan_context_t ctx, unsigned int usec) {
  (void) usec;
  conn_of (ctx)->n_sleeps++;
}

static int
hook_close (assuan_context_t ctx, assuan_fd_t fd) {
  conn_of (ctx)->n_closes++;
  return __assuan_close (ctx, fd);
}

static ssize_t
hook_read (assuan_context_t ctx, assuan_fd_t fd, void *buffer, size_t size) {
  conn_of (ctx)->n_reads++;
  return __assuan_read (ctx, fd, buffer, size);
}

static ssize_t
hook_write (assuan_context_t ctx, assuan_fd_t fd, const void *buffer, size_t size) {
  conn_of (ctx)->n_writes++;
  return __assuan_write (ctx, fd, buffer, size);
}

static int
hook_recvmsg (assuan_context_t ctx, assuan_fd_t fd, assuan_msghdr_t msg, int flags) {
  conn_of (ctx)->n_reads++;
  return __assuan_recvmsg (ctx, fd, msg, flags);
}

static int
hook_sendmsg (assuan_context_t ctx, assuan_fd_t fd, const assuan_msghdr_t msg, int flags) {
  conn_of (ctx)->n_writes++;
  return __assuan_sendmsg (ctx, fd, msg, flags);
}

static void
set_hooks (assuan_context_t ctx) {
  static struct assuan_system_hooks hooks = {
    .version = ASSUAN_SYSTEM_HOOKS_VERSION,
    .usleep = hook_usleep,
    .pipe = __assuan_pipe,
    .close = hook_close,
    .read = hook_read,
    .write = hook_write,
    .recvmsg = hook_recvmsg,
    .sendmsg = hook_sendmsg,
    .spawn = __assuan_spawn,
    .waitpid = __assuan_waitpid,
    .socketpair = __assuan_socketpair,
    .socket = __assuan_socket,
    .connect = __assuan_connect,
  };

  assuan_ctx_set_system_hooks (ctx, &hooks);
}

/* Notes.  */

void
conn_note (struct conn *c, const char *format, ...) {
  size_t room = sizeof c->notes - c->notes_len;
  va_list args;
  int n;

  if (c->notes_len && room > 1) {
    c->notes[c->notes_len++] = ' ';
    c->notes[c->notes_len] = 0;
    room--;
  }
  va_start (args, format);
  n = vsnprintf (c->notes + c->notes_len, room, format, args);
  va_end (args);
  if (n > 0) c->notes_len += (size_t) n < room ? (size_t) n : room - 1;
}

void
conn_assert_notes (struct conn *c, const char *text, const char *file, int line) {
  if (strcmp (c->notes, text)) {
    print_error ("expected notes: \"%s\"\nbut there are:  \"%s\"\n", text, c->notes);
    _fail (file, line);
  }
  c->notes_len = 0;
  c->notes[0] = 0;
}

static gpg_error_t
note_pre (assuan_context_t ctx, const char *cmd) {
  conn_note (conn_of (ctx), "PRE(%s)", cmd);
  return 0;
}

static void
note_post (assuan_context_t ctx, gpg_error_t rc) {
  const char *name = assuan_get_command_name (ctx);

  conn_note (conn_of (ctx), "POST(%u,%s)", (unsigned int) gpg_err_code (rc), name ? name : "-");
}

void
conn_note_commands (struct conn *c) {
  assert_err (assuan_register_pre_cmd_notify (c->ctx, note_pre), 0);
  assert_err (assuan_register_post_cmd_notify (c->ctx, note_post), 0);
}

/* Commands.  */

static gpg_error_t
cmd_done (assuan_context_t ctx, char *line) {
  conn_note (conn_of (ctx), "DONE(%s)", line);
  return assuan_process_done (ctx, 0);
}

static gpg_error_t
cmd_echo (assuan_context_t ctx, char *line) {
  return assuan_process_done (ctx, assuan_send_data (ctx, line, strlen (line)));
}

static gpg_error_t
cmd_fail (assuan_context_t ctx, char *line) {
  gpg_error_t err = assuan_set_error (ctx, ERR (GPG_ERR_BAD_CERT), "it looks odd");

  conn_note (conn_of (ctx), "FAIL(%s)", line);
  return assuan_process_done (ctx, err);
}

static gpg_error_t
cmd_async (assuan_context_t ctx, char *line) {
  conn_note (conn_of (ctx), "ASYNC(%s)", line);
  conn_of (ctx)->pending = true;
  return 0;
}

static gpg_error_t
cmd_later (assuan_context_t ctx, char *line) {
  conn_note (conn_of (ctx), "LATER(%s)", line);
  conn_of (ctx)->pending = true;
  return ERR (GPG_ERR_UNFINISHED);
}

static gpg_error_t
inquired (void *arg, gpg_error_t rc, unsigned char *buf, size_t len) {
  struct conn *c = arg;
  struct conn_inquiry *q = &c->inquiry;
  size_t n = len < sizeof q->data ? len : sizeof q->data;

  c->asking = false;
  q->n_calls++;
  q->rc = rc;
  q->len = len;
  q->has_buf = buf != NULL;
  q->has_nul = buf && !buf[len];
  if (buf) memcpy (q->data, buf, n);
  /* The buffer is ours; existing programs use plain free.  */
  free (buf);
  if (q->again) {
    q->ext_rc = assuan_inquire_ext (c->ctx, q->again, q->maxlen, inquired, c);
    q->again = NULL;
    c->asking = !q->ext_rc;
    return 0;
  }
  c->pending = !q->finish;
  if (q->finish) assuan_process_done (c->ctx, rc);
  return q->ret;
}

static gpg_error_t
cmd_inq (assuan_context_t ctx, char *line) {
  struct conn *c = conn_of (ctx);

  c->pending = true;
  c->inquiry.ext_rc =
      assuan_inquire_ext (ctx, *line ? line : "KEYDATA", c->inquiry.maxlen, inquired, c);
  c->asking = !c->inquiry.ext_rc;
  return c->inquiry.ext_rc;
}

static void
register_commands (assuan_context_t ctx) {
  static const struct {
    const char *name;
    assuan_handler_t handler;
  } table[] = {
    { "DONE", cmd_done },   { "ECHO", cmd_echo },   { "FAIL", cmd_fail },
    { "ASYNC", cmd_async }, { "LATER", cmd_later }, { "INQ", cmd_inq },
  };

  for (size_t i = 0; i < sizeof table / sizeof *table; i++)
    assert_err (assuan_register_command (ctx, table[i].name, table[i].handler, NULL), 0);
}

/* Connections.  */

static void
make_sockets (struct conn *c) {
  int fds[2];

  fds_socketpair (fds, 0);
  c->in = c->out = fds[0];
  c->fd = c->fd_out = fds[1];
}

static void
make_pipes (struct conn *c) {
  int to_server[2], from_server[2];

  fds_pipe (to_server, 0);
  fds_pipe (from_server, 0);
  c->in = from_server[0];
  c->out = to_server[1];
  c->fd = to_server[0];
  c->fd_out = from_server[1];
}

/* The number of the inherited socket is told by the environment; what is given as descriptors
 * does not count.  */
static gpg_error_t
init_spawned (struct conn *c) {
  assuan_fd_t fds[2] = { ASSUAN_INVALID_FD, ASSUAN_INVALID_FD };
  char number[16], pid[16];
  gpg_error_t rc;

  snprintf (number, sizeof number, "%d", c->fd);
  snprintf (pid, sizeof pid, "%d", (int) getpid ());
  setenv ("_assuan_connection_fd", number, 1);
  setenv ("_assuan_pipe_connect_pid", pid, 1);
  rc = assuan_init_pipe_server (c->ctx, fds);
  unsetenv ("_assuan_connection_fd");
  unsetenv ("_assuan_pipe_connect_pid");
  return rc;
}

static gpg_error_t
init_server (struct conn *c) {
  unsigned int flags = ASSUAN_SOCKET_SERVER_ACCEPTED;
  assuan_fd_t fds[2] = { c->fd, c->fd_out };

  if (c->kind == CONN_PIPE) return assuan_init_pipe_server (c->ctx, fds);
  if (c->kind == CONN_SPAWNED) return init_spawned (c);
  if (c->kind == CONN_FDPASSING) flags |= ASSUAN_SOCKET_SERVER_FDPASSING;
  return assuan_init_socket_server (c->ctx, c->fd, flags);
}

void
conn_make_bare (struct conn *c, enum conn_kind kind) {
  memset (c, 0, sizeof *c);
  c->kind = kind;
  c->inquiry.finish = true;
  if (kind == CONN_PIPE)
    make_pipes (c);
  else
    make_sockets (c);
  c->ctx = new_context ();
  assuan_set_pointer (c->ctx, c);
  if (hooked) set_hooks (c->ctx);
  assert_err (init_server (c), 0);
}

void
conn_make (struct conn *c, enum conn_kind kind) {
  conn_make_bare (c, kind);
  register_commands (c->ctx);
}

void
conn_nonblock (struct conn *c) {
  assert_int_equal (fcntl (c->fd, F_SETFL, fcntl (c->fd, F_GETFL) | O_NONBLOCK), 0);
  if (c->fd_out != c->fd)
    assert_int_equal (fcntl (c->fd_out, F_SETFL, fcntl (c->fd_out, F_GETFL) | O_NONBLOCK), 0);
}

void
conn_expect_greeting (struct conn *c) {
  char greeting[80];

  /* To libassuan 2, which greets with the peer's pid, that of a pair of pipes is unknown.  */
  if (c->kind == CONN_PIPE && !IS_GENERATION_3)
    strcpy (greeting, "OK Pleased to meet you\n");
  else
    snprintf (greeting, sizeof greeting, "OK Pleased to meet you, process %d\n", (int) getpid ());
  peer_expect (c->in, greeting);
}

void
conn_open (struct conn *c, enum conn_kind kind) {
  assuan_fd_t fds[8];

  conn_make (c, kind);
  /* deviation: the flow as the manual has it; there is no connection without assuan_accept.
   * Half a line on a blocking descriptor holds the reference library.  */
  if (on_oracle ()) {
    assert_err (assuan_accept (c->ctx), 0);
    conn_nonblock (c);
  }
  assert_int_equal (assuan_get_active_fds (c->ctx, 0, fds, 8), 1);
  c->fd = fds[0];
  conn_expect_greeting (c);
  c->n_reads = c->n_writes = c->n_sleeps = 0;
}

void
conn_hang_up (struct conn *c) {
  if (c->out != -1 && c->out != c->in) close (c->out);
  if (c->in != -1) close (c->in);
  c->in = c->out = -1;
}

void
conn_half_close (struct conn *c) {
  if (c->out == c->in) {
    shutdown (c->out, SHUT_WR);
    return;
  }
  close (c->out);
  c->out = -1;
}

void
conn_release (struct conn *c) {
  assuan_release (c->ctx);
  c->ctx = NULL;
}

void
conn_free (struct conn *c) {
  if (c->ctx) conn_release (c);
  conn_hang_up (c);
}

/* Turns.  */

gpg_error_t
conn_next (struct conn *c) {
  int done = 0;

  c->n_turns++;
  c->rc = assuan_process_next (c->ctx, &done);
  c->done = done;
  return c->rc;
}

bool
conn_readable (const struct conn *c) {
  struct pollfd pfd = { .fd = c->fd, .events = POLLIN };

  return poll (&pfd, 1, 0) > 0 && !(pfd.revents & POLLNVAL);
}

void
conn_turns (struct conn *c) {
  /* A bound, so that a turn that leaves its octets unread fails instead of spinning.  */
  for (int i = 0; i < 100000 && conn_readable (c); i++)
    if (conn_next (c) || c->done) return;
  if (conn_readable (c)) fail_msg ("process_next does not read what came");
}

size_t
conn_pour (const struct conn *c, const char *buf, size_t len) {
  int flags = fcntl (c->out, F_GETFL);
  ssize_t n;

  assert_int_equal (fcntl (c->out, F_SETFL, flags | O_NONBLOCK), 0);
  n = write (c->out, buf, len);
  if (n < 0 && errno != EAGAIN) fail_msg ("write: %s", strerror (errno));
  assert_int_equal (fcntl (c->out, F_SETFL, flags), 0);
  return n < 0 ? 0 : (size_t) n;
}

void
conn_finish (struct conn *c, gpg_error_t rc) {
  c->pending = false;
  assert_err (assuan_process_done (c->ctx, rc), 0);
}

void
conn_resume (struct conn *c) {
  while (assuan_pending_line (c->ctx) && !c->pending)
    if (conn_next (c) || c->done) return;
}

void
conn_assert_silence (const struct conn *c, const char *file, int line) {
  char buf[2000];
  size_t n = conn_take (c, buf, sizeof buf);

  if (!n) return;
  print_error ("expected nothing, but \"%s\" came\n", buf);
  _fail (file, line);
}

size_t
conn_take (const struct conn *c, char *buf, size_t size) {
  struct pollfd pfd = { .fd = c->in, .events = POLLIN };
  size_t len = 0;

  while (len + 1 < size && poll (&pfd, 1, 0) > 0) {
    ssize_t n = read (c->in, buf + len, size - 1 - len);
    if (n <= 0) break;
    len += (size_t) n;
  }
  buf[len] = 0;
  return len;
}

/* All connections.  */

static bool
is_watched (const struct conn *c) {
  return c->ctx && !c->done && !c->rc;
}

/* Inquiries.  */

void
conn_inquire (struct conn *c, enum conn_kind kind, size_t maxlen) {
  conn_open (c, kind);
  c->inquiry.maxlen = maxlen;
  conn_ask (c, "INQ KEYDATA for you\n", "INQUIRE KEYDATA for you\n");
  assert_err (c->inquiry.ext_rc, 0);
  assert_err (c->rc, 0);
  assert_int_equal (c->inquiry.n_calls, 0);
}

void
conn_assert_answer (const struct conn *c, gpg_error_t rc, const char *data, size_t len,
                    const char *file, int line) {
  const struct conn_inquiry *q = &c->inquiry;

  if (q->n_calls == 1 && q->rc == rc && q->has_buf && q->has_nul && q->len == len
      && !memcmp (q->data, data, len))
    return;
  print_error ("callback: %d calls, error %u (%s), %s buffer, %zu octets\n", q->n_calls, q->rc,
               gpg_strerror (q->rc), q->has_buf ? "a" : "no", q->len);
  _fail (file, line);
}

void
conn_assert_failure (const struct conn *c, gpg_error_t rc, const char *file, int line) {
  if (c->inquiry.n_calls == 1 && c->inquiry.rc == rc) return;
  print_error ("callback: %d calls, error %u (%s)\n", c->inquiry.n_calls, c->inquiry.rc,
               gpg_strerror (c->inquiry.rc));
  _fail (file, line);
}

void
loop_run (struct conn *conns, size_t n_conns) {
  struct pollfd *pfds = calloc (n_conns, sizeof *pfds);

  assert_non_null (pfds);
  for (;;) {
    for (size_t i = 0; i < n_conns; i++) {
      pfds[i].fd = is_watched (&conns[i]) ? conns[i].fd : -1;
      pfds[i].events = POLLIN;
    }
    if (poll (pfds, n_conns, 0) <= 0) break;
    for (size_t i = 0; i < n_conns; i++)
      if (pfds[i].revents) conn_next (&conns[i]);
  }
  free (pfds);
}
