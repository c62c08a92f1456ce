/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* faults.h - system calls that go wrong as they are told, in system hooks or in front of the C
   library.  */

#ifndef EVA_TESTS_FAULTS_FAULTS_H
#define EVA_TESTS_FAULTS_FAULTS_H

#include <stdbool.h>
#include <stddef.h>

#include "calls.h"

enum fault_kind {
  FAULT_NONE,

  /* After these, all must be as if nothing had been.  */
  FAULT_OCTETS, /* one octet at a time, always */
  FAULT_SHORT,  /* the AT-th call moves one octet */
  FAULT_EINTR,  /* it is interrupted three times */
  FAULT_EAGAIN, /* it would block five times */
  FAULT_STORM, /* every call is interrupted once, then would block twice, then moves seven octets */

  /* After these, there is an error.  */
  FAULT_EIO,   /* the AT-th call fails once */
  FAULT_EOF,   /* from then on there is nothing to read */
  FAULT_EPIPE, /* from then on writing fails */
  FAULT_RESET, /* reading fails, then gives the end; writing fails */
  N_FAULT_KINDS
};

/* Returns true for the second kind of kinds.  */
bool fault_is_fatal (enum fault_kind kind);
const char *fault_name (enum fault_kind kind);

/* From now on, reads and writes at PLACE by the calling thread are counted from 1, and
   disturbed.  None moves more than MAX_LEN octets, so that there are many.  */
void fault_arm (enum call_place place, enum fault_kind kind, size_t at, size_t max_len);

/* No more.  Returns the number of calls.  */
size_t fault_disarm (void);

/* Lets the next poll be interrupted, if it does not wait.  */
void fault_interrupt_poll (void);

#endif /* EVA_TESTS_FAULTS_FAULTS_H */
