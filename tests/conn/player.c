/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* player.c - one run of a conversation.  See player.h.  */

#include "player.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../wire/random.h"
#include "conn/state.h"

/* Elements of output that are asked for at a time, at the most.  */
#define MAX_IOV 40

/* --- Failing ---------------------------------------------------------------------------------- */

static void
describe_way (const struct way *way, char *buf, size_t size) {
  static const char *const cuts[] = { "whole", "octet by octet", "in two at octet", "random" };
  static const char *const shortages[] = { "", ", one allocation fails:", ", allocations fail from",
                                           ", allocations fail above" };
  size_t len;

  snprintf (buf, size, "%s", cuts[way->cut]);
  len = strlen (buf);
  if (way->cut == CUT_TWO) snprintf (buf + len, size - len, " %zu", way->cut_at);
  if (way->cut == CUT_RANDOM) snprintf (buf + len, size - len, " with seed %" PRIu64, way->seed);
  len = strlen (buf);
  if (way->shortage)
    snprintf (buf + len, size - len, "%s %zu", shortages[way->shortage], way->short_at);
}

void
player_fail (const struct player *p, const char *file, int line, const char *what) {
  long n = p->step ? (long) (p->step - p->talk->steps) + 1 : 0;
  char way[120];

  describe_way (p->way, way, sizeof way);
  print_error ("conversation \"%s\" (%s), step %ld, state %d: %s\n", p->talk->name, way, n,
               p->conn ? (int) eva_conn_get_state (p->conn) : -1, what);
  _fail (file, line);
  abort ();
}

char *
player_expand (const struct text *text, size_t *ret_len) {
  size_t len = text->head_len + text->n_fill + text->tail_len;
  char *buf = malloc (len + 1);

  assert_non_null (buf);
  if (text->head_len) memcpy (buf, text->head, text->head_len);
  if (text->n_fill) memset (buf + text->head_len, text->fill, text->n_fill);
  if (text->tail_len) memcpy (buf + len - text->tail_len, text->tail, text->tail_len);
  buf[len] = 0;
  *ret_len = len;
  return buf;
}

void
player_compare (struct player *p, const char *got, size_t got_len, const struct text *expected) {
  char what[400];
  size_t len;
  char *buf = player_expand (expected, &len);
  bool same = len == got_len && (!len || !memcmp (buf, got, len));

  if (!same) {
    snprintf (what, sizeof what, "got %zu octets `%.*s', expected %zu octets `%.*s'", got_len,
              (int) (got_len < 150 ? got_len : 150), got, len, (int) (len < 150 ? len : 150), buf);
    free (buf);
    FAIL (p, what);
  }
  free (buf);
}

/* --- Memory ----------------------------------------------------------------------------------- */

/* A block's length stands in front of it, as release is told one that may be wrong.  */
struct block {
  size_t len;
  max_align_t octets[];
};

static bool
is_short (const struct player *p, size_t len) {
  const struct way *way = p->way;

  switch (way->shortage) {
  case SHORT_ONCE:
    return p->n_allocs == way->short_at;
  case SHORT_FOREVER:
    return p->n_allocs >= way->short_at;
  case SHORT_ABOVE:
    return len > way->short_at;
  default:
    return false;
  }
}

/* Memory comes as zeros: what is not zero when it goes was written and not wiped.  */
static void *
give (void *arg, size_t len) {
  struct player *p = arg;
  struct block *block;

  p->n_allocs++;
  if (is_short (p, len)) {
    p->just_failed = true;
    return NULL;
  }
  block = calloc (1, sizeof *block + len);
  assert_non_null (block);
  block->len = len;
  p->n_live++;
  p->live_len += len;
  return block->octets;
}

static bool
is_zero (const char *octets, size_t len) {
  return !len || (!octets[0] && !memcmp (octets, octets + 1, len - 1));
}

static void
take_back (void *arg, void *ptr, size_t len) {
  struct player *p = arg;
  struct block *block = (struct block *) (void *) ((char *) ptr - sizeof *block);

  CHECK (p, ptr);
  CHECK (p, block->len == len);
  CHECK (p, is_zero (ptr, len));
  CHECK (p, p->n_live);
  p->n_live--;
  p->live_len -= len;
  free (block);
}

