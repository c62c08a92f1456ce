/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pump.c - the life of a pump, and what its directions have in common.

   A pump ends in one of two ways.  By itself: it reached the end, or an end of it failed, or the
   answer to its inquiry did; then the command goes on.  Or it is cancelled, because the command
   cannot go on or was finished.  Either way it is taken apart first and its done function called
   last: that may begin another pump, or release the context.  */

#include "attach/pump.h"

#include "assuan/connection.h"
#include "assuan/error.h"
#include "assuan/inquire.h"
#include "assuan/lifetime.h"
#include "assuan/memory.h"
#include "wire/wipe.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define NS_PER_MS 1000000u

/* --- Octets on their way ---------------------------------------------------------------------- */

bool
eva__pump_is_above_water (const struct eva__pump *pump) {
  const struct eva__drive *drive = pump->ctx->drive;

  return eva_conn_output_len (pump->ctx->conn) > drive->class->limits->high_water_len;
}

size_t
eva__pump_limit (const struct eva__pump *pump, size_t len) {
  uint64_t left = pump->max_len - pump->n_pumped;

  if (!left) return 1;
  return left < len ? (size_t) left : len;
}

bool
eva__pump_is_over (const struct eva__pump *pump, size_t n) {
  return n > pump->max_len - pump->n_pumped;
}

bool
eva__pump_take_buffer (struct eva__pump *pump, size_t size) {
  struct eva__drive *drive = pump->ctx->drive;

  if (pump->buf) return true;
  if (!eva__drive_hold (drive, size)) return false;
  pump->buf = eva__ctx_malloc (pump->ctx, size);
  if (!pump->buf) {
    eva__drive_unhold (drive, size);
    return false;
  }
  pump->buf_size = size;
  pump->start = pump->end = 0;
  return true;
}

void
eva__pump_give_buffer (struct eva__pump *pump) {
  if (!pump->buf) return;
  eva__wire_wipe (pump->buf, pump->end);
  eva__ctx_free (pump->ctx, pump->buf);
  eva__drive_unhold (pump->ctx->drive, pump->buf_size);
  pump->buf = NULL;
}

int
eva__pump_pour (struct eva__pump *pump) {
  while (pump->buf && pump->start < pump->end) {
    ssize_t n =
        eva__io_pipe_write (&pump->to.pipe, pump->buf + pump->start, pump->end - pump->start);
    if (!n) errno = EIO;
    if (n <= 0) return -1;
    pump->start += (size_t) n;
    pump->n_pumped += (uint64_t) n;
  }
  eva__pump_give_buffer (pump);
  return 0;
}

/* --- Ends ------------------------------------------------------------------------------------- */

/* Takes FD for an end that is read or written, as MODE says.  */
static gpg_error_t
open_end (struct eva__pump *pump, struct eva__pump_end *end, int fd, int mode) {
  end->copy = -1;
  if (fd == EVA_PUMP_CONNECTION) return 0;
  if (eva__io_pipe_open (&end->pipe, fd, mode)) return eva__ctx_syserror (pump->ctx);
  end->is_used = true;
  end->is_always_ready = end->pipe.is_file;
  return 0;
}

/* INPUT's and OUTPUT's descriptors are the context's, which has to forget them.  */
static void
close_fd (assuan_context_t ctx, int fd) {
  if (fd == ctx->input_fd)
    assuan_close_input_fd (ctx);
  else if (fd == ctx->output_fd)
    assuan_close_output_fd (ctx);
  else
    eva__io_sys_close (&ctx->shared->sys, fd);
}

/* The flags belong to the open file, which the parent goes on with.  */
static void
close_end (struct eva__pump *pump, struct eva__pump_end *end) {
  if (!end->is_used) return;
  if (end->copy >= 0) eva__io_sys_close (&pump->ctx->shared->sys, end->copy);
  if (eva__ctx_is_ours (pump->ctx)) eva__io_pipe_close (&end->pipe);
}

/* Frees PUMP.  The descriptors have their flags back before one of them is closed: they may be the
   same.  */
