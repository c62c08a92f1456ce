/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* state.c - the states of a dialogue: which may follow which, and what may be said in each.

   Server:
       GREETING --OK--> IDLE --request--> COMMAND --OK, ERR--> IDLE
       COMMAND --INQUIRE--> INQUIRY --END, CAN, else, drain--> COMMAND
       INQUIRY --too much--> OVERFLOW --END, CAN, else, drain--> COMMAND
       INQUIRY, OVERFLOW --OK, ERR--> STRAGGLER --END, CAN--> IDLE; --request--> COMMAND
   What the program waits for is the state.  What the client owes is n_owed: the answers that were
   given up, by drain or by the reply.  So COMMAND --OK, ERR--> STRAGGLER while it owes one; and
   while it owes some, the lines of an INQUIRY are theirs first.  With EVA_CONN_RAW an inquiry may
   also leave from IDLE and STRAGGLER, and leads back there (is_aside).
   Client:
       GREETING --OK--> IDLE --request--> PENDING --OK, ERR--> IDLE
       PENDING --INQUIRE--> ANSWERING --END, CAN--> PENDING
       PENDING, ANSWERING --drain--> DRAINING --OK, ERR--> IDLE
   Every state can become CLOSED.  */

#include "conn/state.h"

#define IN(state) (1u << EVA_STATE_##state)

/* For each state the set of its successors.  */
static const unsigned int moves[EVA_N_STATES] = {
  [EVA_STATE_GREETING] = IN (IDLE) | IN (CLOSED),
  [EVA_STATE_IDLE] = IN (COMMAND) | IN (INQUIRY) | IN (PENDING) | IN (CLOSED),
  [EVA_STATE_COMMAND] = IN (IDLE) | IN (INQUIRY) | IN (STRAGGLER) | IN (CLOSED),
  [EVA_STATE_INQUIRY] = IN (IDLE) | IN (COMMAND) | IN (OVERFLOW) | IN (STRAGGLER) | IN (CLOSED),
  [EVA_STATE_OVERFLOW] = IN (IDLE) | IN (COMMAND) | IN (STRAGGLER) | IN (CLOSED),
  [EVA_STATE_STRAGGLER] = IN (IDLE) | IN (COMMAND) | IN (INQUIRY) | IN (CLOSED),
  [EVA_STATE_PENDING] = IN (IDLE) | IN (ANSWERING) | IN (DRAINING) | IN (CLOSED),
  [EVA_STATE_ANSWERING] = IN (IDLE) | IN (PENDING) | IN (DRAINING) | IN (CLOSED),
  [EVA_STATE_DRAINING] = IN (IDLE) | IN (PENDING) | IN (CLOSED),
  [EVA_STATE_CLOSED] = 0,
};

#define SERVER_BUSY (IN (COMMAND) | IN (INQUIRY) | IN (OVERFLOW))
#define SERVER_OPEN (IN (GREETING) | IN (IDLE) | IN (STRAGGLER) | SERVER_BUSY)
#define CLIENT_OPEN (IN (GREETING) | IN (IDLE) | IN (PENDING) | IN (ANSWERING) | IN (DRAINING))

/* For each role and verb the set of states in which it may be said.  */
static const unsigned int sayable[2][EVA__N_VERBS] = {
  [EVA_ROLE_SERVER] = {
    [EVA__SAY_OK] = IN (GREETING) | SERVER_BUSY,
    [EVA__SAY_ERR] = IN (GREETING) | IN (IDLE) | IN (STRAGGLER) | SERVER_BUSY,
    [EVA__SAY_STATUS] = SERVER_BUSY,
    [EVA__SAY_COMMENT] = SERVER_OPEN,
    [EVA__SAY_INQUIRE] = IN (COMMAND),
    [EVA__SAY_DATA] = SERVER_BUSY,
    [EVA__SAY_END] = SERVER_BUSY,
    [EVA__SAY_LINE] = SERVER_OPEN,
  },
  [EVA_ROLE_CLIENT] = {
    [EVA__SAY_COMMENT] = CLIENT_OPEN,
    [EVA__SAY_COMMAND] = IN (IDLE) | IN (PENDING),
    [EVA__SAY_DATA] = IN (ANSWERING),
    [EVA__SAY_END] = IN (ANSWERING),
    [EVA__SAY_CAN] = IN (ANSWERING),
    [EVA__SAY_LINE] = CLIENT_OPEN,
  },
};

/* What EVA_CONN_RAW allows on top, in every state but CLOSED; and in states at rest.  */
static const unsigned int raw_verbs =
    1u << EVA__SAY_STATUS | 1u << EVA__SAY_DATA | 1u << EVA__SAY_END | 1u << EVA__SAY_CAN;
static const unsigned int raw_inquiry[2] = { [EVA_ROLE_SERVER] = IN (IDLE) | IN (STRAGGLER) };

bool
eva__conn_may_move (enum eva_conn_state from, enum eva_conn_state to) {
  return (moves[from] >> to) & 1;
}

void
eva__conn_set_state (eva_conn *c, enum eva_conn_state to) {
  if (EVA__SELDOM (c->state == to)) return;
  if (!eva__conn_may_move (c->state, to)) to = EVA_STATE_CLOSED;
  c->state = to;
}

enum eva_conn_state
eva__conn_rest_state (const eva_conn *c) {
  return c->n_owed ? EVA_STATE_STRAGGLER : EVA_STATE_IDLE;
}

void
eva__conn_end_inquiry (eva_conn *c) {
  enum eva_conn_state to = c->is_aside ? eva__conn_rest_state (c) : EVA_STATE_COMMAND;

  c->is_aside = false;
  eva__conn_set_state (c, to);
}

/* Returns true if an owner that keeps parts of the dialogue itself may say VERB.  */
static bool
may_say_raw (const eva_conn *c, enum eva__conn_verb verb) {
  if (!(c->owner.config->flags & EVA_CONN_RAW)) return false;
  if (verb == EVA__SAY_INQUIRE) return (raw_inquiry[c->owner.config->role] >> c->state) & 1;
  return (raw_verbs >> verb) & 1;
}

/* Only an owner that keeps the whole dialogue in the eva_conn gets the whole check.  */
int
eva__conn_may_say (const eva_conn *c, enum eva__conn_verb verb) {
  bool is_reply = verb == EVA__SAY_OK || verb == EVA__SAY_ERR;

  if (c->state == EVA_STATE_CLOSED) return EVA_E_CLOSED;
  if (is_reply && c->is_aside) return EVA_E_STATE; /* nothing was asked */
  if (EVA__MOSTLY ((sayable[c->owner.config->role][verb] >> c->state) & 1)) return 0;
  return may_say_raw (c, verb) ? 0 : EVA_E_STATE;
}
