/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* driven.c - contexts of the program that do not wait: driven by hand, or attached to a loop.

   They were made and connected with assuan.h, maybe after blocking calls.  What they have of this
   room is taken on when the program asks for it, and stays until the context is released.  */

#include "client/driven.h"

#include "assuan/accept.h"
#include "assuan/connection.h"
#include "assuan/error.h"
#include "assuan/lifetime.h"
#include "assuan/turn.h"
#include "client/client.h"

#include <stdlib.h>

/* --- Servers of assuan.h ---------------------------------------------------------------------- */

static void
release (struct eva__drive *drive) {
  eva__attached_stop (eva__attached_of (drive));
  eva__drive_cancel (drive,
                     drive->over ? drive->over : eva__ctx_error (drive->ctx, GPG_ERR_CANCELED));
}

static void
free_driven (struct eva__drive *drive) {
  free (drive);
}

static void
close_driven (struct eva__drive *drive) {
  gpg_error_t reason = eva__ctx_error (drive->ctx, GPG_ERR_CANCELED);
  assuan_context_t ctx = drive->ctx;

  eva__ctx_enter (ctx);
  eva__drive_cancel (drive, reason);
  if (!ctx->released) eva__drive_close (drive, reason);
  eva__ctx_leave (ctx);
}

static const struct eva__drive_ops server_ops = {
  .wake = eva__attached_wake,
  .now = eva_now,
  .over = eva__driven_over,
  .close = close_driven,
  .set_limits = eva__driven_set_limits,
  .get_loop = eva__driven_get_loop,
  .is_ours = eva__attached_is_ours,
  .release = release,
  .free = free_driven,
};

/* --- What all have in common ------------------------------------------------------------------ */

void
eva__driven_over (struct eva__drive *drive) {
  struct eva__driven *driven = (struct eva__driven *) drive;

  if (driven->over) driven->over (drive->ctx, driven->over_arg, drive->over);
}

eva_loop *
eva__driven_get_loop (const struct eva__drive *drive) {
  return ((const struct eva__driven *) drive)->at.loop;
}

void
eva__driven_init (struct eva__driven *driven, const struct eva__drive_ops *ops) {
  driven->class = (struct eva__drive_class) { .ops = ops, .limits = &driven->limits };
  driven->at.drive.class = &driven->class;
}

struct eva__driven *
eva__driven_of (assuan_context_t ctx) {
  if (!ctx || !ctx->drive) return NULL;
  if (ctx->drive->class->ops != &server_ops && !eva__client_of (ctx)) return NULL;
  return (struct eva__driven *) ctx->drive;
}

static struct eva__driven *
new_server (void) {
  struct eva__driven *driven = calloc (1, sizeof *driven);

  if (!driven) return NULL;
  eva__driven_init (driven, &server_ops);
  return driven;
}

/* A client whose server has greeted.  */
static struct eva__driven *
new_client (void) {
  struct eva__client *client = eva__client_new ();

  if (!client) return NULL;
  client->stage = EVA__CLIENT_READY;
  return &client->driven;
}

/* Greets the client.  A monitor that is shown the greeting may release CTX.  */
static gpg_error_t
greet (assuan_context_t ctx) {
  gpg_error_t err;

  eva__ctx_enter (ctx);
  err = eva__ctx_open (ctx);
  if (ctx->released) err = eva__ctx_error (ctx, GPG_ERR_CANCELED);
  eva__ctx_leave (ctx);
  return err;
}

/* Makes CTX non-blocking.  Hooks for reading and writing may wait, as nPth's do, and a context in the
   midst of a call would find its own state changed: both are refused.  */
static gpg_error_t
make (assuan_context_t ctx) {
  bool is_client = ctx->kind == EVA__CTX_CLIENT;
  struct eva__driven *driven;

  if (!ctx->conn || ctx->channel.in_fd == ASSUAN_INVALID_FD)
    return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  if (!eva__io_sys_is_own (&ctx->shared->sys) || ctx->depth)
    return eva__ctx_error (ctx, GPG_ERR_NOT_SUPPORTED);
  if (ctx->out_of_step) return eva__ctx_error (ctx, GPG_ERR_EPIPE);
  driven = is_client ? new_client () : new_server ();
  if (!driven) return eva__ctx_error (ctx, GPG_ERR_ENOMEM);
  eva__drive_complete_limits (&driven->limits);
  eva__drive_init (&driven->at.drive, ctx);
  return is_client ? 0 : greet (ctx);
}

/* --- By hand ---------------------------------------------------------------------------------- */

