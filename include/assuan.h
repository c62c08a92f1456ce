/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* assuan.h - the programming interface of libassuan, as evassuan implements it.
 *
 * Source and ABI compatible with libassuan 3.0.2, and with 2.5.5 where ASSUAN_VERSION says so: a
 * program compiled with either header runs on either library.  "Assuan manual" below means the
 * manual of libassuan ("info assuan"); "the protocol" means its chapter "Implementation".  Where
 * evassuan does better than libassuan on purpose, the comment begins that sentence with "Here:".
 *
 * Rules that hold for everything below
 *
 * Errors.  gpg_error_t is 0 for success, otherwise a code with the context's error source.  Codes
 *   are written without their GPG_ERR_ prefix, system errors by their errno name: EPIPE stands for
 *   gpg_err_code_from_errno (EPIPE).  Out parameters stay untouched on failure unless the comment
 *   says otherwise.
 * NULL contexts.  Here: they give ASS_INV_VALUE with the source GPG_ERR_SOURCE_ASSUAN; a function
 *   that returns no error does nothing and returns its value for "none".  The comments do not
 *   repeat that.
 * Connection errors.  A function that reads or writes can return any system error of the
 *   descriptor or of a hook, and ENOMEM.  Once the peer is known to be gone, or on a context that
 *   is not connected, it returns EPIPE (writing) or EOF (reading).
 * Ownership.  The library copies strings that go in, so the caller may free them when the call has
 *   returned, except those of assuan_register_command.  For what the caller gets borrowed, the
 *   comment says how long it is valid.
 * Threads.  A context belongs to one thread at a time.  The functions that set defaults are meant
 *   for the start of a program, before its second thread.
 * Callbacks.  Each comment says from where a function may be called.  "From: outside" means not
 *   within a callback of the same context; "handlers" are command handlers and notifications,
 *   "continuations" the callbacks of assuan_inquire_ext, "hooks" a program's own system hooks.
 *   "From: anywhere" means outside, all of these, and the client's callbacks.  But log callbacks,
 *   I/O monitors and system hooks of a context may call only that context's getters, and the
 *   former two assuan_release.  Calls on another context are always allowed.
 */

#ifndef ASSUAN_H
#define ASSUAN_H

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>

/* Define _ASSUAN_NO_SOCKET_WRAPPER before including this header to do without <sys/socket.h>. */
#ifndef _ASSUAN_NO_SOCKET_WRAPPER
#  include <sys/socket.h>
#endif

#include <gpg-error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct msghdr;
struct sockaddr;

/* The libassuan version whose interface this is.  To learn what the library at run time offers,
   call assuan_check_version. */
#define ASSUAN_VERSION "3.0.2"

/* The same as a number, 0xMMmmpp, for the preprocessor. */
#define ASSUAN_VERSION_NUMBER 0x030002

/* Part of libassuan's header although nothing in it is deprecated; here for sources that use it. */
#if defined __GNUC__
#  define _ASSUAN_GCC_VERSION (__GNUC__ * 10000 + __GNUC_MINOR__ * 100 + __GNUC_PATCHLEVEL__)
#  define _ASSUAN_DEPRECATED  __attribute__ ((__deprecated__))
#else
#  define _ASSUAN_DEPRECATED
#endif

/* The longest line in octets, with its CR and LF: 1000 + 2 (Assuan manual, "Implementation"). */
#define ASSUAN_LINELENGTH 1002

/* A connection's state, or that of one about to be made.  Made by assuan_new and assuan_new_ext,
   freed by assuan_release. */
struct assuan_context_s;
typedef struct assuan_context_s *assuan_context_t;

/* A descriptor: on POSIX systems simply a file descriptor. */
typedef int assuan_fd_t;
#define ASSUAN_INVALID_FD  (-1)          /* no descriptor */
#define ASSUAN_INVALID_PID ((pid_t) - 1) /* process id unknown */

/* A process, and the length of an address. */
#if ASSUAN_VERSION_NUMBER >= 0x030000
typedef pid_t assuan_pid_t;
typedef socklen_t _assuan_addrlen_t;
#else
typedef int _assuan_addrlen_t;
#endif

/* A pointer to what recvmsg and sendmsg take. */
typedef struct msghdr *assuan_msghdr_t;

/* What a server on an emulated Unix domain socket would ask of its clients.  It is empty on POSIX
   systems, whose sockets are real; see assuan_sock_get_nonce. */
struct assuan_sock_nonce_s {
  size_t length; /* always 0 here */
};
typedef struct assuan_sock_nonce_s assuan_sock_nonce_t;

#if defined __GNUC__
#  pragma GCC visibility push(default)
#endif

/* --------------------------------------------------------------------------------------------
 * Contexts and defaults
 * ------------------------------------------------------------------------------------------ */

/* The allocator of a context.  All three members are needed and behave like the functions of libc
   with their names; one that fails sets errno.  The library calls them only in the thread that uses
   the context. */
struct assuan_malloc_hooks {
  void *(*malloc) (size_t cnt);
  void *(*realloc) (void *ptr, size_t cnt);
  void (*free) (void *ptr);
};
typedef struct assuan_malloc_hooks *assuan_malloc_hooks_t;

/* Receives log messages, see "Logging and the I/O monitor".  CTX is the context concerned, or NULL;
   HOOK is the log_cb_data given with the callback; CAT is one of ASSUAN_LOG_*.  MSG is a whole line
   with its LF, valid during the call.  If it is NULL, the library asks whether the callback wants
   messages of the category CAT, and the callback returns nonzero for yes.  Otherwise its result is
   ignored. */
typedef int (*assuan_log_cb_t) (assuan_context_t ctx, void *hook, unsigned int cat,
                                const char *msg);

/* Compare versions.  REQ_VERSION: the least libassuan version that the caller needs, as
   "MAJOR.MINOR.MICRO" and anything after it, or NULL to ask only.  Returns the version that the
   library implements, a string that is valid forever, or NULL if that is older than REQ_VERSION or
   if REQ_VERSION cannot be read.  From: anywhere. */
const char *assuan_check_version (const char *req_version);

#if ASSUAN_VERSION_NUMBER >= 0x030000
/* What assuan_control can do. */
enum assuan_ctl_cmds {
  ASSUAN_CONTROL_NOP = 0,                 /* nothing */
  ASSUAN_CONTROL_REINIT_SYSCALL_CLAMP = 1 /* ask for the clamp again, see "System hooks" */
};

/* Do CMD for the whole process.  ARG is not used.  Returns 0, also for another number.
   From: anywhere, but see "Threads". */
gpg_error_t assuan_control (enum assuan_ctl_cmds cmd, void *arg);
#endif

/* Make ERRSOURCE the error source of contexts that assuan_new makes from now on.  Default:
   GPG_ERR_SOURCE_USER_1.  From: anywhere, but see "Threads" above. */
void assuan_set_gpg_err_source (gpg_err_source_t errsource);

/* The error source that assuan_new uses.  From: anywhere. */
gpg_err_source_t assuan_get_gpg_err_source (void);

/* Make *MALLOC_HOOKS the allocator of contexts that assuan_new makes from now on.  The structure is
   copied, so contexts made earlier keep theirs.  Default: malloc, realloc and free of libc.
   From: anywhere, but see "Threads". */
void assuan_set_malloc_hooks (assuan_malloc_hooks_t malloc_hooks);

/* The allocator that assuan_new uses.  The structure belongs to the library, must not be changed,
   and is valid forever; assuan_set_malloc_hooks changes what it holds.  Never NULL.
   From: anywhere. */
assuan_malloc_hooks_t assuan_get_malloc_hooks (void);

/* Make LOG_CB, called with LOG_CB_DATA, the log callback of contexts that assuan_new makes from now
   on.  NULL: such contexts log nothing.  Default: the library's own log handler, see
   assuan_set_assuan_log_stream.  From: anywhere, but see "Threads". */
void assuan_set_log_cb (assuan_log_cb_t log_cb, void *log_cb_data);

/* Store the log callback that assuan_new uses at LOG_CB and its argument at LOG_CB_DATA.
   From: anywhere. */
void assuan_get_log_cb (assuan_log_cb_t *log_cb, void **log_cb_data);

/* Make a context.  CTX: where to store it; the caller owns it and frees it with assuan_release.
   ERRSOURCE: the error source of the errors it returns.  MALLOC_HOOKS: its allocator, copied.
   LOG_CB, LOG_CB_DATA: its log callback, NULL for none; LOG_CB_DATA must live as long as the
   context.  The system hooks are the default ones (assuan_set_system_hooks).  Returns 0; ENOMEM,
   and then *CTX is NULL; INV_ARG for a NULL CTX or MALLOC_HOOKS.  From: anywhere. */
