/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* signals.h - the signals of a subcommand that serves: they come out of the loop of wait.h.  */

#ifndef ASSUANCTL_SIGNALS_H
#define ASSUANCTL_SIGNALS_H

#include "status.h"

/* Calls CB for each SIGTERM and SIGHUP from now on.  A peer that leaves raises no SIGPIPE any more.
   Programs that program.h starts get the default of each signal.  */
enum status signals_watch (void (*cb) (int sig));
void signals_unwatch (void);

#endif /* ASSUANCTL_SIGNALS_H */
