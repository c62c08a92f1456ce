/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* lines.c - octets into lines, in place.

     line = *(any octet but LF) [CR] LF           at most EVA_LINE_SIZE octets with its line end

   The window moves over a buffer like this:

     base          head            scan         tail          size
      |   (wiped)   | looked at     | not yet    |   (room)     |

   The scan looks at EVA_LINE_SIZE octets at most for one line: if there is no LF among them, the
   line is over-long, and it does not matter how many octets came behind them.  So the verdict is
   the same however the input was split, and an endless line is dropped piece by piece and never
   collected.  */

#include "lines.h"

#include <string.h>

#include "eva-conn.h"
#include "seldom.h"
#include "wipe.h"

static uint32_t
min_size (uint32_t a, uint32_t b) {
  return a < b ? a : b;
}

/* Returns where the next LF is in [scan, END), or END.  */
static uint32_t
find_lf (const struct eva__wire_lines *l, uint32_t end) {
  if (EVA__SELDOM (l->scan >= end)) return end; /* base may be NULL, which memchr must not see */

  const char *lf = memchr (l->base + l->scan, '\n', end - l->scan);
  return lf ? (uint32_t) (lf - l->base) : end;
}

/* Uses up the octets before END.  */
static void
advance (struct eva__wire_lines *l, uint32_t end) {
  eva__wire_wipe (l->base + l->head, end - l->head);
  l->head = l->scan = end;
  if (l->head == l->tail) l->head = l->scan = l->tail = 0;
}

/* Drops the rest of an over-long line, as far as it came.  */
static __attribute__ ((noinline)) void
skip (struct eva__wire_lines *l) {
  uint32_t lf = find_lf (l, l->tail);

  if (lf < l->tail) {
    l->skipping = false;
    advance (l, lf + 1);
  } else if (l->head < l->tail) {
    advance (l, l->tail);
  }
}

/* Scans the octets that were not scanned yet, and sets found or too_long if that decides it.  */
static void
scan_line (struct eva__wire_lines *l) {
  uint32_t end = min_size (l->tail, l->head + EVA_LINE_SIZE);
  uint32_t lf = find_lf (l, end);

  l->scan = lf;
  if (lf == end) {
    l->too_long = end - l->head == EVA_LINE_SIZE;
    return;
  }
  l->found = true;
  l->len = lf - l->head;
  if (l->len && l->base[lf - 1] == '\r') l->len--;
  l->base[l->head + l->len] = '\0';
}

int
eva__wire_lines_peek (struct eva__wire_lines *l, char **ret_line, size_t *ret_len) {
  if (EVA__SELDOM (l->skipping)) skip (l);
  if (EVA__MOSTLY (!l->found && !l->too_long))
    scan_line (l); /* while skipping, nothing is left to scan */

  if (l->too_long) return EVA_E_LINE_TOO_LONG;
  if (!l->found) return 0;

  if (ret_line) *ret_line = l->base + l->head;
  if (ret_len) *ret_len = l->len;
  return 1;
}

__attribute__ ((hot)) void
eva__wire_lines_consume (struct eva__wire_lines *l) {
  if (l->found) {
    l->found = false;
    advance (l, l->scan + 1);
  } else if (l->too_long) {
    l->too_long = false;
    l->skipping = true;
    advance (l, l->scan);
    skip (l);
  }
}

void
eva__wire_lines_clear (struct eva__wire_lines *l) {
  if (l->head < l->tail) advance (l, l->tail);
  l->found = l->too_long = l->skipping = false;
}

size_t
eva__wire_lines_room (struct eva__wire_lines *l) {
  uint32_t n_waiting = l->tail - l->head;

  /* Moves no more than was consumed, unless nothing else makes room: a peer that sends thousands of
     short lines must not make the library move all of them for each one.  */
  if (l->head && (n_waiting <= l->head || l->tail == l->size)) {
    uint32_t shift = l->head;

    memmove (l->base, l->base + shift, n_waiting);
    /* What stood at the end has left a copy there, unless that is covered already.  */
    uint32_t stale = n_waiting > shift ? n_waiting : shift;
    eva__wire_wipe (l->base + stale, l->tail - stale);
    l->head = 0;
    l->scan -= shift;
    l->tail = n_waiting;
  }
  return l->size - l->tail;
}

void
eva__wire_lines_move (struct eva__wire_lines *l, char *base, uint32_t size) {
  uint32_t n_waiting = l->tail - l->head;

  memcpy (base, l->base + l->head, n_waiting);
  eva__wire_wipe (l->base + l->head, n_waiting);
  l->base = base;
  l->size = size;
  l->scan -= l->head;
  l->head = 0;
  l->tail = n_waiting;
}
