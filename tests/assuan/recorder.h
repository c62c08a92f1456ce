/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* System hooks that record what they are called for, and fail or hold back as they are told.
 * They do their work with the library's default functions.  One recorder at a time.  */

#ifndef EVA_TESTS_ASSUAN_RECORDER_H
#define EVA_TESTS_ASSUAN_RECORDER_H

#include "suite.h"

struct recorder {
  /* The calls in order, each "name" or "name(argument)", separated by blanks.  Of several reads
   * or writes in a row only the first is noted: how many there are is the library's business.  */
  char calls[2000];
  assuan_context_t ctx; /* the context of the last call */

  size_t max_len;   /* most octets of a read or write, 0: any */
  int fail_errno;   /* what the call named FAIL fails with, while FAIL_COUNT is not 0 */
  const char *fail; /* name of a hook */
  int n_fail;       /* how often; -1: always */

  int n_reads, n_writes, n_sleeps; /* those that failed included */
  size_t read_size;                /* of the first read or recvmsg */
  size_t control_size;             /* room for descriptors of the first recvmsg */
  unsigned int slept_usec;         /* of the last usleep */
  int closed[32];                  /* descriptors, in order */
  int n_closed;
  socklen_t addr_len; /* of the last connect */
};

extern struct recorder recorder;

/* Forget all, and do as told from now on.  */
void recorder_reset (void);
/* Let hook NAME fail COUNT times with ERRNUM.  */
void recorder_fail (const char *name, int errnum, int count);
/* The hooks, a table of version 2.  */
struct assuan_system_hooks *recorder_hooks (void);
/* A context with these hooks.  */
assuan_context_t recorder_context (void);
/* Compare the calls and forget them.  */
#define recorder_expect(text) recorder_assert ((text), SUITE_HERE)
void recorder_assert (const char *text, const char *file, int line);

#endif /* EVA_TESTS_ASSUAN_RECORDER_H */
