/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* request.c - what a server hears: requests, and answers to its inquiries.

   What the program waits for and what the client owes are two things.  The server skips an answer
   that was given up to its END or CAN, whatever the program does meanwhile.  */

#include "conn/request.h"

#include "conn/conn.h"
#include "conn/event.h"
#include "wire/escape.h"

_Static_assert (EVA__CONN_RAW_ROOM >= EVA__WIRE_SLACK, "what an unescape writes beyond");

/* A server gets a request.  */
static int
on_request (eva_conn *c, char *line, size_t len, struct eva_event *ret) {
  struct eva__wire_message m;

  eva__wire_parse_request (line, len, &m);
  if (m.kind == EVA__WIRE_NOTHING) return eva__conn_event_skipped (ret, line, len);
  if (m.kind == EVA__WIRE_INVALID) return EVA_E_SYNTAX;
  eva__conn_set_state (c, EVA_STATE_COMMAND);
  m.word[m.word_len] = 0; /* a blank, a tab or a NUL */
  return eva__conn_event (ret, EVA_EVENT_COMMAND, &m);
}

/* Returns true if data that are LEN octets long on their line may go to the owner as they are: they
   are within the limit in any case, no escape of them is an error, and the buffer does not end
   right behind them.  */
static bool
may_give_raw (const eva_conn *c, size_t len) {
  if (!c->wants_raw || (c->owner.config->flags & EVA_CONN_STRICT)) return false;
  if (c->in.size - c->in.scan < EVA__WIRE_SLACK) return false;
  return len <= c->inquiry_left;
}

/* Counts LEN octets of the answer.  */
static void
count (eva_conn *c, size_t len) {
  if (c->inquiry_left != SIZE_MAX) c->inquiry_left -= len;
}

/* A server gets data that it inquired, and counts them; raw ones are counted when the owner has
   unescaped them.  */
static int
on_answer_data (eva_conn *c, struct eva_event *ret, struct eva__wire_message *m) {
  int rc;

  c->gave_raw = may_give_raw (c, m->text_len);
  if (c->gave_raw) return eva__conn_event (ret, EVA_EVENT_DATA, m);
  rc = eva__conn_event_data (c, ret, m);
  if (rc < 0) eva__conn_set_state (c, EVA_STATE_OVERFLOW); /* the rest is of no use */
  if (rc < 0) return rc;
  if (m->text_len > c->inquiry_left) {
    eva__conn_set_state (c, EVA_STATE_OVERFLOW);
    ret->type = EVA_EVENT_OVERFLOW;
    return 1;
  }
  count (c, m->text_len);
  return 1;
}

/* A server gets LINE, which M was read from, of an answer that was given up.  */
static int
skip_owed (eva_conn *c, const struct eva__wire_message *m, char *line, size_t len,
           struct eva_event *ret) {
  if (m->kind == EVA__WIRE_END || m->kind == EVA__WIRE_CANCEL) {
    if (!--c->n_owed) c->has_crossed = false;
    if (c->state == EVA_STATE_STRAGGLER) eva__conn_set_state (c, eva__conn_rest_state (c));
  }
  return eva__conn_event_skipped (ret, line, len);
}

/* Forgives the client the answers that it owes: a client that says something else answers no more.
   The exception is a line that crossed an inquiry which the client could not expect.  */
static void
forgive (eva_conn *c) {
  if (!c->has_crossed) c->n_owed = 0;
  c->has_crossed = false;
  if (c->state == EVA_STATE_STRAGGLER) eva__conn_set_state (c, eva__conn_rest_state (c));
}

/* A server that inquires gets something else.  In a command that line is used up.  Outside of one
   it is a request, which stays where it is, and is run.  */
static int
on_unexpected (eva_conn *c, char *line, size_t len, struct eva_event *ret) {
  *ret = (struct eva_event) { .type = EVA_EVENT_UNEXPECTED, .text = line, .text_len = len };
  forgive (c);
  if (c->is_aside) {
    c->n_owed++;
    c->has_crossed = true;
    c->lent = false;
    ret->text = c->nothing;
    ret->text_len = 0;
  }
  eva__conn_end_inquiry (c);
  return 1;
}

