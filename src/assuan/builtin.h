/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* builtin.h - the commands that every server has.  */

#ifndef EVA__ASSUAN_BUILTIN_H
#define EVA__ASSUAN_BUILTIN_H

#include "assuan/context.h"

/* Returns true if NAME is a built-in command.  */
bool eva__builtin_exists (const char *name);

/* The handler of COMMAND: its own, or the built-in one of its name, which answers with an error if
   there is none.  */
assuan_handler_t eva__builtin_handler (const struct eva__command *command);

/* The OPTION command.  */
gpg_error_t eva__builtin_option (assuan_context_t ctx, char *line);

#endif /* EVA__ASSUAN_BUILTIN_H */
