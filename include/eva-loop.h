/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* eva-loop.h - the event loop that servers and clients of eva.h live in.

   An eva_loop is one that comes along, on epoll, or the program's own, seen through a table of
   functions.  For the usual loops that table stands in a header:

       #include <eva/uv.h>         eva_loop_from_uv (uv_loop_t *)              libuv
       #include <eva/event.h>      eva_loop_from_event (struct event_base *)   libevent
       #include <eva/glib.h>       eva_loop_from_glib (GMainContext *)         GLib
       #include <eva/sd-event.h>   eva_loop_from_sd_event (sd_event *)         systemd
       #include <eva/ev.h>         eva_loop_from_ev (struct ev_loop *)         libev

   GLib's and systemd's also with a priority (eva_loop_from_glib_with_priority,
   eva_loop_from_sd_event_with_priority).

   Programs that only use eva.h need of this header the functions that make, run and free a loop.

   A loop belongs to one thread: every function is called from that thread alone.  Different loops
   share nothing.  Times are of CLOCK_MONOTONIC.

   In some loops a callback may run the loop again, as modal dialogs do: in GLib's
   (g_main_context_iteration and whatever calls it), in libev's (ev_run), and in those whose table says
   so (eva_loop_ops.recurses).  libuv, libevent and systemd's loop do not allow it; in a callback of
   the loop that comes along eva_loop_run and eva_loop_dispatch fail with ELOOP.  Meanwhile all
   sources are called but the one whose callback runs the loop: what that is ready for comes behind the
   callback.  For servers and clients eva.h says what goes on and what waits.

   A loop also belongs to one process, with all that lives in it: to the one that used it last, which
   is to run it, to watch a descriptor or set a timer, or to ask for its descriptor.  In a child of fork

     what is freed before the loop is used there is given back, and that is all: memory is freed and
     descriptors are closed.  The parent's loop goes on.  This may happen within a callback, too, in
     which the child was forked and ends;

     a loop that is used there is the child's from then on, and shares nothing with the parent's.
     Nothing has to be called for that.  It may fail with EMFILE, ENFILE or ENOMEM.  A foreign loop
     wants what its own library wants after a fork, before anything else is done with it: see its
     header.  */

#ifndef EVA_LOOP_H
#define EVA_LOOP_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* What a descriptor can be watched for: a set of these, whose values are those of poll(2).  */
#define EVA_READABLE ((unsigned int) POLLIN)
#define EVA_WRITABLE ((unsigned int) POLLOUT)

/* Reported, never asked for: the peer is gone in both directions, or the descriptor is in error.
   What it had sent can still be read.  The end of a pipe may come as this alone.  */
#define EVA_HANGUP ((unsigned int) (POLLHUP | POLLERR))

typedef struct eva_loop eva_loop;
typedef struct eva_source eva_source;

/* --- The loop that comes along ---------------------------------------------------------------- */

/* Makes a loop on epoll, or on poll where the system has or allows no epoll.  Returns it, to be
   freed with eva_loop_free; NULL with errno: ENOMEM, EMFILE, ENFILE.  */
eva_loop *eva_loop_new (void);

/* Frees LOOP, of either kind; NULL is allowed.  Before that free the servers, clients and contexts
   that live in it; sources that are left are freed along.  A foreign loop itself is untouched.
   Not from within a callback of the loop, but for a child that ends there.  */
void eva_loop_free (eva_loop *loop);

/* Waits and dispatches until eva_loop_stop.  Returns 0, or -1 with errno if waiting failed: EINVAL
   for a foreign loop, which its own functions run; ELOOP within a callback of the loop.  */
int eva_loop_run (eva_loop *loop);

/* Lets eva_loop_run return when the callbacks that are due have run; the next one, if none is
   running.  From callbacks, or before eva_loop_run; not from other threads or signal handlers.  */
void eva_loop_stop (eva_loop *loop);

/* One turn: waits for at most TIMEOUT_MS milliseconds (0: not at all; -1: without end) until
   something is due, and runs what is.  Returns 0, or -1 with errno as eva_loop_run.  */
int eva_loop_dispatch (eva_loop *loop, int timeout_ms);

/* Returns one descriptor that is readable whenever eva_loop_dispatch (LOOP, 0) has something to
   do, be it a descriptor, a timer, or work put off: so the whole loop nests in any other one.  It
   stays LOOP's.  In a child of fork that goes on it has to be called again, and returns the same one.
   Returns -1 with errno: ENOTSUP for a foreign loop and where there is no epoll, or what
   timerfd_create gives; in a child, what epoll_create1 gives.  */
int eva_loop_get_fd (eva_loop *loop);

/* Returns the time in nanoseconds that callbacks of this turn of LOOP may take for now: it may be as
   old as the turn, so what is to be "from now" counts from eva_now.  From everywhere.  */
uint64_t eva_loop_now (eva_loop *loop);

/* Returns the time of CLOCK_MONOTONIC in nanoseconds.  From everywhere.  */
uint64_t eva_now (void);

/* --- Sources: for a program's own descriptors and timers -------------------------------------- */

/* These may be used within every callback.  A source is the caller's until eva_source_free, and
   never frees itself.  */

/* Watches FD for EVENTS, of EVA_READABLE and EVA_WRITABLE, or none: CB is called with what holds
   of them, as long as it holds (level-triggered), and with EVA_HANGUP.  FD stays the caller's and
   must be open until eva_source_free; a descriptor has one source in a loop.
   Returns the source, or NULL with errno: ENOMEM, EPERM for a file that is always ready and cannot
   be watched, or what else the loop gives.  */
