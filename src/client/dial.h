/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dial.h - how a client gets its connection.  */

#ifndef EVA__CLIENT_DIAL_H
#define EVA__CLIENT_DIAL_H

#include "client/client.h"

/* Begins to connect, or begins anew.  Returns 0, also while it is not decided yet; then the timer
   has to be set.  */
gpg_error_t eva__dial (struct eva__client *client);

/* Gives up dialling.  */
void eva__dial_stop (struct eva__client *client);

/* The connection is over, and the server has not greeted.  Returns true if that counts as a try
   that has failed, and another one may come.  */
bool eva__dial_may_begin_anew (const struct eva__client *client);

/* Such a connection goes, and the client dials once more.  */
void eva__dial_anew (struct eva__client *client);

/* Sets the timer to what is due next while dialling.  */
void eva__dial_set_timer (struct eva__client *client);

/* While dialling: ends the connection because of ERR; the loop reports it.  */
void eva__dial_fail_soon (struct eva__client *client, gpg_error_t err);

/* Returns true if descriptors can be passed over the connection, as far as that is known.  */
bool eva__client_passes_fds (const struct eva__client *client);

#endif /* EVA__CLIENT_DIAL_H */
