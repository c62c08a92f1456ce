/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* eva.h - Assuan servers and clients that live in an event loop and never block it.

   What a connection says and hears stands in assuan.h: its handlers use assuan_send_data,
   assuan_write_status, assuan_inquire_ext, assuan_set_error and so on.  This header adds how
   connections come, are driven, limited, and end:

       eva_server   listens, and serves any number of clients with the commands of a service
       eva_connect  connects, and eva_call calls; the answers come as callbacks
       eva_pump     streams bulk data between descriptors and connections
       eva_process  drives one context by hand, in a loop of the program's own

   Every context that is driven by eva.h is non-blocking: reads take what is there, writes are
   queued and leave together when the turn of the loop ends.  Of the functions of assuan.h
   those that wait are refused there with GPG_ERR_NOT_SUPPORTED: assuan_inquire,
   assuan_transact, assuan_process, assuan_process_next, assuan_read_line,
   assuan_client_read_response.  So are those that would give the context another connection:
   assuan_accept, assuan_init_pipe_server, assuan_init_socket_server, assuan_socket_connect,
   assuan_socket_connect_fd, assuan_pipe_connect.  Once the connection is over, those that say
   something fail with GPG_ERR_EPIPE, or GPG_ERR_TOO_LARGE over a limit.

   A call or a pump that is begun between assuan_begin_confidential and assuan_end_confidential is
   confidential to its end: nothing that is said or heard for it comes into the log.

   A handler's result ends its command, as in assuan_process, unless the handler returned
   eva_defer (ctx), gave the command to eva_pump, or has an assuan_inquire_ext outstanding;
   then it ends with assuan_process_done, or with the result of the inquiry's continuation.

   What lives in a loop belongs to the process that the loop belongs to (eva-loop.h), and a context that
   is driven by hand to the process that read or wrote on it last.  In another one, a child of fork,
   to release, free, detach or cancel something closes descriptors and frees memory, and that is all:
   nothing is said to a peer, no callback runs, the file of a socket stays, no child is waited for.
   All this comes in the process that it belongs to.  eva_close does nothing there.  So a helper that
   a server forks may end as it likes, with exit handlers and destructors.

   A daemon that forks before it serves goes on with everything by running the loop.  Its parent ends
   by _exit, as in daemon(3): eva_server_free there would remove the file of the socket.  The child's
   removes it if nobody else listens there any more, so several processes can serve one socket.

   Every function here is called from the thread of the loop, and may be called within every
   callback unless it says otherwise.  A context may be released within each of its callbacks.

   A callback may run the loop again, as modal dialogs do, if the loop is one that allows it
   (eva-loop.h says which).  What does not depend on that callback goes on meanwhile:

   * all other connections, those that come, and timers;
   * in the connection of the callback what is to be sent, pumps, and the times for commands, for
     output that is not taken, and for closing;
   * in a server: if the client leaves, or the time of its command is over, those who wait for
     the end of the command are told at once, in the dialog, which can be closed then: a pump's
     done, an inquiry's continuation, or the function of eva_set_cancel;
   * in a client, while done or ready runs, all other calls: they are sent, answered, time out, and
     end with the connection.

   The rest waits until the callback returns:

   * in a server the lines of this client: its next command, and answers to inquiries, for which its
     time begins then; the reply to a command whose time is over, as the callback may still say
     something; the function of eva_set_writable; and the close function;
   * in a client, while data, status or inquire runs, all lines that follow and the end of the
     connection, and done of this call, also if its time is over; and in any case closed.

   A context that is driven by hand takes no turn within its own callbacks (eva_process).  A program
   that runs its loop there does not watch the context meanwhile: neither its descriptors nor its
   deadline, which would come again and again.

   So the function of eva_set_cancel may run within the handler of its command: what the two share
   has to outlive both.  A log handler, an I/O monitor and a hook for memory do not run the loop.
   If one does, nothing at all goes on in its connection.

   Errors are gpg_error_t values with source Assuan or the context's own, which is what
   assuan_set_gpg_err_source set before eva_server_new or eva_connect.  */

#ifndef EVA_H
#define EVA_H

#include <assuan.h>
#include <eva-loop.h>
#include <eva-words.h>

#include <limits.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

typedef struct eva_server eva_server;

/* A call under way.  It has no short name: that is the function's.  */
struct eva_pending_call;

/* --- Limits of a connection ------------------------------------------------------------------- */

/* In every limit 0 means the default, and the largest value of its type means none.  */
#define EVA_NO_LIMIT     UINT_MAX
#define EVA_NO_LIMIT_LEN SIZE_MAX

/* The defaults.  */
#define EVA_DEFAULT_HIGH_WATER_LEN   ((size_t) 64 << 10)
#define EVA_DEFAULT_MAX_QUEUED_LEN   ((size_t) 4 << 20)
#define EVA_DEFAULT_MAX_INQUIRY_LEN  ((size_t) 64 << 20)
#define EVA_DEFAULT_MAX_PENDING_FDS  64u
#define EVA_DEFAULT_LINE_TIMEOUT_MS  30000u
#define EVA_DEFAULT_CLOSE_TIMEOUT_MS 5000u

