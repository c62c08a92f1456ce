/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* end.h - references to a server, and the end of its drain.  */

#ifndef EVA__SERVER_END_H
#define EVA__SERVER_END_H

#include "server/server.h"

/* Between these SERVER stays, whatever callbacks do.  */
void eva__server_ref (eva_server *server);
void eva__server_unref (eva_server *server);

/* Tells the observer, if there is one.  It may free SERVER.  */
void eva__server_tell (eva_server *server, const struct eva_server_notice *notice);

/* Call it when a session is over: if it was the last one, and SERVER drains, the drain is over,
   too.  */
void eva__server_was_left (eva_server *server);

#endif /* EVA__SERVER_END_H */
