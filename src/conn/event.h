/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* event.h - what comes of a line: an event, an error, or nothing yet.

   The functions here get a line that eva_conn_next is about to hand out and that is lent to its
   caller.  Who wants it to come again clears lent.  LINE is whole, or the start of one that is
   over-long: EVA_LINE_SIZE octets, which tell what it was meant to be, and so whether anything is
   still to come.  */

#ifndef EVA__CONN_EVENT_H
#define EVA__CONN_EVENT_H

#include "conn/conn.h"
#include "wire/message.h"

/* Make RET an event and return 1: of TYPE with what M says; of the data of M, which are unescaped
   (or return EVA_E_ESCAPE); SKIPPED, which is told all the same, so that whoever keeps a log sees
   every line.  */
int eva__conn_event (struct eva_event *ret, enum eva_event_type type,
                     const struct eva__wire_message *m);
int eva__conn_event_data (const eva_conn *c, struct eva_event *ret, struct eva__wire_message *m);
int eva__conn_event_skipped (struct eva_event *ret, char *line, size_t len);

/* Return true if LINE, of LEN octets or over-long, has to wait: a server has not greeted yet, or is
   busy with a command (request.c); a client answers an inquiry, and this is the next one
   (response.c).  */
bool eva__conn_holds_request (const eva_conn *c, char *line, size_t len);
bool eva__conn_holds_response (const eva_conn *c, char *line, size_t len);

/* A server (request.c), a client (response.c) gets a whole line; or the start of one that is
   over-long.  They return what eva_conn_next does.  */
int eva__conn_on_request (eva_conn *c, char *line, size_t len, struct eva_event *ret);
int eva__conn_on_response (eva_conn *c, char *line, size_t len, struct eva_event *ret);
int eva__conn_on_long_request (eva_conn *c, char *line, struct eva_event *ret);
int eva__conn_on_long_response (eva_conn *c, char *line, struct eva_event *ret);

#endif /* EVA__CONN_EVENT_H */