/* What one connection may cost.  Zero-initialized it holds the defaults.  For a client
   max_inquiry_len and the timeouts of lines, commands and inquiries mean nothing: how long it
   waits for a server is said with each call, and with nothing said it waits for ever.
   A time begins when what it limits does: what handlers worked before, of this connection or of
   others, does not count.  Where there was no limit, one that is set counts from then.  */
struct eva_limits {
  /* Octets of queued output above which no more of the peer is read and its pumps pause.  */
  size_t high_water_len;

  /* Octets of queued output above which the peer is dropped: it does not read what it asked for.
     What fails then fails with GPG_ERR_TOO_LARGE.  */
  size_t max_queued_len;

  /* Octets that an inquiry may be answered with, whatever the handler allows.  */
  size_t max_inquiry_len;

  /* Descriptors that the peer sent and no command took yet; EVA_DEFAULT_MAX_PENDING_FDS.  If a message
     brings more, or some for which this process has no numbers left, all that do not fit are closed,
     a client is told so (GPG_ERR_TOO_LARGE, GPG_ERR_EMFILE), and the connection ends.  */
  unsigned int max_pending_fds;

  /* Milliseconds in which a line that was begun must end; EVA_DEFAULT_LINE_TIMEOUT_MS.  */
  unsigned int line_timeout_ms;

  /* Milliseconds without a line from the peer, or in which it takes nothing of what is queued for
     it, while no command is at work; default: none.  */
  unsigned int idle_timeout_ms;

  /* Milliseconds that a command may work, inquiries not counted; default: none.  A command that is
     over it is cancelled and answered with GPG_ERR_TIMEOUT; the connection goes on.  */
  unsigned int command_timeout_ms;

  /* Milliseconds that the peer has to answer an inquiry; default: none.  The inquiry's continuation
     gets GPG_ERR_TIMEOUT.  */
  unsigned int inquiry_timeout_ms;

  /* Milliseconds that the peer has to take the last words of a connection that ends;
     EVA_DEFAULT_CLOSE_TIMEOUT_MS.  */
  unsigned int close_timeout_ms;
};

/* Sets the limits of the connection of CTX to LIMITS, which is copied.  Those of octets and
   descriptors are for what comes from now on.  Any time after the connection was made or accepted.
   Returns 0; GPG_ERR_ASS_INV_VALUE; GPG_ERR_ENOMEM; GPG_ERR_NOT_SUPPORTED if CTX is not
   non-blocking.  */
gpg_error_t eva_set_limits (assuan_context_t ctx, const struct eva_limits *limits);

/* --- Contexts of assuan_process_next ---------------------------------------------------------- */

/* The default of eva_set_max_ahead_len.  */
#define EVA_DEFAULT_MAX_AHEAD_LEN ((size_t) 1 << 20)

/* Sets how many octets CTX, a server that the program takes turns with by assuan_process_next, keeps
   of what its client sends ahead of the end of a command that is pending.  assuan_process_next reads
   on that far, so that a level-triggered loop comes to rest and hears of the client's end; if more
   comes it returns GPG_ERR_TOO_LARGE, once, with DONE set, and what came counts as all there was.
   The memory that CTX takes for it grows with what came, up to twice MAX_LEN, and is given back when
   nothing waits.  MAX_LEN 0: EVA_DEFAULT_MAX_AHEAD_LEN; below EVA_INPUT_SIZE (eva-conn.h) it counts as
   that, above 1 GiB as 1 GiB.  Other contexts hold up their peer instead.  Any time, also before CTX
   is connected; it holds for every connection of CTX.
   Returns 0; GPG_ERR_ASS_INV_VALUE; GPG_ERR_NOT_SUPPORTED if CTX is non-blocking.  */
gpg_error_t eva_set_max_ahead_len (assuan_context_t ctx, size_t max_len);

/* --- Contexts driven by hand ------------------------------------------------------------------ */

/* The answer of eva_get_deadline if there is none.  */
#define EVA_NO_DEADLINE UINT64_MAX

/* Makes CTX, a server or client of assuan.h that is connected, non-blocking for the rest of its
   life.  Its descriptors keep their flags.  Before the first octet was exchanged with a client, who
   is greeted by this: assuan_set_hello_line comes first.
   Returns 0; GPG_ERR_ASS_INV_VALUE without a connection; GPG_ERR_ENOMEM; GPG_ERR_NOT_SUPPORTED
   with system hooks other than the default ones, or within a callback of CTX; GPG_ERR_EPIPE for a
   client to which assuan_transact returned GPG_ERR_ASS_INV_RESPONSE for a line of its server.  */
