/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* connection.c - a context's eva_conn and its channel: the only place where they exchange octets.

   What is queued is shown to log and monitor at once, and eva__ctx_flush sends it; eva__ctx_read
   reads what comes.  Blocking calls are loops around these two.  */

#include "assuan/connection.h"

#include "assuan/buffer.h"
#include "assuan/drive.h"
#include "assuan/error.h"
#include "assuan/log.h"
#include "assuan/memory.h"
#include "assuan/outgoing.h"
#include "assuan/view.h"
#include "conn/conn.h"
#include "io/peer.h"
#include "io/process.h"
#include "wire/wipe.h"

#include <errno.h>

/* Pieces of output that one write takes.  */
#define N_IOV 16

/* --- Processes -------------------------------------------------------------------------------- */

void
eva__ctx_claim (assuan_context_t ctx) {
  ctx->channel.process = eva__io_this_process ();
}

bool
eva__ctx_is_ours (assuan_context_t ctx) {
  struct eva__drive *drive = ctx->drive;

  if (ctx->channel.process == eva__io_this_process ()) return true;
  return drive && drive->class->ops->is_ours (drive);
}

/* --- Life ------------------------------------------------------------------------------------- */

/* The memory of a program's own allocator may be scarce.  */
void
eva__ctx_configure (assuan_context_t ctx, enum eva__ctx_kind kind) {
  struct eva_conn_config *config = &ctx->shared->conn_config;

  *config = (struct eva_conn_config) {
    .role = kind == EVA__CTX_SERVER ? EVA_ROLE_SERVER : EVA_ROLE_CLIENT,
    .flags = EVA_CONN_RAW | (eva__ctx_has_libc_memory (ctx) ? EVA__CONN_BULK : 0),
    .alloc = eva__buffer_take,
    .release = eva__buffer_give,
  };
  eva__conn_complete_config (config);
}

/* A drive makes its peer wait instead, and so does a blocking call.  */
static void
apply_max_ahead (assuan_context_t ctx) {
  struct eva_conn_config *config = &ctx->shared->conn_config;

  if (ctx->shares || ctx->drive) return;
  config->max_input_len =
      ctx->shared->max_ahead_len ? ctx->shared->max_ahead_len : EVA_DEFAULT_MAX_AHEAD_LEN;
  eva__conn_complete_config (config);
}

void
eva__ctx_set_max_ahead (assuan_context_t ctx, size_t max_len) {
  ctx->shared->max_ahead_len = max_len;
  apply_max_ahead (ctx);
}

/* Gives CTX a dialogue, for which it has room.  */
static void
begin_dialogue (assuan_context_t ctx, enum eva__ctx_kind kind) {
  eva__ctx_disconnect (ctx);
  eva__ctx_claim (ctx);
  if (!ctx->shares) eva__ctx_configure (ctx, kind);
  apply_max_ahead (ctx);
  ctx->conn = &((struct eva__ctx_room *) ctx)->conn;
  eva__conn_init_shared (ctx->conn, &ctx->shared->conn_config, ctx);
  ctx->kind = kind;
  eva__ctx_mark_output (ctx, false);
  ctx->write_error = 0;
  ctx->line_seen = ctx->end_logged = ctx->out_of_step = ctx->timed_out = ctx->is_corked = false;
}

void
eva__ctx_connect (assuan_context_t ctx, enum eva__ctx_kind kind, assuan_fd_t in_fd,
                  assuan_fd_t out_fd, bool pass_fds) {
  begin_dialogue (ctx, kind);
  eva__io_channel_init (&ctx->channel, &ctx->shared->sys, in_fd, out_fd, pass_fds);
}

void
eva__ctx_connect_socket (assuan_context_t ctx, enum eva__ctx_kind kind, assuan_fd_t fd,
                         bool pass_fds) {
  begin_dialogue (ctx, kind);
  eva__io_channel_init_socket (&ctx->channel, &ctx->shared->sys, fd, pass_fds);
}

