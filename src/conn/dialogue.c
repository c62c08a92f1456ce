/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dialogue.c - from lines to events: hands each line to the role that hears it.  */

#include "conn/conn.h"
#include "conn/input.h"
#include "conn/request.h"
#include "conn/response.h"

/* Returns true if LINE, of LEN octets or over-long, has to wait.  */
static bool
holds (const eva_conn *c, char *line, size_t len) {
  return c->owner.config->role == EVA_ROLE_SERVER ? eva__conn_holds_request (c, line, len)
                                                  : eva__conn_holds_response (c, line, len);
}

static int
on_line (eva_conn *c, char *line, size_t len, struct eva_event *ret) {
  return c->owner.config->role == EVA_ROLE_SERVER ? eva__conn_on_request (c, line, len, ret)
                                                  : eva__conn_on_response (c, line, len, ret);
}

/* The same with the start of an over-long line.  The octets that have come of it are used up at
   once, unless the line has to stay.  */
static __attribute__ ((noinline)) int
on_long_line (eva_conn *c, char *line, struct eva_event *ret) {
  int rc = c->owner.config->role == EVA_ROLE_SERVER ? eva__conn_on_long_request (c, line, ret)
                                                    : eva__conn_on_long_response (c, line, ret);

  if (c->lent) eva__wire_lines_consume (&c->in);
  c->lent = false;
  return rc;
}

/* Looks at the next line, as eva__wire_lines_peek does; at the start of one that is over-long.  */
static int
peek (eva_conn *c, char **ret_line, size_t *ret_len) {
  int rc = eva__wire_lines_peek (&c->in, ret_line, ret_len);

  if (rc < 0) {
    *ret_line = c->in.base + c->in.head;
    *ret_len = EVA_LINE_SIZE;
  }
  return rc;
}

bool
eva__conn_holds_line (eva_conn *c) {
  char *line;
  size_t len;

  eva__conn_take_back (c);
  return peek (c, &line, &len) && holds (c, line, len);
}

/* Hands out the end of file, once; nothing else is left.  */
static int
next_eof (eva_conn *c, struct eva_event *ret) {
  if (!c->eof || c->eof_told || c->state == EVA_STATE_CLOSED) return 0;
  c->eof_told = true;
  *ret = (struct eva_event) { .type = EVA_EVENT_EOF, .text = c->nothing };
  return 1;
}

/* Every line passes here: calls would cost as much as what they do, but for what few lines need,
   which stands apart (noinline).  */
__attribute__ ((flatten, hot)) int
eva_conn_next (eva_conn *c, struct eva_event *ret) {
  char *line;
  size_t len;
  int rc;

  eva__conn_take_back (c);
  if (EVA__SELDOM (c->state == EVA_STATE_CLOSED)) {
    eva__conn_drop_input (c);
    return 0;
  }
  rc = peek (c, &line, &len);
  if (EVA__SELDOM (!rc)) {
    rc = eva__conn_finish_input (c);
    return rc < 0 ? rc : next_eof (c, ret);
  }
  if (EVA__SELDOM (holds (c, line, len))) return 0;
  c->lent = true;
  return EVA__SELDOM (rc < 0) ? on_long_line (c, line, ret) : on_line (c, line, len, ret);
}
