/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* conn-event.c - whether an event is one that may come now, and says what the input says.  */

#include <string.h>

#include "check.h"
#include "conn-run.h"
#include "wire/escape.h"
#include "wire/plain.h"

#define KIND(event) (1u << EVA_EVENT_##event)

/* The events of each role.  */
static const unsigned int kinds[2] = {
  [EVA_ROLE_SERVER] = KIND (COMMAND) | KIND (DATA) | KIND (END) | KIND (CANCEL) | KIND (OVERFLOW)
                      | KIND (UNEXPECTED) | KIND (SKIPPED) | KIND (EOF),
  [EVA_ROLE_CLIENT] = KIND (DATA) | KIND (END) | KIND (OK) | KIND (ERR) | KIND (STATUS)
                      | KIND (INQUIRE) | KIND (COMMENT) | KIND (SKIPPED) | KIND (EOF),
};

int
run_next (struct run *r, struct eva_event *event) {
  enum eva_conn_state state = eva_conn_get_state (r->conn);
  int rc = eva_conn_next (r->conn, event);

  CHECK (rc <= 1 && rc >= EVA_E_CLOSED);
  if (state == EVA_STATE_CLOSED) CHECK (rc == 0);
  if (r->script->role != EVA_ROLE_SERVER) return rc;
  if (state != EVA_STATE_GREETING && state != EVA_STATE_COMMAND) return rc;
  /* What is left of an answer that was given up.  */
  if (rc == 1 && event->type == EVA_EVENT_SKIPPED && state == EVA_STATE_COMMAND) {
    CHECK (r->has_given_up);
    return rc;
  }
  CHECK (rc == 0 || rc == EVA_E_TRUNCATED || (rc == 1 && event->type == EVA_EVENT_EOF));
  return rc;
}

bool
run_is_kept (const struct eva_event *event) {
  return event->type == EVA_EVENT_UNEXPECTED && !event->text_len;
}

/* Returns the next line of the input, which was not handed out before, without its end.  */
static const char *
next_line (const struct run *r, size_t *ret_len) {
  const struct script *s = r->script;
  const char *line = (const char *) s->input + r->consumed_end;
  const char *lf = NULL;

  if (r->consumed_end < s->input_len) lf = memchr (line, '\n', s->input_len - r->consumed_end);
  CHECK (lf);
  CHECK (lf + 1 - line <= EVA_LINE_SIZE);
  *ret_len = (size_t) (lf - line);
  if (*ret_len && lf[-1] == '\r') --*ret_len;
  return line;
}

void
run_check_line (struct run *r, const char *line, size_t len) {
  size_t expected_len;
  const char *expected = next_line (r, &expected_len);

  CHECK (!line[len]);
  CHECK (len == expected_len && !memcmp (line, expected, len));
}

/* The text of EVENT is the end of the line.  */
static void
check_end (const struct eva_event *event, const char *line, size_t len) {
  CHECK (event->text_len <= len);
  CHECK (!memcmp (event->text, line + len - event->text_len, event->text_len));
}

static void
check_data (const struct eva_event *event, const char *line, size_t len) {
  char data[EVA_LINE_SIZE];

  CHECK (len >= 2);
  len = eva__wire_unescape_to_plain (data, line + 2, len - 2);
  CHECK (event->text_len == len && !memcmp (event->text, data, len));
}

bool
run_is_long (const struct run *r) {
  size_t len = r->script->input_len - r->consumed_end;

  if (len > EVA_LINE_SIZE) len = EVA_LINE_SIZE;
  return len == EVA_LINE_SIZE && !memchr (r->script->input + r->consumed_end, '\n', len);
}

/* EVENT says what stands on the line.  */
static void
check_text (struct run *r, const struct eva_event *event) {
  size_t len;
  const char *line;

  if (run_is_long (r)) {
    CHECK (event->type == EVA_EVENT_SKIPPED && !event->text_len);
    return;
  }
  line = next_line (r, &len);

  switch (event->type) {
  case EVA_EVENT_SKIPPED:
  case EVA_EVENT_UNEXPECTED:
  case EVA_EVENT_COMMENT:
    CHECK (event->text_len == len);
    break;
  case EVA_EVENT_COMMAND:
    CHECK (event->word_len && event->word_len + event->text_len <= len);
    CHECK (!memcmp (event->word, line, event->word_len) && !event->word[event->word_len]);
    CHECK (eva_conn_get_state (r->conn) == EVA_STATE_COMMAND);
    break;
  case EVA_EVENT_STATUS:
  case EVA_EVENT_INQUIRE:
    CHECK (event->word == event->text && event->word_len <= event->text_len);
    break;
  case EVA_EVENT_DATA:
  case EVA_EVENT_OVERFLOW:
    check_data (event, line, len);
    return;
  default:
    break;
  }
  check_end (event, line, len);
}

/* Inquired data never go beyond what was allowed, and that is told once.  */
static void
count_data (struct run *r, const struct eva_event *event) {
  if (r->script->role != EVA_ROLE_SERVER) return;
  if (event->type == EVA_EVENT_OVERFLOW) {
    CHECK (r->inquiry_max && r->inquiry_len + event->text_len > r->inquiry_max);
    r->inquiry_max = 0;
  }
  if (event->type != EVA_EVENT_DATA) return;
  r->inquiry_len += event->text_len;
  CHECK (!r->inquiry_max || r->inquiry_len <= r->inquiry_max);
}

void
run_check_event (struct run *r, const struct eva_event *event) {
  CHECK ((kinds[r->script->role] >> event->type) & 1);
  CHECK (event->text && !event->text[event->text_len]);
  if (event->type == EVA_EVENT_EOF) {
    CHECK (!r->eof_told && r->eof_fed);
    r->eof_told = true;
    return;
  }
  if (run_is_kept (event))
    CHECK (r->script->conn_flags & EVA_CONN_RAW);
  else
    check_text (r, event);
  count_data (r, event);
}
