/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* say.h - lines that are said.  */

#ifndef EVA__ASSUAN_SAY_H
#define EVA__ASSUAN_SAY_H

#include "assuan/context.h"

/* Queues `WORD TEXT`, or WORD alone if TEXT is NULL, as a raw line, cut as eva__ctx_cut does.  */
gpg_error_t eva__ctx_queue_line (assuan_context_t ctx, const char *word, const char *text);

/* Queues the LEN octets at TEXT as a comment, likewise.  */
gpg_error_t eva__ctx_queue_comment (assuan_context_t ctx, const char *text, size_t len);

/* Queues OK with TEXT, likewise.  Returns what eva_conn_ok does.  */
int eva__ctx_queue_ok (assuan_context_t ctx, const char *text);

/* Cuts TEXT for a line on which USED octets stand already, as libassuan does: at its first LF, and
   if the whole line had over 1000 octets, to 999; the log tells.  Returns TEXT, or BUF with the
   shorter copy.  */
const char *eva__ctx_cut (assuan_context_t ctx, const char *text, size_t used,
                          char buf[EVA_LINE_SIZE]);

/* Logs that a line which the program said was cut at its LF, at the end of a full line, or
   both.  */
void eva__ctx_log_cut (assuan_context_t ctx, bool at_lf, bool at_end);

/* Sends what was queued, after an eva_conn function returned RC.  */
gpg_error_t eva__ctx_said (assuan_context_t ctx, int rc);

/* Returns true if RC says that the queue is full, and sending made room in it without waiting: the
   line can be queued again.  */
bool eva__ctx_made_room (assuan_context_t ctx, int rc);

/* Returns the error for RC, not 0, which says why a line could not be queued.  If the context may
   not wait for room, the connection is over.  */
gpg_error_t eva__ctx_not_said (assuan_context_t ctx, int rc);

#endif /* EVA__ASSUAN_SAY_H */