gpg_error_t eva_set_nonblocking (assuan_context_t ctx);

/* Returns the descriptor of CTX on which to wait for EVENT, EVA_READABLE or EVA_WRITABLE: the same
   one for a socket, two for pipes.  It stays CTX's.  Returns ASSUAN_INVALID_FD once the connection
   is closed.  */
int eva_get_fd (assuan_context_t ctx, unsigned int event);

/* Returns what to wait for now: EVA_READABLE, EVA_WRITABLE, both, or none, which still means
   EVA_HANGUP for a socket.  The end of a pipe that nothing is wanted of is better left out: poll
   would report again and again that its other end is gone.  It changes with every call that makes
   CTX say or hear something.  */
unsigned int eva_get_events (assuan_context_t ctx);

/* Returns the time, as eva_now, at which eva_process has to be called even if nothing came: 0 if
   lines wait that can be handled at once, EVA_NO_DEADLINE if there is none.  Where nothing is wanted
   of two pipes it is a second after the last turn: eva_process looks then whether the peer is
   gone.  */
uint64_t eva_get_deadline (assuan_context_t ctx);

/* One turn: takes what came according to REVENTS (EVA_READABLE, EVA_WRITABLE, EVA_HANGUP, or none
   at a deadline), runs what handlers and callbacks are due at NOW_NS (as eva_now), and sends what
   was said, in one write.  It reads at most once, handles a bounded number of lines, and never
   waits.
   Returns 0 if the connection goes on.  Otherwise it is over, which was told to all whom it
   concerns, and what is left to do is assuan_release: GPG_ERR_EOF if the peer left or said BYE and
   everything was sent, GPG_ERR_EPIPE if it left before, GPG_ERR_TIMEOUT, GPG_ERR_TOO_LARGE over a
   limit, for a client what its server said wrong (GPG_ERR_ASS_LINE_TOO_LONG,
   GPG_ERR_ASS_INV_RESPONSE), or what the system gave.  If CTX was released within,
   GPG_ERR_EOF; it must not be touched then.  Not within a callback of CTX
   (GPG_ERR_ASS_NESTED_COMMANDS), nor for a context that a loop drives, as one of eva_connect
   (GPG_ERR_NOT_SUPPORTED).  */
gpg_error_t eva_process (assuan_context_t ctx, unsigned int revents, uint64_t now_ns);

/* Lets LOOP drive CTX, which is made non-blocking.  OVER, which may be NULL, is called with ARG
   once, out of LOOP, when the connection is over; ERR is what eva_process tells then.  CTX stays
   the caller's, who releases it, in OVER or elsewhere; without that call OVER does not run.
   assuan_release does not wait then for a program that assuan_pipe_connect started: LOOP reaps it, as
   for eva_connect, unless the program's own hook for waitpid has to.
   Returns 0; GPG_ERR_ENOMEM; GPG_ERR_ASS_INV_VALUE for a context that is attached already, or of
   eva_connect; what eva_set_nonblocking gives; or what watching its descriptors gave.  */
gpg_error_t eva_attach (assuan_context_t ctx, eva_loop *loop,
                        void (*over) (assuan_context_t ctx, void *arg, gpg_error_t err), void *arg);

/* Takes CTX back from the loop of eva_attach: it can be driven by hand, or attached elsewhere; OVER
   does not run any more.  A pump that is under way ends with GPG_ERR_CANCELED, its command goes on.
   Does nothing if CTX is not attached, or belongs to a server or eva_connect.  */
void eva_detach (assuan_context_t ctx);

/* Returns the loop that CTX lives in, for timers of its commands: that of its server, that of
   eva_connect, or, until the connection is over, that of eva_attach.  It stays the program's.
   NULL if CTX is driven by hand, or not by eva.h.  From anywhere, also within callbacks of
   CTX.  */
eva_loop *eva_get_loop (assuan_context_t ctx);

/* --- Commands that take their time ------------------------------------------------------------ */

/* Called within a handler, or the continuation of assuan_inquire_ext, whose command stays open
   then until assuan_process_done: `return eva_defer (ctx);`.  Returns 0, or
   GPG_ERR_ASS_GENERAL if no command of CTX is under way.  */
gpg_error_t eva_defer (assuan_context_t ctx);

/* Has CB called once, with ARG and the reason, if the command under way cannot be finished any
   more: GPG_ERR_EPIPE if the client is gone, GPG_ERR_TIMEOUT over command_timeout_ms,
   GPG_ERR_CANCELED when CTX, its server or its loop goes away or a drain's time is over.  CB frees
   what the command holds; it need not call assuan_process_done, which is harmless.  If the command
   is finished first, CB does not run.  Nor does it if an inquiry is open: the continuation of that
   is called with the reason and ends the command, or returns eva_defer (CTX), and then CB runs
   behind it.  A second call replaces CB; NULL takes it back.
   Returns 0; GPG_ERR_ASS_GENERAL if no command of CTX is under way; GPG_ERR_ENOMEM.  */
