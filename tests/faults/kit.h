/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kit.h - what the tests of this directory share: raw peers, and memory that is
   counted and fails.  */

#ifndef EVA_TESTS_FAULTS_KIT_H
#define EVA_TESTS_FAULTS_KIT_H

#include "assertions.h"
#include "assuan.h"
#include "fds.h"
#include "text.h"

/* The error source of all contexts here.  */
#define KIT_SOURCE GPG_ERR_SOURCE_USER_2

/* How long anything may take before it counts as a hang.  */
#define KIT_TIMEOUT_S 600

/* What main does first: the default disposition of SIGPIPE, so that one would end the program, and
   a limit of time.  */
void kit_init (void);

/* What the thread of a peer does first: SIGPIPE is not for it.  */
void kit_init_peer (void);

/* --- Descriptors ------------------------------------------------------------------------------ */

/* Any descriptor that can be passed.  */
int kit_any_fd (void);

void kit_write (int fd, const void *buf, size_t len);
void kit_say (int fd, const char *text);

/* Reads all that comes up to the end of file.  Descriptors are closed and counted.  Returns their
   number.  */
size_t kit_read_all (int fd, struct text *ret);

/* Reads one line without its LF into BUF, which has SIZE octets.  Returns false at the end of
   file.  */
bool kit_read_line (int fd, char *buf, size_t size);

/* --- Memory ----------------------------------------------------------------------------------- */

/* Malloc hooks that count, and fail as they are told.  They are for one thread at a time.  */
struct kit_memory {
  size_t n_allocs;
  size_t n_live;
  size_t fail_at; /* the allocation of this number fails, from 1 on; 0: none */
  bool for_ever;  /* and all behind it */
  bool failed;
};

extern struct kit_memory kit_memory;
extern struct assuan_malloc_hooks kit_malloc_hooks;

/* Starts to count anew.  */
void kit_memory_reset (size_t fail_at, bool for_ever);

/* A context with these hooks, or NULL if there is no memory.  */
assuan_context_t kit_context (void);

#endif /* EVA_TESTS_FAULTS_KIT_H */
