/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* moves.h - what moves.c and hear.c share.  See world.h.  */

#ifndef EVA_TESTS_CONN_WALK_MOVES_H
#define EVA_TESTS_CONN_WALK_MOVES_H

#include "world.h"

/* The eva_conn of SIDE; from here on W is changed.  */
eva_conn *touch (struct side *side);

/* SIDE said LINE, which ends an open data line.  Returns true.  */
bool said (struct side *side, struct line line);

/* Removes line number AT of SIDE.  */
void remove_line (struct side *side, size_t at);

/* The server does not wait for the answer to the inquiry any more; IS_OWED if its end is still to
   come.  */
void end_inquiry (bool is_owed);

/* The client says something else, and owes nothing but what that crossed.  */
void forgive (void);

/* The next line is handed out.  Return false if there is none, or it has to wait (hear.c).  */
bool server_hears (void);
bool client_hears (void);

#endif /* EVA_TESTS_CONN_WALK_MOVES_H */