gpg_error_t eva_set_cancel (assuan_context_t ctx,
                            void (*cb) (assuan_context_t ctx, void *arg, gpg_error_t reason),
                            void *arg);

/* --- Services --------------------------------------------------------------------------------- */

/* A command: its name, the function that runs it (NULL: the built-in one of that name), and its
   description for HELP, or NULL.  */
struct eva_command {
  const char *name;
  assuan_handler_t handler;
  const char *help;
};

/* What a server does.  It is constant, shared by all connections, and must live as long as the
   server.  The commands NOP, CANCEL, OPTION, BYE, AUTH, RESET, END and HELP are there without being
   named.  Every member may be NULL or 0.  */
struct eva_service {
  const char *hello; /* the greeting, as it is; NULL: the usual one */
  const struct eva_command *commands;
  size_t n_commands;

  /* A client came, was allowed, and will be greeted next: the place for assuan_set_pointer.  An
     error refuses it with an ERR line.  */
  gpg_error_t (*open) (assuan_context_t ctx);

  /* The connection ends, for each one whose open returned 0, once: REASON as from eva_process, or
     GPG_ERR_CANCELED for the server's own decision.  CTX is released behind it.  */
  void (*close) (assuan_context_t ctx, gpg_error_t reason);

  /* As assuan_register_option_handler, _reset_notify, _input_notify, _output_notify.  */
  gpg_error_t (*option) (assuan_context_t ctx, const char *name, const char *value);
  assuan_handler_t reset;
  assuan_handler_t input;
  assuan_handler_t output;
};

/* --- Servers ---------------------------------------------------------------------------------- */

/* The most that the defaults are.  */
#define EVA_DEFAULT_MAX_CONNECTIONS 16384u
#define EVA_DEFAULT_MAX_PASSED_FDS  16384u
#define EVA_DEFAULT_MAX_HELD_LEN    ((size_t) 1 << 30)

/* What a server may cost.  Zero-initialized it holds the defaults.  Those of descriptors follow what
   the process may have (RLIMIT_NOFILE, the soft limit) when a client comes: 5/8 of that are
   connections, 1/4 descriptors that clients passed, and 1/8 is left to the program; so one that
   serves many raises its limit first.  By default a uid may have all of it as long as only the
   server's own user and root may come in, and three quarters of each limit if others may
   (eva_server_allow_uid).  */
struct eva_server_limits {
  struct eva_limits connection; /* of each one */

  /* Connections of all, and of one uid.  A client above them is told so with an ERR line
     (GPG_ERR_LIMIT_REACHED) and closed before any memory is taken for it.  The last eighth of
     max_connections is for the server's own user and root alone.  By default, those are refused,
     too, whose descriptors would have a number in the last eighth of what the process may have, or, of
     other users, in the last quarter: so several servers in one process do not use up its
     descriptors.  */
  unsigned int max_connections;
  unsigned int max_connections_per_uid;

  /* Descriptors that clients passed, and the server still has: those that no command took yet, and
     those of INPUT and OUTPUT.  Of all connections, and of those of one uid.  A message above them is
     refused as one above max_pending_fds.  */
  unsigned int max_passed_fds;
  unsigned int max_passed_fds_per_uid;

  /* Octets of buffers (input, output, answers to inquiries) that all connections may hold together,
     and all of one uid.  One that would need more is dropped with GPG_ERR_TOO_LARGE.  */
  size_t max_held_len;
  size_t max_held_per_uid_len;
};

/* What a server did since it was made, and does now.  */
struct eva_stats {
  unsigned int n_connections;    /* now */
  unsigned int most_connections; /* the most at one time */
  unsigned int n_open_commands;  /* now */
  size_t held_len;               /* octets of buffers now */
  size_t most_held_len;          /* the most at one time */
  unsigned int n_passed_fds;     /* descriptors that clients passed, as for max_passed_fds, now */
  uint64_t n_accepted;           /* connections that were opened */
  uint64_t n_refused;            /* clients that were not: uid, limits, the open function */
  uint64_t n_commands;           /* that were finished */
  uint64_t n_cancelled;          /* commands that could not be */
  uint64_t n_timed_out;          /* lines, commands, inquiries, idle and closing connections */
  uint64_t n_dropped;            /* connections over a limit of octets or descriptors */
  uint64_t n_accept_pauses;      /* times that accepting stopped because descriptors ran out */
};

/* Makes a server in LOOP that offers SERVICE.  USERDATA is what eva_get_userdata returns.  Stores
   it at RET_SERVER, to be freed with eva_server_free before LOOP is.
   Returns 0; GPG_ERR_ENOMEM; GPG_ERR_ASS_INV_VALUE if LOOP or SERVICE is NULL, or a command has no
   name, or no function though there is no built-in one of that name.  */
