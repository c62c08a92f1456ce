/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* transfer.c - pumps from a descriptor into another one.

   If one of them is a pipe, or the first one a file, the kernel moves the octets by itself.
   Otherwise, or if the kernel says that it cannot with these two, the octets go through a buffer
   that exists as long as there are octets in it.  */

#include "assuan/error.h"
#include "attach/flow.h"
#include "attach/wait.h"
#include "io/sys.h"

#include <errno.h>
#include <poll.h>

/* What there was to do.  */
enum outcome { MOVED, AT_END, TOO_MUCH, WAITS_FOR_FROM, WAITS_FOR_TO, FAILED };

/* Reads into the buffer, which is empty.  */
static enum outcome
fill (struct eva__pump *pump) {
  ssize_t n;

  if (!eva__pump_take_buffer (pump, EVA__PUMP_TRANSFER_SIZE)) {
    errno = ENOMEM;
    return FAILED;
  }
  n = eva__io_pipe_read (&pump->from.pipe, pump->buf, eva__pump_limit (pump, pump->buf_size));
  if (n > 0) {
    pump->end = (size_t) n;
    return eva__pump_is_over (pump, (size_t) n) ? TOO_MUCH : MOVED;
  }
  eva__pump_give_buffer (pump);
  if (!n) return AT_END;
  return errno == EAGAIN ? WAITS_FOR_FROM : FAILED;
}

static enum outcome
move_by_hand (struct eva__pump *pump) {
  if (!pump->buf) {
    enum outcome outcome = fill (pump);
    if (outcome != MOVED) return outcome;
  }
  if (!eva__pump_pour (pump)) return MOVED;
  return errno == EAGAIN ? WAITS_FOR_TO : FAILED;
}

/* The kernel does not tell which one is not ready.  It is no file; and if both are others, one that
   became ready meanwhile costs one more step.  */
static enum outcome
find_culprit (const struct eva__pump *pump) {
  if (pump->from.is_always_ready) return WAITS_FOR_TO;
  if (pump->to.is_always_ready) return WAITS_FOR_FROM;
  return eva__io_sys_is_ready (pump->from.pipe.fd, POLLIN) ? WAITS_FOR_TO : WAITS_FOR_FROM;
}

static enum outcome
move (struct eva__pump *pump) {
  uint64_t left = pump->max_len - pump->n_pumped;
  size_t len = left < EVA__PUMP_KERNEL_SLICE_LEN ? (size_t) left : EVA__PUMP_KERNEL_SLICE_LEN;
  ssize_t n;

  /* A read tells whether there is more than is allowed.  */
  if (!left || pump->uses_own_hands) return move_by_hand (pump);
  n = eva__io_pipe_move (&pump->from.pipe, &pump->to.pipe, len);
  if (n < 0 && errno == EINVAL) {
    pump->uses_own_hands = true;
    return move_by_hand (pump);
  }
  if (n < 0) return errno == EAGAIN ? find_culprit (pump) : FAILED;
  pump->n_pumped += (uint64_t) n;
  return n ? MOVED : AT_END;
}

/* After a move the pump still waits for the same end: usually the other one is always ready
   then.  */
static void
step (struct eva__pump *pump) {
  switch (move (pump)) {
  case MOVED:
    if (!pump->from.source && !pump->to.source) eva__pump_go_on_later (pump);
    return;
  case AT_END:
    eva__pump_finish (pump, 0);
    return;
  case TOO_MUCH:
    eva__pump_finish (pump, eva__ctx_error (pump->ctx, GPG_ERR_TOO_LARGE));
    return;
  case WAITS_FOR_FROM:
    if (!eva__pump_wait_for (pump, &pump->from)) return;
    break;
  case WAITS_FOR_TO:
    if (!eva__pump_wait_for (pump, &pump->to)) return;
    break;
  default:
    break;
  }
  eva__pump_finish_errno (pump);
}

void
eva__pump_init_transfer (struct eva__pump *pump) {
  pump->step = step;
  pump->uses_own_hands = !eva__io_pipe_may_move (&pump->from.pipe, &pump->to.pipe);
}
