/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* lines.h - octets into lines, in place.

   A line ends in LF; one CR before it is dropped.  Lines live where they were read; each octet
   is scanned for LF once, however the input was split.  An over-long line is reported once and
   skipped up to its LF.  */

#ifndef EVA__WIRE_LINES_H
#define EVA__WIRE_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A window on a buffer that its owner lends.  The octets from head to tail wait to be consumed;
   those from scan on have not been scanned.  Zero-initialized, with base NULL, it is empty.  */
struct eva__wire_lines {
  char *base;    /* the buffer, or NULL */
  uint32_t size; /* its length */
  uint32_t head; /* start of the first line that is not consumed */
  uint32_t scan; /* first octet that is not scanned; where the LF is, if found */
  uint32_t tail; /* end of the octets */
  uint32_t len;  /* length of the line at head, if found */
  bool found;    /* a whole line is at head, NUL-terminated, its LF at scan */
  bool too_long; /* the octets at head are an over-long line, not yet consumed */
  bool skipping; /* the line was reported; its rest is dropped as it comes */
};

/* Looks for the next whole line and stores it at RET_LINE, NUL-terminated and without line end, and
   its length at RET_LEN.  Looking again gives the same line until eva__wire_lines_consume.
   The out parameters may be NULL.  Returns 1; 0 if no whole line is there; EVA_E_LINE_TOO_LONG if
   the line there has over EVA_LINE_SIZE octets with its line end, or has not ended after
   EVA_LINE_SIZE octets.  */
int eva__wire_lines_peek (struct eva__wire_lines *l, char **ret_line, size_t *ret_len);

/* Consumes the line, or the error, that eva__wire_lines_peek saw, and wipes its octets.  If all is
   consumed, head, scan and tail go back to 0.  Does nothing if no line was seen.  */
void eva__wire_lines_consume (struct eva__wire_lines *l);

/* Drops and wipes everything that waits, and forgets what was seen.  base and size stay.  */
void eva__wire_lines_clear (struct eva__wire_lines *l);

/* Moves what waits to the start of the buffer, if that makes room, and returns the room behind
   tail.  A line that was seen moves too, so pointers to it end.  */
size_t eva__wire_lines_room (struct eva__wire_lines *l);

/* Moves what waits to BASE, another buffer of SIZE octets, which has room for it, and wipes it
   where it was.  A line that was seen moves too.  The old buffer is its owner's again.  */
void eva__wire_lines_move (struct eva__wire_lines *l, char *base, uint32_t size);

/* Returns how many octets wait, those of a line that was seen included.  */
static inline size_t
eva__wire_lines_waiting (const struct eva__wire_lines *l) {
  return l->tail - l->head;
}

#endif /* EVA__WIRE_LINES_H */
