/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bulk.c - commands that are pumps.  See bulk.h.

   The descriptors are pipes, sockets and files.  At the other end of a pipe or socket stands a
   party of the world, who knows by KEY what the octets have to be.  */

#include "bulk.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "calls.h"
#include "dice.h"
#include "fake-clock.h"
#include "io/sigpipe.h"
#include "job.h"
#include "mischief.h"
#include "pattern.h"
#include "supplies.h"
#include "weather.h"

/* The other end of a pump's descriptor.  */
struct far {
  struct far *next;
  int fd; /* -1: closed */
  bool feeds;
  bool is_file; /* it is the pump's own descriptor, once more */
  unsigned int key;
  size_t len, at;
  bool is_whole; /* of a reader: all LEN octets have to come */
  struct link *link;
};

/* A pump.  */
struct bulk {
  struct session *session;
  struct job *job;
  struct eva_pump_config config;
  struct far *from, *to; /* NULL: the connection */
};

static struct far *fars;

/* --- The other ends --------------------------------------------------------------------------- */

static void
close_far (struct far *far) {
  __real_close (far->fd);
  far->fd = -1;
}

/* A reader came to the end.  */
static void
end_reading (struct far *far) {
  close_far (far);
  if (far->is_whole && far->at != far->len && !link_is_strange (far->link))
    fail ("a pump moved %zu octets, and %zu came", far->len, far->at);
}

static bool
read_far (struct far *far) {
  char buf[8192];
  ssize_t n = __real_read (far->fd, buf, 1 + dice (sizeof buf));

  if (n < 0) return false;
  if (!n) end_reading (far);
  if (link_is_strange (far->link)) return true;
  if (!pattern_is (far->key, far->at, buf, (size_t) n)) fail ("a pump moved other octets");
  far->at += (size_t) n;
  CHECK (far->at <= far->len);
  return true;
}

static bool
feed_far (struct far *far) {
  size_t len;
  const char *piece = pattern_piece (far->key, far->at, dice_some (far->len - far->at), &len);
  struct eva__io_sigpipe guard;
  ssize_t n;

  if (!len) {
    close_far (far);
    return true;
  }
  eva__io_sigpipe_block (&guard);
  n = __real_write (far->fd, piece, len);
  eva__io_sigpipe_restore (&guard, n < 0 && errno == EPIPE);
  if (n > 0) far->at += (size_t) n;
  if (n < 0 && errno == EPIPE) close_far (far); /* the pump ended before */
  return n > 0;
}

bool
bulk_move_all (void) {
  bool done = false;

  for (struct far *far = fars; far; far = far->next) {
    if (far->fd < 0 || far->is_file) continue;
    if (far->feeds ? feed_far (far) : read_far (far)) done = true;
  }
  return done;
}

void
bulk_break (void) {
  for (struct far *far = fars; far; far = far->next) {
    if (far->fd < 0 || far->is_file || !far->link || dice (2)) continue;
    tell ("one end of a pump leaves");
    link_hurt (far->link, "pump broken");
    far->link->is_cut = true;
    far->is_whole = false;
    close_far (far);
    return;
  }
}

void
bulk_clear (void) {
  for (struct far *far = fars; far; far = far->next)
    if (far->fd >= 0) close_far (far);
  fars = NULL;
}

/* --- Descriptors ------------------------------------------------------------------------------ */

static struct far *
add_far (struct bulk *bulk, bool feeds, int fd) {
  struct far *far = ledger_alloc (sizeof *far);

  *far = (struct far) { .next = fars, .fd = fd, .feeds = feeds, .link = bulk->session->link };
  fars = far;
  return far;
}

/* A file, with the octets in it if it is to be read.  */
static int
open_file (bool is_read, unsigned int key, size_t len) {
  int fd = memfd_create ("bulk", MFD_CLOEXEC);
  size_t n;

  CHECK (fd >= 0);
  for (size_t at = 0; is_read && at < len; at += n) {
    const char *piece = pattern_piece (key, at, len - at, &n);
    CHECK (__real_write (fd, piece, n) == (ssize_t) n);
  }
  CHECK (lseek (fd, 0, SEEK_SET) == 0);
  return fd;
}

/* Opens an end of BULK that is read, or written: stores the descriptor at RET_FD and returns who
   stands at the other end of it.  */
