/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* progress.h - `S PROGRESS what char current total` as one line on a terminal, rewritten at most
   ten times a second and wiped at the end.  */

#ifndef ASSUANCTL_PROGRESS_H
#define ASSUANCTL_PROGRESS_H

#include <stdbool.h>

/* Shows the status line TEXT.  Returns false if it is no progress, or stderr is to have no bar.  */
bool progress_show (const char *text);

/* Wipes the line, if there is one, before something else is printed.  */
void progress_clear (void);

#endif /* ASSUANCTL_PROGRESS_H */
