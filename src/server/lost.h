/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* lost.h - sockets whose files are no longer there.  */

#ifndef EVA__SERVER_LOST_H
#define EVA__SERVER_LOST_H

#include "server/server.h"

/* Call it when the listeners of SERVER have changed, or what its program wants to hear of them:
   begins or ends the watch over their files.  */
void eva__lost_update (eva_server *server);

/* Ends it, when SERVER goes away.  */
void eva__lost_stop (eva_server *server);

#endif /* EVA__SERVER_LOST_H */
