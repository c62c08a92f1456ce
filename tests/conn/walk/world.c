/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* world.c - a client and a server that are joined: memory, and what is true at all times.  See
   world.h.  */

#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct world w;

/* --- Memory ----------------------------------------------------------------------------------- */

static bool
is_zero (const void *octets, size_t len) {
  const unsigned char *p = octets;

  return !len || (!p[0] && !memcmp (p, p + 1, len - 1));
}

static void *
give (void *arg, size_t len) {
  struct side *side = arg;

  if (!side->own_len) {
    CHECK (len <= sizeof side->own);
    side->own_len = (uint16_t) len;
    return side->own;
  }
  for (size_t i = 0; i < N_BLOCKS && len <= BLOCK_SIZE; i++)
    if (!side->block_len[i]) {
      side->block_len[i] = (uint16_t) len;
      return side->blocks[i];
    }
  CHECK (false); /* memory is short */
  return NULL;
}

static void
take_back (void *arg, void *ptr, size_t len) {
  struct side *side = arg;
  size_t i = (size_t) ((unsigned char *) ptr - side->blocks[0]) / BLOCK_SIZE;

  CHECK (is_zero (ptr, len));
  if (ptr == side->own) {
    CHECK (side->own_len == len);
    side->own_len = 0;
    return;
  }
  CHECK (i < N_BLOCKS && side->block_len[i] == len);
  side->block_len[i] = 0;
}

static void
side_init (struct side *side, enum eva_role role) {
  struct eva_conn_config config = { .role = role,
                                    .flags = rules->is_aside ? EVA_CONN_RAW : 0,
                                    .alloc = give,
                                    .release = take_back,
                                    .arg = side,
                                    .max_input_len = rules->max_input_len };

  CHECK (eva_conn_new (&config, &side->conn) == 0);
}

void
world_init (void) {
  memset (&w, 0, sizeof w);
  side_init (&w.client, EVA_ROLE_CLIENT);
  side_init (&w.server, EVA_ROLE_SERVER);
}

/* --- Copies ----------------------------------------------------------------------------------- */

/* Most of a world is zeros: a copy is pieces of a word for each of them, and of words as they
   stand, with the numbers of both in front.  */
#define N_WORDS_OF_WORLD (sizeof w / sizeof (uint64_t))

static size_t
count (const uint64_t *p, const uint64_t *end, bool zeros) {
  const uint64_t *start = p;

  while (p < end && !*p == zeros)
    p++;
  return (size_t) (p - start);
}

size_t
world_save (uint8_t **ret_copy) {
  static uint64_t buf[2 * N_WORDS_OF_WORLD + 2];
  const uint64_t *p = (const uint64_t *) (void *) &w, *end = p + N_WORDS_OF_WORLD;
  uint64_t *out = buf;
  size_t len;

  while (p < end) {
    size_t n_zeros = count (p, end, true), n = count (p + n_zeros, end, false);
    *out++ = (uint64_t) n_zeros << 32 | n;
    memcpy (out, p + n_zeros, n * sizeof *p);
    out += n;
    p += n_zeros + n;
  }
  len = (size_t) (out - buf) * sizeof *buf;
  *ret_copy = malloc (len);
  CHECK (*ret_copy);
  memcpy (*ret_copy, buf, len);
  return len;
}

void
world_restore (const uint8_t *copy, size_t len) {
  uint64_t *p = (uint64_t *) (void *) &w;
  const uint8_t *end = copy + len;

  while (copy < end) {
    uint64_t head;
    memcpy (&head, copy, sizeof head);
    memset (p, 0, (size_t) (head >> 32) * sizeof *p);
    p += head >> 32;
    len = (size_t) (uint32_t) head;
    memcpy (p, copy + sizeof head, len * sizeof *p);
    p += len;
    copy += (1 + len) * sizeof *p;
  }
}

/* --- Lines ------------------------------------------------------------------------------------ */

