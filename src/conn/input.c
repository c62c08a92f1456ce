/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* input.c - from octets to lines.

   Lines stay where they were read.  The line of an event is lent to the caller.  The next call that
   reads ends the loan; only then the octets are wiped, and the buffer, once it is empty, goes back
   to the owner.  */

#include "conn/input.h"

#include "conn/conn.h"

#include <string.h>

/* Gives back the buffer, which is empty.  Every octet was wiped when it was used, so this does not
   have to go over the whole of it.  */
static void
give_back (eva_conn *c) {
  char *base = c->in.base;
  size_t size = c->in.size;

  c->in = (struct eva__wire_lines) { .skipping = c->in.skipping };
  c->owner.config->release (c->owner.arg, base, size);
}

__attribute__ ((noinline)) void
eva__conn_drop_input (eva_conn *c) {
  c->lent = false;
  if (!c->in.base) return;
  eva__wire_lines_clear (&c->in);
  give_back (c);
}

/* A connection at rest owns no buffer.  That a line is being skipped is a flag, and keeps no
   octet.  */
static void
rest (eva_conn *c) {
  if (c->in.base && !eva__wire_lines_waiting (&c->in)) give_back (c);
}

/* Gets an input buffer, a small one if there is no other, and lends the whole of it, as
   eva_conn_inbuf.  */
static void *
take_buffer (eva_conn *c, size_t *ret_len) {
  size_t size = EVA_INPUT_SIZE;
  char *base = eva__conn_alloc (&c->owner, size);

  if (!base) base = eva__conn_alloc (&c->owner, size = EVA_SMALL_SIZE);
  *ret_len = size;
  if (!base) return NULL;
  c->in.base = base;
  c->in.size = (uint32_t) size;
  return base;
}

/* Returns true if lines that have to wait may take more than one buffer.  */
static bool
may_grow (const eva_conn *c) {
  return c->owner.config->max_input_len > EVA_INPUT_SIZE;
}

/* Returns true if the buffer is full, and fewer octets of it were used up than wait: moving those
   that wait to the start would cost more than it gives.  Where lines do not have to wait this is
   never so.  */
static bool
is_cramped (const struct eva__wire_lines *l) {
  return l->tail == l->size && l->head < l->tail - l->head;
}

/* Exchanges the buffer for one of SIZE octets.  */
static bool
exchange (eva_conn *c, size_t size) {
  struct eva__wire_lines old = c->in;
  char *base = eva__conn_alloc (&c->owner, size);

  if (!base) return false;
  eva__wire_lines_move (&c->in, base, (uint32_t) size);
  c->owner.config->release (c->owner.arg, old.base, old.size); /* wiped by now */
  return true;
}

/* Exchanges the buffer for one of twice the length, at most twice what may wait: in that one,
   moving always pays.  */
static bool
grow (eva_conn *c) {
  size_t size = 2 * (size_t) c->in.size, most = 2 * c->owner.config->max_input_len;

  return exchange (c, size < most ? size : most);
}

__attribute__ ((noinline)) void
eva__conn_shrink_input (eva_conn *c) {
  size_t n_waiting = eva__wire_lines_waiting (&c->in);

  if (!n_waiting) give_back (c);
  if (!n_waiting || n_waiting > EVA_INPUT_SIZE) return;
  c->shrinks = true;
  exchange (c, EVA_INPUT_SIZE);
  c->shrinks = false;
}

/* Returns true if data in bulk come faster than the buffer holds: the last read filled it, and not
   many lines wait in it, or a larger one would have taken its place.  */
static bool
is_flooded (const eva_conn *c) {
  const struct eva_conn_config *config = c->owner.config;

  if (c->in.tail < EVA_INPUT_SIZE || c->in.size != EVA_INPUT_SIZE) return false;
  if (!eva__conn_awaits_bulk (c)) return false;
  return config->flags & EVA__CONN_BULK
         && (!may_grow (c) || config->max_input_len >= EVA__BULK_SIZE);
}

/* Returns the room behind what waits.  A limit counts where much may wait; otherwise the buffer is
   the limit.  */
static size_t
find_room (const eva_conn *c) {
  size_t room = c->in.size - c->in.tail, n_waiting = eva__wire_lines_waiting (&c->in);
  size_t max = c->owner.config->max_input_len, left = n_waiting < max ? max - n_waiting : 0;

  return !may_grow (c) || room < left ? room : left;
}

/* The same where there is a buffer, of which some may be in use.  */
static __attribute__ ((noinline)) void *
lend_rest (eva_conn *c, size_t *ret_len) {
  eva__conn_take_back (c);
  if (!eva_conn_wants_input (c)) return NULL;
  if (!c->in.base) return take_buffer (c, ret_len);
  *ret_len = EVA_SMALL_SIZE;
  if (!is_flooded (c) || !exchange (c, EVA__BULK_SIZE))
    if (may_grow (c) && is_cramped (&c->in) && !grow (c)) return NULL;
  eva__wire_lines_room (&c->in);
  *ret_len = find_room (c);
  return c->in.base + c->in.tail;
}

