/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* world.c - the course of a world.  See world.h.

       begin    a loop, a server or two, some who meet
       go on    steps, each of them something that a program does, and turns of the loop
       rest     the weather is calm, strangers leave, and whatever was begun comes to its end without
                help: first the calls, then the connections
       end      everything is freed; memory and descriptors are as they were  */

#include "world.h"

#include <stdlib.h>

#include "bulk.h"
#include "call.h"
#include "dice.h"
#include "encounter.h"
#include "fake-clock.h"
#include "flood.h"
#include "loop.h"
#include "memory.h"
#include "mischief.h"
#include "place.h"
#include "server.h"
#include "stranger.h"
#include "supplies.h"
#include "weather.h"

/* No limit that is set is longer than this.  */
#define REST_NS UINT64_C (120000000000)

struct world_figures world_figures;

/* --- Turns ------------------------------------------------------------------------------------ */

/* What goes on beside the loop.  */
static bool
also (void) {
  bool done = session_drive_all ();

  if (caller_drive_all ()) done = true;
  if (bulk_move_all ()) done = true;
  if (flood_move_all ()) done = true;
  if (call_answer_all ()) done = true;
  if (caller_tidy ()) done = true;
  return done;
}

static uint64_t
also_due (void) {
  uint64_t dues_ns[] = { session_next_due (), caller_next_due (), flood_next_due () };
  uint64_t due_ns = LOOP_NEVER;

  for (int i = 0; i < 3; i++)
    if (dues_ns[i] < due_ns) due_ns = dues_ns[i];
  return due_ns;
}

/* Turns until nothing is ready any more.  */
static void
settle (void) {
  while (loop_turn ())
    ;
}

/* --- Going on --------------------------------------------------------------------------------- */

static void
call_someone (void) {
  struct caller *caller = caller_any ();

  if (caller) call_new (caller, 0);
}

static void
let_time_pass (void) {
  settle ();
  loop_wait (dice (500));
}

static void
act_strangely (void) {
  if (!weather.strangers) return;
  if (!dice (6)) stranger_new_client ();
  if (!dice (6)) stranger_new_server ();
  stranger_act_any ();
}

static void
act_badly (void) {
  if (weather.mischief && !dice (3)) mischief_act ();
}

static void
turn (void) {
  for (unsigned int n = dice (6); n; n--)
    loop_turn ();
}

static void
step (void) {
  static void (*const steps[]) (void) = { call_someone, call_someone,  call_someone, call_someone,
                                          turn,         turn,          turn,         let_time_pass,
                                          act_badly,    act_strangely, act_strangely };

  if (!dice (12)) encounter_connect ();
  if (!dice (30)) encounter_attach ();
  if (!dice (30)) flood_new ();
  if (!dice (40)) encounter_wait ();
  if (!dice (60)) server_new ();
  if (!dice (60)) mischief_fork ();
  if (!dice (60)) mischief_move_to_child ();
  steps[dice (sizeof steps / sizeof *steps)]();
  if (dice (2)) loop_turn ();
}

static void
go_on (void) {
  server_new ();
  for (unsigned int n = 1 + dice (3); n; n--)
    encounter_connect ();
  for (unsigned int n = 20 + dice (100); n; n--)
    step ();
}

/* --- Rest ------------------------------------------------------------------------------------- */

/* Lets time go by, up to the next deadline.  Returns false if there is none, or if so many have
   passed that a party only looks again and again.  */
static bool
wait (uint64_t begin_ns) {
  return fake_clock_now () - begin_ns < REST_NS && loop_wait (UINT32_MAX);
}

/* Turns until no call is under way.  Nothing helps: what waits forever is a fault.  */
static void
finish_calls (void) {
  uint64_t begin_ns = fake_clock_now ();

  for (;;) {
    settle ();
    if (!call_count () && !flood_count ()) return;
    if (!wait (begin_ns)) break;
  }
  ledger_check ("when the loop is idle");
}

/* Turns until nothing is open any more.  */
static void
finish_all (void) {
  uint64_t begin_ns = fake_clock_now ();

  while (ledger_count ()) {
    settle ();
    if (ledger_count () && !wait (begin_ns)) break;
  }
  ledger_check ("at rest");
}

static void
come_to_rest (void) {
  tell ("--- rest");
  weather.is_calm = true;
  stranger_leave_all ();
  finish_calls ();
  tell ("--- closing");
  link_hurt (NULL, "the world ends");
  caller_close_all ();
  server_drain_all ();
  finish_all ();
  server_check_rest ();
}

/* --- Begin and end ---------------------------------------------------------------------------- */

/* What there was before.  */
static struct {
  size_t n_blocks;
  unsigned int n_fds;
} before;

void
world_free_all (bool in_callback) {
  link_hurt (NULL, "everything is freed");
  stranger_leave_all ();
  if (dice (2)) server_free_all ();
  caller_release_all ();
  session_release_all ();
  server_free_all ();
  flood_clear ();
  bulk_clear ();
  loop_end ();
  CHECK (in_callback || memory_n_live == before.n_blocks);
}

static void
clear (void) {
  call_clear ();
  caller_clear ();
  server_clear ();
  session_clear ();
  stranger_clear ();
  link_clear ();
  ledger_clear ();
}

void
world_run (uint64_t seed) {
  ledger_world = seed;
  dice_begin (seed);
  before.n_blocks = memory_n_live;
  before.n_fds = supply_count_fds ();
  weather_begin ();
  weather_struck = link_hurt_fd;
  mischief_begin ();
  call_n_ended = call_n_whole = 0;
  loop_also = also;
  loop_also_due = also_due;
  if (loop_begin ()) {
    go_on ();
    come_to_rest ();
    world_free_all (false);
  }
  clear ();
  if (!weather.has_moved || !weather.droughts) place_check (); /* it takes one to look at a file */
  CHECK (memory_n_live == before.n_blocks);
  CHECK (supply_count_fds () == before.n_fds);
  world_figures.n_worlds++;
  world_figures.n_calls += call_n_ended;
  world_figures.n_whole += call_n_whole;
}
