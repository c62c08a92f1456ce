/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* call.c - calls.  See call.h.  */

#include "call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "dice.h"
#include "fake-clock.h"
#include "loop.h"
#include "mischief.h"
#include "pattern.h"
#include "supplies.h"
#include "weather.h"

#define NS_PER_MS UINT64_C (1000000)

/* At a time, of a caller.  */
#define MAX_CALLS 8

/* What commands there are: see command.h.  */
struct kind {
  const char *name;
  size_t max_len;     /* octets of KEY; 0: it has no argument of that kind */
  unsigned int max_n; /* its only argument is a number below */
  bool in_loop;       /* only sessions in a loop know it */
  bool sends;         /* the octets come as data */
  bool inquires;
  bool passes;   /* a descriptor */
  bool tells;    /* status lines */
  bool may_fail; /* for reasons of its own */
  gpg_err_code_t err;
};

static const struct kind kinds[] = {
  { .name = "NOP" },
  { .name = "DATA", .max_len = 60000, .sends = true },
  { .name = "STATUS", .max_n = 30, .tells = true },
  { .name = "FAIL", .max_n = 10, .err = GPG_ERR_USER_1 },
  { .name = "LATER", .max_n = 400 },
  { .name = "ASK", .max_len = 40000, .inquires = true },
  { .name = "TAKE", .max_n = 1000, .passes = true },
  { .name = "NONSENSE", .err = GPG_ERR_ASS_UNKNOWN_CMD },
  { .name = "PIECES", .max_len = 90000, .in_loop = true, .sends = true },
  { .name = "VIA", .in_loop = true, .may_fail = true },
  { .name = "OUT", .max_len = 300000, .in_loop = true, .sends = true },
  { .name = "IN", .max_len = 300000, .in_loop = true, .inquires = true },
  { .name = "THROUGH", .max_len = 300000, .in_loop = true },
};

#define N_KINDS         (sizeof kinds / sizeof *kinds)
#define N_KINDS_OF_ALL  8 /* the first ones are for every session */
#define N_KINDS_TO_WAIT 6 /* and of these, for clients that wait */

static const struct kind iam = { .name = "IAM" };

struct call {
  struct call *next;
  unsigned int number;
  struct caller *caller;
  const struct kind *kind;
  struct eva_pending_call *handle; /* NULL: it ended */
  struct entry *entry;
  unsigned int key;
  size_t len;     /* octets of KEY, to be told or to be sent */
  size_t at;      /* that were */
  unsigned int n; /* status lines that were told, or the number that was asked for */
  unsigned int n_told;
  uint64_t begun_ns;
  unsigned int timeout_ms;       /* 0: none */
  unsigned int reply_timeout_ms; /* likewise, from when it is sent */
  bool is_asked;                 /* the answer is being sent */
  bool is_given_up;              /* by us */
  gpg_err_code_t own_err;        /* what a callback returned */
};

static struct call *calls;
static unsigned int n_calls;
unsigned int call_n_ended, call_n_whole;

void
call_clear (void) {
  calls = NULL;
  n_calls = 0;
}

unsigned int
call_count (void) {
  unsigned int n = 0;

  for (struct call *call = calls; call; call = call->next)
    n += call->handle != NULL;
  return n;
}

/* --- What it is told -------------------------------------------------------------------------- */

/* Callbacks fail now and then, and that is what their call ends with.  */
static gpg_error_t
behave (struct call *call) {
  if (weather.mischief && !weather.is_calm && dice_hits (20)) call->own_err = GPG_ERR_USER_2;
  mischief ();
  return call->own_err && call->handle ? gpg_error (call->own_err) : 0;
}

static void
take_data (struct call *call, const void *buf, size_t len) {
  if (!call->caller->link->hurt) CHECK (call->kind->sends);
  if (call->kind->sends
      && (!pattern_is (call->key, call->at, buf, len) || call->at + len > call->len))
    if (!link_is_strange (call->caller->link))
      fail ("call %u gets octets that are not its own", call->number);
  call->at += len;
}

