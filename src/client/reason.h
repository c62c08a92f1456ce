/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* reason.h - what a client tells of why it was not served (eva_get_reason).  */

#ifndef EVA__CLIENT_REASON_H
#define EVA__CLIENT_REASON_H

#include "client/client.h"

/* The reason is WHAT, cut if it is very long, and WHY behind it.  It replaces an earlier one.  For
   want of memory there is none.  */
void eva__reason_set (struct eva__client *client, const char *what, const char *why);

/* The same with the text of ERR: `WHAT: TEXT`.  */
void eva__reason_set_error (struct eva__client *client, const char *what, gpg_error_t err);

/* The connection ended in STAGE, or could not be made, because of ERR: finds a sentence for that,
   if it was not served and there is no reason yet.  */
void eva__reason_find (struct eva__client *client, enum eva__client_stage stage, gpg_error_t err);

#endif /* EVA__CLIENT_REASON_H */
