/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* turn.c - contexts that never wait: the turn, and what to wait for between turns.

   After each turn the drive computes from the state what to wait for: there is no list of things to
   do that could be forgotten or done twice.  */

#include "assuan/turn.h"

#include "assuan/connection.h"
#include "assuan/drive.h"
#include "assuan/error.h"
#include "assuan/inquire.h"
#include "assuan/lifetime.h"
#include "assuan/phase.h"
#include "assuan/reply.h"
#include "assuan/serve.h"
#include "conn/conn.h"

#include <poll.h>

/* Lines that one turn handles.  A client that sends more at a time gets the next turn when the
   others had theirs; one that sends sixteen ahead still gets all its answers in one write.  */
#define LINES_PER_TURN 64

static enum eva_conn_state
get_state (const struct eva__drive *drive) {
  return eva__conn_get_state (drive->ctx->conn);
}

/* --- Cancelling ------------------------------------------------------------------------------- */

/* Calls the function of eva_set_cancel, if there is one.  */
static void
call_cancel (struct eva__drive *drive, gpg_error_t reason) {
  struct eva__callbacks *callbacks = drive->callbacks;
  void (*cancel) (assuan_context_t, void *, gpg_error_t) = callbacks ? callbacks->cancel : NULL;

  eva__drive_forget_callbacks (drive);
  if (cancel && eva__ctx_is_ours (drive->ctx)) cancel (drive->ctx, callbacks->cancel_arg, reason);
}

/* The result of a continuation ends the command, here as everywhere.  Only if the continuation
   defers the command, the function of eva_set_cancel has something to free.  */
void
eva__drive_cancel (struct eva__drive *drive, gpg_error_t reason) {
  struct eva__stream *stream = eva__drive_take_stream (drive);
  assuan_context_t ctx = drive->ctx;

  if (eva__ctx_has_command (drive->ctx)) {
    if (drive->class->stats && !drive->cancelled) drive->class->stats->n_cancelled++;
    drive->cancelled = true;
  }
  if (stream) stream->cancelled (stream, reason);
  if (eva__ctx_inquiry (ctx)) {
    eva__ctx_end_inquiry (ctx, reason);
    if (!drive->deferred) eva__drive_forget_callbacks (drive);
  }
  call_cancel (drive, reason);
  drive->deferred = false;
}

/* --- What to wait for ------------------------------------------------------------------------- */

/* Returns true if there are octets that can be sent.  */
static bool
has_output (const struct eva__drive *drive) {
  return eva__conn_output_len (drive->ctx->conn) > 0;
}

/* Returns true if lines of the peer have to wait until it took its answers.  A client's lines never
   do: what it says comes from its program, and two ends that only read after they were read would
   wait for each other.  */
static bool
holds_lines (const struct eva__drive *drive) {
  if (eva__drive_is_full (drive)) return true;
  return drive->ctx->kind == EVA__CTX_SERVER && eva__drive_is_above_water (drive);
}

/* Returns true if more may be read from the peer.  */
static bool
wants_input (const struct eva__drive *drive) {
  if (drive->closing || holds_lines (drive)) return false;
  return eva__conn_wants_input (drive->ctx->conn);
}

unsigned int
eva__drive_get_events (const struct eva__drive *drive) {
  unsigned int events = 0;

  if (drive->over || !drive->ctx->conn) return 0;
  if (!drive->backlog && !drive->held && wants_input (drive)) events |= EVA_READABLE;
  if (has_output (drive)) events |= EVA_WRITABLE;
  return events;
}

/* Returns true if a server waits for a request and for nothing else, as nearly all do after a turn:
   then there is nothing to send, to report or to end.  */
static bool
is_at_rest (const struct eva__drive *drive) {
  const struct assuan_context_s *ctx = drive->ctx;

  if (drive->closing || drive->leaves || drive->held) return false;
  if (drive->callbacks && (drive->callbacks->stream || drive->callbacks->writable)) return false;
  if (ctx->kind != EVA__CTX_SERVER || ctx->write_error) return false;
  return eva__conn_is_at_rest (ctx->conn);
}

