/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* log.h - the log and the monitor, which see what is said and heard.  */

#ifndef EVA__ASSUAN_LOG_H
#define EVA__ASSUAN_LOG_H

#include "assuan.h"

#include <stdbool.h>
#include <stdio.h>

/* The log and the monitor of a context.  */
struct eva__watch {
  assuan_log_cb_t log_cb;
  void *log_cb_data;
  FILE *log_stream;
  assuan_io_monitor_t monitor;
  void *monitor_data;
};

/* What the log shows in place of confidential lines.  */
#define EVA__LOG_HIDDEN "[[Confidential data not shown]]"

/* Shows the LEN octets of LINE to the monitor and, unless IS_SECRET, to the log.  DIRECTION as for
   monitors.  Returns false if the monitor wants the line to be ignored.  */
bool eva__ctx_show_line (assuan_context_t ctx, int direction, const char *line, size_t len,
                         bool is_secret);

/* Returns true if eva__ctx_show_line would show anything, for which it asks the log, which may
   release CTX.  */
bool eva__ctx_is_watched (assuan_context_t ctx);

/* Returns true if CTX has a log or a monitor, and calls neither.  */
bool eva__ctx_has_watch (assuan_context_t ctx);

/* Returns what can be set for CTX alone; NULL if there is no memory for that.  */
struct eva__watch *eva__ctx_own_watch (assuan_context_t ctx);

/* Logs a message of category CAT about the connection.  */
void eva__ctx_log (assuan_context_t ctx, unsigned int cat, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));

/* The handler that assuan_new uses until another is set.  */
int eva__log_default_cb (assuan_context_t ctx, void *hook, unsigned int cat, const char *msg);

#endif /* EVA__ASSUAN_LOG_H */
