/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* client.h - a client in a loop: its connection and its calls; for the files of this room
   alone.  */

#ifndef EVA__CLIENT_CLIENT_H
#define EVA__CLIENT_CLIENT_H

#include "assuan/membuf.h"
#include "client/driven.h"

/* A reply that is collected.  */
struct eva__reply {
  struct eva__membuf data;
  struct eva__membuf status; /* lines, each with a NUL behind it */
  size_t n_status;
};

/* How a call ended.  */
struct eva__reply_end {
  gpg_error_t err;
  const char *text; /* or NULL */
};

/* A call.  Those that were sent stand before those that were not.  */
struct eva_pending_call {
  struct eva_pending_call *next;
  struct eva__client *client;
  uint64_t id; /* of no other call of the client */
  struct eva_callbacks cb;
  void *arg;
  uint64_t deadline_ns; /* or EVA_NO_DEADLINE */
  struct eva__reply reply;
  int fd; /* to pass with the command, ours; or -1 */
  bool is_sent;
  bool is_ended;        /* done was called; its reply is still to come, and dropped */
  bool is_inquiring;    /* the server waits for the answer */
  gpg_error_t late_err; /* it failed in eva_call, and done has to be told; 0: it did not */
  bool is_secret;       /* made while the context was confidential, as its reply is */
  char command[];
};

/* How far the connection is.  */
enum eva__client_stage {
  EVA__CLIENT_DIALLING,
  EVA__CLIENT_GREETING,
  EVA__CLIENT_READY,
  EVA__CLIENT_OVER
};

struct eva__client {
  struct eva__driven driven;
  enum eva__client_stage stage;
  struct eva_pending_call *calls;  /* the oldest first */
  struct eva_pending_call **last;  /* where the next one is linked */
  struct eva_pending_call *failed; /* those with a late_err, the oldest first */
  struct eva__task fail_task;      /* tells them */
  struct eva_pending_call *unsent; /* the first that was not sent, or NULL */
  size_t n_given_up;               /* those that ended before their reply came */
  uint64_t talking_id;             /* of the call whose callback has a line; 0: none */
  uint64_t last_id;
  uint64_t deadline_ns; /* no call has an earlier one */
  uint64_t greeting_deadline_ns;
  const char *greeting; /* within ready */
  char *reason;         /* why it was not served, or NULL */
  bool is_refused;      /* the server said ERR in place of a greeting */

  /* Of eva_connect.  */
  eva_loop *home; /* the loop; NULL: the context was the program's before */
  struct eva_connect_config config;
  char *address;
  bool fails_late;           /* closed will be told, and calls meanwhile are no mistake */
  bool dials_anew;           /* the server has left before it greeted */
  bool is_local;             /* it is not an address of the internet: descriptors can be passed */
  uint64_t dial_until_ns;    /* later no try begins but the first */
  uint64_t dial_pause_ns;    /* before the next try */
  uint64_t dial_deadline_ns; /* of this try; or EVA_NO_DEADLINE between two */
  uint64_t dial_again_ns;    /* or EVA_NO_DEADLINE */
  struct eva__timer dial_timer;
  eva_source *dial_source;
  int dial_fd;                      /* -1: none */
  int dial_error;                   /* what errno said of the last try that failed; 0: nothing */
  struct eva__stderr *stderr_lines; /* of the program, or NULL */
  struct eva__tunnel *tunnel;       /* of ssh, or NULL */
  struct eva__launch *launch;       /* starts the server; NULL: nothing does, or not any more */
  pid_t child;                      /* ASSUAN_INVALID_PID: none */
  unsigned int child_of;            /* the process of ours that started it */

  eva_loop *reaper; /* of the child: home, or the loop that the context was released in */
};

extern const struct eva__drive_ops eva__client_ops;

/* Returns the client that CTX is, or NULL.  */
struct eva__client *eva__client_of (assuan_context_t ctx);

/* Returns true if CTX was made by eva_connect.  */
bool eva__client_is_connected_by_us (assuan_context_t ctx);

/* Makes a client without context and connection, or returns NULL.  It goes away with its context
   (eva__client_ops.free).  */
struct eva__client *eva__client_new (void);

/* Returns the context that CLIENT is.  */
static inline assuan_context_t
eva__client_context (const struct eva__client *client) {
  return client->driven.at.drive.ctx;
}

#endif /* EVA__CLIENT_CLIENT_H */