/* Returns the deadline of the phase, or of calls.  */
static uint64_t
first_deadline (const struct eva__drive *drive) {
  uint64_t deadline = eva__phase_deadline (drive), other = EVA_NO_DEADLINE;

  if (drive->class->ops->get_deadline)
    other = drive->class->ops->get_deadline ((struct eva__drive *) drive);
  return other < deadline ? other : deadline;
}

uint64_t
eva__drive_get_deadline (const struct eva__drive *drive) {
  if (drive->due || (drive->backlog && !drive->held) || drive->over) return 0;
  return first_deadline (drive);
}

/* --- The parts of a turn ---------------------------------------------------------------------- */

/* Sends what waits, as far as the peer takes it, a data line that is not full included.  */
static void
send_output (struct eva__drive *drive) {
  size_t before = eva__conn_output_len (drive->ctx->conn);

  if (!before) return;
  eva_conn_flush (drive->ctx->conn);
  eva__ctx_show_output (drive->ctx);
  eva__ctx_flush (drive->ctx);
  if (eva__conn_output_len (drive->ctx->conn) < before) drive->moved = true;
}

/* Returns true if there is room to say more.  */
static bool
has_room (const struct eva__drive *drive) {
  return !drive->closing && !eva__drive_is_above_water (drive);
}

/* Returns true if there is room, and something waits for it.  */
static bool
has_room_to_tell (const struct eva__drive *drive) {
  const struct eva__callbacks *callbacks = drive->callbacks;
  bool is_wanted;

  if (!callbacks) return false;
  is_wanted = callbacks->stream && callbacks->stream->wants_out;
  if (callbacks->writable && !drive->telling) is_wanted = true;
  return is_wanted && has_room (drive) && !drive->held;
}

/* Reports room to what waits for it: to streams, and to the program, but not while another callback
   of the program runs for which this one would have to wait, nor within itself.  */
static void
tell_writable (struct eva__drive *drive) {
  void (*writable) (assuan_context_t, void *) = NULL;
  struct eva__stream *stream = eva__drive_stream (drive);

  if (!has_room (drive)) return;
  if (stream && stream->wants_out) stream->writable (stream);
  if (drive->held || drive->telling || drive->ctx->released) return;
  if (drive->callbacks) writable = drive->callbacks->writable;
  if (!writable) return;
  drive->callbacks->writable = NULL;
  drive->telling = true;
  writable (drive->ctx, drive->callbacks->writable_arg);
  drive->telling = false;
}

/* A client sent more descriptors than it may, or than this process has numbers for, and they were
   closed.  A request must not be served without them, so this is the end; but the client hears
   why.  */
static void
refuse_fds (struct eva__drive *drive, gpg_error_t err) {
  assuan_context_t ctx = drive->ctx;

  if (drive->class->stats) drive->class->stats->n_dropped++;
  eva__drive_cancel (drive, err);
  if (ctx->released) return;
  ctx->closing = true;
  eva__ctx_finish_command (ctx, err);
  eva__drive_close (drive, err);
}

/* A read failed with ERR.  The kernel hands out what a peer had sent before it left, so an error
   that says so is the end of file.  */
static __attribute__ ((cold, noinline)) void
fail_read (struct eva__drive *drive, gpg_error_t err) {
  switch (gpg_err_code (err)) {
  case GPG_ERR_ECONNRESET:
  case GPG_ERR_EPIPE:
    drive->is_owed = true; /* it did not take all that was sent */
    eva_conn_fed (drive->ctx->conn, 0);
    break;
  case GPG_ERR_TOO_LARGE:
  case GPG_ERR_EMFILE:
    if (drive->ctx->kind == EVA__CTX_SERVER)
      refuse_fds (drive, err);
    else
      eva__drive_fail (drive, err);
    break;
  default:
    eva__drive_fail (drive, err);
  }
}

/* Returns true if the peer may not leave yet: it is in the middle of a line that was too long, or
   of what eva__conn_peer_owes tells.  */
static bool
peer_owes (const struct eva__drive *drive) {
  const eva_conn *conn = drive->ctx->conn;

  return eva__conn_is_skipping (conn) || eva__conn_peer_owes (conn);
}

/* Hands on an event that is no command.  The end of file ends an inquiry, so this looks before
   whether there is one.  */
