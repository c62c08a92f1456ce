/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* request.h - what a server hears.

   The functions here get a line that eva_conn_next is about to hand out and that is lent to its
   caller.  A function that wants the line to come again clears lent.  LINE is whole, or the start
   of one that is over-long: EVA_LINE_SIZE octets, which show what the line was meant to be, and so
   whether anything is still to come.  */

#ifndef EVA__CONN_REQUEST_H
#define EVA__CONN_REQUEST_H

#include "conn/state.h"

/* Returns true if LINE, of LEN octets or over-long, has to wait: the server has not greeted yet, or
   is busy with a command.  */
bool eva__conn_holds_request (const eva_conn *c, char *line, size_t len);

/* The server gets a whole line; or the start of one that is over-long.  Both return what
   eva_conn_next does.  */
int eva__conn_on_request (eva_conn *c, char *line, size_t len, struct eva_event *ret);
int eva__conn_on_long_request (eva_conn *c, char *line, struct eva_event *ret);

#endif /* EVA__CONN_REQUEST_H */
