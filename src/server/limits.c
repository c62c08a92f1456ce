/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* limits.c - what a server may cost.  See limits.h.

   Of N descriptors that the process may have

       5/8   are connections at the most
       1/4   were passed by clients
       1/8   are left to the program, and for the moment in which the kernel delivers what is
       refused

   so clients cannot use them up, whatever they do.  Where several users may come in, each gets
   three quarters of everything at the most, and the last eighth of the connections is for the users
   who could end the server anyway: root gets in though all others work together.

   A process may have several servers, and the program may use more than an eighth.  The kernel
   gives the lowest number that is free.  So a number from 7/8 N on says that all numbers before it
   are taken, and the server refuses its client, whether it is a connection or a passed descriptor.
   It refuses other users N/8 earlier.  */

#include "server/limits.h"

#include "server/server.h"

#include <unistd.h>

/* Three quarters of N, rounded up: if N is small, all of it.  */
#define SHARE(n) ((n) - (n) / 4)

static unsigned int
at_most (unsigned int n, unsigned int max) {
  return n < max ? n : max;
}

static unsigned int
at_least_one (unsigned int n) {
  return n ? n : 1;
}

/* A program that sets limits of its own knows what it can hold.  */
static void
find_connections (struct eva__limits *l, unsigned int max_fds) {
  l->max_fd = l->max_fd_of_others = EVA_NO_LIMIT;
  if (l->all.max_connections) return;
  l->max_fd = max_fds - max_fds / 8;
  l->max_fd_of_others = max_fds - max_fds / 4;
  l->all.max_connections = at_most (at_least_one (max_fds / 8 * 5), EVA_DEFAULT_MAX_CONNECTIONS);
}

static void
find_passed_fds (struct eva__limits *l, unsigned int max_fds) {
  l->max_passed_fd = l->max_passed_fd_of_others = EVA_NO_LIMIT;
  if (l->all.max_passed_fds) return;
  l->max_passed_fd = max_fds - max_fds / 8;
  l->max_passed_fd_of_others = max_fds - max_fds / 4;
  l->all.max_passed_fds = at_most (at_least_one (max_fds / 4), EVA_DEFAULT_MAX_PASSED_FDS);
}

void
eva__limits_find (const struct eva_server_limits *asked, unsigned int max_fds, bool is_shared,
                  struct eva__limits *ret) {
  struct eva_server_limits *l = &ret->all;

  *l = *asked;
  find_connections (ret, max_fds);
  find_passed_fds (ret, max_fds);
  if (!l->max_held_len) l->max_held_len = EVA_DEFAULT_MAX_HELD_LEN;
  if (!l->max_connections_per_uid)
    l->max_connections_per_uid = is_shared ? SHARE (l->max_connections) : l->max_connections;
  if (!l->max_passed_fds_per_uid)
    l->max_passed_fds_per_uid = is_shared ? SHARE (l->max_passed_fds) : l->max_passed_fds;
  if (!l->max_held_per_uid_len)
    l->max_held_per_uid_len = is_shared ? SHARE (l->max_held_len) : l->max_held_len;
  ret->max_connections_of_others = l->max_connections - l->max_connections / 8;
}

/* The process's own limit and its user may change at any time.  */
void
eva__server_find_limits (eva_server *server) {
  struct eva__limits *l = &server->limits;
  unsigned int max_fds = eva__io_sys_max_fds ();
  uid_t euid = geteuid ();

  if (server->knows_limits && max_fds == server->max_fds && euid == server->users.euid) return;
  server->max_fds = max_fds;
  server->users.euid = euid;
  server->knows_limits = true;
  eva__limits_find (&server->asked, max_fds, eva__users_are_many (&server->users), l);
  server->account.limit_len = l->all.max_held_len;
  server->account.limit_fds = l->all.max_passed_fds;
  eva__users_set_limits (&server->users, l);
}
