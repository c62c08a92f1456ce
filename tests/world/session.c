/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* session.c - the server's end of a connection.  See session.h.  */

#include "session.h"

#include <fcntl.h>

#include "calls.h"
#include "command.h"
#include "dice.h"
#include "fake-clock.h"
#include "hand.h"
#include "job.h"
#include "loop.h"
#include "mischief.h"
#include "server.h"
#include "supplies.h"
#include "weather.h"

/* The least time that a limit of a connection gives, in low limits.  */
#define LEAST_TIMEOUT_NS UINT64_C (300000000)

static struct session *sessions;
static unsigned int n_sessions;
struct link *session_arriving;

/* --- The list --------------------------------------------------------------------------------- */

struct session *
session_of (assuan_context_t ctx) {
  return assuan_get_pointer (ctx);
}

/* The connection is not over, as far as the program knows.  */
static bool
is_open (const struct session *s) {
  return s->ctx && (s->end || s->kind == OF_SERVER);
}

struct session *
session_any (void) {
  unsigned int n = 0;

  for (struct session *s = sessions; s; s = s->next)
    n += is_open (s);
  if (!n) return NULL;
  n = dice (n) + 1;
  for (struct session *s = sessions; s; s = s->next)
    if (is_open (s) && !--n) return s;
  return NULL;
}

static struct session *
add (enum session_kind kind, assuan_context_t ctx, struct link *link) {
  struct session *s = ledger_alloc (sizeof *s);

  s->number = ++n_sessions;
  s->kind = kind;
  s->ctx = ctx;
  s->link = link;
  s->active_ns = fake_clock_now ();
  s->next = sessions;
  sessions = s;
  if (link) link->server = ctx;
  assuan_set_pointer (ctx, s);
  tell ("session %u of kind %d, link %u", s->number, kind, link ? link->number : 0);
  return s;
}

void
session_clear (void) {
  sessions = NULL;
  n_sessions = 0;
}

/* --- Over ------------------------------------------------------------------------------------- */

bool
session_is_waiting (const struct session *s) {
  return s->kind == IN_TURNS && s->hand.is_busy && loop_is_waited_for ();
}

void
session_check_hurt (const struct session *s, gpg_error_t err) {
  if (s->link && !s->link->hurt && !weather_explains (err))
    fail ("session %u has %s, and nothing had been done to it", s->number, gpg_strerror (err));
}

/* No command is under way any more, and why it ended has a reason.  */
static void
check_over (struct session *s, gpg_error_t reason) {
  tell ("session %u is over: %s", s->number, gpg_strerror (reason));
  CHECK (reason);
  if (!job_was_told (s->job)) fail ("session %u is over, and its job was not told", s->number);
  if (gpg_err_code (reason) == GPG_ERR_TIMEOUT)
    CHECK (fake_clock_now () - s->active_ns >= LEAST_TIMEOUT_NS);
  session_check_hurt (s, reason);
}

/* What the library has closed, or will, must not be watched.  */
static void
unwatch (struct session *s) {
  eva_source_free (s->source);
  s->source = NULL;
}

/* CTX is not driven any more.  */
static void
forget (struct session *s) {
  s->ctx = NULL;
  unwatch (s);
  if (s->link) s->link->server = NULL;
}

/* What a client sends next has no reader.  A socket whose connection was never opened is still
   ours.  */
static void
release (struct session *s) {
  assuan_context_t ctx = s->ctx;

  link_hurt (s->link, "session released");
  forget (s);
  assuan_release (ctx);
}

/* The program's own bookkeeping, for contexts that know of no function for cancelling.  */
static void
release_in_turns (struct session *s) {
  release (s);
  if (s->job && !job_is_inquiry (s->job)) job_end (s->job);
  CHECK (job_was_told (s->job) || mischief_is_child);
}

static void
release_own (struct session *s) {
  if (s->kind == IN_TURNS)
    release_in_turns (s);
  else
    release (s);
}

/* The connection of S is over, which was told or returned.  The program releases it at once, or
   some time later.  */
static void
is_over (struct session *s, gpg_error_t reason) {
  if (s->kind != IN_TURNS) check_over (s, reason);
  ledger_end (s->end);
  s->end = NULL;
  unwatch (s);
  mischief ();
  if (s->ctx && dice (2)) release_own (s);
}

/* What is shown each line may release the context, in the middle of whatever shows it.  */
static unsigned int
on_line (assuan_context_t ctx, void *hook, int inout, const char *line, size_t line_len) {
  struct session *s = hook;

  (void) inout;
  (void) line;
  (void) line_len;
  if (s->ctx != ctx || !s->end || !mischief_in_monitor ()) return 0;
  tell ("session %u is released by who watches it", s->number);
  if (s->kind == OF_SERVER) {
    link_hurt (s->link, "released by who watches");
    assuan_release (ctx);
  } else {
    ledger_take_back (s->end);
    s->end = NULL;
    release_own (s);
  }
  return 0;
}

