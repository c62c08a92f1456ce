/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* epoll.c - the embedded loop on Linux.

   The kernel holds the pointers to the sources.  A turn is one epoll_wait, and the loop calls
   epoll_ctl only when an interest really changes.  The epoll also watches a timerfd for deadlines:
   the loop sets it only for an earlier deadline, so most turns neither ask for the time nor set
   anything.  And so the descriptor of the epoll is readable whenever there is something to do.  */

#ifdef __linux__

#  include "loop/backend.h"
#  include "loop/time.h"
#  include "loop/source.h"

#  include <errno.h>
#  include <fcntl.h>
#  include <stdlib.h>
#  include <sys/epoll.h>
#  include <sys/timerfd.h>
#  include <unistd.h>

/* The most events that one epoll_wait takes.  */
#  define MAX_EVENTS 256

_Static_assert (EPOLLIN == POLLIN && EPOLLOUT == POLLOUT && EPOLLERR == POLLERR
                    && EPOLLHUP == POLLHUP,
                "events need no translation");

struct epoll_loop {
  struct eva_loop loop;
  int fd;
  eva_source timer; /* of the timerfd; its fd is -1 if there is none */
};

static struct epoll_loop *
self_of (eva_loop *loop) {
  return EVA__CONTAINER (struct epoll_loop, loop, loop);
}

static void
close_fd (int fd) {
  if (fd >= 0) close (fd);
}

static int
control (eva_loop *loop, int op, eva_source *source, unsigned int events) {
  struct epoll_event event = { .events = events, .data.ptr = source };

  if (source->exclusive && op == EPOLL_CTL_ADD) event.events |= EPOLLEXCLUSIVE;
  return epoll_ctl (self_of (loop)->fd, op, source->fd, &event) ? errno : 0;
}

static int
add (eva_loop *loop, eva_source *source) {
  return control (loop, EPOLL_CTL_ADD, source, source->events);
}

/* The kernel does not change an exclusive interest: this removes it and adds it again.  */
static int
change_exclusive (eva_loop *loop, eva_source *source, unsigned int events) {
  int rc;

  if (!source->lost) (void) control (loop, EPOLL_CTL_DEL, source, 0);
  rc = control (loop, EPOLL_CTL_ADD, source, events);
  source->lost = rc && control (loop, EPOLL_CTL_ADD, source, source->events);
  return rc;
}

/* A source that could not come back is added again.  */
static int
change (eva_loop *loop, eva_source *source, unsigned int events) {
  int rc;

  if (source->muted) return 0; /* it comes back with the new events */
  if (source->exclusive) return change_exclusive (loop, source, events);
  if (!source->lost) return control (loop, EPOLL_CTL_MOD, source, events);
  rc = control (loop, EPOLL_CTL_ADD, source, events);
  if (!rc) source->lost = false;
  return rc;
}

/* Stops watching SOURCE, but only in this process.  */
static void
stop_watching (eva_loop *loop, eva_source *source) {
  if (eva__loop_is_ours (loop)) (void) control (loop, EPOLL_CTL_DEL, source, 0);
}

static bool
remove_source (eva_loop *loop, eva_source *source) {
  stop_watching (loop, source);
  return eva__source_doom (loop, source);
}

static void
set_exclusive (eva_loop *loop, eva_source *source) {
  if (eva__loop_take_over (loop)) return;
  source->exclusive = true;
  (void) change_exclusive (loop, source, source->events);
}

static void
mute (eva_loop *loop, eva_source *source) {
  stop_watching (loop, source);
}

/* A child that takes the loop over takes SOURCE, too.  */
static int
unmute (eva_loop *loop, eva_source *source) {
  if (!eva__loop_is_ours (loop)) return eva__loop_take_over (loop);
  return control (loop, EPOLL_CTL_ADD, source, source->events);
}

/* Another turn may come within this one, and must not free the sources that this one still has to
   call.  */
static void
hold_all (const struct epoll_event *events, int n) {
  for (int i = 0; i < n; i++)
    eva__source_hold (events[i].data.ptr);
}

/* The batch is the turn's own.  */
static int
wait_for_events (eva_loop *loop, int timeout_ms) {
  struct epoll_event events[MAX_EVENTS];
  int n = epoll_wait (self_of (loop)->fd, events, MAX_EVENTS, timeout_ms);

  loop->n_events = n > 0 ? n : 0;
  if (n < 0) return errno == EINTR ? 0 : -1;
  if (loop->recurses) hold_all (events, n);
  for (int i = 0; i < n; i++)
    eva__source_dispatch (loop, events[i].data.ptr, events[i].events);
  return n;
}

/* --- Deadlines -------------------------------------------------------------------------------- */

/* A read ends the readiness.  */
static void
timer_fired (void *arg, unsigned int revents) {
  struct epoll_loop *self = arg;
  uint64_t times;

  (void) revents;
  (void) !read (self->timer.fd, &times, sizeof times);
  self->loop.armed_ns = EVA__LOOP_NEVER;
  self->loop.look = true;
  self->loop.n_events--;
}

