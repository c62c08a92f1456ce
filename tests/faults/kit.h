/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kit.h - what the tests of this directory share: traces of what happened, raw peers, counted
   descriptors and memory.  */

#ifndef EVA_TESTS_FAULTS_KIT_H
#define EVA_TESTS_FAULTS_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "assuan.h"

#define N_ELEMENTS(array) (sizeof (array) / sizeof *(array))

/* The error source of all contexts here.  */
#define KIT_SOURCE GPG_ERR_SOURCE_USER_2

/* How long anything may take before it counts as a hang.  */
#define KIT_TIMEOUT_S 600

/* What main does first: the default disposition of SIGPIPE, so that one would end the program, and a
   limit of time.  */
void kit_init (void);

/* What the thread of a peer does first: SIGPIPE is not for it.  */
void kit_init_peer (void);

/* --- Traces ----------------------------------------------------------------------------------- */

/* Octets that grow, with a NUL behind them.  Zero-initialized it is empty.  */
struct trace {
  char *data; /* NULL if empty */
  size_t len;
  size_t size;
};

void trace_add (struct trace *t, const void *data, size_t len);
void trace_print (struct trace *t, const char *format, ...) __attribute__ ((format (printf, 2, 3)));
void trace_free (struct trace *t);

/* Returns true if A is B, or the beginning of B.  */
bool trace_is (const struct trace *a, const struct trace *b);
bool trace_begins (const struct trace *a, const struct trace *b);

/* --- Descriptors ------------------------------------------------------------------------------ */

/* Returns the number of open descriptors.  */
size_t kit_count_fds (void);

/* Socket pair and pipe, close-on-exec.  */
void kit_socketpair (int fds[2]);
void kit_pipe (int fds[2]);

/* Any descriptor that can be passed.  */
int kit_any_fd (void);

void kit_write (int fd, const void *buf, size_t len);
void kit_say (int fd, const char *text);

/* The octets TEXT with descriptors along.  */
void kit_send_fds (int sock, const char *text, const int *fds, size_t n_fds);

/* Reads all that comes up to the end of file.  Descriptors are closed and counted.  Returns their
   number.  */
size_t kit_read_all (int fd, struct trace *ret);

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