static __attribute__ ((noinline)) void
dispatch_other (struct eva__drive *drive, int rc, const struct eva_event *ev) {
  struct eva__stream *stream = eva__drive_stream (drive);
  bool is_answer = rc < 0 || ev->type != EVA_EVENT_SKIPPED;

  if (rc == EVA_E_TRUNCATED || (rc > 0 && ev->type == EVA_EVENT_EOF && peer_owes (drive)))
    drive->is_owed = true;
  if (stream && stream->wants_in && is_answer)
    stream->answered (stream, rc, ev);
  else if (drive->class->ops->on_event)
    drive->class->ops->on_event (drive, rc, ev);
  else
    eva__serve_event (drive->ctx, rc, ev); /* a write that failed is remembered by the context */
}

/* Hands on an event.  Commands come to servers alone.  */
static void
dispatch (struct eva__drive *drive, int rc, const struct eva_event *ev) {
  if (rc > 0 && ev->type == EVA_EVENT_COMMAND)
    eva__serve_event (drive->ctx, rc, ev);
  else
    dispatch_other (drive, rc, ev);
}

/* Returns true if the connection is to end, and no command is left that it has to wait for.  */
static bool
has_to_leave (const struct eva__drive *drive) {
  return drive->leaves && !drive->is_new && !eva__ctx_is_busy (drive->ctx);
}

/* Returns true if the next line may be handled.  */
static bool
may_handle (const struct eva__drive *drive) {
  assuan_context_t ctx = drive->ctx;

  if (ctx->released || drive->over || !eva__ctx_is_connected (ctx)) return false;
  return !holds_lines (drive) && !has_to_leave (drive);
}

/* Handles the next line.  Returns false if there is none.  */
static bool
handle_line (struct eva__drive *drive, uint64_t now_ns) {
  struct eva_event ev;
  int rc = eva__ctx_next (drive->ctx, &ev);

  if (!rc) return false;
  /* Lines that come while a command is under way do not give it more time.  */
  if (drive->phase != EVA__PHASE_INQUIRY && drive->phase != EVA__PHASE_COMMAND)
    drive->restarted = true;
  drive->due = true;
  drive->is_new = false;
  eva__phase_begin_command (drive, now_ns);
  dispatch (drive, rc, &ev);
  return true;
}

/* Handles lines, as many as one turn may.  The turn in which a client is greeted, and the last one
   after the end was heard, have none.  */
static void
handle_lines (struct eva__drive *drive, uint64_t now_ns) {
  const struct assuan_context_s *ctx = drive->ctx;
  bool drained = false;
  struct eva__stream *stream;
  int n = 0;

  drive->drained = false;
  for (; n < LINES_PER_TURN && !drained && may_handle (drive); n++)
    drained = eva__conn_has_nothing (ctx->conn) || !handle_line (drive, now_ns)
              || eva__ctx_is_through (drive->ctx);
  drive->drained = drained;
  drive->backlog = n == LINES_PER_TURN && !drained;
  stream = eva__drive_stream (drive);
  if (stream && stream->rested) stream->rested (stream);
}

/* Returns true if lines wait that may be handled, or the end of them: lines that were left when
   there was no room for their answers, which have been sent since, or that followed a command whose
   time is over.  No event would report them.  */
static bool
has_more_lines (const struct eva__drive *drive) {
  if (drive->drained || drive->closing || holds_lines (drive)) return false;
  return eva__conn_input_len (drive->ctx->conn) || eva__conn_at_eof (drive->ctx->conn);
}

/* Returns true if the peer will not read any more.  The end of a pipe that this end reads from says
   nothing about the one that it writes to.  */
static bool
is_gone (struct eva__drive *drive, unsigned int revents) {
  struct eva__io_channel *ch = &drive->ctx->channel;
  struct pollfd p = { .fd = ch->out_fd, .events = 0 };

  if (!(revents & EVA_HANGUP)) return false;
  return ch->is_socket || (poll (&p, 1, 0) == 1 && (p.revents & (POLLERR | POLLNVAL)));
}

/* What came in time counts, though the loop may report the deadline first: so this looks at the
   input before a deadline takes effect.  */
