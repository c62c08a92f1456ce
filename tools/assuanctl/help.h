/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* help.h - what --help and --version print, out of the tables of options.  */

#ifndef ASSUANCTL_HELP_H
#define ASSUANCTL_HELP_H

#include "options.h"

/* Prints the help of SUBCOMMAND, or of the whole tool if that is NULL, to stdout.  */
enum status help_print (const struct subcommand *subcommand);

enum status help_print_version (void);

#endif /* ASSUANCTL_HELP_H */