gpg_error_t assuan_new_ext (assuan_context_t *ctx, gpg_err_source_t errsource,
                            assuan_malloc_hooks_t malloc_hooks, assuan_log_cb_t log_cb,
                            void *log_cb_data);

/* Make a context with the default error source, allocator and log callback: assuan_new_ext with
   what assuan_get_gpg_err_source, assuan_get_malloc_hooks and assuan_get_log_cb tell.
   Returns as assuan_new_ext.  From: anywhere. */
gpg_error_t assuan_new (assuan_context_t *ctx);

/* Free CTX and what it owns.  A connected client says BYE first, without waiting for an answer, and
   a pipe client then waits for the process that it started, unless ASSUAN_NO_WAITPID is set.  The
   call closes the connection's descriptors, received descriptors that were not taken and those of
   INPUT and OUTPUT, and wipes the buffers.  It runs an inquiry's outstanding continuation once,
   with CANCELED.  CTX may be NULL.  From: anywhere.
   Here: also from the callbacks of CTX itself, log callbacks and I/O monitors included.  The
   callback must not use CTX any more; the memory goes when the outermost call returns.  What was
   said before is still sent.  That outermost call returns CANCELED where it would have connected
   CTX or made it a server, EOF where it reads, and what it returns otherwise where it only writes;
   assuan_accept returns its -1, and assuan_process and assuan_process_next return 0.
   CTX belongs to the process that read or wrote on it last, or made it.  In another one, a child of
   fork, the call closes descriptors and frees memory, but it says nothing, waits for no process,
   and runs no callback. */
void assuan_release (assuan_context_t ctx);

/* Free PTR, which the library allocated for the caller with CTX's allocator (the result of
   assuan_inquire).  PTR may be NULL.  From: anywhere. */
void assuan_free (assuan_context_t ctx, void *ptr);

/* Store POINTER in CTX for the program's own use; the library never looks at what it points to.
   From: anywhere. */
void assuan_set_pointer (assuan_context_t ctx, void *pointer);

/* The pointer last stored with assuan_set_pointer, NULL if none was.  From: anywhere, also from log
   callbacks, monitors and hooks. */
void *assuan_get_pointer (assuan_context_t ctx);

/* Note TEXT for the ERR line of the running command: if its handler (or assuan_process_done)
   finishes with exactly the error ERR, " - TEXT" is appended.  Usual form at a handler's end:
   return assuan_set_error (ctx, err, "no such key").  TEXT NULL: forget a noted one.
   Returns ERR as it is.
   Here: TEXT is copied, forgotten when the command ends, and cut only at its first LF and where the
   line is full; the log tells.
   From: anywhere; only useful in a command (Assuan manual, "Utilities"). */
gpg_error_t assuan_set_error (assuan_context_t ctx, gpg_error_t err, const char *text);

/* The peer's process id.  A pipe server has that of its client from the environment, a pipe client
   that of its child from spawn, and a server on a Unix domain socket that of its client from the
   kernel.  ASSUAN_INVALID_PID if it is not known.
   Here: a client on a Unix domain socket has that of its server, too: the process that began to
   listen, or made the socket pair.  It may have given the socket to another process since.
   From: anywhere. */
pid_t assuan_get_pid (assuan_context_t ctx);

/* The credentials of the peer. */
struct _assuan_peercred {
  pid_t pid; /* process that connected */
  uid_t uid; /* its effective user then */
  gid_t gid; /* its effective group then */
};
typedef struct _assuan_peercred *assuan_peercred_t;

/* Store a pointer to the credentials of a server's client, as the kernel tells them for a Unix
   domain socket, at PEERCRED.  They belong to CTX and stay valid until it is released or accepts
   another client.  Returns 0; ASS_GENERAL if they are not known (connection not opened yet, a pipe,
   TCP, a client context), ASS_INV_VALUE for a NULL PEERCRED.  From: anywhere. */
gpg_error_t assuan_get_peercred (assuan_context_t ctx, assuan_peercred_t *peercred);

/* --------------------------------------------------------------------------------------------
 * Flags
 * ------------------------------------------------------------------------------------------ */

typedef unsigned int assuan_flag_t;

/* assuan_release does not wait for the child of a pipe client; the caller reaps it. */
#define ASSUAN_NO_WAITPID 1

/* Lines are not shown in the log: "[[Confidential data not shown]]" stands for them.  A server
   drops the flag after every command (after post_cmd_notify).
   Here: the log does not show, either, what was said, set or asked for while the flag was set and
   comes later: the rest of a data line, the texts of assuan_set_okay_line, assuan_set_error and
   assuan_set_hello_line, the answer to an inquiry, the rest of a reply that was given up.  It does
   not show any part of a line that holds some of it.  I/O monitors see every line,
   but for those of the secret commands of eva.h. */
#define ASSUAN_CONFIDENTIAL 2

/* Leave the handling of SIGPIPE alone.  Here: without effect.  The library never touches the
   disposition of a signal, and writing to a dead peer does not raise SIGPIPE. */
#define ASSUAN_NO_FIXSIGNALS 3

/* assuan_transact hands comment lines to the status callback, with their '#'. */
#define ASSUAN_CONVEY_COMMENTS 4

/* This context logs nothing. */
#define ASSUAN_NO_LOGGING 5

/* A server closes the connection after the reply to the running command, as if BYE had followed.
   The reply says so: "OK closing connection", or "[closing connection]" as the text of an ERR. */
#define ASSUAN_FORCE_CLOSE 6

/* Set the flag FLAG of CTX to VALUE, 0 or 1.  ASSUAN_FORCE_CLOSE cannot be taken back: it is set
   whatever VALUE is.  An unknown FLAG is ignored.  From: anywhere. */
void assuan_set_flag (assuan_context_t ctx, assuan_flag_t flag, int value);

/* The value of the flag FLAG of CTX: 0 or 1; 0 for an unknown one.  Here: this is the flag's value;
   libassuan 2.5.5 returns 0 whatever was set.  From: anywhere, also from log callbacks, monitors
   and hooks. */
int assuan_get_flag (assuan_context_t ctx, assuan_flag_t flag);

/* Set ASSUAN_CONFIDENTIAL.  From: anywhere. */
void assuan_begin_confidential (assuan_context_t ctx);

/* Clear ASSUAN_CONFIDENTIAL.  From: anywhere. */
void assuan_end_confidential (assuan_context_t ctx);

/* --------------------------------------------------------------------------------------------
 * Logging and the I/O monitor
 *
 * The library's own log handler shows the category ASSUAN_LOG_CONTROL, and of the others those
 * whose bit, 1 << (category - 1), is set in the number in the environment variable ASSUAN_DEBUG.
 * Lines with control characters are logged in hexadecimal, 16 octets of them unless
 * ASSUAN_FULL_LOGGING is in the environment.
 * ------------------------------------------------------------------------------------------ */

#define ASSUAN_LOG_INIT    1 /* set-up of the library */
#define ASSUAN_LOG_CTX     2 /* life of contexts */
#define ASSUAN_LOG_ENGINE  3 /* making connections */
#define ASSUAN_LOG_DATA    4 /* unused */
#define ASSUAN_LOG_SYSIO   5 /* single system calls */
#define ASSUAN_LOG_CONTROL 8 /* the lines of the dialogue, as "chan_FD -> LINE" or "<-" */

/* Set the text at the start of each line of the library's own log handler, for all contexts.  TEXT
   is copied; NULL is "".  Default "".  From: anywhere, but see "Threads". */
void assuan_set_assuan_log_prefix (const char *text);

/* The text set with assuan_set_assuan_log_prefix; never NULL, valid until it is set again.
   From: anywhere. */
const char *assuan_get_assuan_log_prefix (void);

/* Make FP the stream of the library's own log handler for contexts that have none of their own.  FP
   stays the caller's and must remain open as long as it is set.  Default: NULL, nothing is logged.
   From: anywhere, but see "Threads". */
void assuan_set_assuan_log_stream (FILE *fp);

/* Log the lines of CTX to FP, with the library's own log handler.  If no default stream has been
   set, FP becomes that too.  FP stays the caller's and must remain open as long as it is set; NULL
   ends the context's own stream.  From: anywhere. */
void assuan_set_log_stream (assuan_context_t ctx, FILE *fp);

/* Directions: the second argument of an I/O monitor. */
#define ASSUAN_IO_FROM_PEER 0
#define ASSUAN_IO_TO_PEER   1

/* Bits of an I/O monitor's result. */
#define ASSUAN_IO_MONITOR_NOLOG  1 /* do not log this line */
#define ASSUAN_IO_MONITOR_IGNORE 2 /* act as if this line did not exist */

/* The library calls it once for every line of CTX, the greeting included: for a received line
   before it acts on the line, for a line to be sent before the line leaves.  HOOK is the hook_data
   given with it, INOUT the direction (ASSUAN_IO_*), LINE the line without its LF, LINELEN its
   octets; LINE is valid during the call, may hold NUL, and must not be changed.  Returns
   ASSUAN_IO_MONITOR_* bits. */
