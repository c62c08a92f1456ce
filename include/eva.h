/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* eva.h - Assuan servers and clients that live in an event loop and never block it.

   A handler says what it has to say with the functions of assuan.h: assuan_send_data,
   assuan_write_status, assuan_inquire_ext, assuan_set_error and so on.  This header adds how
   connections begin, who drives them, what limits them, and how they end:

       eva_server   listens, and serves any number of clients with the commands of a service
       eva_connect  connects, and eva_call calls; the answers come as callbacks
       eva_pump     streams bulk data between descriptors and connections
       eva_process  drives one context by hand, in a loop of the program's own

   Non-blocking contexts

   Every context that eva.h drives is non-blocking: a read takes what is there; what the program
   writes is queued and leaves in one write when the turn of the loop ends.  The functions of
   assuan.h that would wait fail there with GPG_ERR_NOT_SUPPORTED: assuan_inquire,
   assuan_transact, assuan_process, assuan_process_next, assuan_read_line,
   assuan_client_read_response.  So do those that would give the context another connection:
   assuan_accept, assuan_init_pipe_server, assuan_init_socket_server, assuan_socket_connect,
   assuan_socket_connect_fd, assuan_pipe_connect.  Once the connection is over, the functions that
   say something fail with GPG_ERR_EPIPE, or with GPG_ERR_TOO_LARGE if a limit ended it.

   A call or a pump that the program begins between assuan_begin_confidential and
   assuan_end_confidential is confidential to its end: the log shows nothing of what is said or
   heard for it.

   The end of a command

   The result of a handler ends its command, as in assuan_process.  There are three exceptions:
   the handler returned eva_defer (ctx), it gave the command to eva_pump, or its assuan_inquire_ext
   is outstanding.  Then assuan_process_done ends the command, or the result of the inquiry's
   continuation does.

   Processes

   A loop and what lives in it belong to one process (eva-loop.h says to which).  A context that
   the program drives by hand belongs to the process that read or wrote on it last.  In another
   process, a child of fork, the functions that release, free, detach or cancel something close
   descriptors and free memory, and do no more: they say nothing to a peer, run no callback, leave
   the file of a socket, and wait for no child.  All of that happens in the process that owns it.
   eva_close does nothing in another process.  So a helper that a server forks may end as it likes,
   with exit handlers and destructors.

   A daemon that forks before it serves goes on with everything: the child just runs the loop.
   The parent ends by _exit, as in daemon(3): eva_server_free in the parent would remove the file
   of the socket.  The child's eva_server_free removes the file if no other socket listens there
   any more, so several processes can serve one socket.

   Where functions may be called

   The program calls every function of this header from the thread of the loop.  It may do so
   within every callback, unless the function's comment says otherwise.  A program may release a
   context within each callback of that context.

   Callbacks that run the loop

   A callback may run the loop again, as a modal dialog does, if the loop is one that allows it
   (eva-loop.h says which).  What does not depend on that callback goes on meanwhile:

   * all other connections, new connections, and timers;
   * in the connection of the callback: output, pumps, and the times for commands, for output that
     the peer does not take, and for closing;
   * in a server: if the client leaves, or the time of its command is over, the library tells at
     once, within the dialog, what waits for the end of the command: a pump's done, an inquiry's
     continuation, or the function of eva_set_cancel.  The one that is called can close the dialog;
   * in a client, while done or ready runs: all other calls.  They are sent, answered, time out, and
     end with the connection.

   The rest waits until the callback returns:

   * in a server: the lines of this client, which are its next command and its answers to inquiries
     (the time for an answer begins then); the reply to a command whose time is over, because the
     callback may still say something; the function of eva_set_writable; and the close function;
   * in a client, while data, status or inquire runs: all lines that follow, the end of the
     connection, and done of this call, even if its time is over;
   * in a client, whichever callback runs: closed.

   A context that the program drives by hand takes no turn within its own callbacks (eva_process).
   A program that runs its loop there does not watch the context meanwhile: neither its descriptors
   nor its deadline, which would come again and again.

   So the function of eva_set_cancel may run within the handler of its command: what the two share
   has to outlive both.  A log handler, an I/O monitor and a hook for memory must not run the loop.
   If one does, nothing at all goes on in its connection.

   Errors

   Errors are gpg_error_t values with the source Assuan or the context's own source, which is what
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

/* A call under way.  The type has no shorter name, because the function eva_call has that.  */
struct eva_pending_call;

/* --- Services --------------------------------------------------------------------------------- */

/* Flags of struct eva_command.  */

/* What belongs to the command is confidential: its arguments, what it says, the answers to its
   inquiries.  The log, and monitors of assuan_set_io_monitor, see the keyword of each line alone:

       PASSWD [confidential]
       S KEYINFO [confidential]
       D [confidential]
       ERR 67108949 Bad PIN <User defined source 1> - [confidential]

   That holds from the line of the client on, whatever its case, and also if it has to wait, is
   malformed or refused, and for answers that come when the command is over.  A line that is
   over-long is never shown.  There is no need of assuan_begin_confidential.  */
#define EVA_COMMAND_SECRET 1u

/* The library compares the arguments of the command with its parameters, and does not run a handler
   whose line has others.  The client gets GPG_ERR_UNKNOWN_OPTION or GPG_ERR_ASS_PARAMETER, with a
   text that names what is wrong: `ttl: a number from 1 to 3600 is needed`.  */
#define EVA_COMMAND_CHECKED 2u

/* What a parameter may be.  */
enum eva_parameter_type {
  EVA_PLAIN,  /* an option without a value; an argument that may be any word */
  EVA_WORD,   /* any word */
  EVA_NUMBER, /* decimal digits; from min to max */
  EVA_HEX,    /* two hex digits an octet; from min to max octets */
  EVA_REST    /* the rest of the line, which may have blanks: the last argument alone */
};

/* A parameter of a command.  Options have a name that begins with two dashes, and may come in any
   order before the arguments, which come in the order of the table.  An argument is one word, with
   the exception of EVA_REST.  In a command that has options, two dashes alone end them; in others a
   word with dashes is an argument.  Members that are not named are 0.  */
struct eva_parameter {
  const char *name;             /* `--ttl`, or of an argument, `key` */
  enum eva_parameter_type type; /* of an option: of its value, which it then must have */
  const char *value;            /* of an option: what HELP calls its value; or NULL */
  const char *help;             /* one line; or NULL */
  uint64_t min, max;            /* max 0: no limit */
  bool is_optional;             /* an argument that may be missing, as those behind it may */
};

/* A command.  A table of them names the members: `{ .name = "ECHO", .handler = cmd_echo }`.  */
struct eva_command {
  const char *name;
  assuan_handler_t handler; /* runs it; NULL: the built-in function of that name */
  const char *help;         /* what HELP NAME shows, or NULL: a synopsis, an empty line, a text */
  unsigned int flags;       /* EVA_COMMAND_* */

  /* What follows the name; NULL and 0 if that is not described.  With a table HELP makes the
     synopsis, in the form of GnuPG's servers, and help is the text alone:

         # PUT [--ttl=<seconds>] <key> [<text>]
         #
         # Stores the text.
         #
         # --ttl=<seconds>  how long it stays (1 to 3600)

     The last part has a line for each parameter with a help or a limit.  A command with
     EVA_COMMAND_CHECKED and without a table has no arguments.  */
  const struct eva_parameter *parameters;
  size_t n_parameters;
};

/* What a server does.  It is constant, all connections share it, and it must live as long as the
   server.  The server has the commands NOP, CANCEL, OPTION, BYE, AUTH, RESET, END and HELP even if
   the service does not name them.  Every member may be NULL or 0.  */
struct eva_service {
  const char *hello; /* the greeting, as it is; NULL: the usual one */
  const struct eva_command *commands;
  size_t n_commands;

  /* In place of all else: the program itself speaks with the clients, by eva-conn.h for instance.
     Called when the server lets a client in, with the USERDATA of the server and the client's
     socket FD, which does not block if the server accepted it.  If it returns 0, FD is the
     program's, and the server knows no more of that client: no limit counts it, and no drain waits
     for it.  If it returns an error, the server refuses the client with an ERR line.  A client
     that came by two pipes gets GPG_ERR_NOT_SUPPORTED.  */
  gpg_error_t (*take) (void *userdata, int fd);

  /* Called when the server has let a client in and will greet it next: the place for
     assuan_set_pointer.  If it returns an error, the server refuses the client with an ERR
     line.  */
  gpg_error_t (*open) (assuan_context_t ctx);

