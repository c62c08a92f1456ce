/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* say.c - what is said.

   Each line is put together in the queue, from which it is sent.  */

#include "conn/say.h"

#include "conn/state.h"
#include "wire/escape.h"
#include "wire/message.h"
#include "wire/wipe.h"

#include <string.h>

/* A sign, the decimal digits of a 32-bit number, and a NUL.  */
#define CODE_SIZE 12

/* A line of WORD alone.  Where WORD is known, copying it is a single move.  */
static inline __attribute__ ((always_inline)) int
say_word (eva_conn *c, const char *word) {
  size_t len = strlen (word);
  char *dst;
  int rc;

  if (len > EVA_LINE_MAX) return EVA_E_LINE_TOO_LONG;
  eva__conn_queue_close_line (&c->out);
  rc = eva__conn_queue_reserve (&c->out, &c->owner, len + 1, &dst);
  if (rc) return rc;
  memcpy (dst, word, len);
  eva__conn_queue_commit (&c->out, len);
  return 0;
}

/* A line in parts: WORD, a blank, TEXT; WORD alone if TEXT is NULL.  */
static __attribute__ ((noinline)) int
say (eva_conn *c, const char *word, const char *text) {
  size_t word_len = strlen (word);
  size_t text_len = text ? strlen (text) : 0;
  size_t len = word_len + 1 + text_len;
  char *dst;
  int rc;

  if (!text) return say_word (c, word);
  if (len > EVA_LINE_MAX) return EVA_E_LINE_TOO_LONG;
  if (text_len && memchr (text, '\n', text_len)) return EVA_E_TEXT;
  eva__conn_queue_close_line (&c->out);
  rc = eva__conn_queue_reserve (&c->out, &c->owner, len + 1, &dst);
  if (rc) return rc;
  memcpy (dst, word, word_len);
  dst[word_len] = ' ';
  memcpy (dst + word_len + 1, text, text_len);
  eva__conn_queue_commit (&c->out, len);
  return 0;
}

/* The same with a third part: WORD, a blank, KEYWORD and then TEXT as above.  */
static int
say_keyword (eva_conn *c, const char *word, const char *keyword, const char *text) {
  char head[EVA_LINE_MAX + 1];
  size_t word_len = strlen (word);
  size_t keyword_len = strlen (keyword);
  int rc;

  if (word_len + 1 + keyword_len > EVA_LINE_MAX) return EVA_E_LINE_TOO_LONG;
  if (memchr (keyword, '\n', keyword_len)) return EVA_E_TEXT;
  memcpy (head, word, word_len);
  head[word_len] = ' ';
  memcpy (head + word_len + 1, keyword, keyword_len + 1);
  rc = say (c, head, text);
  eva__wire_wipe (head, word_len + 1 + keyword_len);
  return rc;
}

/* Returns true if a server waits for the answer to an inquiry.  */
static bool
is_inquiring (const eva_conn *c) {
  return c->state == EVA_STATE_INQUIRY || c->state == EVA_STATE_OVERFLOW;
}

/* The state after a server's OK or ERR.  An inquiry that is open leaves the client's answer to
   come.  */
static void
finish_command (eva_conn *c) {
  if (EVA__SELDOM (is_inquiring (c))) c->n_owed++;
  eva__conn_set_state (c, eva__conn_rest_state (c));
}

/* Every command ends here: calls would cost as much as what they do.  */
__attribute__ ((flatten, hot)) int
eva_conn_ok (eva_conn *c, const char *text) {
  int rc = eva__conn_may_say (c, EVA__SAY_OK);

  if (!rc) rc = EVA__SELDOM (text) ? say (c, "OK", text) : say_word (c, "OK");
  if (!rc) finish_command (c);
  return rc;
}

/* Writes CODE in decimal to the end of BUF and returns where it begins.  Peers read a signed
   number.  */
static char *
format_code (uint32_t code, char buf[CODE_SIZE]) {
  uint32_t left = code > INT32_MAX ? 0 - code : code;
  char *p = buf + CODE_SIZE - 1;

  *p = 0;
  do {
    *--p = (char) ('0' + left % 10);
    left /= 10;
  } while (left);
  if (code > INT32_MAX) *--p = '-';
  return p;
}

/* The state after a server's ERR.  In place of a greeting it refuses the client.  */
static void
finish_with_err (eva_conn *c) {
  if (c->state == EVA_STATE_GREETING)
    eva_conn_close (c);
  else
    finish_command (c);
}

int
eva_conn_err (eva_conn *c, uint32_t code, const char *text) {
  int rc = eva__conn_may_say (c, EVA__SAY_ERR);
  char buf[CODE_SIZE];

  if (!rc) rc = say_keyword (c, "ERR", format_code (code, buf), text);
  if (!rc) finish_with_err (c);
  return rc;
}

int
eva_conn_status (eva_conn *c, const char *keyword, const char *text) {
  int rc = eva__conn_may_say (c, EVA__SAY_STATUS);

  return rc ? rc : say_keyword (c, "S", keyword, text);
}