/* That of a child in another namespace of pids is 0.  */
void
eva__ctx_learn_server_pid (assuan_context_t ctx) {
  struct _assuan_peercred cred;
  bool is_known = !eva__io_peer_credentials (ctx->channel.in_fd, &cred) && cred.pid > 0;

  ctx->pid = is_known ? cred.pid : ASSUAN_INVALID_PID;
}

void
eva__ctx_disconnect (assuan_context_t ctx) {
  int fd;

  if (!ctx->conn) return;
  while (eva_conn_take_any_fd (ctx->conn, &fd))
    eva__io_sys_close (&ctx->shared->sys, fd);
  eva__outgoing_fd_drop_all (ctx);
  eva__conn_deinit (ctx->conn);
  ctx->conn = NULL;
  if (ctx->drive) eva__drive_count_fds (ctx->drive);
  eva__io_channel_close (&ctx->channel);
}

bool
eva__ctx_is_connected (assuan_context_t ctx) {
  return EVA__MOSTLY (ctx->conn && ctx->channel.in_fd != ASSUAN_INVALID_FD && !ctx->ends_quietly
                      && eva__conn_get_state (ctx->conn) != EVA_STATE_CLOSED);
}

/* A driven connection may be over although no write failed: nothing would ever send what is said.
   A call over a limit returns that error each time.  */
gpg_error_t
eva__ctx_may_say (assuan_context_t ctx) {
  gpg_error_t over = ctx->drive ? ctx->drive->over : 0;

  if (ctx->write_error) return ctx->write_error;
  if (over)
    return gpg_err_code (over) == GPG_ERR_TOO_LARGE ? over : eva__ctx_error (ctx, GPG_ERR_EPIPE);
  if (!eva__ctx_is_connected (ctx)) return eva__ctx_error (ctx, GPG_ERR_EPIPE);
  return 0;
}

/* --- Waiting for the peer --------------------------------------------------------------------- */

static void
begin_wait (assuan_context_t ctx) {
  eva__timeouts_begin_wait (&ctx->shared->timeouts, &ctx->shared->sys);
}

/* Keeps errno.  */
static void
end_wait (assuan_context_t ctx) {
  eva__timeouts_end_wait (&ctx->shared->timeouts, &ctx->shared->sys);
}

/* What is queued can never be sent: drops it, and lets calls that say something return ERR.  The
   peer may still have sent something, so reading goes on.  */
static void
give_up_output (assuan_context_t ctx, gpg_error_t err) {
  ctx->write_error = err;
  eva_conn_sent (ctx->conn, SIZE_MAX);
  eva__outgoing_fd_drop_all (ctx);
}

/* The peer let CTX wait too long.  To a client it does not matter what the server says later:
   nothing would tell which call it answers.  A server whose client does not answer goes on, because
   an answer that was given up is known for what it is.  */
static gpg_error_t
time_out (assuan_context_t ctx) {
  eva__ctx_log (ctx, ASSUAN_LOG_CONTROL, "chan_%d <- [timeout]", (int) ctx->channel.in_fd);
  if (ctx->kind == EVA__CTX_CLIENT) {
    ctx->timed_out = true;
    give_up_output (ctx, eva__ctx_error (ctx, GPG_ERR_EPIPE));
    eva__io_channel_close (&ctx->channel);
  }
  return eva__ctx_error (ctx, GPG_ERR_TIMEOUT);
}

/* Returns the error of a call that would read without a connection.  */
static __attribute__ ((cold, noinline)) gpg_error_t
not_connected (assuan_context_t ctx) {
  return eva__ctx_error (ctx, ctx->timed_out ? GPG_ERR_EPIPE : GPG_ERR_EOF);
}

/* --- Input ------------------------------------------------------------------------------------ */

/* Returns how many descriptors the peer may pass now.  */
static size_t
fd_room (assuan_context_t ctx) {
  size_t room = eva__conn_fd_room (ctx->conn), left;

  if (!ctx->drive) return room;
  eva__drive_count_fds (ctx->drive);
  left = eva__drive_fd_room (ctx->drive);
  return left < room ? left : room;
}