  /* Called once when the connection ends, if open returned 0 for it.  REASON is what eva_process
     returns, or GPG_ERR_CANCELED if the server itself ended the connection.  The server releases
     CTX afterwards.  */
  void (*close) (assuan_context_t ctx, gpg_error_t reason);

  /* What assuan_register_option_handler, _reset_notify, _input_notify, _output_notify, _bye_notify
     and _cancel_notify take.  bye runs within the command BYE, before its answer; close follows, as
     after every other end.  cancel runs within the command CANCEL, whose answer stays an error.
     The results of these two are ignored.  */
  gpg_error_t (*option) (assuan_context_t ctx, const char *name, const char *value);
  assuan_handler_t reset;
  assuan_handler_t input;
  assuan_handler_t output;
  assuan_handler_t bye;
  assuan_handler_t cancel;

  /* What OPTION may set; NULL and 0: anything, and option decides.  With a table HELP OPTION shows
     it, and the server refuses other names with GPG_ERR_UNKNOWN_OPTION, and values that are not of
     the type with GPG_ERR_ASS_PARAMETER, before option is called.  The names have no dashes.
     EVA_PLAIN takes no value, EVA_REST one that may have blanks.  */
  const struct eva_parameter *options;
  size_t n_options;

  /* Called before each command, a built-in one too, with its NAME as the table has it, however the
     client wrote it.  If it returns an error, the server answers with that and does not run the
     command: the place for a check who may use which command (assuan_get_peercred).  It decides at
     once, and neither defers nor inquires.  Not called for a line that is no command.  */
  gpg_error_t (*before) (assuan_context_t ctx, const char *name);

  /* Called once for each command that before let pass, and for all where there is no before, when
     the command is over.  RESULT is what ended it: the result of its handler or continuation, what
     was given to assuan_process_done, or the reason if it was cancelled or its time was over.  A
     command that has an answer has said it by then, and the next one has not begun.  If the
     connection ends with the command, after runs before close.  */
  void (*after) (assuan_context_t ctx, const char *name, gpg_error_t result);
};

/* --- Limits of a connection ------------------------------------------------------------------- */

/* In every limit 0 means the default, and the largest value of its type means no limit.  */
#define EVA_NO_LIMIT     UINT_MAX
#define EVA_NO_LIMIT_LEN SIZE_MAX

/* The defaults.  */
#define EVA_DEFAULT_HIGH_WATER_LEN   ((size_t) 64 << 10)
#define EVA_DEFAULT_MAX_QUEUED_LEN   ((size_t) 4 << 20)
#define EVA_DEFAULT_MAX_INQUIRY_LEN  ((size_t) 64 << 20)
#define EVA_DEFAULT_MAX_PENDING_FDS  64u
#define EVA_DEFAULT_LINE_TIMEOUT_MS  30000u
#define EVA_DEFAULT_CLOSE_TIMEOUT_MS 5000u

/* What one connection may cost.  Zero-initialized it holds the defaults.  In a client
   max_inquiry_len and the timeouts of lines, commands and inquiries have no effect: each call says
   how long it waits for the server, and a call that says nothing waits forever.
   A time begins when the thing that it limits begins: the time that handlers took before, of this
   connection or of others, does not count.  Where there was no limit, a new limit counts from the
   moment in which it is set.  */
struct eva_limits {
  /* Octets of queued output above which the library reads no more from the peer and its pumps
     pause.  */
  size_t high_water_len;

  /* Octets of queued output above which the library drops the peer, which does not read what it
     asked for.  Calls that fail because of this fail with GPG_ERR_TOO_LARGE.  */
  size_t max_queued_len;

  /* Octets that the answer to an inquiry may have, whatever the handler allows.  */
  size_t max_inquiry_len;

  /* Descriptors that the peer sent and no command took yet; EVA_DEFAULT_MAX_PENDING_FDS.  If a
     message brings more, or if this process has no numbers left for some of them, the library
     closes all that do not fit, tells a client so (GPG_ERR_TOO_LARGE, GPG_ERR_EMFILE), and ends the
     connection.  */
  unsigned int max_pending_fds;

  /* Milliseconds that a line may take from its first octet to its end;
     EVA_DEFAULT_LINE_TIMEOUT_MS.  */
  unsigned int line_timeout_ms;

  /* Milliseconds without a line from the peer, or in which the peer takes nothing of what is queued
     for it, while no command is at work; default: no limit.  */
  unsigned int idle_timeout_ms;

  /* Milliseconds that a command may work, inquiries not counted; default: no limit.  After that the
     library cancels the command and answers it with GPG_ERR_TIMEOUT; the connection goes on.  */
  unsigned int command_timeout_ms;

  /* Milliseconds that the peer has to answer an inquiry; default: no limit.  After that the
     inquiry's continuation gets GPG_ERR_TIMEOUT.  */
  unsigned int inquiry_timeout_ms;

  /* Milliseconds that the peer has to take the last lines of a connection that ends;
     EVA_DEFAULT_CLOSE_TIMEOUT_MS.  */
  unsigned int close_timeout_ms;
};

/* Sets the limits of the connection of CTX to LIMITS, which is copied.  Limits of octets and of
   descriptors apply to what comes from now on.  May be called at any time after the connection was
   made or accepted.
   Returns 0; GPG_ERR_ASS_INV_VALUE; GPG_ERR_ENOMEM; GPG_ERR_NOT_SUPPORTED if CTX is not
   non-blocking.  */
gpg_error_t eva_set_limits (assuan_context_t ctx, const struct eva_limits *limits);

/* --- Servers ---------------------------------------------------------------------------------- */

/* The largest values that the defaults have.  */
#define EVA_DEFAULT_MAX_CONNECTIONS 16384u
#define EVA_DEFAULT_MAX_PASSED_FDS  16384u
#define EVA_DEFAULT_MAX_HELD_LEN    ((size_t) 1 << 30)

/* What a server may cost.  Zero-initialized it holds the defaults.  The defaults for descriptors
   follow the soft limit of the process (RLIMIT_NOFILE) at the time when a client comes: 5/8 of that
   are for connections, 1/4 for descriptors that clients passed, and 1/8 is left to the program.  So
   a program that serves many clients raises its limit first.  By default one uid may have all of it
   while only the server's own user and root may come in, and three quarters of each limit once
   others may (eva_server_allow_uid).  */
struct eva_server_limits {
  struct eva_limits connection; /* of each one */

  /* Connections of all users, and of one uid.  A client above them gets an ERR line
     (GPG_ERR_LIMIT_REACHED), and the server closes its connection before it takes any memory for
     it.  The last eighth of max_connections is for the server's own user and root alone.
     With the default of max_connections the server also refuses a client whose descriptor would
     have a number in the last eighth of what the process may have; for users other than these two,
     in the last quarter.  So several servers in one process do not use up its descriptors.  */
  unsigned int max_connections;
  unsigned int max_connections_per_uid;

  /* Descriptors that clients passed and the server still has, which are those that no command took
     yet and those of INPUT and OUTPUT: of all connections, and of the connections of one uid.  The
     server refuses a message above them like one above max_pending_fds.  */
  unsigned int max_passed_fds;
  unsigned int max_passed_fds_per_uid;

  /* Octets of buffers (input, output, answers to inquiries) that all connections together may hold,
     and all connections of one uid.  The server drops a connection that would need more with
     GPG_ERR_TOO_LARGE.  A connection that waits for the rest of a line has an input buffer of
     16 KiB.  While it sends the answer to an inquiry it may have one of 62 KiB instead, if half of
     both limits stays free.  */
  size_t max_held_len;
  size_t max_held_per_uid_len;
};

/* What a server has done since it was made, and what it has now.  */
struct eva_stats {
  unsigned int n_connections;    /* now */
  unsigned int most_connections; /* the most at one time */
  unsigned int n_open_commands;  /* now */
  size_t held_len;               /* octets of buffers now */
  size_t most_held_len;          /* the most at one time */
  unsigned int n_passed_fds;     /* descriptors that clients passed, as for max_passed_fds, now */
  uint64_t n_accepted;           /* connections that were opened */
  uint64_t n_refused;            /* clients that were refused: uid, limits, the open function */
  uint64_t n_commands;           /* commands that were finished */
  uint64_t n_cancelled;          /* commands that were cancelled */
  uint64_t n_timed_out;          /* lines, commands, inquiries, idle and closing connections */
  uint64_t n_dropped;            /* connections over a limit of octets or descriptors */
  uint64_t n_accept_pauses;      /* times that accepting stopped because descriptors ran out */
};