void *
eva_conn_inbuf (eva_conn *c, size_t *ret_len) {
  *ret_len = 0;
  if (c->in.base) return lend_rest (c, ret_len);
  return eva__conn_wants_input (c) ? take_buffer (c, ret_len) : NULL;
}

/* Lines that were consumed, and a line that is lent, give their room back in eva_conn_inbuf.  So
   does a buffer for bulk data, as soon as what waits fits into an ordinary one.  */
int
eva_conn_wants_input (const eva_conn *c) {
  const struct eva__wire_lines *l = &c->in;

  if (c->state == EVA_STATE_CLOSED || c->eof) return 0;
  if (!l->base) return 1;
  if (may_grow (c)) return eva__conn_input_len (c) < c->owner.config->max_input_len;
  if (eva__conn_is_outsized (c)) return eva__conn_input_len (c) < EVA_INPUT_SIZE;
  return c->lent || l->head || l->tail < l->size;
}

size_t
eva_conn_input_len (const eva_conn *c) {
  return eva__conn_input_len (c);
}

/* Checks the count: a wrong one would make the library read what was never written there.  */
int
eva_conn_fed (eva_conn *c, size_t n) {
  if (c->state == EVA_STATE_CLOSED) return 0;
  if (!n) {
    c->eof = true;
    return 0;
  }
  if (!c->in.base || n > c->in.size - c->in.tail) return EVA_E_LIMIT;
  if (may_grow (c) && n > find_room (c)) return EVA_E_LIMIT;
  c->in.tail += (uint32_t) n;
  eva__conn_fds_pass (&c->in_fds, n);
  return 0;
}

/* The descriptor may be taken with the first line that ends behind the octets of its message.  The
   kernel does not tell with which of them it was sent, so the first one counts.  */
int
eva_conn_fed_fd (eva_conn *c, int fd) {
  return eva__conn_fds_push (&c->in_fds, &c->owner, 0, fd);
}

int
eva_conn_at_eof (const eva_conn *c) {
  return eva__conn_at_eof (c);
}

int
eva_conn_take_fd (eva_conn *c, int *ret_fd) {
  /* Everything before the waiting octets was handed out, and so was the lent line.  */
  uint64_t handed_out = eva__conn_fds_here (&c->in_fds) - eva__conn_input_len (c);

  return eva__conn_fds_take (&c->in_fds, &c->owner, handed_out, ret_fd);
}

int
eva_conn_take_any_fd (eva_conn *c, int *ret_fd) {
  return eva__conn_fds_take (&c->in_fds, &c->owner, UINT64_MAX, ret_fd);
}

void
eva__conn_end_loan (eva_conn *c) {
  eva__conn_take_back (c);
  rest (c);
}

int
eva_conn_peek (eva_conn *c, char **ret_line, size_t *ret_len) {
  eva__conn_take_back (c);
  if (c->state == EVA_STATE_CLOSED) return 0;
  return eva__wire_lines_peek (&c->in, ret_line, ret_len) == 1;
}

int
eva_conn_has_line (const eva_conn *c) {
  const struct eva__wire_lines *l = &c->in;
  const char *end = l->base ? l->base + l->tail : NULL;
  const char *p;

  if (!l->base || c->state == EVA_STATE_CLOSED) return 0;
  if (l->found && !c->lent) return 1;
  p = l->base + (c->lent ? l->scan + 1 : l->head);
  if (l->skipping) {
    /* The first LF ends what is left of a line that was reported already.  */
    p = memchr (p, '\n', (size_t) (end - p));
    if (!p) return 0;
    p++;
  }
  return memchr (p, '\n', (size_t) (end - p)) != NULL;
}

/* Only the end of file is left: half a line before it is an error, which is reported first.  */
int
eva__conn_finish_input (eva_conn *c) {
  if (!c->eof || !eva__wire_lines_waiting (&c->in)) {
    rest (c);
    return 0;
  }
  eva__conn_drop_input (c);
  return EVA_E_TRUNCATED;
}

/* Does not depend on the state and does not change it, except that CLOSED ends everything: nothing
   is read after the end.  */
int
eva_conn_next_line (eva_conn *c, char **ret_line, size_t *ret_len) {
  int rc;

  eva__conn_take_back (c);
  if (c->state == EVA_STATE_CLOSED) {
    eva__conn_drop_input (c);
    return 0;
  }
  rc = eva__wire_lines_peek (&c->in, ret_line, ret_len);
  if (rc == 1) c->lent = true;
  if (rc < 0) eva__wire_lines_consume (&c->in);
  return rc ? rc : eva__conn_finish_input (c);
}
