/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* session.h - a client's connection to a server.  */

#ifndef EVA__SERVER_SESSION_H
#define EVA__SERVER_SESSION_H

#include "attach/attached.h"
#include "server/server.h"

/* A client's connection: all of it is one block of memory.  */
struct eva__session {
  struct eva__attached at; /* its account is that of the user */
  struct eva__session *next, *prev;
  struct eva__ctx_room room;
};

_Static_assert (sizeof (struct eva__session) <= 408, "a session is small");

/* Returns the user of SESSION, and the server.  */
static inline struct eva__user *
eva__session_user (const struct eva__session *session) {
  return EVA__CONTAINER (struct eva__user, account, session->at.drive.account);
}

static inline eva_server *
eva__session_server (const struct eva__session *session) {
  return EVA__CONTAINER (eva_server, account, session->at.drive.account->parent);
}

/* What is known of a client before it has a connection.  */
struct eva__incoming {
  int in_fd, out_fd;  /* the same for a socket */
  unsigned int flags; /* of eva_server_listen */
  bool is_pipe;       /* its process started this one: who it is needs no proof */
  bool is_unix;
  bool is_accepted; /* just now: its descriptor has the lowest number that was free */
  bool is_in_batch; /* another was checked just now: the process is what it was then */
  bool is_known;    /* peer says who it is */
  struct _assuan_peercred peer;
};

extern const struct eva__drive_ops eva__session_ops;

/* Finds out whether INCOMING may come in: 0, GPG_ERR_EACCES, GPG_ERR_LIMIT_REACHED.  Takes no
   memory.  */
gpg_error_t eva__session_check (eva_server *server, const struct eva__incoming *incoming);

/* Makes a connection for INCOMING, which was checked, and stores its context at RET_CTX unless that
   is NULL; it stores NULL if the connection is over already.  On success the descriptors are the
   connection's; on failure they stay the caller's.  */
gpg_error_t eva__session_new (eva_server *server, const struct eva__incoming *incoming,
                              assuan_context_t *ret_ctx);

/* Counts a client that is not let in because of ERR, and tells the observer.  ADDRESS is that of
   the listener at which it came, or NULL.  */
void eva__session_refused (eva_server *server, const struct eva__incoming *incoming,
                           const char *address, gpg_error_t err);

/* Lets SESSION finish its command, if it has one, and end.  A session that had none yet also has
   time for its first one, until eva__session_hurry.  */
void eva__session_drain (struct eva__session *session);
void eva__session_hurry (struct eva__session *session);

/* Ends SESSION at once: its command is cancelled, what is queued is sent.  */
void eva__session_close (struct eva__session *session);

/* Returns the session of CTX, or NULL.  */
struct eva__session *eva__session_of (assuan_context_t ctx);

#endif /* EVA__SERVER_SESSION_H */
