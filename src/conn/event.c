/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* event.c - events out of messages.  See event.h.  */

#include "conn/event.h"

#include "wire/escape.h"

#include <string.h>

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

/* Undoes the escapes of the data that M, the line at hand, has.  In bulk there is room in front of
   it, where lines were used up, and behind it: then many octets go at a time, to the room in front.
   The line begins there from then on, so that all of it is wiped when it is used up.  */
static int
unescape (eva_conn *c, struct eva__wire_message *m) {
  struct eva__wire_lines *l = &c->in;

  if (c->owner.config->flags & EVA_CONN_STRICT)
    return eva__wire_unescape (m->text, m->text_len, true, &m->text_len);
  if (l->head < EVA__WIRE_SLACK || l->size - l->scan < EVA__WIRE_SLACK)
    return eva__wire_unescape (m->text, m->text_len, false, &m->text_len);
  if (!memchr (m->text, '%', m->text_len)) return 0;
  l->head -= EVA__WIRE_SLACK;
  m->text_len = eva__wire_unescape_to (m->text - EVA__WIRE_SLACK, m->text, m->text_len);
  m->text -= EVA__WIRE_SLACK;
  return 0;
}

int
eva__conn_event_data (eva_conn *c, struct eva_event *ret, struct eva__wire_message *m) {
  int rc = unescape (c, m);

  if (rc) return rc;
  m->text[m->text_len] = 0; /* there is room: the line's own NUL is at or behind it */
  return eva__conn_event (ret, EVA_EVENT_DATA, m);
}

int
eva__conn_event_skipped (struct eva_event *ret, char *line, size_t len) {
  *ret = (struct eva_event) { .type = EVA_EVENT_SKIPPED, .text = line, .text_len = len };
  return 1;
}
