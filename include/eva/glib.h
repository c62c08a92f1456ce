/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* eva/glib.h - an eva_loop on a main context of GLib.  Link with GLib (pkg-config glib-2.0).

   The eva_loop keeps a reference to its GMainContext, so the two may be freed in any order.
   Callbacks may run the GMainContext again, as modal dialogs do.  GLib reports a peer that leaves
   even while the eva_loop watches for nothing.

   GLib calls no source while one of a higher priority is ready, and a client that sends without end
   is always ready.  So the sources of an eva_loop have the priority of GTK's redraws
   (GDK_PRIORITY_REDRAW), and the two take turns; what the user types comes first.  */

#ifndef EVA_GLIB_H
#define EVA_GLIB_H

#include <eva-loop.h>
#include <glib.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The priority of sources unless the program gives another one.  */
#define EVA_GLIB_PRIORITY (G_PRIORITY_HIGH_IDLE + 20)

/* Where an eva_loop is to live.  */
struct eva_glib_place {
  GMainContext *context; /* NULL: the default one */
  gint priority;
};

struct eva_glib {
  GMainContext *context;
  GSource *timer;
};

/* A deadline that the source checks in every turn: g_source_set_ready_time would wake up the loop
   for each change.  */
struct eva_glib_timer {
  GSource source;
  eva_loop *loop;
  uint64_t due_ns; /* UINT64_MAX: not set */
};

/* A descriptor has a source of its own, so that GLib finds what is ready.  */
struct eva_glib_io {
  GSource source;
  void *watch;
  gpointer tag;
};

struct eva_glib_watch {
  struct eva_glib_io *io;
};

static inline gboolean
eva_glib_timer_prepare (GSource *source, gint *timeout_ms) {
  struct eva_glib_timer *timer = (struct eva_glib_timer *) (void *) source;
  uint64_t due_ns, now_ns, ms;

  eva_loop_prepare (timer->loop);
  due_ns = timer->due_ns;
  now_ns = due_ns == UINT64_MAX ? 0 : eva_now ();
  ms = due_ns > now_ns ? (due_ns - now_ns - 1) / 1000000 + 1 : 0;
  *timeout_ms = due_ns == UINT64_MAX ? -1 : ms > G_MAXINT ? G_MAXINT : (gint) ms;
  return !*timeout_ms;
}

static inline gboolean
eva_glib_timer_check (GSource *source) {
  uint64_t due_ns = ((struct eva_glib_timer *) (void *) source)->due_ns;

  return due_ns != UINT64_MAX && due_ns <= eva_now ();
}

static inline gboolean
eva_glib_timer_dispatch (GSource *source, GSourceFunc callback, gpointer data) {
  struct eva_glib_timer *timer = (struct eva_glib_timer *) (void *) source;

  (void) callback;
  (void) data;
  timer->due_ns = UINT64_MAX;
  eva_loop_timeout (timer->loop);
  return G_SOURCE_CONTINUE;
}

static inline int
eva_glib_init (void *self, void *foreign, eva_loop *loop) {
  struct eva_glib_place *place = (struct eva_glib_place *) foreign;
  static GSourceFuncs funcs = {
    eva_glib_timer_prepare, eva_glib_timer_check, eva_glib_timer_dispatch, NULL, NULL, NULL
  };
  GMainContext *context = place->context ? place->context : g_main_context_default ();
  GSource *source = g_source_new (&funcs, sizeof (struct eva_glib_timer));

  ((struct eva_glib *) self)->context = g_main_context_ref (context);
  ((struct eva_glib *) self)->timer = source;
  ((struct eva_glib_timer *) (void *) source)->loop = loop;
  ((struct eva_glib_timer *) (void *) source)->due_ns = UINT64_MAX;
  g_source_set_priority (source, place->priority);
  g_source_set_can_recurse (source, TRUE);
  g_source_attach (source, context);
  return 0;
}

static inline bool
eva_glib_deinit (void *self) {
  struct eva_glib *glib = (struct eva_glib *) self;

  g_source_destroy (glib->timer);
  g_source_unref (glib->timer);
  g_main_context_unref (glib->context);
  return true;
}

