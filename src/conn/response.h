/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* response.h - what a client hears.

   The functions here get a line that eva_conn_next is about to hand out and that is lent to its
   caller.  A function that wants the line to come again clears lent.  LINE is whole, or the start
   of one that is over-long: EVA_LINE_SIZE octets, which show what the line was meant to be, and so
   whether anything is still to come.  */

#ifndef EVA__CONN_RESPONSE_H
#define EVA__CONN_RESPONSE_H

#include "conn/state.h"

/* Returns true if LINE, of LEN octets or over-long, has to wait: the client answers an inquiry, and
   this is the next one.  */
bool eva__conn_holds_response (const eva_conn *c, char *line, size_t len);

/* The client gets a whole line; or the start of one that is over-long.  Both return what
   eva_conn_next does.  */
int eva__conn_on_response (eva_conn *c, char *line, size_t len, struct eva_event *ret);
int eva__conn_on_long_response (eva_conn *c, char *line, struct eva_event *ret);

#endif /* EVA__CONN_RESPONSE_H */
