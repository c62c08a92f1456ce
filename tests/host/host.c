/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* host.c - the server of tests that look at a whole program: the service of the examples, some
   commands more, and figures of what goes on inside.

   usage: host ADDRESS [LIMIT=VALUE | sample_ms=N | allow_uid=N]...

   LIMIT is one of words.h.  With sample_ms it looks every so many milliseconds how much memory
   is allocated, with allow_uid it lets another user in, too.  It says where it listens, and
   nothing else.  On SIGTERM it drains, as long as commands need; on SIGINT it ends at once.  */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "commands.h"
#include "words.h"
#include "tell.h"

#define N_OWN (sizeof own_commands / sizeof *own_commands)

static const struct eva_command own_commands[] = {
  { .name = "ASK", .handler = cmd_ask, .help = "ASK [max]" },
  { .name = "TAKE", .handler = cmd_take, .help = "TAKE" },
  { .name = "BULK", .handler = cmd_bulk, .help = "BULK [n]" },
  { .name = "WAIT", .handler = cmd_wait, .help = "WAIT [ms]" },
  { .name = "LIMIT",
    .handler = cmd_limit,
    .help = "LIMIT name=value\n\nSet a limit of this connection." },
  { .name = "LIMITS",
    .handler = cmd_limits,
    .help = "LIMITS name=value\n\nSet a limit of the server, or of who comes next." },
  { .name = "STATS", .handler = cmd_stats, .help = "STATS\n\nTell figures." },
};

eva_server *host_server;
struct eva_server_limits host_limits;

static eva_loop *loop;
static eva_source *signals, *sampler;
static unsigned long sample_ms, allowed_uid;

/* --- The service ------------------------------------------------------------------------------ */

static gpg_error_t
opened (assuan_context_t ctx) {
  (void) ctx;
  host_figures.n_opened++;
  return 0;
}

static void
closed (assuan_context_t ctx, gpg_error_t reason) {
  (void) ctx;
  (void) reason;
  host_figures.n_closed++;
}

/* An option that can be wrong, for clients that look.  */
static gpg_error_t
option (assuan_context_t ctx, const char *name, const char *value) {
  (void) value;
  if (strcmp (name, "wrong") != 0) return 0;
  return assuan_set_error (ctx, gpg_error (GPG_ERR_UNKNOWN_OPTION), "this one is wrong");
}

/* The examples' commands and ours.  */
static gpg_error_t
make_server (void) {
  static struct eva_command commands[64];
  static struct eva_service all = {
    .commands = commands, .open = opened, .close = closed, .option = option
  };

  if (service.n_commands + N_OWN > sizeof commands / sizeof *commands)
    return gpg_error (GPG_ERR_TOO_SHORT);
  memcpy (commands, service.commands, service.n_commands * sizeof *commands);
  memcpy (commands + service.n_commands, own_commands, sizeof own_commands);
  all.n_commands = service.n_commands + N_OWN;
  return eva_server_new (loop, &all, NULL, &host_server);
}

/* --- Events ----------------------------------------------------------------------------------- */

static void
drained (eva_server *server, void *arg) {
  (void) server;
  (void) arg;
  eva_loop_stop (loop);
}

static void
signal_came (void *arg, unsigned int revents) {
  struct signalfd_siginfo info;

  (void) revents;
  if (read (*(int *) arg, &info, sizeof info) != sizeof info) return;
  if (info.ssi_signo == SIGINT || eva_server_drain (host_server, SERVICE_DRAIN_MS, drained, NULL))
    eva_loop_stop (loop);
}

static void
sample (void *arg) {
  (void) arg;
  host_sample_heap ();
  eva_source_set_delay (sampler, (unsigned int) sample_ms);
}

/* --- The program ------------------------------------------------------------------------------ */

static int
open_signals (void) {
  sigset_t set;

  sigemptyset (&set);
  sigaddset (&set, SIGINT);
  sigaddset (&set, SIGTERM);
  sigprocmask (SIG_BLOCK, &set, NULL);
  return signalfd (-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Reads the arguments behind the address.  */
static bool
parse (char **args) {
  for (; *args; args++)
    if (!strncmp (*args, "sample_ms=", 10))
      sample_ms = strtoul (*args + 10, NULL, 10);
    else if (!strncmp (*args, "allow_uid=", 10))
      allowed_uid = strtoul (*args + 10, NULL, 10);
    else if (!limits_set_of_server (&host_limits, *args))
      return false;
  return true;
}

static int
serve (const char *address) {
  gpg_error_t err = make_server ();

  if (!err) err = eva_server_set_limits (host_server, &host_limits);
  if (!err && allowed_uid) err = eva_server_allow_uid (host_server, (uid_t) allowed_uid);
  if (!err) err = eva_server_listen (host_server, address, EVA_LISTEN_FDPASSING);
  if (err) return tell_failure (loop, err);
  tell_listening (host_server);
  eva_loop_run (loop);
  return 0;
}

int
main (int argc, char **argv) {
  int signal_fd = open_signals ();
  int status = 1;

  if (argc < 2 || !parse (argv + 2)) {
    fprintf (stderr, "usage: host ADDRESS [LIMIT=VALUE | sample_ms=N | allow_uid=N]...\n");
    return 2;
  }
  if (service_init ()) return 1;
  loop = eva_loop_new ();
  if (loop) signals = eva_loop_add_fd (loop, signal_fd, EVA_READABLE, signal_came, &signal_fd);
  if (signals && sample_ms) sampler = eva_loop_add_timer (loop, 0, sample, NULL);
  if (signals && (sampler || !sample_ms))
    status = serve (argv[1]);
  else
    status = tell_loop_failure ();
  eva_server_free (host_server);
  eva_source_free (sampler);
  eva_source_free (signals);
  eva_loop_free (loop);
  close (signal_fd);
  return status;
}
