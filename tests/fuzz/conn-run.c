/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* conn-run.c - one run of an eva_conn under the eyes of a fuzz target.  See conn-run.h.  */

#include "conn-run.h"

#include <string.h>

#include "check.h"
#include "wire/escape.h"
#include "wire/plain.h"

/* Most descriptors that leave at once: more than a script can queue.  */
#define MAX_FDS 256

void
octets_add (struct octets *o, const void *data, size_t len) {
  if (!len) return;
  if (o->len + len > o->size) {
    o->size = 2 * (o->len + len);
    o->data = realloc (o->data, o->size);
    CHECK (o->data);
  }
  memcpy (o->data + o->len, data, len);
  o->len += len;
}

void
octets_free (struct octets *o) {
  free (o->data);
  *o = (struct octets) { 0 };
}

void
run_log_octets (struct run *r, const char *what, const void *data, size_t len) {
  octets_add (&r->log, what, strlen (what));
  octets_add (&r->log, "=", 1);
  octets_add (&r->log, data, len);
  octets_add (&r->log, "\n", 1);
}

void
run_log (struct run *r, const char *what, long value) {
  char buf[32];

  int len = snprintf (buf, sizeof buf, "%ld", value);
  run_log_octets (r, what, buf, (size_t) len);
}

/* Numbers that depend on the script alone (xorshift).  */
static uint64_t
next_random (struct run *r) {
  r->seed ^= r->seed << 13;
  r->seed ^= r->seed >> 7;
  r->seed ^= r->seed << 17;
  return r->seed;
}

/* --- Memory ----------------------------------------------------------------------------------- */

static void *
give (void *arg, size_t len) {
  struct run *r = arg;
  void *ptr;

  r->n_allocs++;
  if (r->script->fails && (r->n_allocs * 0x9e3779b97f4a7c15u + r->script->seed) >> 62 == 0)
    return NULL;
  r->n_live++;
  ptr = calloc (1, len);
  CHECK (ptr);
  return ptr;
}

/* Memory was given zeroed, so what is not zero when it comes back was not wiped.  */
static void
take_back (void *arg, void *ptr, size_t len) {
  static const char zeros[8 * EVA_INPUT_SIZE];
  struct run *r = arg;

  CHECK (r->n_live);
  r->n_live--;
  CHECK (len <= sizeof zeros && !memcmp (ptr, zeros, len));
  free (ptr);
}

/* --- Input ------------------------------------------------------------------------------------ */

/* Returns where the next & is in the input from AT on, or the input's length.  */
static size_t
find_fd (const struct run *r, size_t at) {
  const struct script *s = r->script;

  if (!s->has_fds || at >= s->input_len) return s->input_len;
  const uint8_t *p = memchr (s->input + at, '&', s->input_len - at);
  return p ? (size_t) (p - s->input) : s->input_len;
}

/* Feeds the descriptor that belongs to the octet that is next, if there is one.  A refused one
   stays ours.  */
static void
feed_fd (struct run *r) {
  size_t n_fed = 0;

  if (find_fd (r, r->n_fed) != r->n_fed) return;
  for (size_t at = find_fd (r, 0); at < r->n_fed; at = find_fd (r, at + 1))
    n_fed++;
  if (r->n_fds_in > n_fed) return; /* it was fed, but there was no room for its octet */
  r->n_fds_in++;

  /* Descriptor N is the Nth &'s offset in disguise, so it shows where it came from.  */
  int rc = eva_conn_fed_fd (r->conn, (int) r->n_fed);
  CHECK (rc == 0 || rc == EVA_E_LIMIT || (rc == EVA_E_NOMEM && r->script->fails));
  CHECK (rc == 0 || r->script->fails || r->script->max_fds);
  if (rc) return;
  r->n_fds_held++;
  CHECK (r->n_fds_held <= (r->script->max_fds ? r->script->max_fds : EVA_DEFAULT_MAX_FDS));
}

/* Returns how many octets to feed, of LEN that are possible.  */
static size_t
piece_len (struct run *r, size_t len) {
  static const size_t lens[] = { 1, 1, 2, 3, 10, 100, 1000, 5000 };
  size_t n = len;

  /* Not too many: each asks for a buffer.  */
  if (r->in_pieces && ++r->n_pieces < 500)
    n = 1 + (size_t) (next_random (r) % lens[next_random (r) % 8]);
  return n < len ? n : len;
}

/* Feeds one piece up to the next octet with a descriptor.  */
static bool
feed_piece (struct run *r) {
  const struct script *s = r->script;
  size_t room;
  char *buf = eva_conn_inbuf (r->conn, &room);

  if (!buf && room) CHECK (s->fails);
  if (!buf && room) return true; /* memory was short: try again */
  CHECK (!buf == !room);
  if (!room) return false;

  feed_fd (r);
  size_t len = find_fd (r, r->n_fed + 1) - r->n_fed;
  len = piece_len (r, len < room ? len : room);
  memcpy (buf, s->input + r->n_fed, len);
  CHECK (eva_conn_fed (r->conn, room + 1) == EVA_E_LIMIT);
  CHECK (eva_conn_fed (r->conn, len) == 0);
  r->n_fed += len;
  return true;
}

