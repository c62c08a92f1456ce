/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kit.c - what the tests of clients share.  See kit.h.  */

#include "kit.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "leftovers.h"

/* Of the loops none takes more turns before it looks at everything.  */
#define N_SETTLING_TURNS 50

/* Turns without rest, and then one in a millisecond, until it counts as a hang.  */
#define N_QUICK_TRIES 1000
#define N_TRIES       (N_QUICK_TRIES + 60000)

#define MAX_RECS 4096

struct test_loop kit_loop;
uint32_t kit_seed;
struct eva_connect_config kit_config;
void (*kit_also_turn) (void);
void (*kit_on_ready) (assuan_context_t ctx);
void (*kit_on_closed) (assuan_context_t ctx, gpg_error_t err);

static struct text record;
static struct rec recs[MAX_RECS];
static size_t n_recs;

/* --- Small things ----------------------------------------------------------------------------- */

uint32_t
kit_random (uint32_t limit) {
  kit_seed = kit_seed * 1664525u + 1013904223u;
  return (uint32_t) (((uint64_t) (kit_seed >> 8) * limit) >> 24);
}

const char *
kit_format (const char *format, ...) {
  static char buf[8][3000];
  static unsigned int i;
  char *p = buf[i++ % N_ELEMENTS (buf)];
  va_list ap;

  va_start (ap, format);
  vsnprintf (p, sizeof *buf, format, ap);
  va_end (ap);
  return p;
}

/* --- Tests ------------------------------------------------------------------------------------ */

static void
on_ready (assuan_context_t ctx, void *arg) {
  assert_ptr_equal (arg, &kit_config);
  kit_note ("ready");
  if (kit_on_ready) kit_on_ready (ctx);
}

static void
on_closed (assuan_context_t ctx, void *arg, gpg_error_t err) {
  assert_ptr_equal (arg, &kit_config);
  kit_note ("closed %s", kit_error (err));
  if (kit_on_closed) kit_on_closed (ctx, err);
}

int
kit_setup (void **state) {
  (void) state;
  test_loop_warm_up ();
  leftovers_begin ();
  kit_seed = 1;
  kit_also_turn = NULL;
  kit_on_ready = NULL;
  kit_on_closed = NULL;
  kit_config =
      (struct eva_connect_config) { .ready = on_ready, .closed = on_closed, .arg = &kit_config };
  memset (recs, 0, n_recs * sizeof *recs);
  n_recs = 0;
  text_clear (&record);
  test_loop_init (&kit_loop);
  return 0;
}

void
kit_free_loop (void) {
  test_loop_deinit (&kit_loop);
  kit_loop.loop = NULL;
}

int
kit_teardown (void **state) {
  (void) state;
  if (kit_loop.loop) kit_settle ();
  kit_expect ("");
  if (kit_loop.loop) kit_free_loop ();
  leftovers_check ();
  text_free (&record);
  return 0;
}

int
kit_run (const char *name, const struct suite *const *suites, size_t n, char **argv) {
  signal (SIGPIPE, SIG_DFL);
  alarm (1500);
  return suites_run (name, suites, n, argv);
}

/* --- Turning ---------------------------------------------------------------------------------- */

static void
turn (void) {
  test_loop_turn (&kit_loop, false);
  if (kit_also_turn) kit_also_turn ();
}

void
kit_settle (void) {
  for (int i = 0; i < N_SETTLING_TURNS; i++)
    turn ();
}

void
kit_turn (unsigned int *tries) {
  struct timespec pause = { .tv_nsec = 1000000 };

  turn ();
  if (++*tries > N_QUICK_TRIES) nanosleep (&pause, NULL);
  if (*tries > N_TRIES) fail_msg ("this never happens; the record says:\n%s", text_get (&record));
}

void
kit_until (const bool *done) {
  for (unsigned int tries = 0; !*(const volatile bool *) done;)
    kit_turn (&tries);
}

/* --- Programs --------------------------------------------------------------------------------- */