/* Puts the descriptors of a message in the queue, as many as there is ROOM for.  It closes the
   others, and returns an error: a peer must not fill the table of descriptors of this process, and
   no request may be served without its descriptors.  */
static gpg_error_t
queue_fds (assuan_context_t ctx, const struct eva__io_fds *fds, size_t room) {
  bool ran_out = eva__io_fds_ran_out (fds);
  int rc;

  for (size_t i = 0; ctx->drive && i < fds->n; i++)
    ran_out |= eva__drive_leaves_fd (ctx->drive, fds->fd[i]);
  rc = ran_out ? EVA_E_LIMIT : 0;
  for (size_t i = 0; i < fds->n; i++) {
    if (i >= room) rc = EVA_E_LIMIT;
    if (!rc) rc = eva_conn_fed_fd (ctx->conn, fds->fd[i]);
    if (rc) eva__io_sys_close (&ctx->shared->sys, fds->fd[i]);
  }
  if (ctx->drive && fds->n) eva__drive_count_fds (ctx->drive);
  return ran_out ? eva__ctx_error (ctx, GPG_ERR_EMFILE) : eva__ctx_conn_error (ctx, rc);
}

/* Returns the system's reason, with a line in the log: it is often the last that is known of a
   peer.  */
static gpg_error_t
read_error (assuan_context_t ctx) {
  gpg_error_t err = eva__ctx_syserror (ctx);

  eva__ctx_log (ctx, ASSUAN_LOG_CONTROL, "chan_%d <- [error: %s]", (int) ctx->channel.in_fd,
                gpg_strerror (err));
  return err;
}

/* As many octets wait as may.  The program's own loop would go on reporting octets that are not
   read, and would never report the end behind them.  So one more octet ends the connection, and if
   none comes it may be the peer's end.  */
static gpg_error_t
look_beyond (assuan_context_t ctx) {
  char octet = 0;
  ssize_t n = eva__io_channel_read (&ctx->channel, &octet, 1, false, NULL);

  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return 0;
  if (n < 0) return read_error (ctx);
  eva_conn_fed (ctx->conn, 0);
  eva__wire_wipe (&octet, 1);
  return n ? eva__ctx_error (ctx, GPG_ERR_TOO_LARGE) : 0;
}

/* There is no room to read into; ROOM tells whether there should be.  */
static __attribute__ ((cold, noinline)) gpg_error_t
read_nothing (assuan_context_t ctx, size_t room) {
  if (room) return eva__ctx_error (ctx, GPG_ERR_ENOMEM);
  return eva__conn_at_eof (ctx->conn) ? 0 : look_beyond (ctx);
}

/* A read failed, with errno.  IS_LATE: at the end of the time that CTX waits.  */
static __attribute__ ((cold, noinline)) gpg_error_t
fail_read (assuan_context_t ctx, bool wait, bool is_late) {
  if (is_late) return time_out (ctx);
  return !wait && (errno == EAGAIN || errno == EWOULDBLOCK) ? 0 : read_error (ctx);
}

/* One read into the LEN octets at BUF, of which the eva_conn hears, also where this waits and where
   descriptors may come: one more of them than may be taken, to see whether there are too many.  */
static __attribute__ ((noinline)) gpg_error_t
receive (assuan_context_t ctx, void *buf, size_t len, bool wait) {
  bool passes_fds = ctx->channel.passes_fds, is_late;
  size_t max_fds = passes_fds ? fd_room (ctx) : 0;
  struct eva__io_fds fds;
  gpg_error_t err = 0;
  ssize_t n;

  fds.max = max_fds < EVA__IO_MAX_FDS ? max_fds + 1 : EVA__IO_MAX_FDS;
  fds.n = 0;
  fds.truncated = false;
  if (wait) begin_wait (ctx);
  n = eva__io_channel_read (&ctx->channel, buf, len, wait, passes_fds ? &fds : NULL);
  is_late = n < 0 && errno == ETIME && ctx->shared->sys.deadline_ns;
  if (wait) end_wait (ctx);
  if (n < 0) return fail_read (ctx, wait, is_late);
  if (fds.n || fds.truncated) err = queue_fds (ctx, &fds, max_fds);
  eva_conn_fed (ctx->conn, (size_t) n);
  return err;
}

