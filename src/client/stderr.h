/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stderr.h - the lines that a started program writes to its stderr.  */

#ifndef EVA__CLIENT_STDERR_H
#define EVA__CLIENT_STDERR_H

#include "client/client.h"

/* Makes a pipe whose lines CLIENT's loop reads, and stores at RET_FD the end for the program, which
   is the caller's.  Returns 0, or -1 with errno.  */
int eva__stderr_open (struct eva__client *client, int *ret_fd);

/* The connection is over: tells the program what is there, and from then on nothing.  Returns the
   last line, which is CLIENT's; NULL if there is none, or if it is not wanted.  */
const char *eva__stderr_finish (struct eva__client *client);

/* Reads no more.  The program may be in a callback of these lines.  */
void eva__stderr_stop (struct eva__client *client);

void eva__stderr_free (struct eva__client *client);

#endif /* EVA__CLIENT_STDERR_H */
