/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* peer.h - the ends of a connection to measure: a server with the commands that the measurements
   use, a client of the library, and clients that are nothing but a socket.  Only <assuan.h> is
   used, so that all of it runs on either library.  Whatever fails ends the program.  */

#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include <assuan.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define MIB          ((size_t) 1 << 20)
#define PIECE_LEN    ((size_t) 64 << 10) /* octets that are sent at a time */
#define STATUS_LINES 100                 /* of one STATUS command */

/* Commands of a larger daemon.  libassuan takes 52; with more it writes beyond its table.  */
#define N_COMMANDS      40
#define N_MANY_COMMANDS 200

/* To see how what they cost grows.  */
#define N_FEW_COMMANDS  20
#define N_MOST_COMMANDS 2000

/* To be called first.  Like a daemon, the program lives on when a peer has gone.  */
void peer_init (void);

/* Ends the program with a message unless ERR is 0.  */
void must (gpg_error_t err, const char *what);

/* --- Servers ---------------------------------------------------------------------------------- */

/* Registers commands with a server's context.  */
typedef void register_fn (assuan_context_t ctx);

/* The commands of the measurements:
     ECHO text     the text as data
     STATUS        STATUS_LINES status lines
     PLAIN n       n MiB of data, none of which needs an escape
     ESCAPED n     n MiB of data, each octet of which needs one
     RANDOM len n  n MiB of data, sent LEN octets at a time, of which one in 85 needs one; in the
                   program that may, corked
     SMALL len n   the same with data of which none needs one
     TAKE          an inquiry, whose data are thrown away
     DONE          nothing, ended by assuan_process_done, for event loops  */
register_fn register_commands;
#define N_MEASURED 8 /* of them */

/* N_COMMANDS and so on, commands that do nothing, named as command_name says.  */
register_fn register_some;
register_fn register_many;
register_fn register_few;
register_fn register_most;
const char *command_name (size_t i);

/* A context of its own for the accepted connection FD, with HOOKS unless they are NULL.  */
assuan_context_t server_new (int fd, register_fn *setup, assuan_malloc_hooks_t hooks);

/* Serves the connection FD to its end.  */
void serve (int fd, register_fn *setup, assuan_malloc_hooks_t hooks);

/* A server in a thread of its own.  */
struct server {
  pthread_t thread;
  int fd;
  register_fn *setup;
};

/* Starts SERVER on one end of a socket pair and returns the other one, which the caller closes
   before server_join.  */
int server_start (struct server *server, register_fn *setup);
void server_join (struct server *server);

/* --- The library's client --------------------------------------------------------------------- */

struct client {
  assuan_context_t ctx;
  size_t answer_mib;   /* so much data answers an inquiry */
  bool answers_random; /* octets of all values: else none needs an escape */
  size_t n_octets;     /* of data that came */
  size_t n_lines;      /* of status that came */
};

/* Makes CLIENT the client on FD, which it owns from then on; with HOOKS unless they are NULL.  */
void client_open (struct client *client, int fd, assuan_malloc_hooks_t hooks);
void client_close (struct client *client);

/* Sends COMMAND and waits for its reply, an OK.  */
void client_command (struct client *client, const char *command);

/* --- Clients that are nothing but a socket ---------------------------------------------------- */

/* Sends all LEN octets at BUF.  */
void raw_send (int fd, const void *buf, size_t len);

/* Reads up to the end of the Nth line, behind which nothing comes.  */
void raw_skip_lines (int fd, size_t n);

/* Reads up to a line OK, however much comes before it.  */
void raw_skip_reply (int fd);

#endif /* BENCH_PEER_H */
