/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* state.h - the parts of an eva_conn, for the files of this room alone, and its states.  */

#ifndef EVA__CONN_STATE_H
#define EVA__CONN_STATE_H

#include "eva-conn.h"

#include "conn/fds.h"
#include "conn/owner.h"
#include "conn/queue.h"
#include "wire/lines.h"
#include "wire/seldom.h"

#include <stdbool.h>

struct eva_conn {
  struct eva__conn_owner owner;
  enum eva_conn_state state : 8;

  /* Input.  The line of the last event stays in the buffer, lent to the caller, until the next
     call.  */
  bool lent : 1;
  bool eof : 1;         /* the end of file was fed */
  bool eof_told : 1;    /* and handed out as an event */
  bool is_aside : 1;    /* server: the inquiry is none of a command */
  bool has_crossed : 1; /* server: the line that is next crossed it, and its answer is behind */
  bool owes_answer : 1; /* client: the reply came before the END or CAN of an answer was said */
  bool wants_raw : 1;   /* server: the owner unescapes this inquiry's data itself */
  bool gave_raw : 1;    /* server: it has to unescape the last DATA */
  bool shrinks : 1;     /* the buffer that it asks for takes the place of a larger one */
  char nothing[1];      /* the text of events that have none */
  uint32_t n_owed;      /* server: answers that were given up, and whose END or CAN is to come */
  struct eva__wire_lines in;
  struct eva__conn_fds in_fds; /* here: the end of what was fed */
  union {
    size_t inquiry_left; /* server: octets that may still come; SIZE_MAX: no limit */
    size_t n_pending;    /* client: requests without a reply yet */
  };

  /* Output.  */
  struct eva__conn_queue out;
  struct eva__conn_fds out_fds; /* here: the end of what was sent */
};

/* Servers have thousands of them, most at rest.  */
_Static_assert (sizeof (struct eva_conn) <= 128, "an eva_conn is small");

/* The things to say, for the table of what may be said when.  */
enum eva__conn_verb {
  EVA__SAY_OK,
  EVA__SAY_ERR,
  EVA__SAY_STATUS,
  EVA__SAY_COMMENT,
  EVA__SAY_INQUIRE,
  EVA__SAY_COMMAND,
  EVA__SAY_DATA,
  EVA__SAY_END,
  EVA__SAY_CAN,
  EVA__SAY_LINE
};
#define EVA__N_VERBS 10

/* The only place where the state changes.  A move that the table does not know closes the
   dialogue, which a test would notice and an attacker could not use.  */
void eva__conn_set_state (eva_conn *c, enum eva_conn_state to);

/* Returns true if the table has the move FROM - TO.  */
bool eva__conn_may_move (enum eva_conn_state from, enum eva_conn_state to);

/* Returns 0 if VERB may be said now, else EVA_E_STATE or EVA_E_CLOSED.  */
int eva__conn_may_say (const eva_conn *c, enum eva__conn_verb verb);

/* Returns the state of a server without a command: STRAGGLER while the client owes answers, else
   IDLE.  */
enum eva_conn_state eva__conn_rest_state (const eva_conn *c);

/* Ends the server's inquiry: its command goes on, if it belongs to one.  */
void eva__conn_end_inquiry (eva_conn *c);

#endif /* EVA__CONN_STATE_H */
