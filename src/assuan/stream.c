/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stream.c - the stdio stream of assuan_get_data_fp: how it is opened and closed.  */

#include "assuan/stream.h"

#include "assuan/memory.h"

static int
free_stream (void *cookie) {
  struct eva__data_stream *stream = cookie;

  stream->free (stream);
  return 0;
}

/* Unbuffered: the data line in the queue is the buffer.  So the order of data and status lines is
   that of the calls, and no copy of a secret stays in stdio's memory.  But formatted output leaves
   a copy on the stack, in the buffer that glibc puts in front of such a stream.  */
struct eva__data_stream *
eva__ctx_open_data_stream (assuan_context_t ctx, cookie_write_function_t *write) {
  cookie_io_functions_t io = { .write = write, .close = free_stream };
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

void
eva__ctx_close_data_stream (assuan_context_t ctx) {
  struct eva__data_stream *stream = EVA__SELDOM (ctx->extra) ? ctx->extra->data_stream : NULL;

  if (!stream || stream->is_writing) return;
  ctx->extra->data_stream = NULL;
  fclose (stream->fp);
}

void
eva__ctx_drop_data_stream (assuan_context_t ctx) {
  eva__ctx_close_data_stream (ctx);
  if (ctx->extra && ctx->extra->data_stream) ctx->extra->data_stream->ctx = NULL;
}
