/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* attached.c - a context that a loop drives.  */

#include "attach/attached.h"

#include "assuan/error.h"
#include "assuan/lifetime.h"
#include "assuan/turn.h"

#include <errno.h>
#include <poll.h>

/* Stands for the events of sources that were taken away; after that each of them is made anew.  */
#define BLIND 0xffu

/* --- After a turn: what to wait for ----------------------------------------------------------- */

static gpg_error_t
syserror (struct eva__attached *at) {
  return eva__ctx_syserror (at->drive.ctx);
}

static void ready (void *arg, unsigned int revents);

/* Makes *SOURCE watch FD for EVENTS.  A file that is always ready has no source.  */
static gpg_error_t
watch (struct eva__attached *at, eva_source **source, int fd, unsigned int events) {
  if (*source) return eva_source_set_events (*source, events) ? syserror (at) : 0;
  *source = eva_loop_add_fd (at->loop, fd, events, ready, at);
  if (*source) eva__loop_set_reentrant (*source);
  return *source || errno == EPERM ? 0 : syserror (at);
}

/* The same for an end of a pipe, which the loop must not watch for nothing: it would report again
   and again that the other end is gone, while the context goes on with the other pipe.  */
static gpg_error_t
watch_pipe (struct eva__attached *at, eva_source **source, int fd, unsigned int events) {
  if (events) return watch (at, source, fd, events);
  eva_source_free (*source);
  *source = NULL;
  return 0;
}

/* Returns what watches the outbound pipe, or NULL.  */
static eva_source *
get_out (const struct eva__attached *at) {
  return at->drive.callbacks ? at->drive.callbacks->out : NULL;
}

static void
free_sources (struct eva__attached *at) {
  eva_source_free (at->in);
  at->in = NULL;
  eva_source_free (get_out (at));
  if (at->drive.callbacks) at->drive.callbacks->out = NULL;
}

static gpg_error_t
watch_out (struct eva__attached *at, int fd, unsigned int events) {
  struct eva__callbacks *callbacks;

  if (!events && !get_out (at)) return 0;
  callbacks = eva__drive_get_callbacks (&at->drive);
  if (!callbacks) return syserror (at);
  return watch_pipe (at, &callbacks->out, fd, events);
}

static gpg_error_t
set_events (struct eva__attached *at, unsigned int events) {
  struct eva__io_channel *ch = &at->drive.ctx->channel;
  unsigned int in_events = ch->is_socket ? events : events & EVA_READABLE;
  unsigned int out_events = ch->is_socket ? 0 : events & EVA_WRITABLE;
  gpg_error_t err = 0;

  if (in_events != at->in_events && ch->is_socket)
    err = watch (at, &at->in, ch->in_fd, in_events);
  else if (in_events != at->in_events)
    err = watch_pipe (at, &at->in, ch->in_fd, in_events);
  if (!err && out_events != at->out_events) err = watch_out (at, ch->out_fd, out_events);
  at->in_events = (unsigned char) in_events;
  at->out_events = (unsigned char) out_events;
  return err;
}

/* Watches nothing, not even whether the peer is gone.  */
static void
close_eyes (struct eva__attached *at) {
  free_sources (at);
  at->in_events = at->out_events = BLIND;
}

/* Where nothing is watched the loop may not report that the peer is gone, and for pipes it
   cannot.  */
static bool
must_look (struct eva__attached *at) {
  if (at->in_events || at->out_events) return false;
  return !at->drive.ctx->channel.is_socket || !eva__loop_tells_hangup (at->loop);
}

/* A timer that is set too early costs one idle turn; setting it anew for each command costs more.
   So this only ever moves it forward.  */
static void
set_timer (struct eva__attached *at) {
  uint64_t deadline = eva__drive_get_deadline (&at->drive);

  if (must_look (at)) {
    uint64_t look = eva_loop_now (at->loop) + EVA__LOOK_INTERVAL_NS;
    if (look < deadline) deadline = look;
  }
  if (deadline == EVA_NO_DEADLINE || (at->timer.place && at->timer.due_ns <= deadline)) return;
  eva__loop_set_timer (at->loop, &at->timer, deadline);
}

