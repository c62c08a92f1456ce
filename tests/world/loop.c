/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loop.c - the loop that a world lives in.  See loop.h.

   Whatever kind it is, nothing waits: where the library would, it comes back to us, and time goes
   by.  */

#include "loop.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "calls.h"
#include "dice.h"
#include "fake-clock.h"
#include "fake-loop.h"
#include "ledger.h"
#include "loop/backend.h"
#include "supplies.h"
#include "weather.h"

#define NS_PER_MS UINT64_C (1000000)

/* So many turns while no time goes by, and the loop runs in circles.  */
#define MAX_TURNS  200000u
#define MAX_SLEEPS 200000u

/* The program's own; the library's on epoll, on poll, and nested in the program's own.  */
enum kind { OWN, ON_EPOLL, ON_POLL, NESTED };

eva_loop *the_loop;
bool (*loop_also) (void);
uint64_t (*loop_also_due) (void);

static struct {
  enum kind kind;
  struct fake_loop_config config;
  eva_loop *outer;    /* of a nested one */
  eva_source *bridge; /* by which it is nested */
  unsigned int depth;
  unsigned int n_sleeps;
  unsigned int n_waits; /* calls that wait */
  unsigned int n_turns; /* since time went by */
  bool waits;           /* the next wait of the library is that of its loop */
  int wait_ms;          /* and so long it would have waited: -1 forever */
} loop;

/* --- Timers of the kernel --------------------------------------------------------------------- */

#define MAX_TIMERS 8

/* An eventfd stands in for each.  */
static struct {
  int fd; /* 0: free */
  uint64_t due_ns;
} timers[MAX_TIMERS];

int __wrap_timerfd_create (int clock, int flags);
int __wrap_timerfd_settime (int fd, int flags, const struct itimerspec *when,
                            struct itimerspec *old);
int __wrap_close (int fd);

static void
ring (void) {
  for (int i = 0; i < MAX_TIMERS; i++) {
    uint64_t one = 1;
    if (!timers[i].fd || timers[i].due_ns > fake_clock_now ()) continue;
    timers[i].due_ns = LOOP_NEVER;
    CHECK (__real_write (timers[i].fd, &one, sizeof one) == sizeof one);
  }
}

int
__wrap_timerfd_create (int clock, int flags) {
  int i = 0;

  (void) clock;
  (void) flags;
  if (weather_lacks_fds ()) return -1;
  while (i < MAX_TIMERS && timers[i].fd)
    i++;
  CHECK (i < MAX_TIMERS);
  timers[i].fd = eventfd (0, EFD_NONBLOCK | EFD_CLOEXEC);
  timers[i].due_ns = LOOP_NEVER;
  CHECK (timers[i].fd > 0);
  return timers[i].fd;
}

/* A new setting takes the readiness away.  */
int
__wrap_timerfd_settime (int fd, int flags, const struct itimerspec *when, struct itimerspec *old) {
  uint64_t octets;

  (void) old;
  CHECK (flags & TFD_TIMER_ABSTIME);
  (void) !__real_read (fd, &octets, sizeof octets);
  for (int i = 0; i < MAX_TIMERS; i++)
    if (timers[i].fd == fd)
      timers[i].due_ns =
          (uint64_t) when->it_value.tv_sec * 1000000000u + (uint64_t) when->it_value.tv_nsec;
  ring ();
  return 0;
}

int
__wrap_close (int fd) {
  for (int i = 0; i < MAX_TIMERS; i++)
    if (timers[i].fd == fd) timers[i].fd = 0;
  return __real_close (fd);
}