const char *
kit_program_dir (void) {
  static char dir[PATH_MAX];
  ssize_t len = readlink ("/proc/self/exe", dir, sizeof dir - 1);

  assert_true (len > 0);
  dir[len] = 0;
  *strrchr (dir, '/') = 0;
  return dir;
}

bool
kit_has_child (void) {
  siginfo_t info;

  return waitid (P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static void
do_nothing (void *arg) {
  (void) arg;
}

void
kit_await_reaping (void) {
  eva_source *other = eva_loop_add_timer (kit_loop.loop, 3600000, do_nothing, NULL);

  assert_non_null (other);
  for (unsigned int tries = 0; kit_has_child ();)
    kit_turn (&tries);
  eva_source_free (other);
}

/* --- The record ------------------------------------------------------------------------------- */

void
kit_note (const char *format, ...) {
  va_list ap;

  va_start (ap, format);
  text_vprint (&record, format, ap);
  va_end (ap);
  text_add (&record, "\n", 1);
}

void
kit_note_reason (assuan_context_t ctx, gpg_error_t err) {
  const char *reason = eva_get_reason (ctx);

  (void) err;
  kit_note ("reason %s", reason ? reason : "-");
}

const char *
kit_error (gpg_error_t err) {
  static const struct {
    gpg_err_code_t code;
    const char *name;
  } names[] = {
    { GPG_ERR_NO_ERROR, "0" },
    { GPG_ERR_EOF, "EOF" },
    { GPG_ERR_EPIPE, "EPIPE" },
    { GPG_ERR_TIMEOUT, "TIMEOUT" },
    { GPG_ERR_CANCELED, "CANCELED" },
    { GPG_ERR_ENOMEM, "ENOMEM" },
    { GPG_ERR_ENOENT, "ENOENT" },
    { GPG_ERR_EACCES, "EACCES" },
    { GPG_ERR_EBADF, "EBADF" },
    { GPG_ERR_ENOTCONN, "ENOTCONN" },
    { GPG_ERR_ENAMETOOLONG, "ENAMETOOLONG" },
    { GPG_ERR_INV_ARG, "INV_ARG" },
    { GPG_ERR_TOO_LARGE, "TOO_LARGE" },
    { GPG_ERR_NOT_SUPPORTED, "NOT_SUPPORTED" },
    { GPG_ERR_ASS_SERVER_START, "ASS_SERVER_START" },
    { GPG_ERR_SYNTAX, "SYNTAX" },
    { GPG_ERR_ASS_GENERAL, "ASS_GENERAL" },
    { GPG_ERR_ASS_INV_VALUE, "ASS_INV_VALUE" },
    { GPG_ERR_ASS_INV_RESPONSE, "ASS_INV_RESPONSE" },
    { GPG_ERR_ASS_CONNECT_FAILED, "ASS_CONNECT_FAILED" },
    { GPG_ERR_ASS_LINE_TOO_LONG, "ASS_LINE_TOO_LONG" },
    { GPG_ERR_ASS_INCOMPLETE_LINE, "ASS_INCOMPLETE_LINE" },
    { GPG_ERR_ASS_NO_DATA_CB, "ASS_NO_DATA_CB" },
    { GPG_ERR_ASS_NO_INQUIRE_CB, "ASS_NO_INQUIRE_CB" },
    { GPG_ERR_ASS_NESTED_COMMANDS, "ASS_NESTED_COMMANDS" },
    { GPG_ERR_USER_1, "USER_1" },
    { GPG_ERR_USER_2, "USER_2" },
  };

  for (size_t i = 0; i < N_ELEMENTS (names); i++)
    if (gpg_err_code (err) == names[i].code) return names[i].name;
  return kit_format ("%u (%s)", gpg_err_code (err), gpg_strerror (err));
}

void
kit_expect (const char *expected) {
  assert_string_equal (text_get (&record), expected);
  text_clear (&record);
}

void
kit_await (const char *expected) {
  for (unsigned int tries = 0; record.len < strlen (expected);)
    kit_turn (&tries);
  kit_settle ();
  kit_expect (expected);
}

bool
kit_has_noted (const char *text) {
  const char *p = text_get (&record);
  size_t len = strlen (text);

  for (; p; p = strchr (p, '\n') ? strchr (p, '\n') + 1 : NULL)
    if (!strncmp (p, text, len)) return true;
  return false;
}

static bool
record_ends_with (const char *ending) {
  size_t len = strlen (ending);

  return record.len >= len && !memcmp (record.data + record.len - len, ending, len);
}

void
kit_await_end (const char *ending) {
  for (unsigned int tries = 0; !record_ends_with (ending);)
    kit_turn (&tries);
  text_clear (&record);
}

/* --- Clients ---------------------------------------------------------------------------------- */

assuan_context_t
kit_dial (const char *address) {
  assuan_context_t ctx = NULL;

  assert_error (eva_connect (kit_loop.loop, address, &kit_config, &ctx), "0");
  assert_non_null (ctx);
  return ctx;
}

void
kit_close (assuan_context_t ctx, struct peer *p) {
  assuan_release (ctx);
  peer_close (p);
  kit_settle ();
  kit_expect ("");
}

/* --- Calls ------------------------------------------------------------------------------------ */

/* What of TEXT can be shown.  */
static void
note_text (struct rec *rec, const char *what, const char *octets, size_t len) {
  struct text t = { 0 };
  char hex[4];

  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char) octets[i];
    snprintf (hex, sizeof hex, "\\%02x", c);
    if (isprint (c) && c != '\\')
      text_add (&t, &c, 1);
    else
      text_add (&t, hex, 3);
  }
  kit_note ("%s.%s%s%s", rec->name, what, len ? " " : "", text_get (&t));
  text_free (&t);
}

