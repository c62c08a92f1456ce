/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* job.c - a command that takes its time.  See job.h.  */

#include "job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "caller.h"
#include "dice.h"
#include "fake-clock.h"
#include "loop.h"
#include "mischief.h"
#include "pattern.h"
#include "weather.h"

#define NS_PER_MS UINT64_C (1000000)

/* --- Life ------------------------------------------------------------------------------------- */

struct job *
job_begin (struct session *session, const char *what) {
  struct job *job = ledger_alloc (sizeof *job);

  CHECK (!session->job);
  job->session = session;
  job->entry = ledger_begin (what, session->number);
  session->job = job;
  return job;
}

/* What a job waits for is told no more.  */
static void
let_go (struct job *job) {
  struct eva_pending_call *call = job->call;

  CHECK (job->session->job == job);
  job->session->job = NULL;
  eva_source_free (job->timer);
  job->timer = NULL;
  job->call = NULL;
  /* In a child calls went with their clients, without a word.  */
  if (call && !mischief_is_child) eva_call_cancel (call);
}

void
job_take_back (struct job *job) {
  ledger_take_back (job->entry);
  let_go (job);
}

void
job_end (struct job *job) {
  ledger_end (job->entry);
  let_go (job);
}

bool
job_was_told (const struct job *job) {
  return !job || job->is_beginning;
}

bool
job_is_inquiry (const struct job *job) {
  return job->is_inquiry;
}

void
job_finish (struct job *job, gpg_error_t err) {
  struct session *session = job->session;

  job_end (job);
  if (session->ctx) session_finish (session, err);
}

/* The command cannot be finished.  */
static void
on_cancel (assuan_context_t ctx, void *arg, gpg_error_t reason) {
  struct job *job = arg;

  tell ("job of session %u is cancelled: %s", job->session->number, gpg_strerror (reason));
  CHECK (reason && (!job->session->ctx || job->session->ctx == ctx));
  session_check_hurt (job->session, reason);
  job_end (job);
  mischief ();
}

/* Lets the command stay open.  What is still to be set up in JOB was; it may be over by then.  */
static gpg_error_t
defer (struct job *job) {
  struct session *session = job->session;
  assuan_context_t ctx = session->ctx;
  gpg_error_t err = session->kind == IN_TURNS ? 0 : eva_set_cancel (ctx, on_cancel, job);

  if (err) {
    job_take_back (job);
    return session->kind == IN_TURNS ? assuan_process_done (ctx, err) : err;
  }
  mischief ();
  if (!session->ctx || session->job != job || session->kind == IN_TURNS) return 0;
  return eva_defer (ctx);
}

/* It could not be set up.  */
static gpg_error_t
give_up (struct job *job, gpg_error_t err) {
  struct session *session = job->session;

  job_take_back (job);
  if (!session->ctx) return 0;
  return session->kind == IN_TURNS ? assuan_process_done (session->ctx, err) : err;
}

void
job_finish_early (struct job *job) {
  struct session *session = job->session;
  gpg_error_t err = gpg_error (GPG_ERR_FALSE);

  link_hurt (session->link, "finished early");
  if (!job->is_inquiry && !job->is_pump) {
    job_finish (job, err);
    return;
  }
  session->is_finishing = true;
  session_finish (session, err);
  session->is_finishing = false;
  CHECK (session->job != job);
}

/* --- Piece by piece --------------------------------------------------------------------------- */

static void
on_writable (assuan_context_t ctx, void *arg) {
  struct job *job = arg;
  struct session *session = job->session;
  size_t len;
  const char *piece = pattern_piece (job->key, job->at, job->len - job->at, &len);
  gpg_error_t err = assuan_send_data (ctx, piece, len);

  if (!session->ctx || session->job != job) return; /* who watched the lines released it */
  job->at += len;
  if (!err && job->at < job->len) err = eva_set_writable (ctx, on_writable, job);
  if (err || job->at == job->len) job_finish (job, err);
  mischief ();
}

