/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* lifetime.c - how long a context stays: its use within callbacks, and the end of its connection
   and of its memory.  */

#include "assuan/lifetime.h"

#include "assuan/connection.h"
#include "assuan/descriptor.h"
#include "assuan/drive.h"
#include "assuan/error.h"
#include "assuan/memory.h"
#include "assuan/pool.h"
#include "assuan/stream.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

/* How long a child that did not answer in time may take to end by itself.  */
#define GRACE_US 500000u

/* Returns true if the child PID has ended, or is none: another part of the program may have waited
   for it.  */
static bool
has_ended (assuan_context_t ctx, pid_t pid) {
  pid_t ended = ctx->shared->sys.hooks.waitpid (ctx, pid, 0, NULL, WNOHANG);

  return ended > 0 || (ended < 0 && errno != EINTR);
}

/* A child that did not answer in time may not see that its client has left either, and waiting for
   it could take forever.  A number that was waited for may be another process by now, so each
   signal comes after a look.  Returns true if the child has ended.  */
static bool
end_child (assuan_context_t ctx, pid_t pid) {
  unsigned int step_us = 0;

  if (has_ended (ctx, pid)) return true;
  kill (pid, SIGTERM);
  for (unsigned int slept_us = 0; slept_us < GRACE_US; slept_us += step_us) {
    if (has_ended (ctx, pid)) return true;
    eva__io_sys_pause (&ctx->shared->sys, &step_us);
  }
  if (has_ended (ctx, pid)) return true;
  kill (pid, SIGKILL);
  return false;
}

/* Waits for the child that serves CTX, so that it does not stay as a zombie; unless it is another
   process's child.  */
static void
reap_child (assuan_context_t ctx) {
  pid_t pid = ctx->pid;

  if (!ctx->is_child || pid == ASSUAN_INVALID_PID) return;
  ctx->is_child = false;
  ctx->pid = ASSUAN_INVALID_PID;
  if (ctx->flags.no_waitpid || ctx->was_reaped || !eva__ctx_is_ours (ctx))
    ctx->shared->sys.hooks.waitpid (ctx, pid, 1, NULL,
                                    0); /* nothing but releasing what the hook keeps */
  else if (!ctx->timed_out || pid <= 0 || !end_child (ctx, pid))
    while (ctx->shared->sys.hooks.waitpid (ctx, pid, 0, NULL, 0) < 0 && errno == EINTR)
      ;
}

/* Takes leave of the server.  It does not wait for the answer, and a server that is gone already
   does not matter.  After a release in the middle of reading or writing a line, what was said is
   still sent, but no callback runs.  */
static void
take_leave (assuan_context_t ctx) {
  if (ctx->ends_quietly && ctx->conn) {
    eva__ctx_flush (ctx);
    return;
  }
  if (eva__ctx_may_say (ctx)) return;
  if (ctx->kind == EVA__CTX_CLIENT) eva_conn_line (ctx->conn, "BYE", 3);
  eva__ctx_show_output (ctx);
  eva__ctx_flush (ctx); /* a server's replies may still wait for the end of their turn */
}

/* Returns true if CTX has something to say before it closes the connection.  */
static bool
has_last_words (assuan_context_t ctx) {
  if (!ctx->conn) return false;
  return ctx->kind == EVA__CTX_CLIENT || eva__conn_output_len (ctx->conn);
}

void
eva__ctx_hang_up (assuan_context_t ctx) {
  /* What says something must not say it to another file, as what closes must not close one.  */
  if (has_last_words (ctx)) eva__io_channel_check (&ctx->channel);
  /* A socket that the program passed in but never opened is still the program's, as in
     libassuan.  */
  if (ctx->kind == EVA__CTX_SERVER && !ctx->is_pipe && !ctx->opened)
    ctx->channel.in_fd = ctx->channel.out_fd = ASSUAN_INVALID_FD;
  if (eva__ctx_is_ours (ctx)) take_leave (ctx);
  eva__ctx_close_fds (ctx);
  eva__ctx_disconnect (ctx);
  reap_child (ctx);
}

/* Frees all memory.  The connection is gone by now, and no callback is running.  */
static void
destroy (assuan_context_t ctx) {
  void (*free_hook) (void *) = ctx->shared->malloc_hooks.free;
  struct eva__drive *drive = ctx->drive;

  eva__ctx_drop_data_stream (ctx);
  if (drive) eva__ctx_free (ctx, drive->callbacks);
  eva__ctx_forget_texts (ctx);
  eva__ctx_free (ctx, ctx->extra);
  if (!ctx->shares || ctx->owns_commands) {
    eva__ctx_set_string (ctx, &ctx->table->own_hello, NULL);
    eva__ctx_free (ctx, ctx->table->commands);
    eva__ctx_free (ctx, ctx->table->more);
  }
  if (ctx->owns_table) eva__ctx_free (ctx, ctx->table);
  if (!ctx->shares) eva__pool_drain (&ctx->shared->pool, &ctx->shared->malloc_hooks);
  if (!ctx->is_part) free_hook (ctx);
  if (drive) drive->class->ops->free (drive); /* the last: what is shared may go away with it */
}

/* The same where something was put off until now.  */
static __attribute__ ((noinline)) void
catch_up (assuan_context_t ctx) {
  if (ctx->ends_quietly) eva__ctx_hang_up (ctx);
  ctx->depth = 0;
  if (ctx->released) {
    destroy (ctx);
    return;
  }
  if (ctx->wants_turn) ctx->drive->class->ops->wake (ctx->drive);
  ctx->wants_turn = false;
  if (ctx->is_external) eva__pool_drain (&ctx->shared->pool, &ctx->shared->malloc_hooks);
}

__attribute__ ((hot)) void
eva__ctx_leave_last (assuan_context_t ctx) {
  if (ctx->wants_turn || ctx->released || ctx->ends_quietly) {
    catch_up (ctx);
    return;
  }
  ctx->depth = 0;
  if (ctx->is_external) /* thousands at rest must not own buffers */
    eva__pool_drain (&ctx->shared->pool, &ctx->shared->malloc_hooks);
}

gpg_error_t
eva__ctx_leave_with (assuan_context_t ctx, gpg_error_t err) {
  eva__ctx_leave (ctx);
  return err;
}
