/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* peer.h - a client of `serve`: who it is, what it has set by OPTION, and what its commands find in
   their environment.

       ASSUAN_COMMAND ASSUAN_ARGS ASSUAN_CONNECTION ASSUAN_STATE_DIR ASSUAN_OPTION_NAME...
       ASSUAN_PEER_PID ASSUAN_PEER_UID ASSUAN_PEER_GID ASSUAN_PEER_EXE

   A peer outlives its connection as long as its last program does, which may still use the
   directory for state.  */

#ifndef ASSUANCTL_PEER_H
#define ASSUANCTL_PEER_H

#include "catalog.h"
#include "turn.h"

#include <eva.h>

struct job;
struct spectator;

struct peer {
  unsigned int n_refs;
  unsigned long number; /* from 1 */
  assuan_context_t ctx; /* NULL: its connection is over */
  struct catalog *catalog;
  char **options; /* ASSUAN_OPTION_NAME=VALUE */
  size_t n_options;
  char *state_dir;             /* NULL: no command needed it */
  struct spectator *spectator; /* NULL: nothing is told of it */

  /* Of its commands.  */
  struct job *job;  /* under way */
  bool has_program; /* one works, or is being ended */
  struct turn turn; /* of that */
};

/* Makes the peer of CTX, with one reference.  */
struct peer *peer_new (assuan_context_t ctx, struct catalog *catalog);
struct peer *peer_ref (struct peer *peer);
void peer_unref (struct peer *peer);

/* Keeps the option NAME.  Returns GPG_ERR_UNKNOWN_OPTION for one that cannot be a variable.  */
gpg_error_t peer_set_option (struct peer *peer, const char *name, const char *value);

/* Returns the environment of the command NAME with ARGS, which peer_free_env frees; or NULL with
   errno if the directory for state cannot be made.  */
char **peer_make_env (struct peer *peer, const char *name, const char *args);
void peer_free_env (char **env);

#endif /* ASSUANCTL_PEER_H */
