/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* acceptor.h - a listening socket, at which clients are let in.  */

#ifndef EVA__SERVER_ACCEPTOR_H
#define EVA__SERVER_ACCEPTOR_H

#include "io/listener.h"
#include "server/server.h"

/* A listening socket.  */
struct eva__acceptor {
  struct eva__acceptor *next;
  eva_server *server;
  struct eva__io_listener listener;
  eva_source *source;
  struct eva__task task; /* lets clients in */
  unsigned int flags;    /* of eva_server_listen */
  unsigned int n_busy; /* calls that let clients in: the memory stays, though the source be gone */
  char address[EVA__IO_ENDPOINT_SIZE];
};

/* Adds an acceptor for LISTENER, which it owns from then on, on success.  */
gpg_error_t eva__acceptor_new (eva_server *server, const struct eva__io_listener *listener,
                               unsigned int flags);

/* Closes all acceptors of SERVER at once, the retired ones, too: clients that wait there are
   lost.  */
void eva__acceptor_close_all (eva_server *server);

/* Retires ACCEPTOR, or all of SERVER: no more clients come, as far as the server can see to that,
   and those that wait are let in.  Runs callbacks of the service, which may free the server: the
   caller has a reference.  */
void eva__acceptor_retire (struct eva__acceptor *acceptor);
void eva__acceptor_retire_all (eva_server *server);

/* Returns true if a client waits at one of those that are not retired.  */
bool eva__acceptor_has_waiting (const eva_server *server);

/* Closes the retired ones.  */
void eva__acceptor_close_retired (eva_server *server);

#endif /* EVA__SERVER_ACCEPTOR_H */
