/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* spectator.h - one connection that is watched: what of each line is shown, when a command ends,
   and on whose behalf an agent asks.  */

#ifndef ASSUANCTL_SPECTATOR_H
#define ASSUANCTL_SPECTATOR_H

#include "sink.h"

struct spectator;

/* Tells SINK of a new connection, with this NUMBER, of the process PID; OUT must live as long as
   it.  */
struct spectator *spectator_new (const struct sink *sink, FILE *out, unsigned long number,
                                 pid_t pid);

/* A line of LEN octets went by.  */
void spectator_line (struct spectator *s, bool is_from_server, const char *line, size_t len,
                     bool is_cut);

/* The lines that came at once were all told.  */
void spectator_flush (struct spectator *s);

/* Tells SINK that the connection is over.  NULL is allowed.  */
void spectator_free (struct spectator *s, const char *reason);

#endif /* ASSUANCTL_SPECTATOR_H */