/* Files that are always ready take turns with the others.  */
static bool
is_always_ready (const struct eva__attached *at) {
  return (at->in_events && !at->in) || (at->out_events && !get_out (at));
}

/* While lines wait for a callback the loop would report a peer that is gone again and again.  */
static gpg_error_t
watch_all (struct eva__attached *at, unsigned int revents) {
  if (at->drive.held && (at->in_events == BLIND || (revents & EVA_HANGUP))) {
    close_eyes (at);
    return 0;
  }
  return set_events (at, eva__drive_get_events (&at->drive));
}

static gpg_error_t
update (struct eva__attached *at, unsigned int revents) {
  gpg_error_t err = watch_all (at, revents);

  if (err) return err;
  if (at->drive.due)
    eva__loop_run_soon (at->loop, &at->task);
  else if (!at->drive.held && (at->drive.backlog || is_always_ready (at)))
    eva__loop_run_later (at->loop, &at->task);
  else
    set_timer (at);
  return 0;
}

/* --- Turns ------------------------------------------------------------------------------------ */

/* A turn under way, of which a callback may run the loop.  */
struct turn {
  struct eva__frame frame;
  struct eva__attached *at;
};

/* The callback runs the loop: what is due, for instance what the callback said, cannot wait for its
   end.  */
static void
on_rerun (struct eva__frame *frame) {
  struct eva__attached *at = EVA__CONTAINER (struct turn, frame, frame)->at;

  if (at->drive.due) eva__attached_wake (&at->drive);
}

/* In a loop that callbacks may run.  */
static __attribute__ ((noinline)) gpg_error_t
drive_in_frame (struct eva__attached *at, unsigned int revents, uint64_t now_ns) {
  struct turn turn = { .frame.cb = on_rerun, .at = at };
  eva_loop *loop = at->loop;
  gpg_error_t err;

  eva__loop_push_frame (loop, &turn.frame);
  err = eva__drive_turn (&at->drive, revents, now_ns);
  eva__loop_pop_frame (loop);
  return err;
}

/* A look at the clock costs as much as a short command.  */
static gpg_error_t
drive (struct eva__attached *at, unsigned int revents) {
  uint64_t now_ns = eva__drive_needs_time (&at->drive) ? eva_loop_now (at->loop) : 0;

  if (at->recurses) return drive_in_frame (at, revents, now_ns);
  return eva__drive_turn (&at->drive, revents, now_ns);
}

/* Settles what the turn came to, which ended with ERR.  The end of the connection is reported after
   the outermost callback, of which AT may be a part.  */
static __attribute__ ((noinline)) void
settle (struct eva__attached *at, unsigned int revents, gpg_error_t err, bool is_nested) {
  if (!err) {
    err = update (at, revents);
    if (err) eva__drive_fail (&at->drive, err);
    if (err) eva__drive_cancel (&at->drive, err); /* before the room above hears of it */
  }
  if (!err || at->is_told || at->drive.ctx->released) return;
  if (is_nested) {
    close_eyes (at);
    return;
  }
  at->is_told = true;
  eva__attached_stop (at);
  at->drive.class->ops->over (&at->drive);
}

/* Returns true if the loop watches what a server at rest waits for, and no limit of time hurries
   its client: then there is nothing to settle.  */
static bool
is_settled (const struct eva__attached *at) {
  if (!at->drive.rests || at->drive.since_ns) return false;
  return at->in && at->in_events == EVA_READABLE && !at->out_events;
}

/* Returns true if lines have to wait: in a server for every callback, because each might be
   followed by the next command; in a client, where calls do not know each other, only for a
   callback that has a line.  */
static bool
must_hold (const struct eva__attached *at) {
  return at->drive.ctx->kind == EVA__CTX_SERVER || at->drive.in_line;
}

/* A turn within a callback of the same context, which runs the loop.  The turn that is due after
   that callback is a whole one.  */
