/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* context.h - what an assuan_context_t is made of; for the files of this room alone.

   A context is an eva_conn plus a channel, hooks and callbacks.  Functions that may run
   callbacks stand between eva__ctx_enter and eva__ctx_leave: a callback may release the
   context, which then goes away in the outermost eva__ctx_leave and nowhere else.  That holds for
   monitors and the log, too, so for every exported function that can show a line or log.  */

#ifndef EVA__ASSUAN_CONTEXT_H
#define EVA__ASSUAN_CONTEXT_H

#include "assuan.h"
#include "eva-conn.h"

#include "assuan/pool.h"
#include "io/channel.h"
#include "io/sys.h"

#include <stdbool.h>

/* What a context is used for.  */
enum eva__ctx_kind { EVA__CTX_UNUSED, EVA__CTX_SERVER, EVA__CTX_CLIENT };

/* A command that a server knows.  The strings are the program's and live as long as the context. */
struct eva__command {
  const char *name;
  const char *help; /* or NULL */
  assuan_handler_t handler;
  bool is_builtin; /* its handler finishes the command by returning, also in an event loop */
};

/* What to tell the program of.  */
struct eva__notify {
  gpg_error_t (*pre_cmd) (assuan_context_t, const char *);
  void (*post_cmd) (assuan_context_t, gpg_error_t);
  assuan_handler_t bye;
  assuan_handler_t reset;
  assuan_handler_t cancel;
  assuan_handler_t input;
  assuan_handler_t output;
  gpg_error_t (*option) (assuan_context_t, const char *, const char *);
};

/* Octets that grow; what they outgrow is wiped.  */
struct eva__membuf {
  unsigned char *data;
  size_t len;
  size_t size;
};

/* assuan_inquire_ext's continuation, and the data so far.  */
struct eva__inquiry {
  gpg_error_t (*cb) (void *cb_data, gpg_error_t rc, unsigned char *buf, size_t buf_len);
  void *cb_data;
  struct eva__membuf data;
};

/* The commands of a server, and what it tells the program of; of one context, or shared by all
   connections of a service.  */
struct eva__table {
  const char *hello; /* the greeting, or NULL for the usual one */
  char *own_hello;   /* one that goes first, a copy, or NULL */
  bool hello_secret; /* own_hello is confidential */
  struct eva__command *commands;
  size_t n_commands;
  size_t commands_size;
  bool has_commands; /* the program registered some, besides those that every server has */
  struct eva__notify notify;
};

/* Who sees what is said and heard.  */
struct eva__watch {
  assuan_log_cb_t log_cb;
  void *log_cb_data;
  FILE *log_stream;
  assuan_io_monitor_t monitor;
  void *monitor_data;
};

/* What contexts can share: one has all of it behind itself, in one block of memory, unless it was
   made with that of others.  */
#define EVA__N_SPARES        4  /* in a pool of its own */
#define EVA__N_SHARED_SPARES 32 /* in one of many */

struct eva__shared {
  struct eva__io_sys sys;
  struct assuan_malloc_hooks malloc_hooks;
  struct eva__pool pool;
  struct eva_conn_config conn_config; /* its arg is not used */
  size_t max_ahead_len;               /* 0: the default; see eva_set_max_ahead_len */
  struct eva__watch watch;
  struct eva__table table;
};

struct assuan_context_s {
  /* Given by the program.  */
  struct eva__shared *shared;
  struct eva__watch *watch; /* shared's, or its own */
  struct eva__table *table; /* likewise */
  void *user_pointer;

  /* The connection.  */
  struct eva__drive *drive; /* NULL: calls wait, or assuan_process_next drives it */
  struct eva__io_channel channel;
  eva_conn *conn;          /* NULL if not connected */
  gpg_error_t write_error; /* the peer is known dead: every write says so */
  pid_t pid;               /* of the peer, or ASSUAN_INVALID_PID */
  struct _assuan_peercred peercred;
  assuan_fd_t listen_fd; /* where clients come */

