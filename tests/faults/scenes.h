/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* scenes.h - whole sessions of servers and clients that the fault tests play again and again, with
   something going wrong each time.

   The peer is a raw one.  Either all that it says is written beforehand, so that the session is the
   same to the octet and the call each time; or it is a thread that waits for its turn, for faults
   after which it must say something else.  */

#ifndef EVA_TESTS_FAULTS_SCENES_H
#define EVA_TESTS_FAULTS_SCENES_H

#include "kit.h"

struct scene {
  const char *name;
  bool is_client;   /* else a server */
  bool is_external; /* a server in a loop of assuan_process_next, else blocking */
  bool over_pipes;
  bool passes_fds;
};

extern const struct scene scenes[];
extern const size_t n_scenes;

/* What came of a run.  */
struct outcome {
  struct text events; /* what handlers and callbacks saw, a line each */
  struct text octets; /* what the peer got */
  size_t n_fds;       /* and how many descriptors */
  size_t n_errors;    /* calls that failed because of the connection or for want of memory */
};

/* Plays SCENE with SYS as system hooks, or none.  WAITS: the peer waits for its turn.  The test
   fails if descriptors or memory are left over, or if an error is none that may come of a
   fault.  */
void scene_play (const struct scene *scene, assuan_system_hooks_t sys, bool waits,
                 struct outcome *ret);
void outcome_free (struct outcome *o);

/* Fails the test, naming WHAT, unless both are the same.  */
void outcome_check_same (const struct outcome *got, const struct outcome *reference,
                         const char *what);

/* Fails the test unless GOT is REFERENCE with something missing: lines that were not there before
   must be the reply or the answer that tells of the error.  */
void outcome_check_clean (const struct outcome *got, const struct outcome *reference,
                          const char *what);

#endif /* EVA_TESTS_FAULTS_SCENES_H */
