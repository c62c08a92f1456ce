/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* session.h - the server's end of a connection, in each of the four ways that there are: as one of
   an eva_server, attached to the loop, driven by hand, and by assuan_process_next.  */

#ifndef EVA_TESTS_WORLD_SESSION_H
#define EVA_TESTS_WORLD_SESSION_H

#include "eva.h"

#include "hand.h"
#include "ledger.h"
#include "link.h"

enum session_kind { OF_SERVER, ATTACHED, BY_HAND, IN_TURNS, N_SESSION_KINDS };

struct session {
  struct session *next;
  unsigned int number;
  enum session_kind kind;
  assuan_context_t ctx;  /* NULL: over */
  struct link *link;     /* NULL: not known yet */
  struct entry *end;     /* it will be told that it is over */
  struct entry *command; /* of an eva_server: before let it pass, and after is owed; or NULL */
  struct job *job;       /* a command that takes its time, or NULL */
  eva_source *source;    /* of one in turns */
  struct hand hand;      /* of one that is driven by hand, or in turns */
  bool has_more;         /* of one in turns: lines may be held */
  bool is_finishing;     /* its command is finished, whatever else ends with it */
  uint64_t active_ns;    /* when a command last began or ended */
};

/* Begins a session of KIND, not OF_SERVER, that serves LINK through IN_FD and OUT_FD, which it
   owns; the same for a socket.  */
void session_new (enum session_kind kind, int in_fd, int out_fd, struct link *link);

/* The same for an eva_server, whose service's open and close these are.  The link of a client that
   listens is told by its first command.  */
extern struct link *session_arriving;
gpg_error_t session_open (assuan_context_t ctx);
void session_close (assuan_context_t ctx, gpg_error_t reason);

/* Its before and after.  */
gpg_error_t session_before (assuan_context_t ctx, const char *name);
void session_after (assuan_context_t ctx, const char *name, gpg_error_t result);

struct session *session_of (assuan_context_t ctx);

/* One that is there, chosen by the dice; NULL if there is none.  */
struct session *session_any (void);

/* Ends SESSION in one of the ways that a program has.  */
void session_end (struct session *session);

/* Takes an attached one out of the loop, or puts one that is driven by hand in.  */
void session_switch (struct session *session);

/* Finishes its command, as the program does out of handlers.  */
void session_finish (struct session *session, gpg_error_t err);

/* A call on the context of SESSION waits for a descriptor: no other one may come meanwhile.  */
bool session_is_waiting (const struct session *session);

/* Something was done to SESSION, or ERR has another good reason, or else the program ends:
   otherwise nothing of it may fail.  */
void session_check_hurt (const struct session *session, gpg_error_t err);

/* Drives those that the loop does not.  Returns true if there was something to do.  */
bool session_drive_all (void);

/* When the next of these is due.  */
uint64_t session_next_due (void);

/* Releases what is left of those that the program owns.  */
void session_release_all (void);

void session_clear (void);

#endif /* EVA_TESTS_WORLD_SESSION_H */
