/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stream.c - the stdio stream of assuan_get_data_fp.

   The C library may be in the midst of a write to it when a monitor or the log, which are shown the
   data, releases the context: then the stream must not be closed yet.  Within a handler the context
   waits for the end of the outermost call, and the stream with it.  Where the program's own fwrite is
   the outermost call, only the program knows when that is over: the stream outlives the context.  */

#include "assuan/context.h"

#include <errno.h>

struct eva__data_stream {
  FILE *fp;
  assuan_context_t ctx; /* or NULL: it is gone */
  void (*free) (void *ptr);
  bool is_writing;
};

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
  /* What is left in the buffer that the program gave the stream is the parent's to send.  */
  if (stream->ctx->released && !eva__ctx_is_ours (stream->ctx)) return (ssize_t) len;
  stream->is_writing = true;
  err = assuan_send_data (stream->ctx, buf, len);
  stream->is_writing = false;
  if (!err) return (ssize_t) len;
  gpg_err_set_errno (gpg_err_code_to_errno (gpg_err_code (err)));
  return 0;
}

static int
free_stream (void *cookie) {
  struct eva__data_stream *stream = cookie;

  stream->free (stream);
  return 0;
}

/* Unbuffered: the data line in the queue is the buffer.  So the order of data and status lines is
   that of the calls, and no copy of a secret stays in stdio's memory; but what is formatted
   leaves one on the stack, in the buffer that glibc puts in front of such a stream.  */
static struct eva__data_stream *
open_stream (assuan_context_t ctx) {
  cookie_io_functions_t io = { .write = write_octets, .close = free_stream };
  struct eva__data_stream *stream = eva__ctx_malloc (ctx, sizeof *stream);

  if (!stream) return NULL;
  *stream = (struct eva__data_stream) { .ctx = ctx, .free = ctx->shared->malloc_hooks.free };
  stream->fp = fopencookie (stream, "w", io);
  if (!stream->fp) {
    eva__ctx_free (ctx, stream);
    return NULL;
  }
  setvbuf (stream->fp, NULL, _IONBF, 0);
  return stream;
}

FILE *
assuan_get_data_fp (assuan_context_t ctx) {
  if (!ctx || !ctx->conn) {
    errno = EINVAL;
    return NULL;
  }
  if (!ctx->data_stream) ctx->data_stream = open_stream (ctx);
  return ctx->data_stream ? ctx->data_stream->fp : NULL;
}

void
eva__ctx_close_data_stream (assuan_context_t ctx) {
  struct eva__data_stream *stream = ctx->data_stream;

  if (!stream || stream->is_writing) return;
  ctx->data_stream = NULL;
  fclose (stream->fp);
}

void
eva__ctx_drop_data_stream (assuan_context_t ctx) {
  eva__ctx_close_data_stream (ctx);
  if (ctx->data_stream) ctx->data_stream->ctx = NULL;
}
