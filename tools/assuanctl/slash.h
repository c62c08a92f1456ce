/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* slash.h - the slash commands of a shell, but for those that script.h has: /if, /while, /else,
   /end.  */

#ifndef ASSUANCTL_SLASH_H
#define ASSUANCTL_SLASH_H

#include "script.h"

/* Runs LINE, which begins with `/`.  */
enum status slash_run (struct script *script, const char *line);

/* Returns the name of the command number INDEX, with its slash, or NULL.  */
const char *slash_get_name (size_t index);

/* Closes what scripts have opened.  */
void slash_deinit (void);

#endif /* ASSUANCTL_SLASH_H */
