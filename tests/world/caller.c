/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* caller.c - the client's end of a connection.  See caller.h.  */

#include "caller.h"

#include "call.h"
#include "calls.h"
#include "dice.h"
#include "hand.h"
#include "loop.h"
#include "mischief.h"
#include "supplies.h"
#include "weather.h"

static struct caller *callers;
static unsigned int n_callers;

/* --- The list --------------------------------------------------------------------------------- */

static struct caller *
add (struct link *link) {
  struct caller *caller = ledger_alloc (sizeof *caller);

  caller->number = ++n_callers;
  caller->link = link;
  caller->next = callers;
  callers = caller;
  tell ("caller %u, link %u", caller->number, link->number);
  return caller;
}

struct caller *
caller_any (void) {
  unsigned int n = 0;

  for (struct caller *c = callers; c; c = c->next)
    n += c->ctx != NULL;
  if (!n) return NULL;
  n = dice (n) + 1;
  for (struct caller *c = callers; c; c = c->next)
    if (c->ctx && !--n) return c;
  return NULL;
}

assuan_context_t
caller_any_context (void) {
  struct caller *caller = caller_any ();

  return caller ? caller->ctx : NULL;
}

void
caller_clear (void) {
  callers = NULL;
  n_callers = 0;
}

/* --- Over ------------------------------------------------------------------------------------- */

static void
release (struct caller *caller) {
  assuan_context_t ctx = caller->ctx;

  tell ("caller %u is released", caller->number);
  link_hurt (caller->link, "client released");
  call_give_up_all (caller);
  caller->ctx = NULL;
  caller->link->client = NULL;
  assuan_release (ctx);
  CHECK (!caller->n_calls || mischief_is_child);
}

static void
on_closed (assuan_context_t ctx, void *arg, gpg_error_t err) {
  struct caller *caller = arg;

  tell ("caller %u is closed: %s", caller->number, gpg_strerror (err));
  CHECK (caller->ctx == ctx && err && !caller->n_calls);
  if (!caller->link->hurt && !weather_explains (err))
    fail ("caller %u is closed, and nothing had been done to it", caller->number);
  ledger_end (caller->end);
  caller->end = NULL;
  caller->is_closing = true;
  mischief ();
  if (caller->ctx && dice (2)) release (caller);
}

static void
on_ready (assuan_context_t ctx, void *arg) {
  struct caller *caller = arg;

  tell ("caller %u is ready", caller->number);
  CHECK (caller->ctx == ctx && !caller->is_ready && caller->end);
  caller->is_ready = true;
  mischief ();
}

/* One that is over already has nothing to be told.  */
static void
take_away (struct caller *caller) {
  if (caller->end) ledger_take_back (caller->end);
  caller->end = NULL;
  release (caller);
}

/* What is shown each line may release the context.  */
static unsigned int
on_line (assuan_context_t ctx, void *hook, int inout, const char *line, size_t line_len) {
  struct caller *caller = hook;

  (void) inout;
  (void) line;
  (void) line_len;
  if (caller->ctx != ctx || !mischief_in_monitor ()) return 0;
  tell ("caller %u is released by who watches it", caller->number);
  take_away (caller);
  return 0;
}

static void
watch (struct caller *caller) {
  if (weather.watchers && dice (2)) assuan_set_io_monitor (caller->ctx, on_line, caller);
}

/* --- Making ----------------------------------------------------------------------------------- */

struct caller *
caller_connect (const char *address, struct link *link, gpg_error_t *ret_err) {
  struct eva_connect_config config = { .flags = EVA_CONNECT_FDPASSING,
                                       .ready = on_ready,
                                       .closed = on_closed };
  struct caller *caller = add (link);

  config.arg = caller;
  config.limits.high_water_len = weather_high_water ();
  caller->end = ledger_begin ("closed of caller", caller->number);
  *ret_err = eva_connect (the_loop, address, &config, &caller->ctx);
  link->client = caller->ctx;
  if (!*ret_err) watch (caller);
  if (!*ret_err) return caller;
  tell ("caller %u cannot connect: %s", caller->number, gpg_strerror (*ret_err));
  CHECK (!caller->ctx);
  ledger_take_back (caller->end);
  return NULL;
}

