/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* state.c - the states of a dialogue: which may follow which, and what may be said in each.

   Server:
       GREETING --OK--> IDLE --request--> COMMAND --OK, ERR--> IDLE
       COMMAND --INQUIRE--> INQUIRY --END, CAN, else--> COMMAND
       INQUIRY --too much--> OVERFLOW --END, CAN, else--> COMMAND
       INQUIRY, OVERFLOW --OK, ERR--> STRAGGLER --END, CAN--> IDLE; --request--> COMMAND
   Client:
       GREETING --OK--> IDLE --request--> PENDING --OK, ERR--> IDLE
       PENDING --INQUIRE--> ANSWERING --END, CAN--> PENDING
       PENDING, ANSWERING --drain--> DRAINING --OK, ERR--> IDLE
   Every state can become CLOSED.  */

#include "conn/conn.h"

#define IN(state) (1u << EVA_STATE_##state)

/* For each state the set of its successors.  */
static const unsigned int moves[EVA_N_STATES] = {
  [EVA_STATE_GREETING] = IN (IDLE) | IN (CLOSED),
  [EVA_STATE_IDLE] = IN (COMMAND) | IN (PENDING) | IN (CLOSED),
  [EVA_STATE_COMMAND] = IN (IDLE) | IN (INQUIRY) | IN (CLOSED),
  [EVA_STATE_INQUIRY] = IN (COMMAND) | IN (OVERFLOW) | IN (STRAGGLER) | IN (CLOSED),
  [EVA_STATE_OVERFLOW] = IN (COMMAND) | IN (STRAGGLER) | IN (CLOSED),
  [EVA_STATE_STRAGGLER] = IN (IDLE) | IN (COMMAND) | IN (CLOSED),
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
    [EVA__SAY_ERR] = IN (GREETING) | IN (IDLE) | SERVER_BUSY,
    [EVA__SAY_STATUS] = IN (GREETING) | SERVER_BUSY,
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

/* What EVA_CONN_RAW allows on top, in every state but CLOSED.  */
static const unsigned int raw_verbs =
    1u << EVA__SAY_STATUS | 1u << EVA__SAY_DATA | 1u << EVA__SAY_END | 1u << EVA__SAY_CAN;

bool
eva__conn_may_move (enum eva_conn_state from, enum eva_conn_state to) {
  return (moves[from] >> to) & 1;
}

void
eva__conn_set_state (eva_conn *c, enum eva_conn_state to) {
  if (c->state == to) return;
  if (!eva__conn_may_move (c->state, to)) to = EVA_STATE_CLOSED;
  c->state = to;
}

/* Only who keeps the whole dialogue in the eva_conn gets the whole check.  */
int
eva__conn_may_say (const eva_conn *c, enum eva__conn_verb verb) {
  if (c->state == EVA_STATE_CLOSED) return EVA_E_CLOSED;
  if ((sayable[c->owner.config->role][verb] >> c->state) & 1) return 0;
  if ((c->owner.config->flags & EVA_CONN_RAW) && ((raw_verbs >> verb) & 1)) return 0;
  return EVA_E_STATE;
}
