/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mischief.c - what callbacks do besides.  See mischief.h.  */

#include "mischief.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bulk.h"
#include "call.h"
#include "dice.h"
#include "encounter.h"
#include "fake-clock.h"
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

static unsigned int n_forks, n_dialogs, depth;

void
mischief_begin (void) {
  n_forks = n_dialogs = depth = 0;
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

/* A dialog is open until a call is answered, which has a limit: so it is closed some time.  */
static void
open_dialog (void) {
  struct caller *caller = caller_any ();
  struct entry *entry = caller && !caller->is_closing ? call_new (caller, 1 + dice (300)) : NULL;

  tell ("{ dialog");
  n_dialogs++;
  for (unsigned int n = entry ? UINT32_MAX : 1 + dice (5); n; n--) {
    if (entry && !ledger_is_open (entry)) break;
    if (!loop_turn () && !loop_wait (10000) && entry) fail ("a dialog waits for a call for ever");
  }
  tell ("} dialog");
}

/* --- Children --------------------------------------------------------------------------------- */

/* A child that cleans up does so silently: nobody else is to notice.  */
static void
be_a_child (void) {
  weather.is_calm = true;
  world_free_all ();
  if (dice (2)) _exit (0);
  exit (0);
}

static void
have_a_child (void) {
  int status;
  pid_t pid;

  tell ("* fork");
  n_forks++;
  pid = supply_fork ();
  CHECK (pid >= 0);
  if (!pid) be_a_child ();
  CHECK (waitpid (pid, &status, 0) == pid);
  if (!WIFEXITED (status) || WEXITSTATUS (status)) fail ("a child ended with status %d", status);
}

/* --- Callbacks -------------------------------------------------------------------------------- */

static void
do_something (void) {
  if (weather.slow && dice_hits (50)) loop_pass (dice (800) * NS_PER_MS);
  if (weather.mischief && dice_hits (60)) mischief_act ();
  if (weather.dialogs && dice_hits (60) && n_dialogs < MAX_DIALOGS && loop_may_turn ())
    open_dialog ();
  if (weather.forks && dice_hits (20) && n_forks < MAX_FORKS) have_a_child ();
}

/* None while somebody waits in a call that must not lose its context.  */
void
mischief (void) {
  if (weather.is_calm || loop_is_waited_for () || depth >= MAX_DEPTH) return;
  depth++;
  do_something ();
  depth--;
}