static void
take_apart (struct eva__pump *pump) {
  assuan_context_t ctx = pump->ctx;
  int from_fd = pump->from.is_owned ? pump->from.pipe.fd : -1;
  int to_fd = pump->to.is_owned ? pump->to.pipe.fd : -1;

  eva__pump_rest (pump);
  eva__pump_stop_progress (pump);
  eva__pump_give_buffer (pump);
  close_end (pump, &pump->from);
  close_end (pump, &pump->to);
  eva__ctx_free (ctx, pump);
  if (from_fd >= 0) close_fd (ctx, from_fd);
  if (to_fd >= 0 && to_fd != from_fd) close_fd (ctx, to_fd);
}

/* Ends PUMP, which is off the drive.  A command that cannot go on is finished by whom knows why.  */
static void
end (struct eva__pump *pump, gpg_error_t err, bool is_cancelled) {
  void (*done) (assuan_context_t, void *, gpg_error_t, uint64_t) = pump->done;
  assuan_context_t ctx = pump->ctx;
  bool is_ours = eva__ctx_is_ours (ctx);
  uint64_t n_pumped = pump->n_pumped;
  void *arg = pump->arg;

  eva__ctx_enter (ctx);
  if (pump->stream.wants_in) eva__ctx_give_up_answer (ctx);
  take_apart (pump);
  if (!is_ours)
    ; /* the parent's goes on */
  else if (done)
    done (ctx, arg, err, n_pumped);
  else if (!is_cancelled)
    assuan_process_done (ctx, err);
  eva__ctx_leave (ctx);
}

/* Whoever sees the last line of progress may release the context: then the pump is cancelled.  */
void
eva__pump_finish (struct eva__pump *pump, gpg_error_t err) {
  struct eva__stream *stream = &pump->stream;
  assuan_context_t ctx = pump->ctx;

  eva__ctx_enter (ctx);
  if (eva__ctx_is_ours (ctx)) eva__pump_tell_progress (pump);
  if (ctx->drive->stream == stream) {
    ctx->drive->stream = NULL;
    end (pump, err, false);
  }
  eva__ctx_leave (ctx);
}

void
eva__pump_finish_errno (struct eva__pump *pump) {
  eva__pump_finish (pump, eva__ctx_syserror (pump->ctx));
}

static void
on_failed (struct eva__stream *stream, gpg_error_t err) {
  struct eva__pump *pump = (struct eva__pump *) stream;

  pump->ctx->drive->stream = stream; /* once more, for eva__pump_finish */
  eva__pump_finish (pump, err);
}

static void
on_cancelled (struct eva__stream *stream, gpg_error_t reason) {
  end ((struct eva__pump *) stream, reason, true);
}

/* --- Beginning -------------------------------------------------------------------------------- */

/* Returns true if FD can be no descriptor, and does not stand for the connection either.  */
static bool
is_none (int fd) {
  return fd < 0 && fd != EVA_PUMP_CONNECTION;
}

/* Returns true if CONFIG makes sense: the connection at one end at the most, and nothing set that says
   nothing there.  */
static bool
is_sound (assuan_context_t ctx, const struct eva_pump_config *config) {
  bool from_peer = config->from_fd == EVA_PUMP_CONNECTION;
  bool to_peer = config->to_fd == EVA_PUMP_CONNECTION;
  const struct eva__io_channel *ch = &ctx->channel;

  if (from_peer && (to_peer || !config->inquiry || !*config->inquiry)) return false;
  if (!from_peer && config->inquiry) return false;
  if (from_peer && strcspn (config->inquiry, "\n") > EVA_LINE_MAX - strlen ("INQUIRE "))
    return false;
  if (from_peer && strchr (config->inquiry, '\n')) return false;
  if (config->flags & ~(EVA_PUMP_CLOSE_FROM | EVA_PUMP_CLOSE_TO)) return false;
  if (from_peer && (config->flags & EVA_PUMP_CLOSE_FROM)) return false;
  if (to_peer && (config->flags & EVA_PUMP_CLOSE_TO)) return false;
  if (!from_peer && (config->from_fd == ch->in_fd || config->from_fd == ch->out_fd)) return false;
  if (!to_peer && (config->to_fd == ch->in_fd || config->to_fd == ch->out_fd)) return false;
  return !config->progress_what || eva__pump_is_what (config->progress_what);
}