__attribute__ ((flatten, hot)) gpg_error_t
eva__ctx_read (assuan_context_t ctx, bool wait) {
  size_t room;
  ssize_t n;
  void *buf;

  if (!eva__ctx_is_connected (ctx)) return not_connected (ctx);
  /* A caller that waits must have sent everything.  A peer that is gone shows in what is read.  */
  if (wait && eva__conn_output_len (ctx->conn)) eva__ctx_flush (ctx);
  buf = eva_conn_inbuf (ctx->conn, &room);
  if (!buf) return read_nothing (ctx, room);
  if (wait || ctx->channel.passes_fds) return receive (ctx, buf, room, wait);
  n = eva__io_channel_read (&ctx->channel, buf, room, false, NULL);
  if (n < 0) return fail_read (ctx, false, false);
  eva_conn_fed (ctx->conn, (size_t) n);
  return 0;
}

/* Notes in the log how the input ended, or that a line of it was no line.  RC is what the eva_conn
   returned.  */
static void
log_end (assuan_context_t ctx, int rc) {
  bool invalid = rc == EVA_E_TRUNCATED || rc == EVA_E_LINE_TOO_LONG;

  if (ctx->end_logged || (!invalid && !eva__conn_at_eof (ctx->conn))) return;
  ctx->end_logged = eva__conn_at_eof (ctx->conn);
  eva__ctx_log (ctx, ASSUAN_LOG_CONTROL, "chan_%d <- [%s]", (int) ctx->channel.in_fd,
                invalid ? "invalid line" : "eof");
}

/* Takes the line that the monitor wants ignored, and empties it.  */
static int
take_ignored (assuan_context_t ctx, char **ret_line, size_t *ret_len) {
  int rc = eva_conn_next_line (ctx->conn, ret_line, ret_len);

  ctx->line_seen = false;
  if (rc == 1) **ret_line = 0;
  *ret_len = 0;
  return rc;
}

/* A line is not shown before it is handed out.  */
void
eva__ctx_forget_line (assuan_context_t ctx) {
  if (ctx->conn) eva__conn_end_loan (ctx->conn);
}

bool
eva__ctx_is_through (assuan_context_t ctx) {
  if (EVA__SELDOM (ctx->released || !ctx->conn || eva__conn_at_eof (ctx->conn))) return false;
  if (EVA__SELDOM (eva__conn_input_len (ctx->conn))) return false;
  eva__conn_end_loan (ctx->conn);
  return true;
}

/* eva_conn_next, with a line that is shown, or was.  One that has to wait is shown when it does not
   any more.  */
static __attribute__ ((noinline)) int
next_shown (assuan_context_t ctx, struct eva_event *ret) {
  size_t before = 0;
  int rc;

  if (!ctx->line_seen && !eva__conn_holds_line (ctx->conn) && !eva__ctx_show_input (ctx)) {
    *ret = (struct eva_event) { .type = EVA_EVENT_SKIPPED };
    return take_ignored (ctx, &ret->text, &ret->text_len);
  }
  if (ctx->line_seen) before = eva__conn_input_len (ctx->conn);
  rc = eva_conn_next (ctx->conn, ret);
  if (ctx->line_seen && eva__conn_input_len (ctx->conn) < before)
    ctx->line_seen = false; /* some lines come again */
  return rc;
}

