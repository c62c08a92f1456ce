/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* text.h - octets as text: what is printable, what is UTF-8, percent escapes, numbers.

   A server's octets never reach a terminal as control characters.  */

#ifndef ASSUANCTL_TEXT_H
#define ASSUANCTL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Memory that must be there: the tool cannot go on without it.  */
void *text_alloc (size_t size);
char *text_dup (const char *text);
char *text_part (const char *text, size_t len);
char *text_format (const char *format, ...) __attribute__ ((format (printf, 1, 2)));

/* Returns the length of the character at BUF, of LEN octets, or 0 if there is no valid UTF-8.  */
size_t text_char_len (const char *buf, size_t len);

/* Returns true if all LEN octets at BUF are UTF-8 without NUL.  */
bool text_is_utf8 (const char *buf, size_t len);

/* Writes LEN octets at BUF to FILE; what is no printable UTF-8 as %XX.  A LF is kept if
   KEEPS_LF.  */
void text_print (FILE *file, const char *buf, size_t len, bool keeps_lf);

/* Returns TEXT that was made fit for one line of a message, to be freed.  */
char *text_printable (const char *text);

/* Reads a time, `1.5s`, `500ms`, `2min`, or a bare number of seconds; 0 is none.  Returns false for
   anything else.  */
bool text_parse_time (const char *text, unsigned int *ret_ms);

/* Reads a decimal number from 0 to MAX.  */
bool text_parse_number (const char *text, unsigned long max, unsigned long *ret_number);

/* Returns TEXT with every %XX as its octet, to be freed, and its length at RET_LEN unless that is
   NULL.  A `%` that no two hex digits follow is kept.  */
char *text_unescape (const char *text, size_t *ret_len);

/* Returns TEXT with %XX for `%`, `+`, controls and, unless PLUS, blanks, which PLUS turns into `+`.
   To be freed.  */
char *text_escape (const char *text, bool plus);

/* Returns the octets of TEXT in hex, to be freed.  */
char *text_hex (const char *text);

/* If TEXT begins with PREFIX, returns what follows, else NULL.  */
const char *text_skip (const char *text, const char *prefix);

#endif /* ASSUANCTL_TEXT_H */
