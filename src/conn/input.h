/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* input.h - octets and lines that came in, for the files of this room.

   The line of the last event stays in the buffer, lent to the caller, until the next call that
   reads.  */

#ifndef EVA__CONN_INPUT_H
#define EVA__CONN_INPUT_H

#include "conn/state.h"

/* Wipes what came in and was not used, and gives the buffer back.  */
void eva__conn_drop_input (eva_conn *c);

/* Ends the input when only the end of file is left, if it was fed.  Returns 0, or EVA_E_TRUNCATED
   if half a line stands before it, which is dropped.  */
int eva__conn_finish_input (eva_conn *c);

/* Ends the loan of the last event's line.  */
static inline void
eva__conn_take_back (eva_conn *c) {
  if (!c->lent) return;
  c->lent = false;
  eva__wire_lines_consume (&c->in);
}

#endif /* EVA__CONN_INPUT_H */