static void
watch (struct session *s) {
  if (weather.watchers && dice (2)) assuan_set_io_monitor (s->ctx, on_line, s);
}

/* --- Of a server ------------------------------------------------------------------------------ */

gpg_error_t
session_open (assuan_context_t ctx) {
  struct session *s = add (OF_SERVER, ctx, session_arriving);
  struct server *server = eva_get_userdata (ctx);

  session_arriving = NULL;
  mischief ();
  if (s->ctx && !server->eva) forget (s); /* as above */
  if (!s->ctx) return 0;
  if (weather.mischief && !weather.is_calm && dice_hits (50)) {
    link_hurt (s->link, "refused");
    forget (s);
    return gpg_error (GPG_ERR_EACCES);
  }
  s->end = ledger_begin ("close of session", s->number);
  watch (s);
  return 0;
}

void
session_close (assuan_context_t ctx, gpg_error_t reason) {
  struct session *s = session_of (ctx);

  CHECK (s && s->ctx == ctx && !s->command);
  check_over (s, reason);
  ledger_end (s->end);
  forget (s);
  mischief ();
}

gpg_error_t
session_before (assuan_context_t ctx, const char *name) {
  struct session *s = session_of (ctx);

  CHECK (s && s->ctx == ctx && !s->command && name);
  s->command = ledger_begin ("after of a command", s->number);
  return 0;
}

void
session_after (assuan_context_t ctx, const char *name, gpg_error_t result) {
  struct session *s = session_of (ctx);

  (void) result;
  CHECK (s && s->ctx == ctx && s->command && name);
  ledger_end (s->command);
  s->command = NULL;
  mischief ();
}

/* --- Attached, and by hand -------------------------------------------------------------------- */

static void
on_over (assuan_context_t ctx, void *arg, gpg_error_t err) {
  struct session *s = arg;

  CHECK (s->ctx == ctx);
  is_over (s, err);
}

/* One turn of a session that is driven by hand.  Returns true if it was due.  */
static bool
drive (struct session *s) {
  gpg_error_t err;

  if (!hand_turn (&s->hand, s->ctx, &err)) return false;
  if (err && is_open (s)) is_over (s, err);
  return true;
}

void
session_switch (struct session *s) {
  gpg_error_t err;

  if (s->kind == ATTACHED && !mischief_may_detach (&s->hand, s->ctx)) return;
  if (s->kind == ATTACHED) {
    tell ("session %u is detached", s->number);
    if (s->job) link_hurt (s->link, "detached"); /* a pump ends */
    s->link->was_by_hand = true;
    s->kind = BY_HAND;
    eva_detach (s->ctx);
  } else if (s->kind == BY_HAND && !s->hand.is_busy) {
    tell ("session %u is attached", s->number);
    err = eva_attach (s->ctx, the_loop, on_over, s);
    if (!err && s->ctx) s->kind = ATTACHED;
    if (err && s->ctx) session_check_hurt (s, err);
  }
}

/* --- In turns --------------------------------------------------------------------------------- */

/* One that is busy is not watched, as what came would be told of again and again.  */
static void
rewatch (struct session *s) {
  bool was_calm = weather.is_calm;

  weather.is_calm = true;
  if (s->source) CHECK (!eva_source_set_events (s->source, EVA_READABLE));
  weather.is_calm = was_calm;
}

static void
take_turn (struct session *s) {
  gpg_error_t err;
  int done = 0;

  s->hand.is_busy = true;
  s->has_more = false;
  err = assuan_process_next (s->ctx, &done);
  s->hand.is_busy = false;
  if (!is_open (s)) return;
  rewatch (s);
  if (err && gpg_err_code (err) != GPG_ERR_ASS_LINE_TOO_LONG) done = 1;
  tell ("session %u took a turn: %s%s", s->number, gpg_strerror (err), done ? ", done" : "");
  if (done) session_check_hurt (s, err);
  if (done) is_over (s, err);
}

static void
on_readable (void *arg, unsigned int revents) {
  struct session *s = arg;

  (void) revents;
  if (!s->end) return;
  if (s->hand.is_busy)
    eva_source_set_events (s->source, 0);
  else
    take_turn (s);
}

/* --- The program's own ------------------------------------------------------------------------ */

static gpg_error_t
start (struct session *s) {
  assuan_fd_t fds[2];

  struct eva_limits limits = { .high_water_len = weather_high_water () };
  gpg_error_t err;

  switch (s->kind) {
  case ATTACHED:
    err = eva_attach (s->ctx, the_loop, on_over, s);
    return err || !s->ctx ? err : eva_set_limits (s->ctx, &limits);
  case BY_HAND:
    err = eva_set_nonblocking (s->ctx);
    return err || !s->ctx ? err : eva_set_limits (s->ctx, &limits);
  default:
    if (assuan_get_active_fds (s->ctx, 0, fds, 2) < 1) return gpg_error (GPG_ERR_GENERAL);
    if (!s->ctx) return 0;
    s->source = eva_loop_add_fd (the_loop, fds[0], EVA_READABLE, on_readable, s);
    s->has_more = true;
    return s->source ? 0 : gpg_error_from_syserror ();
  }
}