static void
nested_turn (struct eva__attached *at, unsigned int revents) {
  assuan_context_t ctx = at->drive.ctx;
  bool was_held = at->drive.held;
  gpg_error_t err;

  ctx->wants_turn = true;
  /* A callback that is shown a line must not have it taken away.  */
  if (ctx->released || ctx->is_showing) {
    at->drive.due = false;
    close_eyes (at);
    return;
  }
  at->drive.held = must_hold (at);
  err = drive (at, revents);
  if (at->loop && !ctx->released) settle (at, revents, err, true);
  at->drive.held = was_held;
}

/* Keeps the context until the end, whatever callbacks do.  */
static void
turn (struct eva__attached *at, unsigned int revents) {
  assuan_context_t ctx = at->drive.ctx;
  gpg_error_t err;

  revents |= at->parting;
  at->parting = 0;
  if (ctx->depth) {
    eva__ctx_enter (ctx);
    nested_turn (at, revents);
    eva__ctx_leave (ctx);
    return;
  }
  eva__ctx_enter (ctx);
  err = drive (at, revents);
  if (at->loop && !ctx->released && (err || !is_settled (at))) settle (at, revents, err, false);
  ctx->wants_turn = false;
  eva__ctx_leave (ctx);
}

static void
on_task (struct eva__task *task) {
  struct eva__attached *at = EVA__CONTAINER (struct eva__attached, task, task);

  turn (at, is_always_ready (at) ? EVA_READABLE | EVA_WRITABLE : 0);
}

/* A peer that is gone can wait for a moment; peers that are there should not.  The next turn knows
   of it, whatever causes that turn.  Until then the loop would report it again and again: when
   thousands leave, that costs more than to see them off.  */
static __attribute__ ((hot)) void
ready (void *arg, unsigned int revents) {
  struct eva__attached *at = arg;

  if (!(revents & EVA_HANGUP)) {
    turn (at, revents);
    return;
  }
  at->parting |= (unsigned char) revents;
  if (eva__loop_is_patient (at->loop)) close_eyes (at);
  eva__loop_see_off (at->loop, &at->task);
}

unsigned int
eva__attached_look (const struct eva__drive *drive) {
  struct pollfd p = { .fd = drive->ctx->channel.out_fd, .events = 0 };

  return poll (&p, 1, 0) == 1 ? (unsigned int) p.revents : 0;
}

static void
on_timer (struct eva__timer *timer) {
  struct eva__attached *at = EVA__CONTAINER (struct eva__attached, timer, timer);

  turn (at, must_look (at) ? eva__attached_look (&at->drive) : 0);
}

void
eva__attached_wake (struct eva__drive *drive) {
  struct eva__attached *at = eva__attached_of (drive);

  if (!at->loop || at->is_told) return;
  eva__loop_cancel_task (at->loop, &at->task);
  eva__loop_run_soon (at->loop, &at->task);
}

bool
eva__attached_is_ours (const struct eva__drive *drive) {
  eva_loop *loop = drive->class->ops->get_loop (drive);

  return loop && eva__loop_is_ours (loop);
}

/* --- In and out of a loop --------------------------------------------------------------------- */

/* A source watches for something from the beginning: some loops cannot add one for nothing.  */
gpg_error_t
eva__attached_start (struct eva__attached *at, eva_loop *loop) {
  gpg_error_t err;

  if (eva__loop_reserve_timers (loop, 1)) return syserror (at);
  at->loop = loop;
  at->recurses = eva__loop_recurses (loop);
  at->timer.cb = on_timer;
  at->task.cb = on_task;
  at->in_events = at->out_events = at->parting = 0;
  err = set_events (at, EVA_READABLE);
  if (err)
    eva__attached_stop (at);
  else
    eva__loop_run_soon (loop, &at->task);
  return err;
}

void
eva__attached_stop (struct eva__attached *at) {
  if (!at->loop) return;
  free_sources (at);
  eva__loop_cancel_timer (at->loop, &at->timer);
  eva__loop_cancel_task (at->loop, &at->task);
  eva__loop_reserve_timers (at->loop, -1);
  at->loop = NULL;
}
