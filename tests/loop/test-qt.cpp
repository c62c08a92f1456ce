// SPDX-License-Identifier: LGPL-2.1-or-later
// test-qt.cpp - a change that eva/qt.h has no memory for leaves everything as it was.

#include <eva/qt.h>

#include <QCoreApplication>
#include <cstdio>
#include <cstdlib>
#include <sys/socket.h>
#include <unistd.h>

// Notifiers that may still be made, of those that the header makes.
static unsigned int n_notifiers = 1000000;

void *
operator new (std::size_t size) {
  void *ptr;

  if (size == sizeof (eva_qt_notifier) && !n_notifiers--) throw std::bad_alloc ();
  ptr = std::malloc (size);
  if (!ptr) throw std::bad_alloc ();
  return ptr;
}

void
operator delete (void *ptr) noexcept {
  std::free (ptr);
}

void
operator delete (void *ptr, std::size_t) noexcept {
  std::free (ptr);
}

static unsigned int reported;

static void
ready (void *, unsigned int revents) {
  reported |= revents;
}

// What a descriptor that is watched for EVENTS reports after a change to all events fails, for want
// of the last notifier that it needs.
static unsigned int
report_after_failure (unsigned int events, unsigned int n_missing) {
  eva_loop_ops ops = *eva_qt_ops ();
  QAbstractEventDispatcher *dispatcher = QAbstractEventDispatcher::instance ();
  eva_source *source;
  eva_loop *loop;
  int fd[2];

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd)) std::abort ();
  if (write (fd[1], "x", 1) != 1) std::abort ();
  ops.gathers = false;
  n_notifiers = 1000000;
  loop = eva_loop_new_foreign (&ops, dispatcher);
  source = loop ? eva_loop_add_fd (loop, fd[0], events, ready, nullptr) : nullptr;
  if (!source) std::abort ();
  n_notifiers = n_missing - 1;
  reported = 0;
  if (!eva_source_set_events (source, events ^ (EVA_READABLE | EVA_WRITABLE)) || errno != ENOMEM)
    reported = 1000;
  n_notifiers = 1000000;
  for (int i = 0; i < 10; i++)
    dispatcher->processEvents (QEventLoop::AllEvents);
  eva_source_free (source);
  eva_loop_free (loop);
  close (fd[0]);
  close (fd[1]);
  return reported;
}

static const struct {
  const char *name;
  unsigned int events, n_missing;
} cases[] = {
  { "reading", EVA_READABLE, 1 },
  { "writing", EVA_WRITABLE, 1 },
  { "none, the first notifier", 0, 1 },
  { "none, the second notifier", 0, 2 },
};

int
main (int argc, char **argv) {
  QCoreApplication application (argc, argv);
  int n = 0, n_failed = 0;

  alarm (60);
  std::printf ("1..%zu\n", sizeof cases / sizeof *cases);
  for (const auto &c : cases) {
    const unsigned int told = report_after_failure (c.events, c.n_missing);

    std::printf ("%sok %d - %s\n", told == c.events ? "" : "not ", ++n, c.name);
    if (told != c.events) std::printf ("# reported %u\n", told);
    if (told != c.events) n_failed++;
  }
  return n_failed ? 1 : 0;
}
