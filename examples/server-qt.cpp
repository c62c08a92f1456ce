// SPDX-License-Identifier: LGPL-2.1-or-later
// server-qt.cpp - an Assuan server in Qt's event loop, of Qt 5 or 6.
//
// usage: server-qt ADDRESS     ends gently on SIGINT and SIGTERM, at once on a second one

extern "C" {
#include "service.h"
#include "tell.h"
}

#include <eva/qt.h>

#include <QCoreApplication>
#include <csignal>
#include <sys/signalfd.h>
#include <unistd.h>

// Makes SIGINT and SIGTERM readable: a handler of signals may call next to nothing of Qt.
static int
open_signals () {
  sigset_t set;

  sigemptyset (&set);
  sigaddset (&set, SIGINT);
  sigaddset (&set, SIGTERM);
  if (sigprocmask (SIG_BLOCK, &set, nullptr)) return -1;
  return signalfd (-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void
drained (eva_server *, void *) {
  QCoreApplication::quit ();
}

static void
signal_came (int signal_fd, eva_server *server) {
  signalfd_siginfo info;

  if (read (signal_fd, &info, sizeof info) != sizeof info) return;
  if (eva_server_drain (server, SERVICE_DRAIN_MS, drained, nullptr))
    QCoreApplication::quit (); // it is draining already
  else
    tell_draining (server);
}

// The loop goes before the QCoreApplication.
static int
serve (const char *address) {
  eva_loop *loop = eva_loop_from_qt ();
  eva_server *server = nullptr;
  const int signal_fd = open_signals ();

  if (!loop) return tell_loop_failure ();
  QSocketNotifier notifier (signal_fd, QSocketNotifier::Read);
  gpg_error_t err = eva_server_new (loop, &service, nullptr, &server);
  QObject::connect (&notifier, &QSocketNotifier::activated,
                    [&] { signal_came (signal_fd, server); });
  if (!err) err = eva_server_listen (server, address, EVA_LISTEN_FDPASSING);
  if (!err) {
    tell_listening (server);
    QCoreApplication::exec ();
  } else
    tell_failure (loop, err);

  eva_server_free (server);
  eva_loop_free (loop);
  notifier.setEnabled (false);
  close (signal_fd);
  return err ? 1 : 0;
}

int
main (int argc, char **argv) {
  if (argc != 2 || argv[1][0] == '-') return tell_usage ();
  if (service_init ()) return 1;
  QCoreApplication application (argc, argv);
  return serve (argv[1]);
}