gpg_error_t eva_server_new (eva_loop *loop, const struct eva_service *service, void *userdata,
                            eva_server **ret_server);

/* Closes all connections at once (open commands are cancelled, replies that wait are lost) and all
   listeners, removes their sockets' files, and frees SERVER.  NULL is allowed.  Within a callback
   of a connection, too: it goes away behind it.  */
void eva_server_free (eva_server *server);

/* Sets the limits of SERVER to LIMITS, which is copied.  Those of a connection are for connections
   that come from now on.  Returns 0; GPG_ERR_ASS_INV_VALUE; GPG_ERR_ENOMEM.  */
gpg_error_t eva_server_set_limits (eva_server *server, const struct eva_server_limits *limits);

/* Every user; for TCP, whose peers the kernel does not tell, the only way to accept them.  */
#define EVA_ANY_UID ((uid_t) - 1)

/* Lets clients of user UID in.  Without this call they are those of the server's own effective uid
   and root; with it, those of UID in addition, if they can reach the socket: a path is of mode 0600
   until the program changes that.
   Returns 0 or GPG_ERR_ENOMEM.  */
gpg_error_t eva_server_allow_uid (eva_server *server, uid_t uid);

/* Flags of eva_server_listen.  */
#define EVA_LISTEN_FDPASSING   1u /* clients may pass descriptors */
#define EVA_LISTEN_ANY_ADDRESS 2u /* TCP: other addresses than loopback, too */

/* Listens on ADDRESS:

       unix:/path            mode 0600.  A socket that nobody listens on any more is replaced; one
                             that is in use is not
       unix:@name            an abstract one
       tcp:127.0.0.1:port    numeric; IPv6 in brackets; port 0 is a free one
       fd:N                  a listening socket, which stays the caller's, so that several threads
                             can listen on one; or a connected one, as eva_server_adopt (its copy)
       systemd:              all sockets of systemd's activation (sd_listen_fds(3))
       systemd:name          those of them with this name

   May be called more than once.  Two servers that want the same path are kept apart by a lock
   (flock) on its directory; who holds that makes this call wait, for at most a fifth of a
   second.
   Returns 0; GPG_ERR_ASS_GENERAL if SERVER is draining; GPG_ERR_INV_ARG for an address
   of no such form; GPG_ERR_EADDRINUSE if it is in use, or a file that is no socket stands
   there; GPG_ERR_EACCES for TCP without EVA_ANY_UID, or an address that is not loopback
   without EVA_LISTEN_ANY_ADDRESS; GPG_ERR_ENAMETOOLONG for over 107 octets; GPG_ERR_ENOENT if
   systemd passed no (such) socket; or what the system gave.  */
gpg_error_t eva_server_listen (eva_server *server, const char *address, unsigned int flags);

/* Returns the address of the listener with number INDEX, from 0 in the order of their making, in
   the form of eva_server_listen (with the real port), or NULL if there is none.  It is SERVER's,
   valid until the next call or eva_server_free.  */
const char *eva_server_get_address (eva_server *server, size_t index);

/* Serves the client at the other end of FD, a connected stream socket, which SERVER owns from then
   on, on success.  It is subject to the limits and to eva_server_allow_uid; one of TCP also needs
   EVA_LISTEN_ANY_ADDRESS unless its own end has a loopback address.  FLAGS as for
   eva_server_listen.  Stores the connection's context at RET_CTX unless that is NULL; it is
   SERVER's, valid until the close function returned; NULL if that has run already, because a
   monitor or log callback that was shown the greeting released the context.
   Returns 0; GPG_ERR_EACCES; GPG_ERR_LIMIT_REACHED; GPG_ERR_ENOMEM; what the open function gave;
   or what the system gave.  On failure FD stays the caller's.  */
gpg_error_t eva_server_adopt (eva_server *server, int fd, unsigned int flags,
                              assuan_context_t *ret_ctx);

/* Serves the client that started this process (assuan_pipe_connect, `exec:`): through the
   socket that _assuan_connection_fd names, else through IN_FD and OUT_FD, which SERVER owns
   from then on, on success; they are usually 0 and 1.  A process that serves nobody else stops
   its loop in the close function: the client waits for its end.  RET_CTX and the return values
   are as for eva_server_adopt.  */
gpg_error_t eva_server_adopt_pipe (eva_server *server, int in_fd, int out_fd,
                                   assuan_context_t *ret_ctx);

/* Ends SERVER's work gently: no new connections; those without a command are closed; commands
   finish, for at most TIMEOUT_MS milliseconds (EVA_NO_LIMIT: without end), and are cancelled then.
   DONE, which may be NULL, is called once, out of the loop, when no connection is left; SERVER may
   be freed there.  It does not run if SERVER is freed before.
   Returns 0; GPG_ERR_ENOMEM; GPG_ERR_ASS_GENERAL if SERVER is draining already.  */