static gpg_error_t
on_data (void *arg, const void *buf, size_t len) {
  struct call *call = arg;

  CHECK (call->handle && (buf || !len));
  take_data (call, buf, len);
  return behave (call);
}

static void
take_status (struct call *call, const char *text) {
  if (text[0] == 'N' && text[1] == ' ') {
    if (call->kind->tells) CHECK ((unsigned int) atoi (text + 2) == call->n_told);
    call->n_told++;
  }
}

static gpg_error_t
on_status (void *arg, const char *text) {
  struct call *call = arg;

  CHECK (call->handle);
  take_status (call, text);
  return behave (call);
}

static gpg_error_t
on_inquire (void *arg, struct eva_pending_call *handle, const char *text) {
  struct call *call = arg;
  char expected[50];

  CHECK (call->handle == handle);
  snprintf (expected, sizeof expected, "KEY %u %zu", call->key, call->len);
  if (strcmp (text, expected) != 0) CHECK (call->caller->link->hurt);
  call->is_asked = true;
  return behave (call);
}

/* --- The end ---------------------------------------------------------------------------------- */

static bool
is_late (const struct call *call) {
  uint64_t now_ns = fake_clock_now ();

  if (call->timeout_ms && now_ns >= call->begun_ns + call->timeout_ms * NS_PER_MS) return true;
  return call->reply_timeout_ms && now_ns >= call->begun_ns + call->reply_timeout_ms * NS_PER_MS;
}

/* Returns true if CALL may end with CODE, which is not what its kind ends with.  */
static bool
may_end (const struct call *call, gpg_err_code_t code) {
  if (code == GPG_ERR_CANCELED && call->is_given_up) return true;
  if (code == GPG_ERR_TIMEOUT && is_late (call)) return true;
  if (call->own_err && code == call->own_err) return true;
  if (call->caller->link->hurt || weather_explains (code)) return true;
  if (call->caller->is_closing && code == GPG_ERR_EPIPE) return true; /* told late */
  if (call->kind->in_loop && call->caller->link->was_by_hand) return true;
  return call->kind->may_fail;
}

/* What was told in full is all of it, and no more.  */
static void
check_whole (const struct call *call) {
  if (call->kind->sends || call->kind->inquires)
    if (call->at != call->len && !call->caller->link->is_cut)
      fail ("call %u ended well after %zu octets of %zu", call->number, call->at, call->len);
  if (call->kind->tells) CHECK (call->n_told == call->n);
}

static void
check_end (const struct call *call, gpg_err_code_t code) {
  bool is_whole = code == call->kind->err;

  call_n_ended++;
  if (link_is_strange (call->caller->link)) return;
  if (is_whole) call_n_whole++;
  if (is_whole && !code) check_whole (call);
  if (!is_whole && (!code || !may_end (call, code)))
    fail ("call %u ends with %s", call->number, gpg_strerror (code));
}

static void
on_done (void *arg, gpg_error_t err, const char *text) {
  struct call *call = arg;
  struct caller *caller = call->caller;

  tell ("call %u: %s (%s)", call->number, gpg_strerror (err), text ? text : "");
  CHECK (call->handle && !(text && !*text));
  ledger_end (call->entry);
  call->handle = NULL;
  caller->n_calls--;
  if (call->kind->inquires) caller->n_inquiring--;
  check_end (call, gpg_err_code (err));
  mischief ();
}

/* All of it at once.  */
static void
on_replied (void *arg, gpg_error_t err, const struct eva_reply *reply) {
  struct call *call = arg;

  CHECK (call->handle);
  if (reply->data_len) take_data (call, reply->data, reply->data_len);
  for (size_t i = 0; i < reply->n_status; i++)
    take_status (call, reply->status[i]);
  on_done (arg, err, reply->text);
}

/* --- Making ----------------------------------------------------------------------------------- */

/* Data and status lines come one by one, or with the end.  */
static void
set_callbacks (struct eva_callbacks *callbacks) {
  if (dice (3)) {
    callbacks->data = on_data;
    callbacks->status = on_status;
    callbacks->done = on_done;
  } else {
    callbacks->replied = on_replied;
    callbacks->max_reply_len = EVA_NO_LIMIT_LEN;
  }
}

