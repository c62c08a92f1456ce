/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* limits.h - what a server may cost: limits that the program has not set follow the number of
   descriptors that the process may have.  */

#ifndef EVA__SERVER_LIMITS_H
#define EVA__SERVER_LIMITS_H

#include "eva.h"

#include <stdbool.h>

/* The limits as the program set them, without zeros.  */
struct eva__limits {
  struct eva_server_limits all;

  /* What the clients of users other than the server's own and root may have together.  */
  unsigned int max_connections_of_others;

  /* Clients whose descriptors would have this number, or a higher one, are too many; and clients of
     other users.  The same for descriptors that they pass.  */
  unsigned int max_fd, max_fd_of_others;
  unsigned int max_passed_fd, max_passed_fd_of_others;
};

/* Fills RET for ASKED, which may have zeros, and a process that may have MAX_FDS descriptors.
   IS_SHARED: users other than the server's own and root may come in.  */
void eva__limits_find (const struct eva_server_limits *asked, unsigned int max_fds, bool is_shared,
                       struct eva__limits *ret);

/* Computes the limits of SERVER from what the program set, the limit of the process, and the users
   who may come in.  */
void eva__server_find_limits (eva_server *server);

#endif /* EVA__SERVER_LIMITS_H */