bool
player_was_short (struct player *p) {
  bool failed = p->just_failed;

  p->just_failed = false;
  if (failed && p->way->shortage == SHORT_FOREVER) p->gave_up = true;
  return failed && !p->gave_up;
}

/* --- Life ------------------------------------------------------------------------------------- */

void
player_init (struct player *p, const struct conversation *talk, const struct way *way) {
  struct eva_conn_config config = { .role = talk->role,
                                    .flags = talk->flags,
                                    .alloc = give,
                                    .release = take_back,
                                    .arg = p,
                                    .max_output_len = talk->max_output_len,
                                    .max_fds = talk->max_fds };
  int rc;

  *p = (struct player) { .talk = talk, .way = way, .random = way->seed };
  p->expected_taken = SIZE_MAX;
  do {
    rc = eva_conn_new (&config, &p->conn);
    if (rc) CHECK (p, rc == EVA_E_NOMEM && p->just_failed && !p->conn);
  } while (player_was_short (p));
  CHECK (p, !rc || p->gave_up);
}

void
player_deinit (struct player *p) {
  eva_conn_free (p->conn);
  p->conn = NULL;
  CHECK (p, p->n_live == 0 && p->live_len == 0);
  free (p->input);
}

/* --- The inside ------------------------------------------------------------------------------- */

static void
look_at_input (struct player *p) {
  const struct eva__wire_lines *l = &p->conn->in;

  if (!l->base) {
    CHECK (p, !l->tail && !l->found && !p->conn->lent);
    return;
  }
  CHECK (p, l->size == EVA_INPUT_SIZE || l->size == EVA_SMALL_SIZE);
  CHECK (p, l->head <= l->scan && l->scan <= l->tail && l->tail <= l->size);
  CHECK (p, is_zero (l->base, l->head));
  CHECK (p, is_zero (l->base + l->tail, l->size - l->tail));
  CHECK (p, !p->conn->lent || l->found);
}

/* Returns the number of chunks.  */
static size_t
look_at_output (struct player *p) {
  const struct eva__conn_queue *q = &p->conn->out;
  size_t len = 0, n = 0;

  CHECK (p, !q->head == !q->tail);
  for (const struct eva__conn_chunk *i = q->head; i; i = i->next, n++) {
    size_t end = i->end + (i == q->tail ? q->open_len : 0);
    CHECK (p, i->start <= i->end && end <= eva__conn_chunk_room (i));
    CHECK (p, is_zero (i->data, i->start));
    CHECK (p, is_zero (i->data + end, eva__conn_chunk_room (i) - end));
    CHECK (p, i->next || i == q->tail);
    len += i->end - i->start;
  }
  CHECK (p, len == q->len);
  CHECK (p, eva_conn_output_len (p->conn) == q->len + q->open_len);
  CHECK (p, eva_conn_output_len (p->conn) <= p->conn->owner.config->max_output_len);
  CHECK (p, !!n == !!eva_conn_output_len (p->conn));
  return n;
}

void
player_look_inside (struct player *p) {
  const eva_conn *c = p->conn;
  size_t n_blocks = 1;

  CHECK (p, (int) c->state >= 0 && c->state < EVA_N_STATES);
  CHECK (p, eva__conn_fds_count (&c->in_fds) <= c->owner.config->max_fds
                && eva__conn_fds_count (&c->out_fds) <= c->owner.config->max_fds);
  CHECK (p, !eva__conn_fds_count (&c->in_fds) == !c->in_fds.list
                && !eva__conn_fds_count (&c->out_fds) == !c->out_fds.list);
  look_at_input (p);
  n_blocks += look_at_output (p);
  n_blocks += (c->in.base ? 1u : 0u) + (c->in_fds.list ? 1u : 0u) + (c->out_fds.list ? 1u : 0u);
  CHECK (p, p->n_live == n_blocks);
}

/* --- Input ------------------------------------------------------------------------------------ */

size_t
player_piece (struct player *p, size_t len) {
  static const size_t lens[] = { 1, 1, 2, 3, 10, 100, 1000, 20000 };
  size_t n = len;

  if (p->way->cut == CUT_OCTETS) n = 1;
  if (p->way->cut == CUT_RANDOM)
    n = 1 + random_below (&p->random, lens[random_below (&p->random, 8)]);
  return n < len ? n : len;
}

