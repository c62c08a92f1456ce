/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* reply.h - the end of a command.  */

#ifndef EVA__ASSUAN_REPLY_H
#define EVA__ASSUAN_REPLY_H

#include "assuan/context.h"

/* Finishes the command under way with RC: the reply, the notification, and closing where due.
   Returns the result of writing the reply.  */
gpg_error_t eva__ctx_finish_command (assuan_context_t ctx, gpg_error_t rc);

/* Tells the service, once, that the command under way is over, and its RESULT.  Nothing happens if
   the service was told already, or did not hear of the command.  May release CTX.  */
void eva__ctx_tell_after (assuan_context_t ctx, gpg_error_t result);

/* As assuan_process_done, for a command under way, within a call that keeps CTX.  */
gpg_error_t eva__ctx_process_done (assuan_context_t ctx, gpg_error_t rc);

#endif /* EVA__ASSUAN_REPLY_H */
