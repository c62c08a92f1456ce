/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* poll.c - the embedded loop where there is no epoll, or where it is forbidden.

   The loop keeps the array that poll takes all the time, and beside it one with the sources, which
   know their index.  While it calls a batch the array only grows: a source that leaves then leaves
   a hole.  */

#include "loop/backend.h"
#include "loop/source.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

struct poll_loop {
  struct eva_loop loop;
  struct pollfd *fds; /* fd -1: a hole */
  eva_source **sources;
  size_t n;
  size_t capacity;
  size_t n_holes;
};

static size_t *
index_of (eva_source *source) {
  return eva__source_watch (source);
}

/* One of the two may have grown when there is no memory for the other.  That does no harm: CAPACITY
   says what both have.  */
static int
grow (struct poll_loop *self) {
  size_t capacity = self->capacity * 2 + 16;
  struct pollfd *fds = reallocarray (self->fds, capacity, sizeof *fds);
  eva_source **sources;

  if (!fds) return ENOMEM;
  self->fds = fds;
  sources = reallocarray (self->sources, capacity, sizeof (eva_source *));
  if (!sources) return ENOMEM;
  self->sources = sources;
  self->capacity = capacity;
  return 0;
}

static void
put (struct poll_loop *self, size_t index, eva_source *source, struct pollfd pollfd) {
  *index_of (source) = index;
  self->sources[index] = source;
  self->fds[index] = pollfd;
}

/* Files that poll calls ready all the time are refused, as epoll does.  */
static int
add (eva_loop *loop, eva_source *source) {
  struct poll_loop *self = (struct poll_loop *) loop;
  struct stat st;

  if (fstat (source->fd, &st)) return errno;
  if (S_ISREG (st.st_mode) || S_ISDIR (st.st_mode)) return EPERM;
  if (self->n == self->capacity && grow (self)) return ENOMEM;
  put (self, self->n++, source,
       (struct pollfd) { .fd = source->fd, .events = (short) source->events });
  return 0;
}

static int
change (eva_loop *loop, eva_source *source, unsigned int events) {
  ((struct poll_loop *) loop)->fds[*index_of (source)].events = (short) events;
  return 0;
}

/* The last entry takes the place of the one that is gone.  */
static void
fill (struct poll_loop *self, size_t index) {
  self->n--;
  if (index < self->n) put (self, index, self->sources[self->n], self->fds[self->n]);
}

/* Starts from the end, so that no hole is moved.  */
static void
fill_holes (struct poll_loop *self) {
  for (size_t i = self->n; self->n_holes && i > 0; i--) {
    if (self->fds[i - 1].fd >= 0) continue;
    fill (self, i - 1);
    self->n_holes--;
  }
}

static bool
remove_source (eva_loop *loop, eva_source *source) {
  struct poll_loop *self = (struct poll_loop *) loop;
  size_t index = *index_of (source);

  self->fds[index].fd = -1;
  self->n_holes++;
  if (!loop->depth) fill_holes (self);
  return eva__source_doom (loop, source);
}

/* Passes on a descriptor that was closed while it was watched as an error: its owner has to hear of
   it.  */
static unsigned int
translate (short revents) {
  unsigned int events = (unsigned int) revents;

  return events & POLLNVAL ? events | EVA_HANGUP : events;
}

static int
wait_for_events (eva_loop *loop, int timeout_ms) {
  struct poll_loop *self = (struct poll_loop *) loop;
  int n, left;

  fill_holes (self);
  n = left = poll (self->fds, (nfds_t) self->n, timeout_ms);
  loop->n_events = n > 0 ? n : 0;
  if (n < 0) return errno == EINTR ? 0 : -1;
  for (size_t i = 0; left > 0; i++) {
    if (!self->fds[i].revents) continue;
    left--;
    eva__source_dispatch (loop, self->sources[i], translate (self->fds[i].revents));
  }
  return n;
}

static void
free_loop (eva_loop *loop) {
  struct poll_loop *self = (struct poll_loop *) loop;

  free (self->fds);
  free (self->sources);
  free (self);
}

static const struct eva__loop_backend backend = {
  .add = add, .change = change, .remove = remove_source, .wait = wait_for_events, .free = free_loop
};

eva_loop *
eva__loop_new_poll (void) {
  struct poll_loop *self = calloc (1, sizeof *self);

  if (!self) return NULL;
  eva__loop_init (&self->loop, &backend);
  self->loop.watch_size = sizeof (size_t);
  self->loop.tells_hangup = true;
  return &self->loop;
}