/* What the other side will know CALL by: an octet in a pipe.  */
static int
open_token (const struct call *call) {
  char octet = pattern_octet (call->key, 0);
  int fds[2];

  supply_pipe (fds);
  CHECK (__real_write (fds[1], &octet, 1) == 1);
  __real_close (fds[1]);
  return fds[0];
}

static const struct kind *
choose_kind (const struct caller *caller) {
  return &kinds[dice (caller->is_in_loop ? N_KINDS : N_KINDS_OF_ALL)];
}

/* How much, for a session that waits when its peer does not read, or one that does not wait.  */
static size_t
choose_len (const struct kind *kind, bool is_little) {
  size_t max_len = is_little ? 500 : dice (4) ? kind->max_len / 20 : kind->max_len;

  return max_len ? dice ((unsigned int) max_len) : 0;
}

static void
write_command (const struct call *call, char command[60]) {
  const struct kind *kind = call->kind;

  if (kind->max_len)
    snprintf (command, 60, "%s %u %zu", kind->name, call->key, call->len);
  else if (kind->passes || kind == &iam)
    snprintf (command, 60, "%s %u", kind->name, call->key);
  else if (kind->max_n)
    snprintf (command, 60, "%s %u", kind->name, call->n);
  else
    snprintf (command, 60, "%s", kind->name);
}

static struct call *
make (struct caller *caller, const struct kind *kind) {
  struct call *call = ledger_alloc (sizeof *call);

  call->number = ++n_calls;
  call->caller = caller;
  call->kind = kind;
  call->key = dice (10000);
  call->len = kind->max_len ? choose_len (kind, caller->is_in_turns) : 0;
  call->n = kind->max_n ? dice (kind->max_n) : 0;
  call->begun_ns = fake_clock_now ();
  call->next = calls;
  calls = call;
  return call;
}

/* Makes the call of CALL, which has been filled in.  */
static struct entry *
begin (struct call *call) {
  struct eva_callbacks callbacks = { .inquire = on_inquire,
                                     .timeout_ms = call->timeout_ms,
                                     .reply_timeout_ms = call->reply_timeout_ms,
                                     .has_fd = call->kind->passes };
  struct caller *caller = call->caller;
  char command[60];
  gpg_error_t err;

  set_callbacks (&callbacks);
  /* One that is sent ahead must not come into the answer to an inquiry.  */
  if (!caller->n_inquiring && dice (2)) callbacks.flags = EVA_CALL_AHEAD;
  if (!dice (3)) callbacks.flags |= EVA_CALL_LATE_ERRORS;
  if (callbacks.has_fd) callbacks.fd = open_token (call);
  write_command (call, command);
  tell ("call %u of caller %u: %s, %u ms", call->number, caller->number, command, call->timeout_ms);
  err = eva_call (caller->ctx, command, &callbacks, call, &call->handle);
  if (callbacks.has_fd) __real_close (callbacks.fd);
  if (err) {
    tell ("call %u cannot be made: %s", call->number, gpg_strerror (err));
    CHECK (caller->link->hurt || caller->is_closing || weather_explains (err));
    CHECK (!call->handle);
    return NULL;
  }
  call->entry = ledger_begin ("call", call->number);
  caller->n_calls++;
  if (call->kind->inquires) caller->n_inquiring++;
  return call->entry;
}

struct entry *
call_new (struct caller *caller, unsigned int timeout_ms) {
  struct call *call;

  if (caller->n_calls >= MAX_CALLS) return NULL;
  call = make (caller, choose_kind (caller));
  call->timeout_ms = timeout_ms || dice (8) ? timeout_ms : 1 + dice (500);
  if (!timeout_ms && !dice (8)) call->reply_timeout_ms = 1 + dice (500);
  return begin (call);
}

void
call_iam (struct caller *caller) {
  struct call *call = make (caller, &iam);

  call->key = caller->link->number;
  begin (call);
}

