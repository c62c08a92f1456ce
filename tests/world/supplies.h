/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* supplies.h - where descriptors come from: calls of the library that may find none.  The program
   is linked with --wrap for each of them (see meson.build).  */

#ifndef EVA_TESTS_WORLD_SUPPLIES_H
#define EVA_TESTS_WORLD_SUPPLIES_H

#include <sys/types.h>

/* For what the world does itself.  */
int __real_close (int fd);
int __real_socketpair (int domain, int type, int protocol, int fds[2]);
int __real_pipe2 (int fds[2], int flags);

/* Makes a pair of sockets, or the two ends of a pipe, non-blocking, close-on-exec.  */
void supply_socketpair (int fds[2]);
void supply_pipe (int fds[2]);

/* As fork.  What the library takes for the number of its process is not left to the system, for it
   stands in greetings, whose length decides how they are cut.  */
pid_t supply_fork (void);

/* The number of open descriptors.  */
unsigned int supply_count_fds (void);

#endif /* EVA_TESTS_WORLD_SUPPLIES_H */