/* Makes a server in LOOP that offers SERVICE, and stores it at RET_SERVER.  The caller frees it
   with eva_server_free before it frees LOOP.  eva_get_userdata returns USERDATA.
   Returns 0; GPG_ERR_ENOMEM; GPG_ERR_ASS_INV_VALUE if LOOP or SERVICE is NULL, if a command has no
   name or unknown flags, if it has no function and there is no built-in one of that name, or if its
   parameters make no sense (no name, a min above max, an option of EVA_REST, something behind it or
   a required argument behind an optional one), or the options of the service make none (no name, or
   one that begins with a dash or has a blank or `=`, which OPTION could not set).  */
gpg_error_t eva_server_new (eva_loop *loop, const struct eva_service *service, void *userdata,
                            eva_server **ret_server);

/* Closes all connections at once and all listeners, removes the files of their sockets, and frees
   SERVER.  Open commands are cancelled, and replies that wait are lost.  NULL is allowed.  May be
   called within a callback of a connection; the connection then goes away after the callback.  */
void eva_server_free (eva_server *server);

/* Sets the limits of SERVER to LIMITS, which is copied.  The limits of a connection apply to
   connections that come from now on.  Returns 0; GPG_ERR_ASS_INV_VALUE; GPG_ERR_ENOMEM.  */
gpg_error_t eva_server_set_limits (eva_server *server, const struct eva_server_limits *limits);

/* Every user.  The kernel does not tell who the peers of TCP are, so this is the only way to accept
   them.  */
#define EVA_ANY_UID ((uid_t) - 1)

/* Lets clients of user UID in.  Without this call the server lets in its own effective uid and
   root; with it, UID too, if such a client can reach the socket: a path has the mode 0600 until the
   program changes that.
   Returns 0 or GPG_ERR_ENOMEM.  */
gpg_error_t eva_server_allow_uid (eva_server *server, uid_t uid);

/* Flags of eva_server_listen.  */
#define EVA_LISTEN_FDPASSING   1u /* clients may pass descriptors */
#define EVA_LISTEN_ANY_ADDRESS 2u /* TCP: addresses other than loopback, too */

/* `unix:/path`: also the socket of a server that still listens there is replaced, in one step.
   Clients reach the old server up to a moment, and this one from then on: none is refused.  The old
   server goes on with the clients that it has, and with those that wait at its socket; it lets
   these in when it drains or stops listening.  It leaves the file alone, which is this server's
   now.  Tools that list sockets show this one by the hidden name, in the same directory, that it
   had for a moment.  */
#define EVA_LISTEN_TAKE_OVER 4u

/* Makes SERVER listen on ADDRESS.

   What it does: binds and opens a listener, from which clients come in the loop.  ADDRESS is one of

       unix:/path            mode 0600.  A socket on which no process listens any more is replaced;
                             a socket that is in use is not, unless EVA_LISTEN_TAKE_OVER is set
       unix:@name            an abstract one
       tcp:127.0.0.1:port    numeric; IPv6 in brackets; port 0 is a free one
       fd:N                  a listening socket, on which several threads can listen; or a connected
                             one, which is served as by eva_server_adopt
       systemd:              all sockets of systemd's activation (sd_listen_fds(3))
       systemd:name          those of them with this name

   A redirection file at `/path` (assuan_sock_set_sockaddr_un) names the socket: SERVER listens
   there, and leaves the file alone.  It has to belong to this user or root, and only they may write
   it; it is no symbolic link, and names an absolute path, which is not redirected again.  A path of
   over 107 octets has no room in the address of a socket.  So the socket of such a path stands in a
   directory of its own, which no other user can enter, in $XDG_RUNTIME_DIR or else /tmp, and SERVER
   writes a redirection file of mode 0600 at the path, by which eva_connect and assuan_sock_connect
   find the socket; it removes all of that with the listener, whether it made it itself or took it
   over from a server that has crashed or that it replaces.  If the path has a redirection already
   that leads to no directory, SERVER replaces it.  eva_server_get_address tells the address of the
   socket itself.

   FLAGS are EVA_LISTEN_* bits.  The program may call this more than once.  A lock (flock) on the
   directory keeps servers apart that want the same path, when they come and when they leave.  While
   another process holds it, this call waits, for at most a fifth of a second, and then goes on
   without it; so do the functions that remove the file of a socket, if it is still there.  Of a
   path over 107 octets and of its socket the directories are two.

   Ownership and lifetime: the listener is SERVER's and lives until eva_server_drain,
   eva_server_stop_listening or eva_server_free.  N of `fd:N` stays the caller's in both cases; a
   connected one is copied.

   Returns: 0; or

     GPG_ERR_ASS_GENERAL    SERVER is draining
     GPG_ERR_ASS_INV_VALUE  SERVER or ADDRESS is NULL, or FLAGS has an unknown bit
     GPG_ERR_ENOMEM
     GPG_ERR_INV_ARG        ADDRESS has none of these forms
     GPG_ERR_EADDRINUSE     ADDRESS is in use, or a file that is no socket stands there
     GPG_ERR_EACCES         TCP without EVA_ANY_UID, or an address that is not loopback without
                            EVA_LISTEN_ANY_ADDRESS
     GPG_ERR_ENAMETOOLONG   a name or the path in a redirection file has over 107 octets;
                            EVA_LISTEN_TAKE_OVER: the path of the directory has over 97
     GPG_ERR_EPERM          a redirection file that others may have written
     GPG_ERR_EINVAL         a redirection file names nothing that can be a path
     GPG_ERR_ENOENT         systemd passed no (such) socket
     other values           what the system gave

   Callable from: everywhere, callbacks included.  */
gpg_error_t eva_server_listen (eva_server *server, const char *address, unsigned int flags);

/* Returns the address of the listener number INDEX, counted from 0 in the order in which they were
   made, in the form of eva_server_listen (with the real port), or NULL if there is none.  The
   string is SERVER's, valid until the next call or eva_server_free.  */
const char *eva_server_get_address (eva_server *server, size_t index);

/* Closes all listeners of SERVER, and removes the files of their sockets.  Its connections go on.
   Before that it lets in the clients that wait at sockets that it has made itself: in this call, or
   for sockets that have a file, out of the loop within a few hundredths of a second.  So no client
   is lost that came before this call.  Clients that wait at a socket of `fd:`, `systemd:` or
   eva_server_hand_over stay for the next process that accepts from it.  May be called from
   everywhere, also in a server that drains, in which it does nothing; eva_server_listen may
   follow.  */
void eva_server_stop_listening (eva_server *server);

/* Hands the socket of the listener number INDEX (as for eva_server_get_address) over to a
   successor: stores a copy at RET_FD, which is the caller's, and close-on-exec.  The successor
   listens on it as on any `fd:N`, after an exec or in another process to which the copy was passed.
   SERVER goes on listening until it drains or stops listening, and neither removes the file of the
   socket nor lets in those that wait then: they are the successor's.  If there never is a
   successor, the file stays.  May be called from everywhere.
   Returns 0; GPG_ERR_ASS_INV_VALUE if there is no such listener; GPG_ERR_EMFILE.  */
gpg_error_t eva_server_hand_over (eva_server *server, size_t index, int *ret_fd);

/* Returns the descriptor of the listener number INDEX, as for eva_server_get_address, or
   ASSUAN_INVALID_FD if there is none.  It stays SERVER's, and open as long as the listener.  It is
   for getsockname, setsockopt and the like; SERVER watches it and accepts from it.  May be called
   from everywhere.  */
int eva_server_get_fd (eva_server *server, size_t index);

/* Serves the client at the other end of FD, a connected stream socket.  On success FD belongs to
   SERVER.  The limits and eva_server_allow_uid apply; a TCP socket also needs
   EVA_LISTEN_ANY_ADDRESS unless its own end has a loopback address.  FLAGS as for
   eva_server_listen.
   Stores the connection's context at RET_CTX unless that is NULL.  The context is SERVER's, valid
   until the close function returned.  It is NULL if the close function has run already, because a
   monitor or log callback that was shown the greeting released the context, and if the take
   function has taken FD.
   Returns 0; GPG_ERR_ASS_INV_VALUE if SERVER is NULL or FLAGS has an unknown bit; GPG_ERR_EACCES;
   GPG_ERR_LIMIT_REACHED, also while SERVER drains; GPG_ERR_ENOMEM; what the open or the take
   function gave; or what the system gave.  On failure FD stays the caller's.  */