__attribute__ ((hot)) int
eva__ctx_next (assuan_context_t ctx, struct eva_event *ret) {
  bool is_shown;
  int rc;

  eva__ctx_claim (ctx);
  is_shown = ctx->line_seen || eva__ctx_is_watched (ctx);
  rc = EVA__SELDOM (is_shown) ? next_shown (ctx, ret) : eva_conn_next (ctx->conn, ret);
  if (EVA__SELDOM (rc < 0 || (rc && ret->type == EVA_EVENT_EOF))) log_end (ctx, rc);
  /* A client that gave up a reply may owe a CAN to an inquiry in it.  */
  if (eva__conn_get_state (ctx->conn) == EVA_STATE_DRAINING && eva__conn_output_len (ctx->conn)) {
    eva__ctx_show_output (ctx);
    eva__ctx_flush (ctx);
  }
  return rc;
}

/* There is no whole line: reads, or returns why no more will come.  */
static gpg_error_t
wait_for_octets (assuan_context_t ctx) {
  if (!eva__conn_at_eof (ctx->conn)) return eva__ctx_read (ctx, true);
  log_end (ctx, 0);
  return eva__ctx_error (ctx, GPG_ERR_EOF);
}

gpg_error_t
eva__ctx_wait_event (assuan_context_t ctx, struct eva_event *ret) {
  for (;;) {
    gpg_error_t err = eva__drive_may_wait (ctx);
    int rc;
    if (err) return err;
    if (!eva__ctx_is_connected (ctx)) return not_connected (ctx);
    rc = eva__ctx_next (ctx, ret);
    if (ctx->released) return eva__ctx_error (ctx, GPG_ERR_EOF); /* when the line was shown */
    if (rc < 0) return eva__ctx_conn_error (ctx, rc);
    if (rc && ret->type == EVA_EVENT_EOF) return eva__ctx_error (ctx, GPG_ERR_EOF);
    if (rc) return 0;
    err = wait_for_octets (ctx);
    if (err) return err;
  }
}

/* Gets the next line, if it is there already.  Returns as eva_conn_next_line.  */
static int
take_line (assuan_context_t ctx, char **ret_line, size_t *ret_len) {
  int rc;

  if (eva__ctx_show_input (ctx))
    rc = eva_conn_next_line (ctx->conn, ret_line, ret_len);
  else
    rc = take_ignored (ctx, ret_line, ret_len);
  if (rc) ctx->line_seen = false;
  if (rc < 0) log_end (ctx, rc);
  return rc;
}

gpg_error_t
eva__ctx_wait_line (assuan_context_t ctx, char **ret_line, size_t *ret_len) {
  eva__ctx_claim (ctx);
  for (;;) {
    gpg_error_t err = eva__drive_may_wait (ctx);
    char *line;
    size_t len;
    int rc;
    if (err) return err;
    if (!eva__ctx_is_connected (ctx)) return not_connected (ctx);
    rc = take_line (ctx, &line, &len);
    if (ctx->released) return eva__ctx_error (ctx, GPG_ERR_EOF); /* and the line goes with it */
    if (rc < 0) return eva__ctx_conn_error (ctx, rc);
    if (rc) {
      *ret_line = line;
      *ret_len = len;
      return 0;
    }
    err = wait_for_octets (ctx);
    if (err) return err;
  }
}

/* --- Output ----------------------------------------------------------------------------------- */

void
eva__ctx_mark_output (assuan_context_t ctx, bool is_secret) {
  if (ctx->conn) eva__conn_set_confidential (ctx->conn, is_secret || ctx->flags.confidential);
}

void
eva__ctx_set_confidential (assuan_context_t ctx, bool is_confidential) {
  ctx->flags.confidential = is_confidential;
  eva__ctx_mark_output (ctx, false);
}

