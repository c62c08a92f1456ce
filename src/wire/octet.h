/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* octet.h - single octets: their kinds, and their escapes.  The functions of ctype.h ask the
   locale, which must not change what a peer said.  All of this is inline: data pass here octet by
   octet.  */

#ifndef EVA__WIRE_OCTET_H
#define EVA__WIRE_OCTET_H

#include <stdbool.h>
#include <stddef.h>

static inline bool
eva__wire_is_wsp (char c) {
  return c == ' ' || c == '\t';
}

static inline bool
eva__wire_is_digit (char c) {
  return c >= '0' && c <= '9';
}

/* Returns whether C is a control character or DEL: none that a line of text should have.  */
static inline bool
eva__wire_is_control (char c) {
  return (unsigned char) c < ' ' || c == '\x7f';
}

/* Returns the value of a hex digit, or -1.  Which digits come is chance: a processor that had to
   guess a branch for each would be wrong often.  */
static inline int
eva__wire_hex_value (char c) {
  static const unsigned char one_more[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
    ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
  };

  return one_more[(unsigned char) c] - 1;
}

/* Returns the digit for VALUE, which is less than 16.  */
static inline char
eva__wire_hex_digit (unsigned int value) {
  return "0123456789ABCDEF"[value & 15];
}

/* Writes the escape of C, three octets.  */
static inline void
eva__wire_put_escape (char *dst, char c) {
  unsigned int value = (unsigned char) c;

  dst[0] = '%';
  dst[1] = eva__wire_hex_digit (value >> 4);
  dst[2] = eva__wire_hex_digit (value);
}

/* Returns the octet that the escape at BUF stands for, or -1 if the LEN octets at BUF do not
   begin with a whole escape.  */
static inline int
eva__wire_escape_value (const char *buf, size_t len) {
  if (len < 3) return -1;

  int high = eva__wire_hex_value (buf[1]);
  int low = eva__wire_hex_value (buf[2]);
  /* Two branches, which are guessed right: as one condition they make compilers wait for both
     values before they look at the next octet.  */
  if (high < 0 || low < 0) return -1;
  return high * 16 + low;
}

/* Takes the escape or octet at READ, of LEN octets that are left, stores the octet that it means at
   WRITE and returns how many octets it took.  WRITE may be READ.  */
static inline size_t
eva__wire_take_octet (char *write, const char *read, size_t len) {
  int value = *read == '%' ? eva__wire_escape_value (read, len) : -1;

  if (value < 0) {
    *write = *read;
    return 1;
  }
  *write = (char) (unsigned char) value;
  return 3;
}

#endif /* EVA__WIRE_OCTET_H */
