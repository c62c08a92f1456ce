/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* input.c - from octets to events.

   Lines stay where they were read.  The line of an event is lent to the caller; the next call
   that reads ends the loan, and only then the octets are wiped and the buffer, once empty,
   goes back to the owner.  */

#include "conn/conn.h"

#include "wire/escape.h"
#include "wire/message.h"

#include <string.h>

void
eva__conn_drop_input (eva_conn *c) {
  char *base = c->in.base;
  size_t size = c->in.size;

  c->lent = false;
  if (!base) return;
  eva__wire_lines_clear (&c->in);
  c->in = (struct eva__wire_lines){ 0 };
  /* Every octet was wiped when it was used: no need to go over the whole buffer.  */
  c->owner.config->release (c->owner.arg, base, size);
}

/* Ends the loan of the last event's line.  */
static void
end_loan (eva_conn *c) {
  if (!c->lent) return;
  c->lent = false;
  eva__wire_lines_consume (&c->in);
}

/* A connection at rest owns no buffer.  A line that is being skipped is a fact to remember,
   not an octet.  */
static void
rest (eva_conn *c) {
  bool skipping = c->in.skipping;

  if (!c->in.base || eva__wire_lines_waiting (&c->in)) return;
  eva__conn_drop_input (c);
  c->in.skipping = skipping;
}

/* Gets an input buffer, a small one if there is no other.  Returns false if there is none.  */
static bool
take_buffer (eva_conn *c) {
  size_t size = EVA_INPUT_SIZE;
  char *base = eva__conn_alloc (&c->owner, size);

  if (!base) base = eva__conn_alloc (&c->owner, size = EVA_SMALL_SIZE);
  if (!base) return false;
  c->in.base = base;
  c->in.size = (uint32_t) size;
  return true;
}

void *
eva_conn_inbuf (eva_conn *c, size_t *ret_len) {
  *ret_len = 0;
  end_loan (c);
  if (c->state == EVA_STATE_CLOSED || c->eof) return NULL;
  if (!c->in.base && !take_buffer (c)) {
    *ret_len = EVA_SMALL_SIZE;
    return NULL;
  }
  *ret_len = eva__wire_lines_room (&c->in);
  return *ret_len ? c->in.base + c->in.tail : NULL;
}

/* Lines that were consumed, and a line that is lent, give their room back in eva_conn_inbuf.  */
int
eva_conn_wants_input (const eva_conn *c) {
  const struct eva__wire_lines *l = &c->in;

  if (c->state == EVA_STATE_CLOSED || c->eof) return 0;
  return !l->base || c->lent || l->head || l->tail < l->size;
}

size_t
eva_conn_input_len (const eva_conn *c) {
  size_t lent_len = c->lent ? c->in.scan + 1 - c->in.head : 0;

  return c->in.base ? eva__wire_lines_waiting (&c->in) - lent_len : 0;
}

/* A count that the owner got wrong would let us read what was never written there: it is
   checked.  */
int
eva_conn_fed (eva_conn *c, size_t n) {
  if (c->state == EVA_STATE_CLOSED) return 0;
  if (!n) {
    c->eof = true;
    return 0;
  }
  if (!c->in.base || n > c->in.size - c->in.tail) return EVA_E_LIMIT;
  c->in.tail += (uint32_t) n;
  c->n_fed += n;
  return 0;
}

/* The descriptor may be taken with the first line that ends behind the octets of its message.
   Which of them it was sent with the kernel does not tell, so the first one counts.  */
int
eva_conn_fed_fd (eva_conn *c, int fd) {
  return eva__conn_fds_push (&c->in_fds, &c->owner, c->n_fed, fd);
}

int
eva_conn_at_eof (const eva_conn *c) {
  return c->eof;
}