/* --- What happens to calls -------------------------------------------------------------------- */

static void
give_up (struct call *call) {
  tell ("call %u is given up", call->number);
  call->is_given_up = true;
  eva_call_cancel (call->handle);
  CHECK (!call->handle);
}

void
call_give_up_any (void) {
  unsigned int n = call_count ();

  if (!n) return;
  n = dice (n) + 1;
  for (struct call *call = calls; call; call = call->next)
    if (call->handle && !--n) {
      give_up (call);
      return;
    }
}

void
call_give_up_all (struct caller *caller) {
  for (struct call *call = calls; call; call = call->next)
    if (call->handle && call->caller == caller) call->is_given_up = true;
}

/* A piece of the answer, its end, or now and then a refusal.  */
static void
go_on (struct call *call) {
  struct caller *caller = call->caller;
  size_t len = dice_some (call->len - call->at);
  const char *piece = pattern_piece (call->key, call->at, len, &len);
  gpg_error_t err;

  if (link_is_strange (call->caller->link) || len) {
    err = eva_answer_data (call->handle, piece, len);
    call->at += len;
    if (call->at == call->len && link_is_strange (call->caller->link)) call->is_asked = false;
  } else {
    call->is_asked = false;
    err = eva_answer_end (call->handle);
  }
  if (!err) return;
  tell ("call %u cannot be answered: %s", call->number, gpg_strerror (err));
  CHECK (caller->link->hurt || weather_explains (err));
  call->is_asked = false;
  if (call->handle) give_up (call);
}

/* More than a mark is not put into the queue at a time.  */
bool
call_answer_all (void) {
  bool done = false;

  for (struct call *call = calls; call; call = call->next) {
    if (!call->handle || !call->is_asked) continue;
    if (eva_get_queued_len (call->caller->ctx) > EVA_DEFAULT_HIGH_WATER_LEN) continue;
    go_on (call);
    done = true;
  }
  return done;
}

/* --- Clients that wait ------------------------------------------------------------------------ */

/* What the callbacks of assuan_transact get.  */
struct wait {
  assuan_context_t ctx;
  struct call call;
};

static gpg_error_t
wait_data (void *arg, const void *buf, size_t len) {
  struct call *call = &((struct wait *) arg)->call;

  CHECK (call->kind->sends && call->at + len <= call->len);
  if (!pattern_is (call->key, call->at, buf, len)) fail ("a waiting call gets other octets");
  call->at += len;
  return 0;
}

static gpg_error_t
wait_status (void *arg, const char *text) {
  struct call *call = &((struct wait *) arg)->call;

  if (text[0] == 'N') CHECK ((unsigned int) atoi (text + 2) == call->n_told++);
  return 0;
}

static gpg_error_t
wait_inquire (void *arg, const char *text) {
  struct wait *wait = arg;
  gpg_error_t err = 0;
  size_t n;

  CHECK (!strncmp (text, "KEY ", 4));
  for (; !err && wait->call.at < wait->call.len; wait->call.at += n) {
    const char *piece =
        pattern_piece (wait->call.key, wait->call.at, wait->call.len - wait->call.at, &n);
    err = assuan_send_data (wait->ctx, piece, n);
  }
  return err;
}

gpg_error_t
call_wait (assuan_context_t ctx, struct link *link) {
  struct caller *nobody = ledger_alloc (sizeof *nobody);
  struct wait wait = { .ctx = ctx };
  char command[60];
  gpg_error_t err;

  nobody->link = link;
  wait.call = *make (nobody, &kinds[dice (N_KINDS_TO_WAIT)]);
  write_command (&wait.call, command);
  tell ("call %u waits: %s", wait.call.number, command);
  err = assuan_transact (ctx, command, wait_data, &wait, wait_inquire, &wait, wait_status, &wait);
  tell ("call %u: %s", wait.call.number, gpg_strerror (err));
  check_end (&wait.call, gpg_err_code (err));
  return gpg_err_code (err) == wait.call.kind->err ? 0 : err;
}