gpg_error_t eva_server_adopt (eva_server *server, int fd, unsigned int flags,
                              assuan_context_t *ret_ctx);

/* Serves the client that started this process (assuan_pipe_connect, `exec:`): through the socket
   that _assuan_connection_fd names, else through IN_FD and OUT_FD, which are usually 0 and 1.  On
   success they belong to SERVER.  A process that serves no other client stops its loop in the close
   function: the client waits for the end of the process.  RET_CTX and the return values are as for
   eva_server_adopt.  */
gpg_error_t eva_server_adopt_pipe (eva_server *server, int in_fd, int out_fd,
                                   assuan_context_t *ret_ctx);

/* How long a client has for its first command when its server begins to drain, milliseconds.  */
#define EVA_DRAIN_GRACE_MS 1000u

/* Ends the work of SERVER gently.  It stops listening, as eva_server_stop_listening does, and
   closes connections that have no command.  Clients that have said nothing yet, among them those
   that waited at the sockets, have EVA_DRAIN_GRACE_MS milliseconds to begin their first command.
   So a client that sends one command when it has connected gets its answer, whenever its server
   drains.  Open commands have TIMEOUT_MS milliseconds (EVA_NO_LIMIT: without end) to finish, and
   are cancelled after that; clients that are still there without a command have no more time
   either.  When no connection is left, the loop calls DONE, which may be NULL, once; DONE may free
   SERVER.  DONE does not run if SERVER is freed before.
   Returns 0; GPG_ERR_ENOMEM; GPG_ERR_ASS_GENERAL if SERVER is draining already.  */
gpg_error_t eva_server_drain (eva_server *server, unsigned int timeout_ms,
                              void (*done) (eva_server *server, void *arg), void *arg);

/* Lets SERVER drain by itself when it had no connection for IDLE_MS milliseconds, because none came
   or because the last one left so long ago.  IDLE_MS 0 is the next turn of the loop in which it has
   none; EVA_NO_LIMIT, the default, is never.  The drain is that of eva_server_drain (SERVER,
   EVA_NO_LIMIT, DONE, ARG), with which a daemon ends that is started when there is something to do.
   No client is lost by that: one that comes in the last moment is served; one that waits at a
   socket of `systemd:` makes systemd start the daemon again.  The time counts from the last client
   that left, or that the take function has taken, but not from before this call.  A second call
   replaces the first one.  Does nothing while SERVER drains.  May be called from everywhere.  */
void eva_server_set_idle (eva_server *server, unsigned int idle_ms,
                          void (*done) (eva_server *server, void *arg), void *arg);

/* Lets SERVER watch the files of its `unix:/path` sockets.  When one is gone, with its directory or
   without, or when another file is in its place, no client finds the socket any more.  Then the
   loop calls CB, once for each such listener, with ARG and with the listener's ADDRESS, valid until
   CB returns; IS_REPLACED says that another file stands there, which is a successor's socket as a
   rule.  The listener is gone by then, as after eva_server_stop_listening: clients that wait at it
   are let in, and connections go on.  CB may listen at ADDRESS again, drain, or free SERVER.  What
   SERVER does itself with its files is no loss, and CB is not called once SERVER drains.
   The kernel reports losses where it can (inotify), and SERVER looks once a minute besides, for
   what the kernel does not report: a directory further up that was moved.  If this user has too
   many such watches, SERVER looks once a second.  In a child of fork that goes on with SERVER
   beside its parent one of the two may notice a minute later.
   CB NULL, the default, ends the watch.  May be called from everywhere.  */
void eva_server_set_lost (eva_server *server,
                          void (*cb) (eva_server *server, void *arg, const char *address,
                                      bool is_replaced),
                          void *arg);

/* Stores at RET_STATS what SERVER has done and what it has now.  */
void eva_server_get_stats (eva_server *server, struct eva_stats *ret_stats);

/* What happened, for an observer.  */
enum eva_server_event {
  EVA_SERVER_REFUSED = 1, /* a client was not let in: its uid, a limit, the open function */
  EVA_SERVER_DROPPED,     /* a connection ends because of a limit, or because a time is over */
  EVA_SERVER_PAUSED,      /* accepting stopped for a moment, because the system has no descriptor */
  EVA_SERVER_RESUMED      /* it goes on; not told if the server stops listening in the pause */
};

struct eva_server_notice {
  enum eva_server_event event;

  /* Why.  REFUSED: what the client was told, or eva_server_adopt returns.  DROPPED: what the close
     function gets: GPG_ERR_TIMEOUT, GPG_ERR_TOO_LARGE, GPG_ERR_EMFILE.  PAUSED: what the system
     gave.  RESUMED: 0.  */
  gpg_error_t err;

  /* The client's; EVA_ANY_UID and ASSUAN_INVALID_PID if they are not known.  */
  uid_t uid;
  pid_t pid;

  const char *address;  /* REFUSED: of the listener at which the client came, or NULL */
  assuan_context_t ctx; /* DROPPED: the connection, before its close function; else NULL */
};

/* Sets CB to be called with ARG and NOTICE, which is valid until CB returns, for each of these
   events, out of the loop or within eva_server_adopt and what calls that.  It is for logs and
   alarms: clients that come all the time call it all the time.  NULL takes it back.  CB may free
   SERVER.  May be called from everywhere.  */
void eva_server_set_observer (eva_server *server,
                              void (*cb) (eva_server *server, void *arg,
                                          const struct eva_server_notice *notice),
                              void *arg);

/* Calls CB with ARG for each connection of SERVER.  CB may end connections only with eva_close or
   with the flag ASSUAN_FORCE_CLOSE of assuan_set_flag.  */
void eva_server_each (eva_server *server, void (*cb) (assuan_context_t ctx, void *arg), void *arg);

/* Returns the server that CTX belongs to, or NULL.  */
eva_server *eva_get_server (assuan_context_t ctx);

/* Returns the USERDATA of the server that CTX belongs to, or NULL.  */
void *eva_get_userdata (assuan_context_t ctx);

/* --- Commands that take their time ------------------------------------------------------------ */

/* Keeps the command under way open until assuan_process_done.  Call it within a handler or a
   continuation of assuan_inquire_ext, and return its result: `return eva_defer (ctx);`.
   Returns 0, or GPG_ERR_ASS_GENERAL if no command of CTX is under way.  */
gpg_error_t eva_defer (assuan_context_t ctx);

/* Sets CB to be called once, with ARG and the reason, if the command under way cannot be finished
   any more.  The reason is GPG_ERR_EPIPE if the client is gone, GPG_ERR_TIMEOUT over
   command_timeout_ms, GPG_ERR_CANCELED when CTX, its server or its loop goes away or the time of a
   drain is over.  CB frees what the command holds.  It does not have to call assuan_process_done;
   the call would do no harm.  If the command is finished first, CB does not run.
   If an inquiry is open, its continuation runs with the reason, and either ends the command, and CB
   does not run; or returns eva_defer (CTX), and CB runs after it.
   A second call replaces CB; NULL takes it back.
   Returns 0; GPG_ERR_ASS_GENERAL if no command of CTX is under way; GPG_ERR_ENOMEM.  */
gpg_error_t eva_set_cancel (assuan_context_t ctx,
                            void (*cb) (assuan_context_t ctx, void *arg, gpg_error_t reason),
                            void *arg);

/* --- Bulk data -------------------------------------------------------------------------------- */

/* Stands in struct eva_pump_config for the connection itself, in place of a descriptor.  It is not
   -1, so that the result of a failed open, or ASSUAN_INVALID_FD, never stands for it.  */
#define EVA_PUMP_CONNECTION (-2)

/* Flags of struct eva_pump_config.  */
#define EVA_PUMP_CLOSE_FROM 1u /* the pump owns from_fd, and closes it when the pump ends */
#define EVA_PUMP_CLOSE_TO   2u /* likewise to_fd */

/* The default time between two progress lines.  */
#define EVA_DEFAULT_PROGRESS_INTERVAL_MS 500u

/* What a pump does.  Zero is a good value for all but from_fd and to_fd.  */
struct eva_pump_config {
  /* EVA_PUMP_CONNECTION: the data that the client answers an inquiry with go to to_fd.  */
  int from_fd;

  /* EVA_PUMP_CONNECTION: data lines carry what from_fd has, up to its end.  */
  int to_fd;

  unsigned int flags;

  /* The inquiry, if from_fd is EVA_PUMP_CONNECTION: KEYWORD and parameters.  */
  const char *inquiry;

