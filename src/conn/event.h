/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* event.h - events out of messages.  */

#ifndef EVA__CONN_EVENT_H
#define EVA__CONN_EVENT_H

#include "conn/state.h"
#include "wire/message.h"

/* Make RET an event and return 1: of TYPE with what M says; of the data of M, which are unescaped
   (or return EVA_E_ESCAPE); SKIPPED, which is handed out all the same, so that a program with a log
   sees every line.  */
int eva__conn_event (struct eva_event *ret, enum eva_event_type type,
                     const struct eva__wire_message *m);
int eva__conn_event_data (eva_conn *c, struct eva_event *ret, struct eva__wire_message *m);
int eva__conn_event_skipped (struct eva_event *ret, char *line, size_t len);

#endif /* EVA__CONN_EVENT_H */