bool
run_feed (struct run *r) {
  bool fed = false;

  if (eva_conn_get_state (r->conn) == EVA_STATE_CLOSED) return false;
  while (r->n_fed < r->script->input_len) {
    if (!feed_piece (r)) return fed;
    fed = true;
    if (r->in_pieces) return true;
  }
  if (r->eof_fed) return fed;
  CHECK (!eva_conn_at_eof (r->conn));
  CHECK (eva_conn_fed (r->conn, 0) == 0);
  CHECK (eva_conn_at_eof (r->conn));
  r->eof_fed = true;
  return true;
}

/* Moves consumed_end behind the next line of the input.  */
static void
pass_line (struct run *r) {
  const struct script *s = r->script;
  const uint8_t *from = s->input + r->consumed_end;
  const uint8_t *lf = NULL;

  if (r->consumed_end < s->input_len) lf = memchr (from, '\n', s->input_len - r->consumed_end);
  r->consumed_end = lf ? (size_t) (lf - s->input) + 1 : s->input_len;
}

/* Takes all descriptors that may be taken.  If some were refused, others come in their place,
   but never too early.  */
static void
take_fds (struct run *r, bool all_due) {
  int fd;

  while (eva_conn_take_fd (r->conn, &fd) == 1) {
    size_t at = find_fd (r, r->next_fd_at);

    CHECK (at <= (size_t) fd && r->script->input[fd] == '&');
    if (!r->script->fails && !r->script->max_fds) CHECK (at == (size_t) fd);
    CHECK ((size_t) fd < r->consumed_end);
    r->next_fd_at = (size_t) fd + 1;
    r->n_fds_taken++;
    r->n_fds_held--;
  }
  if (!all_due || r->script->fails || r->script->max_fds) return;
  CHECK (find_fd (r, r->next_fd_at) >= r->consumed_end);
}

void
run_consumed (struct run *r, int rc, const struct eva_event *event) {
  bool closed = eva_conn_get_state (r->conn) == EVA_STATE_CLOSED;
  bool is_long = rc == EVA_E_LINE_TOO_LONG || (rc == 1 && !closed && run_is_long (r));

  if (event && run_is_kept (event)) {
    r->has_given_up = true; /* what it crossed */
    return;
  }
  if (closed || rc == EVA_E_TRUNCATED || (event && event->type == EVA_EVENT_EOF))
    r->consumed_end = r->script->input_len;
  else if (rc && rc != EVA_E_NOMEM && rc != EVA_E_LIMIT)
    pass_line (r);

  /* What comes behind an over-long line's beginning is dropped as it comes.  */
  take_fds (r, !is_long && !closed);
}

/* --- Output ----------------------------------------------------------------------------------- */

/* Where the octet of descriptor N is, counted from 0, in the octets that leave.  */
static size_t *
fd_at (struct run *r, size_t n) {
  return (size_t *) (void *) r->fds_at.data + n;
}

int
run_send_fd (struct run *r) {
  size_t max = r->script->max_fds ? r->script->max_fds : EVA_DEFAULT_MAX_FDS;
  int rc = eva_conn_send_fd (r->conn, (int) r->n_fds_queued + 1);
  size_t at = r->sent.len + eva_conn_output_len (r->conn);

  CHECK (rc == 0 || rc == EVA_E_LIMIT || (rc == EVA_E_NOMEM && r->script->fails));
  if (rc) return rc;
  octets_add (&r->fds_at, &at, sizeof at);
  r->n_fds_queued++;
  CHECK (r->n_fds_queued - r->n_fds_left <= max);
  return 0;
}

/* Discards the line of LEN octets that was shown last: only once, and what comes behind moves
   up.  */
static void
discard (struct run *r, size_t len) {
  size_t before = eva_conn_output_len (r->conn);

  eva_conn_discard (r->conn);
  CHECK (eva_conn_output_len (r->conn) == before - len - 1);
  eva_conn_discard (r->conn);
  CHECK (eva_conn_output_len (r->conn) == before - len - 1);
  for (size_t i = r->n_fds_left; i < r->n_fds_queued; i++)
    if (*fd_at (r, i) > r->shown.len) *fd_at (r, i) -= len + 1;
}

void
run_inspect (struct run *r) {
  const char *line;
  size_t len;

  if (!r->script->inspects) return;
  while (eva_conn_inspect (r->conn, &line, &len)) {
    CHECK (len <= EVA_LINE_MAX && !memchr (line, '\n', len));
    if (len >= 6 && !memcmp (line, "# drop", 6)) {
      discard (r, len);
      continue;
    }
    octets_add (&r->shown, line, len);
    octets_add (&r->shown, "\n", 1);
  }
}

/* Looks at the descriptors that leave next, if LENT octets do, and returns their number.  They are
   numbered in order, and nothing is lent beyond the octet of the one after them.  */