/* Returns why there can be no pump in CTX now, or not this one.  */
static gpg_error_t
check (assuan_context_t ctx, const struct eva_pump_config *config) {
  enum eva_conn_state state;

  if (!ctx || !config) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  if (!ctx->drive || !eva__ctx_is_busy (ctx)) return eva__ctx_error (ctx, GPG_ERR_ASS_GENERAL);
  if (!eva__attached_of (ctx->drive)->loop) return eva__ctx_error (ctx, GPG_ERR_NOT_SUPPORTED);
  state = eva_conn_get_state (ctx->conn);
  if (ctx->drive->stream || ctx->inquiry || state != EVA_STATE_COMMAND)
    return eva__ctx_error (ctx, GPG_ERR_ASS_NESTED_COMMANDS);
  if (is_none (config->from_fd) || is_none (config->to_fd))
    return eva__ctx_error (ctx, GPG_ERR_EBADF);
  if (!is_sound (ctx, config)) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  return eva__ctx_may_say (ctx);
}

/* Makes a pump, which does nothing yet.  */
static struct eva__pump *
new_pump (assuan_context_t ctx, const struct eva_pump_config *config) {
  const char *what = config->progress_what ? config->progress_what : "";
  unsigned int interval_ms = config->progress_interval_ms;
  struct eva__pump *pump = eva__ctx_malloc (ctx, sizeof *pump + strlen (what) + 1);

  if (!pump) return NULL;
  *pump = (struct eva__pump) {
    .stream = { .failed = on_failed, .cancelled = on_cancelled },
    .ctx = ctx,
    .loop = eva__attached_of (ctx->drive)->loop,
    .from = { .copy = -1 },
    .to = { .copy = -1 },
    .max_len = config->max_len ? config->max_len : UINT64_MAX,
    .is_secret = ctx->flags.confidential,
    .done = config->done,
    .arg = config->arg,
    .interval_ns =
        (uint64_t) (interval_ms ? interval_ms : EVA_DEFAULT_PROGRESS_INTERVAL_MS) * NS_PER_MS,
    .total = config->progress_total,
  };
  memcpy (pump->what, what, strlen (what) + 1);
  return pump;
}

static gpg_error_t
prepare (struct eva__pump *pump, const struct eva_pump_config *config) {
  gpg_error_t err = open_end (pump, &pump->from, config->from_fd, O_RDONLY);

  if (!err) err = open_end (pump, &pump->to, config->to_fd, O_WRONLY);
  if (!err && eva__pump_start_progress (pump)) err = eva__ctx_syserror (pump->ctx);
  return err;
}

/* Lets PUMP begin.  The inquiry is the last thing that can fail.  */
static gpg_error_t
start (struct eva__pump *pump, const struct eva_pump_config *config) {
  if (!pump->from.is_used) return eva__pump_init_inflow (pump, config->inquiry);
  if (pump->to.is_used)
    eva__pump_init_transfer (pump);
  else
    eva__pump_init_outflow (pump);
  eva__pump_go_on (pump);
  return 0;
}

static void
set_owned (struct eva__pump *pump, unsigned int flags) {
  pump->from.is_owned = flags & EVA_PUMP_CLOSE_FROM;
  pump->to.is_owned = flags & EVA_PUMP_CLOSE_TO;
}

/* A monitor that is shown the inquiry may release the context in the midst of it: then PUMP was
   cancelled, and its descriptors closed with it.  */
static gpg_error_t
run (struct eva__pump *pump, const struct eva_pump_config *config) {
  struct eva__drive *drive = pump->ctx->drive;
  gpg_error_t err;

  drive->stream = &pump->stream;
  set_owned (pump, config->flags);
  err = start (pump, config);
  if (drive->stream != &pump->stream) return 0;
  if (err) {
    drive->stream = NULL;
    set_owned (pump, 0);
    return err;
  }
  drive->deferred = true;
  return 0;
}

gpg_error_t
eva_pump (assuan_context_t ctx, const struct eva_pump_config *config) {
  gpg_error_t err = check (ctx, config);
  struct eva__pump *pump;

  if (err) return err;
  pump = new_pump (ctx, config);
  if (!pump) return eva__ctx_error (ctx, GPG_ERR_ENOMEM);
  eva__ctx_enter (ctx);
  err = prepare (pump, config);
  if (!err) err = run (pump, config);
  if (err) take_apart (pump);
  eva__ctx_leave (ctx);
  return err;
}