size_t
world_text (const struct line *line, char buf[TEXT_MAX]) {
  static const char *const words[] = { "NOP", "ASK", "CANDY", "END", "CANCELS", "ENDING" };
  static const char *const heads[] = {
    [REQUEST] = "",    [DATA] = "D ",    [END] = "END",   [CAN] = "CAN",
    [OK] = "OK ",      [ERR] = "ERR 1 ", [STATUS] = "S ", [INQUIRE] = "INQUIRE ",
    [COMMENT] = "# c", [EMPTY] = "",     [STRAY] = "NO "
  };
  bool has_id = line->kind == REQUEST || line->kind == DATA || line->kind >= OK;
  int len =
      snprintf (buf, TEXT_MAX, "%s", line->kind == REQUEST ? words[line->word] : heads[line->kind]);

  if (line->kind == COMMENT || line->kind == EMPTY) return (size_t) len;
  if (line->is_long) /* a word that is longer yet, or one and a text */
    return (size_t) len
           + (size_t) snprintf (buf + len, TEXT_MAX - (size_t) len, "%*.*s",
                                EVA_LINE_SIZE + 1 - len, EVA_LINE_SIZE + 1 - len,
                                line->kind == REQUEST && line->word == WORD_CANDY
                                    ? "xxxxxxxxxxxxx"
                                    : " xxxxxxxxxxxx");
  if (has_id)
    len += snprintf (buf + len, TEXT_MAX - (size_t) len, "%s%d", line->kind == REQUEST ? " " : "",
                     line->id);
  return (size_t) len;
}

/* --- What makes a difference ------------------------------------------------------------------ */

static uint8_t *
put (uint8_t *p, const void *data, size_t len) {
  if (len) memcpy (p, data, len);
  return p + len;
}

static uint8_t *
put_number (uint8_t *p, size_t number) {
  CHECK (number < 256);
  *p = (uint8_t) number;
  return p + 1;
}

static uint8_t *
put_input (uint8_t *p, const eva_conn *c) {
  size_t n = eva__wire_lines_waiting (&c->in);
  uint64_t start = eva__conn_fds_here (&c->in_fds) - n;

  p = put_number (p, n);
  if (n) p = put (p, c->in.base + c->in.head, n);
  p = put_number (p, (size_t) (c->in.skipping | c->in.too_long << 1));
  p = put_number (p, c->in.base ? c->in.size : 0);
  p = put_number (p, eva__conn_fds_count (&c->in_fds));
  for (size_t i = 0; i < eva__conn_fds_count (&c->in_fds); i++) {
    bool is_due = c->in_fds.list->items[i].at < start;
    p = put_number (p, is_due ? 0 : (size_t) (c->in_fds.list->items[i].at - start) + 1);
    p = put_number (p, (size_t) c->in_fds.list->items[i].fd);
  }
  return p;
}

static uint8_t *
put_output (uint8_t *p, const eva_conn *c) {
  const struct eva__conn_queue *q = &c->out;
  size_t n_shown = 0, n = 0;

  for (const struct eva__conn_chunk *i = q->head; i; i = i->next) {
    if (i == q->shown_chunk) n_shown = n + (q->shown > i->start ? q->shown - i->start : 0);
    p = put (p, i->data + i->start, i->end - i->start);
    n += i->end - i->start;
  }
  if (q->open_len) p = put (p, q->tail->data + q->tail->end, q->open_len);
  p = put_number (put_number (p, n), q->open_len);
  p = put_number (put_number (p, q->is_cut), rules->has_monitors ? n_shown : 0);
  p = put_number (p, eva__conn_fds_count (&c->out_fds));
  for (size_t i = 0; i < eva__conn_fds_count (&c->out_fds); i++) {
    p = put_number (p, (size_t) (c->out_fds.list->items[i].at - c->out_fds.list->here));
    p = put_number (p, (size_t) c->out_fds.list->items[i].fd);
  }
  return p;
}

static uint8_t *
put_side (uint8_t *p, const struct side *side) {
  const eva_conn *c = side->conn;

  p = put_number (p, c->state);
  p = put_number (p, (size_t) (c->eof | c->eof_told << 1 | c->is_aside << 2 | c->has_crossed << 3
                               | c->owes_answer << 4));
  p = put_number (p, c->owner.config->role == EVA_ROLE_SERVER ? c->inquiry_left + 1 : c->n_pending);
  p = put_number (p, c->n_owed);
  p = put_output (put_input (p, c), c);
  p = put_number (p, side->n_lines);
  p = put (p, side->lines, side->n_lines * sizeof *side->lines);
  return put_number (put_number (p, side->open_id), side->next_fd);
}