int
eva_conn_take_fd (eva_conn *c, int *ret_fd) {
  /* Everything before the waiting octets was handed out, and so was the lent line.  */
  uint64_t handed_out = c->n_fed - eva__wire_lines_waiting (&c->in);

  if (c->lent) handed_out += c->in.scan + 1 - c->in.head;
  return eva__conn_fds_take (&c->in_fds, &c->owner, handed_out, ret_fd);
}

int
eva_conn_take_any_fd (eva_conn *c, int *ret_fd) {
  return eva__conn_fds_take (&c->in_fds, &c->owner, UINT64_MAX, ret_fd);
}

int
eva_conn_peek (eva_conn *c, char **ret_line, size_t *ret_len) {
  end_loan (c);
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

/* Nothing but the end of file is left: half a line before it is an error, told first.  */
static int
finish (eva_conn *c) {
  if (!c->eof || !eva__wire_lines_waiting (&c->in)) {
    rest (c);
    return 0;
  }
  eva__conn_drop_input (c);
  return EVA_E_TRUNCATED;
}

/* The state neither matters nor changes here, but for CLOSED: nothing is read behind the end.  */
int
eva_conn_next_line (eva_conn *c, char **ret_line, size_t *ret_len) {
  int rc;

  end_loan (c);
  if (c->state == EVA_STATE_CLOSED) {
    eva__conn_drop_input (c);
    return 0;
  }
  rc = eva__wire_lines_peek (&c->in, ret_line, ret_len);
  if (rc == 1) c->lent = true;
  if (rc < 0) eva__wire_lines_consume (&c->in);
  return rc ? rc : finish (c);
}

/* --- Messages into events --------------------------------------------------------------------- */

/* Makes M, read from the lent line, an event of TYPE.  */
static int
event (struct eva_event *ret, enum eva_event_type type, const struct eva__wire_message *m) {
  *ret = (struct eva_event){ .type = type,
                             .word = m->word,
                             .word_len = m->word_len,
                             .text = m->text,
                             .text_len = m->text_len,
                             .code = m->code };
  return 1;
}

/* Unescapes the data of M and makes it an event.  */
static int
data_event (eva_conn *c, struct eva_event *ret, struct eva__wire_message *m) {
  bool strict = c->owner.config->flags & EVA_CONN_STRICT;
  int rc = eva__wire_unescape (m->text, m->text_len, strict, &m->text_len);

  if (rc) return rc;
  m->text[m->text_len] = 0; /* there is room: the line's own NUL is at or behind it */
  return event (ret, EVA_EVENT_DATA, m);
}

/* A line without meaning here: it is told all the same, so that whoever keeps a log sees every
   line.  */
static int
skipped (struct eva_event *ret, char *line, size_t len) {
  *ret = (struct eva_event){ .type = EVA_EVENT_SKIPPED, .text = line, .text_len = len };
  return 1;
}

/* A server gets a request.  */
static int
on_request (eva_conn *c, char *line, size_t len, struct eva_event *ret) {
  struct eva__wire_message m;

  eva__wire_parse_request (line, len, &m);
  if (m.kind == EVA__WIRE_NOTHING) return skipped (ret, line, len);
  eva__conn_set_state (c, m.kind == EVA__WIRE_INVALID ? EVA_STATE_IDLE : EVA_STATE_COMMAND);
  if (m.kind == EVA__WIRE_INVALID) return EVA_E_SYNTAX;
  m.word[m.word_len] = 0; /* a blank or the line's NUL */
  return event (ret, EVA_EVENT_COMMAND, &m);
}

/* A client's request was answered, well or not.  */
static void
end_reply (eva_conn *c) {
  c->n_pending--;
  eva__conn_set_state (c, c->n_pending ? EVA_STATE_PENDING : EVA_STATE_IDLE);
}

/* A line that cannot be used spoils the answer to an inquiry that it is part of: the rest is
   swallowed.  */
static void
on_bad_line (eva_conn *c) {
  if (c->state == EVA_STATE_INQUIRY) eva__conn_set_state (c, EVA_STATE_OVERFLOW);
}

/* The start of an over-long line tells what it was meant to be.  If that was the end of a
   reply, no other will come.  */
static void
on_long_line (eva_conn *c) {
  const char *line = c->in.base + c->in.head;

  on_bad_line (c);
  if (c->n_pending && (!memcmp (line, "OK ", 3) || !memcmp (line, "ERR ", 4))) end_reply (c);
}

/* A server gets data that it inquired, and counts them.  */
static int
on_answer_data (eva_conn *c, struct eva_event *ret, struct eva__wire_message *m) {
  int rc = data_event (c, ret, m);

  if (rc < 0) on_bad_line (c);
  if (rc < 0) return rc;
  if (c->inquiry_max && m->text_len > c->inquiry_max - c->inquiry_len) {
    eva__conn_set_state (c, EVA_STATE_OVERFLOW);
    ret->type = EVA_EVENT_OVERFLOW;
    return 1;
  }
  c->inquiry_len += m->text_len;
  return 1;
}

/* A server gets a line of the answer to its inquiry.  */
static int
on_answer (eva_conn *c, char *line, size_t len, struct eva_event *ret) {
  struct eva__wire_message m;

  eva__wire_parse_answer (line, len, &m);
  switch (m.kind) {
  case EVA__WIRE_NOTHING:
    return skipped (ret, line, len);
  case EVA__WIRE_DATA:
    if (c->state == EVA_STATE_OVERFLOW) return skipped (ret, line, len);
    return on_answer_data (c, ret, &m);
  case EVA__WIRE_END:
    eva__conn_set_state (c, EVA_STATE_COMMAND);
    return event (ret, EVA_EVENT_END, &m);
  case EVA__WIRE_CANCEL:
    eva__conn_set_state (c, EVA_STATE_COMMAND);
    return event (ret, EVA_EVENT_CANCEL, &m);
  default:
    eva__conn_set_state (c, EVA_STATE_COMMAND);
    m.word = NULL;
    m.text = line;
    m.text_len = len;
    return event (ret, EVA_EVENT_UNEXPECTED, &m);
  }
}

/* A server gets a line of an answer that came too late: the command is over.  It may also be
   the request of a client that saw the reply and sent no more.  */
static int
on_late_answer (eva_conn *c, char *line, size_t len, struct eva_event *ret) {
  struct eva__wire_message m;

  eva__wire_parse_answer (line, len, &m);
  if (m.kind == EVA__WIRE_INVALID) return on_request (c, line, len, ret);
  if (m.kind == EVA__WIRE_END || m.kind == EVA__WIRE_CANCEL)
    eva__conn_set_state (c, EVA_STATE_IDLE);
  return skipped (ret, line, len);
}

/* A client's request got its OK or ERR.  */
static int
on_final (eva_conn *c, enum eva_event_type type, struct eva_event *ret,
          struct eva__wire_message *m) {
  if (c->state == EVA_STATE_GREETING) {
    eva__conn_set_state (c, type == EVA_EVENT_OK ? EVA_STATE_IDLE : EVA_STATE_CLOSED);
    return event (ret, type, m);
  }
  if (!c->n_pending) return EVA_E_STATE; /* nothing was asked */
  end_reply (c);
  return event (ret, type, m);
}

/* Parses a response.  An ERR whose number cannot be read is still the end of a reply, and no
   success: its code is 0, which no ERR can have.  */
static void
parse_response (char *line, size_t len, struct eva__wire_message *ret) {
  eva__wire_parse_response (line, len, ret);
  if (ret->kind != EVA__WIRE_INVALID || strncmp (line, "ERR", 3)) return;
  if (line[3] && line[3] != ' ') return;
  ret->kind = EVA__WIRE_ERR;
  ret->code = 0;
}

/* A client gets a line that belongs to the reply to a command.  */
static int
on_reply (eva_conn *c, struct eva_event *ret, struct eva__wire_message *m) {
  if (!c->n_pending) return EVA_E_STATE;
  if (m->kind == EVA__WIRE_DATA) return data_event (c, ret, m);
  if (m->kind == EVA__WIRE_END) return event (ret, EVA_EVENT_END, m);
  eva__conn_set_state (c, EVA_STATE_ANSWERING);
  return event (ret, EVA_EVENT_INQUIRE, m);
}

/* A client gets a line.  */
static int
on_response (eva_conn *c, char *line, size_t len, struct eva_event *ret) {
  struct eva__wire_message m;

  parse_response (line, len, &m);
  switch (m.kind) {
  case EVA__WIRE_NOTHING:
    return skipped (ret, line, len);
  case EVA__WIRE_COMMENT:
    return event (ret, EVA_EVENT_COMMENT, &m);
  case EVA__WIRE_STATUS:
    return event (ret, EVA_EVENT_STATUS, &m);
  case EVA__WIRE_OK:
    return on_final (c, EVA_EVENT_OK, ret, &m);
  case EVA__WIRE_ERR:
    return on_final (c, EVA_EVENT_ERR, ret, &m);
  case EVA__WIRE_DATA:
  case EVA__WIRE_END:
  case EVA__WIRE_INQUIRE:
    return on_reply (c, ret, &m);
  default:
    return EVA_E_SYNTAX;
  }
}

/* A client gets a line of a reply that it gave up.  */
static int
on_unwanted_response (eva_conn *c, char *line, size_t len, struct eva_event *ret) {
  struct eva__wire_message m;

  parse_response (line, len, &m);
  if (m.kind == EVA__WIRE_INQUIRE) {
    int rc = eva__conn_say_can (c);
    if (rc) c->lent = false; /* the inquiry waits until there is room for the answer */
    return rc ? rc : skipped (ret, line, len);
  }
  if (m.kind == EVA__WIRE_OK || m.kind == EVA__WIRE_ERR) end_reply (c);
  return skipped (ret, line, len);
}

/* Hands a whole line to whom the state says.  The table of states is in state.c.  */
static int
on_line (eva_conn *c, char *line, size_t len, struct eva_event *ret) {
  switch (c->state) {
  case EVA_STATE_INQUIRY:
  case EVA_STATE_OVERFLOW:
    return on_answer (c, line, len, ret);
  case EVA_STATE_STRAGGLER:
    return on_late_answer (c, line, len, ret);
  case EVA_STATE_DRAINING:
    return on_unwanted_response (c, line, len, ret);
  default:
    return c->owner.config->role == EVA_ROLE_SERVER ? on_request (c, line, len, ret)
                                                    : on_response (c, line, len, ret);
  }
}

/* Returns true if lines have to wait: a server has not greeted yet, or is busy with a command.  */
static bool
holds_lines (const eva_conn *c) {
  if (c->owner.config->role == EVA_ROLE_CLIENT) return false;
  return c->state == EVA_STATE_GREETING || c->state == EVA_STATE_COMMAND;
}

/* Nothing is left to hand out but, once, the end of file.  */
static int
next_eof (eva_conn *c, struct eva_event *ret) {
  if (!c->eof || c->eof_told || c->state == EVA_STATE_CLOSED) return 0;
  c->eof_told = true;
  *ret = (struct eva_event){ .type = EVA_EVENT_EOF, .text = c->nothing };
  return 1;
}

int
eva_conn_next (eva_conn *c, struct eva_event *ret) {
  char *line;
  size_t len;
  int rc;

  end_loan (c);
  if (c->state == EVA_STATE_CLOSED) return eva_conn_next_line (c, &line, &len);
  rc = eva__wire_lines_peek (&c->in, &line, &len);
  if (rc && holds_lines (c)) return 0;
  if (rc == 1) {
    c->lent = true;
    return on_line (c, line, len, ret);
  }
  if (rc < 0) {
    on_long_line (c);
    eva__wire_lines_consume (&c->in);
    return rc;
  }
  rc = finish (c);
  return rc < 0 ? rc : next_eof (c, ret);
}