int
eva_conn_comment (eva_conn *c, const char *text) {
  int rc = eva__conn_may_say (c, EVA__SAY_COMMENT);

  return rc ? rc : say (c, "#", text);
}

static void
begin_inquiry (eva_conn *c, size_t max_len) {
  c->inquiry_left = max_len ? max_len : SIZE_MAX;
  c->wants_raw = c->gave_raw = false;
  c->is_aside = c->state != EVA_STATE_COMMAND;
  eva__conn_set_state (c, EVA_STATE_INQUIRY);
}

int
eva_conn_inquire (eva_conn *c, const char *keyword, size_t max_len) {
  int rc = eva__conn_may_say (c, EVA__SAY_INQUIRE);

  if (!rc) rc = say_keyword (c, "INQUIRE", keyword, NULL);
  if (!rc) begin_inquiry (c, max_len);
  return rc;
}

/* Returns true if COMMAND reads like a line of an answer.  */
static bool
is_like_answer (const char *command) {
  struct eva__wire_message m;

  eva__wire_parse_answer ((char *) command, strlen (command), &m); /* writes nothing to it */
  return m.kind != EVA__WIRE_INVALID;
}

/* A client has said a request.  */
static void
begin_reply (eva_conn *c) {
  c->owes_answer = false;
  c->n_pending++;
  eva__conn_set_state (c, EVA_STATE_PENDING);
}

/* A client may send requests ahead: replies come in their order, so counting them is enough.  If
   the server replied without waiting for an answer, it takes a request that reads like an answer
   for one.  */
int
eva_conn_command (eva_conn *c, const char *command) {
  bool silent = !*command || *command == '#';
  int rc = eva__conn_may_say (c, silent ? EVA__SAY_LINE : EVA__SAY_COMMAND);

  if (!rc && strchr (command, '\n')) rc = EVA_E_TEXT;
  if (!rc && !silent && c->owes_answer && is_like_answer (command)) rc = EVA_E_STATE;
  if (!rc) rc = say (c, command, NULL);
  if (!rc && !silent) begin_reply (c);
  return rc;
}

/* Begins a data line if none is open, and reserves room for the longest line.  */
static int
open_data_line (eva_conn *c) {
  char *dst;
  int rc;

  if (c->out.open_len) return 0;
  rc = eva__conn_queue_reserve (&c->out, &c->owner, EVA_LINE_SIZE, &dst);
  if (rc) return rc;
  memcpy (dst, "D ", 2);
  eva__conn_queue_grow_line (&c->out, 2);
  return 0;
}

/* Begins each line only when there is room for the longest one, so an open line can always be
   filled and ended, whatever the limits say by then.  */
int
eva_conn_data (eva_conn *c, const void *buf, size_t len, size_t *ret_taken) {
  const char *src = buf;
  int rc = eva__conn_may_say (c, EVA__SAY_DATA);

  *ret_taken = 0;
  while (!rc && *ret_taken < len) {
    struct eva__conn_queue *q = &c->out;
    size_t len_here, used;
    rc = open_data_line (c);
    if (rc) break;
    len_here = eva__wire_escape (q->tail->data + q->tail->end + q->open_len,
                                 EVA__WIRE_DATA_FILL - q->open_len, src + *ret_taken,
                                 len - *ret_taken, &used);
    eva__conn_queue_grow_line (q, q->open_len + len_here);
    *ret_taken += used;
    if (q->open_len >= EVA__WIRE_DATA_FILL) eva__conn_queue_close_line (q);
  }
  return rc;
}

int
eva_conn_flush (eva_conn *c) {
  eva__conn_queue_close_line (&c->out);
  return 0;
}

/* A client said END or CAN.  */
static void
end_answer (eva_conn *c) {
  c->owes_answer = false;
  if (c->state == EVA_STATE_ANSWERING) eva__conn_set_state (c, EVA_STATE_PENDING);
}

int
eva_conn_end (eva_conn *c) {
  int rc = eva__conn_may_say (c, EVA__SAY_END);

  if (!rc) rc = say (c, "END", NULL);
  if (!rc) end_answer (c);
  return rc;
}

int
eva__conn_say_can (eva_conn *c) {
  return say (c, "CAN", NULL);
}

int
eva_conn_can (eva_conn *c) {
  int rc = eva__conn_may_say (c, EVA__SAY_CAN);

  if (!rc) rc = eva__conn_say_can (c);
  if (!rc) end_answer (c);
  return rc;
}

int
eva_conn_line (eva_conn *c, const char *line, size_t len) {
  int rc = eva__conn_may_say (c, EVA__SAY_LINE);
  char *dst;

  if (rc) return rc;
  if (len > EVA_LINE_MAX) return EVA_E_LINE_TOO_LONG;
  if (len && memchr (line, '\n', len)) return EVA_E_TEXT;
  eva__conn_queue_close_line (&c->out);
  rc = eva__conn_queue_reserve (&c->out, &c->owner, len + 1, &dst);
  if (rc) return rc;
  if (len) memcpy (dst, line, len);
  eva__conn_queue_commit (&c->out, len);
  return 0;
}