  /* The most octets that are pumped; 0: no limit, for inquiries none but max_inquiry_len.  More is
     an error: GPG_ERR_TOO_LARGE, for inquiries GPG_ERR_ASS_TOO_MUCH_DATA.  */
  uint64_t max_len;

  /* If progress_what is not NULL, the pump writes status lines `PROGRESS WHAT ? CURRENT TOTAL`, in
     the form of GnuPG's progress lines, every progress_interval_ms milliseconds (0:
     EVA_DEFAULT_PROGRESS_INTERVAL_MS) and at the end.  It leaves out those in between while the
     client does not take what it is sent.  CURRENT and TOTAL are octets; a TOTAL of 0 means that it
     is not known.  progress_what is one word, and copied.  */
  const char *progress_what;
  uint64_t progress_total;
  unsigned int progress_interval_ms;

  /* Called once with ARG when the pump ends, after N_PUMPED octets.  ERR is 0 at the end of the
     data; an error of reading or writing; an error of the inquiry's answer, as for
     assuan_inquire_ext; or a reason as in eva_set_cancel.  The command is still open then, unless
     it was cancelled.  If done is NULL, the pump finishes the command with ERR.  */
  void (*done) (assuan_context_t ctx, void *arg, gpg_error_t err, uint64_t n_pumped);
  void *arg;
};

/* Streams bulk data within the command under way.

   What it does: begins a pump between the ends that CONFIG names, and keeps the command open:
   `return eva_pump (ctx, &config);` in a handler or a continuation.  The pump buffers nothing
   beyond the limits of the connection: the faster side waits for the slower one.  While it runs,
   O_NONBLOCK is set on every descriptor that is not a file, and restored afterwards; a file may be
   anything that read and write take.  One pump may run at a time; done may begin the next one.
   When the command is cancelled, done runs before the function of eva_set_cancel.  That function
   runs only if done left the command open.  If the command is finished while its pump runs
   (assuan_process_done, an error of its handler), the pump ends with GPG_ERR_CANCELED.

   Ownership and lifetime: CONFIG is copied.  The descriptors stay the caller's, which must not
   close them before done, unless EVA_PUMP_CLOSE_FROM or EVA_PUMP_CLOSE_TO gives them to the pump.
   Where the client has named descriptors with INPUT and OUTPUT, a command usually takes those of
   assuan_get_input_fd and assuan_get_output_fd.  They stay the context's, which closes them at
   RESET, or when done calls assuan_close_input_fd or assuan_close_output_fd; the two flags close
   them, too.

   Returns: 0, and the command stays open as with eva_defer; or

     GPG_ERR_ASS_GENERAL          no command of CTX is under way
     GPG_ERR_ASS_NESTED_COMMANDS  a pump or an inquiry is under way
     GPG_ERR_ASS_INV_VALUE        CONFIG makes no sense
     GPG_ERR_EBADF                a descriptor, such as -1, is not open, or not in this direction
     GPG_ERR_NOT_SUPPORTED        the program drives CTX by hand, and no loop watches descriptors
     GPG_ERR_EPIPE                the client is known to be gone
     GPG_ERR_ENOMEM

   On failure done does not run and no descriptor is closed.

   Callable from: everywhere, callbacks included, while a command of CTX is open.  */
gpg_error_t eva_pump (assuan_context_t ctx, const struct eva_pump_config *config);

/* --- Clients ---------------------------------------------------------------------------------- */

#define EVA_DEFAULT_CONNECT_TIMEOUT_MS  10000u
#define EVA_DEFAULT_GREETING_TIMEOUT_MS 30000u
#define EVA_DEFAULT_START_TIMEOUT_MS    10000u

/* Flags of struct eva_connect_config.  */
#define EVA_CONNECT_FDPASSING 1u /* descriptors may be passed; `exec:` gets a socket, not pipes */
#define EVA_CONNECT_STDERR    2u /* the program of `exec:`, or ssh, has this process's stderr */

/* The library reads the stderr of the program of `exec:`, in place of EVA_CONNECT_STDERR, and keeps
   its last line that is not empty, of which at most 1000 octets.  For ssh it does so without this
   flag, unless EVA_CONNECT_STDERR is set.  eva_get_reason returns that line, if the server did not
   say itself why it refused the client.  What the program writes when the connection is over is
   lost, and may end it by SIGPIPE once CTX is released.  */
#define EVA_CONNECT_LAST_STDERR 8u

/* Errors of eva_connect come to closed, out of the loop, and no program has to tell two kinds.
   Returned are only GPG_ERR_ENOMEM, and GPG_ERR_ASS_INV_VALUE for a NULL argument or an unknown
   flag.  Calls that were
   made before closed runs end with the same error.  */
#define EVA_CONNECT_LATE_ERRORS 4u

/* How to connect.  Zero is a good value for everything.  */
struct eva_connect_config {
  unsigned int flags;
  unsigned int connect_timeout_ms;  /* until there is a connection: of each try, see retry_ms */
  unsigned int greeting_timeout_ms; /* from there to the server's greeting */
  struct eva_limits limits;

  /* Called once when the server has greeted, unless closed comes first.  */
  void (*ready) (assuan_context_t ctx, void *arg);

  /* Called once, out of the loop, when the connection could not be made or is over, after all calls
     ended.  Not called if CTX is released before.  ERR: GPG_ERR_ASS_CONNECT_FAILED or what the
     system gave; the server's own ERR, if it refused the client; GPG_ERR_TIMEOUT; GPG_ERR_EOF if
     the server closed the connection when nothing was open, or GPG_ERR_EPIPE if it did so in the
     middle of something: before its greeting, in a call, even one that was given up, in a line, or
     before it took everything that was sent; GPG_ERR_CANCELED after eva_close.  eva_get_reason
     tells more, and eva_is_orderly tells the ends that are none of a failure.  */
  void (*closed) (assuan_context_t ctx, void *arg, gpg_error_t err);

  void *arg; /* of all these, and of on_stderr */

  /* With the address `exec:` alone (and see `ssh:`): the program and its arguments, ended by NULL,
     as they are.  So a word may have blanks.  Only eva_connect itself reads it, and it may go after
     that.  */
  const char *const *argv;

  /* Milliseconds from eva_connect on in which a connection is tried again that fails because no
     server listens yet, as when a daemon is just starting, or ending: there is no such socket, it
     refuses, the server leaves before it greets, or (over TCP, or where the queue of a Unix socket
     is full) a try takes more than connect_timeout_ms.  0, the default: eva_connect tries once.
     The first pause between two tries is 20 ms long, each next one twice as long, up to 500 ms; the
     last try comes when the time is over, and its error is that of closed.  A try that has begun
     may take connect_timeout_ms, so all of it takes at most the sum of both.  Calls wait meanwhile,
     each up to its own timeout_ms.  eva_close, eva_call_cancel and assuan_release work at once.
     A path of over 107 octets after `unix:` is tried again as long as no redirection file stands
     there, and ends with GPG_ERR_ENAMETOOLONG.
     Errors that no server could mend come at once, and so do those of `exec:`, `fd:` and
     `ssh:`.  */
  unsigned int retry_ms;

  /* A command that starts the server, if none listens at `unix:/path` (or `/path`, or
     `file:///path`); ended by NULL.  With addresses of other kinds this is GPG_ERR_INV_ARG.
     retry_ms, if it is 0, becomes EVA_DEFAULT_START_TIMEOUT_MS.

         static const char *const start[] = { "gpgconf", "--launch", "gpg-agent", NULL };

     Of all clients that find no server, in any process, one runs the command, and the others try
     again meanwhile.  A lock on the file /path.start-lock decides which one; the directory has to
     be there.  The lock ends when its client is connected or gives up, and with its process;
     another client may run the command then, if there still is no server.  Each client runs it once
     at most.
     The command ends with status 0 after it has put a daemon into the background, or stays and is
     the server itself.  If it fails, and no server has come up from elsewhere, closed gets
     GPG_ERR_ASS_SERVER_START, or if it could not be started what the system gave; eva_get_reason
     tells more.  What the command gets: /dev/null as 0 and 1, and as 2 unless EVA_CONNECT_STDERR is
     set; no other descriptor; no signal blocked or ignored; a session of its own.  It is not ended
     with CTX or its loop.  The loop reaps it, as a server of `exec:`.  */
  const char *const *start_argv;

