/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* arguments.h - whether a line has the arguments that its command describes.  */

#ifndef EVA__ASSUAN_ARGUMENTS_H
#define EVA__ASSUAN_ARGUMENTS_H

#include "eva.h"

/* Compares LINE, the arguments of COMMAND, with what COMMAND describes.  Returns 0 or the error that
   the client gets, with a text in CTX that names the parameter.  */
gpg_error_t eva__arguments_check (assuan_context_t ctx, const struct eva_command *command,
                                  const char *line);

/* Returns true if the parameters of COMMAND make sense.  */
bool eva__arguments_make_sense (const struct eva_command *command);

#endif /* EVA__ASSUAN_ARGUMENTS_H */