/* A server gets a line of the answer to its inquiry.  */
static __attribute__ ((noinline)) int
on_answer (eva_conn *c, char *line, size_t len, struct eva_event *ret) {
  struct eva__wire_message m;

  eva__wire_parse_answer (line, len, &m);
  if (m.kind == EVA__WIRE_INVALID) return on_unexpected (c, line, len, ret);
  if (m.kind == EVA__WIRE_NOTHING) return eva__conn_event_skipped (ret, line, len);
  if (c->n_owed) return skip_owed (c, &m, line, len, ret);
  if (m.kind == EVA__WIRE_DATA && c->state == EVA_STATE_OVERFLOW)
    return eva__conn_event_skipped (ret, line, len);
  if (m.kind == EVA__WIRE_DATA) return on_answer_data (c, ret, &m);
  eva__conn_end_inquiry (c);
  return eva__conn_event (ret, m.kind == EVA__WIRE_END ? EVA_EVENT_END : EVA_EVENT_CANCEL, &m);
}

/* A server gets a line while the client owes answers, and no inquiry waits for one.  After the
   command the line may also be the request of a client that saw the reply and sent no more; within
   a command such a line is held.  */
static __attribute__ ((noinline)) int
on_late_answer (eva_conn *c, char *line, size_t len, struct eva_event *ret) {
  struct eva__wire_message m;

  eva__wire_parse_answer (line, len, &m);
  if (m.kind != EVA__WIRE_INVALID) return skip_owed (c, &m, line, len, ret);
  forgive (c);
  return on_request (c, line, len, ret);
}

void
eva__conn_want_raw (eva_conn *c) {
  c->wants_raw = true;
}

size_t
eva__conn_unescape (eva_conn *c, const struct eva_event *ev, char *dst) {
  size_t len = eva__wire_unescape_to (dst, ev->text, ev->text_len);

  count (c, len);
  return len;
}

/* --- What comes ------------------------------------------------------------------------------- */

/* Returns true if LINE is none of an answer.  */
static __attribute__ ((noinline)) bool
is_no_answer (char *line, size_t len) {
  struct eva__wire_message m;

  eva__wire_parse_answer (line, len, &m);
  return m.kind == EVA__WIRE_INVALID;
}

bool
eva__conn_holds_request (const eva_conn *c, char *line, size_t len) {
  if (c->state == EVA_STATE_GREETING) return true;
  if (c->state != EVA_STATE_COMMAND) return false;
  return !c->n_owed || is_no_answer (line, len);
}

int
eva__conn_on_request (eva_conn *c, char *line, size_t len, struct eva_event *ret) {
  switch (c->state) {
  case EVA_STATE_INQUIRY:
  case EVA_STATE_OVERFLOW:
    return on_answer (c, line, len, ret);
  case EVA_STATE_COMMAND:
  case EVA_STATE_STRAGGLER:
    return on_late_answer (c, line, len, ret);
  default:
    return on_request (c, line, len, ret);
  }
}

int
eva__conn_on_long_request (eva_conn *c, char *line, struct eva_event *ret) {
  struct eva__wire_message m;

  if (c->state == EVA_STATE_IDLE) return EVA_E_LINE_TOO_LONG;
  eva__wire_parse_answer (line, EVA_LINE_SIZE, &m);
  if (m.kind == EVA__WIRE_INVALID) {
    if (c->state == EVA_STATE_STRAGGLER)
      forgive (c);
    else
      on_unexpected (c, line, EVA_LINE_SIZE, ret);
    return c->lent ? EVA_E_LINE_TOO_LONG : 1;
  }
  if (c->n_owed) return skip_owed (c, &m, c->nothing, 0, ret);
  if (m.kind == EVA__WIRE_END || m.kind == EVA__WIRE_CANCEL) {
    eva__conn_end_inquiry (c);
    return EVA_E_LINE_TOO_LONG;
  }
  if (c->state == EVA_STATE_OVERFLOW) return eva__conn_event_skipped (ret, c->nothing, 0);
  eva__conn_set_state (c, EVA_STATE_OVERFLOW);
  return EVA_E_LINE_TOO_LONG;
}
