/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* server-embedded.c - an Assuan server in the embedded event loop.

   usage: server-embedded ADDRESS     ends gently on SIGINT and SIGTERM, at once on a second one  */

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "service.h"
#include "tell.h"

static eva_loop *loop;
static eva_server *server;
static int signal_fd;

/* Makes SIGINT and SIGTERM readable, so that they come between callbacks, not in the middle
   of one.  */
static int
open_signals (void) {
  sigset_t set;

  sigemptyset (&set);
  sigaddset (&set, SIGINT);
  sigaddset (&set, SIGTERM);
  if (sigprocmask (SIG_BLOCK, &set, NULL)) return -1;
  return signalfd (-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void
drained (eva_server *the_server, void *arg) {
  (void) the_server;
  (void) arg;
  eva_loop_stop (loop);
}

static void
signal_came (void *arg, unsigned int revents) {
  struct signalfd_siginfo info;

  (void) arg;
  (void) revents;
  if (read (signal_fd, &info, sizeof info) != sizeof info) return;
  if (eva_server_drain (server, SERVICE_DRAIN_MS, drained, NULL))
    eva_loop_stop (loop); /* it is draining already */
  else
    tell_draining (server);
}

int
main (int argc, char **argv) {
  eva_source *signals = NULL;
  gpg_error_t err;

  if (argc != 2 || argv[1][0] == '-') return tell_usage ();
  if (service_init ()) return 1;
  signal_fd = open_signals ();
  loop = eva_loop_new ();
  if (loop) signals = eva_loop_add_fd (loop, signal_fd, EVA_READABLE, signal_came, NULL);
  if (!signals) return tell_loop_failure ();

  err = eva_server_new (loop, &service, NULL, &server);
  if (!err) err = eva_server_listen (server, argv[1], EVA_LISTEN_FDPASSING);
  if (!err) {
    tell_listening (server);
    eva_loop_run (loop);
  } else
    tell_failure (loop, err);

  eva_server_free (server);
  eva_source_free (signals);
  eva_loop_free (loop);
  close (signal_fd);
  return err ? 1 : 0;
}
