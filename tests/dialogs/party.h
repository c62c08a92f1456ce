/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* party.h - a server, its clients, and what their callbacks do at random.  The books are kept in
   lists: whatever began stays there until the run is over, so that it is seen if it ends twice, or
   never.  */

#ifndef EVA_TESTS_DIALOGS_PARTY_H
#define EVA_TESTS_DIALOGS_PARTY_H

#include <stdlib.h>

#include "assertions.h"
#include "eva.h"
#include "loops.h"

/* A connection, of the server or of a client.  */
struct seat {
  struct seat *next;
  assuan_context_t ctx; /* NULL: not ours any more */
  bool is_guest;        /* of the server */
  bool is_gone;         /* closed was told, or it was released */
  bool is_ended;        /* by the program: it is told at once then */
  bool is_released;     /* likewise */
  unsigned int depth;   /* callbacks of it that run */
  unsigned int n_open;  /* calls; commands' jobs, inquiries, pumps */
};

/* Something that began and has to end: a call, a job, an inquiry, a pump.  */
enum deed_kind { CALL, JOB, INQUIRY, PUMP };

struct deed {
  struct deed *next;
  struct seat *seat;
  enum deed_kind kind;
  bool has_ended;
  bool is_given_up;              /* by the program */
  bool is_inquiring;             /* the server asks */
  unsigned int depth;            /* callbacks of it that run */
  struct eva_pending_call *call; /* of a call */
};

/* --- The party (party.c) ---------------------------------------------------------------------- */

extern struct test_loop party_loop;
extern struct seat *party_seats;
extern struct deed *party_deeds;
extern eva_server *party_server;
extern bool party_is_over; /* nothing begins any more */

/* How much began, and how often a callback ran the loop, in all runs.  */
extern unsigned int party_n_deeds, party_n_dialogs;

/* A run.  */
void party_run (uint32_t seed);

/* A number below LIMIT.  */
uint32_t party_random (uint32_t limit);

/* What a callback of SEAT does in between.  */
void party_act (struct seat *seat);

struct seat *party_add_seat (assuan_context_t ctx, bool is_guest);
struct deed *party_add_deed (struct seat *seat, enum deed_kind kind);

/* DEED ended.  Returns its seat.  */
struct seat *party_end_deed (struct deed *deed);

/* SEAT is told that it is over, or released.  All of it has ended by then.  */
void party_leave (struct seat *seat);

/* --- Both sides (host.c, caller.c) ------------------------------------------------------------ */

/* Makes a server that listens.  */
void host_begin (void);

/* Ends DEED, a job, if it is one that is open.  */
void host_finish (struct deed *deed);

/* Connects.  */
void caller_connect (void);

/* Makes a call by SEAT.  */
void caller_call (struct seat *seat);

/* Answers the inquiry of DEED, a call, if it is in one.  */
void caller_answer (struct deed *deed);

#endif /* EVA_TESTS_DIALOGS_PARTY_H */
