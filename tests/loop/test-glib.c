/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-glib.c - the priority of an eva_loop among other sources of a GMainContext.  */

#include "suite.h"

#include <eva/glib.h>
#include <unistd.h>

#define N_TURNS 200

static GMainContext *context;
static unsigned int n_idle, n_ready;

static gboolean
idle (gpointer arg) {
  (void) arg;
  n_idle++;
  return G_SOURCE_CONTINUE;
}

static void
ready (void *arg, unsigned int revents) {
  (void) arg;
  (void) revents;
  n_ready++;
}

/* Lets a descriptor of LOOP that is always ready and an idle source of PRIORITY run for a
   while.  */
static void
compete (eva_loop *loop, int priority) {
  GSource *source = g_idle_source_new ();
  int fd[2];

  assert_non_null (loop);
  make_pipe (fd);
  put_octet (fd[1]);
  assert_non_null (eva_loop_add_fd (loop, fd[0], EVA_READABLE, ready, NULL));
  g_source_set_priority (source, priority);
  g_source_set_callback (source, idle, NULL, NULL);
  g_source_attach (source, context);
  n_idle = n_ready = 0;
  for (int i = 0; i < N_TURNS; i++)
    g_main_context_iteration (context, FALSE);
  g_source_destroy (source);
  g_source_unref (source);
  eva_loop_free (loop);
  close_pair (fd);
}

static void
test_redraws (void **state) {
  (void) state;
  compete (eva_loop_from_glib (context), G_PRIORITY_HIGH_IDLE + 20);
  assert_int_equal (n_idle, N_TURNS);
  assert_int_equal (n_ready, N_TURNS);
}

static void
test_input (void **state) {
  (void) state;
  compete (eva_loop_from_glib (context), G_PRIORITY_DEFAULT);
  assert_int_equal (n_idle, N_TURNS);
  assert_int_equal (n_ready, 0);
}

static void
test_own_priority (void **state) {
  (void) state;
  compete (eva_loop_from_glib_with_priority (context, G_PRIORITY_HIGH), G_PRIORITY_DEFAULT);
  assert_int_equal (n_idle, 0);
  assert_int_equal (n_ready, N_TURNS);
  compete (eva_loop_from_glib_with_priority (context, G_PRIORITY_LOW), G_PRIORITY_DEFAULT_IDLE);
  assert_int_equal (n_idle, N_TURNS);
  assert_int_equal (n_ready, 0);
}

static unsigned int n_rings;

static void
ring (void *arg) {
  eva_source_set_delay (*(eva_source **) arg, 0);
  n_rings++;
}

/* Timers have it, too.  */
static void
test_timers (void **state) {
  eva_loop *loop = eva_loop_from_glib (context);
  eva_source *timer;

  (void) state;
  n_rings = 0;
  timer = eva_loop_add_timer (loop, 0, ring, &timer);
  compete (eva_loop_from_glib (context), G_PRIORITY_DEFAULT);
  assert_int_equal (n_rings, 0);
  compete (eva_loop_from_glib (context), G_PRIORITY_HIGH_IDLE + 20);
  assert_true (n_rings > 0);
  assert_int_equal (n_idle, N_TURNS);
  eva_source_free (timer);
  eva_loop_free (loop);
}

static void
test_default_context (void **state) {
  eva_loop *loop = eva_loop_from_glib (NULL);
  eva_source *timer;

  (void) state;
  n_rings = 0;
  timer = eva_loop_add_timer (loop, 0, ring, &timer);
  while (!n_rings)
    g_main_context_iteration (NULL, TRUE);
  eva_source_free (timer);
  eva_loop_free (loop);
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_redraws),         cmocka_unit_test (test_input),
    cmocka_unit_test (test_own_priority),    cmocka_unit_test (test_timers),
    cmocka_unit_test (test_default_context),
  };
  int rc;

  context = g_main_context_new ();
  rc = cmocka_run_group_tests_name ("glib", tests, NULL, NULL);
  g_main_context_unref (context);
  return rc;
}
