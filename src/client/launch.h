/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* launch.h - a command that starts the server of a client, if none listens.  */

#ifndef EVA__CLIENT_LAUNCH_H
#define EVA__CLIENT_LAUNCH_H

#include "client/client.h"

/* What comes next.  */
enum eva__launch_next {
  EVA__LAUNCH_WAIT, /* for the server, or for the lock: try to connect later */
  EVA__LAUNCH_TRY,  /* now, once more */
  EVA__LAUNCH_FAIL  /* it is of no use */
};

/* Copies the command of CONFIG for CLIENT, if it has one.  Returns 0, or -1 with errno ENOMEM.  */
int eva__launch_init (struct eva__client *client, const struct eva_connect_config *config);

/* No server listens at the socket PATH: starts it, or finds out who does.  CB is called with CLIENT
   when the command has failed.  Stores at RET_ERR why it is of no use; client->reason tells
   more.  */
enum eva__launch_next eva__launch (struct eva__client *client, const char *path,
                                   void (*cb) (struct eva__client *client), gpg_error_t *ret_err);

/* The time is over, and no server listens: says in client->reason what became of the command.  */
void eva__launch_explain (struct eva__client *client);

/* The client is connected, or gives up: lets go of the lock.  The loop reaps the command.  */
void eva__launch_rest (struct eva__client *client);

void eva__launch_free (struct eva__client *client);

#endif /* EVA__CLIENT_LAUNCH_H */
