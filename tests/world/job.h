/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* job.h - a command of a session that takes its time: it is finished once by who works at it, or
   once it is told that it cannot be.  */

#ifndef EVA_TESTS_WORLD_JOB_H
#define EVA_TESTS_WORLD_JOB_H

#include "session.h"

struct job {
  struct session *session;
  struct entry *entry;
  bool is_beginning;             /* what would end it was not begun yet */
  bool is_inquiry;               /* its continuation will be called */
  bool is_pump;                  /* its pump's done will be */
  eva_source *timer;             /* or NULL */
  uint64_t due_ns;               /* of the timer */
  struct eva_pending_call *call; /* that it waits for, or NULL */
  gpg_error_t result;            /* what the command ends with when the time has come */
  unsigned int key;
  size_t len, at;
};

/* Begins one for the command under way.  WHAT is a literal.  */
struct job *job_begin (struct session *session, const char *what);

/* It has not begun after all, for want of something.  */
void job_take_back (struct job *job);

/* It is over: what it holds is freed.  */
void job_end (struct job *job);

bool job_is_inquiry (const struct job *job);

/* Returns true if JOB, which may be NULL, is over or was not begun by the library: where its
   session ends, it must be told.  */
bool job_was_told (const struct job *job);

/* Ends the job and finishes its command.  */
void job_finish (struct job *job, gpg_error_t err);

/* Finishes the command while something else would have ended the job.  */
void job_finish_early (struct job *job);

/* For handlers and continuations: the command stays open, until MS milliseconds from now; until N
   calls of its own were answered, which are others' (VIA); until LEN octets of KEY were said, when
   there is room.  Return what the handler returns.  */
gpg_error_t job_later (struct job *job, unsigned int ms);
gpg_error_t job_via (struct job *job);
gpg_error_t job_pieces (struct job *job);

/* Asks for the LEN octets of KEY.  */
gpg_error_t job_ask (struct job *job);

#endif /* EVA_TESTS_WORLD_JOB_H */