  /* For a program of `exec:`, the command of start_argv, and the ssh of `ssh:`.  Changes to the
     environment, ended by NULL: `NAME=VALUE`, or `NAME` alone, which takes the variable out; of
     several for a name the last one counts.  It does not change where a program is looked for.  And
     the working directory; a program with a slash that does not begin with it is found from the
     caller's.  NULL: as they are.  Only eva_connect itself reads all of these.  */
  const char *const *environment;
  const char *directory;

  /* Called out of the loop for each line that the program of `exec:`, or ssh, writes to its stderr,
     without its LF or CRLF, and for what it wrote last without one; in place of EVA_CONNECT_STDERR.
     Of a line with over 1000 octets it gets these; a NUL comes as `?`.  LINE is valid until it
     returns.  What came until the connection is over, 64 KiB of it at most, is told before closed,
     and later lines are read and dropped until CTX is released.  It may do what other callbacks
     may.  */
  void (*on_stderr) (assuan_context_t ctx, void *arg, const char *line);
};

/* Connects to ADDRESS as a client.

   What it does: makes a context whose connection and greeting come in LOOP.  The caller can make
   calls at once; they are sent when the server has greeted.  ADDRESS is one of

       unix:/path, unix:@name, tcp:IP:port    as for eva_server_listen; also what
                                              assuan_socket_connect takes
       exec:PROGRAM ARGUMENTS                 starts a server.  Blanks separate the words.  What
                                              stands between '...' is taken as it is, and so is what
                                              stands between "..." or after a backslash; there, in
                                              quotes, a backslash quotes only " and \ itself.  There
                                              is no shell, and nothing else is special; the member
                                              argv has words as they are.  A program without a slash
                                              is looked for in PATH.  Its stderr is /dev/null unless
                                              EVA_CONNECT_STDERR is set.  No signal is blocked or
                                              ignored in it
       ssh:[USER@]HOST[:PORT]/PATH            the Unix socket /PATH of another host.  This starts
                                              `ssh -N -L`, which has to come in without a question
                                              (BatchMode), and ends it with CTX; the kernel does if
                                              this thread ends before.  The member argv, if it is
                                              set, stands in place of the word `ssh`, as
                                              { "ssh", "-F", "config", NULL }.  The last line of its
                                              stderr becomes the reason (eva_get_reason).  PATH has
                                              no blank and none of : \ % $; no descriptors are
                                              passed; no pid is known
       fd:N                                   a connected socket

   Ownership and lifetime: CONFIG, which may be NULL, is copied.  The context at RET_CTX is the
   caller's, which releases it with assuan_release.  N of `fd:N` is CTX's on success.
   assuan_release does not wait for a child: LOOP reaps it as long as LOOP runs, or eva_loop_free
   does if the child has ended by then.  A foreign loop does not keep running for that alone.

   Returns: 0, or an error that needs no waiting; all others come to closed:

     GPG_ERR_ASS_INV_VALUE       LOOP, ADDRESS or RET_CTX is NULL, or the flags have an unknown bit
     GPG_ERR_INV_ARG             ADDRESS has none of these forms; a setting of the environment has
                                 no name; or start_argv has no word, or no socket's file to go with
     GPG_ERR_SYNTAX              a quote in `exec:` does not end, or nothing follows a backslash
     GPG_ERR_ASS_CONNECT_FAILED  no server listens there; with retry_ms this comes to closed
     GPG_ERR_ENAMETOOLONG        the path is too long, and no redirection file stands there; with
                                 retry_ms this comes to closed
     GPG_ERR_ENOENT              the program is not there
     GPG_ERR_ENOMEM
     other values                what the system gave

   Callable from: everywhere, callbacks included.  */
gpg_error_t eva_connect (eva_loop *loop, const char *address,
                         const struct eva_connect_config *config, assuan_context_t *ret_ctx);

/* Returns what stood after OK in the greeting of CTX's server, or NULL if there was nothing.  It
   works within ready alone, and the text is valid until ready returns; elsewhere it returns
   NULL.  */
const char *eva_get_greeting (assuan_context_t ctx);

/* Returns what is known of why CTX, a client of eva_connect, was not served, besides the error of
   closed; NULL if nothing is.  It is one of these, in this order:

   * what stood after the code of the server's ERR, when it refused the client: `the agent is in
     restricted mode`.  Why the system could not run the program of `exec:` comes in the same way
   * what became of the command of start_argv
   * with EVA_CONNECT_LAST_STDERR the last line of the program's stderr, also if the program was in
     service before
   * if there was no connection, or no greeting, a sentence as of eva_loop_get_failure (eva-loop.h),
     which tells it for errors that eva_connect returns: `cannot connect to unix:/run/S: no process
     listens on this socket; has the server ended?`

   The text is CTX's, valid until CTX is released.  From everywhere, in closed and in the done of
   calls that end before it.  */
const char *eva_get_reason (assuan_context_t ctx);

/* The default of max_reply_len.  */
#define EVA_DEFAULT_MAX_REPLY_LEN ((size_t) 1 << 20)

/* All of a reply.  Everything that it points to is valid until the callback returns, and wiped
   then.  */
struct eva_reply {
  const char *data; /* what all data lines had, with a NUL behind it; "" if there were none */
  size_t data_len;
  const char *const *status; /* the status lines, keyword and text each */
  size_t n_status;
  const char *text; /* as the TEXT of done, or NULL */
};

/* Flags of struct eva_callbacks.  */
#define EVA_CALL_AHEAD 1u /* may leave before earlier calls are answered: none of those inquires */

/* Errors of eva_call come to done (or replied), out of the loop, like all others.  It comes before
   closed, unless closed ran before eva_call.  Returned are only GPG_ERR_ENOMEM,
   GPG_ERR_NOT_SUPPORTED for a context that is no client, and all of them for a context that
   eva_connect did not make, or that is being released.  */
#define EVA_CALL_LATE_ERRORS 2u

/* What the program wants to hear of a call.  It is copied.  Every member may be NULL or 0.  */
struct eva_callbacks {
  /* Called when data came: LEN octets at BUF, valid until it returns.  If it returns an error, the
     call ends with that.  If it is NULL, data end the call with GPG_ERR_ASS_NO_DATA_CB.  A bare END
     comes as (NULL, 0).  */
  gpg_error_t (*data) (void *arg, const void *buf, size_t len);

  /* Called when a status line came: keyword and text, valid until it returns.  If it returns an
     error, the call ends with that.  */
  gpg_error_t (*status) (void *arg, const char *text);

  /* Called when a comment came: the line with its '#', valid until it returns.  If it returns an
     error, the call ends with that.  If it is NULL, comments are skipped, or with
     ASSUAN_CONVEY_COMMENTS handed to status.  */
  gpg_error_t (*comment) (void *arg, const char *text);

  /* Called when the server inquires: keyword and parameters.  The program answers with
     eva_answer_data and eva_answer_end, or refuses with eva_answer_cancel, now or later.  If it
     returns an error, the library cancels the inquiry and ends the call with that.  If it is NULL,
     the library cancels the inquiry and ends the call with GPG_ERR_ASS_NO_INQUIRE_CB.  */
  gpg_error_t (*inquire) (void *arg, struct eva_pending_call *call, const char *text);

  /* Called once when the call ended.  ERR: 0 for OK; the server's error; the callback's error;
     GPG_ERR_TIMEOUT; GPG_ERR_CANCELED; GPG_ERR_EOF and others if the connection is over.  TEXT is
     what stood after OK, or after the code of the server's ERR, up to a NUL, valid until this
     returns; NULL if there was nothing, or if the error is not the server's.  CALL is gone by then.
     Runs before closed, and within eva_call_cancel, eva_close and assuan_release, so ARG must live
     until then.  Does not run if eva_call returned an error.  */
  void (*done) (void *arg, gpg_error_t err, const char *text);

  /* In place of data, status and done, which are NULL then: called once when the call ended, with
     ERR as for done and with all that came of the reply, which of a call that failed may be a part.
     A bare END is not noticed.  More than max_reply_len octets of data and status lines, each with
     a NUL, end the call with GPG_ERR_TOO_LARGE; 0 is EVA_DEFAULT_MAX_REPLY_LEN, and
     EVA_NO_LIMIT_LEN no limit.  */
  void (*replied) (void *arg, gpg_error_t err, const struct eva_reply *reply);
  size_t max_reply_len;

  /* Milliseconds, 0 for no limit, after which the call ends with GPG_ERR_TIMEOUT: from eva_call on,
     and from the time when the command is sent.  A call that waits behind another one, which may
     have been given up, does not use up the second.  */
  unsigned int timeout_ms;
  unsigned int reply_timeout_ms;