typedef unsigned int (*assuan_io_monitor_t) (assuan_context_t ctx, void *hook, int inout,
                                             const char *line, size_t linelen);

/* Set the I/O monitor of CTX, NULL for none, and the argument HOOK_DATA that it is called with,
   which must live as long as it is set.  From: anywhere (Assuan manual, "Reading and Writing"). */
void assuan_set_io_monitor (assuan_context_t ctx, assuan_io_monitor_t io_monitor, void *hook_data);

/* --------------------------------------------------------------------------------------------
 * System hooks
 *
 * Every call by which a context may block, and every one that makes or closes a descriptor, goes
 * through a table of functions, so that a threads library can switch threads in them and a program
 * can keep book of its descriptors.
 * ------------------------------------------------------------------------------------------ */

#define ASSUAN_SYSTEM_HOOKS_VERSION 2   /* the version of the structure below */
#define ASSUAN_SPAWN_DETACHED       128 /* flag of spawn: run as a background process */

/* Results and errno are those of the system function of the same name.  CTX is the context for
   which the library calls the function; the hooks of the socket wrappers get one of the library's
   own. */
struct assuan_system_hooks {
  /* Set to ASSUAN_SYSTEM_HOOKS_VERSION.  A structure of version 1 ends after socketpair; then the
     library uses its own socket and connect. */
  int version;

  /* Sleep for USEC microseconds. */
  void (*usleep) (assuan_context_t ctx, unsigned int usec);

  /* Make a pipe; a child process inherits fd[INHERIT_IDX] (0 or 1). */
  int (*pipe) (assuan_context_t ctx, assuan_fd_t fd[2], int inherit_idx);

  /* Close a descriptor. */
  int (*close) (assuan_context_t ctx, assuan_fd_t fd);

  /* Read at most SIZE octets. */
  ssize_t (*read) (assuan_context_t ctx, assuan_fd_t fd, void *buffer, size_t size);

  /* Write at most SIZE octets. */
  ssize_t (*write) (assuan_context_t ctx, assuan_fd_t fd, const void *buffer, size_t size);

  /* Receive a message with its descriptors. */
  int (*recvmsg) (assuan_context_t ctx, assuan_fd_t fd, assuan_msghdr_t msg, int flags);

  /* Send a message with its descriptors. */
  int (*sendmsg) (assuan_context_t ctx, assuan_fd_t fd, const assuan_msghdr_t msg, int flags);

  /* Start a process and store its id at R_PID.  See __assuan_spawn. */
  int (*spawn) (assuan_context_t ctx, pid_t *r_pid, const char *name, const char **argv,
                assuan_fd_t fd_in, assuan_fd_t fd_out, assuan_fd_t *fd_child_list,
                void (*atfork) (void *opaque, int reserved), void *atforkvalue, unsigned int flags);

  /* ACTION 0: wait for PID as waitpid does.  ACTION 1: only forget what is kept about PID. */
  pid_t (*waitpid) (assuan_context_t ctx, pid_t pid, int action, int *status, int options);

  /* Make a pair of connected sockets. */
  int (*socketpair) (assuan_context_t ctx, int _namespace, int style, int protocol,
                     assuan_fd_t filedes[2]);

  /* Make a socket. */
  int (*socket) (assuan_context_t ctx, int _namespace, int style, int protocol);

  /* Connect a socket. */
  int (*connect) (assuan_context_t ctx, int sock, struct sockaddr *addr, socklen_t length);
};
typedef struct assuan_system_hooks *assuan_system_hooks_t;

/* Make *SYSTEM_HOOKS the hooks of contexts made from now on.  The structure is copied; members that
   its version does not have get the library's own functions.  There is no way back to the default.
   From: anywhere, but see "Threads". */
void assuan_set_system_hooks (assuan_system_hooks_t system_hooks);

/* Make *SYSTEM_HOOKS the hooks of CTX, copied as above.  Call it before the context is connected.
   From: anywhere but CTX's callbacks. */
void assuan_ctx_set_system_hooks (assuan_context_t ctx, assuan_system_hooks_t system_hooks);

/* Make *SYSTEM_HOOKS the hooks of the socket wrappers (assuan_sock_*), copied as above.  Useful if
   assuan_sock_init ran before assuan_set_system_hooks.  From: anywhere, but see "Threads". */
void assuan_sock_set_system_hooks (assuan_system_hooks_t system_hooks);

/* The default usleep hook: sleep for USEC microseconds, signals or not; 0 returns at once.
   From: hooks. */
void __assuan_usleep (assuan_context_t ctx, unsigned int usec);

/* The default pipe hook: make a pipe in FD, fd[0] to read from.  Returns 0, or -1 and errno.
   Here: fd[INHERIT_IDX] alone is without close-on-exec.  From: hooks. */
int __assuan_pipe (assuan_context_t ctx, assuan_fd_t fd[2], int inherit_idx);

/* The default close hook: close FD.  Returns 0, or -1 and errno.  From: hooks. */
int __assuan_close (assuan_context_t ctx, assuan_fd_t fd);

/* The default read hook: read at most SIZE octets into BUFFER.  Returns their number, 0 at the end
   of file, or -1 and errno.  From: hooks. */
ssize_t __assuan_read (assuan_context_t ctx, assuan_fd_t fd, void *buffer, size_t size);

/* The default write hook: write at most SIZE octets of BUFFER.  Returns the number written, or -1
   and errno.  Here: a dead peer gives EPIPE without SIGPIPE.  From: hooks. */
ssize_t __assuan_write (assuan_context_t ctx, assuan_fd_t fd, const void *buffer, size_t size);

/* The default recvmsg hook: as recvmsg; EINTR is retried.  Returns the number of octets, or -1 and
   errno.  Here: descriptors are received close-on-exec.  From: hooks. */
int __assuan_recvmsg (assuan_context_t ctx, assuan_fd_t fd, assuan_msghdr_t msg, int flags);

/* The default sendmsg hook: as sendmsg; EINTR is retried.  Returns the number of octets, or -1 and
   errno.  Here: a dead peer gives EPIPE without SIGPIPE.  From: hooks. */
int __assuan_sendmsg (assuan_context_t ctx, assuan_fd_t fd, const assuan_msghdr_t msg, int flags);

/* The default spawn hook: start the program NAME with the NULL-terminated ARGV (NULL: only the last
   part of NAME as argv[0]), FD_IN as its standard input, FD_OUT as its standard output, /dev/null
   for either that is ASSUAN_INVALID_FD.  It inherits only those and the descriptors in
   FD_CHILD_LIST (NULL, or ended by ASSUAN_INVALID_FD).  Its standard error is the caller's if 2 is
   listed, otherwise /dev/null.  The child calls ATFORK (ATFORKVALUE, 0), if ATFORK is not NULL,
   before it closes descriptors: if the program has threads, ATFORK makes only async-signal-safe
   calls.
   NAME NULL: fork without exec; ARGV[0] becomes "client" in the parent and "server" in the child,
   which continues to run.  FLAGS: 0 or ASSUAN_SPAWN_DETACHED, without effect on POSIX.  Stores the
   child's id at R_PID.  Returns 0, or -1 and errno.  A program that cannot be run shows later, as
   an ERR line from the child.  From: hooks. */
int __assuan_spawn (assuan_context_t ctx, pid_t *r_pid, const char *name, const char **argv,
                    assuan_fd_t fd_in, assuan_fd_t fd_out, assuan_fd_t *fd_child_list,
                    void (*atfork) (void *opaque, int reserved), void *atforkvalue,
                    unsigned int flags);

/* The default waitpid hook: NOWAIT 0 waits as waitpid (PID, STATUS, OPTIONS) and returns its
   result; otherwise returns 0, for there is nothing to forget.  Here: STATUS is filled; libassuan
   2.5.5 leaves it as it was.  From: hooks. */
pid_t __assuan_waitpid (assuan_context_t ctx, pid_t pid, int nowait, int *status, int options);

/* The default socketpair hook: two connected sockets in FILEDES.  Returns 0, or -1 and errno.
   From: hooks. */
int __assuan_socketpair (assuan_context_t ctx, int _namespace, int style, int protocol,
                         assuan_fd_t filedes[2]);

/* The default socket hook: returns a new socket, or -1 and errno.  Here: it is close-on-exec.
   From: hooks. */
int __assuan_socket (assuan_context_t ctx, int _namespace, int style, int protocol);

/* The default connect hook: connect SOCK to ADDR of LENGTH octets.  Returns 0, or -1 and errno.
   From: hooks. */
int __assuan_connect (assuan_context_t ctx, int sock, struct sockaddr *addr, socklen_t length);