static int
make_timer (struct epoll_loop *self) {
  int rc;

  if (self->timer.fd >= 0) return 0;
  self->timer.fd = timerfd_create (CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (self->timer.fd < 0) return -1;
  rc = control (&self->loop, EPOLL_CTL_ADD, &self->timer, EVA_READABLE);
  if (!rc) return 0;
  close (self->timer.fd);
  self->timer.fd = -1;
  errno = rc;
  return -1;
}

/* A deadline that is gone costs no system call: the turn that it causes costs less.  Without a
   timerfd the loop itself looks at the clock.  */
static uint64_t
arm (eva_loop *loop, uint64_t due_ns) {
  struct epoll_loop *self = self_of (loop);
  struct itimerspec when = { .it_value = { .tv_nsec = 1 } }; /* long past; 0 would be never */

  if (due_ns == EVA__LOOP_NEVER) return loop->armed_ns;
  if (eva__loop_take_over (loop) || make_timer (self)) return EVA__LOOP_NEVER;
  if (due_ns) {
    when.it_value.tv_sec = (time_t) (due_ns / 1000000000u);
    when.it_value.tv_nsec = (long) (due_ns % 1000000000u);
  }
  return timerfd_settime (self->timer.fd, TFD_TIMER_ABSTIME, &when, NULL) ? EVA__LOOP_NEVER
                                                                          : due_ns;
}

static int
get_fd (eva_loop *loop) {
  struct epoll_loop *self = self_of (loop);
  int rc = eva__loop_take_over (loop);

  if (rc) errno = rc;
  if (rc || make_timer (self)) return -1;
  if (!loop->nested) {
    loop->nested = true;
    eva__loop_changed (loop);
  }
  return self->fd;
}

/* --- Processes -------------------------------------------------------------------------------- */

/* Watches SOURCE, which the parent watched.  A descriptor that was closed since is not watched any
   more, as in the parent.  Returns 0 or an errno value.  */
static int
add_again (eva_loop *loop, eva_source *source) {
  int rc;

  if (source->fd < 0 || source->lost || source->muted) return 0;
  rc = control (loop, EPOLL_CTL_ADD, source, source->events);
  if (rc != EBADF && rc != EEXIST && rc != EPERM) return rc;
  source->lost = true;
  return 0;
}

/* Fills the new epoll of SELF.  Returns 0 or an errno value.  */
static int
fill (struct epoll_loop *self, bool has_timer) {
  int rc = 0;

  for (eva_source *source = self->loop.sources; source && !rc; source = source->next)
    rc = add_again (&self->loop, source);
  if (!rc && has_timer && make_timer (self)) rc = errno;
  return rc;
}

/* The new epoll gets the number of the old one, which another loop may watch.  */
static int
renew (eva_loop *loop) {
  struct epoll_loop *self = self_of (loop);
  int old_fd = self->fd, old_timer_fd = self->timer.fd, rc;

  self->fd = epoll_create1 (EPOLL_CLOEXEC);
  self->timer.fd = -1;
  rc = self->fd < 0 ? errno : fill (self, old_timer_fd >= 0);
  if (!rc && dup3 (self->fd, old_fd, O_CLOEXEC) < 0) rc = errno;
  close_fd (self->fd);
  self->fd = old_fd;
  if (rc) {
    close_fd (self->timer.fd);
    self->timer.fd = old_timer_fd;
    return rc;
  }
  close_fd (old_timer_fd);
  loop->armed_ns = EVA__LOOP_NEVER;
  eva__loop_arm (loop);
  return 0;
}

/* --- Life ------------------------------------------------------------------------------------- */

static void
free_loop (eva_loop *loop) {
  struct epoll_loop *self = self_of (loop);

  close_fd (self->timer.fd);
  close_fd (self->fd);
  free (self);
}

static const struct eva__loop_backend backend = { .add = add,
                                                  .change = change,
                                                  .remove = remove_source,
                                                  .mute = mute,
                                                  .unmute = unmute,
                                                  .wait = wait_for_events,
                                                  .arm = arm,
                                                  .get_fd = get_fd,
                                                  .set_exclusive = set_exclusive,
                                                  .renew = renew,
                                                  .free = free_loop };

eva_loop *
eva__loop_new_epoll (void) {
  struct epoll_loop *self = calloc (1, sizeof *self);

  if (!self) return NULL;
  self->fd = epoll_create1 (EPOLL_CLOEXEC);
  if (self->fd < 0) {
    free (self);
    return NULL;
  }
  eva__loop_init (&self->loop, &backend);
  self->loop.tells_hangup = true;
  self->timer = (eva_source) {
    .loop = &self->loop, .cb.fd = timer_fired, .arg = self, .fd = -1, .mask = EVA_READABLE
  };
  return &self->loop;
}

#endif /* __linux__ */
