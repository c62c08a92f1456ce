/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* watching.h - standing between clients and a server, for `monitor` and `capture`, which differ in how
   they show what goes by.  Three ways to get there:

       ADDRESS -- PROGRAM ARG...      a program of ours finds us in place of the server's socket
       ADDRESS --listen=ADDRESS       clients come to an address of ours
       --stdio -- SERVER ARG...       we are started as a server, and start the real one

   What is shown has no secrets (secret.h).  */

#ifndef ASSUANCTL_WATCHING_H
#define ASSUANCTL_WATCHING_H

#include "options.h"
#include "process.h"
#include "secret.h"
#include "status.h"

#include <stdint.h>
#include <stdio.h>

/* Options of both, at the beginning of their tables.  */
#define WATCHING_OPTIONS                                                                           \
  { "write", 'w', "FILE", "write to FILE" },                                                       \
      { "listen", 0, "ADDRESS", "listen at a socket, for clients that are to come there" },        \
      { "stdio", 0, NULL, "be a server on stdin and stdout, and start the real one" },             \
      { "secret", 0, "WORD", "data of this command or inquiry are secret" },                       \
      { "open", 0, "WORD", "data of this command or inquiry are shown" },                          \
      { "show-data", 0, NULL, "show data of which nothing is known" }
#define WATCHING_N_OPTIONS 6

/* Handles option INDEX of these.  */
enum status watching_set (size_t index, const char *value);

/* A connection.  */
struct watched {
  unsigned long number; /* from 1 */
  struct process peer;
  unsigned long n_commands; /* that are answered */
};

/* A line, as it is shown.  */
struct watched_line {
  uint64_t time_ns; /* since 1970 */
  bool is_from_server;
  const char *text; /* may hold NUL */
  size_t len;
  bool is_cut; /* the line was longer than lines may be */
  enum secret_class hidden;
  const char *command; /* NULL, or the command that this line ends */
  uint64_t took_ns;    /* from the command to here */
  uint64_t n_octets;   /* of both directions */
};

/* Who shows.  OUT is unbuffered by the sink: flushed after each call.  */
struct sink {
  bool is_binary; /* not for a terminal */
  bool appends;   /* --write adds to a file that is there */
  void (*begin) (FILE *out, const char *address);
  void (*connect) (FILE *out, const struct watched *w, uint64_t time_ns);
  /* The client, which is an agent, told for whom it asks.  */
  void (*owner) (FILE *out, const struct watched *w, const struct process *owner, uint64_t time_ns);
  void (*line) (FILE *out, const struct watched *w, const struct watched_line *line);
  void (*disconnect) (FILE *out, const struct watched *w, const char *reason, uint64_t time_ns);
};

/* Runs a subcommand.  Returns also the exit status of PROGRAM.  */
enum status watching_run (const struct arguments *arguments, const struct sink *sink);

#endif /* ASSUANCTL_WATCHING_H */