static inline gboolean
eva_glib_io_dispatch (GSource *source, GSourceFunc callback, gpointer data) {
  struct eva_glib_io *io = (struct eva_glib_io *) (void *) source;
  GIOCondition found = g_source_query_unix_fd (source, io->tag);

  (void) callback;
  (void) data;
  eva_loop_ready (io->watch, (found & G_IO_IN ? EVA_READABLE : 0)
                                 | (found & G_IO_OUT ? EVA_WRITABLE : 0)
                                 | (found & (G_IO_HUP | G_IO_ERR | G_IO_NVAL) ? EVA_HANGUP : 0));
  return G_SOURCE_CONTINUE;
}

static inline GIOCondition
eva_glib_condition (unsigned int events) {
  return (GIOCondition) ((events & EVA_READABLE ? G_IO_IN : 0)
                         | (events & EVA_WRITABLE ? G_IO_OUT : 0) | G_IO_HUP | G_IO_ERR);
}

static inline int
eva_glib_add (void *self, void *watch, int fd, unsigned int events) {
  static GSourceFuncs funcs = { NULL, NULL, eva_glib_io_dispatch, NULL, NULL, NULL };
  GSource *source = g_source_new (&funcs, sizeof (struct eva_glib_io));
  struct eva_glib *glib = (struct eva_glib *) self;
  struct eva_glib_io *io = (struct eva_glib_io *) (void *) source;

  ((struct eva_glib_watch *) watch)->io = io;
  io->watch = watch;
  io->tag = g_source_add_unix_fd (source, fd, eva_glib_condition (events));
  g_source_set_priority (source, g_source_get_priority (glib->timer));
  g_source_set_can_recurse (source, TRUE); /* for the one that has all the others */
  g_source_attach (source, glib->context);
  return 0;
}

static inline int
eva_glib_change (void *self, void *watch, int fd, unsigned int events) {
  struct eva_glib_io *io = ((struct eva_glib_watch *) watch)->io;

  (void) self;
  (void) fd;
  g_source_modify_unix_fd (&io->source, io->tag, eva_glib_condition (events));
  return 0;
}

static inline bool
eva_glib_remove (void *self, void *watch, int fd) {
  struct eva_glib_io *io = ((struct eva_glib_watch *) watch)->io;

  (void) self;
  (void) fd;
  g_source_destroy (&io->source);
  g_source_unref (&io->source);
  return true;
}

static inline void
eva_glib_set_timer (void *self, uint64_t delay_ns) {
  GSource *source = ((struct eva_glib *) self)->timer;

  ((struct eva_glib_timer *) (void *) source)->due_ns = delay_ns ? eva_now () + delay_ns : 0;
}

static inline void
eva_glib_cancel_timer (void *self) {
  GSource *source = ((struct eva_glib *) self)->timer;

  ((struct eva_glib_timer *) (void *) source)->due_ns = UINT64_MAX;
}

/* Makes an eva_loop that lives in CONTEXT, or in the default one if that is NULL, with sources of
   PRIORITY.  The caller frees it with eva_loop_free.  Returns as eva_loop_new_foreign.  */
static inline eva_loop *
eva_loop_from_glib_with_priority (GMainContext *context, gint priority) {
  static const struct eva_loop_ops ops = { EVA_LOOP_OPS_VERSION,
                                           sizeof (struct eva_glib),
                                           sizeof (struct eva_glib_watch),
                                           eva_glib_init,
                                           eva_glib_deinit,
                                           eva_glib_add,
                                           eva_glib_change,
                                           eva_glib_remove,
                                           eva_glib_set_timer,
                                           eva_glib_cancel_timer,
                                           true,
                                           true,
                                           true,
                                           NULL };

  struct eva_glib_place place = { context, priority };

  return eva_loop_new_foreign (&ops, &place);
}

/* The same with EVA_GLIB_PRIORITY.  */
static inline eva_loop *
eva_loop_from_glib (GMainContext *context) {
  return eva_loop_from_glib_with_priority (context, EVA_GLIB_PRIORITY);
}

#ifdef __cplusplus
}
#endif

#endif /* EVA_GLIB_H */
