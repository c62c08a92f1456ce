/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* process.c - contexts that the program drives by hand: turns, and what to wait for between them;
   and what eva.h sets for those that it does not drive.  */

#include "assuan/connection.h"
#include "assuan/error.h"
#include "assuan/lifetime.h"
#include "assuan/turn.h"
#include "client/attach.h"
#include "client/client.h"

gpg_error_t
eva_set_max_ahead_len (assuan_context_t ctx, size_t max_len) {
  if (!ctx) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  if (ctx->drive) return eva__ctx_error (ctx, GPG_ERR_NOT_SUPPORTED);
  eva__ctx_set_max_ahead (ctx, max_len);
  return 0;
}

/* EVA_NO_LIMIT is what 0 is.  */
static unsigned int
limit (unsigned int timeout_ms) {
  return timeout_ms == EVA_NO_LIMIT ? 0 : timeout_ms;
}

gpg_error_t
eva_set_timeouts (assuan_context_t ctx, const struct eva_timeouts *timeouts) {
  if (!ctx || !timeouts) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  if (ctx->drive) return eva__ctx_error (ctx, GPG_ERR_NOT_SUPPORTED);
  ctx->shared->timeouts.set = (struct eva_timeouts) {
    .connect_timeout_ms = limit (timeouts->connect_timeout_ms),
    .greeting_timeout_ms = limit (timeouts->greeting_timeout_ms),
    .call_timeout_ms = limit (timeouts->call_timeout_ms),
  };
  return 0;
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

/* Two pipes of which nothing is wanted report nothing: the program does not have to watch them.  So
   this looks now and then whether the peer is gone.  */
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

/* Unlike a turn of a loop, this one reports the end of the connection to its caller alone.  */
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
