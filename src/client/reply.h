/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* reply.h - replies that are collected, for calls that want all of one at once.  */

#ifndef EVA__CLIENT_REPLY_H
#define EVA__CLIENT_REPLY_H

#include "client/client.h"

/* Keeps LEN octets of data, or the status line TEXT, for the end of CALL.  Returns 0;
   GPG_ERR_TOO_LARGE; GPG_ERR_ENOMEM.  */
gpg_error_t eva__reply_add_data (struct eva_pending_call *call, const void *buf, size_t len);
gpg_error_t eva__reply_add_status (struct eva_pending_call *call, const char *text);

/* Tells CB, with ARG, what REPLY holds, and how the call ended.  The call itself may be gone.  */
void eva__reply_tell (assuan_context_t ctx, const struct eva__reply *reply,
                      const struct eva_callbacks *cb, void *arg, struct eva__reply_end end);

/* Wipes REPLY and gives its memory back.  */
void eva__reply_free (assuan_context_t ctx, struct eva__reply *reply);

#endif /* EVA__CLIENT_REPLY_H */
