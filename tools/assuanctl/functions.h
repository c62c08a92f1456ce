/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* functions.h - the functions of scripts, `${NAME ARGUMENTS}`.  */

#ifndef ASSUANCTL_FUNCTIONS_H
#define ASSUANCTL_FUNCTIONS_H

/* Returns the value of NAME for ARGUMENTS, to be freed.  For an unknown function it prints a
   message, and returns an empty string.  */
char *functions_call (const char *name, const char *arguments);

/* What `${get serverpid}` is.  */
void functions_set_pid (long pid);

#endif /* ASSUANCTL_FUNCTIONS_H */