/* --------------------------------------------------------------------------------------------
 * Servers
 * ------------------------------------------------------------------------------------------ */

/* Handles a command, or an event.  LINE is the argument string: what follows the command's name and
   the blanks after it, NUL-terminated, still percent-escaped.  The handler may change it in place;
   it stays valid until the handler returns.
   Here: it also stays valid when the handler inquires, reads another line, or releases the context.
   Returns 0 for OK or an error for ERR, which goes to the client when the handler returns; under
   assuan_process_next see assuan_process_done. */
typedef gpg_error_t (*assuan_handler_t) (assuan_context_t, char *);

/* Register the command CMD_STRING.  HANDLER runs it.  NULL selects the built-in handler (NOP,
   CANCEL, OPTION, BYE, AUTH, RESET, END, HELP, INPUT, OUTPUT), or for another name one that answers
   ASS_SERVER_FAULT.  HELP_STRING, or NULL, is what HELP shows: a usage line, an empty line, a
   description.  Both strings stay the caller's and must live as long as CTX.  Names match exactly
   first, then without regard to ASCII case; a name that is known already gets the new handler.
   Every server has all built-in commands but INPUT and OUTPUT.
   Returns 0; ASS_INV_VALUE for a NULL or empty name; ENOMEM.
   Here: any number of commands.  From: anywhere. */
gpg_error_t assuan_register_command (assuan_context_t ctx, const char *cmd_string,
                                     assuan_handler_t handler, const char *help_string);

/* Let the library call FNC before each command with its name; NULL for none.  If FNC returns an
   error, the command is not run and that error is the reply.  Returns 0.  From: anywhere. */
gpg_error_t assuan_register_pre_cmd_notify (assuan_context_t ctx,
                                            gpg_error_t (*fnc) (assuan_context_t, const char *cmd));

/* Let the library call FNC after the reply to each command, an unknown one too, with the result of
   writing that reply (not the command's result); NULL for none.  Returns 0.  From: anywhere. */
gpg_error_t assuan_register_post_cmd_notify (assuan_context_t ctx,
                                             void (*fnc) (assuan_context_t, gpg_error_t));

/* Let the library call HANDLER when BYE came, before the answer, with BYE's argument string; NULL
   for none.
   Its result is ignored.  Returns 0.  From: anywhere. */
gpg_error_t assuan_register_bye_notify (assuan_context_t ctx, assuan_handler_t handler);

/* Let the library call HANDLER when RESET came, before the descriptors of INPUT and OUTPUT and
   those received but not taken are closed; NULL for none.  If it returns an error, the reset does
   not take place and that error is the reply.  Returns 0.  From: anywhere. */
gpg_error_t assuan_register_reset_notify (assuan_context_t ctx, assuan_handler_t handler);

/* Let the library call HANDLER when the command CANCEL came; NULL for none.  Returns 0.  From:
   anywhere. */
gpg_error_t assuan_register_cancel_notify (assuan_context_t ctx, assuan_handler_t handler);

/* Let the library call HANDLER when the built-in INPUT has accepted a descriptor, with the
   command's argument string in which the digits of "FD=N" are blanked; NULL for none.  In it
   assuan_get_input_fd already gives the new descriptor; an error restores the old one and is the
   reply.
   Returns 0.  From: anywhere. */
gpg_error_t assuan_register_input_notify (assuan_context_t ctx, assuan_handler_t handler);

/* The same for OUTPUT and assuan_get_output_fd.  Returns 0.  From: anywhere. */
gpg_error_t assuan_register_output_notify (assuan_context_t ctx, assuan_handler_t handler);

/* Let the library call FNC for "OPTION NAME [[=] VALUE]" with name and value, both stripped of
   blanks around them and the name of its two dashes; "" if there is no value.  The strings are
   valid during the call.  Its error is the reply.  NULL for none: every option then answers OK.
   Returns 0.  From: anywhere (Assuan manual, "Server code"). */
gpg_error_t assuan_register_option_handler (assuan_context_t ctx,
                                            gpg_error_t (*fnc) (assuan_context_t, const char *,
                                                                const char *));

/* Set the greeting to "OK LINE"; NULL for the default "Pleased to meet you, process PID", PID the
   client's.  Of several lines, separated by LF, all but the last are sent as comments.  Returns 0;
   ENOMEM.  From: anywhere, before the connection is opened. */
gpg_error_t assuan_set_hello_line (assuan_context_t ctx, const char *line);

/* Make CTX a server on two descriptors: it reads FILEDES[0] and writes FILEDES[1], and owns and
   closes them from then on.  If the environment variable _assuan_connection_fd names a socket, CTX
   uses that for both instead, with descriptor passing, and FILEDES may be NULL.  The environment
   variable _assuan_pipe_connect_pid holds the client's process id.  Returns 0; ASS_SERVER_START if
   there is neither; ENOMEM.  From: outside. */
gpg_error_t assuan_init_pipe_server (assuan_context_t ctx, assuan_fd_t filedes[2]);

/* Flags of assuan_init_socket_server. */
#define ASSUAN_SOCKET_SERVER_FDPASSING 1 /* descriptors may be sent and received */
#define ASSUAN_SOCKET_SERVER_ACCEPTED  2 /* the descriptor is a connection, it does not listen */

/* Make CTX a server on the socket LISTEN_FD; FLAGS are ASSUAN_SOCKET_SERVER_* bits.  With ACCEPTED,
   LISTEN_FD is one connection: CTX owns it, and closes it, from the moment the connection is
   opened; until then it stays the caller's.  Without ACCEPTED, LISTEN_FD is a listening socket,
   which stays the caller's, and assuan_accept waits there for each client.
   Returns 0; ENOMEM, and then LISTEN_FD stays the caller's.  From: outside. */
gpg_error_t assuan_init_socket_server (assuan_context_t ctx, assuan_fd_t listen_fd,
                                       unsigned int flags);

/* Keep a copy of *NONCE in CTX.  On POSIX systems this has no effect.  From: outside. */
void assuan_set_sock_nonce (assuan_context_t ctx, assuan_sock_nonce_t *nonce);

/* Open the connection.  A listening server closes the previous one and waits for a client; other
   servers have theirs already and do not wait.  Then the call takes the client's credentials and
   writes the greeting.
   Returns 0; the bare integer -1 (not a gpg_error_t) if a server of a single connection has had it,
   which ends the usual loop of assuan_accept and assuan_process; connection errors.
   Here: if assuan_get_active_fds or assuan_process_next has opened the connection before, the first
   call returns 0 and sends nothing.  From: outside. */
gpg_error_t assuan_accept (assuan_context_t ctx);

/* Serve the connection: read commands, run handlers and write replies until the client says BYE or
   closes, or ASSUAN_FORCE_CLOSE is set.  It waits for input and for room as needed, and never
   sleeps otherwise.  Returns 0 at the end; ASS_INCOMPLETE_LINE if the client closed in the middle
   of a line; ASS_LINE_TOO_LONG; ASS_NOT_A_SERVER; a connection error if the connection broke.
   Errors of handlers go to the client and are not seen here.  From: outside. */
gpg_error_t assuan_process (assuan_context_t ctx);

/* The name of the command whose handler is running, as it was registered; NULL elsewhere, also
   while a command is pending whose handler has returned.  Valid until the handler returns.
   From: anywhere. */
const char *assuan_get_command_name (assuan_context_t ctx);

/* Set the text of the next OK line to LINE, copied; NULL for none.  It serves for one reply only:
   the running command's.  The part of a text that does not fit a line is left out, as
   assuan_write_line does.  Returns 0; ENOMEM.  From: handlers. */
gpg_error_t assuan_set_okay_line (assuan_context_t ctx, const char *line);

/* Write the status line "S KEYWORD TEXT"; TEXT "" or NULL leaves "S KEYWORD".  Data written before
   it goes first.  The line leaves at once, so that a handler may compute for minutes afterwards.
   What does not fit a line is left out, as assuan_write_line does.
   Returns 0; ASS_INV_VALUE for a NULL KEYWORD; connection errors: the way to notice that the client
   is gone.  From: anywhere. */
gpg_error_t assuan_write_status (assuan_context_t ctx, const char *keyword, const char *text);

/* A stdio stream that writes data lines to the client, as assuan_send_data does.  It belongs to the
   context, must not be closed, and is valid until the running command ends.  Returns NULL with
   errno set on failure: ENOMEM, EINVAL if CTX is not connected.
   Here: stdio does not buffer it, so that the order of data and other lines is that of the calls.
   What fprintf and its like print passes through memory of the C library, where it stays; what
   fputs, fwrite and putc write does not, nor do data of assuan_send_data.
   If a log callback or monitor releases CTX while the program, outside of CTX's callbacks, writes
   to the stream, the stream becomes the program's, which closes it; writing to it gives EPIPE.
   From: handlers. */
