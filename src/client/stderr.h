/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stderr.h - the lines that a started program writes to its stderr.  */

#ifndef EVA__CLIENT_STDERR_H
#define EVA__CLIENT_STDERR_H

#include "client/client.h"
#include "io/program.h"

/* Makes a pipe whose lines CLIENT's loop reads, and gives the other end to the program of START.
   Returns 0, or -1 with errno.  */
int eva__stderr_open (struct eva__client *client, struct eva__io_program_start *start);

/* The program was started, or could not be: closes our copy of its end.  Keeps errno.  */
void eva__stderr_opened (struct eva__client *client);

/* The connection is over: tells the program what is there, and from then on nothing.  Returns the
   last line, which is CLIENT's; NULL if there is none, or if it is not wanted.  */
const char *eva__stderr_finish (struct eva__client *client);

/* Reads no more.  The program may be in a callback of these lines.  */
void eva__stderr_stop (struct eva__client *client);

void eva__stderr_free (struct eva__client *client);

#endif /* EVA__CLIENT_STDERR_H */
