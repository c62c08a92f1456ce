/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* sink.h - what a subcommand tells of the connections that it watches, and where that goes.  */

#ifndef ASSUANCTL_SINK_H
#define ASSUANCTL_SINK_H

#include "process.h"
#include "secret.h"

#include <stdint.h>
#include <stdio.h>

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

/* What shows; line alone has to be there.  OUT is flushed after the lines that came at once.  */
struct sink {
  bool is_binary; /* not for a terminal */
  bool appends;   /* --write adds to a file that is there */
  void (*begin) (FILE *out, const char *address);
  void (*connect) (FILE *out, const struct watched *w, uint64_t time_ns);
  /* The client, an agent, has named the process on whose behalf it asks.  */
  void (*owner) (FILE *out, const struct watched *w, const struct process *owner, uint64_t time_ns);
  void (*line) (FILE *out, const struct watched *w, const struct watched_line *line);
  void (*disconnect) (FILE *out, const struct watched *w, const char *reason, uint64_t time_ns);
};

/* Shows objects of --json.  */
extern const struct sink sink_json;

/* Shows TIME_NS as 2026-11-29T15:02:11.393862Z.  */
void sink_put_iso (FILE *file, uint64_t time_ns);

#endif /* ASSUANCTL_SINK_H */
