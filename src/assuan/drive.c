/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* drive.c - contexts that never wait: their limits, and the end of a command.  turn.c has what they
   do and wait for, turn by turn.  */

#include "assuan/drive.h"

#include "assuan/error.h"
#include "assuan/memory.h"
#include "conn/conn.h"

/* --- Limits ----------------------------------------------------------------------------------- */

void
eva__drive_complete_limits (struct eva_limits *l) {
  if (!l->high_water_len) l->high_water_len = EVA_DEFAULT_HIGH_WATER_LEN;
  if (!l->max_queued_len) l->max_queued_len = EVA_DEFAULT_MAX_QUEUED_LEN;
  if (!l->max_inquiry_len) l->max_inquiry_len = EVA_DEFAULT_MAX_INQUIRY_LEN;
  if (!l->max_pending_fds) l->max_pending_fds = EVA_DEFAULT_MAX_PENDING_FDS;
  if (!l->line_timeout_ms) l->line_timeout_ms = EVA_DEFAULT_LINE_TIMEOUT_MS;
  if (!l->idle_timeout_ms) l->idle_timeout_ms = EVA_NO_LIMIT;
  if (!l->command_timeout_ms) l->command_timeout_ms = EVA_NO_LIMIT;
  if (!l->inquiry_timeout_ms) l->inquiry_timeout_ms = EVA_NO_LIMIT;
  if (!l->close_timeout_ms) l->close_timeout_ms = EVA_DEFAULT_CLOSE_TIMEOUT_MS;
}

void
eva__drive_configure (struct eva_conn_config *config, const struct eva_limits *limits) {
  config->max_output_len = limits->max_queued_len;
  config->max_fds = limits->max_pending_fds;
  config->max_input_len =
      EVA_INPUT_SIZE; /* the peer waits; whether it is still there shows in another way */
}

/* Takes LEN octets off DRIVE's accounts below END.  */
static void
take_off (struct eva__drive *drive, size_t len, const struct eva__account *end) {
  for (struct eva__account *a = drive->account; a != end; a = a->parent)
    a->held_len -= len;
}

/* FULL has no room for LEN octets, which are counted below it.  */
static __attribute__ ((noinline)) bool
refuse_to_hold (struct eva__drive *drive, size_t len, const struct eva__account *full) {
  take_off (drive, len, full);
  eva__drive_fail (drive, eva__ctx_error (drive->ctx, GPG_ERR_TOO_LARGE));
  return false;
}

bool
eva__drive_hold (struct eva__drive *drive, size_t len) {
  for (struct eva__account *a = drive->account; a; a = a->parent) {
    size_t held_len;
    if (__builtin_add_overflow (a->held_len, len, &held_len) || held_len > a->limit_len)
      return refuse_to_hold (drive, len, a);
    a->held_len = held_len;
    if (held_len > a->most_len) a->most_len = held_len;
  }
  return true;
}

bool
eva__drive_can_spare (const struct eva__drive *drive, size_t len) {
  for (const struct eva__account *a = drive->account; a; a = a->parent) {
    size_t half_len = a->limit_len / 2;
    if (a->held_len > half_len || half_len - a->held_len < len) return false;
  }
  return true;
}

void
eva__drive_unhold (struct eva__drive *drive, size_t len) {
  take_off (drive, len, NULL);
}

void
eva__drive_count_fds (struct eva__drive *drive) {
  assuan_context_t ctx = drive->ctx;
  unsigned int n = ctx->conn ? (unsigned int) eva__conn_count_fds (ctx->conn) : 0;

  if (ctx->extra && ctx->extra->input_fd != ASSUAN_INVALID_FD) n++;
  if (ctx->extra && ctx->extra->output_fd != ASSUAN_INVALID_FD) n++;
  if (n == drive->n_fds) return;
  for (struct eva__account *a = drive->account; a; a = a->parent)
    a->n_fds = a->n_fds - drive->n_fds + n;
  drive->n_fds = n;
}

size_t
eva__drive_fd_room (const struct eva__drive *drive) {
  size_t room = SIZE_MAX;

  for (const struct eva__account *a = drive->account; a; a = a->parent) {
    size_t left = a->n_fds < a->limit_fds ? a->limit_fds - a->n_fds : 0;
    if (left < room) room = left;
  }
  return room;
}

