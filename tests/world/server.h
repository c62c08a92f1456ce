/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* server.h - the eva_servers of a world.  */

#ifndef EVA_TESTS_WORLD_SERVER_H
#define EVA_TESTS_WORLD_SERVER_H

#include "eva.h"

#include "ledger.h"
#include "link.h"

struct server {
  struct server *next;
  unsigned int number;
  eva_server *eva;     /* NULL: freed */
  const char *address; /* unix:...; NULL: it does not listen */
  struct entry *drain; /* it will be told that it is drained */
  bool is_ending;      /* it drains, or did */
};

/* Makes one; it listens if the system allows.  */
void server_new (void);

/* One that takes clients; if LISTENS, at an address.  NULL if there is none.  */
struct server *server_any (bool listens);

/* Lets SERVER serve LINK through IN_FD and OUT_FD, which it owns; the same for a socket.  */
void server_adopt (struct server *server, int in_fd, int out_fd, struct link *link);

/* Drains it, frees it, or closes all of its connections.  */
void server_end (struct server *server);

/* Asks and sets what changes nothing.  */
void server_look_at (struct server *server);

void server_drain_all (void);
void server_free_all (void);

/* Checks that none has a connection any more, or holds anything for one.  */
void server_check_rest (void);

void server_clear (void);

#endif /* EVA_TESTS_WORLD_SERVER_H */
