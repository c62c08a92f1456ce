/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* octet.h - kinds of octets.  Those of ctype.h ask the locale, which must not change what a peer
   said.  */

#ifndef EVA__WIRE_OCTET_H
#define EVA__WIRE_OCTET_H

#include <stdbool.h>

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

/* Returns the value of a hex digit, or -1.  */
static inline int
eva__wire_hex_value (char c) {
  if (eva__wire_is_digit (c)) return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

/* Returns the digit for VALUE, which is less than 16.  */
static inline char
eva__wire_hex_digit (unsigned int value) {
  return "0123456789ABCDEF"[value & 15];
}

#endif /* EVA__WIRE_OCTET_H */
