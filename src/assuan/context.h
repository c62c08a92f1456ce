/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* context.h - the parts of an assuan_context_t; for the files of this room alone.

   A context is an eva_conn plus a channel, hooks and callbacks.  */

#ifndef EVA__ASSUAN_CONTEXT_H
#define EVA__ASSUAN_CONTEXT_H

#include "assuan.h"
#include "eva-conn.h"

#include "assuan/log.h"
#include "assuan/pool.h"
#include "assuan/table.h"
#include "assuan/timeout.h"
#include "conn/conn.h"
#include "io/channel.h"
#include "io/sys.h"
#include "wire/seldom.h"

#include <stdbool.h>

/* What a context is used for.  */
enum eva__ctx_kind { EVA__CTX_UNUSED, EVA__CTX_SERVER, EVA__CTX_CLIENT };

/* What contexts can share.  A context has all of it in one block of memory with itself, unless it
   was made to share that of others.  */
#define EVA__N_SPARES        6  /* in a pool of its own */
#define EVA__N_SHARED_SPARES 32 /* in one of many */

struct eva__shared {
  struct eva__io_sys sys;
  struct assuan_malloc_hooks malloc_hooks;
  struct eva__pool pool;
  struct eva_conn_config conn_config; /* its arg is not used */
  size_t max_ahead_len;               /* 0: the default; see eva_set_max_ahead_len */
  struct eva__timeouts timeouts;      /* of calls that wait, which those that share do not */
  struct eva__table table;
};

/* What most contexts never need.  A context that needed some of it keeps it.  */
struct eva__extra {
  char *okay_line; /* text of the next OK, or NULL */
  char *err_text;
  gpg_error_t err_no; /* the value that err_text explains */
  assuan_fd_t input_fd;
  assuan_fd_t output_fd;
  assuan_fd_t listen_fd;                /* where clients come */
  struct eva__inquiry *inquiry;         /* NULL: no continuation is to run */
  struct eva__data_stream *data_stream; /* of assuan_get_data_fp, or NULL */
};

struct assuan_context_s {
  /* Given by the program.  */
  struct eva__shared *shared;
  struct eva__table *table; /* shared's, or its own */
  void *user_pointer;

  /* The connection.  */
  struct eva__drive *drive; /* NULL: calls wait, or assuan_process_next drives it */
  struct eva__io_channel channel;
  eva_conn *conn;          /* NULL if not connected */
  gpg_error_t write_error; /* the peer is known dead: every write says so */
  pid_t pid;               /* of the peer, or ASSUAN_INVALID_PID */
  struct _assuan_peercred peercred;
  unsigned int depth; /* API calls under way that may run callbacks */

  const struct eva__command *command; /* whose handler runs */
  struct eva__extra *extra;           /* NULL: nothing of it was needed yet */

  enum eva__ctx_kind kind : 8;
  gpg_err_source_t err_source : 8;
  struct {
    bool no_waitpid : 1;
    bool confidential : 1;
    bool no_fixsignals : 1;
    bool convey_comments : 1;
    bool no_logging : 1;
    bool force_close : 1;
  } flags;
  bool is_part : 1;       /* of memory that is freed with the drive */
  bool shares : 1;        /* shared is of several contexts */
  bool owns_table : 1;    /* but the table is its own */
  bool owns_commands : 1; /* and what the table points to */
  bool is_child : 1;      /* pid is a process that this context started and has to wait for */
  bool was_reaped : 1;    /* it was waited for: its number may be another process by now */
  bool has_peercred : 1;
  bool line_seen : 1;   /* the next line of input was shown to log and monitor */
  bool end_logged : 1;  /* and the end of file */
  bool is_listener : 1; /* assuan_accept waits for clients */
  bool listen_passes_fds : 1;
  bool is_pipe : 1;      /* descriptor numbers of the peer mean something here */
  bool opened : 1;       /* the context owns the descriptors and knows the peer */
  bool greeted : 1;      /* the greeting was said */
  bool accept_told : 1;  /* assuan_accept returned 0 for this connection */
  bool closing : 1;      /* the reply to the command under way is the last */
  bool out_of_step : 1;  /* it is not known any more to which reply a line of the server belongs */
  bool timed_out : 1;    /* a client whose server let it wait too long: the connection is closed */
  bool in_turn : 1;      /* a turn is under way: replies may wait for its end */
  bool is_corked : 1;    /* data lines wait for more of them, or for any other line */
  bool is_external : 1;  /* in a loop of the program's: at rest it holds no buffers */
  bool wants_turn : 1;   /* its drive has to take one when no callback runs any more */
  bool released : 1;     /* assuan_release was called within a callback */
  bool is_showing : 1;   /* log or monitor is called */
  bool ends_quietly : 1; /* released there: the connection stays until it is not used any more */

  /* Confidential, though said or heard later than the program said so.  */
  bool okay_secret : 1;
  bool err_secret : 1;
  bool answer_secret : 1; /* to the inquiry that was sent last */
  bool rest_secret : 1;   /* of the reply that a client gave up */

  /* Of a secret command: log and monitors see keywords alone.  */
  bool is_redacted : 1;     /* what the command under way says */
  bool answer_redacted : 1; /* to the inquiry that was sent last */
};

/* A context with its eva_conn, which is in use while the context is connected.  */
struct eva__ctx_room {
  struct assuan_context_s ctx;
  eva_conn conn;
};

/* Makes a context in ROOM that shares what PATTERN has, which must stay as long as it.  ROOM is the
   caller's, who frees it, and not before the drive of the context is to be freed.  */
void eva__ctx_init_like (struct eva__ctx_room *room, assuan_context_t pattern);

/* Returns the open inquiry whose continuation is to run, or NULL.  */
static inline struct eva__inquiry *
eva__ctx_inquiry (const struct assuan_context_s *ctx) {
  return EVA__SELDOM (ctx->extra) ? ctx->extra->inquiry : NULL;
}

/* Returns true if CTX is a server whose client waits for the end of a command, also while CTX is
   released.  */
static inline bool
eva__ctx_has_command (const struct assuan_context_s *ctx) {
  return ctx->conn && eva__conn_in_command (ctx->conn);
}

/* Returns true if CTX is such a server, and the command can be finished.  */
static inline bool
eva__ctx_is_busy (const struct assuan_context_s *ctx) {
  return EVA__MOSTLY (!ctx->released) && eva__ctx_has_command (ctx);
}

#endif /* EVA__ASSUAN_CONTEXT_H */