gpg_error_t
eva_set_max_ahead_len (assuan_context_t ctx, size_t max_len) {
  if (!ctx) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  if (ctx->drive) return eva__ctx_error (ctx, GPG_ERR_NOT_SUPPORTED);
  eva__ctx_set_max_ahead (ctx, max_len);
  return 0;
}

gpg_error_t
eva_set_nonblocking (assuan_context_t ctx) {
  if (!ctx) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  return ctx->drive ? 0 : make (ctx);
}

int
eva_get_fd (assuan_context_t ctx, unsigned int event) {
  if (!ctx) return ASSUAN_INVALID_FD;
  return event & EVA_WRITABLE ? ctx->channel.out_fd : ctx->channel.in_fd;
}

unsigned int
eva_get_events (assuan_context_t ctx) {
  return ctx && ctx->drive ? eva__drive_get_events (ctx->drive) : 0;
}

/* Two pipes of which nothing is wanted tell of nothing: the program need not watch them, so we look
   now and then whether the peer is gone.  */
static bool
must_look (const struct eva__driven *driven) {
  const struct eva__drive *drive = &driven->at.drive;

  if (driven->at.loop || !drive->ctx->conn || drive->ctx->channel.is_socket) return false;
  return !eva__drive_get_events (drive);
}

uint64_t
eva_get_deadline (assuan_context_t ctx) {
  struct eva__driven *driven = eva__driven_of (ctx);
  uint64_t deadline, look_ns = EVA_NO_DEADLINE;

  if (!ctx || !ctx->drive) return EVA_NO_DEADLINE;
  deadline = eva__drive_get_deadline (ctx->drive);
  if (driven && must_look (driven)) look_ns = driven->turned_ns + EVA__LOOK_INTERVAL_NS;
  return look_ns < deadline ? look_ns : deadline;
}

/* Unlike a loop's turn, this one has nobody else to tell that the connection is over.  */
gpg_error_t
eva_process (assuan_context_t ctx, unsigned int revents, uint64_t now_ns) {
  struct eva__driven *driven = eva__driven_of (ctx);
  gpg_error_t err;

  if (!driven || driven->at.loop || eva__client_is_connected_by_us (ctx))
    return eva__ctx_error (ctx, GPG_ERR_NOT_SUPPORTED);
  if (ctx->depth) return eva__ctx_error (ctx, GPG_ERR_ASS_NESTED_COMMANDS);
  if (must_look (driven)) revents |= eva__attached_look (&driven->at.drive);
  driven->turned_ns = now_ns;
  eva__ctx_enter (ctx);
  err = eva__drive_turn (&driven->at.drive, revents, now_ns);
  if (err && !ctx->released && !driven->at.is_told) {
    driven->at.is_told = true;
    driven->at.drive.class->ops->over (&driven->at.drive);
  }
  eva__ctx_leave (ctx);
  return err;
}

/* --- In a loop -------------------------------------------------------------------------------- */

gpg_error_t
eva_attach (assuan_context_t ctx, eva_loop *loop,
            void (*over) (assuan_context_t ctx, void *arg, gpg_error_t err), void *arg) {
  struct eva__driven *driven;
  gpg_error_t err;

  if (!ctx || !loop || eva__client_is_connected_by_us (ctx))
    return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  err = eva_set_nonblocking (ctx);
  if (err) return err;
  driven = eva__driven_of (ctx);
  if (!driven || driven->at.loop || driven->at.is_told)
    return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  err = eva__attached_start (&driven->at, loop);
  if (err) return err;
  driven->over = over;
  driven->over_arg = arg;
  return 0;
}

void
eva_detach (assuan_context_t ctx) {
  struct eva__driven *driven = eva__driven_of (ctx);

  if (!driven || eva__client_is_connected_by_us (ctx)) return;
  eva__ctx_enter (ctx);
  if (eva__ctx_is_ours (ctx)) eva__ctx_claim (ctx); /* without its loop nothing else says so */
  eva__drive_stop_stream (&driven->at.drive, eva__ctx_error (ctx, GPG_ERR_CANCELED));
  eva__attached_stop (&driven->at);
  driven->over = NULL; /* who drives it from now on is told by eva_process */
  eva__ctx_leave (ctx);
}

gpg_error_t
eva__driven_set_limits (struct eva__drive *drive, const struct eva_limits *limits) {
  struct eva__driven *driven = (struct eva__driven *) drive;

  driven->limits = *limits;
  eva__drive_complete_limits (&driven->limits);
  eva__drive_configure (&drive->ctx->shared->conn_config, &driven->limits);
  return 0;
}
