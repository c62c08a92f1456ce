/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* eva/qt.h - an eva_loop on Qt's event loop, of Qt 5 or 6.  In C++ only; link with QtCore
   (pkg-config Qt5Core or Qt6Core).

   The eva_loop lives in the thread that makes it: the one of the QCoreApplication, which comes
   first, or a QThread that runs its event loop.  eva_loop_free comes before the QCoreApplication,
   or the QThread, ends.  QCoreApplication::exec, and each QEventLoop, does what is due; callbacks
   may run another QEventLoop, as QDialog::exec does.

   Where the system has epoll, Qt sees one descriptor and no timer, however many connections there
   are.  Qt tells of a descriptor with one QSocketNotifier for reading and one for writing, and does
   not report a peer that leaves while the eva_loop watches for nothing.

   No callback may throw an exception: there are frames of C between it and Qt.  eva.hpp sees to
   that.

   There is nothing for moc here.  The header compiles with -fno-exceptions, too.  */

#ifndef EVA_QT_H
#define EVA_QT_H

#ifndef __cplusplus
#  error "eva/qt.h is for C++"
#endif

#include <eva-loop.h>

#include <QAbstractEventDispatcher>
#include <QBasicTimer>
#include <QEvent>
#include <QSocketNotifier>
#include <QTimerEvent>
#include <cerrno>
#include <climits>
#include <new>

/* Passes on what a descriptor is ready for.  A callback may delete it.  */
class eva_qt_notifier : public QSocketNotifier {
public:
  eva_qt_notifier (int fd, Type type, void *watch)
      : QSocketNotifier (fd, type), watch_ (watch),
        revents_ (type == Read ? EVA_READABLE : EVA_WRITABLE) {
  }

protected:
  bool event (QEvent *event) override {
    if (event->type () != QEvent::SockAct && event->type () != QEvent::SockClose)
      return QSocketNotifier::event (event);
    eva_loop_ready (watch_, revents_);
    return true;
  }

private:
  void *watch_;
  unsigned int revents_;
};

/* The timer of a loop.  Qt's may have less precision than they have digits, and one that came early
   waits for the rest.  */
class eva_qt_timer : public QObject {
public:
  explicit eva_qt_timer (eva_loop *loop) : loop_ (loop) {
  }

  void set (uint64_t delay_ns) {
    due_ns_ = eva_now () + delay_ns;
    start (delay_ns);
  }

  void cancel () {
    timer_.stop ();
  }

protected:
  void timerEvent (QTimerEvent *event) override {
    const uint64_t now_ns = eva_now ();

    if (event->timerId () != timer_.timerId ()) return;
    if (now_ns < due_ns_) {
      start (due_ns_ - now_ns);
      return;
    }
    timer_.stop ();
    eva_loop_timeout (loop_);
  }

private:
  void start (uint64_t delay_ns) {
    const uint64_t ms = delay_ns ? (delay_ns - 1) / 1000000 + 1 : 0;

    timer_.start (ms > INT_MAX ? INT_MAX : static_cast<int> (ms), Qt::PreciseTimer, this);
  }

  QBasicTimer timer_;
  eva_loop *loop_;
  uint64_t due_ns_ = 0;
};

struct eva_qt {
  eva_qt_timer *timer;
};

struct eva_qt_watch {
  eva_qt_notifier *read, *write; /* NULL until they are wanted */
};

/* Qt tells of each turn in one of two ways, which depends on whether the turn may wait.  What is
   connected goes with the timer.  */
static inline int
eva_qt_init (void *self, void *foreign, eva_loop *loop) {
  QAbstractEventDispatcher *dispatcher = static_cast<QAbstractEventDispatcher *> (foreign);
  eva_qt_timer *timer = nullptr;

  if (!dispatcher) return EINVAL;
  QT_TRY {
    timer = new eva_qt_timer (loop);
    QObject::connect (dispatcher, &QAbstractEventDispatcher::awake, timer,
                      [loop] { eva_loop_prepare (loop); });
    QObject::connect (dispatcher, &QAbstractEventDispatcher::aboutToBlock, timer,
                      [loop] { eva_loop_prepare (loop); });
  }
  QT_CATCH (const std::bad_alloc &) {
    delete timer;
    return ENOMEM;
  }
  static_cast<eva_qt *> (self)->timer = timer;
  return 0;
}

static inline bool
eva_qt_deinit (void *self) {
  delete static_cast<eva_qt *> (self)->timer;
  return true;
}

/* Lets one of a watch's notifiers, or NULL, report or not.  */
static inline void
eva_qt_enable (eva_qt_notifier *notifier, bool is_wanted) {
  if (notifier) notifier->setEnabled (is_wanted);
}

/* Makes what is missing first: if there is no memory for it, the old events stay.  */
static inline int
eva_qt_change (void *self, void *data, int fd, unsigned int events) {
  eva_qt_watch *watch = static_cast<eva_qt_watch *> (data);
  eva_qt_notifier *read = watch->read, *write = watch->write;

  (void) self;
  QT_TRY {
    if (!read && (events & EVA_READABLE))
      read = new eva_qt_notifier (fd, QSocketNotifier::Read, watch);
    if (!write && (events & EVA_WRITABLE))
      write = new eva_qt_notifier (fd, QSocketNotifier::Write, watch);
  }
  QT_CATCH (const std::bad_alloc &) {
    if (read != watch->read) delete read;
    return ENOMEM;
  }
  watch->read = read;
  watch->write = write;
  eva_qt_enable (read, events & EVA_READABLE);
  eva_qt_enable (write, events & EVA_WRITABLE);
  return 0;
}

static inline bool
eva_qt_remove (void *self, void *data, int fd) {
  eva_qt_watch *watch = static_cast<eva_qt_watch *> (data);

  (void) self;
  (void) fd;
  delete watch->read;
  delete watch->write;
  return true;
}

static inline int
eva_qt_add (void *self, void *data, int fd, unsigned int events) {
  return eva_qt_change (self, data, fd, events);
}

static inline void
eva_qt_set_timer (void *self, uint64_t delay_ns) {
  static_cast<eva_qt *> (self)->timer->set (delay_ns);
}

static inline void
eva_qt_cancel_timer (void *self) {
  static_cast<eva_qt *> (self)->timer->cancel ();
}

/* What eva_loop_from_qt gives to eva_loop_new_foreign.  */
static inline const eva_loop_ops *
eva_qt_ops () {
  static const eva_loop_ops ops = { EVA_LOOP_OPS_VERSION,
                                    sizeof (eva_qt),
                                    sizeof (eva_qt_watch),
                                    eva_qt_init,
                                    eva_qt_deinit,
                                    eva_qt_add,
                                    eva_qt_change,
                                    eva_qt_remove,
                                    eva_qt_set_timer,
                                    eva_qt_cancel_timer,
                                    false,
                                    true,
                                    true,
                                    nullptr };

  return &ops;
}

/* Makes an eva_loop that lives in Qt's event loop of this thread.  The caller frees it with
   eva_loop_free.  Returns as eva_loop_new_foreign; NULL with errno EINVAL if this thread has no
   event loop of Qt, because there is no QCoreApplication yet.  */
static inline eva_loop *
eva_loop_from_qt () {
  return eva_loop_new_foreign (eva_qt_ops (), QAbstractEventDispatcher::instance ());
}

#endif /* EVA_QT_H */