/* The octets of the next piece.  It ends before an octet that descriptors come along with.  */
static size_t
next_piece (struct player *p, size_t room) {
  size_t end = p->input_len;
  size_t len;

  if (p->way->cut == CUT_TWO && p->n_fed < p->way->cut_at && end > p->way->cut_at)
    end = p->way->cut_at;
  for (size_t i = p->n_marks; i-- > p->n_marks_fed;)
    if (p->marks[i].at > p->n_fed && p->marks[i].at < end) end = p->marks[i].at;
  len = end - p->n_fed;
  return player_piece (p, len < room ? len : room);
}

static void
feed_marks (struct player *p) {
  while (p->n_marks_fed < p->n_marks && p->marks[p->n_marks_fed].at == p->n_fed) {
    int rc = eva_conn_fed_fd (p->conn, p->marks[p->n_marks_fed].fd);
    if (rc == EVA_E_NOMEM && player_was_short (p)) continue;
    if (p->gave_up) return;
    CHECK (p, rc == 0);
    p->n_marks_fed++;
  }
}

static bool
feed_eof (struct player *p) {
  if (!p->eof || p->eof_fed) return false;
  p->eof_fed = true;
  CHECK (p, eva_conn_fed (p->conn, 0) == 0);
  return true;
}

bool
player_feed (struct player *p) {
  size_t room, len;
  char *buf;

  if (p->n_fed == p->input_len) return feed_eof (p);
  do
    buf = eva_conn_inbuf (p->conn, &room);
  while (!buf && room && player_was_short (p));
  if (p->gave_up) return false;
  CHECK (p, !buf == !room);
  if (!room) return false;
  feed_marks (p);
  if (p->gave_up) return false;
  len = next_piece (p, room);
  memcpy (buf, p->input + p->n_fed, len);
  CHECK (p, eva_conn_fed (p->conn, room + 1) == EVA_E_LIMIT);
  CHECK (p, eva_conn_fed (p->conn, len) == 0);
  p->n_fed += len;
  player_look_inside (p);
  return true;
}

void
player_settle (struct player *p) {
  while (player_feed (p))
    ;
}

void
player_send (struct player *p, const struct text *text) {
  size_t len;
  char *octets = player_expand (text, &len);

  p->input = realloc (p->input, p->input_len + len + 1);
  assert_non_null (p->input);
  memcpy (p->input + p->input_len, octets, len + 1);
  p->input_len += len;
  free (octets);

  if (p->way->cut == CUT_NONE) player_settle (p);
  if (p->way->cut == CUT_TWO) player_feed (p);
  while (p->way->cut == CUT_RANDOM && random_below (&p->random, 2) && player_feed (p))
    ;
}

/* --- Output ----------------------------------------------------------------------------------- */

/* Compares the descriptors that leave next with what the conversation expects.  */
static void
check_fds (struct player *p) {
  int fds[PLAYER_MAX_MARKS];
  size_t n = eva_conn_output_fds (p->conn, fds, PLAYER_MAX_MARKS);

  CHECK (p, n == p->n_with_fds);
  for (size_t i = 0; i < n; i++)
    CHECK (p, fds[i] == p->with_fds[i]);
  if (n > 1) CHECK (p, eva_conn_output_fds (p->conn, fds, 1) == 1);
}

/* Takes a piece of the output, at most LEN octets.  Returns its length.  */
static size_t
receive_piece (struct player *p, const char *expected, size_t len) {
  struct iovec iov[MAX_IOV];
  size_t n = eva_conn_output (p->conn, iov, player_piece (p, MAX_IOV));
  size_t left, done = 0;

  CHECK (p, n > 0 && n <= MAX_IOV);
  check_fds (p);
  left = player_piece (p, len);
  for (size_t i = 0; i < n && left; i++) {
    size_t part = iov[i].iov_len < left ? iov[i].iov_len : left;
    struct text wanted = { .head = expected + done, .head_len = part };
    CHECK (p, iov[i].iov_len);
    player_compare (p, iov[i].iov_base, part, &wanted);
    done += part;
    left -= part;
  }
  eva_conn_sent (p->conn, done);
  p->n_with_fds = 0;
  player_look_inside (p);
  return done;
}

void
player_receive (struct player *p, const char *expected, size_t len) {
  size_t done = 0;

  while (done < len)
    done += receive_piece (p, expected + done, len - done);
}
