/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* caller.h - the client's end of a connection: of eva_connect, or a client of assuan.h that is
   attached to the loop.  */

#ifndef EVA_TESTS_WORLD_CALLER_H
#define EVA_TESTS_WORLD_CALLER_H

#include "eva.h"

#include "hand.h"
#include "ledger.h"
#include "link.h"
#include "session.h"

struct caller {
  struct caller *next;
  unsigned int number;
  assuan_context_t ctx; /* NULL: away */
  struct link *link;
  struct entry *end; /* it will be told that it is over */
  bool is_attached;  /* to the loop, and not of eva_connect */
  bool is_by_hand;   /* driven by us */
  struct hand hand;
  bool is_ready;            /* the server greeted */
  bool is_closing;          /* by us */
  bool is_in_turns;         /* what serves it is IN_TURNS, or unknown */
  bool is_in_loop;          /* what serves it is in a loop */
  unsigned int n_calls;     /* under way */
  unsigned int n_inquiring; /* of these */
};

/* Connects to ADDRESS, unix:... or fd:..., by LINK.  Returns the caller, or NULL with the error at
   RET_ERR.  */
struct caller *caller_connect (const char *address, struct link *link, gpg_error_t *ret_err);

/* Makes one of assuan.h out of FD, which it owns, waits for the greeting, and attaches it, or
   drives it by hand.  Not within callbacks.  Returns it, or NULL if that failed.  */
struct caller *caller_attach (int fd, struct link *link);

/* One that is there, chosen by the dice; NULL if there is none.  Its context, likewise.  */
struct caller *caller_any (void);
assuan_context_t caller_any_context (void);

/* Ends CALLER in one of the ways that a program has.  */
void caller_end (struct caller *caller);

/* Takes an attached one out of the loop, or puts one that is driven by hand in.  */
void caller_switch (struct caller *caller);

/* Drives those that the loop does not.  Returns true if there was something to do.  And when the
   next of these is due.  */
bool caller_drive_all (void);
uint64_t caller_next_due (void);

/* Each of them closes, or is released.  */
void caller_close_all (void);
void caller_release_all (void);

/* Those whose connection is over are released some time.  Returns true if there was one.  */
bool caller_tidy (void);

/* A client of assuan.h that waits: it connects through FD, which it owns, calls N times, and
   leaves.  Not within callbacks.  */
void caller_wait (int fd, struct link *link, unsigned int n);

void caller_clear (void);

#endif /* EVA_TESTS_WORLD_CALLER_H */