  unsigned int flags;

  /* A descriptor to pass with the command, if has_fd is true.  It is duplicated.  */
  bool has_fd;
  int fd;
};

/* Sends COMMAND on CTX when the calls before it are answered.  COMMAND is a line of at most 1000
   octets without LF, and is copied.  CTX is a context of eva_connect or a client that is attached.
   Stores the call at RET_CALL unless that is NULL; the call is the library's, valid until done is
   called.
   Returns 0; GPG_ERR_ASS_INV_VALUE for a command that is empty, a comment, or has a LF, for an
   unknown flag, and for callbacks beside replied that it stands in place of;
   GPG_ERR_ASS_LINE_TOO_LONG; GPG_ERR_EPIPE if the connection is over; GPG_ERR_NOT_SUPPORTED for a
   descriptor where none can be passed; GPG_ERR_ENOMEM; or what dup gave.  */
gpg_error_t eva_call (assuan_context_t ctx, const char *command,
                      const struct eva_callbacks *callbacks, void *arg,
                      struct eva_pending_call **ret_call);

/* The same with a command that eva_format (eva-words.h) puts together, whose `%s` and `%-s` escape:

       eva_callf (ctx, &callbacks, arg, &call, "SETDESC %s", text);
       eva_callf (ctx, &callbacks, arg, NULL, "PUT --ttl=%u %-s", ttl, key);

   The library wipes the line when it was sent.
   Returns as eva_call and eva_format; GPG_ERR_ASS_LINE_TOO_LONG if it would have over 1000 octets.
   EVA_CALL_LATE_ERRORS is for all of these.  */
gpg_error_t eva_callf (assuan_context_t ctx, const struct eva_callbacks *callbacks, void *arg,
                       struct eva_pending_call **ret_call, const char *format, ...)
    GPGRT_ATTR_PRINTF (5, 6);

/* The same with its arguments in AP.  The call does not use AP up, and the caller ends it.  */
gpg_error_t eva_vcallf (assuan_context_t ctx, const struct eva_callbacks *callbacks, void *arg,
                        struct eva_pending_call **ret_call, const char *format, va_list ap)
    GPGRT_ATTR_PRINTF (5, 0);

/* Gives CALL up, unless it is NULL: its done callback runs with GPG_ERR_CANCELED before this
   returns.  A call that was not sent is never sent; if the server inquires, it gets CAN; the rest
   of a reply is dropped when it comes, and the connection stays usable.  */
void eva_call_cancel (struct eva_pending_call *call);

/* Returns the context that CALL was made on.  */
assuan_context_t eva_call_get_context (struct eva_pending_call *call);

/* Answers the inquiry of CALL with LEN octets at BUF, which are copied.  May be called any number
   of times.  Above high_water_len it is better to wait: see eva_set_writable.
   Returns 0; GPG_ERR_ASS_INV_VALUE if BUF is NULL but LEN is not 0; GPG_ERR_ASS_GENERAL if the
   server does not inquire; GPG_ERR_TOO_LARGE over max_queued_len (the connection is over then);
   GPG_ERR_EPIPE; GPG_ERR_ENOMEM.  */
gpg_error_t eva_answer_data (struct eva_pending_call *call, const void *buf, size_t len);

/* Ends the answer.  Returns as eva_answer_data.  */
gpg_error_t eva_answer_end (struct eva_pending_call *call);

/* Refuses the inquiry with CAN.  The server will fail the command, and done tells how.  Returns as
   eva_answer_data.  */
gpg_error_t eva_answer_cancel (struct eva_pending_call *call);

/* --- Connections of servers and clients ------------------------------------------------------- */

/* Ends the connection of CTX, a context of a server or of eva_connect.  What is queued is still
   sent.  An open command is cancelled: its continuation, done or function of eva_set_cancel runs
   within this call.  Calls end with GPG_ERR_CANCELED: their done runs within this call, too, but
   the done of calls on a connection that is not made yet runs later.  The close function, or the
   closed callback, runs later, out of the loop.  The server releases its context then; a context of
   eva_connect stays the caller's.  */
void eva_close (assuan_context_t ctx);

/* Returns true if ERR, a reason of the closed callback, of the close function of a service, or of
   eva_process, is the end of a connection that nothing has gone wrong with: the peer left or said
   BYE when nothing was open (GPG_ERR_EOF), or this side ended it (GPG_ERR_CANCELED).
   It is GPG_ERR_EPIPE, and not orderly, if the peer left in the middle of a line, or, as far as
   the system tells, before it took everything that was sent to it; if a server left before its
   greeting, or before the reply to a call, even of one that was given up; if a client left before
   the answer to an inquiry, or before the reply to its command.  The callback of what was open, as
   the done of a call, hears of the end first.
   A client that only finishes sending while its command works gets the reply, and that is orderly.
   Over TCP a client that leaves then looks the same.  From everywhere.  */
bool eva_is_orderly (gpg_error_t err);

/* Sets CB to be called once with ARG, out of the loop, when less than high_water_len octets of CTX
   wait to be sent.  It serves programs that produce data piece by piece, in answers and in
   commands.  NULL takes it back.  CB does not run any more once the connection is over.  A CB that
   was set while a command of a server was under way does not run any more once that command is
   finished or cancelled, like the function of eva_set_cancel.
   Returns 0; GPG_ERR_NOT_SUPPORTED if CTX is not in a loop; GPG_ERR_ENOMEM.  */
gpg_error_t eva_set_writable (assuan_context_t ctx, void (*cb) (assuan_context_t ctx, void *arg),
                              void *arg);

/* Returns how many octets of CTX wait to be sent.  */
size_t eva_get_queued_len (assuan_context_t ctx);

/* Returns the loop that CTX lives in, for timers of its commands: the loop of its server, the loop
   of eva_connect, or, until the connection is over, the loop of eva_attach.  The loop stays the
   program's.  Returns NULL if the program drives CTX by hand, or if eva.h does not drive it.  May
   be called from everywhere, also within callbacks of CTX.  */
eva_loop *eva_get_loop (assuan_context_t ctx);

/* --- Contexts driven by hand ------------------------------------------------------------------ */

/* What eva_get_deadline returns if there is no deadline.  */
#define EVA_NO_DEADLINE UINT64_MAX

/* Makes CTX, a connected server or client of assuan.h, non-blocking for the rest of its life.  The
   descriptors keep their flags.  Call it on a server before the first octet was exchanged with the
   client: this call greets the client, so assuan_set_hello_line comes first.
   Returns 0; GPG_ERR_ASS_INV_VALUE without a connection; GPG_ERR_ENOMEM; GPG_ERR_NOT_SUPPORTED
   with system hooks other than the default ones, or within a callback of CTX; GPG_ERR_EPIPE for a
   client to which assuan_transact returned GPG_ERR_ASS_INV_RESPONSE for a line of its server.  */
gpg_error_t eva_set_nonblocking (assuan_context_t ctx);

/* Returns the descriptor of CTX on which to wait for EVENT, EVA_READABLE or EVA_WRITABLE.  A socket
   has the same one for both; two pipes have two.  The descriptor stays CTX's.  Returns
   ASSUAN_INVALID_FD once the connection is closed.  */
int eva_get_fd (assuan_context_t ctx, unsigned int event);

/* Returns what the program has to wait for now: EVA_READABLE, EVA_WRITABLE, both, or none.  None
   still means EVA_HANGUP on a socket.  Do not watch the end of a pipe of which CTX wants nothing:
   poll would report again and again that the other end is gone.  The answer may change with every
   call that makes CTX say or hear something.  */
unsigned int eva_get_events (assuan_context_t ctx);

/* Returns the time, on the clock of eva_now, at which the program has to call eva_process even if
   nothing came: 0 if lines wait that CTX can handle at once, EVA_NO_DEADLINE if there is no
   deadline.  While CTX wants nothing of its two pipes, the deadline is one second after the last
   turn: eva_process then looks whether the peer is gone.  */
uint64_t eva_get_deadline (assuan_context_t ctx);