eva_source *eva_loop_add_fd (eva_loop *loop, int fd, unsigned int events,
                             void (*cb) (void *arg, unsigned int revents), void *arg);

/* Makes a timer that calls CB once, DELAY_MS milliseconds from this call, and never earlier; 0 is the
   next turn.  It can be set again with eva_source_set_delay.  Returns the source, or NULL with errno ENOMEM.  */
eva_source *eva_loop_add_timer (eva_loop *loop, unsigned int delay_ms, void (*cb) (void *arg),
                                void *arg);

/* Changes what SOURCE, of eva_loop_add_fd, watches for.  Returns 0, or -1 with errno: what the loop
   gives; the old events stay.  */
int eva_source_set_events (eva_source *source, unsigned int events);

/* Sets SOURCE, of eva_loop_add_timer, to DELAY_MS milliseconds from this call, whether it is due or
   has run already.  It cannot fail.  */
void eva_source_set_delay (eva_source *source, unsigned int delay_ms);

/* Takes SOURCE back: its callback does not run any more, also where it is due already.  NULL is
   allowed.  Within its own callback, too.  */
void eva_source_free (eva_source *source);

/* --- Foreign loops ---------------------------------------------------------------------------- */

/* What a foreign loop has to do.  The library keeps all state and does all accounting of lifetimes:
   functions here only pass on.  SELF are self_size zeroed octets for the table's own use, WATCH are
   watch_size such octets for each descriptor.  */
#define EVA_LOOP_OPS_VERSION 1

struct eva_loop_ops {
  unsigned int version; /* EVA_LOOP_OPS_VERSION */
  size_t self_size;     /* octets */
  size_t watch_size;    /* octets */

  /* Prepares SELF for FOREIGN, the argument of eva_loop_new_foreign; LOOP is what the timer has to
     tell eva_loop_timeout.  Returns 0 or an errno value.  */
  int (*init) (void *self, void *foreign, eva_loop *loop);

  /* Takes back what init did; all descriptors were removed and the timer cancelled.  Returns true
     if SELF is no longer used, false if eva_loop_finished (LOOP) will tell when it is not.  */
  bool (*deinit) (void *self);

  /* Watches FD for EVENTS (EVA_READABLE, EVA_WRITABLE, both or none), level-triggered, and tells
     eva_loop_ready (WATCH, revents) of them, and of EVA_HANGUP if the loop knows it even where no
     event was asked for.  Returns 0 or an errno value.  */
  int (*add) (void *self, void *watch, int fd, unsigned int events);

  /* Watches for EVENTS instead.  Returns 0 or an errno value.  */
  int (*change) (void *self, void *watch, int fd, unsigned int events);

  /* Stops watching; eva_loop_ready must not be called any more.  May be called within
     eva_loop_ready.  Returns true if WATCH is no longer used, false if eva_loop_removed (WATCH)
     will tell when it is not.  */
  bool (*remove) (void *self, void *watch, int fd);

  /* Sets the loop's only timer to call eva_loop_timeout once, DELAY_NS nanoseconds from now (at
     least as long; 0: in the next turn), in place of an earlier setting.  */
  void (*set_timer) (void *self, uint64_t delay_ns);

  /* Takes the setting back, if there is one.  */
  void (*cancel_timer) (void *self);

  /* Whether add reports EVA_HANGUP for descriptors without any event.  Where it does not, the
     library looks once a second at those for which that matters.  */
  bool tells_hangup;

  /* Whether callbacks may run the loop again, as modal dialogs do.  Then eva_loop_prepare has to be
     called.  */
  bool recurses;

  /* Whether each descriptor costs the loop something in every turn.  Then the library watches all of
     them itself, where there is epoll, and adds only one descriptor, without a timer; where there is
     none it does as without this.  */
  bool gathers;

  /* Lets WATCH, of add, not count where the loop's own function returns when there is nothing left
     to wait for: the library watches the end of a child that it only has to reap.  NULL: the loop
     does not return for that.  */
  void (*unref) (void *self, void *watch);
};

/* Makes an eva_loop out of FOREIGN, a loop that the program runs, with OPS, which must stay as long
   as the eva_loop.  Returns it, or NULL with errno: EINVAL for a version that this library does not
   know, ENOMEM, what init returned.  */
eva_loop *eva_loop_new_foreign (const struct eva_loop_ops *ops, void *foreign);

/* For a table's functions: WATCH is ready for REVENTS.  Nothing of the loop may be touched behind
   it: callbacks may have removed WATCH.  */
void eva_loop_ready (void *watch, unsigned int revents);

/* LOOP is about to wait, or to look what is ready: for a table that recurses, which has to call it in
   each turn, before that, whether it is within a callback or not; for other tables, so that a child
   of fork has LOOP as soon as it runs it, and not when the first callback comes.  It calls no
   callbacks, but the table's functions: what a callback did and put off counts from here on.  */
void eva_loop_prepare (eva_loop *loop);

/* For a table's functions: the timer is due.  */
void eva_loop_timeout (eva_loop *loop);

/* For a table whose remove returned false: WATCH is no longer used.  */
void eva_loop_removed (void *watch);

/* For a table whose deinit returned false: its SELF is no longer used.  */
void eva_loop_finished (void *self);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif /* EVA_LOOP_H */
