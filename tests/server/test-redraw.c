/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-redraw.c - a server in a GTK program: whatever its clients do, the program goes on
   drawing.  */

#include "peer.h"
#include "service.h"

#include <glib.h>
#include <string.h>

/* That of GDK_PRIORITY_REDRAW, which needs no GTK here.  */
#define REDRAW_PRIORITY (G_PRIORITY_HIGH_IDLE + 20)

#define N_FLOODING 4
#define N_TURNS    500

static unsigned int n_redraws, n_inputs;

static gboolean
count (gpointer n) {
  ++*(unsigned int *) n;
  return G_SOURCE_CONTINUE;
}

static GSource *
add_idle (int priority, unsigned int *n) {
  GSource *source = g_idle_source_new ();

  *n = 0;
  g_source_set_priority (source, priority);
  g_source_set_callback (source, count, n, NULL);
  g_source_attach (source, kit.loop.foreign);
  return source;
}

static void
remove_idle (GSource *source) {
  g_source_destroy (source);
  g_source_unref (source);
}

/* Sends as much as goes in, and takes the answers.  */
static void
flood (struct peer *p) {
  static char lines[40000];

  if (!*lines)
    for (size_t i = 0; i < sizeof lines; i += 4)
      memcpy (lines + i, "NOP\n", 4);
  while (peer_push (p, lines, sizeof lines) == sizeof lines) {}
  peer_take (p, 1000000);
}

static void
test_flood (void **state) {
  GSource *redraw = add_idle (REDRAW_PRIORITY, &n_redraws);
  struct peer *peers[N_FLOODING];

  (void) state;
  for (size_t i = 0; i < N_FLOODING; i++)
    peers[i] = peer_new ();
  n_redraws = 0;
  for (int turn = 0; turn < N_TURNS; turn++) {
    for (size_t i = 0; i < N_FLOODING; i++)
      flood (peers[i]);
    kit_turn ();
  }
  assert_true (n_redraws >= N_TURNS / 2);
  assert_true (kit_stats ().n_commands >= N_TURNS);
  remove_idle (redraw);
}

/* A program that draws without end does not keep clients from being served.  */
static void
test_animation (void **state) {
  GSource *redraw = add_idle (REDRAW_PRIORITY, &n_redraws);
  struct peer *p = peer_new ();

  (void) state;
  for (int i = 0; i < 10; i++)
    peer_ask (p, "ECHO a\n", "D a\nOK\n");
  remove_idle (redraw);
}

/* Sources of the default priority, such as GTK's input, come before all clients.  */
static void
test_input (void **state) {
  struct peer *p = peer_new ();
  GSource *input = add_idle (G_PRIORITY_DEFAULT, &n_inputs);

  (void) state;
  peer_say (p, "ECHO a\n");
  for (int turn = 0; turn < N_TURNS; turn++)
    kit_turn ();
  assert_int_equal (n_inputs, N_TURNS);
  assert_int_equal (kit_stats ().n_commands, 0);
  remove_idle (input);
  peer_expect (p, "D a\nOK\n");
}

int
main (void) {
  const struct CMUnitTest tests[] = {
    kit_test (test_flood),
    kit_test (test_animation),
    kit_test (test_input),
  };

  return cmocka_run_group_tests_name ("redraw", tests, NULL, NULL);
}
