/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tunnel.h - the ssh that connects a client with a socket of another host.  */

#ifndef EVA__CLIENT_TUNNEL_H
#define EVA__CLIENT_TUNNEL_H

#include "client/client.h"

/* Starts ssh for TEXT (io/ssh.h).  CB is called with CLIENT when ssh has ended.  Returns 0, or an
   error.  */
gpg_error_t eva__tunnel_new (struct eva__client *client, const char *text,
                             void (*cb) (void *client));

/* Returns the path of the socket that ssh makes when it has logged in, or NULL if ssh has
   ended.  */
const char *eva__tunnel_get_path (struct eva__client *client);

/* The client has connected there: the socket and its directory go.  */
void eva__tunnel_settle (struct eva__client *client);

/* Ends ssh, if there is one, and removes what is left of it.  */
void eva__tunnel_free (struct eva__client *client);

#endif /* EVA__CLIENT_TUNNEL_H */
