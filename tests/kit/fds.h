/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fds.h - descriptors: how many there are, pairs of them, and passing them on.  What cannot be had
   fails the test.  */

#ifndef EVA_TESTS_KIT_FDS_H
#define EVA_TESTS_KIT_FDS_H

#include <sys/types.h>

#include "assertions.h"

/* Returns how many descriptors are open.  */
unsigned int fds_count (void);

bool fds_is_open (int fd);
bool fds_is_nonblocking (int fd);

/* Pairs, close-on-exec.  FLAGS are 0 or O_NONBLOCK.  */
void fds_pipe (int fds[2], int flags);
void fds_socketpair (int fds[2], int flags);
void fds_close_pair (int fds[2]);

/* A socket that listens at PATH, close-on-exec.  */
int fds_listen_at (const char *path);

/* Sends the octets TEXT over SOCK, N_FDS descriptors along with them.  Returns what sendmsg does,
   and never a part of the octets.  */
ssize_t fds_send (int sock, const char *text, const int *fds, size_t n_fds);

#endif /* EVA_TESTS_KIT_FDS_H */
