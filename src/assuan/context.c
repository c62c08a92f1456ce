/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* context.c - the life of a context, and its plain properties.  */

#include "assuan/context.h"

#include "assuan/connection.h"
#include "assuan/defaults.h"
#include "assuan/drive.h"
#include "assuan/error.h"
#include "assuan/inquire.h"
#include "assuan/lifetime.h"
#include "assuan/log.h"
#include "assuan/memory.h"
#include "assuan/stream.h"
#include "io/process.h"
#include "wire/wipe.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>

/* A context together with what it does not share.  */
struct whole {
  struct eva__ctx_room room;
  struct eva__shared own;
};

/* Fills CTX.  */
static void
init (assuan_context_t ctx, gpg_err_source_t errsource, struct eva__shared *shared) {
  *ctx = (struct assuan_context_s) {
    .err_source = errsource,
    .shared = shared,
    .table = &shared->table,
    .channel = { .in_fd = ASSUAN_INVALID_FD,
                 .out_fd = ASSUAN_INVALID_FD,
                 .process = eva__io_this_process () },
    .pid = ASSUAN_INVALID_PID,
  };
}

void
eva__ctx_init_like (struct eva__ctx_room *room, assuan_context_t pattern) {
  init (&room->ctx, pattern->err_source, pattern->shared);
  room->ctx.is_part = room->ctx.shares = true;
}

gpg_error_t
assuan_new_ext (assuan_context_t *r_ctx, gpg_err_source_t errsource,
                assuan_malloc_hooks_t malloc_hooks, assuan_log_cb_t log_cb, void *log_cb_data) {
  assuan_context_t ctx;
  struct whole *whole;

  if (!r_ctx || !malloc_hooks) return gpg_err_make (errsource, GPG_ERR_INV_ARG);
  *r_ctx = NULL;
  whole = malloc_hooks->malloc (sizeof *whole);
  if (!whole) return gpg_err_make (errsource, GPG_ERR_ENOMEM);
  whole->own = (struct eva__shared) {
    .malloc_hooks = *malloc_hooks,
    .pool.max = EVA__N_SPARES,
    .table.watch = { .log_cb = log_cb, .log_cb_data = log_cb_data },
  };
  ctx = &whole->room.ctx;
  init (ctx, errsource, &whole->own);
  eva__default_sys_init (&whole->own.sys, ctx);
  eva__ctx_enter (ctx);
  eva__ctx_log (ctx, ASSUAN_LOG_CTX, "assuan_new: ctx=%p", (void *) ctx);
  if (ctx->released) return eva__ctx_leave_with (ctx, eva__ctx_error (ctx, GPG_ERR_CANCELED));
  *r_ctx = ctx;
  return eva__ctx_leave_with (ctx, 0);
}

gpg_error_t
assuan_new (assuan_context_t *r_ctx) {
  assuan_log_cb_t log_cb;
  void *log_cb_data;

  assuan_get_log_cb (&log_cb, &log_cb_data);
  return assuan_new_ext (r_ctx, assuan_get_gpg_err_source (), assuan_get_malloc_hooks (), log_cb,
                         log_cb_data);
}

/* --- Release ---------------------------------------------------------------------------------- */

void
assuan_release (assuan_context_t ctx) {
  if (!ctx || ctx->released) return;
  eva__ctx_enter (ctx);
  ctx->released = true;
  if (eva__ctx_is_ours (ctx)) {
    eva__ctx_claim (ctx); /* it leaves its loop */
    eva__ctx_log (ctx, ASSUAN_LOG_CTX, "assuan_release: ctx=%p", (void *) ctx);
  }
  ctx->ends_quietly = ctx->is_showing; /* in the middle of reading or writing a line */
  if (ctx->drive) ctx->drive->class->ops->release (ctx->drive);
  eva__ctx_end_inquiry (ctx, eva__ctx_end_reason (ctx, GPG_ERR_CANCELED));
  eva__ctx_close_data_stream (ctx);
  if (!ctx->ends_quietly) eva__ctx_hang_up (ctx);
  eva__ctx_leave (ctx);
}

void
assuan_free (assuan_context_t ctx, void *ptr) {
  if (ctx) eva__ctx_free (ctx, ptr);
}

/* --- Properties ------------------------------------------------------------------------------- */

void
assuan_set_pointer (assuan_context_t ctx, void *pointer) {
  if (ctx) ctx->user_pointer = pointer;
}

void *
assuan_get_pointer (assuan_context_t ctx) {
  return ctx ? ctx->user_pointer : NULL;
}

void
assuan_set_flag (assuan_context_t ctx, assuan_flag_t flag, int value) {
  if (!ctx) return;
  switch (flag) {
  case ASSUAN_NO_WAITPID:
    ctx->flags.no_waitpid = value;
    break;
  case ASSUAN_CONFIDENTIAL:
    ctx->flags.confidential = value;
    eva__ctx_set_confidential (ctx, value);
    break;
  case ASSUAN_NO_FIXSIGNALS:
    ctx->flags.no_fixsignals = value;
    break;
  case ASSUAN_CONVEY_COMMENTS:
    ctx->flags.convey_comments = value;
    break;
  case ASSUAN_NO_LOGGING:
    ctx->flags.no_logging = value;
    break;
  case ASSUAN_FORCE_CLOSE:
    ctx->flags.force_close = true; /* it cannot be taken back (manual, "assuan_set_flag") */
    break;
  default:
    break;
  }
}

int
assuan_get_flag (assuan_context_t ctx, assuan_flag_t flag) {
  if (!ctx) return 0;
  switch (flag) {
  case ASSUAN_NO_WAITPID:
    return ctx->flags.no_waitpid;
  case ASSUAN_CONFIDENTIAL:
    return ctx->flags.confidential;
  case ASSUAN_NO_FIXSIGNALS:
    return ctx->flags.no_fixsignals;
  case ASSUAN_CONVEY_COMMENTS:
    return ctx->flags.convey_comments;
  case ASSUAN_NO_LOGGING:
    return ctx->flags.no_logging;
  case ASSUAN_FORCE_CLOSE:
    return ctx->flags.force_close;
  default:
    return 0;
  }
}

void
assuan_begin_confidential (assuan_context_t ctx) {
  assuan_set_flag (ctx, ASSUAN_CONFIDENTIAL, 1);
}

void
assuan_end_confidential (assuan_context_t ctx) {
  assuan_set_flag (ctx, ASSUAN_CONFIDENTIAL, 0);
}

void
assuan_set_io_monitor (assuan_context_t ctx, assuan_io_monitor_t io_monitor, void *hook_data) {
  struct eva__watch *watch = ctx ? eva__ctx_own_watch (ctx) : NULL;

  if (!watch) return;
  watch->monitor = io_monitor;
  watch->monitor_data = hook_data;
}

void
assuan_ctx_set_system_hooks (assuan_context_t ctx, assuan_system_hooks_t system_hooks) {
  if (ctx && system_hooks && !ctx->shares) eva__io_sys_init (&ctx->shared->sys, ctx, system_hooks);
}

pid_t
assuan_get_pid (assuan_context_t ctx) {
  return ctx ? ctx->pid : ASSUAN_INVALID_PID;
}

gpg_error_t
assuan_get_peercred (assuan_context_t ctx, assuan_peercred_t *peercred) {
  if (!ctx || !peercred) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  if (!ctx->has_peercred) return eva__ctx_error (ctx, GPG_ERR_ASS_GENERAL);
  *peercred = &ctx->peercred;
  return 0;
}