static gpg_error_t
run_hook (struct rec *rec, const char *what) {
  return rec->hook ? rec->hook (rec, what) : 0;
}

static gpg_error_t
on_data (void *arg, const void *buf, size_t len) {
  struct rec *rec = arg;
  const char *what = buf ? "data" : "end";

  assert_int_equal (rec->n_done, 0);
  note_text (rec, what, buf, len);
  return run_hook (rec, what);
}

static gpg_error_t
on_status (void *arg, const char *text) {
  struct rec *rec = arg;

  assert_int_equal (rec->n_done, 0);
  note_text (rec, "status", text, strlen (text));
  return run_hook (rec, "status");
}

static gpg_error_t
on_inquire (void *arg, struct eva_pending_call *call, const char *text) {
  struct rec *rec = arg;

  assert_int_equal (rec->n_done, 0);
  assert_ptr_equal (call, rec->call);
  assert_ptr_equal (eva_call_get_context (call), rec->ctx);
  note_text (rec, "inquire", text, strlen (text));
  return run_hook (rec, "inquire");
}

static void
on_done (void *arg, gpg_error_t err, const char *text) {
  struct rec *rec = arg;

  assert_int_equal (rec->n_done++, 0);
  rec->call = NULL;
  rec->err = err;
  kit_note ("%s.done %s%s%s", rec->name, kit_error (err), text ? " " : "", text ? text : "");
  run_hook (rec, "done");
}

gpg_error_t
kit_try_call (assuan_context_t ctx, struct rec *rec, const char *command) {
  if (!rec->no_data) rec->cb.data = on_data;
  if (!rec->no_status) rec->cb.status = on_status;
  if (!rec->no_inquire) rec->cb.inquire = on_inquire;
  rec->cb.done = on_done;
  rec->ctx = ctx;
  return eva_call (ctx, command, &rec->cb, rec, &rec->call);
}

struct rec *
kit_call_like (assuan_context_t ctx, const struct rec *like, const char *command) {
  struct rec *rec = &recs[n_recs++];

  assert_true (n_recs <= MAX_RECS);
  *rec = *like;
  assert_error (kit_try_call (ctx, rec, command), "0");
  assert_non_null (rec->call);
  return rec;
}

struct rec *
kit_call (assuan_context_t ctx, const char *name, const char *command) {
  return kit_call_like (ctx, &(struct rec) { .name = name }, command);
}
