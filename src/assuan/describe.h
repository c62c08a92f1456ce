/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* describe.h - what HELP says of a command that a service describes.  */

#ifndef EVA__ASSUAN_DESCRIBE_H
#define EVA__ASSUAN_DESCRIBE_H

#include "eva.h"

/* Octets of a line of a description, with its NUL.  */
#define EVA__DESCRIPTION_SIZE 900

/* Writes the synopsis of COMMAND, `PUT [--ttl=<seconds>] <key> [<text>]`, to BUF.  Parameters that
   do not fit are left out, and three dots tell.  */
void eva__describe_synopsis (const struct eva_command *command, char buf[EVA__DESCRIPTION_SIZE]);

/* A table of parameters.  */
struct eva__parameters {
  const struct eva_parameter *table;
  size_t n;
  bool are_options; /* of the command OPTION: all are, though they have no dashes */
};

/* Writes what is said of the parameter number I of PARAMETERS to BUF: its form, its help, its
   limits. Returns false, and writes nothing, if there is only its form, which the synopsis has.  */
bool eva__describe_parameter (const struct eva__parameters *parameters, size_t i,
                              char buf[EVA__DESCRIPTION_SIZE]);

/* Returns true if PARAMETER is an option.  */
bool eva__describe_is_option (const struct eva_parameter *parameter);

#endif /* EVA__ASSUAN_DESCRIBE_H */
