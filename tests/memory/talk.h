/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* talk.h - peers that follow a script, in processes of their own.  */

#ifndef EVA_TESTS_MEMORY_TALK_H
#define EVA_TESTS_MEMORY_TALK_H

#include <sys/types.h>

struct talk {
  pid_t pid;
  int fd; /* our end */
};

/* Lets a peer follow SCRIPT: it says the octets, for `@` the secret, for `*` it twenty times, which
   fit in a line, and for `|` it waits for a line.  */
void talk_start (struct talk *talk, const char *script);

/* Waits for its end, which must be a good one.  */
void talk_end (struct talk *talk);

#endif /* EVA_TESTS_MEMORY_TALK_H */
