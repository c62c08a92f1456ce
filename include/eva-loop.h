/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* eva-loop.h - the event loop that servers and clients of eva.h live in.

   An eva_loop is either the embedded one of this library, on epoll, or the program's own loop, seen
   through a table of functions.  For the usual loops that table stands in a header:

       #include <eva/uv.h>         eva_loop_from_uv (uv_loop_t *)              libuv
       #include <eva/event.h>      eva_loop_from_event (struct event_base *)   libevent
       #include <eva/glib.h>       eva_loop_from_glib (GMainContext *)         GLib
       #include <eva/sd-event.h>   eva_loop_from_sd_event (sd_event *)         systemd
       #include <eva/ev.h>         eva_loop_from_ev (struct ev_loop *)         libev
       #include <eva/qt.h>         eva_loop_from_qt ()                         Qt 5 and 6, in C++

   eva/gio.h adds GLib's asynchronous functions to the clients of eva.h.

   For GLib's and systemd's loops there are also functions that take a priority:
   eva_loop_from_glib_with_priority, eva_loop_from_sd_event_with_priority.

   A program that only uses eva.h needs three kinds of functions of this header: those that make,
   run and free a loop.

   Threads

   A loop belongs to one thread: the program calls every function from that thread alone.  Different
   loops share nothing.  Times are of CLOCK_MONOTONIC.

   Callbacks that run the loop

   In some loops a callback may run the loop again, as a modal dialog does: in GLib's loop
   (g_main_context_iteration and what calls it), in libev's (ev_run), in Qt's (QEventLoop::exec),
   and in every loop whose table says so (eva_loop_ops.recurses).  libuv, libevent and systemd's
   loop do not allow it.  In a callback of the embedded loop eva_loop_run and eva_loop_dispatch fail
   with ELOOP.  Meanwhile the loop calls all sources but the one whose callback runs the loop: what
   that source is ready for comes after its callback.  For servers and clients eva.h says what goes
   on and what waits.

   Processes

   A loop also belongs to one process, with all that lives in it: to the process that used it last,
   which means that it ran the loop, watched a descriptor, set a timer, or asked for the loop's
   descriptor.  In a child of fork

     what the child frees before it has used the loop is given back, and no more happens: memory is
     freed and descriptors are closed.  The parent's loop goes on.  A child may also do so within
     the callback in which it was forked, and end there;

     a loop that the child uses is the child's from then on, and shares nothing with the parent's.
     The child has to call nothing for that.  The first use may fail with EMFILE, ENFILE or ENOMEM.
     A foreign loop needs what its own library asks for after a fork, before the child does
     anything else with it: see its header.  */

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

/* A loop reports this without being asked: the peer is gone in both directions, or the descriptor
   is in error.  What the peer had sent can still be read.  The end of a pipe may come as this
   alone.  */
#define EVA_HANGUP ((unsigned int) (POLLHUP | POLLERR))

typedef struct eva_loop eva_loop;
typedef struct eva_source eva_source;

/* --- The embedded loop ------------------------------------------------------------------------ */

/* Makes a loop on epoll, or on poll where the system has or allows no epoll.  Returns it; the
   caller frees it with eva_loop_free.  Returns NULL with errno ENOMEM, EMFILE or ENFILE.  */
eva_loop *eva_loop_new (void);

/* Frees LOOP, of either kind; NULL is allowed.  Before that, free the servers, clients and contexts
   that live in it; sources that are left are freed with it.  A foreign loop itself is untouched.
   Must not be called within a callback of the loop, except in a child that ends there.  */
void eva_loop_free (eva_loop *loop);

/* Waits and dispatches until eva_loop_stop.  Returns 0, or -1 with errno if waiting failed: EINVAL
   for a foreign loop, which its own functions run; ELOOP within a callback of the loop.  */
int eva_loop_run (eva_loop *loop);

/* Makes eva_loop_run return when the callbacks that are due have run.  If eva_loop_run is not
   running, the next one returns.  May be called from callbacks, or before eva_loop_run; not from
   other threads or signal handlers.  */
