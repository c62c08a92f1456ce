/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* wait.h - the one event loop of the tool, and waiting in it: for something to be done, for
   --timeout, or for Ctrl-C.

   SIGINT does not end the process at once, so that a call can be given up; main ends it by that
   signal when a subcommand returned STATUS_INTERRUPTED.  A second one ends it wherever it is.  */

#ifndef ASSUANCTL_WAIT_H
#define ASSUANCTL_WAIT_H

#include "status.h"

#include <eva-loop.h>
#include <stdbool.h>

/* Makes the loop, once, and takes SIGINT over.  */
enum status wait_init (void);
void wait_deinit (void);

eva_loop *wait_loop (void);

/* Calls CB once, at the end of the turn of the loop that is under way, or else of the next one.
   One function can wait at a time.  */
void wait_after_turn (void (*cb) (void));

/* Starts the time of --timeout anew.  It runs from wait_init else.  */
void wait_restart_timeout (void);

/* Runs the loop until *DONE.  Returns STATUS_OK then; STATUS_TIMEOUT, after a message, when the
   time of --timeout is over; STATUS_INTERRUPTED when SIGINT came.  */
enum status wait_until (const bool *done);

/* The same for at most TIMEOUT_MS milliseconds, and without --timeout and messages: STATUS_TIMEOUT
   when they are over.  */
enum status wait_at_most (const bool *done, unsigned int timeout_ms);

/* Returns true if SIGINT came.  */
bool wait_was_interrupted (void);

/* Forgets a SIGINT: what it interrupted goes on.  */
void wait_forget_interrupt (void);

/* Returns how many milliseconds of --timeout are left, or -1 if it is not limited.  */
int wait_left_ms (void);

#endif /* ASSUANCTL_WAIT_H */