  /* A command of a server.  */
  const struct eva__command *command; /* whose handler runs */
  char *okay_line;                    /* text of the next OK, or NULL */
  char *err_text;
  gpg_error_t err_no; /* the value that err_text explains */
  assuan_fd_t input_fd;
  assuan_fd_t output_fd;
  unsigned int depth;                   /* API calls under way that may run callbacks */
  struct eva__inquiry *inquiry;         /* NULL: no continuation is to run */
  struct eva__data_stream *data_stream; /* of assuan_get_data_fp, or NULL */

  enum eva__ctx_kind kind : 8;
  gpg_err_source_t err_source : 8;
  struct {
    bool no_waitpid;
    bool confidential;
    bool no_fixsignals;
    bool convey_comments;
    bool no_logging;
    bool force_close;
  } flags;
  bool shares : 1;     /* shared is of several contexts */
  bool owns_watch : 1; /* but watch is its own */
  bool owns_table : 1; /* but the table is */
  bool is_child : 1;   /* pid is a process that we started and have to wait for */
  bool was_reaped : 1; /* it was waited for: its number may be another process by now */
  bool has_peercred : 1;
  bool line_seen : 1;   /* the next line of input was shown to log and monitor */
  bool end_logged : 1;  /* and the end of file */
  bool is_listener : 1; /* assuan_accept waits for clients */
  bool listen_passes_fds : 1;
  bool is_pipe : 1;      /* descriptor numbers of the peer mean something here */
  bool opened : 1;       /* the descriptors are ours, the peer is known */
  bool greeted : 1;      /* the greeting was said */
  bool accept_told : 1;  /* assuan_accept returned 0 for this connection */
  bool closing : 1;      /* the reply to the command under way is the last */
  bool out_of_step : 1;  /* whose reply a line of the server belongs to is not known any more */
  bool in_turn : 1;      /* a turn is under way: replies may wait for its end */
  bool is_external : 1;  /* in a loop of the program's: at rest it holds no buffers */
  bool wants_turn : 1;   /* its drive has to take one when no callback runs any more */
  bool released : 1;     /* assuan_release was called within a callback */
  bool is_showing : 1;   /* log or monitor is called */
  bool ends_quietly : 1; /* released there: the connection stays until nobody uses it */

  /* Confidential, though said or heard later than the program said so.  */
  bool okay_secret : 1;
  bool err_secret : 1;
  bool answer_secret : 1; /* to the inquiry that was sent last */
  bool rest_secret : 1;   /* of the reply that a client gave up */
};

/* Makes a context that shares what PATTERN has, which must stay as long as it; or returns NULL
   (context.c).  */
assuan_context_t eva__ctx_new_like (assuan_context_t pattern);

/* --- Memory, with the program's hooks (context.c) --------------------------------------------- */

void *eva__ctx_malloc (assuan_context_t ctx, size_t len);
void eva__ctx_free (assuan_context_t ctx, void *ptr);

/* Replaces *PTR by a copy of TEXT, or by NULL if TEXT is NULL.  The old text is wiped.
   Returns 0, or ENOMEM with *PTR as it was.  */
gpg_error_t eva__ctx_set_string (assuan_context_t ctx, char **ptr, const char *text);

/* --- Use (context.c) -------------------------------------------------------------------------- */

/* Between these CTX stays, whatever callbacks do.  Behind eva__ctx_leave it must not be touched. */
void eva__ctx_enter (assuan_context_t ctx);
void eva__ctx_leave (assuan_context_t ctx);

/* The latter, for a function that ends with it.  Returns ERR.  */
gpg_error_t eva__ctx_leave_with (assuan_context_t ctx, gpg_error_t err);

/* Notes that this process uses CTX: from now on it is the one that takes leave of the peer.  */
void eva__ctx_claim (assuan_context_t ctx);

/* Returns true if CTX belongs to this process: it was used here last, or lives in a loop of this
   process's.  In another one, a child of that, CTX is given back without a word to the peer and
   without any callback: all that is still to come of it comes where it belongs.  */
bool eva__ctx_is_ours (assuan_context_t ctx);

/* --- The connection (connection.c) ------------------------------------------------------------ */