void eva_loop_stop (eva_loop *loop);

/* Runs one turn: waits for at most TIMEOUT_MS milliseconds (0: not at all; -1: without end) until
   something is due, and runs it.  Returns 0, or -1 with errno as eva_loop_run.  */
int eva_loop_dispatch (eva_loop *loop, int timeout_ms);

/* Returns one descriptor that is readable whenever eva_loop_dispatch (LOOP, 0) has something to do,
   which may be a descriptor, a timer, or work that was put off.  So the whole loop nests in any
   other one.  The descriptor stays LOOP's.  A child of fork that goes on has to call this again,
   and gets the same number.
   Returns -1 with errno: ENOTSUP for a foreign loop and where there is no epoll, or what
   timerfd_create gives; in a child, what epoll_create1 gives.  */
int eva_loop_get_fd (eva_loop *loop);

/* Returns the sentence for the last call of eva_server_listen or eva_connect (eva.h) in LOOP, if it
   returned an error: what failed, on what, why, and what to do.  It is English, but for texts of
   the system, which come in the language of the program's locale.

       cannot listen on unix:S: the path is relative; write unix:/home/ann/S
       cannot connect to unix:/run/S: there is no such socket; does the server run?

   It is for people: a program goes by the error.  Its words may change with the next version.  The
   library looks at the system after the failure, and tells what it sees then.
   Returns NULL if that call worked, if it failed because of a NULL argument or an unknown flag, or
   if there was no memory for the sentence.  What comes to the closed callback of eva_connect is
   told by eva_get_reason.  The text is LOOP's, valid until the next of these calls or
   eva_loop_free.  May be called from everywhere.  */
const char *eva_loop_get_failure (eva_loop *loop);

/* Returns the time in nanoseconds that callbacks of this turn of LOOP may take for now.  It may be
   as old as the turn, so count what is to be "from now" from eva_now.  May be called from
   everywhere.  */
uint64_t eva_loop_now (eva_loop *loop);

/* Returns the time of CLOCK_MONOTONIC in nanoseconds.  May be called from everywhere.  */
uint64_t eva_now (void);

/* --- Sources: for a program's own descriptors and timers -------------------------------------- */

/* These functions may be called within every callback.  A source is the caller's until
   eva_source_free, and never frees itself.  */

/* Watches FD for EVENTS, which are EVA_READABLE, EVA_WRITABLE, both, or none.  The loop calls CB
   with those of EVENTS that hold, as long as they hold (level-triggered), and with EVA_HANGUP.  FD
   stays the caller's and must be open until eva_source_free; a descriptor has one source in a loop.
   Returns the source, or NULL with errno: ENOMEM, EPERM for a file that is always ready and cannot
   be watched, or what else the loop gives.  */
eva_source *eva_loop_add_fd (eva_loop *loop, int fd, unsigned int events,
                             void (*cb) (void *arg, unsigned int revents), void *arg);

/* Makes a timer that calls CB once, DELAY_MS milliseconds from this call, and never earlier; 0 is
   the next turn.  eva_source_set_delay sets it again.  Returns the source, or NULL with errno
   ENOMEM.  */
eva_source *eva_loop_add_timer (eva_loop *loop, unsigned int delay_ms, void (*cb) (void *arg),
                                void *arg);

/* Changes what SOURCE, of eva_loop_add_fd, watches for.  Returns 0, or -1 with errno, which is what
   the loop gives; the old events stay then.  */
int eva_source_set_events (eva_source *source, unsigned int events);

/* Sets SOURCE, of eva_loop_add_timer, to DELAY_MS milliseconds from this call, whether it is due or
   has run already.  It cannot fail.  */
void eva_source_set_delay (eva_source *source, unsigned int delay_ms);

/* Frees SOURCE: its callback does not run any more, even if it is due already.  NULL is allowed.
   May be called within the callback of SOURCE, too.  */
void eva_source_free (eva_source *source);

