/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tunnel.c - the ssh that connects a client with a socket of another host.

   ssh forwards a socket in a directory that only this user can enter.  The socket appears when ssh
   has logged in.  After the client has connected, socket and directory are of no use any more, and
   go: no other process comes in, and nothing is left however the program ends.  ssh ends with the
   client; if the program is killed, by a signal of the kernel.  */

#include "client/tunnel.h"

#include "assuan/error.h"
#include "client/reason.h"
#include "client/started.h"
#include "client/stderr.h"
#include "io/command.h"
#include "io/private.h"
#include "io/process.h"
#include "io/program.h"
#include "io/ssh.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ssh takes the first setting that it finds.  So those of the program's own words come first, and
   these count more than its configuration.  A master connection would keep the socket for itself,
   and the questions that ssh asks have no terminal to go to.  */
static const char *const options[] = {
  "-N", "-T",
  "-a", "-x",
  "-S", "none",
  "-o", "ControlMaster=no",
  "-o", "BatchMode=yes",
  "-o", "ExitOnForwardFailure=yes",
  "-o", "ClearAllForwardings=no",
  "-o", "ForkAfterAuthentication=no",
  "-o", "PermitLocalCommand=no",
  "-o", "RemoteCommand=none",
};

#define N_OPTIONS (sizeof options / sizeof *options)

/* `-L`, where to; `-l`, the user; `-p`, the port; `--`, the host; and NULL.  */
#define N_MORE 9

struct eva__tunnel {
  struct eva__started ssh;
  struct eva__io_private socket; /* none, or not any more, when the client is connected */
};

/* --- Starting --------------------------------------------------------------------------------- */

/* Returns the words of the command, an array to be freed that borrows from all of these, or
   NULL.  */
static const char **
make_argv (const char *const *command, const struct eva__io_ssh *ssh, const char *forward) {
  size_t n = eva__io_command_count (command), at = n + N_OPTIONS;
  const char **argv = calloc (at + N_MORE, sizeof *argv);

  if (!argv) return NULL;
  memcpy (argv, command, n * sizeof *argv);
  memcpy (argv + n, options, sizeof options);
  argv[at++] = "-L";
  argv[at++] = forward;
  if (*ssh->user) argv[at++] = "-l";
  if (*ssh->user) argv[at++] = ssh->user;
  if (*ssh->port) argv[at++] = "-p";
  if (*ssh->port) argv[at++] = ssh->port;
  argv[at++] = "--";
  argv[at] = ssh->host;
  return argv;
}

/* Starts ARGV; the last line of its stderr becomes the reason, unless the program wants to see all
   of it.  Returns 0, or -1 with errno.  */
static int
start (struct eva__client *client, const char *const *argv, pid_t *ret_pid) {
  struct eva_connect_config *config = &client->config;
  struct eva__io_program_start how = { .argv = argv,
                                       .keeps_stderr = config->flags & EVA_CONNECT_STDERR,
                                       .environment = config->environment,
                                       .directory = config->directory,
                                       .ends_with_us = true };
  bool is_read = !how.keeps_stderr || config->on_stderr;
  int rc;

  if (is_read && eva__stderr_open (client, &how)) return -1;
  if (is_read) config->flags |= EVA_CONNECT_LAST_STDERR;
  rc = eva__io_program_launch (&how, ret_pid);
  if (is_read) eva__stderr_opened (client);
  return rc;
}

/* All that eva__tunnel_new does; returns -1 with errno.  */
static int
open_tunnel (struct eva__client *client, const char *text, const char *const *command,
             void (*cb) (void *client)) {
  struct eva__tunnel *tunnel = client->tunnel = calloc (1, sizeof *tunnel);
  char forward[sizeof tunnel->socket.path + sizeof ((struct eva__io_ssh *) 0)->path];
  struct eva__io_ssh ssh;
  const char **argv;
  pid_t pid;
  int rc;

  if (!tunnel || eva__io_ssh_parse (text, &ssh) < 0) return -1;
  if (eva__io_private_make (&tunnel->socket, "/tmp", "eva-ssh") < 0) return -1;
  snprintf (forward, sizeof forward, "%s:%s", tunnel->socket.path, ssh.path);
  argv = make_argv (command, &ssh, forward);
  if (!argv) return -1;
  rc = start (client, argv, &pid);
  free (argv);
  if (!rc) eva__started_watch (&tunnel->ssh, client->home, pid, cb, client);
  return rc;
}

gpg_error_t
eva__tunnel_new (struct eva__client *client, const char *text, void (*cb) (void *client)) {
  static const char *const ssh[] = { "ssh", NULL };
  const char *const *command = client->config.argv ? client->config.argv : ssh;
  assuan_context_t ctx = eva__client_context (client);
  gpg_error_t err;

  if (!command[0]) return eva__ctx_error (ctx, GPG_ERR_INV_ARG);
  if (!open_tunnel (client, text, command, cb)) return 0;
  err = errno == EINVAL ? eva__ctx_error (ctx, GPG_ERR_INV_ARG) : eva__ctx_syserror (ctx);
  eva__reason_set_error (client, command[0], err);
  return err;
}

/* --- While it runs ---------------------------------------------------------------------------- */

const char *
eva__tunnel_get_path (struct eva__client *client) {
  struct eva__tunnel *tunnel = client->tunnel;

  return eva__started_has_ended (&tunnel->ssh) ? NULL : tunnel->socket.path;
}

/* A child of fork has the names, too.  */
static void
remove_socket (struct eva__tunnel *tunnel) {
  if (tunnel->socket.process == eva__io_this_process ()) unlink (tunnel->socket.path);
  eva__io_private_remove (&tunnel->socket);
}

void
eva__tunnel_settle (struct eva__client *client) {
  if (client->tunnel) remove_socket (client->tunnel);
}

void
eva__tunnel_free (struct eva__client *client) {
  struct eva__tunnel *tunnel = client->tunnel;

  if (!tunnel) return;
  client->tunnel = NULL;
  /* A SIGTERM that comes just before ssh waits it would notice minutes later.  It has nothing to
     tidy up: the socket is ours, and it is no master of others.  */
  eva__started_leave (&tunnel->ssh, client->home, SIGKILL);
  remove_socket (tunnel);
  free (tunnel);
}
