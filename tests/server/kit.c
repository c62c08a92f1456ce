/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kit.c - what the tests of eva_server share.  See kit.h.  */

#include "kit.h"

#include <stdlib.h>
#include <unistd.h>

#include "leftovers.h"
#include "loop/loop.h"
#include "peer.h"
#include "service.h"

/* How long anything may take before it counts as a hang.  */
#define HANG_NS 100000000000u

/* Of the loops here none takes more turns before it looks at everything: sd-event calls one thing a
   turn.  */
#define N_SETTLING_TURNS 60

struct kit kit;

static uint64_t wait_begin_ns;
static unsigned int n_waits;

/* --- Before and after a test ------------------------------------------------------------------ */

int
kit_setup (void **state) {
  (void) state;
  test_loop_warm_up ();
  leftovers_begin ();
  kit = (struct kit) { .server = NULL };
  test_loop_init (&kit.loop);
  service_reset ();
  assert_int_equal (eva_server_new (kit.loop.loop, &service_offer, &kit, &kit.server), 0);
  return 0;
}

void
kit_free_server (void) {
  eva_server_free (kit.server);
  kit.server = NULL;
}

int
kit_teardown (void **state) {
  (void) state;
  kit_free_server ();
  service_check ();
  peer_close_all ();
  service_free ();
  test_loop_deinit (&kit.loop);
  leftovers_check ();
  return 0;
}

/* --- The server ------------------------------------------------------------------------------- */

bool
kit_tells_hangup (void) {
  return eva__loop_tells_hangup (kit.loop.loop);
}

void
kit_set_limits (const struct eva_server_limits *limits) {
  assert_int_equal (eva_server_set_limits (kit.server, limits), 0);
}

void
kit_set_connection_limits (const struct eva_limits *limits) {
  struct eva_server_limits all = { .connection = *limits };

  kit_set_limits (&all);
}

struct eva_stats
kit_stats (void) {
  struct eva_stats stats;

  eva_server_get_stats (kit.server, &stats);
  return stats;
}

volatile bool kit_is_own_alloc;

void *
kit_alloc (size_t len) {
  void *ptr;

  kit_is_own_alloc = true;
  ptr = calloc (1, len);
  kit_is_own_alloc = false;
  if (!ptr) abort ();
  return ptr;
}

/* --- Turns ------------------------------------------------------------------------------------ */

void
kit_turn (void) {
  kit.n_turns++;
  test_loop_turn (&kit.loop, false);
}

void
kit_settle (void) {
  for (int i = 0; i < N_SETTLING_TURNS; i++)
    kit_turn ();
}

void
kit_wait_begin (void) {
  wait_begin_ns = eva_now ();
  n_waits = 0;
}

/* A test that waits for time to pass does not keep the processor from the others.  */
void
kit_wait (const char *condition, const char *file, int line) {
  kit_turn ();
  if (++n_waits < N_SETTLING_TURNS) return;
  usleep (200);
  if (eva_now () - wait_begin_ns < HANG_NS) return;
  print_error ("%s:%d: still waiting for %s\n", file, line, condition);
  _fail (file, line);
}

static void
set_flag (void *arg) {
  *(bool *) arg = true;
}

unsigned int
kit_idle (unsigned int ms) {
  bool over = false;
  eva_source *timer = eva_loop_add_timer (kit.loop.loop, ms, set_flag, &over);
  unsigned int n = 0;

  assert_non_null (timer);
  for (; !*(volatile bool *) &over; n++)
    test_loop_turn (&kit.loop, true);
  eva_source_free (timer);
  return n;
}

/* --- Calls that are put off ------------------------------------------------------------------- */

struct later {
  eva_source *timer;
  void (*cb) (void *arg);
  void *arg;
};

static void
run_later (void *arg) {
  struct later later = *(struct later *) arg;

  eva_source_free (later.timer);
  free (arg);
  later.cb (later.arg);
}

void
kit_after (unsigned int delay_ms, void (*cb) (void *arg), void *arg) {
  struct later *later = kit_alloc (sizeof *later);

  later->cb = cb;
  later->arg = arg;
  later->timer = eva_loop_add_timer (kit.loop.loop, delay_ms, run_later, later);
  assert_non_null (later->timer);
}