/* --- Foreign loops ---------------------------------------------------------------------------- */

/* What a foreign loop has to do.  The library keeps all state and takes care of all lifetimes: the
   functions here only pass on.  SELF is self_size zeroed octets for the table's own use, WATCH is
   watch_size such octets for each descriptor.  */
#define EVA_LOOP_OPS_VERSION 1

struct eva_loop_ops {
  unsigned int version; /* EVA_LOOP_OPS_VERSION */
  size_t self_size;     /* octets */
  size_t watch_size;    /* octets */

  /* Prepares SELF for FOREIGN, the argument of eva_loop_new_foreign.  When the timer is due, it
     calls eva_loop_timeout with LOOP.  Returns 0 or an errno value.  */
  int (*init) (void *self, void *foreign, eva_loop *loop);

  /* Takes back what init did; the library has removed all descriptors and cancelled the timer
     before.
     Returns true if SELF is no longer used, false if the table will call eva_loop_finished (SELF)
     when it is not.  */
  bool (*deinit) (void *self);

  /* Watches FD for EVENTS (EVA_READABLE, EVA_WRITABLE, both or none), level-triggered, and reports
     them with eva_loop_ready (WATCH, revents).  It also reports EVA_HANGUP if the loop knows it
     even where it watches for no event.  Returns 0 or an errno value.  */
  int (*add) (void *self, void *watch, int fd, unsigned int events);

  /* Watches for EVENTS instead.  Returns 0 or an errno value.  */
  int (*change) (void *self, void *watch, int fd, unsigned int events);

  /* Stops watching: the table must not call eva_loop_ready any more.  The library may call this
     within eva_loop_ready.  Returns true if WATCH is no longer used, false if the table will call
     eva_loop_removed (WATCH) when it is not.  */
  bool (*remove) (void *self, void *watch, int fd);

  /* Sets the loop's only timer to call eva_loop_timeout once, DELAY_NS nanoseconds from now (at
     least as long; 0: in the next turn), in place of an earlier setting.  */
  void (*set_timer) (void *self, uint64_t delay_ns);

  /* Cancels the timer, if it is set.  */
  void (*cancel_timer) (void *self);

  /* Whether the loop reports EVA_HANGUP for descriptors without any event.  If it does not, the
     library looks once a second at those for which that matters.  */
  bool tells_hangup;

  /* Whether callbacks may run the loop, as a modal dialog does.  If so, the table has to call
     eva_loop_prepare.  */
  bool recurses;

  /* Whether each descriptor costs the loop something in every turn.  If so, the library watches all
     of them itself, where there is epoll, and adds only one descriptor to the loop, without a
     timer.  Where there is no epoll, this has no effect.  */
  bool gathers;

  /* Makes WATCH, of add, not count where the loop's own function returns when it has nothing left
     to wait for.  The library uses it on the descriptor that tells of the end of a child that it
     only has to reap.  NULL: the loop does not return for that.  */
  void (*unref) (void *self, void *watch);
};

/* Makes an eva_loop from FOREIGN, a loop that the program runs, with OPS, which must live as long
   as the eva_loop.  Returns it, or NULL with errno: EINVAL for a version that this library does not
   know, ENOMEM, or what init returned.  */
eva_loop *eva_loop_new_foreign (const struct eva_loop_ops *ops, void *foreign);

/* For the functions of a table: WATCH is ready for REVENTS.  The table must not touch anything of
   the loop after this call: callbacks may have removed WATCH.  */
void eva_loop_ready (void *watch, unsigned int revents);

/* For the functions of a table: LOOP is about to wait, or to look what is ready.  A table that
   recurses has to call this in each turn, before that, within a callback or not.  Other tables call
   it so that a child of fork has LOOP as soon as it runs it, and not when the first callback comes.
   It runs no callbacks, but calls the table's functions: what a callback did and put off counts
   from here on.  */
void eva_loop_prepare (eva_loop *loop);

/* For the functions of a table: the timer is due.  */
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
