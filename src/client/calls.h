/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* calls.h - the calls of a client.  */

#ifndef EVA__CLIENT_CALLS_H
#define EVA__CLIENT_CALLS_H

#include "client/client.h"

/* Puts CALL behind the others.  */
void eva__call_append (struct eva__client *client, struct eva_pending_call *call);

/* Ends CALL in TIMEOUT_MS milliseconds at the latest, unless that is 0.  */
void eva__call_set_timeout (struct eva_pending_call *call, unsigned int timeout_ms);

/* Sends what may be sent now.  */
void eva__call_send_all (struct eva__client *client);

/* Ends CALL with ERR and TEXT, once.  If a reply to it is still to come, that is dropped.  CALL may
   be gone afterwards.  */
void eva__call_end (struct eva_pending_call *call, gpg_error_t err, const char *text);

/* Ends all calls with ERR.  */
void eva__call_end_all (struct eva__client *client, gpg_error_t err);

/* CALL, of a client of eva_connect, in no list yet, ends with ERR out of the loop.  */
void eva__call_fail_soon (struct eva_pending_call *call, gpg_error_t err);

/* Ends those that failed so at once.  */
void eva__call_end_failed (struct eva__client *client);

/* Ends those whose time is over.  */
void eva__call_expire (struct eva__client *client, uint64_t now_ns);

/* Drops the reply of the first call as it comes, if the call was given up.  */
void eva__call_drain (struct eva__client *client);

/* Call it when the connection is closed: forgets calls whose reply will never come.  */
void eva__call_forget_all (struct eva__client *client);

#endif /* EVA__CLIENT_CALLS_H */