gpg_error_t eva_server_drain (eva_server *server, unsigned int timeout_ms,
                              void (*done) (eva_server *server, void *arg), void *arg);

/* Stores what SERVER did and does at RET_STATS.  */
void eva_server_get_stats (eva_server *server, struct eva_stats *ret_stats);

/* Calls CB with ARG for each connection of SERVER; it may release none but by assuan_set_flag with
   ASSUAN_FORCE_CLOSE or eva_close.  */
void eva_server_each (eva_server *server, void (*cb) (assuan_context_t ctx, void *arg), void *arg);

/* Returns the server that CTX belongs to, or NULL.  */
eva_server *eva_get_server (assuan_context_t ctx);

/* Returns the USERDATA of the server that CTX belongs to, or NULL.  */
void *eva_get_userdata (assuan_context_t ctx);

/* Ends the connection of CTX, of a server or of eva_connect: what is queued is still sent, an
   open command is cancelled (its continuation, done or function for cancelling runs within
   this call), calls end with GPG_ERR_CANCELED (their done, too, but those of a connection that
   is not made yet run later).  The close function, or closed callback, runs later, out of the
   loop.  A context of a server is released then; one of eva_connect stays the caller's.  */
void eva_close (assuan_context_t ctx);

/* --- Bulk data -------------------------------------------------------------------------------- */

/* In place of a descriptor in struct eva_pump_config: the connection itself.  It is not -1, so that
   what a failed open returned, or ASSUAN_INVALID_FD, never stands for it.  */
#define EVA_PUMP_CONNECTION (-2)

/* Flags of struct eva_pump_config.  */
#define EVA_PUMP_CLOSE_FROM 1u /* from_fd is the pump's and closed when it ends */
#define EVA_PUMP_CLOSE_TO   2u /* likewise to_fd */

/* How often progress is told, unless told otherwise.  */
#define EVA_DEFAULT_PROGRESS_INTERVAL_MS 500u

/* What a pump does.  Zero is a good value for all but from_fd and to_fd.  */
struct eva_pump_config {
  /* EVA_PUMP_CONNECTION: the data that an inquiry is answered with, at to_fd.  */
  int from_fd;

  /* EVA_PUMP_CONNECTION: data lines with what from_fd has, up to its end.  */
  int to_fd;

  unsigned int flags;

  /* The inquiry, with from_fd EVA_PUMP_CONNECTION: KEYWORD and parameters.  */
  const char *inquiry;

  /* The most octets; 0: no limit but max_inquiry_len for inquiries.  More is an error,
     GPG_ERR_TOO_LARGE, or for inquiries GPG_ERR_ASS_TOO_MUCH_DATA.  */
  uint64_t max_len;

  /* If WHAT is not NULL: status lines `PROGRESS WHAT ? CURRENT TOTAL` every INTERVAL_MS
     milliseconds (0: EVA_DEFAULT_PROGRESS_INTERVAL_MS), unless the client does not take what
     it is sent, and at the end; in the form of GnuPG's progress lines.  Octets; a TOTAL of 0
     is unknown.  WHAT is one word, and copied.  */
  const char *progress_what;
  uint64_t progress_total;
  unsigned int progress_interval_ms;

  /* Called once with ARG when the pump ends: ERR is 0 at the end of the data, an error of
     reading or writing, of the inquiry's answer as for assuan_inquire_ext, or as in
     eva_set_cancel; N_PUMPED octets.  Then the command is still open, unless it was cancelled.
     NULL: the command is finished with ERR.  */
  void (*done) (assuan_context_t ctx, void *arg, gpg_error_t err, uint64_t n_pumped);
  void *arg;
};

/* Streams bulk data within the command under way, which stays open: `return eva_pump (ctx,
   &config);`.  Nothing is buffered beyond the limits of the connection: the faster side waits
   for the slower one.  Everything but files is set to O_NONBLOCK while the pump runs, and
   back; files may be anything that read and write take.  Descriptors must not be closed before
   done.  Those of assuan_get_input_fd and assuan_get_output_fd are the usual from_fd and to_fd
   of commands that the client gave one with INPUT and OUTPUT; they stay the context's, which
   closes them at RESET, or when done calls assuan_close_input_fd or assuan_close_output_fd, or
   with EVA_PUMP_CLOSE_FROM and EVA_PUMP_CLOSE_TO.  CONFIG is copied.  Before a function for
   cancelling (eva_set_cancel) done runs, and if it finishes the command that is all.  A
   command that is finished while its pump runs (assuan_process_done, an error of its handler)
   ends the pump with GPG_ERR_CANCELED.  One pump at a time, but done may begin the next.
   Returns 0, and eva_defer's effect; GPG_ERR_ASS_GENERAL if no command of CTX is under way;
   GPG_ERR_ASS_NESTED_COMMANDS if a pump or an inquiry is; GPG_ERR_ASS_INV_VALUE for a CONFIG
   that makes no sense; GPG_ERR_EBADF for a descriptor that is none, such as -1, or is not open
   in this direction; GPG_ERR_NOT_SUPPORTED if CTX is driven by hand, with no loop to watch
   descriptors; GPG_ERR_EPIPE if the client is known to be gone; GPG_ERR_ENOMEM.  On failure
   done does not run and no descriptor is closed.  */
