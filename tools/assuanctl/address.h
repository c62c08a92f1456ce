/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* address.h - where a server is, in the words of the command line, the same for every subcommand:

       agent agent-extra agent-browser dirmngr keyboxd scdaemon uiserver     names (gnupg.h)
       /PATH ./PATH unix:/PATH unix:@NAME @NAME tcp:IP:PORT fd:N
       exec:PROGRAM ARG...     -- PROGRAM ARG...     ssh:[USER@]HOST[:PORT]/PATH   to connect to
       stdio: systemd:[NAME]                                                  to listen on

   Names win over files: ./agent is the file.  */

#ifndef ASSUANCTL_ADDRESS_H
#define ASSUANCTL_ADDRESS_H

#include "gnupg.h"
#include "options.h"
#include "status.h"

#include <stdbool.h>

enum address_kind {
  ADDRESS_NAME,
  ADDRESS_UNIX,
  ADDRESS_TCP,
  ADDRESS_EXEC,
  ADDRESS_FD,
  ADDRESS_SSH,
  ADDRESS_STDIO,
  ADDRESS_SYSTEMD,
};

struct address {
  enum address_kind kind;
  const struct gnupg_server *server; /* of ADDRESS_NAME */
  char *text;                        /* as it was written, for messages */
  char *eva;               /* as eva.h wants it; of ADDRESS_NAME NULL until it is resolved */
  const char *const *argv; /* of `--`: the words, the caller's; eva is "exec:" then */
};

/* Reads TEXT as an address to connect to, or if LISTENS to listen on, into RET, to be given to
   address_deinit.  Says what is wrong.  */
enum status address_parse (const char *text, bool listens, struct address *ret);

/* Takes the address of a client's command line: the first word of ARGUMENTS, or without one the
   program behind `--`.  Stores at RET_WORDS the words that follow, N of them: those behind `--`
   count if they are not the program.  The array is to be freed.  */
enum status address_take (const struct arguments *arguments, struct address *ret, char ***ret_words,
                          size_t *ret_n);

/* Looks a name up, so that ADDRESS has what eva.h wants.  Starts nothing.  */
enum status address_resolve (struct address *address);

/* Returns what of REASON, a sentence of the library, follows `BEGIN ADDRESS: `, which our messages
   have already; all of it if it does not begin so.  */
const char *address_skip (const struct address *address, const char *begin, const char *reason);

/* Returns true if descriptors may be passed there.  */
bool address_passes_fds (const struct address *address);

void address_deinit (struct address *address);

#endif /* ASSUANCTL_ADDRESS_H */
