/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* defaults.h - what new contexts start with.  */

#ifndef EVA__ASSUAN_DEFAULTS_H
#define EVA__ASSUAN_DEFAULTS_H

#include "assuan/context.h"

/* Makes SYS work with what new contexts get, on behalf of CTX: the hooks of the program, or the
   default functions.  */
void eva__default_sys_init (struct eva__io_sys *sys, assuan_context_t ctx);

#endif /* EVA__ASSUAN_DEFAULTS_H */
