/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* signals.c - the signals of a subcommand that serves.  */

#include "signals.h"
#include "message.h"
#include "wait.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

static int fd = -1;
static eva_source *source;
static void (*callback) (int sig);

static void
on_signal (void *arg, unsigned int revents) {
  struct signalfd_siginfo info;

  (void) arg;
  (void) revents;
  if (read (fd, &info, sizeof info) == sizeof info) callback ((int) info.ssi_signo);
}

enum status
signals_watch (void (*cb) (int sig)) {
  sigset_t set;

  callback = cb;
  signal (SIGPIPE, SIG_IGN);
  sigemptyset (&set);
  sigaddset (&set, SIGTERM);
  sigaddset (&set, SIGHUP);
  sigprocmask (SIG_BLOCK, &set, NULL);
  fd = signalfd (-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd >= 0) source = eva_loop_add_fd (wait_loop (), fd, EVA_READABLE, on_signal, NULL);
  if (source) return STATUS_OK;
  return message_fail (STATUS_LOCAL, "cannot watch signals: %s", strerror (errno));
}

void
signals_unwatch (void) {
  eva_source_free (source);
  if (fd >= 0) close (fd);
  source = NULL;
  fd = -1;
}