/* Fills CONFIG with how contexts of KIND use an eva_conn.  */
void eva__ctx_configure (struct eva_conn_config *config, enum eva__ctx_kind kind);

/* Sets how many octets a server in the program's own loop keeps of what came ahead of a command that
   is pending; 0: the default.  */
void eva__ctx_set_max_ahead (assuan_context_t ctx, size_t max_len);

/* Gives CTX a connection over IN_FD and OUT_FD, which it owns from then on.  On failure they
   stay the caller's.  */
gpg_error_t eva__ctx_connect (assuan_context_t ctx, enum eva__ctx_kind kind, assuan_fd_t in_fd,
                              assuan_fd_t out_fd, bool pass_fds);

/* The same for FD, a socket that nobody else can close, without asking the system about it.  PASS_FDS
   is for Unix sockets alone.  */
gpg_error_t eva__ctx_connect_socket (assuan_context_t ctx, enum eva__ctx_kind kind, assuan_fd_t fd,
                                     bool pass_fds);

/* Closes the connection, if there is one: descriptors, also those that wait, are closed.  */
void eva__ctx_disconnect (assuan_context_t ctx);

/* Ends a client's connection: says BYE, disconnects, and waits for the child, if there is one
   (context.c).  */
void eva__ctx_hang_up (assuan_context_t ctx);

/* Returns true if octets can still be exchanged.  */
bool eva__ctx_is_connected (assuan_context_t ctx);

/* One read from the peer.  If WAIT, it waits for octets; if not, it never blocks.  That
   nothing came is no error, nor is the end of file, which eva_conn_at_eof tells.  TOO_LARGE if more
   came than may wait for a command; from then on the input counts as ended.  */
gpg_error_t eva__ctx_read (assuan_context_t ctx, bool wait);

/* Sends all that is queued, waiting for room where needed.  */
gpg_error_t eva__ctx_flush (assuan_context_t ctx);

/* Returns true if ERR, of reading or writing, says that the peer is gone, and a program has CTX that
   takes turns with assuan_process_next: there that is no fault of anybody's, but the end, which
   DONE tells.  */
bool eva__ctx_is_left (assuan_context_t ctx, gpg_error_t err);

/* Gets the next event, or line, waiting for it; both see that log and monitor are shown every
   line once.  Returns 0; EOF; what eva_conn_next found wrong, translated.  */
gpg_error_t eva__ctx_wait_event (assuan_context_t ctx, struct eva_event *ret);
gpg_error_t eva__ctx_wait_line (assuan_context_t ctx, char **ret_line, size_t *ret_len);

/* Who handled the line that came last is done with it: it is overwritten.  */
void eva__ctx_forget_line (assuan_context_t ctx);

/* eva_conn_next with log and monitor.  */
int eva__ctx_next (assuan_context_t ctx, struct eva_event *ret);

/* Shows log and monitor the lines that were queued.  */
void eva__ctx_show_output (assuan_context_t ctx);

/* What is queued from now on is confidential if IS_SECRET, and while the program says so.  Used in
   pairs, for what was confidential when it was set and is said later; with false at the end.  */
void eva__ctx_mark_output (assuan_context_t ctx, bool is_secret);

/* The program says whether what is said and heard is confidential.  */
void eva__ctx_set_confidential (assuan_context_t ctx, bool is_confidential);

/* --- Errors (error.c) ------------------------------------------------------------------------- */

/* CODE with the error source of CTX, which may be NULL.  */
gpg_error_t eva__ctx_error (assuan_context_t ctx, gpg_err_code_t code);

/* What the system call that just failed left in errno.  */
gpg_error_t eva__ctx_syserror (assuan_context_t ctx);

/* What an eva_conn function returned: 0 or more is 0.  */
gpg_error_t eva__ctx_conn_error (assuan_context_t ctx, int rc);

/* --- Saying (say.c) --------------------------------------------------------------------------- */

/* Queues `WORD TEXT`, or WORD alone if TEXT is NULL, as a raw line, cut as eva__ctx_cut does.  */
gpg_error_t eva__ctx_queue_line (assuan_context_t ctx, const char *word, const char *text);