FILE *assuan_get_data_fp (assuan_context_t ctx);

/* Ask the client for data: send "INQUIRE KEYWORD" (KEYWORD may have arguments after a blank) and
   wait for its D lines and END.  R_BUFFER: where to store the data, with a NUL behind its length;
   the caller frees it with assuan_free.  R_LENGTH: where to store its length in octets.  MAXLEN:
   the most octets wanted, 0 for any.  With R_BUFFER and R_LENGTH NULL and MAXLEN 0 the caller
   expects no data.
   Returns 0; ASS_TOO_MUCH_DATA, after reading on to END; ASS_CANCELED if the client sent CAN;
   ASS_UNEXPECTED_CMD for any other line; ASS_NESTED_COMMANDS while another inquiry is open;
   ASS_NOT_A_SERVER on a client context; ASS_INV_VALUE; ENOMEM; connection errors.  Waits for the
   client, so in an event loop use assuan_inquire_ext.
   From: handlers, post_cmd_notify, and outside of a command, once the server has greeted.
   Here: after a failure CTX may inquire again: it skips what is still to come of the first answer.
   "CAN" and "CANCEL" are whole words.  Outside of a command a line that is no answer also ends the
   inquiry, and CTX then runs it as the command that it is. */
gpg_error_t assuan_inquire (assuan_context_t ctx, const char *keyword, unsigned char **r_buffer,
                            size_t *r_length, size_t maxlen);

/* Read "FD=N" or "FD", in any case, at the start of the argument string LINE, where the digits of N
   are blanked, and store the descriptor at RFD: N, which the process inherited, or for "FD" the
   oldest one received and not taken.  A received one is owned by the caller.  Returns 0; ASS_SYNTAX
   if LINE does not begin with either or N is not a number; ASS_PARAMETER if N is one of the
   connection's own or means nothing here; NOT_IMPLEMENTED for "FD" if CTX was not made with
   FDPASSING; ASS_GENERAL if none was received.
   Here: "FD=N" only for pipe servers; a socket's peer cannot know our numbers.  From: handlers. */
gpg_error_t assuan_command_parse_fd (assuan_context_t ctx, char *line, assuan_fd_t *rfd);

/* The descriptor of the last INPUT, ASSUAN_INVALID_FD if there is none.  It belongs to CTX, valid
   until the next INPUT, RESET or assuan_close_input_fd.  From: anywhere. */
assuan_fd_t assuan_get_input_fd (assuan_context_t ctx);

/* The descriptor of the last OUTPUT, likewise.  From: anywhere. */
assuan_fd_t assuan_get_output_fd (assuan_context_t ctx);

/* Close the descriptor of the last INPUT and forget it.  Returns 0; ASS_INV_VALUE if there is none.
   From: anywhere. */
gpg_error_t assuan_close_input_fd (assuan_context_t ctx);

/* Close the descriptor of the last OUTPUT and forget it.  Returns 0; ASS_INV_VALUE if there is
   none.  From: anywhere. */
gpg_error_t assuan_close_output_fd (assuan_context_t ctx);

/* --------------------------------------------------------------------------------------------
 * Servers in an event loop (Assuan manual, "External I/O event loops in the server")
 *
 * 1. Accept the connection yourself, make a context, assuan_init_socket_server (ctx, fd,
 *    ASSUAN_SOCKET_SERVER_ACCEPTED), or assuan_init_pipe_server.
 * 2. Watch assuan_get_active_fds (ctx, 0, ...)[0]; whenever it is readable, assuan_process_next.
 * 3. Handlers do not block.  The program finishes a command with assuan_process_done, in the
 *    handler or later.  It gets data from the client with assuan_inquire_ext.
 * 4. When done is set or an error returned, stop watching and assuan_release.
 *
 * Three functions open the connection and greet the client: assuan_accept, assuan_get_active_fds
 * (ctx, 0, ...) and assuan_process_next.  The first call of any of them does it.  So register
 * before that, and set the hello line.  While the program has registered nothing (commands,
 * notifications, an option handler) and set no hello line, assuan_get_active_fds opens the
 * connection, too, but leaves the greeting to the other two: a program that fetches its descriptors
 * first has to accept.
 *
 * It is no error there that the client left: assuan_process_done returns 0, and assuan_process_next
 * returns 0 with DONE set.  What a program writes on its own fails with EPIPE.
 * ------------------------------------------------------------------------------------------ */

/* Store the descriptors to watch at FDARRAY, which has room for FDARRAYSIZE.  WHAT 0: those to read
   from, the connection's inbound one first; 1: those to write to, the outbound one first.  They
   belong to CTX; the caller may watch, dup and shutdown them.
   Returns how many were stored: 0 if CTX is not connected or the connection has ended; -1 if WHAT
   is another, FDARRAY is NULL, or FDARRAYSIZE is below 2.  With WHAT 0 it opens the connection of a
   server (see above); if the greeting cannot be written, assuan_process_next reports it.
   From: anywhere. */
int assuan_get_active_fds (assuan_context_t ctx, int what, assuan_fd_t *fdarray, int fdarraysize);

/* Make progress on the server's connection, without ever blocking for input.  The call does at most
   one read, and none at all if CTX holds a complete line that can be run; then it runs every
   complete line that has come.  While a command is pending, CTX holds further commands, in order;
   they start in a later call, never in assuan_process_done.
   Here: it holds 1 MiB of them (eva_set_max_ahead_len of eva.h).  More makes the call return
   TOO_LARGE, once, with DONE set; CTX reads no more then.
   DONE: where to store whether the connection has ended: nonzero as soon as the end of file has
   been read, the client is known to have left otherwise, or BYE or ASSUAN_FORCE_CLOSE has taken
   effect; may be NULL.  After BYE and FORCE_CLOSE the descriptors have been closed already, so that
   the client sees its end at once: forget their numbers.  After the end of file they stay open, for
   pending replies, until assuan_release.  Once something could not be written (the greeting, a
   reply, a status line), CTX reads and runs nothing any more: the continuation of an open inquiry
   runs with EOF, and DONE is set.
   Returns 0, also if no progress is possible now, and if the client left; what a handler or a
   continuation returned, unchanged, and the lines after its own wait for the next call;
   ASS_LINE_TOO_LONG for a line that was skipped, after the lines that follow it were run;
   ASS_NOT_A_SERVER; a connection error: release the context then; ENOMEM, with DONE set if there is
   no memory for what has to wait until the next call.
   Here: the call takes 24 KiB of stack besides what handlers take.
   If the program called assuan_process_done outside of assuan_process_next, held lines do not make
   the descriptor readable: call assuan_process_next while assuan_pending_line is true.  From:
   outside, that is, not within a callback of CTX. */
gpg_error_t assuan_process_next (assuan_context_t ctx, int *done);

/* Finish the pending command: flush its data, write OK for RC 0 or ERR for an RC, run
   post_cmd_notify.  Usual form at the end of a handler: return assuan_process_done (ctx, rc).
   Returns 0 if the reply was written; ASS_GENERAL, harmless, if no command is pending; connection
   errors.
   Here: under assuan_process_next it returns 0, too, if the client is gone, which the next
   assuan_process_next reports.  It never runs the next command.  The continuation of an inquiry
   that is still open runs, with ASS_CANCELED.  From: handlers, continuations, outside. */
gpg_error_t assuan_process_done (assuan_context_t ctx, gpg_error_t rc);

/* Ask the client for data and return at once: send "INQUIRE KEYWORD" as assuan_inquire does.  The
   handler then returns 0, the command stays pending, and CB (CB_DATA, rc, buf, buf_len) runs within
   a later assuan_process_next.  RC: 0; ASS_TOO_MUCH_DATA for more than MAXLEN octets (0: any);
   ASS_CANCELED for CAN; ASS_UNEXPECTED_CMD for another line; EOF if the client left; CANCELED if
   CTX is released.  BUF: the data, with a NUL behind its BUF_LEN octets; the callback frees it
   with assuan_free, or with free if the allocator is libc's.  BUF is NULL here if RC is not 0, but
   libassuan may hand over what came so far.  assuan_process_next returns what CB returns.
   CB may finish the command or send the next inquiry, whatever RC is.  Under assuan_process what CB
   returns ends the command.
   Returns 0, and then CB runs exactly once; ASS_NOT_A_SERVER; ASS_NESTED_COMMANDS while another
   inquiry is open; ASS_GENERAL outside of a command; ASS_INV_VALUE; connection errors, and then CB
   does not run.
   Here: CB runs in all of these cases; CTX skips the client's data beyond MAXLEN up to END or
   CAN.  From: handlers, continuations, and outside while a command is pending. */
gpg_error_t assuan_inquire_ext (assuan_context_t ctx, const char *keyword, size_t maxlen,
                                gpg_error_t (*cb) (void *cb_data, gpg_error_t rc,
                                                   unsigned char *buf, size_t buf_len),
                                void *cb_data);

