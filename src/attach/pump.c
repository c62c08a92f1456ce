/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pump.c - making a pump, and letting it begin.  */

#include "attach/pump.h"

#include "assuan/connection.h"
#include "assuan/error.h"
#include "assuan/lifetime.h"
#include "assuan/memory.h"
#include "attach/flow.h"
#include "attach/progress.h"
#include "attach/wait.h"
#include "io/duration.h"

#include <fcntl.h>
#include <string.h>

/* Opens END on FD, for reading or writing, as MODE says.  */
static gpg_error_t
open_end (struct eva__pump *pump, struct eva__pump_end *end, int fd, int mode) {
  end->copy = -1;
  if (fd == EVA_PUMP_CONNECTION) return 0;
  if (eva__io_pipe_open (&end->pipe, fd, mode)) return eva__ctx_syserror (pump->ctx);
  end->is_used = true;
  end->is_always_ready = end->pipe.is_file;
  return 0;
}

/* Returns true if FD cannot be a descriptor, and does not stand for the connection either.  */
static bool
is_none (int fd) {
  return fd < 0 && fd != EVA_PUMP_CONNECTION;
}

/* Returns true if CONFIG makes sense: the connection is at one end at the most, and no member is
   set that has no meaning there.  */
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
  state = eva__conn_get_state (ctx->conn);
  if (eva__drive_stream (ctx->drive) || eva__ctx_inquiry (ctx) || state != EVA_STATE_COMMAND)
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
    .stream = { .failed = eva__pump_failed, .cancelled = eva__pump_cancelled },
    .ctx = ctx,
    .loop = eva__attached_of (ctx->drive)->loop,
    .from = { .copy = -1 },
    .to = { .copy = -1 },
    .max_len = config->max_len ? config->max_len : UINT64_MAX,
    .is_secret = ctx->flags.confidential,
    .done = config->done,
    .arg = config->arg,
    .interval_ns = eva__io_ns_of_ms (interval_ms ? interval_ms : EVA_DEFAULT_PROGRESS_INTERVAL_MS),
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

/* A monitor that is shown the inquiry may release the context meanwhile: then PUMP was cancelled,
   and its descriptors closed with it.  */
static gpg_error_t
run (struct eva__pump *pump, const struct eva_pump_config *config) {
  struct eva__drive *drive = pump->ctx->drive;
  gpg_error_t err;

  drive->callbacks->stream = &pump->stream;
  set_owned (pump, config->flags);
  err = start (pump, config);
  if (eva__drive_stream (drive) != &pump->stream) return 0;
  if (err) {
    eva__drive_take_stream (drive);
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
  pump = eva__drive_get_callbacks (ctx->drive) ? new_pump (ctx, config) : NULL;
  if (!pump) return eva__ctx_error (ctx, GPG_ERR_ENOMEM);
  eva__ctx_enter (ctx);
  err = prepare (pump, config);
  if (!err) err = run (pump, config);
  if (err) eva__pump_take_apart (pump);
  eva__ctx_leave (ctx);
  return err;
}
