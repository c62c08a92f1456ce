/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* report.h - the lines that a served command writes to its descriptor 3.

       S KEYWORD text    # text    D data (escaped)    INQUIRE KEYWORD args
       OK text           ERR CODE text, CODE being a number or a name  */

#ifndef ASSUANCTL_REPORT_H
#define ASSUANCTL_REPORT_H

#include <gpg-error.h>
#include <stdbool.h>
#include <stddef.h>

enum report_kind {
  REPORT_INVALID,
  REPORT_STATUS,
  REPORT_COMMENT,
  REPORT_DATA,
  REPORT_INQUIRE,
  REPORT_OK,
  REPORT_ERR,
};

struct report {
  enum report_kind kind;
  char *word; /* of STATUS: the keyword */
  char *text; /* what follows; of COMMENT the whole line; of DATA the octets */
  size_t len; /* of text */
  gpg_error_t err;
};

/* Takes LINE, a string of LEN octets which it changes, apart.  */
struct report report_parse (char *line, size_t len);

/* Octets on their way to be lines.  */
#define REPORT_SIZE 8192u

struct report_buffer {
  char octets[REPORT_SIZE + 1];
  size_t begin, end;
  bool is_skipping; /* the rest of a line that was too long */
};

/* Returns where more octets go, and how many at RET_LEN, which is 0 while a line waits.  */
char *report_room (struct report_buffer *buffer, size_t *ret_len);
void report_fed (struct report_buffer *buffer, size_t len);

/* Returns the next line, as a string, and its length; or NULL.  IS_LAST: the last line needs no LF.
   A line that is too long is NULL with *RET_TOO_LONG set.  */
char *report_next (struct report_buffer *buffer, bool is_last, size_t *ret_len, bool *ret_too_long);

#endif /* ASSUANCTL_REPORT_H */