static struct far *
open_end (struct bulk *bulk, bool is_read, struct job *job, int *ret_fd) {
  struct far *far;
  int fds[2];

  switch (dice (3)) {
  case 0:
    supply_pipe (fds);
    *ret_fd = fds[!is_read];
    far = add_far (bulk, is_read, fds[is_read]);
    break;
  case 1:
    supply_socketpair (fds);
    *ret_fd = fds[0];
    far = add_far (bulk, is_read, fds[1]);
    break;
  default:
    *ret_fd = open_file (is_read, job->key, job->len);
    far = add_far (bulk, is_read, dup (*ret_fd));
    far->is_file = true;
    break;
  }
  far->key = job->key;
  far->len = job->len;
  return far;
}

static void
close_near (int fd, bool is_ours) {
  if (fd >= 0 && is_ours) __real_close (fd);
}

static void
close_ends (struct bulk *bulk, unsigned int flags) {
  close_near (bulk->config.from_fd, !(flags & EVA_PUMP_CLOSE_FROM));
  close_near (bulk->config.to_fd, !(flags & EVA_PUMP_CLOSE_TO));
}

/* What was written to a file can be looked at only now.  */
static void
check_file (struct far *far) {
  CHECK (lseek (far->fd, 0, SEEK_SET) == 0);
  far->is_file = false;
  while (far->fd >= 0)
    CHECK (read_far (far));
}

/* --- Pumps ------------------------------------------------------------------------------------ */

static gpg_error_t begin (struct session *session, enum bulk_kind kind, struct job *job);

/* How the end of a pump is seen by those at the other ends.  */
static void
settle (struct bulk *bulk, gpg_error_t err) {
  if (bulk->to) bulk->to->is_whole = !err;
  if (bulk->to && bulk->to->is_file) check_file (bulk->to);
}

static void
on_done (assuan_context_t ctx, void *arg, gpg_error_t err, uint64_t n_pumped) {
  struct bulk *bulk = arg;
  struct session *session = bulk->session;
  struct job *job = bulk->job;
  gpg_error_t rc;

  tell ("pump of session %u: %s, %ju octets", session->number, gpg_strerror (err),
        (uintmax_t) n_pumped);
  CHECK (session->job == job && (!session->ctx || session->ctx == ctx));
  CHECK (n_pumped <= job->len || link_is_strange (session->link));
  if (!err && n_pumped != job->len) session_check_hurt (session, err);
  close_ends (bulk, bulk->config.flags);
  settle (bulk, n_pumped == job->len ? err : GPG_ERR_GENERAL);
  job_end (job);
  mischief ();
  if (!session->ctx) return;
  session->active_ns = fake_clock_now ();
  rc = assuan_process_done (ctx, err);
  if (rc && session->ctx) session_check_hurt (session, rc);
}

/* Which ends a pump of KIND has, and which party they belong to.  */
static void
configure (struct bulk *bulk, enum bulk_kind kind, struct job *job) {
  bulk->config.from_fd = bulk->config.to_fd = EVA_PUMP_CONNECTION;
  bulk->config.done = on_done;
  bulk->config.arg = bulk;
  bulk->config.progress_what = dice (3) ? NULL : "bulk";
  bulk->config.progress_interval_ms = dice (20); /* 0: the usual one */
  if (kind != BULK_IN) {
    bulk->from = open_end (bulk, true, job, &bulk->config.from_fd);
    if (dice (2)) bulk->config.flags |= EVA_PUMP_CLOSE_FROM;
  }
  if (kind != BULK_OUT) {
    bulk->to = open_end (bulk, false, job, &bulk->config.to_fd);
    if (dice (2)) bulk->config.flags |= EVA_PUMP_CLOSE_TO;
  }
}

/* Nothing has begun, so nothing was closed.  */
static void
abandon (struct bulk *bulk) {
  close_ends (bulk, 0);
  settle (bulk, GPG_ERR_GENERAL);
}

static gpg_error_t
begin (struct session *session, enum bulk_kind kind, struct job *job) {
  struct bulk *bulk = ledger_alloc (sizeof *bulk);
  char inquiry[50];
  gpg_error_t err;

  bulk->session = session;
  bulk->job = job;
  job->is_pump = true;
  configure (bulk, kind, job);
  snprintf (inquiry, sizeof inquiry, "KEY %u %zu", job->key, job->len);
  if (kind == BULK_IN) bulk->config.inquiry = inquiry;
  job->is_beginning = true;
  err = eva_pump (session->ctx, &bulk->config);
  job->is_beginning = false;
  if (session->job != job) return err;
  if (err) {
    abandon (bulk);
    job_take_back (job);
    return err;
  }
  mischief ();
  return 0;
}

gpg_error_t
bulk_pump (struct session *session, enum bulk_kind kind, unsigned int key, size_t len) {
  struct job *job = job_begin (session, "pump");

  job->key = key;
  job->len = len;
  return begin (session, kind, job);
}