static void
take_input (struct eva__drive *drive, unsigned int revents, uint64_t now_ns) {
  bool has_lines = !drive->drained && eva__conn_input_len (drive->ctx->conn);
  bool may_read =
      drive->backlog || (revents & (EVA_READABLE | EVA_HANGUP)) || first_deadline (drive) <= now_ns;

  if (may_read && !has_lines && wants_input (drive)) {
    gpg_error_t err = eva__ctx_read (drive->ctx, false);
    if (err) fail_read (drive, err);
  }
  handle_lines (drive, now_ns);
}

/* The time of a command is over.  While a callback of it runs the reply has to wait: the callback
   may go on saying things, which belong in front of it.  */
static void
time_out_command (struct eva__drive *drive, gpg_error_t err) {
  assuan_context_t ctx = drive->ctx;

  eva__drive_cancel (drive, err);
  if (!eva__ctx_is_busy (ctx)) return;
  if (drive->held)
    drive->late = true;
  else
    eva__ctx_finish_command (ctx, err);
}

/* The time of a phase is over.  */
static void
time_out (struct eva__drive *drive) {
  assuan_context_t ctx = drive->ctx;
  gpg_error_t err = eva__ctx_error (ctx, GPG_ERR_TIMEOUT);

  if (drive->class->stats && !drive->late) drive->class->stats->n_timed_out++;
  switch (drive->phase) {
  case EVA__PHASE_COMMAND:
    time_out_command (drive, err);
    break;
  case EVA__PHASE_INQUIRY:
    drive->restarted = true; /* the end of the answer may still be to come */
    if (eva__drive_stream (drive))
      eva__drive_stop_stream (drive, err);
    else
      eva__ctx_fail_inquiry (ctx, err);
    break;
  case EVA__PHASE_IDLE:
  case EVA__PHASE_LINE:
    /* The next line tells the client why.  */
    ctx->closing = true;
    eva__ctx_finish_command (ctx, err);
    eva__drive_close (drive, err);
    break;
  default:
    eva__drive_fail (drive, err);
  }
}

static __attribute__ ((noinline)) void
see_to_deadlines (struct eva__drive *drive, uint64_t now_ns) {
  if (eva__phase_deadline (drive) <= now_ns && eva__phase_find (drive) == drive->phase
      && !drive->restarted)
    time_out (drive);
  if (!drive->ctx->released && drive->class->ops->at_deadline)
    drive->class->ops->at_deadline (drive, now_ns);
}

/* Returns true if a server to which nothing can be said any more may have said something: it may
   have answered before it left.  */
static bool
may_hear_more (const struct eva__drive *drive) {
  assuan_context_t ctx = drive->ctx;

  if (ctx->kind == EVA__CTX_SERVER || drive->closing) return false;
  return !drive->drained || eva__conn_at_eof (ctx->conn)
         || eva__io_sys_is_ready (ctx->channel.in_fd, POLLIN);
}

/* Closes the connection if nothing is left to hear or do.  A peer that has only finished sending
   gets the answer to its request.  */
static void
close_if_done (struct eva__drive *drive, bool is_working) {
  assuan_context_t ctx = drive->ctx;

  if (get_state (drive) == EVA_STATE_CLOSED && !drive->closing) /* after the last reply */
    eva__drive_close (
        drive, eva__ctx_end_reason (ctx, ctx->flags.force_close ? GPG_ERR_CANCELED : GPG_ERR_EOF));
  else if (eva__conn_at_eof (ctx->conn) && drive->drained && !is_working)
    eva__drive_close (drive, eva__ctx_end_reason (ctx, GPG_ERR_EOF));
  else if (has_to_leave (drive))
    eva__drive_close (drive, eva__ctx_end_reason (ctx, GPG_ERR_CANCELED));
}

/* Finds out whether the connection is over.  A client that is held has to hear first what its
   server said.  */
static __attribute__ ((noinline)) void
see_to_end (struct eva__drive *drive, bool gone) {
  bool is_working = eva__ctx_has_command (drive->ctx) && !eva__drive_awaits_answer (drive);
  assuan_context_t ctx = drive->ctx;

  if (drive->over || (drive->held && ctx->kind != EVA__CTX_SERVER)) return;
  if (ctx->write_error && !may_hear_more (drive))
    drive->over = ctx->write_error;
  else if (gone && (is_working || eva__drive_is_full (drive)))
    drive->over = eva__ctx_error (ctx, GPG_ERR_EPIPE);
  else if (!drive->held)
    close_if_done (drive, is_working);
  if (drive->closing && !has_output (drive) && !drive->over) drive->over = drive->closing_reason;
}