/* One write of what is queued in several pieces, or with descriptors.  */
static __attribute__ ((noinline)) ssize_t
write_pieces (assuan_context_t ctx) {
  struct iovec iov[N_IOV];
  int fds[EVA_DEFAULT_MAX_FDS];
  size_t n_iov = eva_conn_output (ctx->conn, iov, N_IOV), n_fds = 0;
  ssize_t n;

  if (ctx->channel.passes_fds) n_fds = eva_conn_output_fds (ctx->conn, fds, EVA_DEFAULT_MAX_FDS);
  n = eva__io_channel_write (&ctx->channel, iov, n_iov, fds, n_fds, !ctx->drive);
  if (n > 0) eva_conn_sent (ctx->conn, (size_t) n);
  if (n > 0 && n_fds && ctx->drive) eva__outgoing_fd_sent (ctx, fds, n_fds);
  return n;
}

/* One write of what is queued, which is mostly one piece.  */
static inline ssize_t
write_some (assuan_context_t ctx) {
  size_t len;
  const char *piece = eva__conn_output_piece (ctx->conn, &len);
  ssize_t n;

  if (EVA__SELDOM (!piece)) return write_pieces (ctx);
  n = eva__io_channel_write_piece (&ctx->channel, piece, len, !ctx->drive);
  if (n > 0) eva_conn_sent (ctx->conn, (size_t) n);
  return n;
}

bool
eva__ctx_is_left (assuan_context_t ctx, gpg_error_t err) {
  gpg_err_code_t code = gpg_err_code (err);

  if (ctx->drive || !ctx->is_external) return false;
  return code == GPG_ERR_EPIPE || code == GPG_ERR_ECONNRESET;
}

/* A write failed, with errno.  */
static __attribute__ ((cold, noinline)) gpg_error_t
write_error (assuan_context_t ctx) {
  return errno == ETIME && ctx->shared->sys.deadline_ns ? time_out (ctx) : eva__ctx_syserror (ctx);
}

/* Writes all whole lines that are queued, as far as the peer takes them.  */
static gpg_error_t
write_all (assuan_context_t ctx) {
  while (eva__conn_has_lines_out (ctx->conn)) {
    if (EVA__SELDOM (ctx->write_error)) return ctx->write_error;
    eva__ctx_claim (ctx);
    if (write_some (ctx) < 0) return write_error (ctx);
  }
  return 0;
}

/* The same for a limited time: a step of its own.  */
static __attribute__ ((noinline)) gpg_error_t
write_in_time (assuan_context_t ctx) {
  struct eva__timeouts *timeouts = &ctx->shared->timeouts;
  struct eva__step outer = eva__timeouts_begin_step (timeouts, timeouts->set.call_timeout_ms);
  gpg_error_t err;

  begin_wait (ctx);
  err = write_all (ctx);
  end_wait (ctx);
  eva__timeouts_end_step (timeouts, outer);
  return err;
}

/* What is queued could not be written, because of ERR.  */
static __attribute__ ((cold, noinline)) gpg_error_t
fail_write (assuan_context_t ctx, gpg_error_t err) {
  if (ctx->drive && gpg_err_code (err) == GPG_ERR_EAGAIN)
    return 0; /* the rest when there is room */
  /* A peer that left with something unread is as gone as any other; the kernel says so or not,
     depending on the order of events.  */
  if (ctx->drive && gpg_err_code (err) == GPG_ERR_ECONNRESET)
    err = eva__ctx_error (ctx, GPG_ERR_EPIPE);
  if (gpg_err_code (err) == GPG_ERR_TIMEOUT)
    give_up_output (ctx, eva__ctx_error (ctx, GPG_ERR_EPIPE));
  else
    give_up_output (ctx, err);
  return err;
}

__attribute__ ((flatten, hot, noinline)) gpg_error_t
eva__ctx_flush (assuan_context_t ctx) {
  bool is_limited;
  gpg_error_t err;

  if (!ctx->conn) return eva__ctx_may_say (ctx);
  is_limited = ctx->shared->timeouts.set.call_timeout_ms && !ctx->drive;
  err = EVA__SELDOM (is_limited) ? write_in_time (ctx) : write_all (ctx);
  return err ? fail_write (ctx, err) : 0;
}