/* --------------------------------------------------------------------------------------------
 * Clients
 * ------------------------------------------------------------------------------------------ */

#define ASSUAN_PIPE_CONNECT_FDPASSING 1   /* one socket pair, descriptors can be passed */
#define ASSUAN_PIPE_CONNECT_DETACHED  128 /* without effect on POSIX systems */

/* Start the server program NAME with the NULL-terminated argument list ARGV, connect to it by two
   pipes, or with ASSUAN_PIPE_CONNECT_FDPASSING in FLAGS by a socket pair, and wait for its
   greeting.  The child inherits the descriptors in FD_CHILD_LIST (NULL, or ended by
   ASSUAN_INVALID_FD); its standard error is /dev/null unless 2 is listed.  The child calls ATFORK
   (ATFORKVALUE, 0), if ATFORK is not NULL, before it closes descriptors.  Signals that the caller
   blocks or ignores stay so, unless ATFORK changes that.  The child's environment holds
   _assuan_pipe_connect_pid (the caller's process id) and with FDPASSING _assuan_connection_fd.
   NAME NULL: fork only; whatever ARGV[0] was, it becomes "client" or "server", and the server goes
   on as a copy of the caller with assuan_init_pipe_server.  Everything that was open in the caller
   is closed there, so the server must not release what it has inherited: it ends by _exit if exit
   handlers would release something.
   Returns 0; ASS_INV_VALUE without an ARGV, with NAME without an ARGV[0], or without NAME and
   FDPASSING; ASS_CONNECT_FAILED if the greeting is an ERR, which also happens if the program cannot
   be run; EOF if the child ended without a greeting; ENOMEM; system errors of making the pipes and
   the process.  CTX can then be used for another attempt.  From: outside. */
gpg_error_t assuan_pipe_connect (assuan_context_t ctx, const char *name, const char *argv[],
                                 assuan_fd_t *fd_child_list, void (*atfork) (void *, int),
                                 void *atforkvalue, unsigned int flags);

#if ASSUAN_VERSION_NUMBER >= 0x030000
/* Wait until the server that assuan_pipe_connect started with pipes has ended.  The call does not
   tell it to end: a server that lives for its input lives on.  NO_HANG: only see whether it has.
   STATUS, which may be NULL, gets its status as waitpid tells it.  assuan_release does not wait for
   it any more.
   Returns 0; TIMEOUT if it lives and NO_HANG is set; EINTR if a signal came, and the call can be
   made again; ECHILD if it was waited for already; NO_SERVICE if CTX has started none, or with
   ASSUAN_PIPE_CONNECT_FDPASSING.  STATUS is untouched on failure.  From: outside. */
gpg_error_t assuan_pipe_wait_server_termination (assuan_context_t ctx, int *status, int no_hang);

/* Send SIGINT to the server that assuan_pipe_connect started with pipes, and do nothing else.
   Returns 0, also if there is none.
   Here: a server that was waited for, by whichever part of the process, gets no signal, because its
   number may be another process by then.  The same goes for a child of fork, of which the server is
   no child.
   From: anywhere. */
gpg_error_t assuan_pipe_kill_server (assuan_context_t ctx);
#endif

#define ASSUAN_SOCKET_CONNECT_FDPASSING 1 /* descriptors can be passed */

/* Connect to the server NAME and wait for its greeting.  NAME: a path beginning with '/' of at most
   107 octets, "file://PATH", "assuan://IP:PORT" or "assuan://[IP6]:PORT"; a file may be a
   redirection, see assuan_sock_set_sockaddr_un.  SERVER_PID: ignored; ASSUAN_INVALID_PID by custom.
   FLAGS: 0 or ASSUAN_SOCKET_CONNECT_FDPASSING.
   Returns 0; ASS_INV_VALUE for a NAME of another form; BAD_URI for a bad address after
   "assuan://"; ENAMETOOLONG; ASS_CONNECT_FAILED if no server listens or the greeting is an ERR;
   ASS_INV_RESPONSE for a greeting that is no line of the protocol; EOF if there is none; ENOMEM.
   Here: "@NAME" is an abstract socket.  From: outside. */
gpg_error_t assuan_socket_connect (assuan_context_t ctx, const char *name, pid_t server_pid,
                                   unsigned int flags);

/* Use the connected socket FD as a client and wait for the greeting.  FLAGS as for
   assuan_socket_connect.  FD is CTX's then; if the greeting fails it is closed, too.  Returns as
   assuan_socket_connect; INV_ARG, without source, for a NULL CTX or ASSUAN_INVALID_FD, and EBADF
   for a descriptor that is not open.  From: outside. */
gpg_error_t assuan_socket_connect_fd (assuan_context_t ctx, assuan_fd_t fd, unsigned int flags);

/* Send COMMAND and handle everything up to the reply, waiting as needed.  COMMAND: one line without
   its LF, cut as assuan_write_line does; if it is empty or begins with '#', no reply is expected.
   Callbacks, each with its argument, may be NULL:
   DATA_CB gets the data, unescaped, with a NUL behind its length, valid during the call; (arg,
     NULL, 0) for a bare END of the server.
   INQUIRE_CB gets the inquiry's text, "KEYWORD PARAMS", and answers with assuan_send_data; END is
     sent when it returns 0, CAN when it returns an error.
   STATUS_CB gets the text of a status line without its "S "; with ASSUAN_CONVEY_COMMENTS comment
     lines too, with their '#'.
   Returns 0; the number of the server's ERR; what a callback returned; ASS_NO_DATA_CB or
   ASS_NO_INQUIRE_CB if one came that has no callback; ASS_INV_RESPONSE for a line that is none, and
   for an ERR without a number; ASS_LINE_TOO_LONG; ASS_NESTED_COMMANDS within CTX's own inquiry
   callback; connection errors.
   Here: after a callback's error CTX reads and drops the rest of the reply, so that the next
   command gets its own reply.  After a line that is none, CTX cannot know where the reply ends:
   further commands give EPIPE, and nothing is sent.  If writing the command or the answer to an
   inquiry fails, what came before counts: if it holds the server's ERR, the call returns the number
   of that.
   From: anywhere but CTX's callbacks. */
gpg_error_t assuan_transact (assuan_context_t ctx, const char *command,
                             gpg_error_t (*data_cb) (void *, const void *, size_t),
                             void *data_cb_arg, gpg_error_t (*inquire_cb) (void *, const char *),
                             void *inquire_cb_arg, gpg_error_t (*status_cb) (void *, const char *),
                             void *status_cb_arg);

/* What a line of the server is. */
#define ASSUAN_RESPONSE_ERROR   0 /* ERR */
#define ASSUAN_RESPONSE_OK      1 /* OK */
#define ASSUAN_RESPONSE_DATA    2 /* D */
#define ASSUAN_RESPONSE_INQUIRE 3 /* INQUIRE */
#define ASSUAN_RESPONSE_STATUS  4 /* S */
#define ASSUAN_RESPONSE_END     5 /* END */
#define ASSUAN_RESPONSE_COMMENT 6 /* # */
typedef int assuan_response_t;

/* Wait for the server's next line that is not empty; comments count.  LINE: where to store it,
   NUL-terminated behind its length; a data line is already unescaped.  It belongs to CTX, may be
   changed, and is valid until the next read on CTX.  LINELEN: where to store its octets.
   Returns 0; ASS_LINE_TOO_LONG; connection errors.  From: anywhere but log callbacks, monitors and
   hooks. */
gpg_error_t assuan_client_read_response (assuan_context_t ctx, char **line, int *linelen);

/* Tell what LINE of LINELEN octets is: stores the kind, ASSUAN_RESPONSE_*, at RESPONSE and at OFF
   where in LINE the text after the keyword and its blanks begins (data: after "D "; END: 3;
   comments: 1).  Returns 0; ASS_INV_RESPONSE if it is none of these, with ASSUAN_RESPONSE_ERROR and
   0 stored.  From: anywhere. */
gpg_error_t assuan_client_parse_response (assuan_context_t ctx, char *line, int linelen,
                                          assuan_response_t *response, int *off);

/* --------------------------------------------------------------------------------------------
 * Lines and data, for servers and clients
 * ------------------------------------------------------------------------------------------ */

/* Wait for the next line and store a pointer to it at LINE, without CR and LF and with a NUL behind
   its octets, whose number is stored at LINELEN.  Data lines come raw, still escaped; empty lines
   and comments come, too.  The line belongs to CTX, may be changed, and is valid until the next
   read on CTX.
   Returns 0; EOF at the end of the connection; ASS_LINE_TOO_LONG (the rest of that line is
   skipped); ASS_INCOMPLETE_LINE if it ended in the middle of a line; connection errors.  Waits even
   if the descriptor is non-blocking: in an event loop call it when the descriptor is readable, and
   then while assuan_pending_line is true.  From: anywhere but log callbacks, monitors and hooks. */
