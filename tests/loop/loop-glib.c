/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* loop-glib.c - GLib.  See loops.h.  */

#include "kind.h"

#include <eva/glib.h>
#include <glib-unix.h>

const char *const test_loop_name = "glib";

void
test_loop_init (struct test_loop *t) {
  *t = (struct test_loop) { .foreign = g_main_context_new () };
  t->loop = eva_loop_from_glib (t->foreign);
  loop_check (t->loop, "eva_loop_from_glib");
}

void
test_loop_turn (struct test_loop *t, bool wait) {
  g_main_context_iteration (t->foreign, wait);
}

bool
test_loop_run_out (struct test_loop *t) {
  (void) t;
  return false;
}

bool
test_loop_forked (struct test_loop *t) {
  (void) t;
  return true;
}

static gboolean
own_ready (gint fd, GIOCondition condition, gpointer arg) {
  (void) fd;
  (void) condition;
  (void) arg;
  loop_call_watcher ();
  return G_SOURCE_CONTINUE;
}

void *
test_loop_watch (struct test_loop *t, int fd, void (*cb) (void *arg), void *arg) {
  GSource *source = g_unix_fd_source_new (fd, G_IO_IN);

  loop_set_watcher (cb, arg);
  g_source_set_callback (source, G_SOURCE_FUNC (own_ready), NULL, NULL);
  g_source_attach (source, t->foreign);
  return source;
}

void
test_loop_unwatch (struct test_loop *t, void *watch) {
  (void) t;
  g_source_destroy (watch);
  g_source_unref (watch);
}

void
test_loop_deinit (struct test_loop *t) {
  eva_loop_free (t->loop);
  g_main_context_unref (t->foreign);
}
