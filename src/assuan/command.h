/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* command.h - the commands that a program registers.  */

#ifndef EVA__ASSUAN_COMMAND_H
#define EVA__ASSUAN_COMMAND_H

#include "assuan/context.h"

/* Registers the commands that every server has.  */
gpg_error_t eva__ctx_register_builtins (assuan_context_t ctx);

#endif /* EVA__ASSUAN_COMMAND_H */
