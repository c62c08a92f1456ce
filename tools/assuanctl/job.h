/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* job.h - a command of a client of `serve` that is under way: its program, what of it goes to the
   client, and its result.

       0  what the client named by INPUT FD, or /dev/null
       1  data for the client, or what it named by OUTPUT FD
       2  serve's own
       3  status lines, comments, data, inquiries, a result (report.h)
       4  the answers to inquiries (answer.h)

   The command is over when its program is; what processes write that outlive it is lost.  */

#ifndef ASSUANCTL_JOB_H
#define ASSUANCTL_JOB_H

#include "peer.h"

/* Begins the command ENTRY with ARGS for PEER, within its handler: returns the handler's
   result.  */
gpg_error_t job_begin (struct peer *peer, const struct catalog_entry *entry, const char *args);

#endif /* ASSUANCTL_JOB_H */
