/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* launch.c - a command that starts the server of a client, if none listens.

   Of all clients that find no server one starts it: the one that has the lock, a file beside the
   socket.

       WAITING   --has the lock-->         LOCKED    tries once more: the owner before may have
                                                     started the server meanwhile
       LOCKED    --no server-->            STARTED   the command runs, or has put a daemon into the
                                                     background
       STARTED   --the command fails-->    FAILED    tries once more: the server may have come from
                                                     elsewhere, which made the command fail
       FAILED    --no server-->            an error

   The lock is let go of when the client is connected, or gives up.  A client starts the server
   once; if that leaves before it greets, the client just tries again.  */

#include "client/launch.h"

#include "assuan/error.h"
#include "client/reason.h"
#include "client/started.h"
#include "io/lock.h"
#include "io/process.h"
#include "io/program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOCK_SUFFIX ".start-lock"

enum stage { WAITING, LOCKED, STARTED, FAILED };

struct eva__launch {
  enum stage stage;
  struct eva__io_program_start start;
  void (*failed) (struct eva__client *client);
  int lock;           /* -1: not ours */
  unsigned int owner; /* the process of ours that took it */
  struct eva__started command;
  char *lock_path; /* NULL: none yet, or not any more */
};

/* --- Copies ----------------------------------------------------------------------------------- */

/* Returns a copy of STRINGS, one piece of memory, or NULL.  */
static const char *const *
copy_strings (const char *const *strings) {
  size_t n = 0, len = 0;
  const char **copy;
  char *at;

  for (; strings[n]; n++)
    len += strlen (strings[n]) + 1;
  copy = malloc ((n + 1) * sizeof *copy + len);
  if (!copy) return NULL;
  at = (char *) (copy + n + 1);
  for (size_t i = 0; i < n; i++) {
    copy[i] = at;
    at = stpcpy (at, strings[i]) + 1;
  }
  copy[n] = NULL;
  return copy;
}

static void
free_copies (struct eva__launch *launch) {
  free ((void *) (uintptr_t) launch->start.argv);
  free ((void *) (uintptr_t) launch->start.environment);
  free ((void *) (uintptr_t) launch->start.directory);
}

int
eva__launch_init (struct eva__client *client, const struct eva_connect_config *config) {
  struct eva__launch *launch;
  struct eva__io_program_start *start;

  if (!config || !config->start_argv) return 0;
  launch = client->launch = calloc (1, sizeof *launch);
  if (!launch) return -1;
  launch->lock = -1;
  start = &launch->start;
  start->keeps_stderr = config->flags & EVA_CONNECT_STDERR;
  start->argv = copy_strings (config->start_argv);
  if (config->environment) start->environment = copy_strings (config->environment);
  if (config->directory) start->directory = strdup (config->directory);
  return start->argv && !start->environment == !config->environment
                 && !start->directory == !config->directory
             ? 0
             : -1;
}

/* --- The command ------------------------------------------------------------------------------ */

/* Looks whether the command has ended.  One that ended well has left a daemon behind.  */
static bool
has_failed (struct eva__launch *launch) {
  bool has_failed = eva__started_has_ended (&launch->command) && launch->command.status;

  if (has_failed) launch->stage = FAILED;
  return has_failed;
}

static void
command_ended (void *arg) {
  struct eva__client *client = arg;

  if (has_failed (client->launch)) client->launch->failed (client);
}

static enum eva__launch_next
start (struct eva__client *client, gpg_error_t *ret_err) {
  struct eva__launch *launch = client->launch;
  assuan_context_t ctx = eva__client_context (client);
  pid_t pid;

  if (eva__io_program_launch (&launch->start, &pid)) {
    *ret_err = errno == EINVAL ? eva__ctx_error (ctx, GPG_ERR_INV_ARG) : eva__ctx_syserror (ctx);
    eva__reason_set_error (client, launch->start.argv[0], *ret_err);
    return EVA__LAUNCH_FAIL;
  }
  launch->stage = STARTED;
  eva__started_watch (&launch->command, client->home, pid, command_ended, client);
  return EVA__LAUNCH_WAIT;
}

static enum eva__launch_next
fail (struct eva__client *client, gpg_error_t *ret_err) {
  const struct eva__launch *launch = client->launch;
  int status = launch->command.status;
  char why[60];

  if (WIFSIGNALED (status))
    snprintf (why, sizeof why, " was ended by signal %d", WTERMSIG (status));
  else
    snprintf (why, sizeof why, " failed with exit status %d", WEXITSTATUS (status));
  eva__reason_set (client, launch->start.argv[0], why);
  *ret_err = eva__ctx_error (eva__client_context (client), GPG_ERR_ASS_SERVER_START);
  return EVA__LAUNCH_FAIL;
}

/* --- The lock --------------------------------------------------------------------------------- */

static enum eva__launch_next
lock (struct eva__client *client, const char *path, gpg_error_t *ret_err) {
  struct eva__launch *launch = client->launch;
  size_t len = strlen (path);

  if (!launch->lock_path) launch->lock_path = malloc (len + sizeof LOCK_SUFFIX);
  if (!launch->lock_path) {
    *ret_err = eva__ctx_error (eva__client_context (client), GPG_ERR_ENOMEM);
    return EVA__LAUNCH_FAIL;
  }
  memcpy (launch->lock_path, path, len);
  memcpy (launch->lock_path + len, LOCK_SUFFIX, sizeof LOCK_SUFFIX);
  launch->lock = eva__io_lock_take (launch->lock_path);
  launch->owner = eva__io_this_process ();
  if (launch->lock >= 0) {
    launch->stage = LOCKED;
    return EVA__LAUNCH_TRY;
  }
  if (errno == EWOULDBLOCK) return EVA__LAUNCH_WAIT;
  *ret_err = eva__ctx_syserror (eva__client_context (client));
  eva__reason_set_error (client, launch->lock_path, *ret_err);
  return EVA__LAUNCH_FAIL;
}

enum eva__launch_next
eva__launch (struct eva__client *client, const char *path, void (*cb) (struct eva__client *client),
             gpg_error_t *ret_err) {
  struct eva__launch *launch = client->launch;

  launch->failed = cb;
  switch (launch->stage) {
  case WAITING:
    return lock (client, path, ret_err);
  case LOCKED:
    return start (client, ret_err);
  case STARTED:
    return has_failed (launch) ? EVA__LAUNCH_TRY : EVA__LAUNCH_WAIT;
  default:
    return fail (client, ret_err);
  }
}

void
eva__launch_explain (struct eva__client *client) {
  struct eva__launch *launch = client->launch;

  if (!launch || client->reason) return;
  if (launch->stage == WAITING && launch->lock_path)
    eva__reason_set (client, launch->lock_path, ": another client starts the server");
  else if (launch->stage == STARTED)
    eva__reason_set (client, launch->start.argv[0], " has started, but no server listens");
}

/* The server may leave before it greets, and then another client may start it; this one does so
   only once.  */
void
eva__launch_rest (struct eva__client *client) {
  struct eva__launch *launch = client->launch;

  if (!launch) return;
  eva__io_lock_release (launch->lock_path, launch->lock, launch->owner != eva__io_this_process ());
  launch->lock = -1;
  free (launch->lock_path);
  launch->lock_path = NULL;
  eva__started_leave (&launch->command, client->home, 0);
  if (launch->stage == LOCKED) launch->stage = WAITING;
}

void
eva__launch_free (struct eva__client *client) {
  struct eva__launch *launch = client->launch;

  if (!launch) return;
  eva__launch_rest (client);
  client->launch = NULL;
  free_copies (launch);
  free (launch);
}
