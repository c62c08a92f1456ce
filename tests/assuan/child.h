/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Clients of a child process: the program pipe-child of the same generation, which stands beside
 * the test's own.  */

#ifndef EVA_TESTS_ASSUAN_CHILD_H
#define EVA_TESTS_ASSUAN_CHILD_H

#include "suite.h"

#define MODE_PIPES     0u
#define MODE_FDPASSING ASSUAN_PIPE_CONNECT_FDPASSING

/* The path of pipe-child.  */
const char *child_program (void);

/* What a connection to a child is started with; zero is fine.  */
struct start {
  const char *mode; /* the child's first argument */
  assuan_fd_t *fds;
  void (*atfork) (void *opaque, int reserved);
  void *atfork_value;
};

/* assuan_pipe_connect to pipe-child.  */
gpg_error_t try_child (assuan_context_t ctx, unsigned int flags, const struct start *start);
/* The same on a new context, which must work; START may be NULL.  */
assuan_context_t start_child (unsigned int flags, const struct start *start);
/* Release CTX; its child must have been waited for.  */
void end_child (assuan_context_t ctx, unsigned int flags);

/* The reference library neither knows nor reaps the child of a socketpair.
 * deviation: socketpair child unknown and unreaped | fixed */
void reap_for_oracle (unsigned int flags);

/* The data that the child answers COMMAND with, valid until the next call.  */
const char *ask_child (assuan_context_t ctx, const char *command);
/* A command without callbacks.  */
gpg_error_t tell_child (assuan_context_t ctx, const char *command);

#endif /* EVA_TESTS_ASSUAN_CHILD_H */