/* Queues the LEN octets at TEXT as a comment, likewise.  */
gpg_error_t eva__ctx_queue_comment (assuan_context_t ctx, const char *text, size_t len);

/* Cuts TEXT for a line on which USED octets stand already, the way that programs are used to:
   at its first LF, and if the whole line had over 1000 octets, to 999; the log tells.  Returns
   TEXT, or BUF with the shorter copy.  */
const char *eva__ctx_cut (assuan_context_t ctx, const char *text, size_t used,
                          char buf[EVA_LINE_SIZE]);

/* Logs that a line which the program said was cut at its LF, at the end of a full line, or both.  */
void eva__ctx_log_cut (assuan_context_t ctx, bool at_lf, bool at_end);

/* What to do with what was queued: RC is what the eva_conn function returned.  Sends it.  */
gpg_error_t eva__ctx_said (assuan_context_t ctx, int rc);

/* Returns true if RC says that the queue is full, and sending made room in it though nobody may wait
   for that: the line can be queued again.  */
bool eva__ctx_made_room (assuan_context_t ctx, int rc);

/* RC, not 0, is why a line could not be queued.  Returns the error; where nobody may wait for room,
   the connection is over.  */
gpg_error_t eva__ctx_not_said (assuan_context_t ctx, int rc);

/* Returns why nothing can be said any more: the peer is dead, or there is no connection; else 0. */
gpg_error_t eva__ctx_may_say (assuan_context_t ctx);

/* --- The stream of assuan_get_data_fp (stream.c) ---------------------------------------------- */

/* Closes it, unless the program writes to it at this moment: then it
   is closed with the context.  */
void eva__ctx_close_data_stream (assuan_context_t ctx);

/* CTX goes away.  If the program writes at this moment, outside of all other calls, the stream stays
   with the program.  */
void eva__ctx_drop_data_stream (assuan_context_t ctx);

/* --- Log and monitor (log.c) ------------------------------------------------------------------ */

/* What the log has in place of what is confidential.  */
#define EVA__LOG_HIDDEN "[[Confidential data not shown]]"

/* Shows the LEN octets of LINE to the monitor and, unless IS_SECRET, to the log.  DIRECTION as for
   monitors.  Returns false if the monitor wants the line to be ignored.  */
bool eva__ctx_show_line (assuan_context_t ctx, int direction, const char *line, size_t len,
                         bool is_secret);

/* Returns true if eva__ctx_show_line would show anything to anybody.  */
bool eva__ctx_is_watched (assuan_context_t ctx);

/* Returns what can be set for CTX alone; NULL if there is no memory for that.  */
struct eva__watch *eva__ctx_own_watch (assuan_context_t ctx);

/* Logs a message of category CAT about the connection.  */
void eva__ctx_log (assuan_context_t ctx, unsigned int cat, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));

/* The handler that assuan_new uses until another is set.  */
int eva__log_default_cb (assuan_context_t ctx, void *hook, unsigned int cat, const char *msg);

/* --- Server ----------------------------------------------------------------------------------- */

/* Makes sure that what is registered concerns CTX alone: the table of a service is for all of its
   connections (command.c).  An error if CTX is NULL.  */
gpg_error_t eva__ctx_own_table (assuan_context_t ctx);

/* Registers the commands that every server has (command.c).  */
gpg_error_t eva__ctx_register_builtins (assuan_context_t ctx);

/* Finds a command: its very name first, then without regard to ASCII case (command.c).  */
struct eva__command *eva__ctx_find_command (assuan_context_t ctx, const char *name);

/* Returns true if NAME is a built-in command (builtin.c).  */
bool eva__builtin_exists (const char *name);

/* The handler of a built-in command, or of a name that has none; and its description at
   RET_HELP, unless either is NULL (builtin.c).  */
assuan_handler_t eva__builtin_handler (const char *name, const char **ret_help);

/* The OPTION and HELP commands (option.c, help.c).  */
gpg_error_t eva__builtin_option (assuan_context_t ctx, char *line);
gpg_error_t eva__builtin_help (assuan_context_t ctx, char *line);

