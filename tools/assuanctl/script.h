/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* script.h - scripts as gpg-connect-agent has them: lines for the server, slash commands, and
   loops.  */

#ifndef ASSUANCTL_SCRIPT_H
#define ASSUANCTL_SCRIPT_H

#include "exchange.h"

#include <stdbool.h>
#include <stdio.h>

/* Where lines come from.  */
struct script_reader {
  /* Returns the next line, to be freed, or NULL at the end.  DEPTH is how many /if and /while are
     open.  */
  char *(*read) (struct script_reader *reader, unsigned int depth);
  FILE *file;   /* of script_read_file */
  char **lines; /* of script_read_lines, N of them */
  size_t n, at;
};

char *script_read_file (struct script_reader *reader, unsigned int depth);
char *script_read_lines (struct script_reader *reader, unsigned int depth);

struct script {
  struct exchange *exchange;
  struct address *address;
  unsigned int flags; /* of connection_open, for /reconnect */
  bool substitutes;   /* `$` is expanded */
  bool is_strict;     /* the first failure ends it */
  bool is_over;       /* /bye, or a failure that ends all */
  enum status status; /* of the last command */
  char *history_file; /* of /history, or NULL */
};

/* Runs all lines of READER.  STOPS: an ERR ends it, after a message.  Returns what ended it, or
   STATUS_OK; script->status has the last status.  */
enum status script_run (struct script *script, struct script_reader *reader, bool stops);

/* Runs the file NAME, in which an ERR ends the run.  */
enum status script_run_file (struct script *script, const char *name);

#endif /* ASSUANCTL_SCRIPT_H */
