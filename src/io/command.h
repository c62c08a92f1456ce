/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* command.h - the words of a command line.

       word   = 1*( octet / "\" octet / "'" *octet "'" / '"' *( octet / "\" octet ) '"' )

   Blanks and tabs separate words.  What stands in quotes or behind a backslash is taken as it is;
   within `"`, a backslash quotes only `"` and `\`, and stands for itself in front of others.  There
   is no shell: nothing is expanded.  */

#ifndef EVA__IO_COMMAND_H
#define EVA__IO_COMMAND_H

#include <sys/types.h>

/* Stores the words of TEXT at BUF, which has room for TEXT and its NUL, and pointers to them at
   ARGV, ended by NULL.  Both may be NULL, to count.  Returns how many there are, or -1 with errno
   EBADMSG for a quote that does not end, or a backslash at the end.  */
ssize_t eva__io_command_split (const char *text, char *buf, const char **argv);

/* Returns how many words ARGV has, which ends with NULL.  */
size_t eva__io_command_count (const char *const *argv);

#endif /* EVA__IO_COMMAND_H */