/* The verb that a line of KIND is.  */
static enum eva__conn_verb
verb_of (enum eva__wire_kind kind) {
  static const enum eva__conn_verb verbs[] = {
    [EVA__WIRE_NOTHING] = EVA__SAY_LINE,    [EVA__WIRE_COMMENT] = EVA__SAY_COMMENT,
    [EVA__WIRE_COMMAND] = EVA__SAY_COMMAND, [EVA__WIRE_DATA] = EVA__SAY_DATA,
    [EVA__WIRE_END] = EVA__SAY_END,         [EVA__WIRE_CANCEL] = EVA__SAY_CAN,
    [EVA__WIRE_OK] = EVA__SAY_OK,           [EVA__WIRE_ERR] = EVA__SAY_ERR,
    [EVA__WIRE_STATUS] = EVA__SAY_STATUS,   [EVA__WIRE_INQUIRE] = EVA__SAY_INQUIRE,
  };

  return verbs[kind];
}

/* What LINE is when this end says it.  An ERR whose number cannot be read is one.  */
static enum eva__wire_kind
kind_of (const eva_conn *c, const char *line, size_t len) {
  char *text = (char *) line; /* of which nothing is changed */
  struct eva__wire_message m;
  size_t word_len;

  if (c->owner.config->role == EVA_ROLE_SERVER) {
    eva__wire_parse_response (text, len, &m);
    return m.kind == EVA__WIRE_INVALID ? eva__wire_find_keyword (line, len, &word_len) : m.kind;
  }
  if (c->state == EVA_STATE_ANSWERING || c->owes_answer) {
    eva__wire_parse_answer (text, len, &m);
    if (m.kind != EVA__WIRE_INVALID) return m.kind;
  }
  eva__wire_parse_request (text, len, &m);
  return m.kind;
}

/* The state after a line of KIND was said.  */
static void
move_behind (eva_conn *c, enum eva__wire_kind kind) {
  switch (kind) {
  case EVA__WIRE_OK:
    finish_command (c);
    return;
  case EVA__WIRE_ERR:
    finish_with_err (c);
    return;
  case EVA__WIRE_INQUIRE:
    begin_inquiry (c, 0);
    return;
  case EVA__WIRE_COMMAND:
    begin_reply (c);
    return;
  case EVA__WIRE_END:
  case EVA__WIRE_CANCEL:
    end_answer (c); /* which does nothing to a server */
    return;
  default:
    return;
  }
}

int
eva_conn_pass (eva_conn *c, const char *line, size_t len) {
  enum eva__wire_kind kind;
  int rc;

  if (c->state == EVA_STATE_CLOSED) return EVA_E_CLOSED;
  if (len > EVA_LINE_MAX) return EVA_E_LINE_TOO_LONG;
  kind = kind_of (c, line, len);
  if (kind == EVA__WIRE_INVALID) return EVA_E_SYNTAX;
  rc = eva__conn_may_say (c, verb_of (kind));
  if (!rc) rc = eva_conn_line (c, line, len);
  if (!rc) move_behind (c, kind);
  return rc;
}

/* The inquiry itself is not taken back: its answer still comes, and is skipped, while the command
   goes on.  */
static int
drain_answer (eva_conn *c) {
  if (!is_inquiring (c)) return EVA_E_STATE;
  if (c->is_aside) c->has_crossed = true; /* the next request may be on its way */
  c->n_owed++;
  eva__conn_end_inquiry (c);
  return 0;
}

/* A command is not taken back either: the protocol has no way to.  The server may go on working on
   a reply that is dropped.  */
static int
drain_reply (eva_conn *c) {
  if (c->state != EVA_STATE_PENDING && c->state != EVA_STATE_ANSWERING) return EVA_E_STATE;
  if (c->state == EVA_STATE_ANSWERING) {
    int rc = eva__conn_say_can (c);
    if (rc) return rc;
  }
  eva__conn_set_state (c, EVA_STATE_DRAINING);
  return 0;
}

int
eva_conn_drain (eva_conn *c) {
  if (c->state == EVA_STATE_CLOSED) return EVA_E_CLOSED;
  return c->owner.config->role == EVA_ROLE_SERVER ? drain_answer (c) : drain_reply (c);
}

void
eva_conn_forget (eva_conn *c) {
  if (c->owner.config->role != EVA_ROLE_CLIENT || c->state == EVA_STATE_GREETING) return;
  c->n_pending = 0;
  if (c->state == EVA_STATE_ANSWERING) c->owes_answer = true;
  if (c->state != EVA_STATE_CLOSED) eva__conn_set_state (c, EVA_STATE_IDLE);
}