static gpg_error_t
init (assuan_context_t ctx, int in_fd, int out_fd) {
  const unsigned int flags = ASSUAN_SOCKET_SERVER_FDPASSING | ASSUAN_SOCKET_SERVER_ACCEPTED;
  assuan_fd_t fds[2] = { in_fd, out_fd };
  gpg_error_t err;

  if (in_fd == out_fd)
    err = assuan_init_socket_server (ctx, in_fd, flags);
  else
    err = assuan_init_pipe_server (ctx, fds);
  if (!err) err = assuan_set_hello_line (ctx, "Pleased to meet you");
  return err ? err : command_register_all (ctx);
}

/* What the context did not get, or a socket that was not opened, is still the caller's.  */
static void
close_fd (int fd) {
  if (fcntl (fd, F_GETFD) >= 0) __real_close (fd);
}

static void
close_fds (int in_fd, int out_fd) {
  close_fd (in_fd);
  if (in_fd != out_fd) close_fd (out_fd);
}

void
session_new (enum session_kind kind, int in_fd, int out_fd, struct link *link) {
  assuan_context_t ctx;
  struct session *s;
  gpg_error_t err;

  if (assuan_new (&ctx)) {
    link_hurt (link, "no session");
    close_fds (in_fd, out_fd);
    return;
  }
  if (kind == IN_TURNS && dice (2)) assuan_ctx_set_system_hooks (ctx, calls_hooks ());
  s = add (kind, ctx, link);
  s->end = ledger_begin ("end of session", s->number);
  watch (s);
  err = init (ctx, in_fd, out_fd);
  if (!err) err = start (s);
  if (!err || !s->ctx) return;
  tell ("session %u has not begun: %s", s->number, gpg_strerror (err));
  session_check_hurt (s, err);
  ledger_take_back (s->end);
  release (s);
  close_fds (in_fd, out_fd);
}

/* --- What happens to a session ---------------------------------------------------------------- */

static void
end_of_server (struct session *s) {
  link_hurt (s->link, "session ended");
  switch (dice (3)) {
  case 0:
    eva_close (s->ctx);
    break;
  case 1:
    assuan_set_flag (s->ctx, ASSUAN_FORCE_CLOSE, 1);
    break;
  default:
    assuan_release (s->ctx);
    if (s->ctx && !s->end) forget (s); /* in its open function: no callback will hear of its end */
    break;
  }
}

void
session_end (struct session *s) {
  tell ("session %u is ended", s->number);
  if (s->kind == OF_SERVER) {
    end_of_server (s);
  } else {
    ledger_take_back (s->end);
    release_own (s);
  }
}

void
session_finish (struct session *s, gpg_error_t err) {
  assuan_fd_t fds[2];
  bool was_driven;
  gpg_error_t rc;

  s->active_ns = fake_clock_now ();
  s->has_more = true;
  was_driven = s->hand.is_busy;
  if (s->kind == IN_TURNS) s->hand.is_busy = true; /* it may wait, and only others run meanwhile */
  rc = assuan_process_done (s->ctx, err);
  s->hand.is_busy = was_driven;
  if (!s->ctx) return;
  if (!was_driven) rewatch (s);
  if (s->kind == IN_TURNS && assuan_get_active_fds (s->ctx, 0, fds, 2) < 1) unwatch (s);
  if (rc) session_check_hurt (s, rc);
}

/* One that is over is released some time.  Returns true if there still is, or was, something to
   do.  */
static bool
tidy (struct session *s) {
  if (!s->ctx || s->end || s->kind == OF_SERVER || s->hand.is_busy) return false;
  if (dice (10) == 0) release_own (s);
  return true;
}

bool
session_drive_all (void) {
  bool done = false;

  for (struct session *s = sessions; s; s = s->next) {
    if (tidy (s)) done = true;
    if (!is_open (s) || !hand_may_turn (&s->hand, s->ctx)) continue;
    if (s->kind == BY_HAND && drive (s)) done = true;
    if (s->kind != IN_TURNS || !s->has_more) continue;
    take_turn (s);
    done = true;
  }
  return done;
}

uint64_t
session_next_due (void) {
  uint64_t due_ns = LOOP_NEVER;

  for (struct session *s = sessions; s; s = s->next) {
    uint64_t deadline_ns;
    if (!is_open (s) || s->kind != BY_HAND || !hand_may_turn (&s->hand, s->ctx)) continue;
    deadline_ns = eva_get_deadline (s->ctx);
    if (deadline_ns < due_ns) due_ns = deadline_ns;
  }
  return due_ns;
}

void
session_release_all (void) {
  for (struct session *s = sessions; s; s = s->next)
    if (s->ctx && s->kind != OF_SERVER) {
      if (s->end) ledger_take_back (s->end);
      release_own (s);
    }
}
