/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* terminal.h - what depends on a terminal: colours, the pager, lines that are typed without
   editing.  */

#ifndef ASSUANCTL_TERMINAL_H
#define ASSUANCTL_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

/* What is shown in a colour of its own.  Colour never carries meaning alone.  */
enum terminal_color {
  TERMINAL_PLAIN, /* ends the others */
  TERMINAL_NAME,
  TERMINAL_ERROR,
  TERMINAL_STATUS,
  TERMINAL_COMMENT,
};

/* Returns the sequence for COLOR on stdout, or "" if there are to be no colours.  */
const char *terminal_color (enum terminal_color color);

/* Returns true if FILE is a terminal; asks once for each of stdout and stderr.  */
bool terminal_is (FILE *file);

/* Returns the next line of stdin, without its LF and to be freed, behind PROMPT; NULL at the
   end.  */
char *terminal_read (const char *prompt);

/* If stdout is a terminal, and a pager is wanted, starts one: what is printed to stdout goes there
   from then on.  terminal_end waits for it.  */
void terminal_start_pager (void);
void terminal_end (void);

#endif /* ASSUANCTL_TERMINAL_H */
