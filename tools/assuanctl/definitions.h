/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* definitions.h - what a script has defined for inquiries: /definq, /definqfile, /definqprog.

   An exact name beats `*`, and of the same name the first one wins.  */

#ifndef ASSUANCTL_DEFINITIONS_H
#define ASSUANCTL_DEFINITIONS_H

#include "inquiry.h"

enum definition_type { DEFINITION_VARIABLE = 'v', DEFINITION_FILE = 'f', DEFINITION_PROGRAM = 'p' };

void definitions_add (enum definition_type type, const char *name, const char *value);
void definitions_show (void);
void definitions_clear (void);

/* Returns the rule for the inquiry TEXT, with the value that a variable has now; valid until the
   next call.  NULL: there is none.  */
const struct inquiry_rule *definitions_find (const char *text);

#endif /* ASSUANCTL_DEFINITIONS_H */
