/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* attach.h - the contexts of the program that do not wait.  */

#ifndef EVA__CLIENT_ATTACH_H
#define EVA__CLIENT_ATTACH_H

#include "client/driven.h"

/* Returns the driven context that CTX is, or NULL.  */
struct eva__driven *eva__driven_of (assuan_context_t ctx);

#endif /* EVA__CLIENT_ATTACH_H */
