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
  char address[EVA__IO_ENDPOINT_SIZE];
};

/* Adds an acceptor for LISTENER, which it owns from then on, on success.  */
gpg_error_t eva__acceptor_new (eva_server *server, const struct eva__io_listener *listener,
                               unsigned int flags);

/* Closes all acceptors of SERVER.  */
void eva__acceptor_close_all (eva_server *server);

#endif /* EVA__SERVER_ACCEPTOR_H */
