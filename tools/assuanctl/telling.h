/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* telling.h - what a subcommand with many clients tells of them: with --verbose their lines, on
   stderr; with --json objects, of who comes and leaves, too.  */

#ifndef ASSUANCTL_TELLING_H
#define ASSUANCTL_TELLING_H

#include "address.h"
#include "spectator.h"

/* Returns the spectator of a new client with this NUMBER, of the process PID, or 0; NULL if nothing
   is to be told of it.  LOGS: who comes and leaves is to be told without --verbose, too.  */
struct spectator *telling_begin (unsigned long number, pid_t pid, bool logs);

/* A line went by.  SPECTATOR may be NULL.  */
void telling_line (struct spectator *spectator, bool is_from_server, const char *line, size_t len);

/* Tells that clients can come to ADDRESS, which as the library has it is ACTUAL.  */
void telling_listen (const struct address *address, const char *actual);

#endif /* ASSUANCTL_TELLING_H */
