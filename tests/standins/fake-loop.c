/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fake-loop.c - a loop of the program's that is turned step by step.  */

#include "fake-loop.h"
#include "fake-clock.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "../fuzz/check.h"

#define MAX_WATCHES 256

struct watched {
  void *watch;           /* NULL: free */
  unsigned int n_before; /* how many had this place before */
  int fd;
  unsigned int events;
};

/* Whose turn is to come.  */
struct pending {
  size_t place;
  unsigned int n_before;
  unsigned int revents;
};

static struct fake_loop_config config;
static struct eva_loop_ops ops;
static struct watched watched[MAX_WATCHES];
static struct pending pending[MAX_WATCHES];
static size_t n_pending, depth;
static void *removed[MAX_WATCHES]; /* of a loop that removes late */
static size_t n_removed;
static void *finished;
static eva_loop *the_loop;
static uint64_t due_ns = UINT64_MAX;

/* --- The table -------------------------------------------------------------------------------- */

static struct watched *
find (const void *watch) {
  for (int i = 0; i < MAX_WATCHES; i++)
    if (watched[i].watch == watch) return &watched[i];
  fputs ("too many descriptors\n", stderr);
  abort ();
}

static int
init (void *self, void *foreign, eva_loop *loop) {
  (void) self;
  (void) foreign;
  the_loop = loop;
  due_ns = UINT64_MAX;
  return 0;
}

static bool
deinit (void *self) {
  CHECK (due_ns == UINT64_MAX);
  for (int i = 0; i < MAX_WATCHES; i++)
    CHECK (!watched[i].watch);
  if (config.removes_late) finished = self;
  return !config.removes_late;
}

static int
add (void *self, void *watch, int fd, unsigned int events) {
  struct watched *w = find (NULL);

  (void) self;
  w->watch = watch;
  w->fd = fd;
  w->events = events;
  return 0;
}

static int
change (void *self, void *watch, int fd, unsigned int events) {
  struct watched *w = find (watch);

  (void) self;
  CHECK (w->fd == fd);
  w->events = events;
  return 0;
}

static bool
remove_watch (void *self, void *watch, int fd) {
  struct watched *w = find (watch);

  (void) self;
  CHECK (w->fd == fd);
  w->watch = NULL;
  w->n_before++;
  if (!config.removes_late) return true;
  CHECK (n_removed < MAX_WATCHES);
  removed[n_removed++] = watch;
  return false;
}

static void
set_timer (void *self, uint64_t delay_ns) {
  uint64_t now_ns = fake_clock_now ();

  (void) self;
  due_ns = delay_ns < UINT64_MAX - now_ns ? now_ns + delay_ns : UINT64_MAX - 1;
}

static void
cancel_timer (void *self) {
  (void) self;
  due_ns = UINT64_MAX;
}

eva_loop *
fake_loop_new (const struct fake_loop_config *c) {
  config = c ? *c : (struct fake_loop_config) { .tells_hangup = true, .looks_late = true };
  ops = (struct eva_loop_ops) {
    .version = EVA_LOOP_OPS_VERSION,
    .self_size = 1,
    .watch_size = 1,
    .init = init,
    .deinit = deinit,
    .add = add,
    .change = change,
    .remove = remove_watch,
    .set_timer = set_timer,
    .cancel_timer = cancel_timer,
    .tells_hangup = config.tells_hangup,
    .recurses = config.recurses,
    .gathers = config.gathers,
  };
  memset (watched, 0, sizeof watched);
  n_pending = n_removed = depth = 0;
  finished = NULL;
  return eva_loop_new_foreign (&ops, NULL);
}

uint64_t
fake_loop_get_due (void) {
  return due_ns;
}

static void
let_go (void) {
  while (n_removed)
    eva_loop_removed (removed[--n_removed]);
}

void
fake_loop_finish (void) {
  let_go ();
  if (finished) eva_loop_finished (finished);
  finished = NULL;
}

/* --- Turns ------------------------------------------------------------------------------------ */

/* What W is ready for.  Not poll, for which a test may stand in.  */
static unsigned int
look (const struct watched *w) {
  struct pollfd p = { .fd = w->fd, .events = (short) w->events };

  if (!w->watch || (!w->events && !config.tells_hangup)) return 0;
  if (ppoll (&p, 1, &(struct timespec) { 0 }, NULL) < 1) return 0;
  CHECK (!(p.revents & POLLNVAL));
  return (unsigned int) p.revents;
}

/* Puts PENDING in the order that the test wants; the last one is called first.  */
static void
shuffle (void) {
  for (size_t i = n_pending; i > 1; i--) {
    size_t j = config.choose ? config.choose (i) : n_pending - i;
    struct pending last = pending[i - 1];
    if (j >= i) continue;
    pending[i - 1] = pending[j];
    pending[j] = last;
  }
}

static void
collect (void) {
  for (size_t i = 0; i < MAX_WATCHES; i++) {
    struct pending p = { .place = i, .n_before = watched[i].n_before };
    if (!watched[i].watch) continue;
    if (!config.looks_late) p.revents = look (&watched[i]);
    if (config.looks_late || p.revents) pending[n_pending++] = p;
  }
  shuffle ();
}

/* Tells the next one, if it is still there and ready.  */
static bool
tell_next (void) {
  struct pending p = pending[--n_pending];
  struct watched *w = &watched[p.place];

  if (!w->watch || w->n_before != p.n_before) return false;
  if (config.looks_late) p.revents = look (w);
  if (p.revents) eva_loop_ready (w->watch, p.revents);
  return p.revents != 0;
}

bool
fake_loop_turn (void) {
  bool told = false;

  if (!depth++) let_go ();
  if (config.recurses) eva_loop_prepare (the_loop);
  if (!n_pending) collect ();
  while (n_pending)
    if (tell_next ()) told = true;
  if (due_ns <= fake_clock_now ()) {
    due_ns = UINT64_MAX;
    eva_loop_timeout (the_loop);
    told = true;
  }
  depth--;
  return told;
}
