/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* flow.c - what the directions of a pump have in common: its octets, and its end.

   A pump ends in one of two ways.  It ends by itself: it reached the end, or an end of it failed,
   or the answer to its inquiry did; then the command goes on.  Or it is cancelled, because the
   command cannot go on or was finished.  Either way the pump is taken apart first and its done
   function called last: that may begin another pump, or release the context.  */

#include "attach/flow.h"

#include "assuan/connection.h"
#include "assuan/error.h"
#include "assuan/inquire.h"
#include "assuan/lifetime.h"
#include "assuan/memory.h"
#include "attach/progress.h"
#include "attach/wait.h"
#include "wire/wipe.h"

#include <errno.h>

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

/* --- The end ---------------------------------------------------------------------------------- */

/* The descriptors of INPUT and OUTPUT are the context's, which has to forget them.  */
static void
close_fd (assuan_context_t ctx, int fd) {
  if (fd == assuan_get_input_fd (ctx))
    assuan_close_input_fd (ctx);
  else if (fd == assuan_get_output_fd (ctx))
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

/* Frees PUMP.  Restores the flags of both descriptors before it closes one of them: they may be the
   same.  */
void
eva__pump_take_apart (struct eva__pump *pump) {
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

/* Ends PUMP, which is off the drive.  A command that cannot go on is finished by the caller, which
   knows why.  */
static void
end (struct eva__pump *pump, gpg_error_t err, bool is_cancelled) {
  void (*done) (assuan_context_t, void *, gpg_error_t, uint64_t) = pump->done;
  assuan_context_t ctx = pump->ctx;
  bool is_ours = eva__ctx_is_ours (ctx);
  uint64_t n_pumped = pump->n_pumped;
  void *arg = pump->arg;

  eva__ctx_enter (ctx);
  if (pump->stream.wants_in) eva__ctx_give_up_answer (ctx);
  eva__pump_take_apart (pump);
  if (!is_ours)
    ; /* the parent's goes on */
  else if (done)
    done (ctx, arg, err, n_pumped);
  else if (!is_cancelled)
    assuan_process_done (ctx, err);
  eva__ctx_leave (ctx);
}

/* A monitor that is shown the last line of progress may release the context: then the pump is
   cancelled.  */
void
eva__pump_finish (struct eva__pump *pump, gpg_error_t err) {
  struct eva__stream *stream = &pump->stream;
  assuan_context_t ctx = pump->ctx;

  eva__ctx_enter (ctx);
  if (eva__ctx_is_ours (ctx)) eva__pump_tell_progress (pump);
  if (eva__drive_stream (ctx->drive) == stream) {
    eva__drive_take_stream (ctx->drive);
    end (pump, err, false);
  }
  eva__ctx_leave (ctx);
}

void
eva__pump_finish_errno (struct eva__pump *pump) {
  eva__pump_finish (pump, eva__ctx_syserror (pump->ctx));
}

void
eva__pump_failed (struct eva__stream *stream, gpg_error_t err) {
  struct eva__pump *pump = EVA__CONTAINER (struct eva__pump, stream, stream);

  pump->ctx->drive->callbacks->stream = stream; /* once more, for eva__pump_finish */
  eva__pump_finish (pump, err);
}

void
eva__pump_cancelled (struct eva__stream *stream, gpg_error_t reason) {
  end (EVA__CONTAINER (struct eva__pump, stream, stream), reason, true);
}
