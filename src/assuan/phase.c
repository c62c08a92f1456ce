/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* phase.c - what a drive waits for, and how long it may take.  */

#include "assuan/phase.h"

#include "conn/conn.h"
#include "io/duration.h"

static uint64_t
later (uint64_t a_ns, uint64_t b_ns) {
  return a_ns > b_ns ? a_ns : b_ns;
}

bool
eva__drive_awaits_answer (const struct eva__drive *drive) {
  const struct eva__stream *stream = eva__drive_stream (drive);
  enum eva_conn_state state = eva__conn_get_state (drive->ctx->conn);

  if (state != EVA_STATE_INQUIRY && state != EVA_STATE_OVERFLOW) return false;
  return eva__ctx_inquiry (drive->ctx) || (stream && stream->wants_in);
}

/* Returns true if a line was begun and has not ended, also if it is too long and dropped as it
   comes.  */
static bool
is_in_line (const struct eva__drive *drive) {
  return eva__conn_input_len (drive->ctx->conn) || eva__conn_is_skipping (drive->ctx->conn);
}

/* The peer holds up a command whose output it does not take.  While its lines wait for a callback,
   this end holds up the peer.  */
enum eva__phase
eva__phase_find (const struct eva__drive *drive) {
  if (drive->closing) return EVA__PHASE_ENDING;
  if (eva__drive_is_above_water (drive)) return EVA__PHASE_STUCK;
  if (eva__drive_is_full (drive))
    return EVA__PHASE_COMMAND; /* this end is held up by its callback */
  if (eva__drive_awaits_answer (drive)) return drive->held ? EVA__PHASE_NONE : EVA__PHASE_INQUIRY;
  if (eva__ctx_has_command (drive->ctx)) return EVA__PHASE_COMMAND;
  if (eva__conn_output_len (drive->ctx->conn)) return EVA__PHASE_STUCK;
  if (drive->ctx->kind != EVA__CTX_SERVER || drive->held)
    return EVA__PHASE_NONE; /* calls have limits of their own */
  return is_in_line (drive) ? EVA__PHASE_LINE : EVA__PHASE_IDLE;
}

static unsigned int
phase_timeout_ms (const struct eva__drive *drive, enum eva__phase phase) {
  switch (phase) {
  case EVA__PHASE_IDLE:
  case EVA__PHASE_STUCK:
    return drive->class->limits->idle_timeout_ms;
  case EVA__PHASE_LINE:
    return drive->class->limits->line_timeout_ms;
  case EVA__PHASE_COMMAND:
    return drive->class->limits->command_timeout_ms;
  case EVA__PHASE_INQUIRY:
    return drive->class->limits->inquiry_timeout_ms;
  case EVA__PHASE_ENDING:
    return drive->class->limits->close_timeout_ms;
  default:
    return EVA_NO_LIMIT;
  }
}

/* A limit that was set in the middle of a phase takes effect at the end of the next turn.  */
uint64_t
eva__phase_deadline (const struct eva__drive *drive) {
  unsigned int timeout_ms;

  if (!drive->since_ns) return EVA_NO_DEADLINE; /* no limit when the phase began */
  timeout_ms = phase_timeout_ms (drive, drive->phase);
  if (timeout_ms == EVA_NO_LIMIT) return EVA_NO_DEADLINE;
  if (drive->late && drive->held) return EVA_NO_DEADLINE;
  return drive->since_ns + eva__io_ns_of_ms (timeout_ms);
}

void
eva__phase_begin (struct eva__drive *drive, enum eva__phase phase, uint64_t now_ns) {
  bool is_new = phase != drive->phase || drive->restarted;
  bool goes_on = phase == EVA__PHASE_STUCK && drive->moved;

  drive->phase = phase;
  drive->restarted = false;
  if (phase_timeout_ms (drive, phase) == EVA_NO_LIMIT)
    drive->since_ns = 0;
  else if (is_new || goes_on || !drive->since_ns)
    drive->since_ns = later (now_ns, drive->class->ops->now ());
}

void
eva__phase_begin_command (struct eva__drive *drive, uint64_t now_ns) {
  if (drive->class->limits->command_timeout_ms == EVA_NO_LIMIT) return;
  if (eva__ctx_has_command (drive->ctx)) eva__phase_begin (drive, eva__phase_find (drive), now_ns);
}