gpg_error_t assuan_read_line (assuan_context_t ctx, char **line, size_t *linelen);

/* Whether a whole line is held, so that assuan_read_line would not read, or assuan_process_next
   could run it: 1 or 0.  From: anywhere. */
int assuan_pending_line (assuan_context_t ctx);

/* Write LINE, a line of the protocol without its LF, after data written before.  It leaves in one
   write where the kernel takes it; the call waits for room.  LINE ends at its first LF, and a line
   of more than 1000 octets at 999; the log tells when that left out something.  Returns 0;
   connection errors.  From: anywhere but log callbacks, monitors and hooks. */
gpg_error_t assuan_write_line (assuan_context_t ctx, const char *line);

/* Write LENGTH octets of BUFFER as data lines, escaped; what does not fill a line stays until more
   comes, another line is written, or the command or inquiry ends.  For the commands of a server and
   the inquiries of a client.  (NULL, 0) flushes, and on a client also sends END; (NULL, 1) on a
   client sends CAN.  Returns 0; ASS_INV_VALUE for NULL and another LENGTH; connection errors.
   From: anywhere but log callbacks, monitors and hooks. */
gpg_error_t assuan_send_data (assuan_context_t ctx, const void *buffer, size_t length);

/* --------------------------------------------------------------------------------------------
 * Passing descriptors over Unix domain sockets
 * ------------------------------------------------------------------------------------------ */

/* Send the descriptor FD to the peer; it stays the caller's, which may close it afterwards.  Send
   it before the line that speaks of it ("INPUT FD").  (NULL, ASSUAN_INVALID_FD) asks whether
   passing exists here: 0 if so.  Returns 0; NOT_IMPLEMENTED if CTX was not made with FDPASSING;
   EBADF; connection errors.  From: anywhere but log callbacks, monitors and hooks. */
gpg_error_t assuan_sendfd (assuan_context_t ctx, assuan_fd_t fd);

/* Take the oldest descriptor that was received and not yet taken, and store it at FD; the caller
   closes it.  It must have come already: the line that speaks of it has been read.  Returns
   0; ASS_GENERAL if there is none; NOT_IMPLEMENTED if CTX was not made with FDPASSING.
   Here: all descriptors of a message count, up to a limit; close-on-exec.  From: anywhere. */
gpg_error_t assuan_receivefd (assuan_context_t ctx, assuan_fd_t *fd);

/* A descriptor for the library from the POSIX descriptor FD: a duplicate, which is the caller's, or
   belongs to the context that the caller gives it to.  Returns ASSUAN_INVALID_FD with errno on
   failure.  Here: close-on-exec.  From: anywhere. */
assuan_fd_t assuan_fdopen (int fd);

/* --------------------------------------------------------------------------------------------
 * Socket wrappers (Assuan manual, "Socket wrappers")
 *
 * They work without a context.  What returns int returns 0, or -1 with errno set.
 * ------------------------------------------------------------------------------------------ */

#define ASSUAN_SOCK_SOCKS 1 /* connect through a SOCKS5 proxy at 127.0.0.1, port 1080 */
#define ASSUAN_SOCK_TOR   2 /* through Tor's, port 9050; stronger than the above */

/* Set up the wrappers with the default system hooks; call it once before any of them.  Returns 0;
   ENOMEM.  Here: without it they use the default hooks, with a NULL context.  From: anywhere, but
   see "Threads". */
gpg_error_t assuan_sock_init (void);

/* Undo assuan_sock_init; the wrappers must not be used any more.  From: anywhere, but see
   "Threads". */
void assuan_sock_deinit (void);

/* Close FD.  From: anywhere. */
int assuan_sock_close (assuan_fd_t fd);

/* A new socket, as socket (DOMAIN, TYPE, PROTO) gives it, owned by the caller; ASSUAN_INVALID_FD
   and errno on failure.  Here: close-on-exec.  From: anywhere. */
assuan_fd_t assuan_sock_new (int domain, int type, int proto);

/* Set the property NAME of SOCKFD to VALUE.  "cygwin": ignored on POSIX systems.  "tor-mode",
   "socks": with SOCKFD ASSUAN_INVALID_FD and VALUE 1, all later TCP connections of
   assuan_sock_connect but those to the loopback go through the proxy; cannot be switched off again,
   nor for a single socket.  "linger": SO_LINGER with VALUE seconds, off if VALUE is negative;
   "reuseaddr": SO_REUSEADDR, on unless VALUE is 0.
   Returns 0, or -1 and errno: EINVAL for another name or SOCKFD; EPERM for VALUE 0 when it is on;
   EBADF or ENOTSOCK for an option of a SOCKFD that has none.
   From: anywhere. */
int assuan_sock_set_flag (assuan_fd_t sockfd, const char *name, int value);

/* Store the value of the property NAME of SOCKFD, 0 or 1, at R_VALUE; "cygwin" is 0, "linger" the
   seconds, or -1 if it is off.  Returns 0, or -1 and errno: EINVAL for another name; EBADF or
   ENOTSOCK.  From: anywhere. */
int assuan_sock_get_flag (assuan_fd_t sockfd, const char *name, int *r_value);

/* Connect SOCKFD to ADDR of ADDRLEN octets: if the address is a file that is a redirection, to the
   socket that it names; if a proxy is set (assuan_sock_set_flag), through the proxy.  Waits.
   Returns 0, or -1 and errno.  Here: with a proxy set, an internet address of any ADDRLEN goes
   through it, or fails with EINVAL if it is cut off.  From: anywhere. */
int assuan_sock_connect (assuan_fd_t sockfd, struct sockaddr *addr, _assuan_addrlen_t addrlen);

#if ASSUAN_VERSION_NUMBER >= 0x030000
/* Accept a connection of SOCKFD, as accept does.  The clamp applies, whatever hooks are set.  ADDR
   and P_ADDRLEN may both be NULL.  Returns a descriptor, which blocks and is inherited by children,
   or ASSUAN_INVALID_FD and errno.  Waits.  From: anywhere. */
assuan_fd_t assuan_sock_accept (assuan_fd_t sockfd, struct sockaddr *addr, socklen_t *p_addrlen);
#endif

/* Connect to PORT on HOST, whose name the proxy resolves.  TIMEOUT in milliseconds: 0 for none, -1
   not to wait for the proxy's answer to CONNECT.  CREDENTIALS: "USER:PASSWORD" for the proxy, each
   of 1 to 255 octets, or NULL.  FLAGS: ASSUAN_SOCK_SOCKS or ASSUAN_SOCK_TOR.  HOST NULL and PORT 0
   only log in at the proxy: the test whether it is there.
   Here: TIMEOUT is for all of it together, not for one wait in it.  libassuan.so.0 ignores it.
   Returns a TCP socket, owned by the caller, or ASSUAN_INVALID_FD and errno: EOPNOTSUPP without one
   of the flags, EINVAL for an empty HOST, a PORT without HOST, a TIMEOUT below -1 or CREDENTIALS of
   another form (Here: before the proxy is connected), ECONNREFUSED without a proxy, ETIMEDOUT after
   TIMEOUT.  Waits.  From: anywhere. */
assuan_fd_t assuan_sock_connect_byname (const char *host, unsigned short port, int timeout,
                                        const char *credentials, unsigned int flags);

/* Bind SOCKFD to ADDR of ADDRLEN octets; as bind.  From: anywhere. */
int assuan_sock_bind (assuan_fd_t sockfd, struct sockaddr *addr, _assuan_addrlen_t addrlen);

/* Fill ADDR, a struct sockaddr_un, for the path FNAME of at most 107 octets.  With R_REDIRECTED not
   NULL: if FNAME is a regular file of two lines, "%Assuan%" and "socket=NAME", each ended by LF,
   and of at most 511 octets, then NAME, with "${VAR}" replaced from the environment, is used and 1
   stored at R_REDIRECTED, otherwise 0.  Returns 0, or -1 and errno: ENAMETOOLONG; EINVAL for a
   redirection to an unusable name, and then *R_REDIRECTED is 1.  From: anywhere. */
int assuan_sock_set_sockaddr_un (const char *fname, struct sockaddr *addr, int *r_redirected);

/* Store the nonce of the bound address ADDR of ADDRLEN octets at NONCE: length 0 on POSIX systems.
   From: anywhere. */
int assuan_sock_get_nonce (struct sockaddr *addr, _assuan_addrlen_t addrlen,
                           assuan_sock_nonce_t *nonce);

/* Check that the client on FD knows *NONCE; close FD if this returns -1.  Always 0 on POSIX
   systems.  From: anywhere. */
