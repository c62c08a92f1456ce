/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* foreign.c - a loop of the program's, seen through a table of functions.

   Such a loop knows only descriptors and one timer.  If each descriptor would cost it much, it
   knows one descriptor: that of an epoll loop that has all the others.  What is freed stays in
   memory until the table says that the loop does not use it any more.  */

#include "loop/backend.h"
#include "loop/time.h"
#include "loop/source.h"
#include "loop/task.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct foreign_loop {
  struct eva_loop loop;
  const struct eva_loop_ops *ops;
  eva_loop *inner; /* the one that has all descriptors, or NULL */
  _Alignas (max_align_t) unsigned char self[];
};

static struct foreign_loop *
foreign_of (eva_loop *loop) {
  return (void *) loop; /* the first member of one */
}

static const struct eva_loop_ops *
ops_of (eva_loop *loop) {
  return foreign_of (loop)->ops;
}

static void *
self_of (eva_loop *loop) {
  return foreign_of (loop)->self;
}

static int
add (eva_loop *loop, eva_source *source) {
  return ops_of (loop)->add (self_of (loop), eva__source_watch (source), source->fd,
                             source->events);
}

static int
change (eva_loop *loop, eva_source *source, unsigned int events) {
  if (source->muted) return 0; /* it comes back with the new events */
  return ops_of (loop)->change (self_of (loop), eva__source_watch (source), source->fd, events);
}

static void
mute (eva_loop *loop, eva_source *source) {
  (void) ops_of (loop)->change (self_of (loop), eva__source_watch (source), source->fd, 0);
}

static int
unmute (eva_loop *loop, eva_source *source) {
  return change (loop, source, source->events);
}

static bool
stop_watching (eva_loop *loop, eva_source *source) {
  return ops_of (loop)->remove (self_of (loop), eva__source_watch (source), source->fd);
}

/* In a child the foreign loop may still share with the parent what the kernel has of it, and would
   take the descriptor out of there, too.  The kernel looks up the file that is open at that number,
   so meanwhile another file is open there.  If there is no descriptor for that, nothing is taken
   out.  */
static bool
stop_watching_in_child (eva_loop *loop, eva_source *source) {
  int flags = fcntl (source->fd, F_GETFD), fd = source->fd;
  int other = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int copy = fcntl (fd, F_DUPFD_CLOEXEC, 0);
  bool is_unused = false;

  if (other >= 0 && copy >= 0 && dup3 (other, fd, O_CLOEXEC) == fd) {
    is_unused = stop_watching (loop, source);
    dup3 (copy, fd, flags & FD_CLOEXEC ? O_CLOEXEC : 0);
  }
  if (copy >= 0) close (copy);
  if (other >= 0) close (other);
  return is_unused;
}

/* The parent's descriptors may be closed here already.  */
static bool
remove_source (eva_loop *loop, eva_source *source) {
  bool is_shared = !eva__loop_is_ours (loop) && fcntl (source->fd, F_GETFD) >= 0;
  bool is_unused = is_shared ? stop_watching_in_child (loop, source) : stop_watching (loop, source);

  return is_unused && (!source->busy || eva__source_doom (loop, source));
}

static void
set_background (eva_loop *loop, eva_source *source) {
  if (ops_of (loop)->unref) ops_of (loop)->unref (self_of (loop), eva__source_watch (source));
}

/* Foreign loops have clocks of their own, so they get a delay and no time.  */
static uint64_t
arm (eva_loop *loop, uint64_t due_ns) {
  uint64_t now_ns = due_ns && due_ns != EVA__LOOP_NEVER ? eva_now () : 0;

  if (due_ns == EVA__LOOP_NEVER)
    ops_of (loop)->cancel_timer (self_of (loop));
  else
    ops_of (loop)->set_timer (self_of (loop), due_ns > now_ns ? due_ns - now_ns : 0);
  return due_ns;
}

static void
free_loop (eva_loop *loop) {
  (void) arm (loop, EVA__LOOP_NEVER);
  if (ops_of (loop)->deinit (self_of (loop))) free (loop);
}

static const struct eva__loop_backend backend = { .add = add,
                                                  .change = change,
                                                  .remove = remove_source,
                                                  .mute = mute,
                                                  .unmute = unmute,
                                                  .arm = arm,
                                                  .set_background = set_background,
                                                  .free = free_loop };

/* Makes the loop that only passes on.  */
static eva_loop *
new_outer (const struct eva_loop_ops *ops, void *foreign) {
  struct foreign_loop *self;
  int rc;

  if (ops->version != EVA_LOOP_OPS_VERSION) {
    errno = EINVAL;
    return NULL;
  }
  self = calloc (1, sizeof *self + ops->self_size);
  if (!self) return NULL;
  eva__loop_init (&self->loop, &backend);
  self->ops = ops;
  self->loop.watch_size = ops->watch_size;
  self->loop.tells_hangup = ops->tells_hangup;
  self->loop.nested = true;
  self->loop.recurses = ops->recurses;
  rc = ops->init (self->self, foreign, &self->loop);
  if (!rc) return &self->loop;
  free (self);
  errno = rc;
  return NULL;
}

#ifdef __linux__
static void
inner_is_ready (void *inner, unsigned int revents) {
  (void) revents;
  (void) eva__loop_dispatch (inner, 0);
}

/* Makes a loop that watches everything itself, and lets OUTER watch it.  Returns OUTER if that
   cannot be: it only costs more then.  */
static eva_loop *
gather (eva_loop *outer) {
  eva_loop *inner = eva__loop_new_epoll ();
  int fd = inner ? eva_loop_get_fd (inner) : -1;

  if (fd >= 0 && eva_loop_add_fd (outer, fd, EVA_READABLE, inner_is_ready, inner)) {
    inner->outer = outer;
    foreign_of (outer)->inner = inner;
    inner->recurses = outer->recurses;
    /* The outer loop goes on reporting the inner one, within callbacks, too.  */
    outer->recurses = false;
    return inner;
  }
  eva_loop_free (inner);
  return outer;
}
#endif

eva_loop *
eva_loop_new_foreign (const struct eva_loop_ops *ops, void *foreign) {
  eva_loop *loop = new_outer (ops, foreign);

#ifdef __linux__
  if (loop && ops->gathers) loop = gather (loop);
#endif
  return loop;
}

void
eva_loop_prepare (eva_loop *loop) {
  eva_loop *inner = foreign_of (loop)->inner;

  (void) eva__loop_take_over (loop);
  if (inner) loop = inner;
  (void) eva__loop_take_over (loop);
  if (loop->depth) eva__loop_rerun (loop);
}

void
eva_loop_ready (void *watch, unsigned int revents) {
  eva_source *source = (eva_source *) watch - 1;
  eva_loop *loop = source->loop;

  (void) eva__loop_take_over (loop);
  eva__loop_enter (loop);
  eva__source_dispatch (loop, source, revents);
  eva__loop_run_soon_tasks (loop);
  eva__loop_leave (loop);
}

void
eva_loop_timeout (eva_loop *loop) {
  loop->armed_ns = EVA__LOOP_NEVER;
  (void) eva__loop_take_over (loop);
  eva__loop_enter (loop);
  if (eva__timers_first (&loop->timers)) eva__loop_run_timers (loop);
  eva__loop_run_tasks (loop);
  eva__loop_leave (loop);
}

void
eva_loop_removed (void *watch) {
  eva_source *source = (eva_source *) watch - 1;

  if (!source->busy || eva__source_doom (source->loop, source)) free (source);
}

void
eva_loop_finished (void *self) {
  free (EVA__CONTAINER (struct foreign_loop, self, self));
}
