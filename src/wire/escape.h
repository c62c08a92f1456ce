/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* escape.h - percent escapes of data lines.

   In data, `%`, CR and LF are written `%25`, `%0D` and `%0A`; any octet may be escaped, in
   either case of the hex digits (manual, "Server responses", "Client requests").  */

#ifndef EVA__WIRE_ESCAPE_H
#define EVA__WIRE_ESCAPE_H

#include "eva-conn.h"
#include "wide.h"

#include <stdbool.h>
#include <stddef.h>

/* A data line, its "D " included, is filled until this many octets or more stand on it: an escape
   that begins at octet 997 ends at 1000, the longest line that there may be.  */
#define EVA__WIRE_DATA_FILL (EVA_LINE_MAX - 2)

/* Escapes octets of SRC to DST while fewer than FILL octets, at most EVA_LINE_MAX, stand there and
   SRC lasts.  DST has room for FILL + 2 octets, as the last octet may need an escape, and
   EVA__WIRE_SLACK more, of which some are wiped.  Stores at RET_USED the octets of SRC that were
   used and returns the octets that were written.  */
size_t eva__wire_escape (char *dst, size_t fill, const char *src, size_t src_len, size_t *ret_used);

/* Undoes the escapes in the LEN octets at BUF in place, stores the new length at RET_LEN, and wipes
   what is left behind the result.  A `%` that two hex digits do not follow stands for itself; if
   STRICT, it is an error: EVA_E_ESCAPE, with BUF and RET_LEN untouched.  Returns 0 on success.  */
int eva__wire_unescape (char *buf, size_t len, bool strict, size_t *ret_len);

/* Undoes the escapes in the LEN octets at SRC, at most EVA_LINE_SIZE, as eva__wire_unescape does if
   not STRICT, and stores the result at DST, which is somewhere else, or EVA__WIRE_SLACK octets or
   more in front of SRC.  Both have EVA__WIRE_SLACK octets more: those of SRC are read and mean
   nothing, and behind the result those of DST become anything, octets of SRC among it.  Returns the
   length of the result.  */
size_t eva__wire_unescape_to (char *dst, const char *src, size_t len);

#endif /* EVA__WIRE_ESCAPE_H */