/* Hands an event of a server to whom it belongs; RC and EV are what eva__ctx_next gave (serve.c).  */
gpg_error_t eva__serve_event (assuan_context_t ctx, int rc, const struct eva_event *ev);

/* Returns true if the program takes turns with assuan_process_next, and one is under way: there a
   handler's result ends no command (serve.c).  */
bool eva__ctx_is_in_program_turn (assuan_context_t ctx);

/* Opens the connection of a server: credentials, greeting.  Does nothing if that was done
   (listen.c).  */
gpg_error_t eva__ctx_open (assuan_context_t ctx);

/* The same for a program that asks what to watch, but for the greeting, unless the program
   registered something: it may yet set what it greets with.  That greeting failed is told later
   (listen.c).  */
void eva__ctx_open_to_watch (assuan_context_t ctx);

/* The socket that a parent left for us, or ASSUAN_INVALID_FD, and the parent's pid, or
   ASSUAN_INVALID_PID (listen.c).  */
assuan_fd_t eva__ctx_inherited_socket (pid_t *ret_pid);

/* Returns true if a command is under way (reply.c).  */
bool eva__ctx_is_busy (assuan_context_t ctx);

/* Finishes the command under way with RC: the reply, the notification, and closing where due
   (reply.c).  Returns what writing the reply gave.  */
gpg_error_t eva__ctx_finish_command (assuan_context_t ctx, gpg_error_t rc);

/* Runs the continuation of an open inquiry with RC and, if RC is 0, its data; once
   (inquire.c).  Returns what it returned, or 0 if none was open.  */
gpg_error_t eva__ctx_end_inquiry (assuan_context_t ctx, gpg_error_t rc);

/* The same with an error in the midst of the answer.  In a blocking loop, what the continuation
   returned also ends the command (inquire.c).  */
gpg_error_t eva__ctx_fail_inquiry (assuan_context_t ctx, gpg_error_t rc);

/* Sends an inquiry, for at most MAXLEN octets (0: the limit of the connection, if there is one;
   inquire.c).  */
gpg_error_t eva__ctx_inquire (assuan_context_t ctx, const char *keyword, size_t maxlen);

/* Nobody waits for the answer to CTX's inquiry any more: what is still to come of it is skipped, and
   says nothing about a later inquiry.  Does nothing behind its end (inquire.c).  */
void eva__ctx_give_up_answer (assuan_context_t ctx);

/* The error that an event of the answer stands for; 0 for data and END (inquire.c).  */
gpg_error_t eva__ctx_answer_error (assuan_context_t ctx, const struct eva_event *ev);

/* An event of the answer to an open inquiry (inquire.c).  */
gpg_error_t eva__ctx_on_answer (assuan_context_t ctx, const struct eva_event *ev);

/* Closes FD, unless it is INPUT's or OUTPUT's: a peer may name one inherited descriptor for both
   (descriptor.c).  */
void eva__ctx_close_unused (assuan_context_t ctx, assuan_fd_t fd);

/* Closes the descriptors of INPUT and OUTPUT and those that wait (descriptor.c).  */
void eva__ctx_close_fds (assuan_context_t ctx);

/* --- Client ----------------------------------------------------------------------------------- */

/* Waits for the server's greeting (client.c).  */
gpg_error_t eva__ctx_hear_greeting (assuan_context_t ctx);

/* --- Growing memory (membuf.c) ---------------------------------------------------------------- */

gpg_error_t eva__membuf_add (assuan_context_t ctx, struct eva__membuf *mb, const void *data,
                             size_t len);

/* Takes the memory out of MB, with a NUL behind its length; NULL if there is no memory.  */
unsigned char *eva__membuf_take (assuan_context_t ctx, struct eva__membuf *mb, size_t *ret_len);

void eva__membuf_free (assuan_context_t ctx, struct eva__membuf *mb);

/* --- Defaults (defaults.c) -------------------------------------------------------------------- */

/* Makes SYS work with what new contexts get, on behalf of CTX: the hooks of the program, or the
   default functions.  */
void eva__default_sys_init (struct eva__io_sys *sys, assuan_context_t ctx);

#endif /* EVA__ASSUAN_CONTEXT_H */