int assuan_sock_check_nonce (assuan_fd_t fd, assuan_sock_nonce_t *nonce);

#if defined __GNUC__
#  pragma GCC visibility pop
#endif

/* The library's descriptor type from a POSIX descriptor, without duplicating it: FD itself. */
static GPG_ERR_INLINE assuan_fd_t
assuan_fd_from_posix_fd (int fd) {
  return fd;
}

/* --------------------------------------------------------------------------------------------
 * System hooks for threads libraries
 *
 * Write ASSUAN_SYSTEM_NPTH_IMPL; once, at file scope, where <npth.h> is included, and call
 * assuan_set_system_hooks (ASSUAN_SYSTEM_NPTH); likewise PTH with <pth.h>.
 * ------------------------------------------------------------------------------------------ */

/* Programs that ask for the interface of libassuan 3 let the clamp do what the hooks did, so they
   get no hooks. */
#if defined LIBASSUAN_API_REQUESTED && LIBASSUAN_API_REQUESTED >= 3
#  undef ASSUAN_NO_NPTH_SYSTEM_HOOKS_ANY_MORE
#  define ASSUAN_NO_NPTH_SYSTEM_HOOKS_ANY_MORE 1
#endif

#if ASSUAN_VERSION_NUMBER >= 0x030000 && defined ASSUAN_NO_NPTH_SYSTEM_HOOKS_ANY_MORE              \
    && !defined ASSUAN_REALLY_REQUIRE_V2_NPTH_SYSTEM_HOOKS

#  define ASSUAN_SYSTEM_NPTH_IMPL
#  define ASSUAN_SYSTEM_NPTH NULL

#else

/* The default hook NAME, run outside of nPth's lock so that other threads run meanwhile.  The
   caller looks at errno, so taking the lock again must not change it. */
#  define _ASSUAN_NPTH_WRAP(type, name, params, args)                                              \
    static type _assuan_npth_##name params {                                                       \
      type _assuan_ret;                                                                            \
      int _assuan_errno;                                                                           \
      npth_unprotect ();                                                                           \
      _assuan_ret = __assuan_##name args;                                                          \
      _assuan_errno = errno;                                                                       \
      npth_protect ();                                                                             \
      errno = _assuan_errno;                                                                       \
      return _assuan_ret;                                                                          \
    }

/* Defines what ASSUAN_SYSTEM_NPTH points to.  pipe, spawn, socketpair and socket do not block. */
#  define ASSUAN_SYSTEM_NPTH_IMPL                                                                  \
    static void _assuan_npth_usleep (assuan_context_t ctx, unsigned int usec) {                    \
      npth_unprotect ();                                                                           \
      __assuan_usleep (ctx, usec);                                                                 \
      npth_protect ();                                                                             \
    }                                                                                              \
    _ASSUAN_NPTH_WRAP (int, close, (assuan_context_t ctx, assuan_fd_t fd), (ctx, fd))              \
    _ASSUAN_NPTH_WRAP (ssize_t, read,                                                              \
                       (assuan_context_t ctx, assuan_fd_t fd, void *buffer, size_t size),          \
                       (ctx, fd, buffer, size))                                                    \
    _ASSUAN_NPTH_WRAP (ssize_t, write,                                                             \
                       (assuan_context_t ctx, assuan_fd_t fd, const void *buffer, size_t size),    \
                       (ctx, fd, buffer, size))                                                    \
    _ASSUAN_NPTH_WRAP (int, recvmsg,                                                               \
                       (assuan_context_t ctx, assuan_fd_t fd, assuan_msghdr_t msg, int flags),     \
                       (ctx, fd, msg, flags))                                                      \
    _ASSUAN_NPTH_WRAP (                                                                            \
        int, sendmsg,                                                                              \
        (assuan_context_t ctx, assuan_fd_t fd, const assuan_msghdr_t msg, int flags),              \
        (ctx, fd, msg, flags))                                                                     \
    _ASSUAN_NPTH_WRAP (pid_t, waitpid,                                                             \
                       (assuan_context_t ctx, pid_t pid, int action, int *status, int options),    \
                       (ctx, pid, action, status, options))                                        \
    _ASSUAN_NPTH_WRAP (int, connect,                                                               \
                       (assuan_context_t ctx, int sock, struct sockaddr *addr, socklen_t length),  \
                       (ctx, sock, addr, length))                                                  \
    struct assuan_system_hooks _assuan_system_npth = {                                             \
      ASSUAN_SYSTEM_HOOKS_VERSION, _assuan_npth_usleep,  __assuan_pipe,                            \
      _assuan_npth_close,          _assuan_npth_read,    _assuan_npth_write,                       \
      _assuan_npth_recvmsg,        _assuan_npth_sendmsg, __assuan_spawn,                           \
      _assuan_npth_waitpid,        __assuan_socketpair,  __assuan_socket,                          \
      _assuan_npth_connect                                                                         \
    }

/* Hooks for programs that use nPth. */
extern struct assuan_system_hooks _assuan_system_npth;
#  define ASSUAN_SYSTEM_NPTH &_assuan_system_npth

#endif

/* Defines what ASSUAN_SYSTEM_PTH points to.  GNU Pth has no recvmsg and sendmsg, so its scheduler
   waits until the descriptor is ready, if that is a blocking one. */
#define ASSUAN_SYSTEM_PTH_IMPL                                                                     \
  static void _assuan_pth_usleep (assuan_context_t ctx, unsigned int usec) {                       \
    (void) ctx;                                                                                    \
    pth_usleep (usec);                                                                             \
  }                                                                                                \
  static ssize_t _assuan_pth_read (assuan_context_t ctx, assuan_fd_t fd, void *buffer,             \
                                   size_t size) {                                                  \
    (void) ctx;                                                                                    \
    return pth_read (fd, buffer, size);                                                            \
  }                                                                                                \
  static ssize_t _assuan_pth_write (assuan_context_t ctx, assuan_fd_t fd, const void *buffer,      \
                                    size_t size) {                                                 \
    (void) ctx;                                                                                    \
    return pth_write (fd, buffer, size);                                                           \
  }                                                                                                \
  static int _assuan_pth_await (assuan_fd_t fd, unsigned long goal) {                              \
    int mode = pth_fdmode (fd, PTH_FDMODE_POLL);                                                   \
    pth_event_t event;                                                                             \
    if (mode == PTH_FDMODE_ERROR) {                                                                \
      errno = EBADF;                                                                               \
      return -1;                                                                                   \
    }                                                                                              \
    if (mode != PTH_FDMODE_BLOCK) return 0;                                                        \
    event = pth_event (PTH_EVENT_FD | goal, fd);                                                   \
    if (!event) return -1;                                                                         \
    pth_wait (event);                                                                              \
    pth_event_free (event, PTH_FREE_THIS);                                                         \
    return 0;                                                                                      \
  }                                                                                                \
  static int _assuan_pth_recvmsg (assuan_context_t ctx, assuan_fd_t fd, assuan_msghdr_t msg,       \
                                  int flags) {                                                     \
    return _assuan_pth_await (fd, PTH_UNTIL_FD_READABLE) ? -1                                      \
                                                         : __assuan_recvmsg (ctx, fd, msg, flags); \
  }                                                                                                \
  static int _assuan_pth_sendmsg (assuan_context_t ctx, assuan_fd_t fd, const assuan_msghdr_t msg, \
                                  int flags) {                                                     \
    return _assuan_pth_await (fd, PTH_UNTIL_FD_WRITEABLE)                                          \
               ? -1                                                                                \
               : __assuan_sendmsg (ctx, fd, msg, flags);                                           \
  }                                                                                                \
  static pid_t _assuan_pth_waitpid (assuan_context_t ctx, pid_t pid, int action, int *status,      \
                                    int options) {                                                 \
    (void) ctx;                                                                                    \
    return action ? 0 : pth_waitpid (pid, status, options);                                        \
  }                                                                                                \
  struct assuan_system_hooks _assuan_system_pth = { ASSUAN_SYSTEM_HOOKS_VERSION,                   \
                                                    _assuan_pth_usleep,                            \
                                                    __assuan_pipe,                                 \
                                                    __assuan_close,                                \
                                                    _assuan_pth_read,                              \
                                                    _assuan_pth_write,                             \
                                                    _assuan_pth_recvmsg,                           \
                                                    _assuan_pth_sendmsg,                           \
                                                    __assuan_spawn,                                \
                                                    _assuan_pth_waitpid,                           \
                                                    __assuan_socketpair,                           \
                                                    __assuan_socket,                               \
                                                    __assuan_connect }

/* Hooks for programs that use GNU Pth. */
extern struct assuan_system_hooks _assuan_system_pth;
#define ASSUAN_SYSTEM_PTH &_assuan_system_pth

#ifdef __cplusplus
}
#endif
#endif /* ASSUAN_H */
