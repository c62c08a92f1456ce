// SPDX-License-Identifier: LGPL-2.1-or-later
// loop-qt.cpp - Qt 5 or 6.  See loops.h.
//
// LOOP_NAME is its name.  With LOOP_WITHOUT_GLIB it is Qt's own dispatcher, and not the one on GLib.
// With LOOP_UNGATHERED Qt watches each descriptor, as where there is no epoll.

extern "C" {
#include "kind.h"
}

#include <eva/qt.h>

#include <QCoreApplication>
#include <cstdlib>

const char *const test_loop_name = LOOP_NAME;

// There is one of them in a process, and all loops live in it.
static QAbstractEventDispatcher *
dispatcher () {
  static char name[] = "test", *arguments[] = { name, nullptr };
  static int n_arguments = 1;
  static QCoreApplication *application;

#ifdef LOOP_WITHOUT_GLIB
  if (!application) setenv ("QT_NO_GLIB", "1", 1);
#endif
  if (!application) application = new QCoreApplication (n_arguments, arguments);
  return QAbstractEventDispatcher::instance ();
}

void
test_loop_init (struct test_loop *t) {
  t->foreign = dispatcher ();
#ifdef LOOP_UNGATHERED
  static eva_loop_ops ops = *eva_qt_ops ();

  ops.gathers = false;
  t->loop = eva_loop_new_foreign (&ops, t->foreign);
#else
  t->loop = eva_loop_from_qt ();
#endif
  loop_check (t->loop, "eva_loop_from_qt");
}

void
test_loop_turn (struct test_loop *, bool wait) {
  dispatcher ()->processEvents (wait ? QEventLoop::WaitForMoreEvents : QEventLoop::AllEvents);
}

bool
test_loop_run_out (struct test_loop *) {
  return false;
}

bool
test_loop_forked (struct test_loop *) {
  return true;
}

void *
test_loop_watch (struct test_loop *, int fd, void (*cb) (void *arg), void *arg) {
  QSocketNotifier *notifier = new QSocketNotifier (fd, QSocketNotifier::Read);

  loop_set_watcher (cb, arg);
  QObject::connect (notifier, &QSocketNotifier::activated, loop_call_watcher);
  return notifier;
}

void
test_loop_unwatch (struct test_loop *, void *watch) {
  delete static_cast<QSocketNotifier *> (watch);
}

void
test_loop_deinit (struct test_loop *t) {
  eva_loop_free (t->loop);
}
