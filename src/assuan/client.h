/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* client.h - commands and their replies.  */

#ifndef EVA__ASSUAN_CLIENT_H
#define EVA__ASSUAN_CLIENT_H

#include "assuan/context.h"

/* Waits for the server's greeting.  */
gpg_error_t eva__ctx_hear_greeting (assuan_context_t ctx);

#endif /* EVA__ASSUAN_CLIENT_H */
