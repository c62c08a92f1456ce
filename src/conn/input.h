/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* input.h - octets and lines that came in, for the files of this room.

   The line of the last event stays in the buffer, lent to the caller, until the next call that
   reads.  */

#ifndef EVA__CONN_INPUT_H
#define EVA__CONN_INPUT_H

#include "conn/conn.h"
#include "conn/state.h"

/* Wipes what came in and was not used, and gives the buffer back.  */
void eva__conn_drop_input (eva_conn *c);

/* Ends the input when only the end of file is left, if it was fed.  Returns 0, or EVA_E_TRUNCATED
   if half a line stands before it, which is dropped.  */
int eva__conn_finish_input (eva_conn *c);

/* Returns true if data are awaited that nothing but a limit of the owner's holds up: an answer that
   it collects, or a reply.  */
static inline bool
eva__conn_awaits_bulk (const eva_conn *c) {
  return (c->state == EVA_STATE_INQUIRY && c->wants_raw) || c->state == EVA_STATE_PENDING;
}

/* Returns true if the buffer is one for such data, and they are not awaited any more.  */
static inline bool
eva__conn_is_outsized (const eva_conn *c) {
  return c->in.size == EVA__BULK_SIZE && !eva__conn_awaits_bulk (c);
}

/* Exchanges such a buffer for an ordinary one, if that has room for what waits: a peer that never
   leaves it empty must not keep it.  Without memory it stays.  */
void eva__conn_shrink_input (eva_conn *c);

/* Ends the loan of the last event's line.  */
static inline void
eva__conn_take_back (eva_conn *c) {
  if (c->lent) {
    c->lent = false;
    eva__wire_lines_consume (&c->in);
  }
  if (EVA__SELDOM (eva__conn_is_outsized (c))) eva__conn_shrink_input (c);
}

#endif /* EVA__CONN_INPUT_H */
