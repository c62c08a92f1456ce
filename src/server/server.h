/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* server.h - what an eva_server is made of; for the files of this room alone.  */

#ifndef EVA__SERVER_SERVER_H
#define EVA__SERVER_SERVER_H

#include "eva.h"

#include "attach/attached.h"
#include "io/listener.h"
#include "server/limits.h"
#include "server/session-limits.h"
#include "server/user.h"

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

/* A client's connection.  */
struct eva__session {
  struct eva__attached at; /* the first member */
  eva_server *server;
  struct eva__user *user;
  struct eva__session *next, *prev;
};

/* Somebody goes over all sessions, in a function around us.  */
struct eva__walk {
  struct eva__walk *outer;
  struct eva__session *next;
};

struct eva_server {
  eva_loop *loop;
  const struct eva_service *service;
  void *userdata;
  assuan_context_t pattern;       /* its commands, hooks and pool are those of all connections */
  struct eva_server_limits asked; /* limits, as the program set them */
  struct eva__limits limits;      /* as they are for the process now */
  struct eva__session_limits *session_limits; /* of connections that come from now on */
  struct eva_stats stats;
  struct eva__account account;
  struct eva__users users;
  struct eva__acceptor *acceptors;
  struct eva__session *sessions;
  struct eva__walk *walks; /* the innermost one */
  unsigned int n_kept;     /* sessions that were not freed yet, and callers */
  bool is_freed;           /* eva_server_free was called */

  /* Accepting stopped because the system has no descriptor, or is over.  */
  struct eva__timer pause;

  /* The end.  */
  bool is_draining;
  struct eva__timer drain_timer;
  struct eva__task drained_task;
  void (*drained) (eva_server *server, void *arg);
  void *drained_arg;
};

/* What a client is made of before it has a connection.  */
struct eva__incoming {
  int in_fd, out_fd;  /* the same for a socket */
  unsigned int flags; /* of eva_server_listen */
  bool is_pipe;       /* started us: who it is needs no proof */
  bool is_unix;
  bool is_accepted; /* just now: its descriptor has the lowest number that was free */
  bool is_known;    /* peer says who it is */
  struct _assuan_peercred peer;
};

/* --- Sessions (session.c) ------------------------------------------------------------------------- */

extern const struct eva__drive_ops eva__session_ops;

/* Finds out whether INCOMING may come in: 0, GPG_ERR_EACCES, GPG_ERR_LIMIT_REACHED.  No memory is
   taken.  */
gpg_error_t eva__session_check (eva_server *server, const struct eva__incoming *incoming);

/* Makes a connection for INCOMING, which was checked, and stores its context at RET_CTX unless
   that is NULL; NULL if it is over already.  Its descriptors are the connection's on success; on failure they stay the
   caller's.  */
gpg_error_t eva__session_new (eva_server *server, const struct eva__incoming *incoming,
                              assuan_context_t *ret_ctx);

/* Lets SESSION finish its command, if it has one, and end.  */
void eva__session_drain (struct eva__session *session);

/* Ends SESSION at once: its command is cancelled, what is queued is sent.  */
void eva__session_close (struct eva__session *session);

/* Returns the session of CTX, or NULL.  */
struct eva__session *eva__session_of (assuan_context_t ctx);

/* --- Acceptors (acceptor.c) --------------------------------------------------------------------------- */

/* Adds a acceptor for LISTENER, which it owns from then on, on success.  */
gpg_error_t eva__acceptor_new (eva_server *server, const struct eva__io_listener *listener,
                               unsigned int flags);

/* Closes all acceptors of SERVER.  */
void eva__acceptor_close_all (eva_server *server);

/* --- The server (server.c) -------------------------------------------------------------------- */

/* Between these SERVER stays, whatever callbacks do.  */
void eva__server_ref (eva_server *server);
void eva__server_unref (eva_server *server);

/* Finds the limits that the process and the users who may come in make of what the program set.  */
void eva__server_find_limits (eva_server *server);

/* A session is over.  */
void eva__server_was_left (eva_server *server);

#endif /* EVA__SERVER_SERVER_H */
