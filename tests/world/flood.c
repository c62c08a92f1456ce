/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* flood.c - peers that ask for much at once.  See flood.h.  */

#include "flood.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "calls.h"
#include "dice.h"
#include "encounter.h"
#include "fake-clock.h"
#include "io/sigpipe.h"
#include "loop.h"
#include "supplies.h"
#include "weather.h"

#define NS_PER_MS UINT64_C (1000000)

#define MAX_REQUESTS 400
#define REQUEST_SIZE 24

struct flood {
  struct flood *next;
  unsigned int number;
  int in_fd, out_fd; /* -1: gone; the same for a socket */
  struct link *link;
  struct entry *entry;
  char requests[MAX_REQUESTS * REQUEST_SIZE];
  size_t len, at; /* octets of them, and those that left */
  unsigned int n, n_answered;
  bool is_in_line; /* of an answer, and */
  bool is_greeted;
  uint64_t reads_ns; /* from then on */
};

static struct flood *floods;
static unsigned int n_floods;

/* --- Coming and leaving ----------------------------------------------------------------------- */

static void
leave (struct flood *f) {
  link_hurt (f->link, "flood is over");
  __real_close (f->in_fd);
  if (f->out_fd != f->in_fd) __real_close (f->out_fd);
  f->in_fd = f->out_fd = -1;
}

void
flood_clear (void) {
  for (struct flood *f = floods; f; f = f->next) {
    if (f->in_fd < 0) continue;
    ledger_take_back (f->entry);
    leave (f);
  }
  floods = NULL;
  n_floods = 0;
}

/* Many small requests, or a few for so much that it does not fit into a socket.  A session that
   waits when its peer does not read must not be asked for that.  */
static void
fill (struct flood *f, enum session_kind kind) {
  const char *word = (kind == OF_SERVER || kind == ATTACHED) && dice (2) ? "OUT" : "DATA";
  bool is_much = kind != IN_TURNS && dice (2);

  f->n = 1 + dice (is_much ? 12 : MAX_REQUESTS);
  for (unsigned int i = 0; i < f->n; i++) {
    char *request = f->requests + f->len;
    if (is_much)
      f->len += (size_t) snprintf (request, REQUEST_SIZE, "%s 1 %u\n", word, dice (60000));
    else
      f->len += (size_t) snprintf (request, REQUEST_SIZE, dice (4) ? "NOP\n" : "STATUS 2\n");
  }
}

void
flood_new (void) {
  enum session_kind kind = (enum session_kind) dice (N_SESSION_KINDS);
  struct flood *f = ledger_alloc (sizeof *f);

  f->number = ++n_floods;
  f->link = link_new ();
  f->entry = ledger_begin ("flood", f->number);
  fill (f, kind);
  if (kind != IN_TURNS && dice (2)) f->reads_ns = fake_clock_now () + dice (400) * NS_PER_MS;
  tell ("flood %u of %u requests, link %u", f->number, f->n, f->link->number);
  if (dice (2))
    f->in_fd = f->out_fd = encounter_open_socket (kind, f->link);
  else
    encounter_open_pipes (kind, f->link, &f->in_fd, &f->out_fd);
  f->next = floods;
  floods = f;
}

/* --- Asking and hearing ----------------------------------------------------------------------- */

/* The connection is over, before all was answered.  */
static void
fall (struct flood *f, const char *why) {
  tell ("flood %u: %s, after %u answers of %u", f->number, why, f->n_answered, f->n);
  if (!f->link->hurt && !weather.limits)
    fail ("flood %u: %s, and nothing had been done to it", f->number, why);
  ledger_end (f->entry);
  leave (f);
}

static bool
ask (struct flood *f) {
  size_t len = dice_some (f->len - f->at);
  struct eva__io_sigpipe guard;
  ssize_t n;

  if (!len) return false;
  eva__io_sigpipe_block (&guard);
  n = __real_write (f->out_fd, f->requests + f->at, len);
  eva__io_sigpipe_restore (&guard, n < 0 && errno == EPIPE);
  if (n > 0) f->at += (size_t) n;
  if (n < 0 && errno != EAGAIN) fall (f, "nobody hears");
  return n > 0;
}

static bool
may_fail (const struct flood *f) {
  if (f->link->hurt || f->link->was_by_hand) return true;
  return weather.limits || weather.shortages || weather.droughts;
}

/* C is the first octet of a line.  The greeting is OK, too.  */
static void
hear_line (struct flood *f, char c) {
  if (c == 'E' && !may_fail (f))
    fail ("flood %u, link %u, hears of an error", f->number, f->link->number);
  if (c != 'O' && c != 'E') return;
  if (f->is_greeted) f->n_answered++;
  f->is_greeted = true;
}

static bool
hear (struct flood *f) {
  char buf[4096];
  ssize_t n;

  if (fake_clock_now () < f->reads_ns) return false;
  n = __real_read (f->in_fd, buf, 1 + dice (sizeof buf));
  if (n < 0 && errno == EAGAIN) return false;
  for (ssize_t i = 0; i < n; i++) {
    if (!f->is_in_line) hear_line (f, buf[i]);
    f->is_in_line = buf[i] != '\n';
  }
  if (n <= 0) fall (f, "the end");
  return true;
}

/* All was answered, and nothing else, but that some limit was met.  */
static void
end (struct flood *f) {
  if (f->n_answered > f->n && !weather.limits)
    fail ("flood %u has %u answers", f->number, f->n_answered);
  ledger_end (f->entry);
  leave (f);
}

static bool
move (struct flood *f) {
  bool done = ask (f);

  if (f->in_fd >= 0 && hear (f)) done = true;
  if (f->in_fd >= 0 && f->n_answered >= f->n && !f->is_in_line) end (f);
  return done;
}

bool
flood_move_all (void) {
  bool done = false;

  for (struct flood *f = floods; f; f = f->next)
    if (f->in_fd >= 0 && move (f)) done = true;
  return done;
}

unsigned int
flood_count (void) {
  unsigned int n = 0;

  for (struct flood *f = floods; f; f = f->next)
    n += f->in_fd >= 0;
  return n;
}

uint64_t
flood_next_due (void) {
  uint64_t due_ns = LOOP_NEVER, now_ns = fake_clock_now ();

  for (struct flood *f = floods; f; f = f->next)
    if (f->in_fd >= 0 && f->reads_ns > now_ns && f->reads_ns < due_ns) due_ns = f->reads_ns;
  return due_ns;
}