gpg_error_t eva_pump (assuan_context_t ctx, const struct eva_pump_config *config);

/* --- Clients ---------------------------------------------------------------------------------- */

#define EVA_DEFAULT_CONNECT_TIMEOUT_MS  10000u
#define EVA_DEFAULT_GREETING_TIMEOUT_MS 30000u

/* Flags of struct eva_connect_config.  */
#define EVA_CONNECT_FDPASSING 1u /* descriptors may be passed; `exec:` gets a socket, not pipes */
#define EVA_CONNECT_STDERR    2u /* the program of `exec:` has this process's stderr */

/* How to connect.  Zero is a good value for everything.  */
struct eva_connect_config {
  unsigned int flags;
  unsigned int connect_timeout_ms;  /* until there is a connection */
  unsigned int greeting_timeout_ms; /* from there to the server's greeting */
  struct eva_limits limits;

  /* The server greeted: called once, unless closed comes first.  */
  void (*ready) (assuan_context_t ctx, void *arg);

  /* The connection could not be made, or is over: called once, out of the loop, after all calls
     ended; not if CTX is released before.  ERR: GPG_ERR_ASS_CONNECT_FAILED or what the system gave;
     the server's own ERR for a refusal; GPG_ERR_TIMEOUT; GPG_ERR_EOF when the server closed, or
     GPG_ERR_EPIPE if it did so before it took what was said; GPG_ERR_CANCELED after eva_close.  */
  void (*closed) (assuan_context_t ctx, void *arg, gpg_error_t err);

  void *arg; /* of both */

  /* For the address `exec:` alone: the program and its arguments, with a NULL behind them, as they
     are, for words that have blanks.  Of use within eva_connect alone.  */
  const char *const *argv;
};

/* Connects to ADDRESS:

       unix:/path, unix:@name, tcp:IP:port    as for eva_server_listen; also what
                                              assuan_socket_connect takes
       exec:PROGRAM ARGUMENTS                 starts a server; words are separated by blanks,
                                              which nothing quotes; a program without slash is
                                              looked for in PATH; its stderr goes to /dev/null
                                              unless EVA_CONNECT_STDERR is set; it begins with no signal blocked or ignored
       fd:N                                   a connected socket, which CTX owns on success

   and waits for the greeting, all of it in LOOP: calls can be made at once and are sent when the
   server greeted.  CONFIG, which may be NULL, is copied.  Stores the context at RET_CTX, to be
   released by the caller with assuan_release, which does not wait: a child is reaped by LOOP, as
   long as that runs, or by eva_loop_free if it has ended by then.  A foreign loop does not go on
   for that alone.
   Errors that need no waiting are returned: GPG_ERR_INV_ARG for an address of no such form;
   GPG_ERR_ASS_CONNECT_FAILED if nobody listens there; GPG_ERR_ENAMETOOLONG; GPG_ERR_ENOENT for a
   program that is not there; GPG_ERR_ENOMEM; or what the system gave.  */
gpg_error_t eva_connect (eva_loop *loop, const char *address,
                         const struct eva_connect_config *config, assuan_context_t *ret_ctx);

/* Returns within ready what stood behind OK in the greeting of CTX's server, or NULL if nothing did;
   valid until ready returns.  NULL elsewhere.  */
const char *eva_get_greeting (assuan_context_t ctx);

/* Flags of struct eva_callbacks.  */
#define EVA_CALL_AHEAD 1u /* may be sent before the calls before it are answered: none inquires */

/* What a call wants.  It is copied.  Every member may be NULL or 0.  */
struct eva_callbacks {
  /* Data came: LEN octets at BUF, valid until it returns.  An error ends the call with it.  NULL:
     data end the call with GPG_ERR_ASS_NO_DATA_CB.  A bare END comes as (NULL, 0).  */
  gpg_error_t (*data) (void *arg, const void *buf, size_t len);

  /* A status line came: keyword and text, valid until it returns.  An error ends the call with
     it.  */
  gpg_error_t (*status) (void *arg, const char *text);

  /* A comment came: the line with its '#', valid until it returns.  An error ends the call with it.
     NULL: comments are skipped, or with ASSUAN_CONVEY_COMMENTS handed to status.  */
  gpg_error_t (*comment) (void *arg, const char *text);

  /* The server inquires: keyword and parameters.  It is answered with eva_answer_data and
     eva_answer_end or _cancel, now or later; an error cancels the inquiry and ends the call with
     it.  NULL: the inquiry is cancelled, the call ends with GPG_ERR_ASS_NO_INQUIRE_CB.  */
  gpg_error_t (*inquire) (void *arg, struct eva_pending_call *call, const char *text);