/* Outside of handlers.  */
static void
begin_pieces (struct job *job) {
  gpg_error_t err = eva_set_writable (job->session->ctx, on_writable, job);

  if (err) job_finish (job, err);
}

/* --- Later ------------------------------------------------------------------------------------ */

static void
on_time (void *arg) {
  struct job *job = arg;
  struct session *session = job->session;

  CHECK (fake_clock_now () >= job->due_ns);
  if (session_is_waiting (session)) {
    eva_source_set_delay (job->timer, 1);
    return;
  }
  if (dice (2)) mischief ();
  if (session->job != job) return;
  if (job->len)
    begin_pieces (job);
  else
    job_finish (job, job->result);
  mischief ();
}

gpg_error_t
job_later (struct job *job, unsigned int ms) {
  job->due_ns = fake_clock_now () + ms * NS_PER_MS;
  job->timer = eva_loop_add_timer (the_loop, ms, on_time, job);
  if (!job->timer) return give_up (job, gpg_error_from_syserror ());
  return defer (job);
}

gpg_error_t
job_pieces (struct job *job) {
  gpg_error_t err;

  if (job->len && dice (2)) return job_later (job, dice (20));
  err = eva_set_writable (job->session->ctx, on_writable, job);
  return err ? give_up (job, err) : defer (job);
}

/* --- By way of another call ------------------------------------------------------------------- */

static void
on_answer (void *arg, gpg_error_t err, const char *text) {
  struct job *job = arg;

  (void) text;
  if (!job->call) return; /* the job let go of it */
  job->call = NULL;
  job_finish (job, err);
}

/* The called party may be waiting for this one, so there is a limit.  */
gpg_error_t
job_via (struct job *job) {
  struct eva_callbacks callbacks = { .done = on_answer, .timeout_ms = 1 + dice (200) };
  assuan_context_t ctx = caller_any_context ();
  char command[30];
  gpg_error_t err;

  if (!ctx) return give_up (job, gpg_error (GPG_ERR_NO_DATA));
  snprintf (command, sizeof command, "LATER %u", dice (50));
  err = eva_call (ctx, command, &callbacks, job, &job->call);
  return err ? give_up (job, err) : defer (job);
}

/* --- Inquiries -------------------------------------------------------------------------------- */

/* What the command ends with, in one of the ways that there are.  */
static gpg_error_t
end_inquiry (struct session *session, gpg_error_t err) {
  assuan_context_t ctx = session->ctx;
  struct job *job;

  if (!ctx) return err;
  session->active_ns = fake_clock_now ();
  if (session->kind == IN_TURNS || session->is_finishing || dice (2)) {
    session->has_more = true;
    assuan_process_done (ctx, err);
    return 0;
  }
  if (dice (3)) return err;
  job = job_begin (session, "job behind an inquiry");
  job->result = err;
  return job_later (job, dice (50));
}

static gpg_error_t
on_inquired (void *arg, gpg_error_t rc, unsigned char *buf, size_t len) {
  struct job *job = arg;
  struct session *session = job->session;
  gpg_error_t err = rc;

  tell ("inquiry of session %u: %s, %zu octets", session->number, gpg_strerror (rc), len);
  CHECK (session->job == job && !buf == !!rc);
  if (!rc && (len != job->len || !pattern_is (job->key, 0, (char *) buf, len)))
    err = gpg_error (GPG_ERR_BAD_DATA);
  CHECK (gpg_err_code (err) != GPG_ERR_BAD_DATA || !session->link || session->link->hurt);
  free (buf);
  job_end (job);
  mischief ();
  return end_inquiry (session, err);
}

gpg_error_t
job_ask (struct job *job) {
  struct session *session = job->session;
  char text[50];
  gpg_error_t err;

  snprintf (text, sizeof text, "KEY %u %zu", job->key, job->len);
  job->is_inquiry = job->is_beginning = true;
  err = assuan_inquire_ext (session->ctx, text, dice (2) ? job->len + 1 : 0, on_inquired, job);
  job->is_beginning = false;
  if (session->job != job) return 0;
  if (err) return give_up (job, err);
  mischief ();
  return 0;
}
