/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* inflow.c - pumps from the answer to an inquiry into a descriptor.

   The data of the lines that came together are written together.  While the descriptor does not
   take them, the pump handles no further line and the context reads nothing: what waits is at most
   what one read brought.  */

#include "assuan/error.h"
#include "assuan/inquire.h"
#include "attach/flow.h"
#include "attach/wait.h"

#include <errno.h>
#include <string.h>

/* Writes what came.  Returns false if PUMP ended with that.  */
static bool
settle (struct eva__pump *pump) {
  bool has_all = pump->has_all;

  if (!eva__pump_pour (pump)) {
    pump->stream.is_full = false;
    if (has_all)
      eva__pump_finish (pump, 0);
    else
      eva__pump_rest (pump);
    return !has_all;
  }
  pump->stream.is_full = true;
  if (errno == EAGAIN && !eva__pump_wait_for (pump, &pump->to)) return true;
  eva__pump_finish_errno (pump);
  return false;
}

static void
on_data (struct eva__pump *pump, const struct eva_event *ev) {
  if (!eva__pump_take_buffer (pump, EVA__PUMP_INFLOW_SIZE)) {
    eva__pump_finish (pump, eva__ctx_error (pump->ctx, GPG_ERR_ENOMEM));
    return;
  }
  memcpy (pump->buf + pump->end, ev->text, ev->text_len);
  pump->end += ev->text_len;
  if (pump->buf_size - pump->end < EVA_LINE_SIZE) settle (pump);
}

static void
on_answered (struct eva__stream *stream, int rc, const struct eva_event *ev) {
  struct eva__pump *pump = EVA__CONTAINER (struct eva__pump, stream, stream);

  if (rc == EVA_E_TRUNCATED) return; /* the end of file comes next */
  if (rc < 0) {
    eva__pump_finish (pump, eva__ctx_conn_error (pump->ctx, rc));
  } else if (ev->type == EVA_EVENT_DATA) {
    on_data (pump, ev);
  } else if (ev->type == EVA_EVENT_END) {
    pump->has_all = true;
    stream->wants_in = false;
    settle (pump);
  } else {
    eva__pump_finish (pump, eva__ctx_answer_error (pump->ctx, ev));
  }
}

static void
on_rested (struct eva__stream *stream) {
  struct eva__pump *pump = EVA__CONTAINER (struct eva__pump, stream, stream);

  if (pump->buf && !stream->is_full) settle (pump);
}

/* The descriptor takes more, so lines that had to wait are handled now.  */
static void
step (struct eva__pump *pump) {
  struct eva__drive *drive = pump->ctx->drive;

  if (settle (pump)) eva__drive_wake (drive);
}

gpg_error_t
eva__pump_init_inflow (struct eva__pump *pump, const char *inquiry) {
  size_t max_len = pump->max_len < SIZE_MAX ? (size_t) pump->max_len : 0;

  pump->stream.answered = on_answered;
  pump->stream.rested = on_rested;
  pump->stream.wants_in = true;
  pump->step = step;
  return eva__ctx_inquire (pump->ctx, inquiry, max_len);
}
