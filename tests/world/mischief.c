/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mischief.c - what callbacks do besides.  See mischief.h.  */

#include "mischief.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bulk.h"
#include "call.h"
#include "dice.h"
#include "encounter.h"
#include "fake-clock.h"
#include "hand.h"
#include "job.h"
#include "loop.h"
#include "server.h"
#include "supplies.h"
#include "weather.h"

#define NS_PER_MS UINT64_C (1000000)

/* In one world.  */
#define MAX_FORKS   2
#define MAX_DIALOGS 10

/* So deep do callbacks go.  */
#define MAX_DEPTH 4

static unsigned int n_forks, n_dialogs, n_open_dialogs, depth;
bool mischief_is_child;

void
mischief_begin (void) {
  n_forks = n_dialogs = n_open_dialogs = depth = 0;
}

/* --- What there is to do ---------------------------------------------------------------------- */

static void
end_caller (void) {
  struct caller *caller = caller_any ();

  if (caller) caller_end (caller);
}

static void
end_session (void) {
  struct session *session = session_any ();

  if (session) session_end (session);
}

static void
switch_session (void) {
  struct session *session = session_any ();

  if (session) session_switch (session);
}

static void
switch_caller (void) {
  struct caller *caller = caller_any ();

  if (caller && !caller->is_closing) caller_switch (caller);
}

static void
finish_job (void) {
  struct session *session = session_any ();

  if (session && session->job && !session->is_finishing) job_finish_early (session->job);
}

static void
call_again (void) {
  struct caller *caller = caller_any ();

  if (caller) call_new (caller, 0);
}

static void
look_at_server (void) {
  struct server *server = server_any (false);

  if (server) server_look_at (server);
}

static void
end_server (void) {
  struct server *server = server_any (false);

  if (server && !dice (8)) server_end (server);
}

void
mischief_act (void) {
  static void (*const acts[]) (
      void) = { end_caller, call_give_up_any,  call_give_up_any, call_again,     call_again,
                call_again, end_session,       finish_job,       switch_session, look_at_server,
                end_server, encounter_connect, bulk_break,       switch_caller };

  acts[dice (sizeof acts / sizeof *acts)]();
}

/* --- Dialogs ---------------------------------------------------------------------------------- */

/* A dialog waits for what could not go on if it were driven by hand from here on.  */
bool
mischief_may_detach (const struct hand *hand, assuan_context_t ctx) {
  return !n_open_dialogs || hand_may_turn (hand, ctx);
}

/* What a dialog waits for: a call, which has a limit.  One of a caller in whose callback the dialog
   is opened, and that is driven by hand, could not go on meanwhile.  */
static struct entry *
begin_call (void) {
  struct caller *caller = caller_any ();

  if (!caller || !caller->ctx || caller->is_closing) return NULL;
  if (caller->is_by_hand && !hand_may_turn (&caller->hand, caller->ctx)) return NULL;
  return call_new (caller, 1 + dice (300));
}

/* A dialog is open until a call is answered: so it is closed some time.  */
static void
open_dialog (void) {
  struct entry *entry = begin_call ();

  tell ("{ dialog");
  n_dialogs++;
  n_open_dialogs++;
  for (unsigned int n = entry ? UINT32_MAX : 1 + dice (5); n; n--) {
    if (entry && !ledger_is_open (entry)) break;
    if (!loop_turn () && !loop_wait (10000) && entry) fail ("a dialog waits for a call for ever");
  }
  n_open_dialogs--;
  tell ("} dialog");
}

/* --- Children --------------------------------------------------------------------------------- */

/* A child that cleans up does so silently: no other party may notice.  */
static void
be_a_child (bool in_callback) {
  weather.is_calm = true;
  mischief_is_child = true;
  world_free_all (in_callback);
  if (dice (2)) _exit (0);
  exit (0);
}

/* Returns the status of the child PID.  */
static int
wait_for_child (pid_t pid) {
  int status;

  CHECK (waitpid (pid, &status, 0) == pid);
  if (!WIFEXITED (status)) fail ("a child ended by signal %d", WTERMSIG (status));
  return WEXITSTATUS (status);
}

static void
have_a_child (bool in_callback) {
  pid_t pid;

  tell ("* fork");
  n_forks++;
  pid = supply_fork ();
  CHECK (pid >= 0);
  if (!pid) be_a_child (in_callback);
  if (wait_for_child (pid)) fail ("a child failed");
}

void
mischief_fork (void) {
  if (weather.forks && n_forks < MAX_FORKS) have_a_child (false);
}

/* What the world has is the child's alone.  */
static void
leave_to (pid_t pid) {
  close_range (3, ~0U, 0);
  _exit (wait_for_child (pid));
}

/* Waits until the parent has closed FDS, and all else.  */
static void
wait_for_end (int fds[2]) {
  struct pollfd p = { .fd = fds[0], .events = POLLIN };

  __real_close (fds[1]);
  while (ppoll (&p, 1, NULL, NULL) < 0) {}
  __real_close (fds[0]);
}

/* All that lives here is used once, before anything is done to it, and so is this process's.  */
static void
take_over (void) {
  bool was_calm = weather.is_calm;

  weather.is_calm = true;
  hand_process++;
  loop_take_over ();
  loop_also ();
  weather.is_calm = was_calm;
}

void
mischief_move_to_child (void) {
  int fds[2];
  pid_t pid;

  if (!weather.forks || weather.has_moved) return;
  weather.has_moved = true;
  tell ("* the world goes on in a child");
  supply_pipe (fds);
  pid = supply_fork ();
  CHECK (pid >= 0);
  if (pid) leave_to (pid);
  wait_for_end (fds);
  take_over ();
}

bool
mischief_has_moved (void) {
  return weather.has_moved;
}

/* --- Callbacks -------------------------------------------------------------------------------- */

static void
do_something (void) {
  if (weather.slow && dice_hits (50)) loop_pass (dice (800) * NS_PER_MS);
  if (weather.mischief && dice_hits (60)) mischief_act ();
  if (weather.dialogs && dice_hits (60) && n_dialogs < MAX_DIALOGS && loop_may_turn ())
    open_dialog ();
  if (weather.forks && dice_hits (20) && n_forks < MAX_FORKS) have_a_child (true);
}

bool
mischief_in_monitor (void) {
  if (mischief_is_child || weather.is_calm || loop_is_waited_for ()) return false;
  return weather.watchers && dice_hits (4);
}

/* None while a party waits in a call that must not lose its context.  */
void
mischief (void) {
  if (mischief_is_child) fail ("a callback runs in a child that only frees everything");
  if (weather.is_calm || loop_is_waited_for () || depth >= MAX_DEPTH) return;
  depth++;
  do_something ();
  depth--;
}