/* Runs one turn of CTX.

   What it does: takes what came according to REVENTS (EVA_READABLE, EVA_WRITABLE, EVA_HANGUP, or
   none at a deadline), runs the handlers and callbacks that are due at NOW_NS (on the clock of
   eva_now), and sends what they said, in one write.  It reads at most once, handles a bounded
   number of lines, and never waits.

   Ownership and lifetime: CTX stays the caller's.  A callback may release CTX within the call; the
   call then returns GPG_ERR_EOF, and the caller must not touch CTX any more.

   Returns: 0 if the connection goes on.  Any other value says that the connection is over.  By then
   the callbacks that wait for the end have run, and all that is left to do is assuan_release:

     GPG_ERR_EOF        the peer left or said BYE when nothing was open, and everything was sent
     GPG_ERR_EPIPE      the peer left in the middle of something (eva_is_orderly)
     GPG_ERR_TIMEOUT    a time was over
     GPG_ERR_TOO_LARGE  a limit was exceeded
     GPG_ERR_ASS_LINE_TOO_LONG, GPG_ERR_ASS_INV_RESPONSE
                        a client: its server sent something that is wrong
     other values       what the system gave

   It returns GPG_ERR_ASS_NESTED_COMMANDS within a callback of CTX, and GPG_ERR_NOT_SUPPORTED for a
   context that a loop drives, such as one of eva_connect.

   Callable from: everywhere but the callbacks of CTX.  */
gpg_error_t eva_process (assuan_context_t ctx, unsigned int revents, uint64_t now_ns);

/* Makes CTX non-blocking and lets LOOP drive it.  When the connection is over, LOOP calls OVER,
   which may be NULL, once, with ARG and with ERR, the value that eva_process would return.  CTX
   stays the caller's, which releases it in OVER or elsewhere; if the caller releases it before,
   OVER does not run.
   assuan_release then does not wait for a program that assuan_pipe_connect started: LOOP reaps the
   program, as for eva_connect, unless the program has set a hook of its own for waitpid.
   Returns 0; GPG_ERR_ENOMEM; GPG_ERR_ASS_INV_VALUE for a context that is attached already, or of
   eva_connect; what eva_set_nonblocking gives; or what watching the descriptors gave.  */
gpg_error_t eva_attach (assuan_context_t ctx, eva_loop *loop,
                        void (*over) (assuan_context_t ctx, void *arg, gpg_error_t err), void *arg);

/* Takes CTX back from the loop of eva_attach.  The program can then drive it by hand, or attach it
   elsewhere; OVER does not run any more.  A pump that is under way ends with GPG_ERR_CANCELED, and
   its command goes on.  Does nothing if CTX is not attached, or belongs to a server or
   eva_connect.  */
void eva_detach (assuan_context_t ctx);

/* --- Contexts of assuan_process_next ---------------------------------------------------------- */

/* The default of eva_set_max_ahead_len.  */
#define EVA_DEFAULT_MAX_AHEAD_LEN ((size_t) 1 << 20)

/* Sets how many octets CTX keeps of what its client sends before the pending command has ended.
   CTX is a server that the program drives with assuan_process_next.  That function reads on up to
   MAX_LEN, so that a level-triggered loop comes to rest and hears of the client's end.  If more
   comes, it returns GPG_ERR_TOO_LARGE, once, with DONE set, and CTX then treats what came as all
   that the client sent.
   CTX takes memory as octets come, up to twice MAX_LEN, and gives it back when none wait.  MAX_LEN
   0 means EVA_DEFAULT_MAX_AHEAD_LEN; a value below EVA_INPUT_SIZE (eva-conn.h) counts as that, a
   value above 1 GiB as 1 GiB.  Contexts of other kinds stop reading instead, which holds up their
   peer.  May be called at any time, also before CTX is connected; it holds for every connection of
   CTX.
   Returns 0; GPG_ERR_ASS_INV_VALUE; GPG_ERR_NOT_SUPPORTED if CTX is non-blocking.  */
gpg_error_t eva_set_max_ahead_len (assuan_context_t ctx, size_t max_len);

/* --- Contexts that block ---------------------------------------------------------------------- */

/* How long a blocking context of assuan.h waits for its peer, in milliseconds.  0 and EVA_NO_LIMIT
   mean without end, as libassuan does.  Only what calls wait counts: not the time that callbacks
   and handlers of the program take, a dialog in an inquire callback for instance.  */
struct eva_timeouts {
  /* For assuan_socket_connect: until there is a connection.  That is as long as a server's queue is
     full, a host of TCP does not answer, or a SOCKS proxy talks.  */
  unsigned int connect_timeout_ms;

  /* For assuan_socket_connect, assuan_socket_connect_fd and assuan_pipe_connect: from there to the
     server's greeting.  A socket that is forwarded to a place where no server listens connects, and
     says nothing.  */
  unsigned int greeting_timeout_ms;

  /* For what follows.  A client waits so long

       for all of a reply, in assuan_transact; after each inquire callback the time begins anew
       for a line, in assuan_client_read_response and assuan_read_line
       until the server takes what one call says, or one slice of bulk data

     A server waits so long for the answer to assuan_inquire, for a line in assuan_read_line while a
     command is under way, and until its client takes what a call says.  It waits without end for
     the next command (assuan_process) and for the next client (assuan_accept).  */
  unsigned int call_timeout_ms;
};

/* Limits how long calls on CTX wait for the peer.

   What it does: copies TIMEOUTS.  They hold for calls that begin from now on, on this connection of
   CTX and on later ones.  A call that waits longer returns GPG_ERR_TIMEOUT, and writes `[timeout]`
   to the log.  If CTX is a client, this ends its connection, because a later reply would answer the
   wrong call: the library closes the descriptors without BYE, and all further calls return
   GPG_ERR_EPIPE, until CTX gets another connection.  (A server, too, can answer a command with
   GPG_ERR_TIMEOUT.  Then the connection goes on.)  After assuan_socket_connect could not connect in
   time CTX is as it was before.
   If the server is a program that assuan_pipe_connect started, the library does not wait for its
   end as long as it likes: assuan_release, or assuan_pipe_connect itself if the greeting did not
   come, sends it SIGTERM, and half a second later SIGKILL.  With ASSUAN_NO_WAITPID it does neither.
   If CTX is a server, a client that does not answer an inquiry in time does not end the connection:
   assuan_inquire returns GPG_ERR_TIMEOUT, and the library skips what the client still answers.  A
   client that does not read does end it: later calls that say something return GPG_ERR_EPIPE.

   How it waits: by poll on the descriptors, then without waiting in read and write; interrupted
   waits go on for the time that is left.  That goes for hooks of the program
   (assuan_set_system_hooks, assuan_ctx_set_system_hooks), too, so their descriptors have to be the
   kernel's.  While the library polls, the program's clamp (gpgrt_set_syscall_clamp) lets the other
   threads of nPth run.  Where there are hooks and no clamp, the library polls only if the usleep
   hook is the default one; otherwise it looks at the descriptor between short sleeps by that hook.

   Ownership and lifetime: nothing is kept of TIMEOUTS.

   Returns: 0; GPG_ERR_ASS_INV_VALUE if an argument is NULL; GPG_ERR_NOT_SUPPORTED if CTX is
   non-blocking.  A context that becomes non-blocking later has eva_limits instead.

   Callable from: everywhere, callbacks included.  */
gpg_error_t eva_set_timeouts (assuan_context_t ctx, const struct eva_timeouts *timeouts);

/* --- Data in small pieces --------------------------------------------------------------------- */

/* Lets data of CTX, a blocking context of assuan.h, wait for more.

   What it does: what a handler of a blocking context sends leaves at once, because the handler may
   compute for minutes before it sends more; so every assuan_send_data costs a system call.  A
   program that sends one piece after the other says so with this call, and the data then leave in
   writes of 64 KiB.  Everything else pushes out what waits, before itself and in order: status
   lines, comments, inquiries, END and CAN, descriptors, the reply to a command, assuan_send_data
   without data, every call that waits for the peer, eva_uncork, and assuan_release.  It holds for
   the handler under way and all that follow, until eva_uncork or another connection of CTX.
   In a context of assuan_process_next or of eva.h it has no effect: there, what a turn says leaves
   in one write in any case.

   Returns: 0; GPG_ERR_ASS_INV_VALUE if CTX is NULL; GPG_ERR_EPIPE without a connection.

   Callable from: everywhere, handlers and callbacks included.  */
gpg_error_t eva_cork (assuan_context_t ctx);

/* Ends eva_cork, and sends what waits.  Does nothing if CTX is not corked.
   Returns 0; GPG_ERR_ASS_INV_VALUE if CTX is NULL; or what writing gave.  May be called from
   everywhere, handlers and callbacks included.  */
gpg_error_t eva_uncork (assuan_context_t ctx);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif /* EVA_H */
