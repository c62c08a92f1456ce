/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* faults.c - system calls that go wrong as they are told.  See faults.h.  */

#include "faults.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

/* What a storm lets through at a time.  */
#define STORM_LEN 7

static struct {
  enum call_place place;
  enum fault_kind kind;
  size_t at;
  size_t max_len;
  size_t n_calls; /* counted without those that are repeated for a fault of ours */
  size_t n_times; /* the call under way failed so often */
  bool was_reset;
  bool armed;
  bool interrupts_poll;
  pthread_t thread; /* only its calls are meant */
} fault;

bool
fault_is_fatal (enum fault_kind kind) {
  return kind >= FAULT_EIO;
}

const char *
fault_name (enum fault_kind kind) {
  static const char *const names[] = { "none",  "octets", "short", "EINTR", "EAGAIN",
                                       "storm", "EIO",    "EOF",   "EPIPE", "reset" };

  return names[kind];
}

void
fault_arm (enum call_place place, enum fault_kind kind, size_t at, size_t max_len) {
  memset (&fault, 0, sizeof fault);
  fault.place = place;
  fault.kind = kind;
  fault.at = at;
  fault.max_len = max_len;
  fault.thread = pthread_self ();
  fault.armed = true;
}

size_t
fault_disarm (void) {
  fault.armed = false;
  fault.interrupts_poll = false;
  return fault.n_calls;
}

void
fault_interrupt_poll (void) {
  fault.thread = pthread_self ();
  fault.interrupts_poll = true;
}

/* --- Deciding --------------------------------------------------------------------------------- */

static enum fate
fail_with (int error) {
  fault.n_times++;
  errno = error;
  return FATE_FAIL;
}

/* The call of that number fails so many times with ERROR.  */
static enum fate
fail_times (size_t times, int error) {
  return fault.n_calls == fault.at && fault.n_times < times ? fail_with (error) : FATE_GO;
}

static enum fate
decide_for_ever (bool writes) {
  if (fault.n_calls < fault.at) return FATE_GO;
  switch (fault.kind) {
  case FAULT_EOF:
    return writes ? FATE_GO : FATE_END;
  case FAULT_EPIPE:
    return writes ? fail_with (EPIPE) : FATE_GO;
  default:
    if (writes) return fail_with (EPIPE);
    if (fault.was_reset) return FATE_END;
    fault.was_reset = true;
    return fail_with (ECONNRESET);
  }
}

static enum fate
decide (bool writes, size_t *len) {
  switch (fault.kind) {
  case FAULT_NONE:
    return FATE_GO;
  case FAULT_OCTETS:
    *len = 1;
    return FATE_GO;
  case FAULT_SHORT:
    if (fault.n_calls == fault.at) *len = 1;
    return FATE_GO;
  case FAULT_STORM:
    *len = STORM_LEN;
    if (fault.n_times < 3) return fail_with (fault.n_times ? EAGAIN : EINTR);
    return FATE_GO;
  case FAULT_EINTR:
    return fail_times (3, EINTR);
  case FAULT_EAGAIN:
    return fail_times (5, EAGAIN);
  case FAULT_EIO:
    return fail_times (1, EIO);
  default:
    return decide_for_ever (writes);
  }
}

enum fate
calls_decide (enum call_place place, enum call_kind kind, int fd, size_t *len) {
  enum fate f;

  (void) fd;
  if (!fault.armed || fault.place != place || !pthread_equal (fault.thread, pthread_self ()))
    return FATE_GO;
  if (!fault.n_times) fault.n_calls++;
  *len = fault.max_len;
  f = decide (kind != CALL_READ, len);
  if (f != FATE_FAIL || fault_is_fatal (fault.kind)) fault.n_times = 0;
  return f;
}

/* Time is not what is tested.  */
void
calls_sleep (unsigned int usec) {
  (void) usec;
  sched_yield ();
}

/* --- Waiting ---------------------------------------------------------------------------------- */

int __real_poll (struct pollfd *fds, nfds_t n, int timeout);
int __wrap_poll (struct pollfd *fds, nfds_t n, int timeout);

int
__wrap_poll (struct pollfd *fds, nfds_t n, int timeout) {
  if (fault.interrupts_poll && pthread_equal (fault.thread, pthread_self ())) {
    fault.interrupts_poll = false;
    errno = EINTR;
    return -1;
  }
  return __real_poll (fds, n, timeout);
}