static uint64_t
earlier (uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

static uint64_t
timers_due (void) {
  uint64_t due_ns = LOOP_NEVER;

  for (int i = 0; i < MAX_TIMERS; i++)
    if (timers[i].fd) due_ns = earlier (due_ns, timers[i].due_ns);
  return due_ns;
}

/* --- Time ------------------------------------------------------------------------------------- */

int __wrap_nanosleep (const struct timespec *wanted, struct timespec *left);

void
loop_pass (uint64_t ns) {
  if (ns) loop.n_turns = 0;
  fake_clock_advance (ns);
  ring ();
}

int
__wrap_nanosleep (const struct timespec *wanted, struct timespec *left) {
  (void) left;
  loop_pass ((uint64_t) wanted->tv_sec * 1000000000u + (uint64_t) wanted->tv_nsec);
  return 0;
}

/* --- Waiting ---------------------------------------------------------------------------------- */

int __real_poll (struct pollfd *fds, nfds_t n, int timeout_ms);
int __wrap_poll (struct pollfd *fds, nfds_t n, int timeout_ms);
int __real_epoll_wait (int epfd, struct epoll_event *events, int n, int timeout_ms);
int __wrap_epoll_wait (int epfd, struct epoll_event *events, int n, int timeout_ms);

/* The library's loop waits for TIMEOUT_MS, and N descriptors are ready.  */
static int
note_wait (int n, int timeout_ms) {
  loop.waits = false;
  loop.wait_ms = n ? 0 : timeout_ms;
  if (n || !weather.interrupts || weather.is_calm || !dice_hits (20)) return n;
  errno = EINTR;
  return -1;
}

int
__wrap_epoll_wait (int epfd, struct epoll_event *events, int n, int timeout_ms) {
  int n_ready = __real_epoll_wait (epfd, events, n, 0);

  return loop.waits ? note_wait (n_ready, timeout_ms) : n_ready;
}

static bool
turn_meanwhile (void) {
  bool done;

  loop.n_waits++;
  done = loop_turn ();
  loop.n_waits--;
  return done;
}

/* A call that waits for FDS turns the loop meanwhile.  */
static int
wait_for (struct pollfd *fds, nfds_t n, int timeout_ms) {
  uint64_t end_ns =
      timeout_ms < 0 ? LOOP_NEVER : fake_clock_now () + (uint64_t) timeout_ms * NS_PER_MS;

  for (;;) {
    int n_ready = __real_poll (fds, n, 0);
    uint64_t now_ns = fake_clock_now ();
    if (n_ready || now_ns >= end_ns) return n_ready;
    if (!loop_may_turn ()) fail ("a callback waits for a descriptor for ever");
    if (turn_meanwhile ()) continue;
    if (!loop_wait (end_ns == LOOP_NEVER ? 1000 : (unsigned int) timeout_ms))
      fail ("a call waits for a descriptor for ever");
  }
}

int
__wrap_poll (struct pollfd *fds, nfds_t n, int timeout_ms) {
  if (loop.waits) return note_wait (__real_poll (fds, n, 0), timeout_ms);
  return timeout_ms ? wait_for (fds, n, timeout_ms) : __real_poll (fds, n, 0);
}

/* A party waits by the hooks.  */
void
calls_sleep (unsigned int usec) {
  if (++loop.n_sleeps > MAX_SLEEPS) fail ("somebody sleeps for ever");
  if (loop_may_turn ()) turn_meanwhile ();
  loop_pass ((uint64_t) usec * 1000);
}

/* --- Kinds ------------------------------------------------------------------------------------ */

/* In a child there may be no descriptor for it yet; then it is tried again a little later.  */
static void
dispatch (eva_loop *l, int timeout_ms) {
  if (!eva_loop_dispatch (l, timeout_ms)) return;
  CHECK (weather_explains (gpg_error_from_errno (errno)));
  loop_pass (10 * NS_PER_MS);
}

static void
inner_is_ready (void *arg, unsigned int revents) {
  (void) revents;
  dispatch (arg, 0);
}

/* One after the other: the dice must not depend on how a compiler orders an initializer.  */
static void
choose (void) {
  struct fake_loop_config *c = &loop.config;

  loop.kind = (enum kind) dice (4);
  c->choose = dice_choose;
  c->tells_hangup = dice (2);
  c->recurses = dice (2);
  c->looks_late = dice (2);
  c->gathers = loop.kind == OWN && !dice (3);
  c->removes_late = !c->recurses && dice (2);
  tell ("loop: kind %d tells_hangup %d recurses %d gathers %d looks_late %d removes_late %d",
        loop.kind, c->tells_hangup, c->recurses, c->gathers, c->looks_late, c->removes_late);
}

/* The library's own loop, in one of the program's.  */
static eva_loop *
nest (void) {
  eva_loop *inner;

  loop.outer = fake_loop_new (&loop.config);
  inner = loop.outer ? eva_loop_new () : NULL;
  if (!inner) return NULL;
  if (eva_loop_get_fd (inner) >= 0)
    loop.bridge =
        eva_loop_add_fd (loop.outer, eva_loop_get_fd (inner), EVA_READABLE, inner_is_ready, inner);
  if (loop.bridge) return inner;
  eva_loop_free (inner);
  return NULL;
}

static eva_loop *
make (void) {
  switch (loop.kind) {
  case OWN:
    return fake_loop_new (&loop.config);
  case NESTED:
    return nest ();
  case ON_EPOLL:
    return eva_loop_new ();
  default:
    return eva__loop_new_poll ();
  }
}

bool
loop_begin (void) {
  memset (&loop, 0, sizeof loop);
  memset (timers, 0, sizeof timers);
  fake_clock_reset ();
  choose ();
  the_loop = make ();
  if (!the_loop) loop_end ();
  return the_loop != NULL;
}

void
loop_end (void) {
  eva_source_free (loop.bridge);
  eva_loop_free (the_loop);
  eva_loop_free (loop.outer);
  if (loop.outer || loop.kind == OWN) fake_loop_finish ();
  the_loop = loop.outer = NULL;
}

static void
do_nothing (void *arg, unsigned int revents) {
  (void) arg;
  (void) revents;
}

void
loop_take_over (void) {
  int fds[2];

  supply_pipe (fds);
  eva_source_free (eva_loop_add_fd (the_loop, fds[0], EVA_READABLE, do_nothing, NULL));
  __real_close (fds[0]);
  __real_close (fds[1]);
}

/* --- Turns ------------------------------------------------------------------------------------ */

static bool
is_embedded (void) {
  return loop.kind == ON_EPOLL || loop.kind == ON_POLL;
}

bool
loop_may_turn (void) {
  return !loop.depth || (loop.kind == OWN && loop.config.recurses);
}

bool
loop_is_waited_for (void) {
  return loop.n_waits > 0;
}

unsigned int
loop_depth (void) {
  return loop.depth;
}

/* A turn within this one has waited for other things.  */
static bool
turn_embedded (void) {
  unsigned int n_turns = loop.n_turns;

  loop.waits = true;
  dispatch (the_loop, -1);
  loop.waits = false;
  return !loop.wait_ms || n_turns != loop.n_turns;
}

bool
loop_turn (void) {
  bool done;

  CHECK (loop_may_turn ());
  if (++loop.n_turns > MAX_TURNS) fail ("the loop runs in circles");
  loop.depth++;
  done = is_embedded () ? turn_embedded () : fake_loop_turn ();
  loop.depth--;
  if (loop_also ()) done = true;
  return done;
}

static uint64_t
next_due (void) {
  uint64_t due_ns = earlier (timers_due (), loop_also_due ());

  if (!is_embedded ()) return earlier (due_ns, fake_loop_get_due ());
  if (loop.wait_ms < 0) return due_ns;
  return earlier (due_ns, fake_clock_now () + (uint64_t) loop.wait_ms * NS_PER_MS);
}

bool
loop_wait (unsigned int max_ms) {
  uint64_t due_ns = next_due (), now_ns = fake_clock_now (), max_ns = max_ms * NS_PER_MS;

  if (due_ns == LOOP_NEVER) return false;
  if (due_ns > now_ns)
    loop_pass (earlier (due_ns - now_ns, max_ns));
  else if (++loop.n_turns > MAX_TURNS)
    fail ("something is due, and is not done");
  return true;
}