size_t
world_describe (uint8_t *buf) {
  const uint8_t *rest = (const uint8_t *) &w + offsetof (struct world, is_greeted);
  uint8_t *p = put_side (put_side (buf, &w.client), &w.server);

  p = put (p, rest, sizeof w - offsetof (struct world, is_greeted));
  CHECK (p - buf <= WORLD_MAX);
  return (size_t) (p - buf);
}

/* --- What is true of every world -------------------------------------------------------------- */

static enum eva_conn_state
client_state (void) {
  if (!w.is_greeted) return EVA_STATE_GREETING;
  if (!w.n_pending) return EVA_STATE_IDLE;
  if (w.pending[0].is_given_up) return EVA_STATE_DRAINING;
  return w.answering ? EVA_STATE_ANSWERING : EVA_STATE_PENDING;
}

static enum eva_conn_state
server_state (void) {
  if (!w.has_greeted) return EVA_STATE_GREETING;
  if (w.inquiry) return w.is_over ? EVA_STATE_OVERFLOW : EVA_STATE_INQUIRY;
  if (w.request) return EVA_STATE_COMMAND;
  return w.n_owed ? EVA_STATE_STRAGGLER : EVA_STATE_IDLE;
}

/* Nothing is held but what waits, and what was used is wiped.  */
static void
check_memory (const struct side *side) {
  const struct eva__wire_lines *in = &side->conn->in;
  const struct eva__conn_queue *out = &side->conn->out;
  size_t n = (in->base ? 1u : 0u) + (side->conn->in_fds.list ? 1u : 0u)
             + (side->conn->out_fds.list ? 1u : 0u);

  if (in->base)
    CHECK (is_zero (in->base, in->head) && is_zero (in->base + in->tail, in->size - in->tail));
  for (const struct eva__conn_chunk *i = out->head; i; i = i->next, n++) {
    size_t end = i->end + (i == out->tail ? out->open_len : 0);
    CHECK (is_zero (i->data, i->start) && is_zero (i->data + end, i->size - sizeof *i - end));
  }
  for (size_t i = 0; i < N_BLOCKS; i++) {
    if (side->block_len[i]) n--;
    CHECK (is_zero (side->blocks[i] + side->block_len[i], BLOCK_SIZE - side->block_len[i]));
  }
  CHECK (!n);
}

static bool
is_empty (const struct side *side) {
  return !side->n_lines && !side->open_id && !eva_conn_output_len (side->conn)
         && !eva_conn_input_len (side->conn) && !side->conn->in.skipping;
}

/* Everything that was said was heard: it is one side's turn, and both know whose.  */
static void
check_rest (void) {
  struct eva_event ev;

  CHECK (eva_conn_next (w.client.conn, &ev) == 0 && eva_conn_next (w.server.conn, &ev) == 0);
  for (size_t i = 0; i < N_BLOCKS; i++) {
    CHECK (!w.client.block_len[i] || w.client.next_fd);
    CHECK (!w.server.block_len[i]);
  }
  CHECK (w.is_greeted == w.has_greeted);
  if (w.inquiry) CHECK (w.answering == w.inquiry);
  if (w.answering && !w.inquiry) CHECK (w.n_owed && memchr (w.owed, w.answering, w.n_owed));
  if (w.n_owed) CHECK (w.owes || w.answering);
  if (w.n_pending)
    CHECK (w.pending[0].id == (w.refusing ? w.refusing : w.request));
  else
    CHECK (!w.request && !w.refusing);
}

void
world_check (void) {
  CHECK (eva_conn_get_state (w.client.conn) == client_state ());
  CHECK (eva_conn_get_state (w.server.conn) == server_state ());
  CHECK (w.server.conn->n_owed == w.n_owed && w.client.conn->n_pending == w.n_pending);
  check_memory (&w.client);
  check_memory (&w.server);
  if (is_empty (&w.client) && is_empty (&w.server)) check_rest ();
}
