/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* server.h - the parts of an eva_server; for the files of this room alone.  */

#ifndef EVA__SERVER_SERVER_H
#define EVA__SERVER_SERVER_H

#include "eva.h"

#include "assuan/drive.h"
#include "loop/loop.h"
#include "server/limits.h"
#include "server/session-limits.h"
#include "server/user.h"

/* A function around this one goes over all sessions.  */
struct eva__walk {
  struct eva__walk *outer;
  struct eva__session *next;
};

/* The watch over the files of sockets, if the program wants to hear of their loss.  */
struct eva__lost {
  void (*cb) (eva_server *server, void *arg, const char *address, bool is_replaced); /* or NULL */
  void *arg;
  int fd;               /* inotify */
  eva_source *source;   /* of that; NULL: there is none */
  unsigned int process; /* that made it */
  struct eva__timer timer;
  struct eva__task task;
};

struct eva_server {
  eva_loop *loop;
  const struct eva_service *service;
  void *userdata;
  assuan_context_t pattern;       /* its commands, hooks and pool are those of all connections */
  struct eva_server_limits asked; /* limits, as the program set them */
  struct eva__limits limits;      /* as they are for the process now */
  unsigned int max_fds;           /* of the process, for which these are */
  bool knows_limits;              /* these are of what the program asks for */
  struct eva__session_limits *session_limits; /* of connections that come from now on */
  struct eva_stats stats;
  struct eva__account account;
  struct eva__users users;
  struct eva__acceptor *acceptors;
  struct eva__acceptor *retired; /* they let in the last clients */
  struct eva__timer linger;      /* the end of that */
  struct eva__session *sessions;
  void (*observer) (eva_server *server, void *arg, const struct eva_server_notice *notice);
  void *observer_arg;
  struct eva__walk *walks; /* the innermost one */
  unsigned int n_kept;     /* sessions that were not freed yet, and callers */
  bool is_freed;           /* eva_server_free was called */

  /* Accepting stopped because the system has no descriptor; the end of that pause.  */
  struct eva__timer pause;

  struct eva__lost lost;

  /* What the program itself did wrong in the last eva_server_listen, in words; or NULL.  */
  const char *fault;

  /* The server drains when it had no client for so long.  */
  unsigned int idle_ms; /* EVA_NO_LIMIT: it does not */
  struct eva__timer idle;
  void (*idle_done) (eva_server *server, void *arg);
  void *idle_arg;

  /* The end.  */
  bool is_draining;
  struct eva__timer drain_timer;
  struct eva__timer grace; /* the end of the time for first commands */
  struct eva__task drained_task;
  void (*drained) (eva_server *server, void *arg);
  void *drained_arg;
};

/* CODE with the error source of SERVER, or, if that is NULL, of new contexts.  */
static inline gpg_error_t
eva__server_error (const eva_server *server, gpg_err_code_t code) {
  return gpg_err_make (server ? server->pattern->err_source : assuan_get_gpg_err_source (), code);
}

#endif /* EVA__SERVER_SERVER_H */
