/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* response.c - what a client hears: greeting, replies, and inquiries in them.  */

#include "conn/response.h"

#include "conn/event.h"
#include "conn/say.h"

#include <string.h>

/* Ends a reply: a client's request was answered, well or not.  */
static void
end_reply (eva_conn *c) {
  if (c->state == EVA_STATE_ANSWERING) c->owes_answer = true;
  c->n_pending--;
  eva__conn_set_state (c, c->n_pending ? EVA_STATE_PENDING : EVA_STATE_IDLE);
}

/* A client's request got its OK or ERR.  */
static int
on_final (eva_conn *c, enum eva_event_type type, struct eva_event *ret,
          struct eva__wire_message *m) {
  if (c->state == EVA_STATE_GREETING) {
    eva__conn_set_state (c, type == EVA_EVENT_OK ? EVA_STATE_IDLE : EVA_STATE_CLOSED);
    return eva__conn_event (ret, type, m);
  }
  if (!c->n_pending) return EVA_E_STATE; /* nothing was asked */
  end_reply (c);
  return eva__conn_event (ret, type, m);
}

/* Parses a response.  An ERR whose number cannot be read still ends a reply, and is no success: its
   code is 0, which no ERR can have.  */
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
  if (m->kind == EVA__WIRE_DATA) return eva__conn_event_data (c, ret, m);
  if (m->kind == EVA__WIRE_END) return eva__conn_event (ret, EVA_EVENT_END, m);
  eva__conn_set_state (c, EVA_STATE_ANSWERING);
  return eva__conn_event (ret, EVA_EVENT_INQUIRE, m);
}

static int
on_wanted_response (eva_conn *c, char *line, size_t len, struct eva_event *ret) {
  struct eva__wire_message m;

  parse_response (line, len, &m);
  switch (m.kind) {
  case EVA__WIRE_NOTHING:
    return eva__conn_event_skipped (ret, line, len);
  case EVA__WIRE_COMMENT:
    return eva__conn_event (ret, EVA_EVENT_COMMENT, &m);
  case EVA__WIRE_STATUS:
    if (c->state == EVA_STATE_GREETING) return EVA_E_STATE;
    return eva__conn_event (ret, EVA_EVENT_STATUS, &m);
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
    return rc ? rc : eva__conn_event_skipped (ret, line, len);
  }
  if (m.kind == EVA__WIRE_OK || m.kind == EVA__WIRE_ERR) end_reply (c);
  return eva__conn_event_skipped (ret, line, len);
}

/* --- What comes ------------------------------------------------------------------------------- */

/* One inquiry at a time: each has an END or CAN of its own.  */
__attribute__ ((noinline)) bool
eva__conn_holds_response (const eva_conn *c, char *line, size_t len) {
  struct eva__wire_message m;

  if (c->state != EVA_STATE_ANSWERING) return false;
  eva__wire_parse_response (line, len, &m);
  return m.kind == EVA__WIRE_INQUIRE;
}

__attribute__ ((noinline)) int
eva__conn_on_response (eva_conn *c, char *line, size_t len, struct eva_event *ret) {
  if (c->state == EVA_STATE_DRAINING) return on_unwanted_response (c, line, len, ret);
  return on_wanted_response (c, line, len, ret);
}

int
eva__conn_on_long_response (eva_conn *c, char *line, struct eva_event *ret) {
  bool is_wanted = c->state != EVA_STATE_DRAINING;
  struct eva__wire_message m;

  parse_response (line, EVA_LINE_SIZE, &m);
  if (!is_wanted) {
    int rc = on_unwanted_response (c, line, EVA_LINE_SIZE, ret);
    return rc < 0 ? rc : eva__conn_event_skipped (ret, c->nothing, 0);
  }
  if (c->n_pending && (m.kind == EVA__WIRE_OK || m.kind == EVA__WIRE_ERR)) end_reply (c);
  if (c->n_pending && m.kind == EVA__WIRE_INQUIRE) eva__conn_set_state (c, EVA_STATE_ANSWERING);
  return EVA_E_LINE_TOO_LONG;
}