  /* The call ended, once: 0 for OK; the server's error; the callback's; GPG_ERR_TIMEOUT;
     GPG_ERR_CANCELED; GPG_ERR_EOF and others if the connection is over.  TEXT is what stood
     behind OK, or behind the code of the server's ERR, up to a NUL, valid until this returns;
     NULL if nothing did, or the error is not the server's.  CALL is gone by then.  Runs before
     closed, and within eva_call_cancel, eva_close and assuan_release, so ARG must live until
     then.  Does not run if eva_call failed.  */
  void (*done) (void *arg, gpg_error_t err, const char *text);

  unsigned int timeout_ms; /* for all of the call, from eva_call on; 0: none */
  unsigned int flags;

  /* A descriptor to pass along with the command, unless has_fd is false.  It is duplicated.  */
  bool has_fd;
  int fd;
};

/* Sends COMMAND, a line of at most 1000 octets without LF, which is copied, on CTX, of eva_connect
   or a client that is attached, when the calls before it are answered.  Stores the call at RET_CALL
   unless that is NULL; it is the library's, valid until done is called.
   Returns 0; GPG_ERR_ASS_INV_VALUE for a command that is empty, a comment, or has a LF;
   GPG_ERR_ASS_LINE_TOO_LONG; GPG_ERR_EPIPE if the connection is over; GPG_ERR_NOT_SUPPORTED for a
   descriptor where none can be passed; GPG_ERR_ENOMEM; or what dup gave.  */
gpg_error_t eva_call (assuan_context_t ctx, const char *command,
                      const struct eva_callbacks *callbacks, void *arg,
                      struct eva_pending_call **ret_call);

/* The same with a command that is put together as eva_format (eva-words.h) does, whose `%s` and `%-s`
   escape:

       eva_callf (ctx, &callbacks, arg, &call, "SETDESC %s", text);
       eva_callf (ctx, &callbacks, arg, NULL, "PUT --ttl=%u %-s", ttl, key);

   The line is wiped when it was sent.
   Returns as eva_call and eva_format; GPG_ERR_ASS_LINE_TOO_LONG if it would have over 1000 octets.  */
gpg_error_t eva_callf (assuan_context_t ctx, const struct eva_callbacks *callbacks, void *arg,
                       struct eva_pending_call **ret_call, const char *format, ...)
    GPGRT_ATTR_PRINTF (5, 6);

/* The same with its arguments in AP, which is the caller's to end, and is not used up.  */
gpg_error_t eva_vcallf (assuan_context_t ctx, const struct eva_callbacks *callbacks, void *arg,
                        struct eva_pending_call **ret_call, const char *format, va_list ap)
    GPGRT_ATTR_PRINTF (5, 0);

/* Gives CALL up: its done callback runs with GPG_ERR_CANCELED before this returns.  One that was
   not sent is not; in an inquiry the server gets CAN; the rest of a reply is dropped when it comes,
   and the connection stays usable.  */
void eva_call_cancel (struct eva_pending_call *call);

/* Returns the context that CALL was made on.  */
assuan_context_t eva_call_get_context (struct eva_pending_call *call);

/* Answers the inquiry that CALL is in with LEN octets at BUF, which are copied.  Any number of
   times.  Above high_water_len it is better to wait: see eva_set_writable.
   Returns 0; GPG_ERR_ASS_INV_VALUE if BUF is NULL but LEN is not 0; GPG_ERR_ASS_GENERAL if the server
   does not inquire; GPG_ERR_TOO_LARGE over max_queued_len (the connection is over then);
   GPG_ERR_EPIPE; GPG_ERR_ENOMEM.  */
gpg_error_t eva_answer_data (struct eva_pending_call *call, const void *buf, size_t len);

/* Ends the answer.  Returns as eva_answer_data.  */
gpg_error_t eva_answer_end (struct eva_pending_call *call);

/* Refuses the inquiry with CAN: the server will fail the command, and done tells how.  Returns as
   eva_answer_data.  */
gpg_error_t eva_answer_cancel (struct eva_pending_call *call);

/* Calls CB with ARG, out of the loop, once, when less than high_water_len octets of CTX wait to be
   sent: for those who produce data piece by piece, in answers and in commands.  NULL takes it back.
   Does not run any more once the connection is over; nor, if it was set while a command of a server
   was under way, once that command is finished or cancelled, as the function of eva_set_cancel.
   Returns 0; GPG_ERR_NOT_SUPPORTED if CTX is not in a loop; GPG_ERR_ENOMEM.  */
gpg_error_t eva_set_writable (assuan_context_t ctx, void (*cb) (assuan_context_t ctx, void *arg),
                              void *arg);

/* Returns the octets of CTX that wait to be sent.  */
size_t eva_get_queued_len (assuan_context_t ctx);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif /* EVA_H */
