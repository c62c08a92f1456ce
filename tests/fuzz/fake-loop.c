/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fake-loop.c - a loop of the program's with a clock of its own.  */

#include "fake-loop.h"

#include <errno.h>
#include <string.h>

#include "check.h"

#define MAX_WATCHES 32

struct watched {
  void *watch; /* NULL: free */
  int fd;
  unsigned int events;
};

static struct watched watched[MAX_WATCHES];
static eva_loop *the_loop;
static uint64_t now_ns = 1000000000;
static uint64_t due_ns;
static bool timer_set;

uint64_t
__wrap_eva_now (void) {
  return now_ns;
}

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
  timer_set = false;
  return 0;
}

static bool
deinit (void *self) {
  (void) self;
  CHECK (!timer_set);
  for (int i = 0; i < MAX_WATCHES; i++)
    CHECK (!watched[i].watch);
  return true;
}

static int
add (void *self, void *watch, int fd, unsigned int events) {
  struct watched *w = find (NULL);

  (void) self;
  *w = (struct watched){ .watch = watch, .fd = fd, .events = events };
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
removed (void *self, void *watch, int fd) {
  struct watched *w = find (watch);

  (void) self;
  CHECK (w->fd == fd);
  w->watch = NULL;
  return true;
}

static void
set_timer (void *self, uint64_t delay_ns) {
  (void) self;
  due_ns = now_ns + delay_ns;
  timer_set = true;
}

static void
cancel_timer (void *self) {
  (void) self;
  timer_set = false;
}

static const struct eva_loop_ops ops = {
  .version = EVA_LOOP_OPS_VERSION,
  .self_size = 1,
  .watch_size = 1,
  .init = init,
  .deinit = deinit,
  .add = add,
  .change = change,
  .remove = removed,
  .set_timer = set_timer,
  .cancel_timer = cancel_timer,
  .tells_hangup = true,
};

eva_loop *
fake_loop_new (void) {
  memset (watched, 0, sizeof watched);
  return eva_loop_new_foreign (&ops, NULL);
}

void
fake_loop_advance (unsigned int ms) {
  now_ns += (uint64_t) ms * 1000000u;
}

/* Tells W what it is ready for, if it is.  */
static void
look_at (struct watched *w) {
  struct pollfd p = { .fd = w->fd, .events = (short) w->events };

  if (w->watch && poll (&p, 1, 0) == 1) {
    CHECK (!(p.revents & POLLNVAL));
    eva_loop_ready (w->watch, (unsigned int) p.revents);
  }
}

void
fake_loop_turn (void) {
  for (int i = 0; i < MAX_WATCHES; i++)
    look_at (&watched[i]);
  if (!timer_set || now_ns < due_ns) return;
  timer_set = false;
  eva_loop_timeout (the_loop);
}
