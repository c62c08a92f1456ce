/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* peer.c - a client of `serve`.  */

#include "peer.h"
#include "directory.h"
#include "options.h"
#include "process.h"
#include "secret.h"
#include "spectator.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_OPTIONS 200u

extern char **environ;

/* --- Options ---------------------------------------------------------------------------------- */

/* Returns `ASSUAN_OPTION_NAME`, or NULL if NAME has other octets than variables may have.  */
static char *
variable_of (const char *name) {
  char *variable = text_format ("ASSUAN_OPTION_%s", name);

  for (char *c = variable; *c; c++) {
    if (*c >= 'a' && *c <= 'z')
      *c = (char) (*c - 'a' + 'A');
    else if (*c == '-')
      *c = '_';
    else if (!((*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || *c == '_'))
      *c = '='; /* which stands in no name */
  }
  if (*name && !strchr (variable, '=')) return variable;
  free (variable);
  return NULL;
}

/* Returns where the option is whose variable this is, or where a new one goes.  */
static size_t
find_option (const struct peer *peer, const char *variable) {
  size_t len = strlen (variable), i = 0;

  while (i < peer->n_options
         && (strncmp (peer->options[i], variable, len) || peer->options[i][len] != '='))
    i++;
  return i;
}

gpg_error_t
peer_set_option (struct peer *peer, const char *name, const char *value) {
  char *variable = variable_of (name);
  size_t at;

  if (!variable) return gpg_err_make (GPG_ERR_SOURCE_USER_1, GPG_ERR_UNKNOWN_OPTION);
  at = find_option (peer, variable);
  if (at == MAX_OPTIONS) {
    free (variable);
    return gpg_err_make (GPG_ERR_SOURCE_USER_1, GPG_ERR_TOO_MANY);
  }
  if (at == peer->n_options) {
    peer->options = realloc (peer->options, ++peer->n_options * sizeof *peer->options);
    if (!peer->options) abort ();
    peer->options[at] = NULL;
  }
  secret_free (peer->options[at]);
  peer->options[at] = text_format ("%s=%s", variable, value);
  free (variable);
  return 0;
}

/* --- State ------------------------------------------------------------------------------------ */

static int
make_state (struct peer *peer) {
  if (!peer->state_dir) peer->state_dir = directory_make ();
  return peer->state_dir ? 0 : -1;
}

/* --- Life ------------------------------------------------------------------------------------- */

struct peer *
peer_new (assuan_context_t ctx, struct catalog *catalog) {
  static unsigned long n_peers;
  struct peer *peer = text_alloc (sizeof *peer);

  peer->n_refs = 1;
  peer->number = ++n_peers;
  peer->ctx = ctx;
  peer->catalog = catalog_ref (catalog);
  return peer;
}

struct peer *
peer_ref (struct peer *peer) {
  peer->n_refs++;
  return peer;
}

void
peer_unref (struct peer *peer) {
  if (--peer->n_refs) return;
  directory_remove (peer->state_dir);
  for (size_t i = 0; i < peer->n_options; i++)
    secret_free (peer->options[i]);
  free (peer->options);
  spectator_free (peer->spectator, "end");
  catalog_unref (peer->catalog);
  free (peer);
}

/* --- Environment ------------------------------------------------------------------------------ */

/* What an outer `serve`, systemd or a client that started us has set is not for these programs.  */
static bool
is_inherited (const char *variable) {
  static const char *const others[] = { "ASSUAN_", "LISTEN_PID=", "LISTEN_FDS=", "LISTEN_FDNAMES=",
                                        "_assuan_" };

  for (size_t i = 0; i < N_ELEMENTS (others); i++)
    if (text_skip (variable, others[i])) return false;
  return true;
}

static size_t
add_credentials (struct peer *peer, char **env) {
  assuan_peercred_t peercred;
  char *exe;
  size_t n = 0;

  if (assuan_get_peercred (peer->ctx, &peercred)) return 0;
  exe = process_get_exe (peercred->pid);
  env[n++] = text_format ("ASSUAN_PEER_PID=%ld", (long) peercred->pid);
  env[n++] = text_format ("ASSUAN_PEER_UID=%lu", (unsigned long) peercred->uid);
  env[n++] = text_format ("ASSUAN_PEER_GID=%lu", (unsigned long) peercred->gid);
  env[n++] = text_format ("ASSUAN_PEER_EXE=%s", exe ? exe : "");
  free (exe);
  return n;
}

char **
peer_make_env (struct peer *peer, const char *name, const char *args) {
  size_t n = 0;
  char **env;

  if (make_state (peer)) return NULL;
  while (environ[n])
    n++;
  env = text_alloc ((n + peer->n_options + 16) * sizeof *env);
  n = 0;
  for (char **e = environ; *e; e++)
    if (is_inherited (*e)) env[n++] = text_dup (*e);
  env[n++] = text_format ("ASSUAN_COMMAND=%s", name);
  env[n++] = text_format ("ASSUAN_ARGS=%s", args);
  env[n++] = text_format ("ASSUAN_CONNECTION=%lu", peer->number);
  env[n++] = text_format ("ASSUAN_STATE_DIR=%s", peer->state_dir);
  n += add_credentials (peer, env + n);
  for (size_t i = 0; i < peer->n_options; i++)
    env[n++] = text_dup (peer->options[i]);
  return env;
}

void
peer_free_env (char **env) {
  for (char **e = env; *e; e++)
    secret_free (*e);
  free (env);
}