bool
eva__drive_leaves_fd (const struct eva__drive *drive, int fd) {
  return drive->account && (unsigned int) fd >= drive->account->max_fd;
}

static gpg_error_t
refuse (assuan_context_t ctx, const char *text) {
  return assuan_set_error (ctx, eva__ctx_error (ctx, GPG_ERR_NOT_SUPPORTED), text);
}

gpg_error_t
eva__drive_may_wait (assuan_context_t ctx) {
  if (!ctx->drive) return 0;
  return refuse (ctx, "this call would wait, which an event loop must not");
}

gpg_error_t
eva__drive_refuse_connection (assuan_context_t ctx) {
  return refuse (ctx, "a context in an event loop cannot get another connection");
}

/* --- Beginning and ending --------------------------------------------------------------------- */

void
eva__drive_init (struct eva__drive *drive, assuan_context_t ctx) {
  drive->ctx = ctx;
  ctx->drive = drive;
  ctx->is_external = !ctx->shares; /* a pool of its own is empty at rest */
  if (!ctx->shares) eva__drive_configure (&ctx->shared->conn_config, drive->class->limits);
}

void
eva__drive_restart (struct eva__drive *drive) {
  *drive = (struct eva__drive) { .ctx = drive->ctx,
                                 .class = drive->class,
                                 .account = drive->account,
                                 .callbacks = drive->callbacks };
}

struct eva__callbacks *
eva__drive_get_callbacks (struct eva__drive *drive) {
  if (drive->callbacks) return drive->callbacks;
  drive->callbacks = eva__ctx_malloc (drive->ctx, sizeof *drive->callbacks);
  if (drive->callbacks) *drive->callbacks = (struct eva__callbacks) { 0 };
  return drive->callbacks;
}

struct eva__stream *
eva__drive_take_stream (struct eva__drive *drive) {
  struct eva__stream *stream = eva__drive_stream (drive);

  if (stream) drive->callbacks->stream = NULL;
  return stream;
}

void
eva__drive_wake (struct eva__drive *drive) {
  if (drive->due) return;
  drive->due = true;
  if (!drive->ctx->in_turn) drive->class->ops->wake (drive);
}

void
eva__drive_fail (struct eva__drive *drive, gpg_error_t err) {
  if (!drive->over && gpg_err_code (err) == GPG_ERR_TOO_LARGE && drive->class->stats)
    drive->class->stats->n_dropped++;
  if (!drive->over) drive->over = err;
  eva__drive_wake (drive);
}

void
eva__drive_close (struct eva__drive *drive, gpg_error_t reason) {
  assuan_context_t ctx = drive->ctx;

  if (drive->closing) return;
  drive->closing = true;
  drive->closing_reason = reason;
  drive->restarted = true;
  if (ctx->conn) eva_conn_close (ctx->conn);
  eva__drive_wake (drive);
}

void
eva__drive_stop_stream (struct eva__drive *drive, gpg_error_t err) {
  struct eva__stream *stream = eva__drive_take_stream (drive);

  if (stream) stream->failed (stream, err);
}

bool
eva__drive_hears_secret (const struct eva__drive *drive) {
  return drive->class->ops->hears_secret && drive->class->ops->hears_secret (drive);
}

/* Each command counts once: as finished, or as cancelled, though it may be answered then.  A line
   that is no command is answered, too, and does not count.  */
void
eva__drive_count_command (struct eva__drive *drive) {
  if (drive->class->stats && eva__ctx_has_command (drive->ctx) && !drive->cancelled)
    drive->class->stats->n_commands++;
}

void
eva__drive_forget_callbacks (struct eva__drive *drive) {
  struct eva__callbacks *callbacks = drive->callbacks;

  if (!callbacks) return;
  callbacks->cancel = NULL;
  if (callbacks->is_of_command) callbacks->writable = NULL;
}

void
eva__drive_forget_command (struct eva__drive *drive) {
  struct eva__stream *stream = eva__drive_take_stream (drive);

  eva__drive_forget_callbacks (drive);
  drive->deferred = drive->cancelled = drive->late = false;
  drive->drained = false; /* the lines that follow may be handled now */
  drive->restarted = true;
  if (stream) stream->cancelled (stream, eva__ctx_error (drive->ctx, GPG_ERR_CANCELED));
}