static size_t
look_at_fds (struct run *r, size_t lent) {
  int fds[MAX_FDS];
  size_t n = eva_conn_output_fds (r->conn, fds, MAX_FDS);
  size_t next = r->n_fds_left + n;

  for (size_t i = 0; i < n; i++) {
    CHECK ((size_t) fds[i] == r->n_fds_left + 1 + i);
    CHECK (*fd_at (r, r->n_fds_left + i) == r->sent.len);
  }
  if (n) CHECK (eva_conn_output_fds (r->conn, fds, 1) == 1);
  if (next < r->n_fds_queued) CHECK (*fd_at (r, next) >= r->sent.len + lent);
  if (next < r->n_fds_queued) CHECK (*fd_at (r, next) > r->sent.len);
  return n;
}

void
run_send (struct run *r, size_t n_iov, size_t part) {
  struct iovec iov[8];
  size_t total = 0;

  run_inspect (r);
  size_t n = eva_conn_output (r->conn, iov, n_iov);
  CHECK (n <= n_iov);
  for (size_t i = 0; i < n; i++) {
    CHECK (iov[i].iov_len);
    total += iov[i].iov_len;
  }
  CHECK (total <= eva_conn_output_len (r->conn));

  size_t n_fds = look_at_fds (r, total);
  size_t rest = total * part / 16;
  total = rest;
  for (size_t i = 0; i < n && rest; i++) {
    size_t len = iov[i].iov_len < rest ? iov[i].iov_len : rest;
    octets_add (&r->sent, iov[i].iov_base, len);
    rest -= len;
  }
  eva_conn_sent (r->conn, total);
  if (total) r->n_fds_left += n_fds;
}

void
run_send_all (struct run *r) {
  struct iovec iov;

  /* Closing has ended an open data line already.  */
  if (!r->was_closed) eva_conn_flush (r->conn);
  while (eva_conn_output (r->conn, &iov, 1))
    run_send (r, 8, 16);
  CHECK (eva_conn_output_len (r->conn) == 0);
}

/* Checks that what was sent are lines, none too long, and collects the data in them.  */
static void
check_lines (const struct octets *sent, struct octets *ret_data) {
  if (!sent->len) return;
  const char *line = sent->data;
  const char *end = line + sent->len;

  while (line < end) {
    const char *lf = memchr (line, '\n', (size_t) (end - line));
    char data[EVA_LINE_MAX];

    CHECK (lf && lf - line <= EVA_LINE_MAX);
    if (lf - line >= 2 && !memcmp (line, "D ", 2)) {
      size_t len = (size_t) (lf - line) - 2;
      CHECK (!eva__wire_has_malformed (line + 2, len));
      octets_add (ret_data, data, eva__wire_unescape_to_plain (data, line + 2, len));
    }
    line = lf + 1;
  }
}

/* Takes back what did not leave, for want of an octet behind it.  */
static void
take_output_fds (struct run *r) {
  int fd;

  while (eva_conn_take_output_fd (r->conn, &fd)) {
    CHECK (*fd_at (r, r->n_fds_left) == r->sent.len);
    CHECK ((size_t) fd == ++r->n_fds_left);
  }
  CHECK (r->n_fds_left == r->n_fds_queued);
}

static void
check_sent (struct run *r) {
  struct octets data = { 0 };

  check_lines (&r->sent, &data);
  CHECK (data.len == r->data.len);
  if (data.len) CHECK (!memcmp (data.data, r->data.data, data.len));
  octets_free (&data);
  if (!r->script->inspects) return;
  CHECK (r->shown.len == r->sent.len);
  if (r->shown.len) CHECK (!memcmp (r->shown.data, r->sent.data, r->shown.len));
}

/* --- Life ------------------------------------------------------------------------------------- */

void
run_init (struct run *r, const struct script *script, bool in_pieces) {
  struct eva_conn_config config = { .role = script->role,
                                    .flags = script->conn_flags,
                                    .alloc = give,
                                    .release = take_back,
                                    .arg = r,
                                    .max_output_len = script->max_output_len,
                                    .max_fds = script->max_fds,
                                    .max_input_len = script->max_input_len };
  int rc;

  *r = (struct run) { .script = script, .in_pieces = in_pieces, .seed = script->seed };
  while ((rc = eva_conn_new (&config, &r->conn)))
    CHECK (rc == EVA_E_NOMEM && script->fails);
}

void
run_deinit (struct run *r) {
  int fd;

  run_send_all (r);
  take_output_fds (r);
  check_sent (r);
  if (eva_conn_get_state (r->conn) == EVA_STATE_CLOSED) eva_conn_close (r->conn);
  while (eva_conn_take_any_fd (r->conn, &fd))
    r->n_fds_taken++;
  if (!r->script->fails && !r->script->max_fds) CHECK (r->n_fds_taken == r->n_fds_in);

  /* At rest: nothing is held but the eva_conn itself.  */
  CHECK (r->n_live == 1);
  run_abandon (r);
}

void
run_abandon (struct run *r) {
  eva_conn_free (r->conn);
  CHECK (r->n_live == 0);
  octets_free (&r->log);
  octets_free (&r->sent);
  octets_free (&r->shown);
  octets_free (&r->data);
  octets_free (&r->fds_at);
}
