/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* attach.c - contexts of the program that become non-blocking, and come into a loop or leave
   it.  */

#include "client/attach.h"

#include "assuan/accept.h"
#include "assuan/connection.h"
#include "assuan/error.h"
#include "assuan/lifetime.h"
#include "client/client.h"

#include <stdlib.h>

struct eva__driven *
eva__driven_of (assuan_context_t ctx) {
  if (!ctx || !ctx->drive) return NULL;
  if (ctx->drive->class->ops != &eva__driven_server_ops && !eva__client_of (ctx)) return NULL;
  return EVA__CONTAINER (struct eva__driven, at.drive, ctx->drive);
}

static struct eva__driven *
new_server (void) {
  struct eva__driven *driven = calloc (1, sizeof *driven);

  if (!driven) return NULL;
  eva__driven_init (driven, &eva__driven_server_ops);
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

/* Makes CTX non-blocking.  It refuses hooks for reading and writing, which may wait as nPth's do,
   and a context in the middle of a call, which would find its own state changed.  */
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

gpg_error_t
eva_set_nonblocking (assuan_context_t ctx) {
  if (!ctx) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  return ctx->drive ? 0 : make (ctx);
}

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
  driven->over = NULL; /* from now on eva_process reports the end */
  eva__ctx_leave (ctx);
}