/* A client of assuan.h, connected through FD.  */
static assuan_context_t
connect_fd (int fd, struct link *link) {
  assuan_context_t ctx;
  gpg_error_t err;

  if (assuan_new (&ctx)) {
    __real_close (fd);
    link_hurt (link, "no client");
    return NULL;
  }
  if (dice (2)) assuan_set_pointer (ctx, link);
  err = assuan_socket_connect_fd (ctx, fd, ASSUAN_SOCKET_CONNECT_FDPASSING);
  if (!err) return ctx;
  tell ("client on link %u cannot connect: %s", link->number, gpg_strerror (err));
  CHECK (link->hurt || weather_explains (err));
  link_hurt (link, "no client");
  assuan_release (ctx);
  return NULL;
}

struct caller *
caller_attach (int fd, struct link *link) {
  assuan_context_t ctx = connect_fd (fd, link);
  struct caller *caller;
  gpg_error_t err;

  if (!ctx) return NULL;
  caller = add (link);
  caller->ctx = link->client = ctx;
  caller->is_ready = true;
  caller->is_by_hand = !dice (3);
  caller->is_attached = !caller->is_by_hand;
  caller->end = ledger_begin ("end of caller", caller->number);
  watch (caller);
  if (caller->is_by_hand)
    err = eva_set_nonblocking (ctx);
  else
    err = eva_attach (ctx, the_loop, on_closed, caller);
  if (!err) return caller;
  CHECK (weather_explains (err));
  ledger_take_back (caller->end);
  release (caller);
  return NULL;
}

/* No party of the loop may end it meanwhile, because none has it.  */
void
caller_wait (int fd, struct link *link, unsigned int n) {
  assuan_context_t ctx = connect_fd (fd, link);
  gpg_error_t err = 0;

  if (!ctx) return;
  link->client = ctx;
  while (!err && n--)
    err = call_wait (ctx, link);
  link_hurt (link, "client leaves");
  link->client = NULL;
  assuan_release (ctx);
}

/* --- By hand ---------------------------------------------------------------------------------- */

static bool
is_driven_by_us (const struct caller *caller) {
  return caller->ctx && caller->end && caller->is_by_hand
         && hand_may_turn (&caller->hand, caller->ctx);
}

bool
caller_drive_all (void) {
  bool done = false;

  for (struct caller *caller = callers; caller; caller = caller->next) {
    gpg_error_t err;
    if (!is_driven_by_us (caller)) continue;
    if (!hand_turn (&caller->hand, caller->ctx, &err)) continue;
    if (err && caller->ctx && caller->end) on_closed (caller->ctx, caller, err);
    done = true;
  }
  return done;
}

uint64_t
caller_next_due (void) {
  uint64_t due_ns = LOOP_NEVER;

  for (struct caller *caller = callers; caller; caller = caller->next) {
    uint64_t deadline_ns;
    if (!is_driven_by_us (caller)) continue;
    deadline_ns = eva_get_deadline (caller->ctx);
    if (deadline_ns < due_ns) due_ns = deadline_ns;
  }
  return due_ns;
}

void
caller_switch (struct caller *caller) {
  gpg_error_t err;

  if (caller->is_attached && !mischief_may_detach (&caller->hand, caller->ctx)) return;
  if (caller->is_attached) {
    tell ("caller %u is detached", caller->number);
    caller->is_attached = false;
    caller->is_by_hand = true;
    eva_detach (caller->ctx);
  } else if (is_driven_by_us (caller)) {
    tell ("caller %u is attached", caller->number);
    err = eva_attach (caller->ctx, the_loop, on_closed, caller);
    CHECK (!err || weather_explains (err));
    if (err) return;
    caller->is_attached = true;
    caller->is_by_hand = false;
  }
}

/* --- What happens to callers ------------------------------------------------------------------ */

static void
close_caller (struct caller *caller) {
  tell ("caller %u closes", caller->number);
  link_hurt (caller->link, "client closed");
  call_give_up_all (caller);
  caller->is_closing = true;
  eva_close (caller->ctx);
}

void
caller_end (struct caller *caller) {
  if (dice (2))
    close_caller (caller);
  else
    take_away (caller);
}

void
caller_close_all (void) {
  for (struct caller *caller = callers; caller; caller = caller->next)
    if (caller->ctx && !caller->is_closing) close_caller (caller);
}

bool
caller_tidy (void) {
  bool done = false;

  for (struct caller *caller = callers; caller; caller = caller->next) {
    if (!caller->ctx || caller->end) continue;
    if (dice (10) == 0) release (caller);
    done = true;
  }
  return done;
}

void
caller_release_all (void) {
  for (struct caller *caller = callers; caller; caller = caller->next)
    if (caller->ctx) take_away (caller);
}
