/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* outflow.c - pumps from a descriptor into data lines.

   The pump reads in turns of the context, and the end of a turn sends the lines made of what was
   read: one read and one write for many lines.  Above the high-water mark the pump reads nothing;
   the drive tells when there is room again.  */

#include "assuan/connection.h"
#include "assuan/error.h"
#include "assuan/memory.h"
#include "assuan/say.h"
#include "attach/flow.h"
#include "attach/wait.h"
#include "wire/wipe.h"

#include <errno.h>

/* Octets that make a line of data if all of them have to be escaped.  */
#define WORST_LINE_LEN ((size_t) 332)

/* The least that is worth a read, where there is room for it.  */
#define LEAST_LEN ((size_t) 4096)

/* What is read in a turn.  */
struct slice {
  size_t len; /* octets that are left to read */
  bool is_dry;
  bool is_last;
};

static size_t
at_most (size_t len, size_t max) {
  return len < max ? len : max;
}

/* Returns how many octets may be queued as lines, whatever they are.  */
static size_t
find_room (const struct eva__pump *pump) {
  size_t max = pump->ctx->drive->class->limits->max_queued_len;
  size_t queued = eva__conn_output_len (pump->ctx->conn);
  size_t n_lines = queued < max ? (max - queued) / EVA_LINE_SIZE : 0;

  /* The first of them may stand on a line that was begun already.  */
  if (queued && n_lines) n_lines--;
  return at_most (n_lines, EVA__PUMP_SLICE_LEN) * WORST_LINE_LEN;
}

/* Returns how many octets to read in this turn, so many that twice the high-water mark is queued
   then.  0 means: when more was sent.  But if nothing is left to be sent, the limit has no room for
   a line, and the read has to find that out.  */
static size_t
slice_len (const struct eva__pump *pump) {
  size_t mark = pump->ctx->drive->class->limits->high_water_len;
  size_t queued = eva__conn_output_len (pump->ctx->conn);
  size_t room = find_room (pump);
  size_t len = EVA__PUMP_SLICE_LEN;

  if (!room && !queued) return 1;
  if (mark < len) len = at_most (len, 2 * mark - queued);
  return at_most (len > LEAST_LEN ? len : LEAST_LEN, room);
}

/* Queues LEN octets at BUF as data.  */
static gpg_error_t
say_data (struct eva__pump *pump, const char *buf, size_t len) {
  size_t taken;
  int rc;

  eva__ctx_mark_output (pump->ctx, pump->is_secret);
  rc = eva_conn_data (pump->ctx->conn, buf, len, &taken);
  eva__ctx_mark_output (pump->ctx, false);
  pump->n_pumped += taken;
  return rc ? eva__ctx_not_said (pump->ctx, rc) : 0;
}

/* One read into BUF, of SIZE octets.  A read that brings less than it could has all there is,
   except at the end of a file, which the next read reports at once.  */
static gpg_error_t
read_piece (struct eva__pump *pump, struct slice *slice, char *buf, size_t size) {
  size_t len = eva__pump_limit (pump, at_most (slice->len, size));
  ssize_t n = eva__io_pipe_read (&pump->from.pipe, buf, len);
  gpg_error_t err = 0;

  if (n < 0 && errno != EAGAIN) return eva__ctx_syserror (pump->ctx);
  slice->is_dry = n < 0 || ((size_t) n < len && !pump->from.is_always_ready);
  slice->is_last = !n;
  if (n <= 0) return 0;
  slice->len -= (size_t) n;
  if (eva__pump_is_over (pump, (size_t) n))
    err = eva__ctx_error (pump->ctx, GPG_ERR_TOO_LARGE);
  else
    err = say_data (pump, buf, (size_t) n);
  eva__wire_wipe (buf, (size_t) n);
  return err;
}

/* Gets a buffer for as long as the octets of a slice need it, large if there is memory.  All pumps
   could share it: there is none between turns, and it counts for no account.  */
static char *
take_scratch (struct eva__pump *pump, size_t *ret_size) {
  static const size_t sizes[] = { EVA__PUMP_SLICE_LEN, EVA_INPUT_SIZE, EVA_SMALL_SIZE };
  char *buf = NULL;

  for (size_t i = 0; !buf && i < sizeof sizes / sizeof *sizes; i++)
    buf = eva__ctx_malloc (pump->ctx, *ret_size = sizes[i]);
  return buf;
}

static gpg_error_t
read_slice (struct eva__pump *pump, struct slice *slice) {
  size_t size;
  char *buf = take_scratch (pump, &size);
  gpg_error_t err = buf ? 0 : eva__ctx_error (pump->ctx, GPG_ERR_ENOMEM);

  while (!err && slice->len && !slice->is_dry && !slice->is_last)
    err = read_piece (pump, slice, buf, size);
  eva__ctx_free (pump->ctx, buf);
  return err;
}

/* A turn of the context with room for more.  */
static void
on_writable (struct eva__stream *stream) {
  struct eva__pump *pump = EVA__CONTAINER (struct eva__pump, stream, stream);
  struct slice slice = { .len = slice_len (pump) };
  gpg_error_t err;

  if (!slice.len) return;
  stream->wants_out = false;
  err = read_slice (pump, &slice);
  if (err || slice.is_last)
    eva__pump_finish (pump, err);
  else if (!eva__pump_wait_for (pump, &pump->from))
    return;
  else if (errno == EAGAIN && !slice.is_dry)
    eva__pump_go_on_later (pump);
  else
    eva__pump_finish_errno (pump);
}

/* There is something to read.  As long as there is no room for it, the loop does not have to report
   it again.  */
static void
step (struct eva__pump *pump) {
  pump->stream.wants_out = true;
  if (eva__drive_is_above_water (pump->ctx->drive))
    eva__pump_rest (pump);
  else
    eva__drive_wake (pump->ctx->drive);
}

void
eva__pump_init_outflow (struct eva__pump *pump) {
  pump->stream.writable = on_writable;
  pump->step = step;
}
