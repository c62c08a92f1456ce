/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* plain.h - escapes of data lines, octet by octet: the way where there are no vectors, or escapes
   are many, and what the other ways are tested against.  */

#ifndef EVA__WIRE_PLAIN_H
#define EVA__WIRE_PLAIN_H

#include <stdbool.h>
#include <stddef.h>

/* As eva__wire_escape and eva__wire_unescape_to, but nothing is read or written behind what is
   given, and lengths have no limit.  */
size_t eva__wire_escape_plain (char *dst, size_t fill, const char *src, size_t src_len,
                               size_t *ret_used);
size_t eva__wire_unescape_to_plain (char *dst, const char *src, size_t len);

/* Returns whether there is a `%` among the LEN octets at BUF that is no escape.  */
bool eva__wire_has_malformed (const char *buf, size_t len);

#endif /* EVA__WIRE_PLAIN_H */
