/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* data.c - data that a program sends, by assuan_send_data or as a stream.  */

#include "assuan/connection.h"
#include "assuan/error.h"
#include "assuan/memory.h"
#include "assuan/lifetime.h"
#include "assuan/say.h"
#include "assuan/stream.h"

#include <errno.h>

/* Octets of bulk data that leave in one write: so many are queued at most before they are sent, and
   wait for more while a context is corked.  What programs give at once most often leaves at once,
   which wakes the peer once; and with their escapes, unless they are many, so many fit in the
   buffers that a context keeps.  */
#define WRITE_LEN ((size_t) 64 << 10)

_Static_assert (WRITE_LEN <= (size_t) EVA__N_SPARES * EVA_OUTPUT_SIZE * 3 / 4, "buffers are kept");

/* Returns true if data that was queued may wait for more.  A loop sends at the end of a turn,
   corked or not.  */
static bool
may_hold (assuan_context_t ctx) {
  return ctx->is_corked && !ctx->drive && !ctx->is_external
         && eva__conn_output_len (ctx->conn) < WRITE_LEN;
}

/* What assuan_send_data does when it is called without data.  */
static gpg_error_t
flush_data (assuan_context_t ctx, size_t length) {
  int rc = eva_conn_flush (ctx->conn);

  if (!rc && ctx->kind == EVA__CTX_CLIENT)
    rc = length ? eva_conn_can (ctx->conn) : eva_conn_end (ctx->conn);
  return eva__ctx_said (ctx, rc);
}

static gpg_error_t
send_data (assuan_context_t ctx, const char *data, size_t length) {
  gpg_error_t err = eva__ctx_may_say (ctx);

  if (!err && !data) return flush_data (ctx, length);
  while (length && !err) {
    size_t taken;
    int rc = eva_conn_data (ctx->conn, data, length < WRITE_LEN ? length : WRITE_LEN, &taken);
    data += taken;
    length -= taken;
    /* The queue is full: sends it, and there is room again, unless the context may not wait for
       that.  */
    if (rc == EVA_E_LIMIT && (taken || !ctx->drive || eva__ctx_made_room (ctx, rc))) rc = 0;
    if (rc == EVA_E_NOMEM && taken)
      rc = 0;
    else if (!rc && may_hold (ctx)) {
      eva__ctx_show_output (ctx);
      continue;
    }
    err = eva__ctx_said (ctx, rc);
  }
  return err;
}

gpg_error_t
assuan_send_data (assuan_context_t ctx, const void *buffer, size_t length) {
  if (!ctx || (!buffer && length > 1)) return eva__ctx_error (ctx, GPG_ERR_ASS_INV_VALUE);
  eva__ctx_enter (ctx);
  return eva__ctx_leave_with (ctx, send_data (ctx, buffer, length));
}

/* Returns 0 on failure, which fopencookie(3) takes for an error; -1 would count as octets.  */
static ssize_t
write_octets (void *cookie, const char *buf, size_t len) {
  struct eva__data_stream *stream = cookie;
  gpg_error_t err = 0;

  if (!len) return 0;
  if (!stream->ctx) {
    errno = EPIPE;
    return 0;
  }
  /* What is left in the buffer that the program gave the stream belongs to the parent, which sends
     it.  */
  if (stream->ctx->released && !eva__ctx_is_ours (stream->ctx)) return (ssize_t) len;
  stream->is_writing = true;
  err = assuan_send_data (stream->ctx, buf, len);
  stream->is_writing = false;
  if (!err) return (ssize_t) len;
  gpg_err_set_errno (gpg_err_code_to_errno (gpg_err_code (err)));
  return 0;
}

FILE *
assuan_get_data_fp (assuan_context_t ctx) {
  struct eva__extra *extra;

  if (!ctx || !ctx->conn) {
    errno = EINVAL;
    return NULL;
  }
  extra = eva__ctx_get_extra (ctx);
  if (!extra) return NULL;
  if (!extra->data_stream) extra->data_stream = eva__ctx_open_data_stream (ctx, write_octets);
  return extra->data_stream ? extra->data_stream->fp : NULL;
}
