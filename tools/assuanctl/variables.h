/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* variables.h - variables of scripts, and what `$` stands for in their lines, as in
   gpg-connect-agent.

       ${NAME}     $NAME, which ends at a blank, a tab or `$`     $$ is `$`     $? the last error
       ${FUNCTION ARGS}    nestable: get, unescape, unpercent, unpercent+, percent, percent+,
                           errcode, errsource, errstring, + - * / %, ! | &  */

#ifndef ASSUANCTL_VARIABLES_H
#define ASSUANCTL_VARIABLES_H

#include <gpg-error.h>
#include <stdbool.h>

/* Sets NAME to VALUE; NULL removes it.  */
void variables_set (const char *name, const char *value);

/* Returns the value of NAME, also of the environment, or NULL.  Valid until it is set.  */
const char *variables_get (const char *name);

/* Prints all of them, the newest first.  */
void variables_show (void);

/* What `$?` and `${get serverpid}` are.  */
void variables_set_error (gpg_error_t err);
void variables_set_pid (long pid);

/* Returns LINE with all that `$` stands for, to be freed.  */
char *variables_expand (const char *line);

/* Returns true if VALUE counts as true: `true`, `yes`, or a number that is not 0.  */
bool variables_is_true (const char *value);

void variables_deinit (void);

#endif /* ASSUANCTL_VARIABLES_H */
