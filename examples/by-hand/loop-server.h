/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loop-server.h - how a command of the example server gets its turns.

   A handler that can answer at once does so, and ends with assuan_process_done.  Any other handler
   hands a job to its connection (conn_begin) and returns 0.  The job then moves its connection from
   state to state, says something whenever it is CONN_SPEAKING, and ends with conn_finish.  */

#ifndef EXAMPLES_BY_HAND_LOOP_SERVER_H
#define EXAMPLES_BY_HAND_LOOP_SERVER_H

/* Whose errors the client gets to see: gpg_error puts it into every code.  */
#define GPG_ERR_SOURCE_DEFAULT GPG_ERR_SOURCE_USER_1

#include <assuan.h>
#include <stdbool.h>

#include "loop.h"

/* What a connection waits for.  */
enum conn_state {
  CONN_IDLE,    /* no command is pending: for the next request */
  CONN_STALLED, /* the same, but the client does not read: for it to read, before another one */
  CONN_ASKING,  /* the client was asked for data: for them */
  CONN_WORKING, /* the job waits for something of its own, not for the client */
  CONN_SPEAKING /* the job has something to say: for room to write it without waiting */
};

struct conn;

/* A command that is not finished when its handler returns.  */
struct job {
  /* Writes a little; called when there is room, as long as the state is CONN_SPEAKING.  Returns 0,
     or an error after which the connection is closed.  */
  gpg_error_t (*speak) (struct conn *conn);

  /* Frees conn->work and whatever belongs to it.  Called once: the command has come to its end, or
     the client has gone.  */
  void (*end) (struct conn *conn);
};

struct conn {
  struct server *server;
  assuan_context_t ctx;
  struct watch io;
  enum conn_state state;
  bool half_closed;      /* the client will send nothing more, but may still read */
  const struct job *job; /* of the pending command, or NULL */
  void *work;            /* what the job needs to know */
  struct conn *next, **link;
};

/* Makes JOB with its WORK the pending command of CONN, in STATE.  For handlers that return 0
   without having called assuan_process_done.  */
void conn_begin (struct conn *conn, const struct job *job, void *work, enum conn_state state);

/* Says what CONN waits for from now on.  */
void conn_set_state (struct conn *conn, enum conn_state state);

/* Ends the job and answers with OK, or with ERR if ERR is not 0.  Returns 0, or an error of the
   connection.  */
gpg_error_t conn_finish (struct conn *conn, gpg_error_t err);

/* The loop that CONN lives in.  */
struct loop *conn_loop (struct conn *conn);

/* commands.c: once at the start.  Returns 0, or -1 after a message on standard error.  */
int commands_init (void);

/* commands.c: makes the commands known to CTX, whose pointer (assuan_set_pointer) is its conn.  */
gpg_error_t commands_register (assuan_context_t ctx);

#endif /* EXAMPLES_BY_HAND_LOOP_SERVER_H */
