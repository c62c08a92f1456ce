/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* arguments.h - whether a line has the arguments that its command describes.  */

#ifndef EVA__ASSUAN_ARGUMENTS_H
#define EVA__ASSUAN_ARGUMENTS_H

#include "eva.h"

/* Compares LINE, the arguments of COMMAND, with what COMMAND describes.  Returns 0 or the error
   that the client gets, with a text in CTX that names the parameter.  */
gpg_error_t eva__arguments_check (assuan_context_t ctx, const struct eva_command *command,
                                  const char *line);

/* Compares an option that OPTION sets with the N_OPTIONS of the service.  Returns as above.  VALUE
   is empty if there is none.  */
gpg_error_t eva__arguments_check_option (assuan_context_t ctx, const struct eva_parameter *options,
                                         size_t n_options, const char *name, const char *value);

/* Returns true if the N_OPTIONS of a service make sense, and the command OPTION can set each.  */
bool eva__arguments_are_options (const struct eva_parameter *options, size_t n_options);

/* Returns true if the parameters of COMMAND make sense.  */
bool eva__arguments_make_sense (const struct eva_command *command);

#endif /* EVA__ASSUAN_ARGUMENTS_H */
