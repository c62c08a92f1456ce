/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* completion.h - what TAB offers in a shell: slash commands, the commands of the server and their
   options, which are asked for once, and names of files.  */

#ifndef ASSUANCTL_COMPLETION_H
#define ASSUANCTL_COMPLETION_H

#include "script.h"

/* For editor_new, with a struct script as ARG.  */
char *completion_find (void *arg, const char *line, size_t start, size_t index);

/* Frees what was asked for.  */
void completion_deinit (void);

#endif /* ASSUANCTL_COMPLETION_H */
