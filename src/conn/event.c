/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* event.c - events out of messages.  See event.h.  */

#include "conn/event.h"

#include "wire/escape.h"

int
eva__conn_event (struct eva_event *ret, enum eva_event_type type,
                 const struct eva__wire_message *m) {
  *ret = (struct eva_event) { .type = type,
                              .word = m->word,
                              .word_len = m->word_len,
                              .text = m->text,
                              .text_len = m->text_len,
                              .code = m->code };
  return 1;
}

int
eva__conn_event_data (const eva_conn *c, struct eva_event *ret, struct eva__wire_message *m) {
  bool strict = c->owner.config->flags & EVA_CONN_STRICT;
  int rc = eva__wire_unescape (m->text, m->text_len, strict, &m->text_len);

  if (rc) return rc;
  m->text[m->text_len] = 0; /* there is room: the line's own NUL is at or behind it */
  return eva__conn_event (ret, EVA_EVENT_DATA, m);
}

int
eva__conn_event_skipped (struct eva_event *ret, char *line, size_t len) {
  *ret = (struct eva_event) { .type = EVA_EVENT_SKIPPED, .text = line, .text_len = len };
  return 1;
}
