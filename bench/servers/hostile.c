/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hostile.c - clients that behave badly.  One that the server throws out comes back.

   They are meant to make the server's life hard, not the kernel's: they run only while a processor
   has nothing else to do (SCHED_IDLE), so that an innocent client waits for the server alone.  */

#include "kit.h"
#include "load.h"

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define N_EVENTS  128
#define FLOOD_LEN ((size_t) 64 << 10)
#define TICK_NS   ((size_t) 10000000)

struct villain {
  int fd;
  size_t at; /* where in "NOP\n" it is */
};

/* How they behave.  Each function returns false if the connection is over.  */
struct kind {
  const char *name;
  const char *first;                       /* what is said at once, or NULL */
  bool (*tick) (struct villain *villain);  /* every TICK_NS, each at a time of its own, or NULL */
  bool (*ready) (struct villain *villain); /* when it can read or write what it wants, or NULL */
  unsigned int events;                     /* of epoll, that make it ready */
};

static char nops[FLOOD_LEN + 4];

/* --- Behaviour -------------------------------------------------------------------------------- */

/* Throws away what the server says.  */
static bool
hear (struct villain *villain) {
  static char buf[FLOOD_LEN];
  ssize_t n = recv (villain->fd, buf, sizeof buf, MSG_DONTWAIT);

  return n > 0 || (n < 0 && errno == EAGAIN);
}

/* Says up to LEN octets of NOPs.  */
static bool
say_nops (struct villain *villain, size_t len) {
  ssize_t n = send (villain->fd, nops + villain->at, len, MSG_NOSIGNAL | MSG_DONTWAIT);

  if (n > 0) villain->at = (villain->at + (size_t) n) % 4;
  return n > 0 || errno == EAGAIN;
}

static bool
drip (struct villain *villain) {
  return say_nops (villain, 1);
}

static bool
flood (struct villain *villain) {
  return hear (villain) && say_nops (villain, FLOOD_LEN);
}

/* Having been greeted, it leaves.  */
static bool
leave (struct villain *villain) {
  hear (villain);
  return false;
}

static const struct kind kinds[] = {
  { "half", "NO", NULL, NULL, 0 },
  { "drip", NULL, drip, hear, EPOLLIN },
  { "greedy", "BULK\n", NULL, NULL, 0 },
  { "silent", NULL, NULL, NULL, 0 },
  { "reconnect", NULL, NULL, leave, EPOLLIN },
  { "flood", NULL, NULL, flood, EPOLLIN | EPOLLOUT },
};

/* --- The loop --------------------------------------------------------------------------------- */

static void
join (struct villain *villain, const struct kind *kind, const struct target *target, int epoll_fd) {
  struct epoll_event event = { .events = kind->events, .data.ptr = villain };

  villain->fd = target_connect (target);
  villain->at = 0;
  if (kind->first) target_send (villain->fd, kind->first, strlen (kind->first));
  need (!epoll_ctl (epoll_fd, EPOLL_CTL_ADD, villain->fd, &event), "epoll_ctl");
}

/* Those whose time has come since the last call; the next one is NEXT.  Returns the new next
   one.  */
static size_t
tick (const struct kind *kind, struct villain *villains, size_t n, size_t next, int timer_fd) {
  uint64_t times;

  need (read (timer_fd, &times, sizeof times) == sizeof times, "timerfd");
  for (; times > 0; times--)
    kind->tick (&villains[next++ % n]);
  return next % n;
}

/* Returns a timer that fires for one of N after the other, and each one's ticks are TICK_NS
   apart: in a real crowd, too, no client waits for the others.  */
static int
start_ticks (int epoll_fd, size_t n) {
  struct itimerspec interval = { { 0, (long) (TICK_NS / n) }, { 0, (long) (TICK_NS / n) } };
  struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };
  int fd = timerfd_create (CLOCK_MONOTONIC, TFD_CLOEXEC);

  need (fd >= 0 && !timerfd_settime (fd, 0, &interval, NULL)
            && !epoll_ctl (epoll_fd, EPOLL_CTL_ADD, fd, &event),
        "timerfd");
  return fd;
}

static void
misbehave (const struct kind *kind, const struct target *target) {
  struct villain *villains = calloc (target->n, sizeof *villains);
  struct epoll_event events[N_EVENTS];
  int epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  size_t next = 0;
  int timer_fd;

  need (villains != NULL, "calloc");
  for (size_t i = 0; i < target->n; i++)
    join (&villains[i], kind, target, epoll_fd);
  timer_fd = kind->tick ? start_ticks (epoll_fd, target->n) : -1;
  for (;;) {
    int n = epoll_wait (epoll_fd, events, N_EVENTS, -1);
    need (n >= 0 || errno == EINTR, "epoll_wait");
    for (int i = 0; i < n; i++) {
      struct villain *villain = events[i].data.ptr;
      if (!villain) {
        next = tick (kind, villains, target->n, next, timer_fd);
        continue;
      }
      if (!(events[i].events & (EPOLLHUP | EPOLLERR)) && kind->ready && kind->ready (villain))
        continue;
      close (villain->fd);
      join (villain, kind, target, epoll_fd);
    }
  }
}

void
load_hostile (const char *name, struct target *target) {
  struct sched_param param = { 0 };

  need (!sched_setscheduler (0, SCHED_IDLE, &param), "SCHED_IDLE");
  for (size_t i = 0; i < FLOOD_LEN + 4; i++)
    nops[i] = "NOP\n"[i % 4];
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (!strcmp (name, kinds[i].name)) misbehave (&kinds[i], target);
  die (name, "is no kind of hostile client");
}
