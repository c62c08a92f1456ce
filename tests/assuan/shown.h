/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Releasing a context in what it runs outside of handlers: a monitor or a log callback that is
   shown
 * a line, and the continuation of an inquiry.
 *
 * A scene calls a function out of no other call on the context.  It is played again and again, and
 * each time the context is released one callback later.  The function returns, no callback runs any
 * more, and nothing is left: no memory, no descriptor, no child.  Freed memory is overwritten and
 * kept, so that its use is noticed without a sanitizer, too.  */

#ifndef EVA_TESTS_ASSUAN_SHOWN_H
#define EVA_TESTS_ASSUAN_SHOWN_H

#include "suite.h"

#include <sys/un.h>

/* What releases the context.  */
enum shown_way { MONITOR, LOG_ASKED, LOG_TOLD, CONTINUATION };
#define N_SHOWN_WAYS 4

/* Sets of them.  */
#define BY_LOG    (1u << LOG_ASKED | 1u << LOG_TOLD)
#define SHOWN     (1u << MONITOR | BY_LOG)
#define CONTINUED (1u << CONTINUATION)

struct shown {
  enum shown_way way;
  unsigned int left; /* callbacks up to the one that releases; 0: none does */
  bool is_released;
  unsigned int n_late; /* callbacks behind it */
};
extern struct shown shown;

/* Releases CTX if it is time.  */
void shown_strike (assuan_context_t ctx, enum shown_way way);

/* The allocator and the log callback of contexts.  */
extern struct assuan_malloc_hooks shown_memory;
void shown_free (void *ptr);
int shown_on_log (assuan_context_t ctx, void *hook, unsigned int cat, const char *msg);

/* The context, and what surrounds it; descriptors are -1 if there are none, and closed at the
 * end.  */
struct stage {
  assuan_context_t ctx;
  int peer;
  int newcomer; /* a client that was not accepted yet */
  int listener;
  struct sockaddr_un address;
};

/* Makes the context, whose lines are shown.  */
void stage_make (struct stage *s);
/* Listens at a new address; connects to it.  */
void stage_listen (struct stage *s);
int stage_dial (struct stage *s);

/* WAYS: those that must be able to release the context.  */
struct scene {
  const char *name;
  void (*open) (struct stage *s); /* nothing is released in it */
  void (*call) (struct stage *s);
  unsigned int ways;
};

/* What both servers and clients do.  */
void call_release (struct stage *s);
void call_send_data (struct stage *s);

/* Plays all scenes, a test each, for main.  */
int shown_run (const struct scene *scenes, size_t n_scenes);

#endif /* EVA_TESTS_ASSUAN_SHOWN_H */