/* --- The turn --------------------------------------------------------------------------------- */

/* Returns true if a callback released the context, or the connection is over.  */
static bool
is_ended (const struct eva__drive *drive) {
  return drive->ctx->released || drive->over;
}

/* Does what was left to do before this turn.  */
static __attribute__ ((noinline)) void
catch_up (struct eva__drive *drive) {
  send_output (drive);
  if (!drive->over) tell_writable (drive);
}

static void
take_turn (struct eva__drive *drive, unsigned int revents, uint64_t now_ns) {
  if (has_output (drive) || drive->callbacks) {
    catch_up (drive);
    if (is_ended (drive)) return;
  }
  if (!drive->held) take_input (drive, revents, now_ns);
  if (is_ended (drive)) return;
  drive->due = true;
  if (eva__drive_needs_time (drive)) {
    see_to_deadlines (drive, now_ns);
    if (is_ended (drive)) return;
  }
  send_output (drive);
  drive->rests = is_at_rest (drive);
  if (!drive->rests) see_to_end (drive, is_gone (drive, revents));
}

/* The connection is over: ends all that waits for something of it; but where lines wait for a
   callback of a client, not the call that they belong to.  What is open hears of the end of file,
   and the program, after that, of an end that was not orderly.  */
static __attribute__ ((cold, noinline)) void
lose (struct eva__drive *drive) {
  assuan_context_t ctx = drive->ctx;

  if (drive->held && ctx->kind != EVA__CTX_SERVER) return;
  eva__drive_cancel (drive, drive->over);
  if (drive->class->ops->lost && !ctx->released) drive->class->ops->lost (drive);
  if (drive->is_owed && gpg_err_code (drive->over) == GPG_ERR_EOF)
    drive->over = eva__ctx_error (ctx, GPG_ERR_EPIPE);
}

/* Computes what to wait for after a turn that does not end at rest.  */
static __attribute__ ((noinline)) void
end_busy_turn (struct eva__drive *drive, uint64_t now_ns) {
  eva__phase_begin (drive, eva__phase_find (drive), now_ns);
  if (!drive->held && has_more_lines (drive)) drive->backlog = true;
  drive->due = has_room_to_tell (drive);
}

static void
end_turn (struct eva__drive *drive, uint64_t now_ns) {
  if (!drive->rests) {
    end_busy_turn (drive, now_ns);
    return;
  }
  eva__phase_begin (drive, EVA__PHASE_IDLE, now_ns);
  drive->due = false;
}

/* Returns false if the peer has passed no descriptors that are still there, and had none before: so
   it is nearly always.  */
static bool
may_have_fds (const struct eva__drive *drive) {
  const struct assuan_context_s *ctx = drive->ctx;

  return drive->n_fds || ctx->extra || (ctx->conn && eva__conn_count_fds (ctx->conn));
}

/* A turn may be within another one, in a callback that runs the loop.  The loop asks what is due
   then when it runs.  */
__attribute__ ((hot)) gpg_error_t
eva__drive_turn (struct eva__drive *drive, unsigned int revents, uint64_t now_ns) {
  assuan_context_t ctx = drive->ctx;
  bool was_in_turn = ctx->in_turn;
  gpg_error_t err;

  eva__ctx_enter (ctx);
  eva__ctx_claim (ctx);
  ctx->in_turn = drive->due = true;
  drive->moved = drive->rests = false;
  if (!drive->over) take_turn (drive, revents, now_ns);
  if (drive->over && !ctx->released) lose (drive);
  ctx->in_turn = was_in_turn;
  if (may_have_fds (drive)) eva__drive_count_fds (drive);
  if (!ctx->released && !drive->over)
    end_turn (drive, now_ns);
  else
    drive->due = false;
  err = ctx->released ? eva__ctx_end_reason (ctx, GPG_ERR_EOF) : drive->over;
  eva__ctx_leave (ctx);
  return err;
}
