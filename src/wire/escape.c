/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* escape.c - percent escapes of data lines.

     data   = *(octet / escape)        octet: any but "%", CR, LF
     escape = "%" 2HEXDIG

   Bulk data spend most of their time here, and hardly ever need an escape.  So there are two ways:
   octet by octet, and for x86-64 many octets at a time.  Both give the same result in every case; a
   test and a fuzz target compare them.  */

#include "escape.h"

#include <string.h>

#include "eva-conn.h"
#include "octet.h"
#include "plain.h"
#include "wide.h"
#include "wipe.h"

/* Runs without an escape move as a whole.  Wipes what is left of the encoded form behind the
   result, which may be a piece of a passphrase.  */
int
eva__wire_unescape (char *buf, size_t len, bool strict, size_t *ret_len) {
  size_t n_written = 0, n_read = 0;

  if (strict && eva__wire_has_malformed (buf, len)) return EVA_E_ESCAPE;
  while (n_read < len) {
    const char *percent = memchr (buf + n_read, '%', len - n_read);
    size_t run = percent ? (size_t) (percent - buf) - n_read : len - n_read;
    if (run && n_written < n_read) memmove (buf + n_written, buf + n_read, run);
    n_written += run;
    n_read += run;
    while (n_read < len && buf[n_read] == '%')
      n_read += eva__wire_take_octet (buf + n_written++, buf + n_read, len - n_read);
  }
  eva__wire_wipe (buf + n_written, len - n_written);
  *ret_len = n_written;
  return 0;
}

#ifdef EVA__WIRE_WIDE

/* --- Many octets at a time -------------------------------------------------------------------- */

/* Octets that go octet by octet in less time.  */
#  define FEW 32

static inline const struct eva__wire_wide *
widest (void) {
  return eva__wire_has_avx2 () ? &eva__wire_avx2 : &eva__wire_sse2;
}

/* The end of SRC goes by way of memory that has octets behind it, as vectors reach too far.  */
static size_t
escape_end (char *dst, size_t fill, const char *src, size_t len, size_t *ret_used) {
  char end[2 * EVA__WIRE_SLACK];
  size_t n;

  if (len < FEW) return eva__wire_escape_plain (dst, fill, src, len, ret_used);
  memcpy (end, src, len);
  n = widest ()->escape (dst, fill, end, len, ret_used);
  eva__wire_wipe (end, len);
  return n;
}

size_t
eva__wire_escape (char *dst, size_t fill, const char *src, size_t src_len, size_t *ret_used) {
  size_t n_written = 0, n_used = 0;

  if (src_len > EVA__WIRE_SLACK)
    n_written = widest ()->escape (dst, fill, src, src_len - EVA__WIRE_SLACK, &n_used);
  if (n_written < fill) {
    n_written +=
        escape_end (dst + n_written, fill - n_written, src + n_used, src_len - n_used, ret_used);
    n_used += *ret_used;
  }
  eva__wire_wipe (dst + n_written, EVA__WIRE_SLACK);
  *ret_used = n_used;
  return n_written;
}

size_t
eva__wire_unescape_to (char *dst, const char *src, size_t len) {
  return widest ()->unescape (dst, src, len);
}

#else

size_t
eva__wire_escape (char *dst, size_t fill, const char *src, size_t src_len, size_t *ret_used) {
  return eva__wire_escape_plain (dst, fill, src, src_len, ret_used);
}

size_t
eva__wire_unescape_to (char *dst, const char *src, size_t len) {
  return eva__wire_unescape_to_plain (dst, src, len);
}

#endif
