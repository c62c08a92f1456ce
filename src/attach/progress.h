/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* progress.h - telling the client how far a pump is.  */

#ifndef EVA__ATTACH_PROGRESS_H
#define EVA__ATTACH_PROGRESS_H

#include "attach/pump.h"

/* Returns true if WHAT can stand in a line of progress.  */
bool eva__pump_is_what (const char *what);

/* Start and stop the lines of progress, if PUMP has any.  Returns 0, or -1 with errno ENOMEM.  */
int eva__pump_start_progress (struct eva__pump *pump);
void eva__pump_stop_progress (struct eva__pump *pump);

/* Sends one now.  */
void eva__pump_tell_progress (struct eva__pump *pump);

#endif /* EVA__ATTACH_PROGRESS_H */
